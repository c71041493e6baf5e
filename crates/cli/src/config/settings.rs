//! What can be set, as values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use pinflow_node::{NodeConfig, RequestLog};
use pinflow_pipeline::Pipeline;
use reqwest::Certificate;
use reqwest::header::HeaderValue;
use url::Url;

use crate::logging::LogFormat;

/// All settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The pipeline's folder; `None` is the one in the binary.
    pub pipeline: Option<PathBuf>,
    /// The node to talk to; `None` looks into the data folder.
    pub url: Option<Url>,
    /// What commands tell the node that they talk to.
    pub client: ClientSettings,
    /// The node. Its pipeline is put in once it is loaded, see [`Settings::node_config`].
    pub(super) node: NodeConfig,
    /// Where the emulator draws its events from.
    pub source: SourceSettings,
    /// What is logged.
    pub logging: LoggingSettings,
}

/// How commands talk to a node.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
    /// The API key that they send; marked as sensitive.
    pub api_key: Option<HeaderValue>,
    /// The file with the roots, PEM, that the node's certificate has to lead to; `None` are the system's.
    pub ca_file: Option<PathBuf>,
}

impl ClientSettings {
    /// The certificates in the file.
    ///
    /// # Errors
    /// Where it cannot be read, or holds none.
    pub fn certificates(&self) -> anyhow::Result<Vec<Certificate>> {
        let Some(file) = &self.ca_file else { return Ok(Vec::new()) };
        let certificates = std::fs::read(file)
            .with_context(|| format!("cannot read the certificates {} (`ca_file`)", file.display()))?;
        let certificates = Certificate::from_pem_bundle(&certificates).unwrap_or_default();
        anyhow::ensure!(!certificates.is_empty(), "{} (`ca_file`) holds no certificate in PEM", file.display());
        Ok(certificates)
    }
}

/// Where the emulator draws its events from.
#[derive(Clone, Debug, Default)]
pub struct SourceSettings {
    /// The database's address, which may hold a password.
    pub url: Option<String>,
    /// The credentials file of the original emulator.
    pub credentials: Option<PathBuf>,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct LoggingSettings {
    /// A level, or directives of `tracing`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

impl Default for Settings {
    fn default() -> Self {
        let nothing = Pipeline {
            name: String::new(),
            variables: BTreeMap::new(),
            streams: Vec::new(),
            queries: Vec::new(),
            jobs: Vec::new(),
            tests: Vec::new(),
            source: None,
        };
        Self {
            pipeline: None,
            url: None,
            client: ClientSettings::default(),
            node: NodeConfig::new("pinflow-data".into(), Arc::new(nothing)),
            source: SourceSettings::default(),
            logging: LoggingSettings { level: "warn".to_owned(), format: LogFormat::Text },
        }
    }
}

impl Settings {
    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.node.data
    }

    /// Which requests have a line in the log.
    pub fn request_log(&self) -> RequestLog {
        self.node.gateway.request_log
    }

    /// The configuration of a node that runs `pipeline`.
    pub fn node_config(&self, pipeline: Arc<Pipeline>) -> NodeConfig {
        NodeConfig { pipeline, ..self.node.clone() }
    }
}
