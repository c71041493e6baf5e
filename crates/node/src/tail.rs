//! A topic's records as they are in the log, for people to look at.

use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use futures::stream::{self, Stream};
use pinflow_event::{Offset, Partition, Record, TopicName, TopicPartition};
use pinflow_log::{EventLog, LogError, ReadLimit};
use serde::{Deserialize, Serialize};

use crate::error::NodeError;

/// How much is read at a time.
const READ: ReadLimit = ReadLimit { records: 500, bytes: 1 << 20 };

/// How often a tail that waits looks for partitions that were added.
const DISCOVER_INTERVAL: Duration = Duration::from_secs(1);

/// Where a tail begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailFrom {
    /// At the first record that is kept.
    Beginning,
    /// Behind the last record.
    End,
    /// So many records before the end of each partition.
    Last(u64),
}

/// A record as it is shown. What is not UTF-8 is shown as `\u{fffd}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailRecord {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The key.
    pub key: Option<String>,
    /// The event; `None` is a tombstone.
    pub value: Option<String>,
}

/// The records of `topic`, by partition and offset within what is read at a time; without `follow` up to the end as it is now.
pub(crate) fn tail(
    log: Arc<dyn EventLog>,
    topic: TopicName,
    from: TailFrom,
    follow: bool,
) -> impl Stream<Item = Result<TailRecord, NodeError>> + Send + 'static {
    let start = Tail { log, topic, from, follow, places: None, ready: Vec::new().into_iter(), ended: false };
    stream::unfold(start, |mut tail| async move {
        match tail.next().await {
            Ok(Some(record)) => Some((Ok(record), tail)),
            Ok(None) => None,
            Err(error) => {
                tail.ended = true;
                Some((Err(error.into()), tail))
            }
        }
    })
}

struct Tail {
    log: Arc<dyn EventLog>,
    topic: TopicName,
    from: TailFrom,
    follow: bool,
    /// Each partition with the next offset and, where the tail ends, the end.
    places: Option<Vec<Place>>,
    ready: std::vec::IntoIter<TailRecord>,
    ended: bool,
}

struct Place {
    at: TopicPartition,
    next: Offset,
    end: Offset,
}

impl Tail {
    async fn next(&mut self) -> Result<Option<TailRecord>, LogError> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if let Some(record) = self.ready.next() {
                return Ok(Some(record));
            }
            if self.places.is_none() {
                self.places = Some(self.begin().await?);
            }
            let Some(places) = &mut self.places else { continue };
            let mut found = Vec::new();
            for place in places.iter_mut().filter(|place| self.follow || place.next < place.end) {
                let records = self.log.read(&place.at, place.next, READ).await?;
                let within = records.into_iter().filter(|record| self.follow || record.offset < place.end);
                found.extend(within.map(|record| shown(&place.at, &record)));
                if let Some(last) = found.last().filter(|last| last.partition == place.at.partition.0) {
                    place.next = Offset(last.offset + 1);
                }
            }
            if found.is_empty() {
                if !self.follow {
                    return Ok(None);
                }
                let arrivals = places.iter().map(|place| self.log.wait_beyond(&place.at, place.next));
                tokio::select! {
                    (arrival, _, _) = select_all(arrivals) => arrival?,
                    () = tokio::time::sleep(DISCOVER_INTERVAL) => {}
                }
            }
            if self.follow {
                self.join_added().await?;
            }
            self.ready = found.into_iter();
        }
    }

    /// Follows the partitions that were added, from their beginning.
    async fn join_added(&mut self) -> Result<(), LogError> {
        let partitions = self.log.topic(&self.topic).await?.config.partitions;
        let places = self.places.get_or_insert_default();
        for partition in (0..partitions).map(Partition).skip(places.len()) {
            let at = TopicPartition::new(self.topic.clone(), partition);
            places.push(Place { at, next: Offset::ZERO, end: Offset::ZERO });
        }
        Ok(())
    }

    async fn begin(&self) -> Result<Vec<Place>, LogError> {
        let mut places = Vec::new();
        for partition in (0..self.log.topic(&self.topic).await?.config.partitions).map(Partition) {
            let at = TopicPartition::new(self.topic.clone(), partition);
            let bounds = self.log.bounds(&at).await?;
            let next = match self.from {
                TailFrom::Beginning => bounds.earliest,
                TailFrom::End => bounds.end,
                TailFrom::Last(records) => bounds.earliest.max(Offset(bounds.end.0.saturating_sub(records))),
            };
            places.push(Place { at, next, end: bounds.end });
        }
        Ok(places)
    }
}

fn shown(at: &TopicPartition, record: &Record) -> TailRecord {
    let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
    TailRecord {
        topic: at.topic.to_string(),
        partition: at.partition.0,
        offset: record.offset.0,
        timestamp_ms: record.timestamp.as_millis(),
        key: record.key.as_ref().map(text),
        value: record.value.as_ref().map(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::StreamExt;
    use pinflow_event::{ManualClock, NewRecord};
    use pinflow_log::{MemoryLog, TopicChange, TopicConfig};

    use super::*;

    /// Whoever follows sees what comes to a partition that was added, from its first record on.
    #[tokio::test]
    async fn a_tail_that_follows_takes_up_the_partitions_that_are_added() {
        let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
        let topic = TopicName::new("orders").unwrap();
        log.create_topic(&topic, TopicConfig::default()).await.unwrap();
        let mut tail = Box::pin(tail(Arc::clone(&log) as Arc<dyn EventLog>, topic.clone(), TailFrom::End, true));
        let waiting = futures::poll!(tail.next());
        assert!(waiting.is_pending());
        for partition in [1, 2] {
            let change = TopicChange { partitions: Some(partition + 1), ..TopicChange::default() };
            log.alter_topic(&topic, change).await.unwrap();
            log.append(&topic, vec![(Partition(partition), NewRecord::from_value("a"))]).await.unwrap();
            let record = tail.next().await.unwrap().unwrap();
            assert_eq!((record.partition, record.offset), (partition, 0));
        }
    }
}
