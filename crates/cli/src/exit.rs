//! How the program ends: the statuses of `docs/cli.md`.

use std::io;
use std::process::ExitCode;

use pinflow_node::NodeError;
use pinflow_pipeline::PipelineError;

use crate::config::ConfigError;
use crate::reach::ReachError;

/// The program's exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Success,
    /// It did not work.
    Failed,
    /// Wrong usage, or an invalid pipeline or configuration.
    Invalid,
    /// The lanes differ, or the counts do not balance.
    Unequal,
    /// There is no node where one is needed.
    Unreachable,
    /// Another process has the data folder.
    InUse,
    /// Ended by Ctrl-C or SIGTERM before it was done.
    Interrupted,
    /// Nobody reads stdout any more, as with `| head`.
    PipeClosed,
}

/// What `--help` says about them.
pub const HELP: &str = "Exit status:
  0    done
  1    it did not work: a failed job or test, a broken table, an unreachable database
  2    wrong usage, or an invalid pipeline or configuration
  3    the lanes differ, or the counts do not balance
  4    no node answers, and there is no data folder
  5    another process uses the data folder
  130  interrupted before it was done";

impl Status {
    /// The status for an error.
    pub fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Status::Failed)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = cause.downcast_ref::<NodeError>() {
            return match error {
                NodeError::InUse { .. } => Some(Status::InUse),
                NodeError::Pipeline(_)
                | NodeError::Unknown { .. }
                | NodeError::Point { .. }
                | NodeError::Access(_)
                | NodeError::Tls(_)
                | NodeError::HalfOfTls
                | NodeError::Exposed { .. } => Some(Status::Invalid),
                _ => None,
            };
        }
        if let Some(error) = cause.downcast_ref::<ReachError>() {
            return match error {
                ReachError::Unreachable { .. } | ReachError::NoData { .. } => Some(Status::Unreachable),
                ReachError::Refused { invalid, .. } => Some(if *invalid { Status::Invalid } else { Status::Failed }),
            };
        }
        if cause.is::<ConfigError>() {
            return Some(Status::Invalid);
        }
        if let Some(error) = cause.downcast_ref::<PipelineError>() {
            return Some(if matches!(error, PipelineError::Write { .. }) { Status::Failed } else { Status::Invalid });
        }
        let io = cause.downcast_ref::<io::Error>()?;
        (io.kind() == io::ErrorKind::BrokenPipe).then_some(Status::PipeClosed)
    }

    const fn code(self) -> u8 {
        match self {
            Status::Success | Status::PipeClosed => 0,
            Status::Failed => 1,
            Status::Invalid => 2,
            Status::Unequal => 3,
            Status::Unreachable => 4,
            Status::InUse => 5,
            Status::Interrupted => 130,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status.code())
    }
}
