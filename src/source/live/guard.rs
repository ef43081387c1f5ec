//! Guards: a command of the user's, or a replica set's lag, that says whether a store may be read just now.
//!
//! A thread of its own asks them again and again. While one says no, or does not say, the governor gives no leave.

use super::door::Store;
use super::{Governor, runtime};
use crate::source::SourceError;
use crate::source::error::Shown;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often who waits looks whether the wait is over.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The most that is told of what a command said, in bytes.
const SAID: u64 = 200;

/// Who is asked whether a store may be read, and how long a no is borne.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// A program and its arguments: it ends with 0 if the store may be read.
    pub command: Option<Vec<String>>,
    /// How far members of a replica set may be behind their primary.
    pub max_lag: Option<Duration>,
    /// The time between two questions.
    pub interval: Duration,
    /// How long the command may take; then it is ended, and has not said yes.
    pub timeout: Duration,
    /// How long the store may be held back before what was to be read is left unread.
    pub patience: Duration,
}

/// Guards that are asked until this is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    _end: Sender<()>,
}

impl Watch {
    /// Asks once, and then again and again.
    ///
    /// # Errors
    /// A command that cannot be run, or a store that does not tell its lag.
    pub(super) fn begin(
        guard: Guard,
        location: &str,
        store: Arc<Store>,
        governor: Governor,
    ) -> Result<Watch, SourceError> {
        let location = location.to_owned();
        let first = guard.ask(&location, &store)?;
        governor.heed(first, &location);
        let (end, ended) = channel();
        let watch = std::thread::Builder::new().name("assay-guard".to_owned());
        let watched = location.clone();
        let started = watch.spawn(move || {
            while ended.recv_timeout(guard.interval) == Err(RecvTimeoutError::Timeout) {
                // Who cannot say has not said yes.
                let why = guard
                    .ask(&watched, &store)
                    .unwrap_or_else(|e| Some(e.to_string()));
                governor.heed(why, &watched);
            }
        });
        let failed = |e: std::io::Error| {
            let problem = format!("no thread can be started for its guard: {e}");
            SourceError::usage(&location, problem, "see how many threads a process may have")
        };
        started.map_err(failed)?;
        Ok(Watch { _end: end })
    }
}

impl Governor {
    /// Does what the guards say, and tells of it where it changes something.
    fn heed(&self, why: Option<String>, location: &str) {
        match why {
            Some(why) => {
                if self.pause(&why) {
                    tracing::warn!("{location}: reading pauses: {why}");
                }
            }
            None => {
                if let Some(after) = self.resume() {
                    tracing::info!("{location}: reading goes on after {:.1} s", after.as_secs_f64());
                }
            }
        }
    }
}

impl Guard {
    /// Why the store is not to be read now, if it is not.
    fn ask(&self, location: &str, store: &Store) -> Result<Option<String>, SourceError> {
        if let Some(command) = &self.command {
            let name = format!("the guard `{}`", command.join(" "));
            let said = run(command, self.timeout).map_err(|e| {
                let problem = format!("{name} cannot be run: {e}");
                SourceError::usage(
                    location,
                    problem,
                    "see that it is there and may be executed, or take it out of the configuration",
                )
            })?;
            if let Some(why) = said {
                return Ok(Some(format!("{name} says no: {why}")));
            }
        }
        let Some(most) = self.max_lag else { return Ok(None) };
        let lag = runtime().block_on(store.lag())?;
        Ok((lag > most).then(|| {
            format!(
                "the replica set is {:.0} s behind its primary, at most {:.0} s are allowed",
                lag.as_secs_f64(),
                most.as_secs_f64()
            )
        }))
    }
}

/// Runs a command to its end; returns why it was no success, if it was none.
fn run(command: &[String], timeout: Duration) -> std::io::Result<Option<String>> {
    let (program, arguments) = command.split_first().expect("a guard's command is not empty");
    // A file takes as much as is written; a pipe that nobody reads would stop the command.
    let mut output = tempfile::tempfile()?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()?;
    let Some(status) = wait(&mut child, timeout)? else {
        return Ok(Some(format!("no answer within {} s", timeout.as_secs_f64())));
    };
    if status.success() {
        return Ok(None);
    }
    let mut said = Vec::new();
    output.rewind()?;
    output.take(SAID).read_to_end(&mut said)?;
    let said = String::from_utf8_lossy(&said);
    let first = Shown(said.lines().next().unwrap_or_default().trim()).to_string();
    Ok(Some(match first.is_empty() {
        true => status.to_string(),
        false => format!("{status}: {first}"),
    }))
}

/// Waits for a command, and ends it when its time is over.
fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= timeout {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, timeout_ms: u64) -> std::io::Result<Option<String>> {
        let command = ["sh", "-c", script].map(str::to_owned);
        run(&command, Duration::from_millis(timeout_ms))
    }

    #[test]
    fn only_success_is_a_yes() {
        assert_eq!(sh("exit 0", 5000).unwrap(), None);
        let said = sh("echo 'lag is 40 s' >&2; exit 3", 5000).unwrap().unwrap();
        assert!(said.contains('3') && said.ends_with(": lag is 40 s"), "{said}");
        // More than a pipe takes.
        let much = sh("head -c 300000 /dev/zero | tr '\\0' x; exit 1", 20_000).unwrap();
        assert!(much.unwrap().len() < 300);
        assert_eq!(
            sh("exec sleep 60", 100).unwrap().as_deref(),
            Some("no answer within 0.1 s")
        );
        assert!(run(&["/no/such/guard".to_owned()], Duration::from_secs(1)).is_err());
    }
}
