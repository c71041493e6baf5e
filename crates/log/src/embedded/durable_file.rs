//! Small files that are there whole or not at all: how a topic is kept, where a partition begins, how far a group is.

use std::io::IoSlice;
use std::path::Path;

use super::disk::Disk;
use crate::LogError;

/// Makes a file and waits until its bytes are on disk. Its name is durable once its folder is synced.
pub(crate) fn write(path: &Path, content: &[u8], disk: &dyn Disk) -> Result<(), LogError> {
    let file = disk.create(path).map_err(LogError::io("create", path))?;
    disk.append(&file, path, &mut [IoSlice::new(content)]).map_err(LogError::io("write", path))?;
    disk.sync(&file, path).map_err(LogError::io("sync", path))
}

/// Replaces the file `name` of `folder`, or makes it. After a crash it is the old one or the new one; the new one once this
/// returned. What a crash leaves is called `<name>.new` and goes with the next call.
pub(crate) fn replace(folder: &Path, name: &str, content: &[u8], disk: &dyn Disk) -> Result<(), LogError> {
    let (path, new) = (folder.join(name), folder.join(format!("{name}.new")));
    if new.exists() {
        disk.remove(&new).map_err(LogError::io("remove", &new))?;
    }
    write(&new, content, disk)?;
    disk.rename(&new, &path).map_err(LogError::io("rename", &new))?;
    disk.sync_folder(folder).map_err(LogError::io("sync", folder))
}
