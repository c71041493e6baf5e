//! The checked pipeline: what every other stage may rely on.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use pinflow_event::TopicName;

/// A text file of a pipeline folder, after the substitution of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Its path relative to the pipeline folder, for messages.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// A whole pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name: part of the application ids in the tables, so renaming a pipeline starts it anew.
    pub name: String,
    /// The variables after `--set` and the environment.
    pub variables: BTreeMap<String, String>,
    /// The streams, in the order of the file; at least one, names unique.
    pub streams: Vec<Stream>,
    /// The queries, sorted by `order` in their header, then by name.
    pub queries: Vec<Query>,
    /// The jobs, in the order of the file.
    pub jobs: Vec<Job>,
    /// The cases in `tests/*.yaml`.
    pub tests: Vec<TestCase>,
    /// `source.yaml`, where the folder has one: what the emulator draws its events from.
    pub source: Option<TextFile>,
}

impl Pipeline {
    /// The stream of that name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|s| s.name == name)
    }

    /// The query of that name.
    pub fn query(&self, name: &str) -> Option<&Query> {
        self.queries.iter().find(|q| q.name == name)
    }

    /// The job of that name.
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|j| j.name == name)
    }
}

/// One of the two ways from an event to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Archive, clean, table: when a job runs.
    Batch,
    /// Log, clean, table: as events arrive.
    Stream,
}

impl Lane {
    /// Both lanes, batch first.
    pub const ALL: [Lane; 2] = [Lane::Batch, Lane::Stream];

    /// `batch` or `stream`: also the schema that its tables have in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Batch => "batch",
            Lane::Stream => "stream",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What feeds a lane of a stream, and where it lands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneSpec {
    /// The topic that the lane reads.
    pub topic: TopicName,
    /// The table's folder name below the lane's tables, `[A-Za-z0-9_-]+`; the stream's name where nothing else is said.
    pub table: String,
}

/// One kind of event.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name, `[a-z][a-z0-9_]*`: the table's name in SQL.
    pub name: String,
    /// The batch lane's topic and table.
    pub batch: LaneSpec,
    /// The stream lane's topic and table.
    pub stream: LaneSpec,
    /// The column **of the cleaned row** that identifies an event: of several with the same value the first arrival wins, and a
    /// row where it is null is a dead letter. `None` keeps every row.
    pub key: Option<String>,
    /// How long a key is remembered after the commit that brought its row in. `None` remembers it for as long as the table.
    pub within: Option<Duration>,
    /// The fields that the JSON object may have.
    pub schema: Vec<Field>,
    /// What happens to fields that the schema lacks.
    pub unknown_fields: UnknownFieldPolicies,
    /// The cleaning `SELECT ... FROM input`.
    pub clean: TextFile,
}

impl Stream {
    /// What feeds `lane`, and where it lands.
    pub fn lane(&self, lane: Lane) -> &LaneSpec {
        match lane {
            Lane::Batch => &self.batch,
            Lane::Stream => &self.stream,
        }
    }
}

/// A field of the incoming JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, matched exactly.
    pub name: String,
    /// Its type.
    pub kind: FieldType,
    /// A record that lacks it, or has null there, is a dead letter.
    pub required: bool,
    /// What happens to a value of another type.
    pub wrong_type: WrongType,
}

/// The type of a field, by its name in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text. A number or a boolean is taken as its text.
    String,
    /// A whole number of 64 bits.
    Bigint,
    /// A floating-point number; whole numbers too.
    Double,
    /// `true` or `false`.
    Boolean,
}

impl FieldType {
    /// The name in SQL and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            FieldType::String => "string",
            FieldType::Bigint => "bigint",
            FieldType::Double => "double",
            FieldType::Boolean => "boolean",
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens to a record with a value of the wrong type in a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongType {
    /// The record is a dead letter.
    #[default]
    Dead,
    /// The field is null (what Spark's `from_json` does), and counted.
    Null,
}

/// What happens to a field of an event that the schema lacks. It is counted in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownFieldPolicy {
    /// It is left out.
    #[default]
    Hold,
    /// The table gets a nullable text column of its name.
    Evolve,
    /// The record is a dead letter.
    Dead,
}

impl UnknownFieldPolicy {
    /// All of them, in the order in which messages name them.
    pub const ALL: [UnknownFieldPolicy; 3] = [Self::Hold, Self::Evolve, Self::Dead];

    /// The name in `pipeline.yaml` and in `system.unknown_fields`.
    pub const fn as_str(self) -> &'static str {
        match self {
            UnknownFieldPolicy::Hold => "hold",
            UnknownFieldPolicy::Evolve => "evolve",
            UnknownFieldPolicy::Dead => "dead",
        }
    }
}

/// The policies for the fields that a stream's schema lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownFieldPolicies {
    /// For those that are not named.
    pub others: UnknownFieldPolicy,
    /// For single fields, by name.
    pub named: BTreeMap<String, UnknownFieldPolicy>,
}

impl UnknownFieldPolicies {
    /// The policy for the field `name`.
    pub fn of(&self, name: &str) -> UnknownFieldPolicy {
        self.named.get(name).copied().unwrap_or(self.others)
    }

    /// Whether any field may become a column.
    pub fn may_evolve(&self) -> bool {
        self.others == UnknownFieldPolicy::Evolve
            || self.named.values().any(|policy| *policy == UnknownFieldPolicy::Evolve)
    }
}

/// A question that the pipeline answers.
#[derive(Clone, Debug)]
pub struct Query {
    /// The file's name without `.sql`: the table of its answers is `result.<name>`.
    pub name: String,
    /// The question in words, from the header comment.
    pub title: String,
    /// How a picture of the answer looks, from the header comment.
    pub chart: Option<Chart>,
    /// The `SELECT`; unqualified table names are streams on the chosen lane.
    pub sql: TextFile,
}

/// A picture of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// A bar for each row.
    Bar,
    /// A line through the rows.
    Line,
}

/// Tasks that run together, on a schedule or when asked.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// `@hourly`, `@daily`, ... or five cron fields, UTC. `None` runs when asked alone.
    pub schedule: Option<String>,
    /// How often a failed task is tried again.
    pub retries: u32,
    /// The pause before each further try.
    pub retry_delay: Duration,
    /// The tasks: names unique, `after` without cycles, sorted so that a task comes after those it waits for.
    pub tasks: Vec<Task>,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name in the job, as in `clean.pin`.
    pub name: String,
    /// The names of the tasks that must have succeeded before.
    pub after: Vec<String>,
    /// What it does.
    pub work: Work,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Runs the batch lane of a stream over all that is acknowledged by then.
    Clean {
        /// The stream.
        stream: String,
        /// Builds the table anew from all that is archived, in place of cleaning what is new.
        full: bool,
    },
    /// Answers a query on the batch tables into `result.<query>`.
    Query {
        /// The query.
        query: String,
    },
    /// Compares the two lanes of a stream; a difference fails the task.
    Reconcile {
        /// The stream.
        stream: String,
    },
}

/// A case of `tests/*.yaml`: events in, rows and dead letters out.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// The file that it stands in.
    pub file: PathBuf,
    /// The line that it begins on.
    pub line: u64,
    /// What it shows, in words.
    pub name: String,
    /// Streams that get events, in the order given.
    pub streams: Vec<TestStream>,
    /// Queries asked after all events: name and the rows expected, in any order.
    pub answers: Vec<(String, Vec<serde_json::Value>)>,
}

/// The part of a test case about one stream.
#[derive(Clone, Debug)]
pub struct TestStream {
    /// The stream.
    pub stream: String,
    /// The raw bytes of each event, in arrival order.
    pub events: Vec<Vec<u8>>,
    /// The cleaned rows as JSON objects, in any order; a row expected here need not name every column. `None` does not look.
    pub rows: Option<Vec<serde_json::Value>>,
    /// The dead letters, in arrival order. `None` expects none.
    pub dead: Option<Vec<TestDead>>,
}

/// A dead letter that a test expects.
#[derive(Clone, Debug)]
pub struct TestDead {
    /// The number of the event, from 0.
    pub event: usize,
    /// A part of its reason.
    pub reason: String,
}
