//! `pinflow serve`: a node that stays.

use clap::Args;
use pinflow_node::Node;

use crate::config::Assignments;
use crate::exit::Status;
use crate::session::Session;

/// Run a node: gateway, log, archive, lanes, scheduler, dashboard
///
/// Ctrl-C or SIGTERM drains it: what is acknowledged is archived, and cleaned on the stream lane, before it ends. A second one ends it at once.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub address: ListenAddress,
}

/// Where a node listens.
#[derive(Debug, Args)]
pub struct ListenAddress {
    /// The IP address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port to listen on [default: 8080, or the next free one]
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
}

impl ListenAddress {
    /// Tells the settings that it sets. A port that was named is taken or refused, not replaced.
    pub fn assign(&self, flags: &mut Assignments) {
        if let Some(host) = &self.host {
            flags.flag("host", "--host", host);
        }
        if let Some(port) = &self.port {
            flags.flag("port", "--port", port);
            flags.flag("next_free_port", "--port", "false");
        }
    }
}

impl Serve {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let config = session.settings().node_config(session.pipeline()?);
        let node = Node::open(config).await?;
        node.start();
        let url = node.listen().await?;
        session.terminal.note(format!(
            "pinflow runs the pipeline `{}` at {url} on {}; Ctrl-C drains and ends it",
            node.pipeline().name,
            session.settings().data().display()
        ));
        session.interrupt.wait().await;
        node.stop().await?;
        session.terminal.note("everything acknowledged is archived, and cleaned on the stream lane");
        Ok(Status::Success)
    }
}
