//! The two lanes of a stream: the same cleaning and the same writer, fed by the archive when a job runs ([`BatchLane`])
//! or by the log as events arrive ([`StreamLane`]).

mod batch;
mod chunk;
mod error;
mod fresh;
mod freshness;
mod gathering;
mod intake;
mod status;
mod stream;
mod writer;

pub use batch::{BatchLane, BatchRun};
pub use error::LaneError;
pub use fresh::{FreshRows, FreshTail};
pub use freshness::Freshness;
pub use status::{BatchStatus, LaneStatus, SharedStatus};
pub use stream::{StreamLane, Trigger};
pub use writer::{DeadTable, LaneParts, LaneWriter, open_dead_table};
