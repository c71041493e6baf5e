//! A local folder as an object store whose objects survive a power failure from the moment that a put returns.
//!
//! `object_store::local::LocalFileSystem` writes and links a file without fsync. The log deletes records once the archive and the
//! tables have them, so here the content is synced before the name appears, and the folders that hold the name before the put returns.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::error::StoreError;
use crate::multipart::Staged;
use crate::unattended::Unattended;

pub(crate) const NAME: &str = "DurableLocalStore";

/// Syncs an open file or folder, whose path is given for those who watch.
type Fsync = dyn Fn(&FilePath, &File) -> io::Result<()> + Send + Sync;

/// Objects as files below a folder. Puts are durable and whole. A put that was begun is done even if its future is dropped; reads and
/// listings, which are `object_store`'s, wait for those. The parts of an upload are written and synced as they come. A copy is a second
/// name of the same file.
#[derive(Clone)]
pub struct DurableLocalStore {
    root: PathBuf,
    inner: LocalFileSystem,
    fsync: Arc<Fsync>,
    unattended: Unattended,
}

impl DurableLocalStore {
    /// Opens the folder `root`, which is made if it is missing.
    ///
    /// All folders below it are synced first: the names that a listing shows may be younger than the last sync before a crash, and
    /// what is listed counts as stored.
    ///
    /// # Errors
    /// [`StoreError::Folder`].
    pub fn open(root: impl AsRef<FilePath>) -> std::result::Result<Self, StoreError> {
        Self::open_with(root.as_ref(), Arc::new(|_, file| file.sync_all()))
    }

    /// Opens the folder `folder` as [`DurableLocalStore::open`] does, but names objects by their whole path from the root of the
    /// file system: libraries that know a local place as a `file:` URL want that.
    ///
    /// # Errors
    /// [`StoreError::Folder`].
    pub fn open_absolute(folder: impl AsRef<FilePath>) -> std::result::Result<Self, StoreError> {
        let below = Self::open(folder)?;
        Ok(Self { root: FilePath::new("/").to_owned(), inner: LocalFileSystem::new(), ..below })
    }

    fn open_with(root: &FilePath, fsync: Arc<Fsync>) -> std::result::Result<Self, StoreError> {
        let failed = |action| {
            move |source: io::Error| StoreError::Folder { action, path: root.to_owned(), source: Arc::new(source) }
        };
        fs::create_dir_all(root).map_err(failed("make"))?;
        let root = fs::canonicalize(root).map_err(failed("find"))?;
        sync_tree(&root, &*fsync).map_err(failed("sync"))?;
        let inner = LocalFileSystem::new_with_prefix(&root).map_err(|error| failed("open")(io::Error::other(error)))?;
        Ok(Self { root, inner, fsync, unattended: Unattended::default() })
    }

    fn write(&self, file: &FilePath, payload: &PutPayload, mode: &PutMode) -> io::Result<()> {
        let folder = file.parent().unwrap_or(&self.root);
        let staged = self.stage(file, payload)?;
        let placed = match mode {
            PutMode::Create => fs::hard_link(&staged, file),
            PutMode::Overwrite | PutMode::Update(_) => fs::rename(&staged, file),
        };
        if !matches!((mode, &placed), (PutMode::Overwrite, Ok(()))) {
            // Only a second name of the file; one that stays is ignored by every listing.
            let _ = fs::remove_file(&staged);
        }
        // Also where the object was there already: the put that made it may not have got this far.
        sync_folder(folder, &*self.fsync)?;
        placed
    }

    /// A listing that begins once no put is unattended.
    fn once_settled(
        &self,
        list: impl FnOnce(LocalFileSystem) -> BoxStream<'static, Result<ObjectMeta>> + Send + 'static,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, unattended) = (self.inner.clone(), self.unattended.clone());
        let listing = async move {
            unattended.over().await;
            list(inner)
        };
        stream::once(listing).flatten().boxed()
    }

    /// Writes the content under a name that no listing shows.
    fn stage(&self, file: &FilePath, payload: &PutPayload) -> io::Result<PathBuf> {
        let (staged, mut target) = self.create_staged(file)?;
        let written =
            payload.iter().try_for_each(|chunk| target.write_all(chunk)).and_then(|()| (self.fsync)(&staged, &target));
        match written {
            Ok(()) => Ok(staged),
            Err(error) => {
                let _ = fs::remove_file(&staged);
                Err(error)
            }
        }
    }

    /// A file for the content of `file`, under a name that no listing shows.
    pub(crate) fn create_staged(&self, file: &FilePath) -> io::Result<(PathBuf, File)> {
        self.make_folder(file.parent().unwrap_or(&self.root))?;
        create_staged(file)
    }

    /// Makes an uploaded file the object `file`.
    pub(crate) fn place_upload(&self, staged: &FilePath, content: &File, file: &FilePath) -> io::Result<()> {
        let placed = (self.fsync)(staged, content).and_then(|()| fs::rename(staged, file));
        if placed.is_err() {
            let _ = fs::remove_file(staged);
        }
        placed.and_then(|()| sync_folder(file.parent().unwrap_or(&self.root), &*self.fsync))
    }

    /// The puts that nobody waits for.
    pub(crate) fn unattended(&self) -> &Unattended {
        &self.unattended
    }

    /// Gives a file a second name: no object is ever changed in place, so the copy needs no bytes of its own, and its content is synced.
    fn link(&self, file: &FilePath, copy: &FilePath, mode: &CopyMode) -> io::Result<()> {
        let folder = copy.parent().unwrap_or(&self.root);
        fs::metadata(file)?;
        self.make_folder(folder)?;
        let linked = match fs::hard_link(file, copy) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && *mode == CopyMode::Overwrite => {
                let (staged, _) = create_staged(copy)?;
                fs::remove_file(&staged)?;
                fs::hard_link(file, &staged)?;
                let renamed = fs::rename(&staged, copy);
                // Two names of one file are left as they are by a rename.
                let _ = fs::remove_file(&staged);
                renamed
            }
            linked => linked,
        };
        sync_folder(folder, &*self.fsync)?;
        linked
    }

    /// Makes a folder and those above it; each new name is synced before anything is put inside.
    fn make_folder(&self, folder: &FilePath) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let parent = folder.parent().ok_or(ErrorKind::NotFound)?;
        self.make_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => sync_folder(parent, &*self.fsync),
        }
    }
}

/// The suffix is the one that [`LocalFileSystem`] uses and hides.
fn create_staged(file: &FilePath) -> io::Result<(PathBuf, File)> {
    let mut number = 1u64;
    loop {
        let mut name = file.as_os_str().to_owned();
        name.push(format!("#{number}"));
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(target) => return Ok((name.into(), target)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn sync_tree(folder: &FilePath, fsync: &Fsync) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path(), fsync)?;
        }
    }
    sync_folder(folder, fsync)
}

#[cfg(unix)]
fn sync_folder(folder: &FilePath, fsync: &Fsync) -> io::Result<()> {
    fsync(folder, &File::open(folder)?)
}

/// Elsewhere a folder cannot be opened to sync it; the file system orders the names itself.
#[cfg(not(unix))]
fn sync_folder(_: &FilePath, _: &Fsync) -> io::Result<()> {
    Ok(())
}

fn refused(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() }
}

impl fmt::Debug for DurableLocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(NAME).field("root", &self.root).finish_non_exhaustive()
    }
}

impl fmt::Display for DurableLocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}({})", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for DurableLocalStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if matches!(opts.mode, PutMode::Update(_)) {
            return Err(refused("`put_opts` with mode `PutMode::Update`"));
        }
        let file = self.inner.path_to_filesystem(location)?;
        let store = self.clone();
        let path = location.to_string();
        let write = move || match store.write(&file, &payload, &opts.mode) {
            Ok(()) => Ok(PutResult { e_tag: None, version: None }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Error::AlreadyExists { path, source: error.into() })
            }
            Err(error) => Err(Error::Generic { store: NAME, source: error.into() }),
        };
        self.unattended.put(write).await?
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let file = self.inner.path_to_filesystem(location)?;
        let store = self.clone();
        let begin =
            move || Staged::begin(store, file).map_err(|error| Error::Generic { store: NAME, source: error.into() });
        Ok(Box::new(tokio::task::spawn_blocking(begin).await??))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.unattended.over().await;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned();
        self.once_settled(move |inner| inner.list(prefix.as_ref()))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        self.once_settled(move |inner| inner.list_with_offset(prefix.as_ref(), &offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.unattended.over().await;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (file, copy) = (self.inner.path_to_filesystem(from)?, self.inner.path_to_filesystem(to)?);
        let (store, from, to) = (self.clone(), from.to_string(), to.to_string());
        let link = move || match store.link(&file, &copy, &options.mode) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Error::AlreadyExists { path: to, source: error.into() })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::NotFound { path: from, source: error.into() })
            }
            Err(error) => Err(Error::Generic { store: NAME, source: error.into() }),
        };
        tokio::task::spawn_blocking(link).await?
    }
}

#[cfg(test)]
mod tests;
