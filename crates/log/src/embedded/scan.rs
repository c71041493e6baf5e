//! Reads a segment from its beginning, frame by frame, and tells a torn tail from damage.
//!
//! Where a frame cannot be read, what follows decides. A later frame that says "this was durable" proves that acknowledged
//! records are damaged. Without one, the bytes were never acknowledged, or are the last of all: a torn tail. Nothing that a client
//! sent can look like a frame: see [`stuffing`](super::stuffing).

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use pinflow_event::Offset;

use super::frame::{HEADER_BYTES, Header, Kind, MAGIC};
use super::index::Contents;
use crate::LogError;

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 1 << 20;

/// Why zeros are no frame: frames were to be written there (see `writer`).
pub(crate) const ROOM: &str = "there is room for frames";

/// What a segment file holds.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The whole frames from the beginning on, without the seal.
    pub(crate) contents: Contents,
    /// The kind of the last whole frame.
    pub(crate) last: Option<Kind>,
    /// Bytes behind the last whole frame, and why they are no frame. Zeros alone are [`ROOM`].
    pub(crate) torn: Option<(u64, &'static str)>,
}

/// Scans the segment at `path`, whose first record stands at `base`.
///
/// # Errors
/// [`LogError::Corrupt`] where acknowledged records are damaged.
pub(crate) fn scan(path: &Path, base: Offset) -> Result<Scan, LogError> {
    let file = File::open(path).map_err(LogError::io("open", path))?;
    let length = file.metadata().map_err(LogError::io("read", path))?.len();
    let mut scanner = Scanner { reader: BufReader::with_capacity(WINDOW_BYTES, &file), body: Vec::new() };
    let mut found = Scan { contents: Contents::empty(base), last: None, torn: None };
    let mut at = 0;
    while at < length {
        let frame = scanner.next(length - at, found.contents.end).map_err(LogError::io("read", path))?;
        let header = match frame {
            Ok(header) if found.last != Some(Kind::Seal) => header,
            Ok(_) => return Err(LogError::corrupt(path, at, "a frame follows the seal")),
            Err(why) => {
                if is_acknowledged_behind(&file, path, at + 1, found.contents.end)? {
                    return Err(LogError::corrupt(path, at, format!("{why}, and acknowledged records follow it")));
                }
                let room = is_zero(&file, at).map_err(LogError::io("read", path))?;
                found.torn = Some((length - at, if room { ROOM } else { why }));
                break;
            }
        };
        at += header.frame_bytes();
        found.last = Some(header.kind);
        if header.kind != Kind::Seal {
            found.contents.add(&header);
        }
    }
    Ok(found)
}

struct Scanner<'a> {
    reader: BufReader<&'a File>,
    body: Vec<u8>,
}

impl Scanner<'_> {
    /// The next frame, which should begin at `offset` and has `left` bytes at most, or why there is none.
    fn next(&mut self, left: u64, offset: Offset) -> std::io::Result<Result<Header, &'static str>> {
        if left < HEADER_BYTES as u64 {
            return Ok(Err("the frame's header is cut off"));
        }
        let mut header = [0; HEADER_BYTES];
        self.reader.read_exact(&mut header)?;
        let header = match Header::parse(&header) {
            Ok(header) if header.frame_bytes() > left => return Ok(Err("the frame is cut off")),
            Ok(header) if header.base != offset => {
                return Ok(Err("the frame has another offset than the one before ends with"));
            }
            Ok(header) => header,
            Err(why) => return Ok(Err(why)),
        };
        self.body.resize(header.body_bytes as usize, 0);
        self.reader.read_exact(&mut self.body)?;
        Ok(header.check_body(&self.body).map(|()| header))
    }
}

/// Whether a frame at or after byte `from` says that the record at `offset` was durable. A header is proof enough: it has
/// a checksum of its own, and its body may be torn.
fn is_acknowledged_behind(file: &File, path: &Path, from: u64, offset: Offset) -> Result<bool, LogError> {
    let mut window = vec![0; WINDOW_BYTES];
    let mut start = from;
    loop {
        let filled = fill(file, &mut window, start).map_err(LogError::io("read", path))?;
        let Some(last_header) = filled.checked_sub(HEADER_BYTES) else { return Ok(false) };
        for at in 0..=last_header {
            if window[at..].starts_with(&MAGIC)
                && let Some(Ok(header)) = window[at..].first_chunk().map(Header::parse)
                && header.durable > offset
            {
                return Ok(true);
            }
        }
        start += last_header as u64 + 1;
    }
}

/// Whether nothing but zeros is there from byte `start` on.
fn is_zero(file: &File, mut start: u64) -> std::io::Result<bool> {
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        let filled = fill(file, &mut window, start)?;
        if window[..filled].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        if filled < window.len() {
            return Ok(true);
        }
        start += filled as u64;
    }
}

/// Reads until `window` is full or the file ends; the bytes read.
fn fill(file: &File, window: &mut [u8], start: u64) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < window.len() {
        match file.read_at(&mut window[filled..], start + filled as u64)? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}
