//! The bound of the disk: the same bytes written to a file and synced, block after block, by a program that does nothing else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes a second of appending blocks of so many bytes to a new file, each synced before the next.
pub(crate) fn write_and_sync(folder: &Path, bytes: &[u8], block: usize, window: Duration) -> io::Result<f64> {
    let path = folder.join("bound");
    let mut file = File::create(&path)?;
    let mut blocks = bytes.chunks_exact(block).cycle();
    let (begin, mut written) = (Instant::now(), 0);
    while begin.elapsed() < window {
        let block = blocks.next().ok_or_else(|| io::Error::other("fewer bytes than a block"))?;
        file.write_all(block)?;
        file.sync_data()?;
        written += block.len();
    }
    let rate = written as f64 / begin.elapsed().as_secs_f64();
    fs::remove_file(path)?;
    Ok(rate)
}

/// The type of the file system that a folder is on, as in `ext4`.
pub(crate) fn file_system(folder: &Path) -> io::Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    // Of mounts in the same place the last one counts.
    let around = mounts.filter(|(place, _)| folder.starts_with(place)).max_by_key(|(place, _)| place.len());
    Ok(around.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_bound_is_measured_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let rate = write_and_sync(folder.path(), &[7; 5_000], 1_000, Duration::from_millis(5)).unwrap();
        assert!(rate > 0.0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(file_system(Path::new("/proc/self")).unwrap(), "proc");
    }
}
