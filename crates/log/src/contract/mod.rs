//! What every [`EventLog`] promises, as tests. Each backend runs all of them:
//!
//! ```text
//! async fn fresh() -> Fixture { Fixture::new(|clock| MemoryLog::new(clock)) }
//! pinflow_log::contract_tests!(fresh);
//! ```
//!
//! The crate that does so needs tokio with `macros` and `rt-multi-thread`.

#![allow(clippy::unwrap_used)]

mod altering;
mod appends;
mod consumer_offsets;
mod deletion;
mod reads;
mod retention;
mod topics;

pub use altering::*;
pub use appends::*;
pub use consumer_offsets::*;
pub use deletion::*;
pub use reads::*;
pub use retention::*;
pub use topics::*;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use pinflow_event::{Clock, ManualClock, NewRecord, Offset, Partition, Record, Timestamp, TopicName, TopicPartition};

use crate::{EventLog, ReadLimit, TopicConfig};

/// Runs the whole contract: a test a promise. `$fresh` is an async function that makes a [`Fixture`](crate::contract::Fixture).
#[macro_export]
macro_rules! contract_tests {
    ($fresh:path) => {
        $crate::contract_tests! { $fresh:
            a_new_topic_is_empty, topics_are_listed_by_name, a_topic_is_made_once, impossible_topics_are_refused,
            unknown_places_are_refused, records_keep_their_order_and_get_the_next_offsets,
            an_append_to_several_partitions_answers_in_its_own_order, one_bad_record_refuses_the_whole_append,
            an_append_of_nothing_is_fine, a_record_comes_back_as_it_was_sent, a_record_without_a_time_gets_the_arrival_time,
            large_records_are_kept, a_record_above_the_limit_is_refused, a_dropped_append_stores_all_or_nothing,
            concurrent_appends_are_whole_and_in_order, a_read_stops_at_its_limits,
            a_read_returns_the_first_record_however_large, a_read_outside_the_bounds_is_refused,
            small_reads_find_every_record, a_time_finds_the_first_record_at_or_after_it, a_wait_ends_with_the_next_record,
            many_waits_end_together, a_deleted_topic_is_gone_and_its_waits_end, a_topic_can_be_made_again_after_deletion, a_topic_may_be_deleted_under_load,
            a_closed_log_takes_and_gives_nothing, what_was_appended_before_closing_is_answered,
            retention_by_age_takes_what_is_old, retention_by_size_takes_the_oldest, retention_waits_for_every_reader,
            a_reader_may_go_back, a_released_reader_needs_nothing, retention_leaves_what_is_kept_forever,
            offsets_go_on_after_retention, an_altered_topic_is_kept_as_the_change_says, an_impossible_change_changes_nothing,
            added_partitions_are_heard_of,
            properties_are_set_and_removed, a_closed_partition_takes_nothing_and_keeps_what_it_has,
            partitions_may_be_made_and_closed_in_one_change, closing_under_load_is_one_moment,
            who_reads_a_topic_needs_its_new_partitions, a_closed_partition_is_emptied_by_retention,
            offsets_are_kept_by_group, a_group_may_have_any_name, a_commit_is_made_whole_or_not_at_all,
            a_forgotten_group_is_gone, the_offsets_of_a_deleted_topic_go_with_it, groups_commit_side_by_side,
            a_closed_log_keeps_no_offsets,
        }
    };
    ($fresh:path: $($promise:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::contract::$promise($fresh().await).await;
            }
        )*
    };
}

/// A fresh log for one test.
pub struct Fixture {
    /// The log, without any topics. Its segments, if it has such, are small: 4 KiB.
    pub log: Arc<dyn EventLog>,
    /// The clock that it was made with.
    pub clock: Arc<ManualClock>,
    /// What has to live as long as the log, such as its folder.
    pub keep: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("log", &self.log).finish_non_exhaustive()
    }
}

/// The time at the beginning of each test.
pub const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

impl Fixture {
    /// A fixture of the log that `make` makes.
    pub fn new<L: EventLog + 'static>(make: impl FnOnce(Arc<dyn Clock>) -> L) -> Self {
        Self::keeping((), make)
    }

    /// A fixture that keeps `keep` as long as the log.
    pub fn keeping<L: EventLog + 'static>(
        keep: impl Any + Send + Sync,
        make: impl FnOnce(Arc<dyn Clock>) -> L,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self { log: Arc::new(make(Arc::clone(&clock) as Arc<dyn Clock>)), clock, keep: Box::new(keep) }
    }

    /// Makes a topic with so many partitions, kept forever.
    async fn topic(&self, name: &str, partitions: u32) -> TopicName {
        self.topic_kept(name, TopicConfig { partitions, retention_age: None, ..TopicConfig::default() }).await
    }

    async fn topic_kept(&self, name: &str, config: TopicConfig) -> TopicName {
        let name = TopicName::new(name).unwrap();
        self.log.create_topic(&name, config).await.unwrap();
        name
    }

    /// Appends values to partition 0 in one call; returns their offsets.
    async fn append(&self, topic: &TopicName, values: &[&str]) -> Vec<u64> {
        let records = values.iter().map(|value| (Partition(0), text(value))).collect();
        self.log.append(topic, records).await.unwrap().iter().map(|at| at.offset.0).collect()
    }

    async fn read(&self, at: &TopicPartition, from: u64) -> Vec<Record> {
        self.log.read(at, Offset(from), UNLIMITED).await.unwrap()
    }
}

const UNLIMITED: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

fn text(value: &str) -> NewRecord {
    NewRecord::from_value(Bytes::copy_from_slice(value.as_bytes()))
}

fn first_partition(topic: &TopicName) -> TopicPartition {
    TopicPartition::new(topic.clone(), Partition(0))
}

fn values(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()).collect()
}

fn offsets(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.offset.0).collect()
}
