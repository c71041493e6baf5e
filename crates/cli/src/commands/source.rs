//! `pinflow source`: the database that events are drawn from.

use clap::{Args, Subcommand};
use pinflow_source::{Address, Database};

use crate::emulation;
use crate::exit::Status;
use crate::session::Session;

/// Work with source databases
#[derive(Debug, Args)]
pub struct Source {
    #[command(subcommand)]
    command: SourceCommand,
}

#[derive(Debug, Subcommand)]
enum SourceCommand {
    /// Fill an empty database with generated, linked rows, as source.yaml declares them
    ///
    /// All rows or none are written. A database whose tables have rows is refused.
    Load {
        /// The database: sqlite://PATH, mysql://, mariadb:// or postgres://USER:PASSWORD@HOST/DATABASE
        #[arg(value_name = "URL")]
        database: String,
        /// Rows of each table [default: as source.yaml says]
        #[arg(long, value_name = "N")]
        rows: Option<u64>,
        /// The seed: the same one gives the same rows on every database
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
    },
}

impl Source {
    pub async fn run(self, session: &Session) -> anyhow::Result<Status> {
        let SourceCommand::Load { database: url, rows, seed } = self.command;
        let pipeline = session.pipeline()?;
        let spec = emulation::source_spec(&pipeline)?;
        let database = Database::connect_or_create(&Address::from_url(&url)?).await?;
        let rows = rows.unwrap_or(spec.rows);
        tokio::select! {
            loaded = database.load(&spec, seed, rows, |_| {}) => loaded?,
            () = session.interrupt.wait() => return Ok(Status::Interrupted),
        }
        let tables: Vec<&str> = spec.tables.iter().map(|table| table.name.as_str()).collect();
        session.terminal.note(format!("{rows} rows each in {} of {}", tables.join(", "), database.address()));
        database.close().await;
        Ok(Status::Success)
    }
}
