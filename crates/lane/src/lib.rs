//! The two lanes of a stream: the same cleaning and the same writer, fed by the archive when a job runs ([`BatchLane`])
//! or by the log as events arrive ([`StreamLane`]).

mod batch;
mod chunk;
mod columns;
mod dead_letters;
mod error;
mod fresh;
mod gathering;
mod intake;
mod keys;
mod removal;
mod requests;
mod status;
mod stream;
mod writer;

pub use batch::{BatchLane, BatchRun};
pub use dead_letters::{DeadTable, LetterFilter, ListedLetter, newest_letters, open_dead_table};
pub use error::LaneError;
pub use fresh::{FreshRows, FreshTail};
pub use removal::{LetterAction, LetterOutcome};
pub use requests::LetterDesk;
pub use status::{BatchStatus, LaneStatus, SharedStatus};
pub use stream::{StreamLane, Trigger};
pub use writer::{LaneParts, LaneWriter};
