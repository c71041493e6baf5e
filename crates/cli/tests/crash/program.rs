//! The program as a process that can be killed at any time.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running `pinflow serve`; killed with the test.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// The program's file: the one that was built for this test, or the one that `PINFLOW_TEST_BIN` names.
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment which binary to try")]
    pub fn file() -> String {
        std::env::var("PINFLOW_TEST_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_pinflow").to_owned())
    }

    /// A call of the program, in a shell that runs `limits` first. Nothing comes from the test's own environment.
    pub fn command(folder: &Path, limits: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -c 0; {limits} exec \"$0\" \"$@\""), &Self::file()]).args(arguments);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PINFLOW_")) {
            command.env_remove(name);
        }
        command.current_dir(folder).stdin(Stdio::null());
        command
    }

    /// Starts a node in `folder`, where its `pinflow.yaml` is.
    pub fn serve(folder: &Path, limits: &str, crash_point: Option<&str>) -> Self {
        let mut command = Self::command(folder, limits, &["serve", "--port", "0"]);
        if let Some(point) = crash_point {
            command.env("PINFLOW_TEST_CRASH", point);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line.clone());
                // Nobody waits for a line once the node listens.
                let _ = sender.send(line);
            }
        });
        Self { child, lines, said }
    }

    /// Waits until it listens; its address, or `None` where it ended before.
    pub fn ready(&self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.starts_with("pinflow runs") => {
                    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
                    return Some(url.trim_end_matches('/').to_owned());
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("it does not listen: {}", self.said()),
            }
        }
    }

    /// All that it said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// Whether it ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Kills it where it still runs; how it ended.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// Asks it to end, and waits for that.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.wait()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
