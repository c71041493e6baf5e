//! Multipart uploads into a folder: the parts go to the disk while the next ones are made.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use crate::durable::{DurableLocalStore, NAME};

/// An upload under a name that no listing shows: the object is there as a whole, or not at all. Dropped before it is complete, it leaves
/// nothing.
pub(crate) struct Staged {
    store: DurableLocalStore,
    /// What it becomes.
    object: PathBuf,
    /// What it is meanwhile; `None` once it is the object, or aborted.
    staged: Option<PathBuf>,
    content: Arc<File>,
    /// Where the next part begins.
    end: u64,
}

impl Staged {
    /// Begins an upload that becomes the file `object`.
    pub(crate) fn begin(store: DurableLocalStore, object: PathBuf) -> io::Result<Self> {
        let (staged, content) = store.create_staged(&object)?;
        Ok(Self { store, object, staged: Some(staged), content: Arc::new(content), end: 0 })
    }
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Staged").field("object", &self.object).field("end", &self.end).finish_non_exhaustive()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(staged) = self.staged.take() {
            // One that stays is ignored by every listing.
            let _ = fs::remove_file(staged);
        }
    }
}

fn failed(error: io::Error) -> Error {
    Error::Generic { store: NAME, source: error.into() }
}

/// Writes at a place of its own: parts are written side by side.
#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        (bytes, offset) = (&bytes[written..], offset + written as u64);
    }
    Ok(())
}

#[async_trait]
impl MultipartUpload for Staged {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.end;
        self.end += data.content_length() as u64;
        let content = Arc::clone(&self.content);
        let write = move || {
            let mut offset = offset;
            for chunk in &data {
                write_at(&content, chunk, offset).map_err(failed)?;
                offset += chunk.len() as u64;
            }
            // Now, so that little is left to wait for at the end. What matters is the sync of the whole file.
            content.sync_data().map_err(failed)
        };
        Box::pin(async move { tokio::task::spawn_blocking(write).await? })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.take().ok_or_else(|| failed(io::Error::other("the upload is over")))?;
        let (store, object, content) = (self.store.clone(), self.object.clone(), Arc::clone(&self.content));
        let place = move || store.place_upload(&staged, &content, &object).map_err(failed);
        self.store.unattended().put(place).await??;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        match self.staged.take() {
            Some(staged) => fs::remove_file(staged).map_err(failed),
            None => Ok(()),
        }
    }
}
