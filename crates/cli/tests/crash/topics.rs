//! The topics of a run, read over HTTP as any client can, and what has to be true of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::event::EventId;
use crate::ledger::{Commits, Destination, Existence, Ledger, Mark, Request};

/// The topic of the pipeline's batch lane, written over Kafka REST.
pub const KAFKA: &str = "crash.event";
/// The topic of the pipeline's stream lane, written over Kinesis.
pub const KINESIS: &str = "crash-live.event";
/// The job that runs the batch lane.
pub const JOB: &str = "daily";
/// The consumer group that commits offsets of [`KAFKA`].
pub const GROUP: &str = "crash-group";
/// Partitions of every topic.
pub const PARTITIONS: u32 = 3;
/// Keys that the clients use: enough to meet every partition, few enough to be met again.
pub const KEYS: u32 = 12;

/// Records that are read again after each restart, behind those that were read before.
const OVERLAP: usize = 200;

/// A line of `/api/tail`.
#[derive(Deserialize)]
struct TailRecord {
    partition: usize,
    offset: usize,
    value: String,
}

impl Topic {
    fn add(&mut self, partition: usize, offset: usize, id: EventId, what: &str) {
        assert_eq!(offset, self.partitions[partition].len(), "{what}: an offset is missing before it");
        self.partitions[partition].push(id);
        let twice = self.places.insert(id, (partition, offset));
        assert_eq!(twice, None, "{what}: {id} is there twice");
        let before = self.last.insert((partition, id.sender), id);
        assert!(before.is_none_or(|before| before < id), "{what}: {id} comes after {before:?}");
    }
}

/// What is known to be in the log.
pub struct Topics {
    ledger: Arc<Ledger>,
    known: BTreeMap<String, Topic>,
    /// Requests that were compared with the log.
    judged: usize,
}

#[derive(Default)]
struct Topic {
    /// The events of each partition, by offset.
    partitions: Vec<Vec<EventId>>,
    /// The partition and offset of each event.
    places: HashMap<EventId, (usize, usize)>,
    /// The last event of each sender in each partition.
    last: HashMap<(usize, u32), EventId>,
    /// Where each key goes.
    keys: HashMap<String, usize>,
}

impl Topics {
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, known: BTreeMap::new(), judged: 0 }
    }

    /// All events of a topic that are known to be in the log, by partition.
    pub fn events(&self, topic: &str) -> &[Vec<EventId>] {
        &self.known[topic].partitions
    }

    /// Events in the log.
    pub fn count(&self) -> usize {
        self.known.values().map(|topic| topic.places.len()).sum()
    }

    /// Reads what came since the last time, and compares it with what the clients were told. The clients are at rest.
    ///
    /// An error is a node that did not answer to the end; all is compared anew by the next call.
    pub async fn check(&mut self, url: &str) -> Result<(), reqwest::Error> {
        let requests = self.ledger.requests_from(self.judged);
        let mut sent: BTreeMap<&str, usize> = BTreeMap::new();
        for request in &requests {
            *sent.entry(&request.topic).or_default() += request.records.len();
        }
        for (topic, records) in sent {
            self.read(url, topic, &(records + OVERLAP).to_string()).await?;
        }
        self.judge_all(&requests);
        self.judged += requests.len();
        self.check_streams(url).await?;
        self.check_commits(url).await
    }

    /// Reads every topic from its beginning: all that was there before is there now.
    pub async fn check_all(&mut self, url: &str) {
        self.check(url).await.unwrap();
        let names: Vec<String> = self.known.keys().cloned().collect();
        for topic in names {
            let before: usize = self.known[&topic].partitions.iter().map(Vec::len).sum();
            let read = self.read(url, &topic, "beginning").await.unwrap();
            assert_eq!(read, before, "records of `{topic}`");
        }
    }

    /// Reads a topic and adds what is new; how many records were read.
    async fn read(&mut self, url: &str, topic: &str, from: &str) -> Result<usize, reqwest::Error> {
        let response = reqwest::get(format!("{url}/api/tail/{topic}?from={from}")).await?;
        let known = self.known.entry(topic.to_owned()).or_default();
        if response.status() == 404 {
            assert!(known.partitions.is_empty(), "the topic `{topic}` is gone");
            return Ok(0);
        }
        let lines = response.error_for_status()?.text().await?;
        Ok(self.take(topic, &lines))
    }

    /// Adds what is new among the lines of a tail; how many lines there are.
    fn take(&mut self, topic: &str, lines: &str) -> usize {
        let known = self.known.entry(topic.to_owned()).or_default();
        known.partitions.resize(PARTITIONS as usize, Vec::new());
        let mut next: HashMap<usize, usize> = HashMap::new();
        for line in lines.lines() {
            let TailRecord { partition, offset, value } = serde_json::from_str(line).unwrap();
            let what = format!("`{topic}` partition {partition} offset {offset}");
            let id = EventId::of_json(&value).unwrap_or_else(|| panic!("{what}: nobody sent `{value}`"));
            assert!(
                next.insert(partition, offset + 1).is_none_or(|next| next == offset),
                "{what}: an offset is missing"
            );
            match known.partitions[partition].get(offset) {
                Some(before) => assert_eq!(*before, id, "{what} is another event than before"),
                None => known.add(partition, offset, id, &what),
            }
        }
        for (partition, events) in known.partitions.iter().enumerate().filter(|(_, events)| !events.is_empty()) {
            assert_eq!(next.get(&partition), Some(&events.len()), "`{topic}` partition {partition} lost its end");
        }
        lines.lines().count()
    }

    fn judge_all(&mut self, requests: &[Request]) {
        requests.iter().for_each(|request| self.learn_keys(request));
        requests.iter().for_each(|request| self.judge(request));
    }

    /// Learns from one request where keys go.
    fn learn_keys(&mut self, request: &Request) {
        let topic = self.known.get_mut(&request.topic).expect("it was read");
        for (id, destination) in &request.records {
            if let (Destination::Key(key), Some((partition, _))) = (destination, topic.places.get(id).copied()) {
                let before = topic.keys.insert(key.clone(), partition);
                assert!(before.is_none_or(|before| before == partition), "`{key}` is in two partitions: {id}");
            }
        }
    }

    fn judge(&self, request: &Request) {
        let topic = &self.known[&request.topic];
        let found: Vec<Option<(usize, usize)>> =
            request.records.iter().map(|(id, _)| topic.places.get(id).copied()).collect();
        if let Some(places) = &request.places {
            for ((place, found), (id, _)) in places.iter().zip(&found).zip(&request.records) {
                let (partition, offset) = found.unwrap_or_else(|| panic!("{id} was acknowledged and is not there"));
                let same = place.partition as usize == partition
                    && match place.mark {
                        Mark::Offset(acknowledged) => acknowledged == offset as u64,
                        Mark::SequenceNumber(_) => true,
                    };
                assert!(same, "{id} was acknowledged at {place:?} and is in partition {partition} at {offset}");
            }
            return;
        }
        // What went to one partition is there as a whole, or not at all.
        let mut stored: HashMap<usize, Vec<bool>> = HashMap::new();
        for ((_, destination), found) in request.records.iter().zip(&found) {
            let partition = match destination {
                Destination::Partition(partition) => Some(*partition as usize),
                Destination::Key(key) => topic.keys.get(key).copied(),
                Destination::Anywhere => found.map(|(partition, _)| partition),
            };
            if let Some(partition) = partition {
                stored.entry(partition).or_default().push(found.is_some());
            }
        }
        for (partition, stored) in stored {
            let all_or_none = stored.iter().all(|one| *one == stored[0]);
            assert!(all_or_none, "partition {partition} has a part of {request:?}: {stored:?}");
        }
    }

    /// Streams that were made are there, those that were deleted are not.
    async fn check_streams(&self, url: &str) -> Result<(), reqwest::Error> {
        let topics: Vec<String> = reqwest::get(format!("{url}/topics")).await?.error_for_status()?.json().await?;
        for (name, existence) in self.ledger.streams() {
            match (existence, topics.contains(&name)) {
                (Existence::Made, false) => panic!("the stream `{name}` was made and is not there"),
                (Existence::Gone, true) => panic!("the stream `{name}` was deleted and is there"),
                _ => {}
            }
        }
        Ok(())
    }

    /// A group has committed what was acknowledged last, or what was begun after that, for all partitions alike.
    async fn check_commits(&self, url: &str) -> Result<(), reqwest::Error> {
        let Commits { begun, acknowledged } = self.ledger.commits();
        let client = reqwest::Client::new();
        let request = |method, address: &str, body: Value| {
            client
                .request(method, address)
                .header("content-type", "application/vnd.kafka.v2+json")
                .body(body.to_string())
        };
        let made = request(Method::POST, &format!("{url}/consumers/{GROUP}"), json!({})).send().await?;
        let instance = made.error_for_status()?.json::<Value>().await?["base_uri"].as_str().unwrap().to_owned();
        let partitions: Vec<Value> = (0..PARTITIONS).map(|p| json!({ "topic": KAFKA, "partition": p })).collect();
        let asked = request(Method::GET, &format!("{instance}/offsets"), json!({ "partitions": partitions }));
        let reply: Value = asked.send().await?.error_for_status()?.json().await?;
        request(Method::DELETE, &instance, json!({})).send().await?.error_for_status()?;
        // What is committed is the offset behind the one that is posted.
        let next = |entry: &Value| entry["offset"].as_u64().unwrap();
        let found: Vec<u64> = reply["offsets"].as_array().unwrap().iter().map(next).collect();
        assert!(found.is_empty() || found.len() == PARTITIONS as usize, "a part of a commit: {reply}");
        assert!(found.iter().all(|offset| *offset == found[0]), "a part of a commit: {reply}");
        let committed = found.first().map_or(0, |next| next - 1);
        assert!((acknowledged..=begun).contains(&committed), "{committed}, between {acknowledged} and {begun}");
        Ok(())
    }

    /// The sequence numbers that clients were given, by offset within each shard.
    pub fn sequence_numbers(&self, stream: &str) -> Vec<BTreeMap<usize, String>> {
        let topic = &self.known[stream];
        let mut numbers = vec![BTreeMap::new(); PARTITIONS as usize];
        for request in self.ledger.requests_from(0).into_iter().filter(|request| request.topic == stream) {
            for ((id, _), place) in request.records.iter().zip(request.places.iter().flatten()) {
                if let (Mark::SequenceNumber(number), Some((shard, offset))) =
                    (&place.mark, topic.places.get(id).copied())
                {
                    numbers[shard].insert(offset, number.clone());
                }
            }
        }
        numbers
    }
}

/// The harness itself: logs that are wrong in one way each.
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::ledger::Place;

    fn id(request: u32, index: u32) -> EventId {
        EventId { sender: 1, request, index }
    }

    /// A line a record, in a topic that has only them.
    fn lines(records: &[(usize, usize, EventId)]) -> String {
        let line = |(partition, offset, id): &(usize, usize, EventId)| {
            json!({ "partition": partition, "offset": offset, "value": id.json() }).to_string() + "\n"
        };
        records.iter().map(line).collect()
    }

    /// Why the harness does not accept a log: two requests were sent, two records to partition 0 each, and the first was acknowledged.
    fn complaint(records: &[(usize, usize, EventId)], then: &[(usize, usize, EventId)]) -> Option<String> {
        let request = |number, places| Request {
            topic: KAFKA.to_owned(),
            records: vec![(id(number, 0), Destination::Partition(0)), (id(number, 1), Destination::Partition(0))],
            places,
        };
        let place = |offset| Place { partition: 0, mark: Mark::Offset(offset) };
        let mut topics = Topics::new(Arc::default());
        let judged = catch_unwind(AssertUnwindSafe(|| {
            topics.take(KAFKA, &lines(records));
            topics.judge_all(&[request(1, Some(vec![place(0), place(1)])), request(2, None)]);
            topics.take(KAFKA, &lines(then));
        }));
        judged.err().map(|panic| panic.downcast_ref::<String>().unwrap().clone())
    }

    #[test]
    fn the_harness_sees_what_is_wrong_with_a_log() {
        let (first, second) = ([(0, 0, id(1, 0)), (0, 1, id(1, 1))], [(0, 2, id(2, 0)), (0, 3, id(2, 1))]);
        let whole = [first, second].concat();
        assert_eq!(complaint(&first, &first), None);
        assert_eq!(complaint(&whole, &whole), None);
        let wrong: [(&[_], &[_], &str); 8] = [
            (&first[..1], &[], "was acknowledged and is not there"),
            (&[(0, 0, id(2, 0)), (0, 1, id(2, 1))], &[], "was acknowledged and is not there"),
            (&[(1, 0, id(1, 0)), (1, 1, id(1, 1))], &[], "was acknowledged at"),
            (&whole[..3], &[], "has a part of"),
            (&[(0, 0, id(1, 1)), (0, 1, id(1, 0))], &[], "comes after"),
            (&[(0, 0, id(1, 0)), (0, 1, id(1, 0))], &[], "is there twice"),
            (&[(0, 0, id(1, 0)), (0, 2, id(1, 1))], &[], "an offset is missing"),
            (&whole, &first, "lost its end"),
        ];
        for (records, then, expected) in wrong {
            let complaint = complaint(records, then).unwrap_or_default();
            assert!(complaint.contains(expected), "{expected}: {complaint}");
        }
    }
}
