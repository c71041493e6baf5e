//! The benchmark's program: `gateway` measures, `serve` is what it starts.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use pinflow_bench::{Kind, Plan};

#[derive(Parser)]
#[command(about = "Measures the gateway beside what bounds it")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the gateway, interleaved with a bare handler, the disk and, where asked for, a peer
    Gateway {
        /// Where the log is written; on the disk that is to be measured
        #[arg(long, default_value = ".")]
        folder: PathBuf,
        /// How often each contestant is measured
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
        rounds: u8,
        /// How long each time, in milliseconds
        #[arg(long, default_value_t = 1_500)]
        millis: u64,
        /// Another server to measure beside it
        #[arg(long)]
        peer: Option<Peer>,
        /// Where peers are, or are installed
        #[arg(long, default_value = "peers")]
        peers: PathBuf,
    },
    /// Serve until stdin ends
    #[command(hide = true)]
    Serve {
        kind: Kind,
        #[arg(long)]
        folder: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Kinesalite,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Serve { kind, folder } => pinflow_bench::serve(kind, &folder),
        Command::Gateway { folder, rounds, millis, peer, peers } => {
            let plan = Plan {
                program: std::env::current_exe()?,
                folder,
                rounds: rounds.into(),
                window: Duration::from_millis(millis),
                kinesalite: peer.map(|Peer::Kinesalite| peers),
            };
            Ok(write!(io::stdout(), "{}", pinflow_bench::run(&plan)?)?)
        }
    }
}
