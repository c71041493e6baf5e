//! Clients of all kinds, at work until the node is gone.

mod kafka_rest;
mod kinesis;
mod operator;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::event::EventId;
use crate::ledger::{Destination, Ledger, Place};
use crate::topics::{JOB, KAFKA, KEYS, KINESIS, PARTITIONS};

const MOST_RECORDS: u32 = 40;

/// Nobody answers any more.
struct Gone;

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
    /// Commits the offsets of a consumer group.
    KafkaCommitter,
    GatewayRecord,
    GatewayRecords,
    NativeRecord,
    NativeRecords,
    /// Makes and deletes streams.
    Administrator,
    /// Runs the job of the batch lane.
    Runner,
    /// Builds tables anew and swaps them in.
    Replayer,
    /// Retries dead letters, gives some up.
    LetterHandler,
}

const KINDS: [Kind; 15] = [
    Kind::KafkaSingle,
    Kind::KafkaSingle,
    Kind::KafkaKeyed,
    Kind::KafkaMixed,
    Kind::KafkaNewTopics,
    Kind::KafkaHasty,
    Kind::KafkaCommitter,
    Kind::GatewayRecord,
    Kind::GatewayRecords,
    Kind::NativeRecord,
    Kind::NativeRecords,
    Kind::Administrator,
    Kind::Runner,
    Kind::Replayer,
    Kind::LetterHandler,
];

/// Those that leave the node time for what takes long: building a table anew.
const OPERATORS: [Kind; 5] =
    [Kind::KafkaSingle, Kind::GatewayRecord, Kind::NativeRecords, Kind::Replayer, Kind::LetterHandler];

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

    /// Sets all of them to work on the node at `url`, or operators with a few others alone.
    pub fn start(&self, url: &str, round: u32, operators_alone: bool) -> AtWork {
        let kinds = if operators_alone { &OPERATORS[..] } else { &KINDS };
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (number, kind) in kinds.iter().copied().enumerate() {
            let mut chance = ChaCha8Rng::seed_from_u64(self.seed ^ u64::from(round));
            chance.set_stream(number as u64);
            let client = Client {
                http: reqwest::Client::new(),
                url: url.to_owned(),
                ledger: Arc::clone(&self.ledger),
                next_sender: Arc::clone(&self.next_sender),
                sender: self.next_sender.fetch_add(1, Ordering::Relaxed),
                sent: 0,
                instance: None,
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
    /// The address of its consumer instance, once it has one.
    instance: Option<String>,
    round: u32,
    chance: ChaCha8Rng,
}

impl Client {
    /// Sends until told to stop, or until nobody answers.
    async fn work(mut self, kind: Kind, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let answered = match kind {
                Kind::Administrator => self.make_and_delete().await,
                Kind::Runner => self.run_job().await,
                Kind::Replayer => self.replay().await,
                Kind::LetterHandler => self.handle_letters().await,
                Kind::KafkaHasty => self.hurry().await,
                Kind::KafkaCommitter => self.commit().await,
                _ => self.send(kind).await,
            };
            if answered.is_err() {
                return;
            }
            let pause = Duration::from_micros(self.chance.random_range(0..4_000));
            tokio::time::sleep(pause).await;
        }
    }

    async fn send(&mut self, kind: Kind) -> Result<(), Gone> {
        let topic = match kind {
            Kind::KafkaNewTopics => format!("made-by-clients-{}-{}", self.round, self.sent / 50),
            Kind::GatewayRecord | Kind::GatewayRecords | Kind::NativeRecord | Kind::NativeRecords => KINESIS.to_owned(),
            _ => KAFKA.to_owned(),
        };
        let records = self.records(kind);
        let request = self.ledger.begin(&topic, records.clone());
        let places = match kind {
            Kind::GatewayRecord => self.put_record(&topic, &records[0]).await?,
            Kind::GatewayRecords => self.put_records(&topic, &records).await?,
            Kind::NativeRecord => self.native_record(&topic, &records[0]).await?,
            Kind::NativeRecords => self.native_records(&topic, &records).await?,
            _ => self.produce(&topic, &records).await?,
        };
        if let Some(places) = places {
            self.ledger.acknowledge(request, places);
        }
        Ok(())
    }

    /// Does not stay for the answer, which may come all the same.
    async fn hurry(&mut self) -> Result<(), Gone> {
        let patience = Duration::from_micros(self.chance.random_range(0..6_000));
        if let Ok(answered) = tokio::time::timeout(patience, self.send(Kind::KafkaHasty)).await {
            return answered;
        }
        // What was left behind may be stored after what comes next: it is somebody else who sends that.
        self.sender = self.next_sender.fetch_add(1, Ordering::Relaxed);
        self.http = reqwest::Client::new();
        Ok(())
    }

    /// Runs the batch lane's job, unless it runs already.
    async fn run_job(&mut self) -> Result<(), Gone> {
        let run = self.http.post(format!("{}/api/jobs/{JOB}/runs", self.url)).send().await.map_err(|_| Gone)?;
        if !run.status().is_success() && run.status() != 409 {
            self.ledger.complain(format!("the job does not run: {}", run.status()));
        }
        tokio::time::sleep(Duration::from_millis(self.chance.random_range(0..400))).await;
        Ok(())
    }

    fn records(&mut self, kind: Kind) -> Vec<(EventId, Destination)> {
        let count = match kind {
            Kind::KafkaSingle | Kind::GatewayRecord | Kind::NativeRecord => 1,
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

    /// The reply's body; `None` where it is no 200.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Option<Value>, Gone> {
        let response = request.send().await.map_err(|_| Gone)?;
        let status = response.status();
        let text = response.text().await.map_err(|_| Gone)?;
        if status == 200 {
            return Ok(Some(serde_json::from_str(&text).unwrap_or_default()));
        }
        self.ledger.complain(format!("{status}: {text}"));
        Ok(None)
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
}
