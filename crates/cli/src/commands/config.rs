//! `pinflow config`: what holds, and where it was said.

use clap::Args;
use serde_json::json;

use crate::config::{SETTINGS, reference_page};
use crate::exit::Status;
use crate::output::{Format, Rows};
use crate::session::Session;

/// Show every setting: its value, and where it comes from; secrets are hidden
#[derive(Debug, Args)]
pub struct Config {
    /// How they are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Writes the reference of all settings instead: defaults, meanings, environment, flags
    #[arg(long, conflicts_with = "format")]
    reference: bool,
}

impl Config {
    pub fn run(self, session: &Session) -> anyhow::Result<Status> {
        if self.reference {
            session.terminal.print(reference_page())?;
            return Ok(Status::Success);
        }
        let configuration = &session.configuration;
        let mut rows = Rows::new(&["setting", "value", "from"]);
        for setting in SETTINGS {
            let value = setting.shown(&configuration.settings);
            rows.rows.push(vec![json!(setting.key), json!(value), json!(configuration.origin(setting).to_string())]);
        }
        for (name, (value, origin)) in &configuration.variables {
            let value = if looks_secret(name) { "(hidden)" } else { value };
            rows.rows.push(vec![json!(format!("variables.{name}")), json!(value), json!(origin.to_string())]);
        }
        session.terminal.print(rows.text(self.format, session.terminal.width()))?;
        Ok(Status::Success)
    }
}

/// A pipeline does not say which of its variables are secrets; their names do.
fn looks_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "token"].iter().any(|word| name.contains(word))
}
