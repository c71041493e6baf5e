//! The bytes of a record in a frame's body. Null and empty stay apart.
//!
//! ```text
//!  byte  size
//!     0     8  timestamp in milliseconds since 1970
//!     8     4  length of the key in bytes; all bits set where it is null
//!    12     4  length of the value; all bits set where it is null
//!    16     4  length of all headers
//!    20        key, value, headers; a header is: length of its name (4), length of its value (4, all bits set where
//!              it is null), name in UTF-8, value
//! ```

use bytes::Bytes;
use pinflow_event::{Header, NewRecord, Offset, Record, Timestamp};

/// The length of what is null.
const NULL: u32 = u32::MAX;
const FIXED_BYTES: usize = 20;
const HEADER_FIXED_BYTES: usize = 8;

/// The bytes that [`encode`] adds for `record`.
pub(crate) fn encoded_bytes(record: &NewRecord) -> usize {
    FIXED_BYTES + HEADER_FIXED_BYTES * record.headers.len() + record.size()
}

/// Appends `record` to `out`. The record is below 4 GiB: the log's limit for a record is.
pub(crate) fn encode(record: &NewRecord, timestamp: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(&timestamp.as_millis().to_le_bytes());
    out.extend_from_slice(&length_of(record.key.as_ref()).to_le_bytes());
    out.extend_from_slice(&length_of(record.value.as_ref()).to_le_bytes());
    let headers_length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(record.key.as_deref().unwrap_or_default());
    out.extend_from_slice(record.value.as_deref().unwrap_or_default());
    let headers_at = out.len();
    for header in &record.headers {
        out.extend_from_slice(&length(header.name.len()).to_le_bytes());
        out.extend_from_slice(&length_of(header.value.as_ref()).to_le_bytes());
        out.extend_from_slice(header.name.as_bytes());
        out.extend_from_slice(header.value.as_deref().unwrap_or_default());
    }
    let headers_length = length(out.len() - headers_at);
    out[headers_length_at..headers_length_at + 4].copy_from_slice(&headers_length.to_le_bytes());
}

fn length_of(bytes: Option<&Bytes>) -> u32 {
    bytes.map_or(NULL, |bytes| length(bytes.len()))
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("the log's limit for a record is below 4 GiB")
}

/// Takes the records of a body apart. They share the body's memory.
#[derive(Debug)]
pub(crate) struct Decoder {
    body: Bytes,
    at: usize,
    next: Offset,
}

/// The fixed part of a record.
struct Fixed {
    timestamp: Timestamp,
    key: Option<usize>,
    value: Option<usize>,
    headers: usize,
}

impl Decoder {
    /// The records of `body`, the first of which stands at `base`.
    pub(crate) fn new(body: Bytes, base: Offset) -> Self {
        Self { body, at: 0, next: base }
    }

    /// Steps over the records before `offset`.
    pub(crate) fn skip_to(&mut self, offset: Offset) -> Result<(), &'static str> {
        while self.next < offset && self.at < self.body.len() {
            let fixed = self.fixed()?;
            self.take(fixed.key.unwrap_or(0) + fixed.value.unwrap_or(0) + fixed.headers)?;
            self.next = self.next.plus(1);
        }
        Ok(())
    }

    /// The next record; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, &'static str> {
        if self.at == self.body.len() {
            return Ok(None);
        }
        let fixed = self.fixed()?;
        let key = fixed.key.map(|length| self.take(length)).transpose()?;
        let value = fixed.value.map(|length| self.take(length)).transpose()?;
        let headers = self.headers(fixed.headers)?;
        let offset = self.next;
        self.next = offset.plus(1);
        Ok(Some(Record { offset, timestamp: fixed.timestamp, key, value, headers }))
    }

    fn headers(&mut self, bytes: usize) -> Result<Vec<Header>, &'static str> {
        let end = self.at + bytes;
        let mut headers = Vec::new();
        while self.at < end {
            let name_length = self.length()?.ok_or("a header has no name")?;
            let value_length = self.length()?;
            let name =
                String::from_utf8(self.take(name_length)?.to_vec()).map_err(|_| "a header's name is no UTF-8")?;
            let value = value_length.map(|length| self.take(length)).transpose()?;
            headers.push(Header { name, value });
        }
        Ok(headers)
    }

    fn fixed(&mut self) -> Result<Fixed, &'static str> {
        let timestamp = self.take(8)?;
        let millis = i64::from_le_bytes(timestamp.as_ref().try_into().expect("eight bytes were taken"));
        Ok(Fixed {
            timestamp: Timestamp::from_millis(millis),
            key: self.length()?,
            value: self.length()?,
            headers: self.length()?.ok_or("a record has no headers' length")?,
        })
    }

    fn length(&mut self) -> Result<Option<usize>, &'static str> {
        let bytes = self.body.get(self.at..self.at + 4).ok_or("a record goes beyond its frame")?;
        let length = u32::from_le_bytes(bytes.try_into().expect("four bytes were taken"));
        self.at += 4;
        Ok((length != NULL).then_some(length as usize))
    }

    fn take(&mut self, bytes: usize) -> Result<Bytes, &'static str> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.body.len());
        let end = end.ok_or("a record goes beyond its frame")?;
        let taken = self.body.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn awkward() -> Vec<NewRecord> {
        let header = |name: &str, value: Option<&'static [u8]>| Header {
            name: name.into(),
            value: value.map(Bytes::from_static),
        };
        let empty = Some(Bytes::new());
        vec![
            NewRecord::default(),
            NewRecord { key: empty.clone(), value: empty.clone(), ..NewRecord::default() },
            NewRecord {
                key: Some(Bytes::from_static(&[0, 255, 128])),
                headers: vec![header("", None), header("ü", Some(b"")), header("ü", Some(&[0xff]))],
                ..NewRecord::default()
            },
            NewRecord::from_value(vec![9; 100_000]),
        ]
    }

    fn encoded(records: &[NewRecord]) -> Bytes {
        let mut out = Vec::new();
        for (n, record) in records.iter().enumerate() {
            let before = out.len();
            encode(record, Timestamp::from_millis(n as i64 - 1), &mut out);
            assert_eq!(out.len() - before, encoded_bytes(record));
        }
        out.into()
    }

    #[test]
    fn records_read_back_as_they_were() {
        let records = awkward();
        let mut decoder = Decoder::new(encoded(&records), Offset(5));
        for (n, sent) in records.iter().enumerate() {
            let got = decoder.next().unwrap().unwrap();
            assert_eq!((got.offset, got.timestamp), (Offset(5 + n as u64), Timestamp::from_millis(n as i64 - 1)));
            assert_eq!((&got.key, &got.value, &got.headers), (&sent.key, &sent.value, &sent.headers));
        }
        assert_eq!(decoder.next(), Ok(None));
    }

    #[test]
    fn steps_over_records() {
        let mut decoder = Decoder::new(encoded(&awkward()), Offset(5));
        decoder.skip_to(Offset(8)).unwrap();
        assert_eq!(decoder.next().unwrap().unwrap().offset, Offset(8));
        decoder.skip_to(Offset(99)).unwrap();
        assert_eq!(decoder.next(), Ok(None));
    }

    #[test]
    fn a_body_that_was_cut_is_an_error_and_no_panic() {
        let whole = encoded(&awkward()[..3]);
        let starts: Vec<usize> = awkward()[..3]
            .iter()
            .map(encoded_bytes)
            .scan(0, |at, n| {
                *at += n;
                Some(*at)
            })
            .collect();
        for cut in (1..whole.len()).filter(|cut| !starts.contains(cut)) {
            let mut decoder = Decoder::new(whole.slice(..cut), Offset::ZERO);
            let mut last = decoder.next();
            while let Ok(Some(_)) = last {
                last = decoder.next();
            }
            assert!(last.is_err(), "cut at {cut}");
        }
    }
}
