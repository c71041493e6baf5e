//! The way into the log, shared by all dialects.

use std::sync::Arc;
use std::time::Instant;

use pinflow_event::{NewRecord, Partition, TopicName};
use pinflow_log::{Appended, EventLog, LogError, TopicConfig, TopicDescription};

use crate::metrics::RequestMetrics;

/// Appends in a task of its own: a client that disconnects drops the handler, but neither the append nor its count.
///
/// # Errors
/// As [`EventLog::append`].
pub(crate) async fn append(
    log: &Arc<dyn EventLog>,
    metrics: &Arc<RequestMetrics>,
    topic: TopicName,
    records: Vec<(Partition, NewRecord)>,
) -> Result<Vec<Appended>, LogError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let (log, metrics) = (Arc::clone(log), Arc::clone(metrics));
    let bytes = records.iter().map(|(_, record)| record.size()).sum();
    let task = tokio::spawn(async move {
        let began = Instant::now();
        let appended = log.append(&topic, records).await?;
        metrics.accept(appended.len(), bytes, began.elapsed());
        Ok(appended)
    });
    task.await.unwrap_or_else(|failure| {
        Err(LogError::Backend { backend: "configured", reason: format!("the append did not end: {failure}") })
    })
}

/// The topic; made with `config` where it is unknown and a config is given.
///
/// # Errors
/// [`LogError::UnknownTopic`] without a config; else as [`EventLog::create_topic`].
pub(crate) async fn topic_or_create(
    log: &Arc<dyn EventLog>,
    topic: &TopicName,
    config: Option<TopicConfig>,
) -> Result<TopicDescription, LogError> {
    let (unknown, config) = match (log.topic(topic).await, config) {
        (Err(unknown @ LogError::UnknownTopic(_)), Some(config)) => (unknown, config),
        (found, _) => return found,
    };
    tracing::info!(%topic, partitions = config.partitions, "{unknown}: it is made now");
    match log.create_topic(topic, config).await {
        // Another request was quicker.
        Err(LogError::TopicExists(_)) => log.topic(topic).await,
        made => made,
    }
}
