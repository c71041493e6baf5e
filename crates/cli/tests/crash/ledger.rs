//! What the clients sent, and what they were told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::event::EventId;

/// Where a client wants a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    Partition(u32),
    Key(String),
    Anywhere,
}

/// Where a client was told that a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub partition: u32,
    pub mark: Mark,
}

/// What tells a record's place in its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    Offset(u64),
    SequenceNumber(String),
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Request {
    pub topic: String,
    pub records: Vec<(EventId, Destination)>,
    /// One a record once it is acknowledged. Without it nobody knows whether the records were stored.
    pub places: Option<Vec<Place>>,
}

/// A stream that a client makes and deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It was asked for, or its end was, without an answer.
    Unknown,
    Made,
    Gone,
}

/// The offsets that a consumer group committed, each higher than the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commits {
    pub begun: u64,
    pub acknowledged: u64,
}

/// All requests of a run, in the order in which they were begun.
#[derive(Debug, Default)]
pub struct Ledger {
    requests: Mutex<Vec<Request>>,
    streams: Mutex<BTreeMap<String, Existence>>,
    commits: Mutex<Commits>,
    /// Replies that no crash explains.
    complaints: Mutex<Vec<String>>,
    /// How often a table that was built anew took its place.
    swaps: AtomicU32,
}

impl Ledger {
    /// Notes a request before it is sent; its number.
    pub fn begin(&self, topic: &str, records: Vec<(EventId, Destination)>) -> usize {
        let mut requests = self.requests.lock().unwrap();
        requests.push(Request { topic: topic.to_owned(), records, places: None });
        requests.len() - 1
    }

    pub fn acknowledge(&self, request: usize, places: Vec<Place>) {
        let request = &mut self.requests.lock().unwrap()[request];
        assert_eq!(request.records.len(), places.len(), "an answer a record");
        request.places = Some(places);
    }

    pub fn note_stream(&self, name: &str, existence: Existence) {
        self.streams.lock().unwrap().insert(name.to_owned(), existence);
    }

    pub fn streams(&self) -> BTreeMap<String, Existence> {
        self.streams.lock().unwrap().clone()
    }

    /// Notes a commit before it is sent; its offset.
    pub fn begin_commit(&self) -> u64 {
        let mut commits = self.commits.lock().unwrap();
        commits.begun += 1;
        commits.begun
    }

    pub fn acknowledge_commit(&self, offset: u64) {
        self.commits.lock().unwrap().acknowledged = offset;
    }

    pub fn commits(&self) -> Commits {
        *self.commits.lock().unwrap()
    }

    /// The requests from number `first` on.
    pub fn requests_from(&self, first: usize) -> Vec<Request> {
        self.requests.lock().unwrap()[first..].to_vec()
    }

    /// A table that was built anew has taken its place.
    pub fn count_swap(&self) {
        self.swaps.fetch_add(1, Ordering::Relaxed);
    }

    pub fn swaps(&self) -> u32 {
        self.swaps.load(Ordering::Relaxed)
    }

    pub fn complain(&self, complaint: String) {
        self.complaints.lock().unwrap().push(complaint);
    }

    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }
}
