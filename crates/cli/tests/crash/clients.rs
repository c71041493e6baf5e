//! Clients of all kinds, at work until the node is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::event::EventId;
use crate::ledger::{Destination, Existence, Ledger, Mark, Place};
use crate::topics::{KAFKA, KEYS, KINESIS, PARTITIONS};

const MOST_RECORDS: u32 = 40;

/// How a client talks.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One record a request, without a key.
    KafkaSingle,
    /// Many records with keys.
    KafkaKeyed,
    /// Many records: some name their partition, some have a key, some neither.
    KafkaMixed,
    /// Makes a topic with its first record now and then.
    KafkaNewTopics,
    /// Drops its connection before it is answered, most of the time.
    KafkaHasty,
    GatewayRecord,
    GatewayRecords,
    /// Makes and deletes streams.
    Administrator,
}

const KINDS: [Kind; 10] = [
    Kind::KafkaSingle,
    Kind::KafkaSingle,
    Kind::KafkaKeyed,
    Kind::KafkaMixed,
    Kind::KafkaNewTopics,
    Kind::KafkaHasty,
    Kind::GatewayRecord,
    Kind::GatewayRecord,
    Kind::GatewayRecords,
    Kind::Administrator,
];

/// All clients of a run. Senders keep counting over its restarts.
pub struct Clients {
    ledger: Arc<Ledger>,
    next_sender: Arc<AtomicU32>,
    seed: u64,
}

/// The clients that work on one node.
pub struct AtWork {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Clients {
    pub fn new(ledger: Arc<Ledger>, seed: u64) -> Self {
        Self { ledger, next_sender: Arc::default(), seed }
    }

    /// Sets all of them to work on the node at `url`.
    pub fn start(&self, url: &str, round: u32) -> AtWork {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (number, kind) in KINDS.into_iter().enumerate() {
            let mut chance = ChaCha8Rng::seed_from_u64(self.seed ^ u64::from(round));
            chance.set_stream(number as u64);
            let client = Client {
                http: reqwest::Client::new(),
                url: url.to_owned(),
                ledger: Arc::clone(&self.ledger),
                next_sender: Arc::clone(&self.next_sender),
                sender: self.next_sender.fetch_add(1, Ordering::Relaxed),
                sent: 0,
                round,
                chance,
            };
            let stop = stop.clone();
            tasks.spawn(async move { client.work(kind, &stop).await });
        }
        AtWork { tasks, stop }
    }
}

impl AtWork {
    /// Lets everybody finish the request that is under way; the node may be gone.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

struct Client {
    http: reqwest::Client,
    url: String,
    ledger: Arc<Ledger>,
    next_sender: Arc<AtomicU32>,
    sender: u32,
    sent: u32,
    round: u32,
    chance: ChaCha8Rng,
}

impl Client {
    /// Sends until told to stop, or until nobody answers.
    async fn work(mut self, kind: Kind, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let answered = match kind {
                Kind::Administrator => self.make_and_delete().await,
                Kind::KafkaHasty => self.hurry().await,
                _ => self.send(kind).await,
            };
            if answered.is_none() {
                return;
            }
            let pause = Duration::from_micros(self.chance.random_range(0..4_000));
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&mut self, kind: Kind) -> Option<()> {
        let topic = match kind {
            Kind::KafkaNewTopics => format!("made-by-clients-{}-{}", self.round, self.sent / 50),
            Kind::GatewayRecord | Kind::GatewayRecords => KINESIS.to_owned(),
            _ => KAFKA.to_owned(),
        };
        let records = self.records(kind);
        let request = self.ledger.begin(&topic, records.clone());
        let places = match kind {
            Kind::GatewayRecord => self.put_record(&topic, &records[0]).await?,
            Kind::GatewayRecords => self.put_records(&topic, &records).await?,
            _ => self.produce(&topic, &records).await?,
        };
        if let Some(places) = places {
            self.ledger.acknowledge(request, places);
        }
        Some(())
    }

    /// Does not stay for the answer, which may come all the same.
    async fn hurry(&mut self) -> Option<()> {
        let patience = Duration::from_micros(self.chance.random_range(0..6_000));
        if let Ok(answered) = tokio::time::timeout(patience, self.send(Kind::KafkaHasty)).await {
            return answered;
        }
        // What was left behind may be stored after what comes next: it is somebody else who sends that.
        self.sender = self.next_sender.fetch_add(1, Ordering::Relaxed);
        self.http = reqwest::Client::new();
        Some(())
    }

    fn records(&mut self, kind: Kind) -> Vec<(EventId, Destination)> {
        let count = match kind {
            Kind::KafkaSingle | Kind::GatewayRecord => 1,
            _ => self.chance.random_range(1..=MOST_RECORDS),
        };
        self.sent += 1;
        (0..count)
            .map(|index| {
                let key = Destination::Key(format!("key-{}", self.chance.random_range(0..KEYS)));
                let destination = match (kind, self.chance.random_range(0..3)) {
                    (Kind::KafkaSingle, _) | (Kind::KafkaMixed, 0) => Destination::Anywhere,
                    (Kind::KafkaMixed | Kind::KafkaHasty, 1) => {
                        Destination::Partition(self.chance.random_range(0..PARTITIONS))
                    }
                    _ => key,
                };
                (EventId { sender: self.sender, request: self.sent, index }, destination)
            })
            .collect()
    }

    /// The reply's body; `Some(None)` where it is no 200, `None` where nobody answers.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Option<Option<Value>> {
        let response = request.send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        if status == 200 {
            return Some(Some(serde_json::from_str(&text).unwrap_or_default()));
        }
        self.ledger.complain(format!("{status}: {text}"));
        Some(None)
    }

    async fn produce(&self, topic: &str, records: &[(EventId, Destination)]) -> Option<Option<Vec<Place>>> {
        let record = |(id, destination): &(EventId, Destination)| match destination {
            Destination::Partition(partition) => format!(r#"{{"partition":{partition},"value":{}}}"#, id.json()),
            Destination::Key(key) => format!(r#"{{"key":"{key}","value":{}}}"#, id.json()),
            Destination::Anywhere => format!(r#"{{"value":{}}}"#, id.json()),
        };
        let records: Vec<String> = records.iter().map(record).collect();
        let request = self
            .http
            .post(format!("{}/topics/{topic}", self.url))
            .header("content-type", "application/vnd.kafka.json.v2+json")
            .body(format!(r#"{{"records":[{}]}}"#, records.join(",")));
        let Some(reply) = self.ask(request).await? else { return Some(None) };
        let place = |entry: &Value| {
            let (partition, offset) = (entry["partition"].as_u64()?, entry["offset"].as_u64()?);
            Some(Place { partition: u32::try_from(partition).ok()?, mark: Mark::Offset(offset) })
        };
        Some(self.places(&reply, reply["offsets"].as_array(), place))
    }

    async fn put_record(&self, stream: &str, record: &(EventId, Destination)) -> Option<Option<Vec<Place>>> {
        let (id, destination) = record;
        let body = format!(r#"{{"Data":{},"PartitionKey":"{}"}}"#, id.json(), partition_key(destination));
        let Some(reply) = self.ask(self.put(stream, "record", body)).await? else { return Some(None) };
        Some(self.places(&reply, Some(&vec![reply.clone()]), kinesis_place))
    }

    async fn put_records(&self, stream: &str, records: &[(EventId, Destination)]) -> Option<Option<Vec<Place>>> {
        let record = |(id, destination): &(EventId, Destination)| {
            format!(r#"{{"data":{},"partition-key":"{}"}}"#, id.json(), partition_key(destination))
        };
        let records: Vec<String> = records.iter().map(record).collect();
        let body = format!(r#"{{"records":[{}]}}"#, records.join(","));
        let Some(reply) = self.ask(self.put(stream, "records", body)).await? else { return Some(None) };
        Some(self.places(&reply, reply["Records"].as_array(), kinesis_place))
    }

    fn put(&self, stream: &str, what: &str, body: String) -> reqwest::RequestBuilder {
        let request = self.http.put(format!("{}/streams/{stream}/{what}", self.url));
        request.header("content-type", "application/json").body(body)
    }

    /// A place a record, or a complaint: nothing is wrong with what is sent here.
    fn places(
        &self,
        reply: &Value,
        entries: Option<&Vec<Value>>,
        place: impl Fn(&Value) -> Option<Place>,
    ) -> Option<Vec<Place>> {
        let places: Option<Vec<Place>> = entries.and_then(|entries| entries.iter().map(place).collect());
        if places.is_none() {
            self.ledger.complain(format!("200, but not all is acknowledged: {reply}"));
        }
        places
    }

    async fn make_and_delete(&mut self) -> Option<()> {
        self.sent += 1;
        let name = format!("short-lived-{}-{}", self.round, self.sent);
        let url = format!("{}/streams/{name}", self.url);
        self.ledger.note_stream(&name, Existence::Unknown);
        self.ask(self.http.post(&url).json(&json!({ "ShardCount": 2 }))).await?;
        self.ledger.note_stream(&name, Existence::Made);
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(0..100))).await;
        self.ledger.note_stream(&name, Existence::Unknown);
        self.ask(self.http.delete(&url)).await?;
        self.ledger.note_stream(&name, Existence::Gone);
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(0..100))).await;
        Some(())
    }
}

fn partition_key(destination: &Destination) -> &str {
    match destination {
        Destination::Key(key) => key,
        Destination::Partition(_) | Destination::Anywhere => unreachable!("a record of a stream has a key"),
    }
}

fn kinesis_place(entry: &Value) -> Option<Place> {
    let shard = entry["ShardId"].as_str()?.strip_prefix("shardId-")?;
    let number = entry["SequenceNumber"].as_str()?.to_owned();
    Some(Place { partition: shard.parse().ok()?, mark: Mark::SequenceNumber(number) })
}
