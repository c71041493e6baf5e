//! A disk that fails on command, loses what was not synced, and knows every step that was taken on it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write};
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
    /// Where each file was written last, and how many bytes of it are synced, by inode.
    files: HashMap<u64, (PathBuf, u64)>,
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
        for (inode, (path, synced)) in &self.state.lock().unwrap().files {
            let Ok(file) = OpenOptions::new().write(true).open(path) else { continue };
            let metadata = file.metadata().unwrap();
            if metadata.ino() != *inode {
                continue; // Another file took its name.
            }
            let length = metadata.len();
            match unsynced {
                Unsynced::Kept => {}
                Unsynced::Lost => file.set_len(*synced).unwrap(),
                Unsynced::HolesFirst => {
                    let hole = (length - synced).div_ceil(2);
                    file.write_all_at(&vec![0; hole as usize], *synced).unwrap();
                }
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

    fn note(&self, file: &File, path: &Path, synced: Option<u64>) {
        let inode = file.metadata().unwrap().ino();
        let mut state = self.state.lock().unwrap();
        let noted = state.files.entry(inode).or_default();
        *noted = (path.to_owned(), synced.unwrap_or(noted.1));
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step("create", path)?;
        let file = LocalDisk.create(path)?;
        // The inode of a file that was removed may come again.
        self.note(&file, path, Some(0));
        Ok(file)
    }

    fn append(&self, file: &File, path: &Path, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        if !self.state.lock().unwrap().files.contains_key(&file.metadata()?.ino()) {
            // It was there when the log was opened, and recovery synced it.
            self.note(file, path, Some(file.metadata()?.len()));
        }
        self.note(file, path, None);
        if let Err(error) = self.step("append", path) {
            // Part of the bytes got there before it failed.
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
            let mut file = file;
            file.write_all(&bytes[..bytes.len() * 2 / 3])?;
            return Err(error);
        }
        LocalDisk.append(file, path, parts)
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        drop(self.released.wait_while(state, |state| state.syncs_held).unwrap());
        self.step("sync", path)?;
        // No real sync: what counts is what `settle` leaves.
        self.note(file, path, Some(file.metadata()?.len()));
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
        for (path, _) in self.state.lock().unwrap().files.values_mut() {
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
