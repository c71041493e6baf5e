//! Kinesalite, a Kinesis for tests on Node.js: everything in memory, nothing synced.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::contestant::{Contestant, ask};
use crate::process::Process;
use crate::requests::{TOPIC, kinesis_request};

const PACKAGE: &str = "kinesalite@3.3.3";
/// For everything that starts: it bounds a wait that ends in an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// Installs it into `folder` where it is missing, starts it on a free port and makes the stream.
pub(crate) fn start(folder: &Path) -> anyhow::Result<Contestant> {
    let folder = folder.join(PACKAGE);
    let program = folder.join("node_modules/.bin/kinesalite");
    if !program.exists() {
        std::fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-fund", "--no-audit", PACKAGE, "--prefix"]).arg(&folder);
        let installed = npm.stdin(Stdio::null()).stdout(Stdio::null()).status().context("npm does not start")?;
        if !installed.success() {
            bail!("npm could not install {PACKAGE}");
        }
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let process = Process::start(Command::new(&program).args(["--createStreamMs", "0", "--port", &port.to_string()]))?;
    let contestant = Contestant { process, address: SocketAddr::from(([127, 0, 0, 1], port)) };
    let begin = Instant::now();
    let create = request("CreateStream", &format!(r#"{{"StreamName":"{TOPIC}","ShardCount":1}}"#));
    until(begin, || ask(contestant.address, &create).is_ok_and(|(status, _)| status == 200))?;
    let describe = request("DescribeStream", &format!(r#"{{"StreamName":"{TOPIC}"}}"#));
    until(begin, || ask(contestant.address, &describe).is_ok_and(|(_, body)| body.contains("\"ACTIVE\"")))?;
    Ok(contestant)
}

fn request(operation: &str, body: &str) -> Vec<u8> {
    let request = String::from_utf8_lossy(&kinesis_request(operation, body)).into_owned();
    request.replacen("Host:", "Connection: close\r\nHost:", 1).into_bytes()
}

fn until(begin: Instant, done: impl Fn() -> bool) -> anyhow::Result<()> {
    while !done() {
        if begin.elapsed() > PATIENCE {
            bail!("kinesalite does not answer");
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
