//! Log lines on stderr.

use std::io;

use pinflow_node::{REQUEST_LOG_TARGET, RequestLog};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, Origin, Settings};
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
pub fn start(settings: &Settings, terminal: &Terminal) -> Result<(), ConfigError> {
    let logging = &settings.logging;
    let directives = directives(&logging.level, settings.request_log());
    let filter = EnvFilter::try_new(directives).map_err(|error| ConfigError::Value {
        key: "logging.level",
        problem: format!("`{}` is no level: {error}", logging.level),
        origin: Origin::Default,
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(terminal.colors());
    match logging.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// A bare level is ours alone: of the libraries only errors are shown, for they say little else that a user can act on.
/// The Delta kernel calls it an error that a table which is about to be made is not there yet.
/// Who wants a line for every request gets it at every level but `off`.
fn directives(level: &str, request_log: RequestLog) -> String {
    match (level, request_log) {
        (level, _) if !LEVELS.contains(&level) => level.to_owned(),
        ("error" | "warn", RequestLog::All) => {
            format!("error,buoyant_kernel=off,pinflow={level},{REQUEST_LOG_TARGET}=info")
        }
        _ => format!("error,buoyant_kernel=off,pinflow={level}"),
    }
}
