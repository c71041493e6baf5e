//! What the gateway counts: cheap enough to be counted on every request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the gateway has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// Requests that are being answered now.
    pub in_flight: u64,
    /// A dialect's counts by its name (`kafka_rest`, `api_gateway`).
    pub dialects: BTreeMap<&'static str, DialectCounts>,
}

impl MetricsSnapshot {
    /// Records accepted over all dialects.
    pub fn accepted_records(&self) -> u64 {
        self.dialects.values().map(|d| d.accepted_records).sum()
    }

    /// Bytes of keys and values accepted over all dialects.
    pub fn accepted_bytes(&self) -> u64 {
        self.dialects.values().map(|d| d.accepted_bytes).sum()
    }
}

/// What one dialect has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialectCounts {
    /// Requests that it was given.
    pub requests: u64,
    /// Records that the log has acknowledged, also where the client had gone by then.
    pub accepted_records: u64,
    /// Bytes of their keys and values.
    pub accepted_bytes: u64,
    /// Refusals by the dialect's own error code: one for a refused request, one for each refused record of an answered one.
    pub refused: BTreeMap<String, u64>,
}

/// The counters of one dialect.
#[derive(Debug, Default)]
pub(crate) struct DialectMetrics {
    requests: AtomicU64,
    accepted_records: AtomicU64,
    accepted_bytes: AtomicU64,
    // A lock is cheap enough here: a refusal costs more in its own right, and the codes are few.
    refused: Mutex<BTreeMap<String, u64>>,
}

impl DialectMetrics {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn accept(&self, records: usize, bytes: usize) {
        self.accepted_records.fetch_add(records as u64, Ordering::Relaxed);
        self.accepted_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self, code: impl ToString) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(code.to_string()).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> DialectCounts {
        DialectCounts {
            requests: self.requests.load(Ordering::Relaxed),
            accepted_records: self.accepted_records.load(Ordering::Relaxed),
            accepted_bytes: self.accepted_bytes.load(Ordering::Relaxed),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Counts a request as in flight until it is dropped: also when its client goes away.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicU64>);

impl InFlight {
    pub(crate) fn enter(counter: &Arc<AtomicU64>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
