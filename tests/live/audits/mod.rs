//! Whole audits of live stores through the executable, against servers that are being read and nothing else.

mod ages;
mod changed;
mod clean;
mod cluster;
mod demo;
mod explain;
mod keyspaces;
mod large;
mod manners;
mod member;
mod orders;
mod reads;
mod settle;
mod shop;
mod start;
mod tables;
mod trouble;

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A finished run.
pub struct Ran {
    pub code: i32,
    pub said: String,
    pub dir: tempfile::TempDir,
}

impl Ran {
    pub fn of(output: &Output, dir: tempfile::TempDir) -> Ran {
        let said = format!(
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ran {
            code: output.status.code().unwrap_or(-1),
            said,
            dir,
        }
    }

    pub fn report(&self) -> Value {
        let path = self.dir.path().join("run/report.json");
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}\n{}", path.display(), self.said));
        serde_json::from_slice(&bytes).unwrap()
    }

    pub fn verdict(&self) -> String {
        self.report()["verdict"]["verdict"].as_str().unwrap().to_owned()
    }

    /// `compare class key [fields]` of every divergence in this state.
    pub fn found(&self, state: &str) -> BTreeSet<String> {
        let text = std::fs::read_to_string(self.dir.path().join("run/divergences.ndjson")).unwrap();
        let mut found = BTreeSet::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let divergence = &line["divergence"];
            if divergence["state"] != state {
                continue;
            }
            let texts = |list: &Value, name: &str| -> Vec<String> {
                let list = list.as_array().unwrap();
                list.iter()
                    .map(|v| v[name].as_str().unwrap().to_owned())
                    .collect()
            };
            let (key, fields) = (
                texts(&divergence["key"], "text"),
                texts(&divergence["fields"], "path"),
            );
            let words = [
                line["compare"].as_str().unwrap(),
                divergence["class"].as_str().unwrap(),
            ];
            found.insert(format!("{} {} {:?}", words.join(" "), key.join(","), fields));
        }
        found
    }

    /// All that is the same however differences are found: the compares' results, and every divergence.
    pub fn told(&self) -> (Value, String) {
        let divergences = std::fs::read_to_string(self.dir.path().join("run/divergences.ndjson")).unwrap();
        (self.report()["result"]["compares"].clone(), divergences)
    }

    pub fn roots(&self) -> Vec<(String, String)> {
        let report = self.report();
        let compares = report["result"]["compares"].as_array().unwrap();
        let root = |c: &Value, side: &str| c["roots"][side].as_str().unwrap().to_owned();
        compares
            .iter()
            .map(|c| (root(c, "stable"), root(c, "candidate")))
            .collect()
    }
}

/// The executable with a configuration, not started yet.
pub fn command(dir: &Path, config: &str, more: &[&str]) -> Command {
    let file = dir.join("assay.toml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .arg("audit")
        .arg("-c")
        .arg(&file)
        .args(["--seed", "51", "--run-dir"])
        .arg(dir.join("run"))
        .args(more)
        .stdin(Stdio::null());
    command
}

/// Audits under a configuration.
pub fn audit(config: &str, more: &[&str]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path(), config, more).output().unwrap();
    Ran::of(&output, dir)
}

/// Starts an audit and waits until `file` is in its run directory.
pub fn started(dir: &Path, config: &str, more: &[&str], file: &str) -> Child {
    let child = command(dir, config, more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !dir.join("run").join(file).exists() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Interrupts an audit, which has to be under way; `doing` says at what.
pub fn interrupt(audit: &Child, doing: &str) {
    let pid = audit.id().to_string();
    let interrupted = Command::new("kill").args(["-INT", &pid]).status();
    assert!(interrupted.unwrap().success(), "{doing}");
}

/// A file among the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}
