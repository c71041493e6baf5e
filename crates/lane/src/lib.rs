//! The two lanes of a stream: the same cleaning and the same writer, fed by the archive when a job runs ([`BatchLane`])
//! or by the log as events arrive ([`StreamLane`]).

mod batch;
mod changes;
mod chunk;
mod columns;
mod dead_letters;
mod error;
mod feed;
mod fresh;
mod freshness;
mod gathering;
mod handover;
mod history;
mod intake;
mod keys;
mod ledger;
mod letters;
mod look;
mod removal;
mod replay;
mod requests;

mod status;
mod stream;
mod swap;
mod versions;
mod writer;

pub use batch::{BatchLane, BatchRun, BatchSettings, Beside, ChangedDefinition, ChangedObjects, MissingRecords};
pub use changes::{LostRange, ObjectChange, ObjectFault};
pub use dead_letters::{DeadTable, LetterFilter, ListedLetter, dead_table, newest_letters};

pub use error::LaneError;
pub use fresh::{FreshRows, FreshTail};
pub use freshness::Freshness;
pub use handover::HandOvers;
pub use ledger::archive_changes;
pub use removal::{LetterAction, LetterOutcome};
pub use replay::{Replay, ReplaySource};
pub use requests::LetterDesk;

pub use status::{BatchStatus, LaneStatus, SharedStatus};
pub use stream::{StreamLane, Trigger};
pub use versions::{Point, TableVersion, TableVersions};
pub use writer::{LaneParts, LaneWriter};
