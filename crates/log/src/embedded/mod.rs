//! A log in files on this machine. An append is answered once its bytes are on disk.
//!
//! ```text
//! <folder>/~lock                                      held while a process has the log open
//! <folder>/~groups/<number>.json                      what a consumer group has committed
//! <folder>/<topic>/topic.json                         how the topic is kept
//! <folder>/<topic>/<partition>/<base offset>.log      a segment (see `frame` for its bytes)
//! <folder>/<topic>/<partition>/earliest               where the partition begins, once retention deleted something
//! ```
//!
//! The way of an append: the caller's task checks, measures and encodes the records ([`batches`]), takes room in the
//! [`backlog`], and puts one frame a partition into the [`queue`] of the partition's [`committer`], which gives offsets,
//! writes, syncs, publishes and answers ([`writer`]). A read opens the segment ([`reader`]). [`recovery`] says what a crash
//! leaves and how it is mended, [`disk`] is where tests make the disk fail.

mod alter;
mod backlog;
mod batches;
mod committer;
mod consumer_offsets;
mod counts;
mod disk;
mod durable_file;
mod encoding;
mod event_log;
mod frame;
mod groups;
mod health;
mod index;
mod options;
mod partition;
mod queue;
mod reader;
mod recovery;
mod retention;
mod scan;
mod segment;
mod store;
mod stuffing;
mod topic;
mod topic_file;
mod topic_folder;
mod writer;

pub use disk::{Disk, LocalDisk};
pub use event_log::EmbeddedLog;
pub use options::EmbeddedOptions;
