//! The files with secrets: the access list and the certificate. They are read again while the node runs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use pinflow_access::{Access, AccessFile};
use pinflow_server::{Tls, TlsFiles};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::NodeConfig;
use crate::error::NodeError;

/// How often the files are looked at. `SIGHUP` makes it at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the node knows callers by, and what callers know it by.
#[derive(Debug)]
pub(crate) struct Credentials {
    access_file: Option<AccessFile>,
    tls: Option<Tls>,
}

impl Credentials {
    /// Reads the files that the configuration names.
    pub fn open(config: &NodeConfig) -> Result<Self, NodeError> {
        let tls = match (&config.tls.certificate, &config.tls.key) {
            (Some(certificate), Some(key)) => {
                Some(Tls::read(TlsFiles { certificate: certificate.clone(), key: key.clone() })?)
            }
            (None, None) => None,
            _ => return Err(NodeError::HalfOfTls),
        };
        Ok(Self { access_file: config.access.file.as_deref().map(AccessFile::open).transpose()?, tls })
    }

    /// Who may use the node, now and later.
    pub fn access(&self) -> Access {
        self.access_file.as_ref().map_or_else(Access::open, |file| file.access().clone())
    }

    /// Whether callers have to say who they are.
    pub fn are_asked_for(&self) -> bool {
        self.access_file.is_some()
    }

    /// The certificate, where there is one.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Reads the files again and again until `stop`. What is wrong with a new one is logged once, and the old one stays in use.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                return tracing::warn!(%error, "SIGHUP cannot be watched: secrets are read at the start alone");
            }
        };
        let mut tick = tokio::time::interval(LOOK_EVERY);
        let mut told = Told::default();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
                _ = hangup.recv() => told = Told::default(),
            }
            if let Some(file) = &self.access_file {
                told.tell("the access list", file.reload());
            }
            if let Some(tls) = &self.tls {
                told.tell("the certificate", tls.reload());
            }
        }
    }
}

/// What was said about each file last: a file that stays broken is not told every time.
#[derive(Default)]
struct Told(BTreeMap<&'static str, String>);

impl Told {
    fn tell(&mut self, what: &'static str, reloaded: Result<bool, impl Display>) {
        match reloaded {
            Ok(changed) => {
                self.0.remove(what);
                if changed {
                    tracing::info!("{what} was read again and is in use");
                }
            }
            Err(error) => {
                let problem = error.to_string();
                if self.0.get(what) != Some(&problem) {
                    tracing::error!("{what} was changed and cannot be used, so the old one stays in use: {problem}");
                    self.0.insert(what, problem);
                }
            }
        }
    }
}
