//! Request ids: every reply carries one, and so does the log line about it.
//!
//! They are UUIDs drawn from a counter that the start time seeds, so that a test with a still clock sees the same ones again.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use pinflow_event::Timestamp;
use uuid::Uuid;

/// The identity of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Uuid);

impl RequestId {
    /// 16 bytes for ids that are derived from this one.
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Any number of words of eight bytes for ids that are longer than this one.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> + use<> {
        let (high, low) = self.0.as_u64_pair();
        (0..).map(move |number| mix(high ^ mix(low.wrapping_add(number))))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Makes request ids.
#[derive(Debug)]
pub(crate) struct RequestIds(AtomicU64);

impl RequestIds {
    pub(crate) fn new(started: Timestamp) -> Self {
        Self(AtomicU64::new(mix(started.as_millis().cast_unsigned())))
    }

    pub(crate) fn next(&self) -> RequestId {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        let bits = (u128::from(mix(count)) << 64) | u128::from(mix(!count));
        RequestId(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
    }
}

/// SplitMix64: one-to-one, so that two counts never share an id.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
