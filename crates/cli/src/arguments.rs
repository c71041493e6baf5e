//! What the user writes on the command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser};

use crate::commands::Command;
use crate::config::{Assignments, ConfigError, Configuration, Origin, Setting, unknown_key};
use crate::exit;
use crate::output::ColorChoice;

/// Events in, clean tables and answers out: an ingestion node in one binary.
#[derive(Debug, Parser)]
#[command(name = "pinflow", version, after_help = "Start with `pinflow demo`.", after_long_help = exit::HELP)]
#[command(arg_required_else_help = true, propagate_version = true, max_term_width = 110)]
pub struct Arguments {
    #[command(flatten)]
    pub global: GlobalArguments,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub struct GlobalArguments {
    /// The data folder [default: pinflow-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<String>,
    /// The pipeline's folder [default: the one in the binary]
    #[arg(long, global = true, value_name = "DIR")]
    pipeline: Option<String>,
    /// The configuration file [default: pinflow.yaml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Gives a variable of the pipeline a value, as in `--set user_id=me`
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Gives a setting a value, as in `-c stream.trigger=1s`; `pinflow config` lists them
    #[arg(short = 'c', long = "setting", global = true, value_name = "KEY=VALUE")]
    setting: Vec<String>,
    /// The node to talk to [default: the one that runs on the data folder]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// Logs more: -v what is done, -vv details, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Says nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How log lines look: text or json
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Whether to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

impl Arguments {
    /// The configuration of this call: file, environment, flags.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn configuration(&self) -> Result<Configuration, ConfigError> {
        let mut flags = self.global.assignments()?;
        self.command.assign(&mut flags);
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            // What is no text can be neither a setting nor a variable.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Configuration::read(self.global.config.as_deref(), environment, flags)
    }
}

impl GlobalArguments {
    fn assignments(&self) -> Result<Assignments, ConfigError> {
        let mut flags = Assignments::default();
        for text in &self.setting {
            let (key, value) = split("-c", text)?;
            let origin = Origin::Flag("-c".to_owned());
            let setting = Setting::find(key).ok_or_else(|| unknown_key(key.to_owned(), origin.clone()))?;
            flags.settings.push((setting, value.to_owned(), origin));
        }
        for text in &self.set {
            let (name, value) = split("--set", text)?;
            flags.variables.push((name.to_owned(), value.to_owned(), Origin::Flag("--set".to_owned())));
        }
        let own = [
            ("data", "--data", &self.data),
            ("pipeline", "--pipeline", &self.pipeline),
            ("url", "--url", &self.url),
            ("logging.format", "--log-format", &self.log_format),
        ];
        for (key, flag, value) in own {
            if let Some(value) = value {
                flags.flag(key, flag, value);
            }
        }
        match self.verbose {
            0 => {}
            1 => flags.flag("logging.level", "--verbose", "info"),
            2 => flags.flag("logging.level", "--verbose", "debug"),
            _ => flags.flag("logging.level", "--verbose", "trace"),
        }
        Ok(flags)
    }
}

fn split<'a>(flag: &'static str, text: &'a str) -> Result<(&'a str, &'a str), ConfigError> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    parts.ok_or_else(|| ConfigError::Assignment { flag, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_in_the_table_of_settings_exists() {
        let command = Arguments::command();
        let all = std::iter::once(&command).chain(command.get_subcommands());
        let flags: Vec<String> = all
            .flat_map(|command| command.get_arguments())
            .filter_map(|arg| Some(format!("--{}", arg.get_long()?)))
            .collect();
        for flag in SETTINGS.iter().filter_map(|setting| setting.flag) {
            assert!(flags.iter().any(|known| known == flag), "{flag} is no flag");
        }
    }
}
