//! What the log does to the disk: the seam where tests and crash harnesses make it fail.
//!
//! Reading is not part of it: damaged bytes are made by damaging files.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// Every step by which the log changes what is on disk. The defaults do what they say; a fault or a failpoint overrides one.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes an empty file that must not be there yet.
    ///
    /// # Errors
    /// The operating system's.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    /// Writes all of `parts` where `file` stands, behind what was written before.
    ///
    /// # Errors
    /// The operating system's; some of the bytes may be in the file then.
    fn append(&self, mut file: &File, _path: &Path, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        while !parts.is_empty() {
            match file.write_vectored(parts) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut parts, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes zeros to the bytes from `from` to before `to`, beyond the end of `file`. Where the file stands stays.
    ///
    /// # Errors
    /// The operating system's; some of the bytes may be in the file then.
    fn make_room(&self, file: &File, _path: &Path, from: u64, to: u64) -> io::Result<()> {
        let zeros = [0; 64 << 10];
        let mut at = from;
        while at < to {
            let length = usize::try_from(to - at).unwrap_or(usize::MAX).min(zeros.len());
            file.write_all_at(&zeros[..length], at)?;
            at += length as u64;
        }
        Ok(())
    }

    /// Returns once the file's bytes and length would survive a power cut, and the file still has a name: bytes in a file that
    /// somebody deleted while it was open are gone with the process.
    ///
    /// # Errors
    /// The operating system's; what is on disk is unknown then.
    fn sync(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_data()?;
        match file.metadata()?.nlink() {
            0 => Err(io::Error::new(ErrorKind::NotFound, "the file was deleted while the log had it open")),
            _ => Ok(()),
        }
    }

    /// Cuts the file to `length` bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn truncate(&self, file: &File, _path: &Path, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    /// Makes a folder that must not be there yet.
    ///
    /// # Errors
    /// The operating system's.
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    /// Returns once the names in a folder would survive a power cut: without it a new file can vanish.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Gives a file or folder another name.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Removes a folder and all in it.
    ///
    /// # Errors
    /// The operating system's.
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }
}

/// The disk as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalDisk;

impl Disk for LocalDisk {}
