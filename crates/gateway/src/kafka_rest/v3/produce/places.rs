//! Which partition a record goes to. A closed partition (a Kinesis shard that was split or merged) takes none.

use pinflow_event::{NewRecord, Partition, TopicPartition};
use pinflow_log::TopicDescription;

use super::failure::RecordFailure;
use crate::kafka_rest::partitioner::{StickyPartitioner, partition_of_key};

/// The partitions of a topic that take records.
pub(super) struct Places<'a> {
    topic: &'a TopicDescription,
    open: Vec<Partition>,
    limit: usize,
}

impl<'a> Places<'a> {
    /// Those of `topic`, for records of `limit` bytes at most.
    pub(super) fn new(topic: &'a TopicDescription, limit: usize) -> Self {
        let partitions = (0..topic.config.partitions).map(Partition);
        let open = partitions.filter(|partition| !topic.config.closed.contains(partition)).collect();
        Self { topic, open, limit }
    }

    /// The partition of a record: the one that it names, else the one of its key, else the one in turn.
    ///
    /// # Errors
    /// [`RecordFailure`] for a record that is too large, or a partition that does not take it.
    pub(super) fn find(
        &self,
        sticky: &StickyPartitioner,
        named: Option<u32>,
        record: &NewRecord,
    ) -> Result<Partition, RecordFailure> {
        let size = record.size();
        if size > self.limit {
            return Err(RecordFailure::too_large(size, self.limit));
        }
        let TopicDescription { name, config, .. } = self.topic;
        let open = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
        let index = match (named, &record.key) {
            (Some(number), _) if number >= config.partitions => {
                return Err(RecordFailure::unknown_partition(name.as_str(), number, config.partitions));
            }
            (Some(number), _) if config.closed.contains(&Partition(number)) => {
                let at = TopicPartition::new(name.clone(), Partition(number));
                return Err(RecordFailure::closed_partition(&at));
            }
            (Some(number), _) => return Ok(Partition(number)),
            (None, _) if open == 0 => return Err(RecordFailure::no_partition()),
            (None, Some(key)) => partition_of_key(key, open),
            (None, None) => sticky.next(name, open, size),
        };
        Ok(self.open[index.0 as usize])
    }
}
