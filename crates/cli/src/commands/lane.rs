//! `--lane batch|stream`.

use clap::ValueEnum;
use pinflow_dashboard::view::Lane as LaneView;
use pinflow_pipeline::Lane;

/// A lane, as the user names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LaneChoice {
    /// What jobs cleaned from the archive.
    Batch,
    /// What was cleaned as it arrived.
    Stream,
}

impl From<LaneChoice> for Lane {
    fn from(choice: LaneChoice) -> Self {
        match choice {
            LaneChoice::Batch => Lane::Batch,
            LaneChoice::Stream => Lane::Stream,
        }
    }
}

impl From<LaneChoice> for LaneView {
    fn from(choice: LaneChoice) -> Self {
        match choice {
            LaneChoice::Batch => LaneView::Batch,
            LaneChoice::Stream => LaneView::Stream,
        }
    }
}
