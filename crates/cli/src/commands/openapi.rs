//! `pinflow openapi`: the OpenAPI document of a node.

use clap::Args;

use crate::exit::Status;
use crate::session::Session;

/// Print the OpenAPI 3.1 document of every route, as `/openapi.json` serves it
#[derive(Debug, Args)]
pub struct OpenApi {}

impl OpenApi {
    pub fn run(self, session: &Session) -> anyhow::Result<Status> {
        session.terminal.print(pinflow_node::openapi())?;
        Ok(Status::Success)
    }
}
