//! How far archive and lanes are behind the log.

use std::collections::BTreeMap;
use std::time::Duration;

use pinflow_event::{Offset, Partition, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError, ReadLimit};
use pinflow_pipeline::Lane;

use crate::error::NodeError;
use crate::stages::{Stages, archived_topics};

/// The distance of a reader from the end of its topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// Records that the topic ever took.
    pub accepted: u64,
    /// Records that it has not taken.
    pub records: u64,
    /// The age of the oldest of them that the log still has.
    pub age: Duration,
}

/// The lag of every lane.
pub(crate) async fn of_lanes(stages: &Stages) -> Result<BTreeMap<(Lane, String), Lag>, NodeError> {
    let mut lags = BTreeMap::new();
    for ((lane, stream), status) in &stages.statuses {
        let topic = &stages.stream(stream)?.lane(*lane).topic;
        lags.insert((*lane, stream.clone()), behind(stages, topic, &status.get().position).await?);
    }
    Ok(lags)
}

/// The lag of the archive, by topic.
pub(crate) async fn of_archive(stages: &Stages) -> Result<BTreeMap<TopicName, Lag>, NodeError> {
    let archived = stages.archive.status();
    let mut lags = BTreeMap::new();
    for topic in archived_topics(&stages.config) {
        let own = archived.iter().filter(|part| part.topic == topic);
        let positions = own.filter_map(|part| Some((part.partition, part.next_offset?))).collect();
        let lag = behind(stages, &topic, &positions).await?;
        lags.insert(topic, lag);
    }
    Ok(lags)
}

async fn behind(stages: &Stages, topic: &TopicName, positions: &BTreeMap<Partition, Offset>) -> Result<Lag, NodeError> {
    let mut lag = Lag::default();
    for (at, end) in stages.ends(topic).await? {
        lag.accepted += end.0;
        let position = positions.get(&at.partition).copied().unwrap_or(Offset::ZERO);
        if position < end {
            lag.records += end.since(position);
            lag.age = lag.age.max(age(stages, &at, position).await?);
        }
    }
    Ok(lag)
}

/// The age of the first record from an offset on. What retention let go of meanwhile is passed over.
async fn age(stages: &Stages, at: &TopicPartition, from: Offset) -> Result<Duration, NodeError> {
    const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 };
    let log: &dyn EventLog = &*stages.log;
    let read = match log.read(at, from, ONE).await {
        Err(LogError::OffsetOutOfRange { earliest, .. }) if earliest > from => log.read(at, earliest, ONE).await,
        read => read,
    };
    let arrived = read?.first().map(|record| record.timestamp);
    Ok(arrived.map_or(Duration::ZERO, |arrived| stages.clock.now().since(arrived)))
}
