//! The counts of an emulation, while it runs and at its end.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pinflow_pipeline::Lane;

use super::reply::Fault;
use super::request::Route;

/// What became of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events taken up for posting; at the end of an emulation `accepted + refused`.
    pub posted: u64,
    /// Events that the gateway said are stored.
    pub accepted: u64,
    /// Events that were given up: refused, or without success after the last attempt.
    pub refused: u64,
    /// Sendings of events that were sent before.
    pub retried: u64,
    /// Sendings of events whose outcome was not learned: each may have stored its event, so the gateway holds at least
    /// `accepted` events, and at most `accepted + uncertain`.
    pub uncertain: u64,
}

/// What became of the events of a stream on a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCounts {
    /// The lane.
    pub lane: Lane,
    /// The stream's name.
    pub stream: String,
    /// The counts.
    pub counts: Counts,
}

/// A kind of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostError {
    /// What failed, as in `HTTP 429`, `cannot connect` or `kafka 50003`.
    pub kind: String,
    /// How many sendings of events failed so, those that succeeded later included.
    pub events: u64,
    /// The lane and stream where it was met first.
    pub first_at: (Lane, String),
    /// The reply's body or the error's text there, cut to 500 characters.
    pub first_text: String,
}

/// How an emulation went.
#[derive(Clone, Debug)]
pub struct EmulationReport {
    /// The draws that were taken.
    pub draws: u64,
    /// The counts a lane and stream, the batch lane first.
    pub lanes: Vec<LaneCounts>,
    /// What failed, by kind.
    pub errors: Vec<PostError>,
    /// Why the emulation ended before its time, where it did.
    pub gave_up: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl EmulationReport {
    /// The counts of all lanes and streams together.
    pub fn total(&self) -> Counts {
        sum(self.lanes.iter().map(|lane| lane.counts))
    }
}

/// The counts of an emulation that runs.
#[derive(Debug)]
pub struct Progress {
    draws: AtomicU64,
    tallies: Vec<(Lane, String, Tally)>,
    errors: Mutex<BTreeMap<String, PostError>>,
    gave_up: Mutex<Option<String>>,
}

impl Progress {
    pub(super) fn new(counted: Vec<(Lane, String)>) -> Self {
        Self {
            draws: AtomicU64::new(0),
            tallies: counted.into_iter().map(|(lane, stream)| (lane, stream, Tally::default())).collect(),
            errors: Mutex::default(),
            gave_up: Mutex::default(),
        }
    }

    /// The draws that were taken so far.
    pub fn draws(&self) -> u64 {
        self.draws.load(Ordering::Relaxed)
    }

    /// The counts of all lanes and streams together, so far.
    pub fn total(&self) -> Counts {
        sum(self.tallies.iter().map(|(_, _, tally)| tally.counts()))
    }

    /// How the emulation goes, `elapsed` after it began.
    pub fn report(&self, elapsed: Duration) -> EmulationReport {
        let lanes = self.tallies.iter().map(|(lane, stream, tally)| LaneCounts {
            lane: *lane,
            stream: stream.clone(),
            counts: tally.counts(),
        });
        EmulationReport {
            draws: self.draws(),
            lanes: lanes.collect(),
            errors: self.errors.lock().expect(NOT_POISONED).values().cloned().collect(),
            gave_up: self.gave_up.lock().expect(NOT_POISONED).clone(),
            elapsed,
        }
    }

    pub(super) fn drawn(&self) {
        self.draws.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tally(&self, route: usize) -> &Tally {
        &self.tallies[route].2
    }

    pub(super) fn fault(&self, route: &Route, fault: &Fault, events: usize) {
        let mut errors = self.errors.lock().expect(NOT_POISONED);
        let known = errors.entry(fault.kind.clone()).or_insert_with(|| PostError {
            kind: fault.kind.clone(),
            events: 0,
            first_at: (route.lane, route.stream.to_string()),
            first_text: fault.text.chars().take(500).collect(),
        });
        known.events += events as u64;
    }

    pub(super) fn give_up(&self, reason: String) {
        self.gave_up.lock().expect(NOT_POISONED).get_or_insert(reason);
    }
}

const NOT_POISONED: &str = "nothing panics while the lock is held";

/// The counts of a lane and stream.
#[derive(Debug, Default)]
pub(super) struct Tally {
    posted: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    retried: AtomicU64,
    uncertain: AtomicU64,
}

impl Tally {
    pub(super) fn posted(&self, events: usize) {
        self.posted.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn accepted(&self, events: usize) {
        self.accepted.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, events: usize) {
        self.refused.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn retried(&self, events: usize) {
        self.retried.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(super) fn uncertain(&self, events: usize) {
        self.uncertain.fetch_add(events as u64, Ordering::Relaxed);
    }

    fn counts(&self) -> Counts {
        Counts {
            posted: self.posted.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            uncertain: self.uncertain.load(Ordering::Relaxed),
        }
    }
}

fn sum(counts: impl Iterator<Item = Counts>) -> Counts {
    counts.fold(Counts::default(), |sum, counts| Counts {
        posted: sum.posted + counts.posted,
        accepted: sum.accepted + counts.accepted,
        refused: sum.refused + counts.refused,
        retried: sum.retried + counts.retried,
        uncertain: sum.uncertain + counts.uncertain,
    })
}
