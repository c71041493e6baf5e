//! What consumers may take up of this node.

use std::time::Duration;

/// The limits that keep consumers from filling the memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsumerLimits {
    /// Instances at most, over all groups.
    pub(crate) instances: usize,
    /// An instance that nobody used for so long is gone.
    pub(crate) instance_timeout: Duration,
}

/// The longest name of a group or an instance, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 256;
/// The most partitions that one instance may assign itself.
pub(super) const MAX_ASSIGNED_PARTITIONS: usize = 1_000;
/// The most topics that one subscription names.
pub(super) const MAX_SUBSCRIBED_TOPICS: usize = 1_000;
/// The longest topic pattern, in bytes.
pub(super) const MAX_PATTERN_BYTES: usize = 1_024;
/// The most memory that a compiled topic pattern takes, in bytes.
pub(super) const MAX_COMPILED_PATTERN_BYTES: usize = 64 << 10;
/// The longest metadata of a committed offset, in bytes (Kafka's `offset.metadata.max.bytes`).
pub(super) const MAX_METADATA_BYTES: usize = 4_096;
