//! Raw events as objects, each exactly once, in the layout of Confluent's S3 sink connector.
//!
//! An object holds a contiguous range of offsets that begins with the one in its name, so that what is archived can be read
//! off the objects alone. Where a partitioner spreads a range over several objects, a manifest beside them says which has which. [`Archive`] follows the log and writes them; [`ArchiveReader`] finds and reads them, also those that
//! the connector or a human wrote. What stands in an object is said in [`ObjectKind`].
//!
//! Invariant: an object is durable before the log hears that its records are no longer needed. On a local folder that takes
//! `pinflow_store::DurableLocalStore`, because `object_store`'s own does not fsync.

mod archive;
mod assembly;
mod batches;
mod choice;
mod encoding;
mod error;
mod fetch;
mod format;
mod layout;
mod listing;
mod manifest;
mod open_group;
mod parquet_rows;
mod partition;
mod partitioner;
mod reader;
mod records;
mod settings;
mod status;
mod stored;
mod writer;

pub use archive::Archive;
pub use batches::{ArchivedBatch, EmptyObjects, RecordBatches};
pub use error::ArchiveError;
pub use layout::{ArchiveObject, ObjectKind, Offsets, Packing, Strangers};
pub use listing::{ObjectListing, Survey};
pub use reader::{ArchiveExtent, ArchiveReader};
pub use records::ArchivedRecords;
pub use settings::{
    ArchiveSettings, Compression, Format, ParquetCodec, PartitionerKind, ReadSettings, TimestampExtractor,
};
pub use status::PartitionStatus;
pub use stored::StoredObject;
pub use writer::ArchiveWriter;
