//! The way into the log, shared by all dialects.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pinflow_event::{NewRecord, Partition, TopicName};
use pinflow_log::{Appended, EventLog, LogError, TopicConfig, TopicDescription};

use crate::metrics::RequestMetrics;

/// Appends. A client that disconnects drops the handler, but neither the append nor its count.
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
    let append = async move {
        let began = Instant::now();
        let appended = log.append(&topic, records).await?;
        metrics.accept(appended.len(), bytes, began.elapsed());
        Ok(appended)
    };
    Unbroken(Some(Box::pin(append))).await
}

/// A future that goes on in a task of its own where it is dropped before its end. A task for each would cost more than all
/// that the gateway does with a small request; clients seldom go.
struct Unbroken<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Future for Unbroken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out meanwhile: what panics is not polled again.
        let mut future = self.0.take().expect("a future that has ended is not polled");
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(future);
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Unbroken<F> {
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
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
