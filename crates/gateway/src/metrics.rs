//! What the gateway counts: cheap enough to be counted on every request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use pinflow_access::Caller;
use pinflow_metrics::{Histogram, HistogramSnapshot};

/// Methods that are counted apart; any other is the last.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "other"];
/// The statuses that a reply has: 100 to 599.
const STATUSES: usize = 500;

/// The status of a request whose client went away before its reply: nginx's convention, for HTTP has none.
pub(crate) const CLIENT_GONE: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::REQUEST_TIMEOUT,
};

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
    /// Replies by the request's method (`other` for a rare one) and by status; 499 where the client went away before.
    pub replies: BTreeMap<(&'static str, u16), u64>,
    /// Bytes of request bodies, as far as they were read.
    pub request_bytes: u64,
    /// Bytes of reply bodies.
    pub reply_bytes: u64,
    /// Records that the log has acknowledged, also where the client had gone by then.
    pub accepted_records: u64,
    /// Bytes of their keys, values and headers.
    pub accepted_bytes: u64,
    /// Refusals by the dialect's own error code: one for a refused request, one for each refused record of an answered one.
    pub refused: BTreeMap<String, u64>,
    /// From the request's head to the head of its reply.
    pub durations: HistogramSnapshot,
    /// From handing records to the log to its acknowledgement, an append each.
    pub ack_durations: HistogramSnapshot,
}

impl DialectCounts {
    /// Requests that were answered, or given up by their clients.
    pub fn requests(&self) -> u64 {
        self.replies.values().sum()
    }
}

/// The counters of one dialect.
#[derive(Debug)]
pub(crate) struct DialectMetrics {
    /// A row of [`STATUSES`] for each of [`METHODS`].
    replies: Box<[AtomicU64]>,
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
    accepted_records: AtomicU64,
    accepted_bytes: AtomicU64,
    // A lock is cheap enough here: a refusal costs more in its own right, and the codes are few.
    refused: Mutex<BTreeMap<String, u64>>,
    durations: Histogram,
    ack_durations: Histogram,
}

impl Default for DialectMetrics {
    fn default() -> Self {
        Self {
            replies: (0..METHODS.len() * STATUSES).map(|_| AtomicU64::new(0)).collect(),
            request_bytes: AtomicU64::default(),
            reply_bytes: AtomicU64::default(),
            accepted_records: AtomicU64::default(),
            accepted_bytes: AtomicU64::default(),
            refused: Mutex::default(),
            durations: Histogram::of_durations(),
            ack_durations: Histogram::of_durations(),
        }
    }
}

impl DialectMetrics {
    /// Counts a reply, or that there was none.
    pub(crate) fn reply(&self, method: &Method, status: StatusCode) {
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1);
        let status = usize::from(status.as_u16()).saturating_sub(100).min(STATUSES - 1);
        self.replies[method * STATUSES + status].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts how long the reply took to begin.
    pub(crate) fn took(&self, duration: Duration) {
        self.durations.record_duration(duration);
    }

    pub(crate) fn counts(&self) -> DialectCounts {
        let mut replies = BTreeMap::new();
        for (method, row) in METHODS.iter().zip(self.replies.chunks(STATUSES)) {
            for (status, count) in (100_u16..).zip(row) {
                match count.load(Ordering::Relaxed) {
                    0 => {}
                    count => drop(replies.insert((*method, status), count)),
                }
            }
        }
        DialectCounts {
            replies,
            request_bytes: self.request_bytes.load(Ordering::Relaxed),
            reply_bytes: self.reply_bytes.load(Ordering::Relaxed),
            accepted_records: self.accepted_records.load(Ordering::Relaxed),
            accepted_bytes: self.accepted_bytes.load(Ordering::Relaxed),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            durations: self.durations.snapshot(),
            ack_durations: self.ack_durations.snapshot(),
        }
    }
}

/// What one request counts: into its dialect's counters at once, and apart for the line about it in the log.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    dialect: Arc<DialectMetrics>,
    request_bytes: AtomicU64,
    reply_bytes: AtomicU64,
    accepted_records: AtomicU64,
    first_refusal: OnceLock<String>,
    caller: OnceLock<String>,
}

impl RequestMetrics {
    /// Of a request to that dialect.
    pub(crate) fn new(dialect: &Arc<DialectMetrics>) -> Self {
        Self {
            dialect: Arc::clone(dialect),
            request_bytes: AtomicU64::default(),
            reply_bytes: AtomicU64::default(),
            accepted_records: AtomicU64::default(),
            first_refusal: OnceLock::new(),
            caller: OnceLock::new(),
        }
    }

    /// The counters of the dialect.
    pub(crate) fn dialect(&self) -> &DialectMetrics {
        &self.dialect
    }

    /// Counts bytes of the request's body that came in.
    pub(crate) fn receive(&self, bytes: usize) {
        self.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.dialect.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes of the reply's body.
    pub(crate) fn send(&self, bytes: u64) {
        self.reply_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.dialect.reply_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts records that the log has acknowledged `after` it was given them, and their bytes.
    pub(crate) fn accept(&self, records: usize, bytes: usize, after: Duration) {
        self.accepted_records.fetch_add(records as u64, Ordering::Relaxed);
        self.dialect.accepted_records.fetch_add(records as u64, Ordering::Relaxed);
        self.dialect.accepted_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.dialect.ack_durations.record_duration(after);
    }

    /// Counts that the request, or a record of it, was refused with the dialect's code.
    pub(crate) fn refuse(&self, code: impl ToString) {
        let code = code.to_string();
        self.first_refusal.get_or_init(|| code.clone());
        *self.dialect.refused.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// Notes who sent the request, where that shows later than by its headers.
    pub(crate) fn identify(&self, caller: &Caller) {
        if let Some(name) = caller.name() {
            self.caller.get_or_init(|| name.to_owned());
        }
    }

    /// Who was found to have sent the request.
    pub(crate) fn caller(&self) -> Option<&str> {
        self.caller.get().map(String::as_str)
    }

    /// Bytes that came in and went out, and records that the log has.
    pub(crate) fn amounts(&self) -> (u64, u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.request_bytes), read(&self.reply_bytes), read(&self.accepted_records))
    }

    /// The first code that something was refused with.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.first_refusal.get().map(String::as_str)
    }
}
