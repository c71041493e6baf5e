//! The data folder itself, where no node runs: a node of this process.

use std::sync::Arc;

use pinflow_dashboard::NodeView;
use pinflow_node::{Node, NodeError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::session::Session;

/// A node in this process.
#[derive(Debug)]
pub struct Folder {
    /// The node.
    pub node: Node,
}

impl Folder {
    /// Opens the folder. Nothing runs, so that looking changes nothing.
    ///
    /// # Errors
    /// A configuration error; [`NodeError`], as [`NodeError::InUse`].
    pub async fn open(session: &Session) -> anyhow::Result<Self> {
        let mut config = session.settings().node_config(session.pipeline()?);
        // Only a node that stays starts jobs of its own.
        config.schedule = false;
        Ok(Self { node: Node::open(config).await? })
    }

    /// Starts archive and lanes, and lets them finish what is in the log.
    ///
    /// # Errors
    /// [`NodeError`] of the stage that does not get on.
    pub async fn catch_up(&self) -> Result<(), NodeError> {
        self.node.start();
        self.node.settle().await
    }

    /// What can be asked.
    pub fn view(&self) -> Arc<dyn NodeView> {
        self.node.view()
    }
}

/// The value in the shape in which the HTTP API gives it.
pub fn as_sent<T: DeserializeOwned>(value: &impl Serialize) -> anyhow::Result<T> {
    Ok(serde_json::from_value(serde_json::to_value(value)?)?)
}
