//! The events that the clients send: each is different, and its bytes follow from who it is.

use std::fmt;

use serde_json::Value;

/// The event `index` of a sender's request; in this order they have to be in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    pub sender: u32,
    pub request: u32,
    pub index: u32,
}

/// Keys that many events have; the others have one of their own.
const SHARED_KEYS: u64 = 40;
/// Names of fields that the schema lacks.
const EXTRA_FIELDS: u32 = 24;

impl EventId {
    /// The JSON text that is sent, and that has to be stored.
    pub fn json(self) -> String {
        let padding = "x".repeat(((self.request * 37 + self.index * 101) % 500) as usize);
        let key = self.key().map_or(r#""none""#.to_owned(), |key| key.to_string());
        let extra = self.extra().map_or(String::new(), |(name, value)| format!(r#","{name}":{value}"#));
        format!(r#"{{"id":"{self}","key":{key},"padding":"{padding}"{extra}}}"#)
    }

    /// A field that the schema lacks and the tables get a column for, where the event has one.
    pub fn extra(self) -> Option<(String, u32)> {
        let number = self.sender * 7 + self.request;
        number.is_multiple_of(16).then(|| (format!("extra{}", number / 16 % EXTRA_FIELDS), self.index))
    }

    /// The key of its row: where the SELECT as it was at first finds none, the one that the mended SELECT makes of its id.
    pub fn row_key(self) -> i64 {
        self.key().map_or_else(|| -1 - self.own().cast_signed(), u64::cast_signed)
    }

    fn own(self) -> u64 {
        (u64::from(self.sender) << 32) | (u64::from(self.request) << 8) | u64::from(self.index)
    }

    /// The key by which the lanes tell duplicates; `None` for an event that they cannot clean, since its key is no number.
    pub fn key(self) -> Option<u64> {
        let own = self.own();
        match own.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32 {
            number if number % 10 == 0 => None,
            number if number % 10 < 4 => Some(number % SHARED_KEYS),
            _ => Some(SHARED_KEYS + own),
        }
    }

    /// Reads a stored event; `None` unless it is, byte for byte, one that is sent.
    pub fn of_json(text: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(text).ok()?;
        let id = Self::of_text(event["id"].as_str()?)?;
        (id.json() == text).then_some(id)
    }

    /// Reads what [`EventId`] prints.
    pub fn of_text(text: &str) -> Option<Self> {
        let mut numbers = text.split('-').map(|number| number.parse().ok());
        let id = Self { sender: numbers.next()??, request: numbers.next()??, index: numbers.next()?? };
        numbers.next().is_none().then_some(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.sender, self.request, self.index)
    }
}
