//! A segment: a file of frames, named after the offset of its first record.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use pinflow_event::Offset;

use super::frame::{Frame, HEADER_BYTES, Header, Kind};
use super::index::{Contents, Index, Span};
use super::stuffing::unstuff;
use crate::LogError;

/// One file of a partition and what is known to be in it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) base: Offset,
    pub(crate) path: Arc<Path>,
    /// What is durable in it.
    pub(crate) contents: Contents,
}

impl Segment {
    /// The segment of `folder` that begins at `base`, without any records.
    pub(crate) fn empty(folder: &Path, base: Offset) -> Self {
        Self { base, path: folder.join(file_name(base)).into(), contents: Contents::empty(base) }
    }

    /// The frame that ends the segment. Its body is the index.
    pub(crate) fn seal(&self) -> Frame {
        let index = self.contents.index.encode();
        Frame::of(Kind::Seal, self.contents.end, self.contents.max_timestamp, &index)
    }

    /// Learns from the seal of a segment what is in it; `None` where it has no whole seal.
    pub(crate) fn sealed(path: &Path, base: Offset) -> Result<Option<Self>, LogError> {
        let file = File::open(path).map_err(LogError::io("open", path))?;
        let length = file.metadata().map_err(LogError::io("read", path))?.len();
        let Some(last_four) = length.checked_sub(4) else { return Ok(None) };
        let mut frame_bytes = [0; 4];
        file.read_exact_at(&mut frame_bytes, last_four).map_err(LogError::io("read", path))?;
        let frame_bytes = u64::from(u32::from_le_bytes(frame_bytes));
        let Some(start) = length.checked_sub(frame_bytes) else { return Ok(None) };
        let mut bytes = vec![0; usize::try_from(frame_bytes).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, start).map_err(LogError::io("read", path))?;
        let contents = seal_contents(&bytes, start);
        Ok(contents.map(|contents| Self { base, path: path.into(), contents }))
    }
}

fn seal_contents(frame: &[u8], start: u64) -> Option<Contents> {
    let (header, body) = frame.split_first_chunk::<HEADER_BYTES>()?;
    let header = Header::parse(header).ok()?;
    header.check_body(body).ok()?;
    let (index, _frame_bytes) = body.split_last_chunk::<4>()?;
    let index = if header.stuffed { Index::decode(&unstuff(index)?)? } else { Index::decode(index)? };
    let sealed = header.kind == Kind::Seal;
    sealed.then_some(Contents { end: header.base, bytes: start, max_timestamp: header.max_timestamp, index })
}

/// The name of the segment that begins at `base`.
pub(crate) fn file_name(base: Offset) -> String {
    format!("{:020}.log", base.0)
}

/// The first offset of the segment that is named so; `None` for other files.
pub(crate) fn base_of(file_name: &str) -> Option<Offset> {
    let digits = file_name.strip_suffix(".log").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok().map(Offset))?
}

/// The frames of a span, read at once; bodies share its memory.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    path: &'a Path,
    bytes: Bytes,
    start: u64,
    at: usize,
}

impl<'a> Frames<'a> {
    /// Reads a span of `file`.
    pub(crate) fn read(file: &File, path: &'a Path, span: Span) -> Result<Self, LogError> {
        let mut bytes = vec![0; usize::try_from(span.end - span.start).expect("a span fits into memory")];
        file.read_exact_at(&mut bytes, span.start).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                LogError::corrupt(path, span.start, format!("the file ends before byte {}", span.end))
            }
            _ => LogError::io("read", path)(error),
        })?;
        Ok(Self { path, bytes: bytes.into(), start: span.start, at: 0 })
    }

    /// The next frame's header; `None` after the last frame. The body is taken or stepped over next.
    pub(crate) fn next_header(&mut self) -> Result<Option<Header>, LogError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let header = self.bytes[self.at..].first_chunk().ok_or("the frame's header is cut off").and_then(Header::parse);
        let header = header.map_err(|why| self.corrupt(why))?;
        self.at += HEADER_BYTES;
        if header.body_bytes as usize > self.bytes.len() - self.at {
            return Err(self.corrupt("the frame is longer than what is there"));
        }
        Ok(Some(header))
    }

    /// The body of the frame whose header came last, checked.
    pub(crate) fn body(&mut self, header: &Header) -> Result<Bytes, LogError> {
        let body = self.bytes.slice(self.at..self.at + header.body_bytes as usize);
        header.check_body(&body).map_err(|why| self.corrupt(why))?;
        self.at += body.len();
        match header.stuffed {
            false => Ok(body),
            true => {
                Ok(unstuff(&body).ok_or_else(|| self.corrupt("the frame's body is not stuffed as it says"))?.into())
            }
        }
    }

    /// Steps over the body of the frame whose header came last.
    pub(crate) fn skip_body(&mut self, header: &Header) {
        self.at += header.body_bytes as usize;
    }

    /// Damage at the place that is read now.
    pub(crate) fn corrupt(&self, why: &str) -> LogError {
        LogError::corrupt(self.path, self.start + self.at as u64, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_sort_by_name_and_name_their_offset() {
        assert_eq!(file_name(Offset(42)), "00000000000000000042.log");
        for base in [0, 42, u64::MAX] {
            assert_eq!(base_of(&file_name(Offset(base))), Some(Offset(base)));
        }
        for name in
            ["42.log", "0000000000000000004x.log", "+0000000000000000042.log", "99999999999999999999.log", "earliest"]
        {
            assert_eq!(base_of(name), None, "{name}");
        }
    }
}
