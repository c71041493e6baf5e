//! The vocabulary that every stage of pinflow shares: topics, partitions, offsets, records and time.
//!
//! Nothing here does I/O. Stages exchange these types and nothing else, so that a stage can be
//! replaced without its neighbours noticing.

mod clock;
mod position;
mod record;
mod topic;

pub use clock::{Clock, ManualClock, Timestamp};
pub use position::{Offset, Partition, Position};
pub use record::{Header, NewRecord, Record};
pub use topic::{InvalidTopicName, TopicName, TopicPartition};
