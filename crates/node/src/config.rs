//! What a node is made of, as values. Where they come from (file, environment, flags) is the binary's business.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pinflow_archive::ArchiveSettings;
use pinflow_gateway::GatewaySettings;
use pinflow_lane::Trigger;
use pinflow_log::TopicConfig;
use pinflow_pipeline::Pipeline;
use pinflow_query::QueryLimits;
use pinflow_table::Upkeep;

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
    /// The stream lanes' micro-batches.
    pub trigger: Trigger,
    /// How tables are kept healthy.
    pub tables: Upkeep,
    /// What a query may take.
    pub query: QueryLimits,
    /// Whether jobs start by their schedules.
    pub schedule: bool,
    /// Tasks of a run that go on side by side.
    pub parallel_tasks: usize,
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

impl NodeConfig {
    /// The defaults for `pipeline` on `data`: 127.0.0.1, port 8080 or the next free one.
    pub fn new(data: PathBuf, pipeline: Arc<Pipeline>) -> Self {
        Self {
            data,
            pipeline,
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8080,
            next_free_port: true,
            host_names: Vec::new(),
            log: LogSettings::default(),
            topics: TopicConfig::default(),
            gateway: GatewaySettings { home: Some("/dashboard".to_owned()), ..GatewaySettings::default() },
            archive: ArchiveSettings::default(),
            archive_folder: None,
            trigger: Trigger::default(),
            tables: Upkeep::default(),
            query: QueryLimits::default(),
            schedule: true,
            parallel_tasks: 2,
        }
    }
}
