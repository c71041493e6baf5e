//! What can be wrong with the configuration.

use std::path::PathBuf;

use super::Origin;

/// A configuration or a pipeline that is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no YAML, or not of the right shape.
    #[error("{}:{line}: {problem}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting `{key}`\n  hint: {hint}")]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Where.
        origin: Origin,
        /// What may have been meant.
        hint: String,
    },
    /// There is no such variable of the environment.
    #[error("the environment has `{name}`, which sets nothing\n  hint: {hint}")]
    UnknownVariable {
        /// Its name.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// Something is not of the form `KEY=VALUE`.
    #[error("{flag} {text}: write KEY=VALUE")]
    Assignment {
        /// The flag that it was given to.
        flag: &'static str,
        /// What was given.
        text: String,
    },
    /// The value of a setting is wrong.
    #[error("{origin}: the setting `{key}`: {problem}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What is wrong.
        problem: String,
        /// Where it was set.
        origin: Origin,
    },
    /// The crash point that a test asks for is none.
    #[error("{variable}: {problem}")]
    CrashPoint {
        /// The variable of the environment.
        variable: &'static str,
        /// What is wrong.
        problem: pinflow_node::CrashPointError,
    },
    /// The pipeline is wrong: everything that is.
    #[error("{}", .0.join("\n"))]
    Pipeline(Vec<String>),
    /// The pipeline cannot do what was asked for.
    #[error("{problem}\n  hint: {hint}")]
    Unfit {
        /// What it lacks.
        problem: String,
        /// What to do.
        hint: String,
    },
}
