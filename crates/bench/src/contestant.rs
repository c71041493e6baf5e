//! The servers that are measured, each in a process of its own: the generator takes from all of them alike.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::process::Process;
use crate::requests::TOPIC;

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Reads the body and answers, on axum as the gateway is.
    Bare,
    /// The gateway in front of the embedded log.
    Gateway,
}

/// A server that runs.
#[derive(Debug)]
pub struct Contestant {
    pub(crate) process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Contestant {
    /// Starts `program`, which is this crate's binary, as a server of that kind with its log in `folder`.
    ///
    /// # Errors
    /// A process that does not start or does not say where it listens.
    pub fn start(program: &Path, kind: Kind, folder: &Path) -> anyhow::Result<Self> {
        let kind = match kind {
            Kind::Bare => "bare",
            Kind::Gateway => "gateway",
        };
        let mut process = Process::start(Command::new(program).args(["serve", kind, "--folder"]).arg(folder))
            .with_context(|| format!("`{}` does not start", program.display()))?;
        let stdout = process.0.stdout.take().context("the server's output is captured")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let address = address.trim().parse().map_err(|_| anyhow!("the {kind} server said `{address}`"))?;
        Ok(Self { process, address })
    }

    /// How many records its topic holds.
    ///
    /// # Errors
    /// A gateway that does not answer as Kafka REST v2.
    pub fn records(&self) -> anyhow::Result<u64> {
        let request = format!(
            "GET /topics/{TOPIC}/partitions/0/offsets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let (_, body) = ask(self.address, request.as_bytes())?;
        let offset =
            |name: &str| body.split(&format!("\"{name}_offset\":")).nth(1)?.split([',', '}']).next()?.parse().ok();
        let (first, end): (Option<u64>, Option<u64>) = (offset("beginning"), offset("end"));
        end.zip(first).map(|(end, first)| end - first).with_context(|| format!("no offsets in `{body}`"))
    }
}

/// Sends one request, which closes the connection; the reply's status and body.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> anyhow::Result<(u16, String)> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    socket.write_all(request)?;
    let mut reply = Vec::new();
    socket.read_to_end(&mut reply)?;
    let reply = String::from_utf8_lossy(&reply);
    let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no HTTP reply")?;
    Ok((status, reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}
