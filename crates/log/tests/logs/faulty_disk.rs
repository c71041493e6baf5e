//! A disk that fails on command, loses what was not synced, and knows every step that was taken on it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

use pinflow_log::{Disk, LocalDisk};

/// What becomes of bytes that were written and not synced when the power is cut.
#[derive(Clone, Copy, Debug)]
pub enum Unsynced {
    /// They are there: the process was killed, the machine goes on.
    Kept,
    /// None of them is there.
    Lost,
    /// Later pages reached the disk, earlier ones did not.
    HolesFirst,
}

#[derive(Debug, Default)]
pub struct FaultyDisk {
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    steps: Vec<String>,
    /// From this step on nothing works any more.
    power_cut_at: Option<usize>,
    /// The kind of step that fails, once, and how.
    fault: Option<(&'static str, ErrorKind)>,
    syncs_held: bool,
    /// What is known of the files that were written, by inode.
    files: HashMap<u64, Written>,
}

/// A file that was written.
#[derive(Debug, Default)]
struct Written {
    path: PathBuf,
    /// Its length when it was synced last.
    synced: u64,
    /// Bytes that were written since.
    unsynced: Option<Range<u64>>,
}

impl Written {
    fn lose(&self, file: &File, unsynced: Unsynced) {
        let length = file.metadata().unwrap().len();
        let written = self.unsynced.clone().map_or(0..0, |written| written.start..written.end.min(length));
        let zero = |bytes: u64| file.write_all_at(&vec![0; bytes as usize], written.start).unwrap();
        match unsynced {
            Unsynced::Kept => {}
            Unsynced::Lost => {
                zero(written.end - written.start);
                file.set_len(self.synced).unwrap();
            }
            Unsynced::HolesFirst => zero((written.end - written.start).div_ceil(2)),
        }
    }
}

impl FaultyDisk {
    /// The next step of this kind fails so.
    pub fn fail_next(&self, step: &'static str, kind: ErrorKind) {
        self.state.lock().unwrap().fault = Some((step, kind));
    }

    /// Nothing works from the step with this number on; the first is 0.
    pub fn cut_power_at(&self, step: usize) {
        self.state.lock().unwrap().power_cut_at = Some(step);
    }

    /// Nothing works any more.
    pub fn cut_power(&self) {
        self.cut_power_at(0);
    }

    pub fn restore_power(&self) {
        self.state.lock().unwrap().power_cut_at = None;
    }

    /// Waits until so many steps of a kind were taken; how many steps were taken in all.
    pub async fn reached(&self, kind: &str, count: usize) -> usize {
        loop {
            let steps = self.steps();
            if steps.iter().filter(|step| step.split(' ').next() == Some(kind)).count() >= count {
                return steps.len();
            }
            tokio::task::yield_now().await;
        }
    }

    pub fn steps(&self) -> Vec<String> {
        self.state.lock().unwrap().steps.clone()
    }

    /// Syncs wait until [`FaultyDisk::release_syncs`].
    pub fn hold_syncs(&self) {
        self.state.lock().unwrap().syncs_held = true;
    }

    pub fn release_syncs(&self) {
        self.state.lock().unwrap().syncs_held = false;
        self.released.notify_all();
    }

    /// Does to the files what a power cut does, once nobody has them open.
    pub fn settle(&self, unsynced: Unsynced) {
        for (inode, written) in &self.state.lock().unwrap().files {
            let Ok(file) = OpenOptions::new().write(true).open(&written.path) else { continue };
            // Another file may have taken its name.
            if file.metadata().unwrap().ino() == *inode {
                written.lose(&file, unsynced);
            }
        }
    }

    /// Takes a step: fails where it is to fail.
    fn step(&self, step: &'static str, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let number = state.steps.len();
        state.steps.push(format!("{step} {}", path.display()));
        if state.power_cut_at.is_some_and(|cut| number >= cut) {
            return Err(io::Error::other("the power is cut"));
        }
        match state.fault {
            Some((faulty, kind)) if faulty == step => {
                state.fault = None;
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }

    /// All of the file is on disk.
    fn note_sync(&self, file: &File, path: &Path) {
        let metadata = file.metadata().unwrap();
        let written = Written { path: path.to_owned(), synced: metadata.len(), unsynced: None };
        self.state.lock().unwrap().files.insert(metadata.ino(), written);
    }

    /// So many bytes are written where the file stands.
    fn note_write(&self, mut file: &File, path: &Path, bytes: usize) {
        let inode = file.metadata().unwrap().ino();
        if !self.state.lock().unwrap().files.contains_key(&inode) {
            // It was there when the log was opened, and recovery synced it.
            self.note_sync(file, path);
        }
        let start = file.stream_position().unwrap();
        let mut state = self.state.lock().unwrap();
        let noted = state.files.get_mut(&inode).unwrap();
        let first = noted.unsynced.as_ref().map_or(start, |unsynced| unsynced.start);
        noted.unsynced = Some(first..start + bytes as u64);
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step("create", path)?;
        let file = LocalDisk.create(path)?;
        // The inode of a file that was removed may come again.
        self.note_sync(&file, path);
        Ok(file)
    }

    fn append(&self, file: &File, path: &Path, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.note_write(file, path, parts.iter().map(|part| part.len()).sum());
        if let Err(error) = self.step("append", path) {
            // Part of the bytes got there before it failed.
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let mut file = file;
            file.write_all(&bytes[..bytes.len() * 2 / 3])?;
            return Err(error);
        }
        LocalDisk.append(file, path, parts)
    }

    fn make_room(&self, file: &File, path: &Path, from: u64, to: u64) -> io::Result<()> {
        if let Err(error) = self.step("make_room", path) {
            // Part of the room got there before it failed.
            LocalDisk.make_room(file, path, from, from + (to - from) / 2)?;
            return Err(error);
        }
        LocalDisk.make_room(file, path, from, to)
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        drop(self.released.wait_while(state, |state| state.syncs_held).unwrap());
        self.step("sync", path)?;
        // No real sync: what counts is what `settle` leaves.
        self.note_sync(file, path);
        Ok(())
    }

    fn truncate(&self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.step("truncate", path)?;
        LocalDisk.truncate(file, path, length)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.step("create_folder", path)?;
        LocalDisk.create_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step("sync_folder", path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", from)?;
        for Written { path, .. } in self.state.lock().unwrap().files.values_mut() {
            if let Ok(rest) = path.strip_prefix(from) {
                *path = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            }
        }
        LocalDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("remove", path)?;
        LocalDisk.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step("remove_folder", path)?;
        LocalDisk.remove_folder(path)
    }
}

/// Copies a folder with all in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
