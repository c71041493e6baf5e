//! What the API and the page show: plain data, in the shape of its JSON.
//!
//! Times are milliseconds since the Unix epoch, durations milliseconds, counters never fall while a stage
//! lives and begin at zero again when it restarts. The page's scripts read these names: a rename is a change
//! of the API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What does not change while a node runs.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// The pipeline's name.
    pub pipeline: String,
    /// The pipeline's variables that a user may see; leave secrets out.
    pub variables: BTreeMap<String, String>,
    /// The version of the binary.
    pub version: String,
    /// When the node started.
    pub started_at_ms: i64,
    /// Where the node listens, the one for people first.
    pub urls: Vec<String>,
    /// The folder that holds everything.
    pub data_folder: String,
    /// The streams, in the order of the pipeline.
    pub streams: Vec<String>,
    /// The jobs, in the order of the pipeline.
    pub jobs: Vec<String>,
}

/// How much of a job is done: all of it, unless a task is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// This task alone.
    pub task: Option<String>,
    /// Tasks that clean build their tables anew.
    #[serde(default)]
    pub full: bool,
    /// Those tables may lack records that the archive has no more.
    #[serde(default)]
    pub accept_missing: bool,
}

/// One of the two ways from an event to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Archive, clean, table: when a job runs.
    Batch,
    /// Log, clean, table: as events arrive.
    Stream,
}

/// What a question's names mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The lane whose tables are meant by names without a schema.
    pub lane: Lane,
    /// Whether `stream.*` leaves out what is acknowledged but not committed yet.
    pub committed: bool,
}

impl From<Lane> for Scope {
    fn from(lane: Lane) -> Self {
        Self { lane, committed: false }
    }
}

/// Whether the node does all its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `ok` or `degraded`.
    pub state: HealthState,
    /// What is wrong and what to do about it, a sentence each; empty while all is well.
    pub reasons: Vec<String>,
}

/// The verdict of a [`Health`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// Everything works.
    #[default]
    Ok,
    /// A stage has stopped or falls behind.
    Degraded,
}

/// The node's counters at one moment, from which the dashboard computes rates.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Whether all stages work.
    pub health: Health,
    /// What the gateway took.
    pub gateway: GatewayCounters,
    /// Where the events of each stream stand on each lane.
    pub balance: Vec<BalanceRow>,
    /// How the stream lane gets on, a stream each.
    pub streams: Vec<StreamProgress>,
    /// Questions answered, by jobs and by people.
    pub queries: u64,
}

/// What the gateway took, since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GatewayCounters {
    /// HTTP requests, refused ones too.
    pub requests: u64,
    /// Records acknowledged.
    pub records: u64,
    /// Bytes of the records acknowledged.
    pub bytes: u64,
    /// Requests refused, by the code that the client saw.
    pub errors: BTreeMap<String, u64>,
}

/// Where the events of a stream stand on a lane: every accepted one is somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceRow {
    /// The lane.
    pub lane: Lane,
    /// The stream.
    pub stream: String,
    /// Records acknowledged by the log.
    pub accepted: u64,
    /// Records stored as raw objects; `None` on a lane that has no archive.
    pub archived: Option<u64>,
    /// Rows in the clean table.
    pub committed: u64,
    /// Records whose key was there already.
    pub duplicates: u64,
    /// Records that the cleaning `SELECT` leaves out.
    pub filtered: u64,
    /// Records that could not be cleaned.
    pub dead: u64,
    /// Dead letters that somebody gave up.
    pub dropped: u64,
    /// Records that the lane has not worked on yet.
    pub in_flight: u64,
    /// Whether accepted = committed + duplicates + filtered + dead + dropped + in flight.
    pub balances: bool,
}

impl BalanceRow {
    /// The records that the lane is done with.
    pub fn processed(&self) -> u64 {
        self.committed + self.duplicates + self.filtered + self.dead + self.dropped
    }
}

/// How the stream lane gets on with a stream, since the node started unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct StreamProgress {
    /// The stream.
    pub stream: String,
    /// Records that arrived in the lane's topic.
    pub input_rows: u64,
    /// Records that finished micro-batches took in.
    pub processed_rows: u64,
    /// Micro-batches finished.
    pub batches: u64,
    /// The time spent in those micro-batches.
    pub batch_ms: u64,
    /// How long the latest micro-batch took; `None` before the first.
    pub last_batch_ms: Option<u64>,
    /// How long half of the records of the latest micro-batch waited, at most, from their arrival to its commit.
    pub freshness_p50_ms: Option<u64>,
    /// How long 99 of 100 of them waited at most.
    pub freshness_p99_ms: Option<u64>,
    /// Distinct keys in the table; `None` for a stream without a key.
    pub distinct_keys: Option<u64>,
    /// Records that wait.
    pub lag_records: u64,
    /// The age of the oldest record that waits; `None` where none does.
    pub lag_ms: Option<u64>,
    /// When the lane last committed to the table, before a restart too.
    pub last_commit_ms: Option<i64>,
}

/// A run of a job.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// The job.
    pub job: String,
    /// What started it, as in `schedule`, `api`, `cli`.
    pub trigger: String,
    /// How it stands.
    pub state: RunState,
    /// When it started.
    pub started_ms: i64,
    /// When it ended; `None` while it runs.
    pub ended_ms: Option<i64>,
    /// Its tasks, each after those that it waits for.
    pub tasks: Vec<TaskView>,
}

/// A task of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskView {
    /// Its name in the job.
    pub name: String,
    /// The tasks that it waits for.
    pub after: Vec<String>,
    /// How it stands.
    pub state: RunState,
    /// How often it was tried.
    pub attempts: u32,
    /// When the first attempt began.
    pub started_ms: Option<i64>,
    /// When the last attempt ended; `None` while it runs.
    pub ended_ms: Option<i64>,
    /// What it says about its success.
    pub note: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// How a run or a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Failed, to be tried again after a pause.
    Retrying,
    /// Done.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Not begun because a task before it failed.
    Skipped,
    /// Stopped before its end.
    Cancelled,
    /// The node ended before it did.
    Interrupted,
}

/// A column of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its SQL type, as in `bigint`, `string`, `timestamp`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The latest answer of a query of the pipeline.
#[derive(Clone, Debug, Serialize)]
pub struct AnswerView {
    /// The query's name.
    pub name: String,
    /// The question in words.
    pub title: String,
    /// How its picture looks, if it has one.
    pub chart: Option<ChartView>,
    /// The columns; empty where it was never answered.
    pub columns: Vec<Column>,
    /// The first rows, a value for each column.
    pub rows: Vec<Vec<Value>>,
    /// All rows that the answer has.
    pub total_rows: u64,
    /// The run that answered it; `None` where it was never answered.
    pub run_id: Option<String>,
    /// When it was answered.
    pub run_time_ms: Option<i64>,
    /// How long it took.
    pub elapsed_ms: Option<u64>,
}

/// A picture of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChartView {
    /// Its form.
    pub kind: ChartKind,
    /// The column along the axis.
    pub x: String,
    /// The column that gives the size.
    pub y: String,
    /// The column that splits bars or lines into groups.
    pub group: Option<String>,
}

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartKind {
    /// A bar for each row.
    Bar,
    /// A line through the rows.
    Line,
}

/// What a query gave.
#[derive(Clone, Debug, Serialize)]
pub struct QueryResult {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, a value for each column.
    pub rows: Vec<Vec<Value>>,
    /// Whether there were more rows than asked for.
    pub truncated: bool,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// A record that a lane could not clean.
#[derive(Clone, Debug, Serialize)]
pub struct DeadLetter {
    /// The lane.
    pub lane: Lane,
    /// The topic that it came from.
    pub topic: String,
    /// The partition of the topic.
    pub partition: u32,
    /// The offset in the partition.
    pub offset: u64,
    /// When the record arrived; the archive, and so the batch lane, keeps no times.
    pub arrived_ms: Option<i64>,
    /// When the lane met it last.
    pub rejected_ms: i64,
    /// Why it could not be cleaned.
    pub reason: String,
    /// The schema's field or the SQL file, with its line where that is known, on which it failed.
    pub place: Option<String>,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its bytes as text, in a list the first of them; what is not UTF-8 is shown as `�`.
    pub raw: String,
    /// All of its bytes in base64, where it is shown alone and `raw` is not the same.
    pub raw_base64: Option<String>,
}

/// Which dead letters of a stream are meant: those for which all that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LetterSelection {
    /// On this lane.
    pub lane: Option<Lane>,
    /// In this partition.
    pub partition: Option<u32>,
    /// From this offset on.
    pub from: Option<u64>,
    /// Before this offset.
    pub to: Option<u64>,
    /// Rejected at that time or later.
    pub since_ms: Option<i64>,
    /// With this text in their reason.
    pub reason: Option<String>,
}

/// What became of dead letters that were cleaned again or given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterOutcome {
    /// Those that are rows now.
    pub rows: u64,
    /// Those whose key was there already.
    pub duplicates: u64,
    /// Those that the SELECT's `WHERE` left out.
    pub filtered: u64,
    /// Those that were given up.
    pub dropped: u64,
    /// Those that were rejected again, and stay.
    pub dead: u64,
}

/// A row that does not match.
#[derive(Clone, Debug, Serialize)]
pub struct ReconcileSample {
    /// `missing_in_batch`, `missing_in_stream` or `different`.
    pub difference: &'static str,
    /// The row on the batch lane.
    pub batch: Option<serde_json::Map<String, Value>>,
    /// The row on the stream lane.
    pub stream: Option<serde_json::Map<String, Value>>,
    /// The columns that differ.
    pub columns: Vec<String>,
}

/// Whether both lanes hold the same rows of a stream.
#[derive(Clone, Debug, Serialize)]
pub struct ReconcileView {
    /// The stream.
    pub stream: String,
    /// Whether they do.
    pub equal: bool,
    /// Rows on the batch lane.
    pub batch_rows: u64,
    /// Rows on the stream lane.
    pub stream_rows: u64,
    /// Rows that the batch lane alone has.
    pub only_in_batch: u64,
    /// Rows that the stream lane alone has.
    pub only_in_stream: u64,
    /// Rows whose key both have, with other values.
    pub different: u64,
    /// In how many of these each column differs, of those that were looked at (10,000 at most).
    pub different_columns: BTreeMap<String, u64>,
    /// A few of the rows that do not match.
    pub samples: Vec<ReconcileSample>,
    /// What that means, where it is not plain: records in flight, a lane that never ran.
    pub note: Option<String>,
}
