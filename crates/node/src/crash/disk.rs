//! The log's disk with a crash point in it.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use pinflow_log::{Disk, LocalDisk};

use super::{CrashPoint, Moment};

/// [`LocalDisk`], on which the process dies at a crash point.
#[derive(Debug)]
pub(crate) struct CrashingDisk(pub Arc<CrashPoint>);

impl Disk for CrashingDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.0.around("log.create", || LocalDisk.create(path))
    }

    fn append(&self, file: &File, path: &Path, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let moment = self.0.reached("log.write");
        match moment {
            Some(Moment::Before) => self.0.die(),
            Some(Moment::Half) => {
                let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
                LocalDisk.append(file, path, &mut [IoSlice::new(&bytes[..bytes.len() / 2])])?;
                self.0.die()
            }
            Some(Moment::After) | None => {}
        }
        let written = LocalDisk.append(file, path, parts);
        if moment.is_some() {
            self.0.die();
        }
        written
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.0.around("log.sync", || LocalDisk.sync(file, path))
    }

    fn truncate(&self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.0.around("log.truncate", || LocalDisk.truncate(file, path, length))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.0.around("log.create_folder", || LocalDisk.create_folder(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.0.around("log.sync_folder", || LocalDisk.sync_folder(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.around("log.rename", || LocalDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.around("log.remove", || LocalDisk.remove(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.0.around("log.remove_folder", || LocalDisk.remove_folder(path))
    }
}
