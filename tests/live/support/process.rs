//! A server as a process that ends when its owner does: by drop, by panic, and by the end of the test process, however it comes,
//! since the server watches the pipe that is its standard input.

use super::toolchain::{self, Kind};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer; Cassandra on a busy machine is the measure.
const PATIENCE: Duration = Duration::from_secs(180);

/// How long a server may take to end when its owner is gone.
const GRACE: Duration = Duration::from_secs(30);

/// A server process that can be killed and started again as it was.
#[derive(Debug)]
pub struct Process {
    kind: Kind,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// What `tests/servers/run` is to be called with, and where the server's words go; not started yet.
    pub fn new(kind: Kind, arguments: Vec<OsString>, log: PathBuf) -> Process {
        Process {
            kind,
            arguments,
            environment: Vec::new(),
            log,
            child: None,
        }
    }

    /// Sets an environment variable of the server.
    pub fn env(mut self, name: &str, value: &str) -> Process {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the process, if it does not run.
    pub fn start(&mut self) {
        if self.is_running() {
            return;
        }
        let log = File::options()
            .append(true)
            .create(true)
            .open(&self.log)
            .expect("the log can be written");
        let child = toolchain::script("run")
            .arg(self.kind.name())
            .args(&self.arguments)
            .env("ASSAY_SERVER_GUARD", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log)
            .spawn()
            .expect("tests/servers/run starts");
        self.child = Some(child);
    }

    /// Waits until `ready` says so; panics with the end of the log if the process ends or takes too long.
    #[track_caller]
    pub fn wait(&mut self, mut ready: impl FnMut() -> Result<(), String>) {
        let began = Instant::now();
        loop {
            let Err(why) = ready() else { return };
            let name = self.kind.name();
            assert!(
                self.is_running(),
                "{name} ended while it started: {why}\n{}",
                self.last_words()
            );
            assert!(
                began.elapsed() < PATIENCE,
                "{name} does not answer: {why}\n{}",
                self.last_words()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the process at once, as a crash would; returns when it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error says that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Closes the pipe that the server watches, as the end of this process does; says whether the server ends by itself.
    pub fn abandon(&mut self) -> bool {
        drop(self.child.as_mut().and_then(|c| c.stdin.take()));
        let began = Instant::now();
        while self.is_running() && began.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(20));
        }
        !self.is_running()
    }

    /// Whether the process is there.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|c| matches!(c.try_wait(), Ok(None)))
    }

    /// The file that holds what the server said.
    pub fn log(&self) -> &Path {
        &self.log
    }

    fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
