//! What can be wrong with a pipeline folder, and how it is told.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong with a pipeline folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the pipeline folder.
    pub file: PathBuf,
    /// The line in it, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong, on which thing.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// All that is wrong with a pipeline folder: at least one problem, sorted by file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts `problems` and drops those that were found twice; `None` where there are none.
    pub(crate) fn from_found(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort();
        problems.dedup();
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// The problems.
    pub fn as_slice(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// Why a pipeline was not loaded or not written.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The folder holds no valid pipeline.
    #[error("{0}")]
    Invalid(Problems),
    /// A file of the built-in pipeline would overwrite one that is there; nothing was written.
    #[error("`{}` is there already, so nothing was written: choose an empty folder", .file.display())]
    FileExists {
        /// The first file in the way.
        file: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {source}; check the folder's permissions and the free space", .file.display())]
    Write {
        /// The file or folder.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl PipelineError {
    /// What is wrong with the folder; empty for the errors of writing.
    pub fn problems(&self) -> &[Problem] {
        match self {
            PipelineError::Invalid(problems) => problems.as_slice(),
            PipelineError::FileExists { .. } | PipelineError::Write { .. } => &[],
        }
    }
}
