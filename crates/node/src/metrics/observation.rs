//! What the stages have counted, at one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use pinflow_archive::PartitionStatus;
use pinflow_event::TopicName;
use pinflow_gateway::MetricsSnapshot;
use pinflow_lane::{LaneStatus, SharedStatus};
use pinflow_log::LogMetrics;
use pinflow_pipeline::Lane;

use crate::health::Part;
use crate::lag::{self, Lag};
use crate::view::View;

/// Everything that metrics are read from. The default is a node that has done nothing and has no streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    pub uptime: Duration,
    pub parts: Vec<Part>,
    pub gateway: MetricsSnapshot,
    pub log: LogMetrics,
    pub lanes: BTreeMap<(Lane, String), LaneStatus>,
    /// The same, with what is counted by histograms.
    pub statuses: BTreeMap<(Lane, String), SharedStatus>,
    /// Empty where the log cannot be read.
    pub lane_lags: BTreeMap<(Lane, String), Lag>,
    pub archive: Vec<PartitionStatus>,
    /// Empty where the log cannot be read.
    pub archive_lags: BTreeMap<TopicName, Lag>,
    pub queries: u64,
}

impl Observation {
    /// Asks all stages.
    pub async fn make(view: &View) -> Self {
        let stages = &view.stages;
        let statuses = stages.statuses.iter();
        let lanes = statuses.map(|(lane, status)| (lane.clone(), status.get())).collect();
        let unreadable = |error| tracing::debug!(%error, "the lag cannot be told");
        Self {
            uptime: view.uptime(),
            parts: view.parts(),
            gateway: view.gateway.metrics(),
            log: stages.log.metrics(),
            lanes,
            statuses: stages.statuses.clone(),
            lane_lags: lag::of_lanes(stages).await.map_err(unreadable).unwrap_or_default(),
            archive: stages.archive.status(),
            archive_lags: lag::of_archive(stages).await.map_err(unreadable).unwrap_or_default(),
            queries: view.queries(),
        }
    }
}
