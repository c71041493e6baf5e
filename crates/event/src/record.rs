//! An event as the log carries it: bytes with a key, headers and a time. Nothing here knows JSON.

use bytes::Bytes;

use crate::{Offset, Timestamp};

/// A named piece of metadata of a record; names may repeat, a value may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub name: String,
    /// The value, or null.
    pub value: Option<Bytes>,
}

/// A record on its way into the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// What decides the partition and, in Kinesis, is the partition key.
    pub key: Option<Bytes>,
    /// The event. `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in the order given.
    pub headers: Vec<Header>,
    /// When the client says that the event happened; the log uses the arrival time where it is `None`.
    pub timestamp: Option<Timestamp>,
}

impl NewRecord {
    /// A record with a value alone.
    pub fn from_value(value: impl Into<Bytes>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// The bytes that the record's parts take, without any framing.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|h| h.name.len() + h.value.as_ref().map_or(0, Bytes::len)).sum();
        self.key.as_ref().map_or(0, Bytes::len) + self.value.as_ref().map_or(0, Bytes::len) + headers
    }
}

/// A record in the log, at its offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands in its partition.
    pub offset: Offset,
    /// The client's time, or the arrival time where it gave none.
    pub timestamp: Timestamp,
    /// The key.
    pub key: Option<Bytes>,
    /// The event. `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in the order given.
    pub headers: Vec<Header>,
}

impl Record {
    /// The bytes of key and value.
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, Bytes::len) + self.value.as_ref().map_or(0, Bytes::len)
    }
}
