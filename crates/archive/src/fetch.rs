//! Gives the content of objects one after the other, to a thread that may block.
//!
//! A local object is a file that is opened when its turn comes. Of another store several are fetched side by side ahead of their turn.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

use crate::parquet_rows::ParquetRows;
use crate::{ArchiveError, ArchiveObject, ObjectKind, Packing, ReadSettings};

/// The content of an object, unpacked as it is read.
pub(crate) type Content = Box<dyn Read + Send>;

/// Opens a list of objects in its order.
pub(crate) enum Fetch {
    /// Files below a folder.
    Local(PathBuf),
    /// The whole content of each object, by a runtime that this thread may wait for.
    Remote(Handle, BoxStream<'static, object_store::Result<Bytes>>),
}

impl Fetch {
    pub fn new(
        store: Arc<dyn ObjectStore>,
        folder: Option<PathBuf>,
        objects: &[ArchiveObject],
        settings: &ReadSettings,
    ) -> Self {
        if let Some(folder) = folder {
            return Self::Local(folder);
        }
        let largest = objects.iter().map(|object| object.size).max().unwrap_or_default().max(1);
        let at_once = usize::try_from(settings.memory_bytes / largest).unwrap_or(usize::MAX);
        let paths: Vec<Path> = objects.iter().map(|object| object.path.clone()).collect();
        let fetched = stream::iter(paths).map(move |path| {
            let store = Arc::clone(&store);
            async move { store.get(&path).await?.bytes().await }
        });
        Self::Remote(Handle::current(), fetched.buffered(at_once.clamp(1, settings.concurrency.max(1))).boxed())
    }

    /// The content of `object`, which is the next of the list.
    pub fn open(&mut self, object: &ArchiveObject) -> Result<Content, ArchiveError> {
        let packed: Content = match self {
            Self::Local(folder) => {
                let file = folder.join(object.path.as_ref());
                Box::new(File::open(&file).map_err(|error| unopened(object, &file, error))?)
            }
            Self::Remote(runtime, fetched) => {
                let content = runtime.block_on(fetched.next()).expect("each object of the list is asked for once");
                Box::new(content.map_err(ArchiveError::store("read", &object.path))?.reader())
            }
        };
        open(object, packed).map_err(|error| damaged(object, &error))
    }
}

/// Reads the bytes of an object as what they were before they were packed; those of a Parquet object as frames.
pub(crate) fn open(object: &ArchiveObject, mut packed: Content) -> io::Result<Content> {
    if object.kind == ObjectKind::Parquet {
        let mut content = Vec::new();
        packed.read_to_end(&mut content)?;
        return Ok(Box::new(ParquetRows::new(content.into())?));
    }
    Ok(match object.packing {
        Packing::Plain => packed,
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        Packing::Zstd => Box::new(zstd::Decoder::new(packed)?),
    })
}

/// Nothing of an object can be read.
pub(crate) fn damaged(object: &ArchiveObject, error: &io::Error) -> ArchiveError {
    ArchiveError::Damaged { path: object.path.clone(), byte: 0, offset: object.start, reason: error.to_string() }
}

/// A file cannot be opened. One that a link leads nowhere instead of is damaged: it is there, and trying again does not help.
fn unopened(object: &ArchiveObject, file: &std::path::Path, error: io::Error) -> ArchiveError {
    match std::fs::read_link(file) {
        Ok(target) if error.kind() == io::ErrorKind::NotFound => {
            let reason = format!("it is a link to `{}`, which is not there", target.display());
            damaged(object, &io::Error::other(reason))
        }
        _ => unreadable("read", &object.path, error),
    }
}

/// An object or folder of the local archive could not be used.
pub(crate) fn unreadable(action: &'static str, path: &Path, error: io::Error) -> ArchiveError {
    let source = match error.kind() {
        io::ErrorKind::NotFound => object_store::Error::NotFound { path: path.to_string(), source: error.into() },
        _ => object_store::Error::Generic { store: "archive", source: error.into() },
    };
    ArchiveError::store(action, path)(source)
}
