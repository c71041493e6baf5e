//! Finds out at the start what a partition holds, and mends what a crash left.
//!
//! | what is found | what a crash, or something else, did | what is done |
//! |---|---|---|
//! | bytes behind the last whole frame | a crash in a write | they are cut off, with a warning |
//! | zeros behind the last whole frame | a crash at any time: they are room for frames | they are cut off |
//! | an empty segment behind an unsealed one | a crash between the new segment and the seal | the empty one is removed |
//! | segments below `earliest` | a crash in retention | they are removed |
//! | a damaged frame, and acknowledged records behind it | the disk, or a hand | [`LogError::Corrupt`] |
//! | a seal without a segment behind it, or a gap | a file was lost | [`LogError::Corrupt`] |
//!
//! Sealed segments are not read here: their seal says what is in them, and every read checks what it returns.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use pinflow_event::Offset;

use super::disk::Disk;
use super::frame::Kind;
use super::retention;
use super::scan::{ROOM, Scan, scan};
use super::segment::{Segment, base_of, file_name};
use crate::LogError;

/// What was found of a partition.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Oldest first; at least one.
    pub(crate) segments: Vec<Segment>,
    /// Whether the log was closed cleanly.
    pub(crate) marked: bool,
}

/// Recovers the partition in `folder`; `verify` reads sealed segments too.
pub(crate) fn recover(folder: &Path, disk: &dyn Disk, verify: bool) -> Result<Recovered, LogError> {
    let earliest = retention::read_earliest(folder)?;
    let mut files = segment_files(folder)?;
    remove_expired(&mut files, earliest, disk)?;
    remove_unused(&mut files, disk)?;
    let Some((active, sealed)) = files.split_last().filter(|_| files[0].0 <= earliest) else {
        return Err(missing(folder, earliest));
    };
    let mut segments = Vec::with_capacity(files.len());
    for (base, path) in sealed {
        check_follows(folder, segments.last(), *base)?;
        segments.push(open_sealed(path, *base, verify)?);
    }
    check_follows(folder, segments.last(), active.0)?;
    let (segment, marked) = open_active(&active.1, active.0, disk)?;
    segments.push(segment);
    // The last segment's name may be in memory alone, too.
    disk.sync_folder(folder).map_err(LogError::io("sync", folder))?;
    Ok(Recovered { segments, marked })
}

/// The segment at `base` begins where the one before ends.
fn check_follows(folder: &Path, before: Option<&Segment>, base: Offset) -> Result<(), LogError> {
    match before {
        Some(before) if before.contents.end != base => Err(missing(folder, before.contents.end)),
        _ => Ok(()),
    }
}

fn missing(folder: &Path, base: Offset) -> LogError {
    let why = format!("the segment is missing, with the records from offset {base} on");
    LogError::corrupt(&folder.join(file_name(base)), 0, why)
}

fn segment_files(folder: &Path) -> Result<Vec<(Offset, PathBuf)>, LogError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(LogError::io("list", folder))? {
        let entry = entry.map_err(LogError::io("list", folder))?;
        if let Some(base) = entry.file_name().to_str().and_then(base_of) {
            files.push((base, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Removes what retention had decided to remove when it was interrupted.
fn remove_expired(files: &mut Vec<(Offset, PathBuf)>, earliest: Offset, disk: &dyn Disk) -> Result<(), LogError> {
    let expired = files.partition_point(|(base, _)| *base < earliest);
    // The segment that holds `earliest` stays, should it begin before.
    let holds_earliest = files.get(expired).is_none_or(|(base, _)| *base != earliest);
    for (_, path) in files.drain(..expired.saturating_sub(usize::from(holds_earliest))) {
        disk.remove(&path).map_err(LogError::io("remove", &path))?;
    }
    Ok(())
}

/// Removes a new segment that was made and not yet begun.
fn remove_unused(files: &mut Vec<(Offset, PathBuf)>, disk: &dyn Disk) -> Result<(), LogError> {
    let [.., (base, before), (_, last)] = files.as_slice() else { return Ok(()) };
    let length = fs::metadata(last).map_err(LogError::io("read", last))?.len();
    if length == 0 && Segment::sealed(before, *base)?.is_none() {
        disk.remove(last).map_err(LogError::io("remove", last))?;
        files.pop();
    }
    Ok(())
}

fn open_sealed(path: &Path, base: Offset, verify: bool) -> Result<Segment, LogError> {
    let Some(segment) = Segment::sealed(path, base)? else {
        let length = fs::metadata(path).map_err(LogError::io("read", path))?.len();
        return Err(LogError::corrupt(path, length, "a later segment is there, but this one does not end with a seal"));
    };
    if verify {
        let Scan { contents, torn, .. } = scan(path, base)?;
        if let Some((_, why)) = torn {
            return Err(LogError::corrupt(path, contents.bytes, why));
        }
        if contents != segment.contents {
            return Err(LogError::corrupt(
                path,
                segment.contents.bytes,
                "the seal does not tell what is in the segment",
            ));
        }
    }
    Ok(segment)
}

/// The segment that is written on, without its torn tail, and whether it was closed cleanly.
fn open_active(path: &Path, base: Offset, disk: &dyn Disk) -> Result<(Segment, bool), LogError> {
    let Scan { contents, last, torn } = scan(path, base)?;
    if last == Some(Kind::Seal) {
        return Err(missing(path.parent().unwrap_or(path), contents.end));
    }
    let file = OpenOptions::new().append(true).open(path).map_err(LogError::io("open", path))?;
    if let Some((bytes, why)) = torn {
        if why != ROOM {
            tracing::warn!(segment = %path.display(), bytes, end = %contents.end, why, "cut off a torn tail");
        }
        disk.truncate(&file, path, contents.bytes).map_err(LogError::io("cut", path))?;
    }
    // What was found may be in the page cache alone. The next frame will say that it is durable, and so shall it be.
    disk.sync(&file, path).map_err(LogError::io("sync", path))?;
    let marked = torn.is_none() && (last.is_none() || last == Some(Kind::Mark));
    Ok((Segment { base, path: path.into(), contents }, marked))
}

/// A partition that was just made.
pub(crate) fn fresh(folder: &Path) -> Recovered {
    Recovered { segments: vec![Segment::empty(folder, Offset::ZERO)], marked: true }
}
