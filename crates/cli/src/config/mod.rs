//! The configuration: a YAML file, then `PINFLOW_*` variables of the environment, then flags, the later the stronger.
//! Whatever is not known is refused, with the name that was probably meant.

mod environment;
mod error;
mod file;
mod form;
mod nearest;
mod reference;
mod settings;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pinflow_pipeline::{Overrides, Pipeline};

pub use error::ConfigError;
pub use file::unknown as unknown_key;
pub use form::duration;
pub use nearest::did_you_mean;
pub use reference::page as reference_page;
pub use settings::{ClientSettings, Settings};
pub use table::{SETTINGS, Setting};

/// The file that is read where no other is named, if it is there.
const DEFAULT_FILE: &str = "pinflow.yaml";

/// The settings, and where each of them comes from.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The values.
    pub settings: Settings,
    /// The origin of each setting that is not the default, by its key.
    origins: BTreeMap<&'static str, Origin>,
    /// Values for the variables of the pipeline.
    pub variables: BTreeMap<String, (String, Origin)>,
    /// The environment, from which a pipeline may take variables too.
    environment: BTreeMap<String, String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the file.
    File(PathBuf, u64),
    /// A variable of the environment.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => f.write_str(name),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}

/// What the file, the environment or the flags say: keys of settings, and variables of the pipeline.
#[derive(Debug, Default)]
pub struct Assignments {
    /// Keys of [`SETTINGS`] and their values.
    pub settings: Vec<(&'static Setting, String, Origin)>,
    /// Variables of the pipeline.
    pub variables: Vec<(String, String, Origin)>,
}

impl Assignments {
    /// Sets `key` to what `flag` said.
    pub fn flag(&mut self, key: &str, flag: &str, value: impl Into<String>) {
        let setting = Setting::find(key).expect("flags are declared in the table of settings");
        self.settings.push((setting, value.into(), Origin::Flag(flag.to_owned())));
    }
}

impl Configuration {
    /// Reads `file` (or `pinflow.yaml` in the working directory, if it is there), then `environment`, then `flags`.
    ///
    /// # Errors
    /// [`ConfigError`] for the first thing that is unknown or wrong.
    pub fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Assignments,
    ) -> Result<Self, ConfigError> {
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        let file = match file {
            Some(file) => file::read(file)?,
            None if Path::new(DEFAULT_FILE).is_file() => file::read(Path::new(DEFAULT_FILE))?,
            None => Assignments::default(),
        };
        let mut configuration = Self {
            settings: Settings::default(),
            origins: BTreeMap::new(),
            variables: BTreeMap::new(),
            environment: BTreeMap::new(),
        };
        for assignments in [file, environment::read(&environment)?, flags] {
            configuration.assign(assignments)?;
        }
        configuration.settings.node.crash = environment::crash_point(&environment)?;
        configuration.environment = environment;
        Ok(configuration)
    }

    fn assign(&mut self, assignments: Assignments) -> Result<(), ConfigError> {
        for (setting, value, origin) in assignments.settings {
            (setting.set)(&mut self.settings, &value).map_err(|problem| ConfigError::Value {
                key: setting.key,
                // The reason quotes the value.
                problem: if setting.secret { "the value is not valid".to_owned() } else { problem },
                origin: origin.clone(),
            })?;
            self.origins.insert(setting.key, origin);
        }
        for (name, value, origin) in assignments.variables {
            self.variables.insert(name, (value, origin));
        }
        Ok(())
    }

    /// Where the value of a setting comes from.
    pub fn origin(&self, setting: &Setting) -> Origin {
        self.origins.get(setting.key).cloned().unwrap_or(Origin::Default)
    }

    /// Whether somebody set `key`.
    pub fn is_set(&self, key: &str) -> bool {
        self.origins.contains_key(key)
    }

    /// Loads the pipeline that the settings name.
    ///
    /// # Errors
    /// [`ConfigError::Pipeline`] with everything that is wrong with it.
    pub fn load_pipeline(&self) -> Result<Arc<Pipeline>, ConfigError> {
        let set = self.variables.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
        let overrides = Overrides { set, environment: self.environment.clone() };
        let loaded = match &self.settings.pipeline {
            Some(folder) => pinflow_pipeline::load(folder, &overrides),
            None => pinflow_pipeline::built_in(&overrides),
        };
        loaded.map(Arc::new).map_err(|error| {
            let folder = self.settings.pipeline.clone().unwrap_or_default();
            let located = error.problems().iter().map(|problem| {
                let file = folder.join(&problem.file);
                pinflow_pipeline::Problem { file, ..problem.clone() }.to_string()
            });
            ConfigError::Pipeline(located.collect())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn port_and_origin(file: &str, env: &[(&str, &str)], flag: Option<&str>) -> (String, Origin) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        std::fs::write(&path, file).unwrap();
        let mut flags = Assignments::default();
        if let Some(port) = flag {
            flags.flag("port", "--port", port);
        }
        let configuration = Configuration::read(Some(&path), environment(env), flags).unwrap();
        let port = Setting::find("port").unwrap();
        let origin = match configuration.origin(port) {
            Origin::File(_, line) => Origin::File("c.yaml".into(), line),
            other => other,
        };
        ((port.get)(&configuration.settings), origin)
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let env = [("PINFLOW_PORT", "2")];
        assert_eq!(port_and_origin("", &[], None), ("8080".into(), Origin::Default));
        assert_eq!(port_and_origin("\nport: 1\n", &[], None), ("1".into(), Origin::File("c.yaml".into(), 2)));
        assert_eq!(port_and_origin("port: 1", &env, None), ("2".into(), Origin::Environment("PINFLOW_PORT".into())));
        assert_eq!(port_and_origin("port: 1", &env, Some("3")), ("3".into(), Origin::Flag("--port".into())));
    }

    #[test]
    fn variables_of_the_pipeline_come_from_all_three() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.yaml");
        std::fs::write(&path, "variables: { user_id: file }").unwrap();
        let user = |env: &[(&str, &str)], set: Option<&str>| {
            let mut flags = Assignments::default();
            flags.variables.extend(set.map(|v| ("user_id".to_owned(), v.to_owned(), Origin::Flag("--set".into()))));
            let configuration = Configuration::read(Some(&path), environment(env), flags).unwrap();
            configuration.load_pipeline().unwrap().variables["user_id"].clone()
        };
        assert_eq!(user(&[], None), "file");
        assert_eq!(user(&[("PINFLOW_VAR_USER_ID", "env")], None), "env");
        assert_eq!(user(&[("PINFLOW_VAR_USER_ID", "env")], Some("flag")), "flag");
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_origin_and_a_secret_is_not_quoted() {
        let refused = |env: &[(&str, &str)]| {
            Configuration::read(None, environment(env), Assignments::default()).unwrap_err().to_string()
        };
        let error = refused(&[("PINFLOW_LOG_SEGMENT_BYTES", "many")]);
        assert!(error.contains("PINFLOW_LOG_SEGMENT_BYTES") && error.contains("`many` is no size"), "{error}");
        let error = refused(&[("PINFLOW_PRT", "1")]);
        assert!(error.contains("did you mean `PINFLOW_PORT`?"), "{error}");
        assert!(Configuration::read(None, environment(&[("PINFLOW_TEST_X", "1")]), Assignments::default()).is_ok());
    }
}
