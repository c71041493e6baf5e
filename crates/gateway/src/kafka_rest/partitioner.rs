//! Which partition a record goes to where it names none: Kafka's Java client's rule.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pinflow_event::{Partition, TopicName};
use pinflow_log::TopicConfig;

/// Bytes after which keyless records move on to another partition (the Java client's `batch.size`).
const STICKY_BYTES: usize = 16 * 1024;

/// The partition of a key: the same one for as long as the topic keeps its number of partitions, which is at least 1.
pub(crate) fn partition_of_key(key: &[u8], partitions: u32) -> Partition {
    Partition((murmur2(key) & 0x7fff_ffff) % partitions)
}

/// How many partitions of a topic take records.
pub(crate) fn open_partitions(topic: &TopicConfig) -> u32 {
    topic.partitions.saturating_sub(u32::try_from(topic.closed.len()).unwrap_or(u32::MAX))
}

/// One of the partitions that take records, by its number among them.
pub(crate) fn open_partition(topic: &TopicConfig, number: Partition) -> Partition {
    if topic.closed.is_empty() {
        return number;
    }
    let mut open = (0..topic.partitions).map(Partition).filter(|partition| !topic.closed.contains(partition));
    open.nth(number.0 as usize).unwrap_or(number)
}

/// Murmur2 as Kafka has it: 32 bits, its own seed.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (blocks, tail) = data.as_chunks::<4>();
    for block in blocks {
        let mut k = u32::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Spreads keyless records: one partition until it has a batch's worth of bytes, then the next (KIP-794).
#[derive(Debug, Default)]
pub(crate) struct StickyPartitioner(Mutex<HashMap<TopicName, Sticky>>);

#[derive(Clone, Copy, Debug, Default)]
struct Sticky {
    partition: u32,
    bytes: usize,
}

impl StickyPartitioner {
    /// The partition of a keyless record of `size` bytes, in a topic with `partitions` (at least 1).
    pub(crate) fn next(&self, topic: &TopicName, partitions: u32, size: usize) -> Partition {
        if partitions == 1 {
            return Partition(0);
        }
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !topics.contains_key(topic) {
            topics.insert(topic.clone(), Sticky::default());
        }
        let Some(sticky) = topics.get_mut(topic) else { return Partition(0) };
        // The topic may have been made anew with fewer partitions.
        let partition = sticky.partition % partitions;
        sticky.bytes += size;
        if sticky.bytes >= STICKY_BYTES {
            *sticky = Sticky { partition: (partition + 1) % partitions, bytes: 0 };
        }
        Partition(partition)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn murmur2_is_kafkas() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("abc", 479_470_107),
            ("\"abc\"", 2_018_499_084),
            ("user-1", 1_404_122_828),
            ("\"user-1\"", -2_072_683_762),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_key_has_kafkas_partition() {
        for (key, partitions, partition) in
            [("\"user-1\"", 3, 1), ("\"user-1\"", 12, 10), ("abc", 3, 0), ("abc", 12, 3)]
        {
            assert_eq!(partition_of_key(key.as_bytes(), partitions), Partition(partition), "{key} of {partitions}");
        }
    }

    #[test]
    fn closed_partitions_are_passed_over() {
        let closed = [0, 2].map(Partition).into();
        let topic = TopicConfig { partitions: 5, closed, ..TopicConfig::default() };
        assert_eq!(open_partitions(&topic), 3);
        let open: Vec<u32> = (0..3).map(|number| open_partition(&topic, Partition(number)).0).collect();
        assert_eq!(open, [1, 3, 4]);
        assert_eq!(
            open_partition(&TopicConfig { partitions: 5, ..TopicConfig::default() }, Partition(3)),
            Partition(3)
        );
    }

    #[test]
    fn keyless_records_stick_for_a_batch_and_then_move_on() {
        let sticky = StickyPartitioner::default();
        let topic = TopicName::new("t").unwrap();
        let chosen: Vec<u32> = (0..9).map(|_| sticky.next(&topic, 3, STICKY_BYTES / 2).0).collect();
        assert_eq!(chosen, [0, 0, 1, 1, 2, 2, 0, 0, 1]);
        assert_eq!(sticky.next(&topic, 1, 1).0, 0);
        assert!(sticky.next(&topic, 2, 1).0 < 2);
    }
}
