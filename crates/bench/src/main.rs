//! The benchmark's program: `gateway` measures, `serve` is what it starts.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use pinflow_bench::{Kind, Load, Outcome, Plan, Rate};

/// The allocator of pinflow's binary; all contestants have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Load a server that runs: to look at it with a profiler
    Load {
        address: SocketAddr,
        /// Records of a Kafka REST request
        #[arg(long, default_value_t = 1)]
        records: usize,
        /// Native PutRecord of Kinesis instead
        #[arg(long, conflicts_with = "records")]
        kinesis: bool,
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Requests a second, whether or not the server keeps up; as many as it takes where not given
        #[arg(long)]
        rate: Option<f64>,
        /// How long, in milliseconds
        #[arg(long, default_value_t = 5_000)]
        millis: u64,
    },
    /// Say the address and serve until stdin ends
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
        Command::Load { address, records, kinesis, connections, rate, millis } => {
            let requests = if kinesis { pinflow_bench::kinesis() } else { pinflow_bench::kafka(records) };
            let rate = rate.map_or(Rate::Closed, Rate::Open);
            let (warm_up, window) = (Duration::ZERO, Duration::from_millis(millis));
            let outcome = Load { address, requests: &requests, connections, rate, warm_up, window }.run()?;
            let (p50, p99) = (outcome.percentile(0.5), outcome.percentile(0.99));
            let Outcome { requests_per_second, records_per_second, refused, .. } = outcome;
            Ok(writeln!(
                io::stdout(),
                "{requests_per_second:.0} requests/s, {records_per_second:.0} records/s, p50 {p50:?}, p99 {p99:?}, {refused} refused"
            )?)
        }
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
