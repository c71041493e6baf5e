//! What a node is made of, as values. Where they come from (file, environment, flags) is the binary's business.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use pinflow_archive::ArchiveSettings;
use pinflow_gateway::GatewaySettings;
use pinflow_lane::{BatchSettings, Trigger};
use pinflow_log::TopicConfig;
use pinflow_pipeline::Pipeline;
use pinflow_query::QueryLimits;
use pinflow_server::Limits;
use pinflow_table::Upkeep;

use crate::crash::CrashPoint;

/// Everything that can be set about a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The data folder: log, archive, tables, runs. Made where it is missing. One process at a time has it.
    pub data: PathBuf,
    /// The pipeline that it runs.
    pub pipeline: Arc<Pipeline>,
    /// The address that it listens on.
    pub host: IpAddr,
    /// The port; 0 takes any free one.
    pub port: u16,
    /// Where the port is taken, the next free one of the hundred after it is used instead of giving up.
    pub next_free_port: bool,
    /// Further addresses that it listens on, as those where clients look for Kafka REST or Kinesis.
    pub listen: Vec<ListenAddress>,
    /// The certificate that clients know the node by.
    pub tls: TlsSettings,
    /// Who may use it.
    pub access: AccessSettings,
    /// What connections may take.
    pub limits: Limits,
    /// Names besides `localhost` and IP addresses under which people reach the dashboard.
    pub host_names: Vec<String>,
    /// The log.
    pub log: LogSettings,
    /// How the pipeline's own topics are kept.
    pub topics: TopicConfig,
    /// The gateway.
    pub gateway: GatewaySettings,
    /// The archive.
    pub archive: ArchiveSettings,
    /// Where its objects are; `None` is the folder `archive` of the data folder.
    pub archive_folder: Option<PathBuf>,
    /// Whether the topics that only stream lanes read are archived, too, so that a replay of any age finds their records.
    pub archive_stream_topics: bool,
    /// How batch lanes meet changes behind their backs.
    pub batch: BatchSettings,
    /// The stream lanes' micro-batches.
    pub trigger: Trigger,
    /// How much of a stream that is not committed yet one question may clean.
    pub fresh: FreshLimits,
    /// How tables are kept healthy.
    pub tables: Upkeep,
    /// What a query may take.
    pub query: QueryLimits,
    /// What answers other tools.
    pub serving: ServingSettings,
    /// How long a replay that is ready is kept for a yes while nobody looks at it. The log keeps records for it meanwhile.
    pub replay_patience: Duration,
    /// Whether jobs start by their schedules.
    pub schedule: bool,
    /// Tasks of a run that go on side by side.
    pub parallel_tasks: usize,
    /// Where the process dies on purpose, for tests.
    pub crash: Option<Arc<CrashPoint>>,
}

/// How the embedded log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Bytes after which a new segment file is begun. Retention deletes whole segments.
    pub segment_bytes: u64,
    /// Bytes that may wait to be stored before clients are told to come back later.
    pub max_waiting_bytes: usize,
    /// How often retention is enforced.
    pub retention_interval: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, max_waiting_bytes: 64 << 20, retention_interval: Duration::from_secs(60) }
    }
}

/// The certificate and its key, both PEM; both or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate, followed by those that lead to its root.
    pub certificate: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
}

/// Who may use the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// The file of the access list; `None` lets anyone do everything.
    pub file: Option<PathBuf>,
    /// Without an access list the node listens on addresses that others reach, too.
    pub allow_anonymous: bool,
}

/// An address to listen on: `127.0.0.1:8082`, or `http://127.0.0.1:8082` for one without TLS where the node has a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// Without TLS in any case.
    pub plain: bool,
    /// Address and port.
    pub address: SocketAddr,
}

impl FromStr for ListenAddress {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix("http://");
        Ok(Self { plain: bare.is_some(), address: bare.unwrap_or(text).trim_end_matches('/').parse()? })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.plain { "http://" } else { "" }, self.address)
    }
}

/// What answers other tools than the node's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServingSettings {
    /// The address that PostgreSQL's clients reach; `None` serves none.
    pub postgres: Option<SocketAddr>,
}

/// How much a question about a stream cleans at most, before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshLimits {
    /// Records.
    pub records: usize,
    /// Bytes of records.
    pub bytes: usize,
}

impl Default for FreshLimits {
    fn default() -> Self {
        Self { records: 200_000, bytes: 128 << 20 }
    }
}

impl NodeConfig {
    /// The defaults for `pipeline` on `data`: 127.0.0.1, port 8080 or the next free one.
    pub fn new(data: PathBuf, pipeline: Arc<Pipeline>) -> Self {
        Self {
            data,
            pipeline,
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8080,
            next_free_port: true,
            listen: Vec::new(),
            tls: TlsSettings::default(),
            access: AccessSettings::default(),
            limits: Limits::default(),
            host_names: Vec::new(),
            log: LogSettings::default(),
            topics: TopicConfig::default(),
            gateway: GatewaySettings { home: Some("/dashboard".to_owned()), ..GatewaySettings::default() },
            archive: ArchiveSettings::default(),
            archive_folder: None,
            archive_stream_topics: false,
            batch: BatchSettings::default(),
            trigger: Trigger::default(),
            fresh: FreshLimits::default(),
            tables: Upkeep::default(),
            query: QueryLimits::default(),
            serving: ServingSettings::default(),
            replay_patience: Duration::from_secs(600),
            schedule: true,
            parallel_tasks: 2,
            crash: None,
        }
    }
}
