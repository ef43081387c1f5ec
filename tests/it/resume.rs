//! A run that is killed, interrupted or terminated: the same command ends in the same report, or says what is missing.

use crate::support::{assay, command, ended, json, temp};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A shop large enough that an audit takes a while.
fn shop(dir: &Path) -> String {
    let shop = dir.join("shop").display().to_string();
    assay([
        "demo",
        &shop,
        "--records",
        "200000",
        "--drift",
        "0.001",
        "--only-make",
    ])
    .expect(0);
    format!("{shop}/assay.toml")
}

fn audit(config: &str, run: &Path) -> Command {
    let mut command = command();
    command.args([
        "audit",
        "-c",
        config,
        "--seed",
        "c0ffee",
        "--slices",
        "8",
        "--threads",
        "1",
    ]);
    command
        .args(["--checkpoint-seconds", "0.02", "-o", "text", "--run-dir"])
        .arg(run);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.expect("kill is there").success());
}

fn result(run: &Path) -> Value {
    json(run.join("report.json"))["result"].clone()
}

/// Waits until a run has written the checkpoint of a compare: from then on it listens to signals and can be taken up.
#[track_caller]
fn wait_for(child: &mut Child, run: &Path, part: &str) {
    while !run.join(part).exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "ended before {part} was there"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Pseudo-random instants, the same ones in every run of the test.
fn instants(mut state: u64) -> impl Iterator<Item = Duration> {
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(30 + (state >> 33) % 400)
    })
}

#[test]
fn killed_runs_end_in_the_same_report() {
    let dir = temp();
    let config = shop(dir.path());
    let calm = dir.path().join("calm");
    let calm_end = ended(audit(&config, &calm).output().unwrap()).expect(10);
    drop(calm_end);
    let mut kills = 0;
    for seed in [1, 2] {
        let run: PathBuf = dir.path().join(format!("stormy{seed}"));
        let mut finished = false;
        for wait in instants(seed).take(12) {
            let mut child = audit(&config, &run).spawn().unwrap();
            std::thread::sleep(wait);
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                kills += 1;
            }
            let ended = ended(child.wait_with_output().unwrap());
            if ended.code != -1 {
                ended.expect(10);
                finished = true;
                break;
            }
        }
        if !finished {
            ended(audit(&config, &run).output().unwrap()).expect(10);
        }
        assert_eq!(result(&calm).to_string(), result(&run).to_string());
        let list = |run: &Path| std::fs::read(run.join("divergences.ndjson")).unwrap();
        assert!(list(&calm) == list(&run));
    }
    assert!(kills > 2, "the machine is too fast for this test");
}

#[test]
fn interrupt_ends_in_a_report_that_holds() {
    let dir = temp();
    let config = shop(dir.path());
    let run = dir.path().join("run");
    let mut child = audit(&config, &run).spawn().unwrap();
    wait_for(&mut child, &run, "0.part");
    signal(&child, "INT");
    ended(child.wait_with_output().unwrap())
        .expect(20)
        .says(&["HOLD", "RUN_CANCELLED"]);
    assert_eq!(json(run.join("report.json"))["verdict"]["verdict"], "HOLD");
    // The same command goes on from there, and ends as if nothing had happened.
    ended(audit(&config, &run).output().unwrap()).expect(10);
    let report = json(run.join("report.json"));
    assert_eq!(report["run"]["outcome"], "complete");
    assert!(
        report["run"]["resumed"].as_u64().unwrap() > 0,
        "{}",
        report["run"]
    );
    let calm = dir.path().join("calm");
    ended(audit(&config, &calm).output().unwrap()).expect(10);
    assert_eq!(result(&calm).to_string(), result(&run).to_string());
    ended(audit(&config, &run).output().unwrap())
        .expect(64)
        .says(&["finished run"]);
}

/// A run that was killed between its report and its seal is no finished one.
#[test]
fn a_run_without_its_seal_is_taken_up() {
    let dir = temp();
    let config = shop(dir.path());
    let run = dir.path().join("run");
    ended(audit(&config, &run).output().unwrap()).expect(10);
    let before = result(&run).to_string();
    std::fs::remove_file(run.join("digests.b3")).unwrap();
    ended(audit(&config, &run).output().unwrap()).expect(10);
    assert_eq!(before, result(&run).to_string());
    assert!(run.join("digests.b3").exists());
}

/// One process works in a run directory; a second one says so.
#[test]
fn a_run_that_is_under_way_is_left_alone() {
    let dir = temp();
    let config = shop(dir.path());
    let held = dir.path().join("held");
    kill_midway(&config, &held);
    let lock = std::fs::File::open(&held).unwrap();
    lock.lock().unwrap();
    ended(audit(&config, &held).output().unwrap())
        .expect(75)
        .says(&["another assay works in"]);
    drop(lock);
    ended(audit(&config, &held).output().unwrap()).expect(10);
    assert!(json(held.join("report.json"))["run"]["resumed"].as_u64().unwrap() > 0);
}

/// What an interrupted run calls confirmed, the whole run confirms, whichever way the records were found.
#[test]
fn interrupted_runs_confirm_nothing_that_is_not_so() {
    let dir = temp();
    let config = shop(dir.path());
    let confirmed = |run: &Path| -> BTreeSet<String> {
        let text = std::fs::read_to_string(run.join("divergences.ndjson")).unwrap();
        let lines = text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        let firm = lines.filter(|l| l["divergence"]["state"] == "confirmed");
        firm.map(|l| l["divergence"]["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let calm = dir.path().join("calm");
    ended(audit(&config, &calm).output().unwrap()).expect(10);
    let all = confirmed(&calm);
    for strategy in ["auto", "merge", "sketch", "spill"] {
        let run = dir.path().join(strategy);
        let mut child = audit(&config, &run)
            .args(["--strategy", strategy])
            .spawn()
            .unwrap();
        wait_for(&mut child, &run, "0.part");
        signal(&child, "INT");
        ended(child.wait_with_output().unwrap()).expect(20);
        let found = confirmed(&run);
        assert!(found.is_subset(&all), "{strategy}: {:?}", found.difference(&all));
    }
}

#[test]
fn termination_can_be_taken_up() {
    let dir = temp();
    let config = shop(dir.path());
    let run = dir.path().join("run");
    let mut child = audit(&config, &run).spawn().unwrap();
    wait_for(&mut child, &run, "0.part");
    signal(&child, "TERM");
    ended(child.wait_with_output().unwrap()).expect(75);
    assert!(!run.join("report.json").exists());
    ended(audit(&config, &run).output().unwrap()).expect(10);
    let calm = dir.path().join("calm");
    ended(audit(&config, &calm).output().unwrap()).expect(10);
    assert_eq!(result(&calm).to_string(), result(&run).to_string());
}

/// Begins a run and kills it once it has left a checkpoint.
fn kill_midway(config: &str, run: &Path) {
    let mut child = audit(config, run).spawn().unwrap();
    wait_for(&mut child, run, "0.part");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn another_question_is_not_taken_up() {
    let dir = temp();
    let config = shop(dir.path());
    let run = dir.path().join("run");
    kill_midway(&config, &run);
    assert!(run.join("plan.json").exists() && !run.join("report.json").exists());
    let other_seed = ended(audit(&config, &run).args(["--swap"]).output().unwrap()).expect(64);
    other_seed.says(&["--run-dir"]);
    let csv = dir.path().join("shop/blue/orders_by_id.csv");
    let mut text = std::fs::read(&csv).unwrap();
    text.truncate(text.len() - 1);
    let cut = text.iter().rposition(|b| *b == b'\n').unwrap() + 1;
    text.truncate(cut);
    std::fs::write(&csv, &text).unwrap();
    ended(audit(&config, &run).output().unwrap())
        .expect(64)
        .says(&["changed"]);
}

/// What a merge or a spill had put aside is lost with the process: the run goes on without it, and ends in the same report.
#[test]
fn killed_runs_end_in_the_same_report_under_every_strategy() {
    let dir = temp();
    let config = shop(dir.path());
    let calm = dir.path().join("calm");
    ended(audit(&config, &calm).output().unwrap()).expect(10);
    for strategy in ["auto", "merge", "spill"] {
        let run = dir.path().join(strategy);
        let audit = || {
            let mut command = audit(&config, &run);
            command.args(["--strategy", strategy]);
            command
        };
        for part in ["0.part", "1.part"] {
            let mut child = audit().spawn().unwrap();
            wait_for(&mut child, &run, part);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        ended(audit().output().unwrap()).expect(10);
        assert_eq!(result(&calm).to_string(), result(&run).to_string(), "{strategy}");
        let list = |run: &Path| std::fs::read(run.join("divergences.ndjson")).unwrap();
        assert!(list(&calm) == list(&run), "{strategy}");
        let facts = json(run.join("report.json"))["run"].clone();
        assert!(facts["resumed"].as_u64().unwrap() > 0, "{facts}");
        let why = facts["compares"][0]["why"].as_str().unwrap();
        assert!(why.contains("resumed"), "{why}");
    }
}

/// A signal while the sources are still being opened ends the program at once, with the code for "again".
#[test]
fn a_run_that_waits_for_its_input_can_be_ended() {
    let dir = temp();
    let pipe = dir.path().join("never.bson");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for name in ["TERM", "INT"] {
        let mut diff = command();
        diff.arg("diff").arg(&pipe).arg(&pipe).stderr(Stdio::piped());
        let child = diff.spawn().unwrap();
        // The handlers are the first thing it sets up.
        std::thread::sleep(Duration::from_millis(500));
        signal(&child, name);
        ended(child.wait_with_output().unwrap()).expect(75);
    }
}

/// What a checkpoint holds of a file that was written anew since is not used, even if its size is the same.
#[test]
fn a_checkpoint_of_another_state_is_not_taken_up() {
    let dir = temp();
    let config = shop(dir.path());
    let run = dir.path().join("run");
    kill_midway(&config, &run);
    std::thread::sleep(Duration::from_millis(20));
    for name in ["customers.bson", "orders.bson"] {
        let file = dir.path().join("shop/green/shop").join(name);
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }
    ended(audit(&config, &run).output().unwrap()).expect(10);
    assert_eq!(json(run.join("report.json"))["run"]["resumed"], 0);
}
