//! The two lanes of a stream: the same cleaning and the same writer, fed by the archive when a job runs ([`BatchLane`])
//! or by the log as events arrive ([`StreamLane`]).

mod batch;
mod chunk;
mod error;
mod feed;
mod fresh;
mod freshness;
mod gathering;
mod handover;
mod intake;
mod ledger;
mod letters;
mod replay;
mod status;
mod stream;
mod swap;
mod versions;
mod writer;

pub use batch::{BatchLane, BatchRun, BatchSettings, ChangedDefinition, ChangedObjects};
pub use error::LaneError;
pub use fresh::{FreshRows, FreshTail};
pub use freshness::Freshness;
pub use handover::HandOvers;
pub use ledger::{ObjectChange, ObjectFault};
pub use replay::{Replay, ReplaySource};
pub use status::{BatchStatus, LaneStatus, SharedStatus};
pub use stream::{StreamLane, Trigger};
pub use versions::{Point, TableVersion, TableVersions};
pub use writer::{DeadTable, LaneParts, LaneWriter, open_dead_table};
