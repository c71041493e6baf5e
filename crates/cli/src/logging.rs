//! Log lines on stderr.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LoggingSettings, Origin};
use crate::output::Terminal;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Begins to log.
///
/// # Errors
/// [`ConfigError::Value`] for directives that cannot be read.
pub fn start(settings: &LoggingSettings, terminal: &Terminal) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(directives(&settings.level)).map_err(|error| ConfigError::Value {
        key: "logging.level",
        problem: format!("`{}` is no level: {error}", settings.level),
        origin: Origin::Default,
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(terminal.colors());
    match settings.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// A bare level is ours alone: of the libraries only errors are shown, for they say little else that a user can act on.
/// The Delta kernel calls it an error that a table which is about to be made is not there yet.
fn directives(level: &str) -> String {
    if LEVELS.contains(&level) { format!("error,buoyant_kernel=off,pinflow={level}") } else { level.to_owned() }
}
