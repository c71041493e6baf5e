//! Calls the program in a folder of its own, with nothing from the tests' environment.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A working directory, and calls in it.
pub struct Place {
    folder: TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinflow"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PINFLOW_")) {
            command.env_remove(name);
        }
        command
    }

    pub fn call(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// A call that must succeed; its stdout.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let ended = self.call(arguments);
        assert_eq!(ended.status, 0, "pinflow {arguments:?}: {ended:#?}");
        ended.stdout
    }

    /// A call that must end with `status`; its stderr.
    pub fn fail(&self, status: i32, arguments: &[&str]) -> String {
        let ended = self.call(arguments);
        assert_eq!(ended.status, status, "pinflow {arguments:?}: {ended:#?}");
        ended.stderr
    }
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
