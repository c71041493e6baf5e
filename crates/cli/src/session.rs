//! What every command has at hand.

use std::sync::Arc;

use pinflow_pipeline::Pipeline;

use crate::config::{ConfigError, Configuration, Settings};
use crate::interrupt::Interrupt;
use crate::output::Terminal;

/// A call of the program.
#[derive(Clone, Debug)]
pub struct Session {
    /// The settings and where they come from.
    pub configuration: Configuration,
    /// Where output goes.
    pub terminal: Terminal,
    /// Whether the user wants it to end.
    pub interrupt: Interrupt,
}

impl Session {
    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.configuration.settings
    }

    /// Loads the pipeline.
    ///
    /// # Errors
    /// [`ConfigError::Pipeline`].
    pub fn pipeline(&self) -> Result<Arc<Pipeline>, ConfigError> {
        self.configuration.load_pipeline()
    }
}
