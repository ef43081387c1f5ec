//! Where reports go, what a run directory keeps, and what a directory of dumps lacks.

use crate::bson::{document, int};
use crate::support::{assay, command, diff, ended, put, temp};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn record(value: i32) -> Vec<u8> {
    document(&[("_id", int(1)), ("v", int(value))])
}

fn pair(dir: &Path) -> (PathBuf, PathBuf) {
    let a = put(dir.join("a.bson"), record(1));
    (a, put(dir.join("b.bson"), record(2)))
}

/// A directory of which a part cannot be compared is not GO, even if both sides lack the same part.
#[test]
fn what_a_directory_lacks_is_said() {
    let cases = [
        ("orders.metadata.json", "orders.metadata.json"),
        ("orders.bson.lz4", "orders.bson.lz4"),
        ("old/er/orders.bson", "two levels"),
    ];
    for (name, words) in cases {
        let dir = temp();
        for side in ["a", "b"] {
            put(dir.path().join(side).join("shop/x.bson"), record(1));
            put(dir.path().join(side).join("shop").join(name), "{}");
        }
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let diffed = diff(&a, &b, &[]);
        diffed.end.expect(64).says(&["stable", words, "configuration"]);
        std::fs::remove_dir_all(a.join("shop").join(name.split('/').next().unwrap()))
            .or_else(|_| std::fs::remove_file(a.join("shop").join(name)))
            .unwrap();
        diff(&a, &b, &[]).end.expect(64).says(&["candidate", words]);
        // What is said to be compared can be.
        let config = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n[[compare]]\nname = \"x\"\n\
            stable = \"shop.x\"\ncandidate = \"shop.x\"\n";
        let config = put(dir.path().join("assay.toml"), config).display().to_string();
        let run = dir.path().join("run").display().to_string();
        assay(["audit", "-c", &config, "--run-dir", &run]).expect(0);
    }
    // Files that are about data are none.
    let dir = temp();
    put(dir.path().join("a/x.bson"), record(1));
    put(dir.path().join("a/x.bson.sha256"), "0");
    put(dir.path().join("a/README"), "0");
    diff(dir.path().join("a"), dir.path().join("a"), &[])
        .end
        .expect(0);
}

#[test]
fn reports_overwrite_neither_stores_nor_runs() {
    let dir = temp();
    let (a, b) = pair(dir.path());
    let shown = |p: &Path| p.display().to_string();
    let before = std::fs::read(&a).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&a, &link).unwrap();
    for target in [&a, &b, &link] {
        let output = format!("json={}", shown(target));
        assay(["diff", &shown(&a), &shown(&b), "-o", &output])
            .expect(64)
            .says(&["written over"]);
    }
    assert_eq!(std::fs::read(&a).unwrap(), before);
    let run = dir.path().join("run");
    let own = format!("ndjson={}", shown(&run.join("divergences.ndjson")));
    assay(["diff", &shown(&a), &shown(&b), "--run-dir", &shown(&run)]).expect(10);
    assay(["report", &shown(&run), "-o", &own]).expect(64);
    let csv = format!("csv={}", shown(&run.join("first.csv")));
    assay(["report", &shown(&run), "-o", &csv]).expect(10);
    assay(["report", &shown(&run), "-o", &csv]).expect(10);
    let other = dir.path().join("other");
    let report = format!("json={}", shown(&other.join("report.json")));
    std::fs::create_dir(&other).unwrap();
    assay([
        "diff",
        &shown(&a),
        &shown(&b),
        "--run-dir",
        &shown(&other),
        "-o",
        &report,
    ])
    .expect(64);
    assay(["diff", &shown(&a), &shown(&b), "-o", "json=x", "-o", "csv=x"]).expect(64);
    assay(["diff", &shown(&a), &shown(&b), "-o", "json="]).expect(64);
}

/// A report that is there is this run's, and whole.
#[test]
fn no_old_report_is_left_when_a_run_fails() {
    let dir = temp();
    let (a, b) = pair(dir.path());
    let report = put(dir.path().join("r.json"), "{\"verdict\":\"GO\"}");
    let output = format!("json={}", report.display());
    let cut = put(dir.path().join("cut.csv"), "");
    assay([
        "diff",
        &a.display().to_string(),
        &cut.display().to_string(),
        "-o",
        &output,
    ])
    .expect(69);
    assert!(!report.exists());
    assay([
        "diff",
        &a.display().to_string(),
        &b.display().to_string(),
        "-o",
        &output,
    ])
    .expect(10);
    assert_eq!(crate::support::json(&report)["verdict"]["verdict"], "NO_GO");
    // Nothing half-written lies around.
    let hidden = std::fs::read_dir(dir.path()).unwrap();
    assert!(
        hidden
            .into_iter()
            .all(|e| !e.unwrap().file_name().to_string_lossy().starts_with('.'))
    );
}

#[test]
fn devices_and_full_disks() {
    let dir = temp();
    let (a, b) = pair(dir.path());
    let (a, b) = (a.display().to_string(), b.display().to_string());
    for format in ["text", "json", "ndjson", "csv"] {
        let output = format!("{format}=/dev/full");
        assay(["diff", &a, &b, "-o", &output])
            .expect(74)
            .says(&["/dev/full"]);
        assay(["diff", &a, &b, "-o", &format!("{format}=/dev/null")]).expect(10);
    }
    for place in ["/dev/full/x", &format!("{a}/x"), &a] {
        assay(["diff", &a, &b, "--run-dir", place]).expect(74);
        assay(["diff", &a, &b, "-o", &format!("json={place}/x")]).expect(74);
    }
}

/// A run whose files were changed, cut or taken away is not rendered as a result.
#[test]
fn a_run_that_was_changed_is_not_reported() {
    let dir = temp();
    let (a, b) = pair(dir.path());
    let run = dir.path().join("run");
    let shown = run.display().to_string();
    assay([
        "diff",
        &a.display().to_string(),
        &b.display().to_string(),
        "--run-dir",
        &shown,
    ])
    .expect(10);
    let id = {
        let text = std::fs::read_to_string(run.join("divergences.ndjson")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        line["divergence"]["id"].as_str().unwrap().to_owned()
    };
    assay(["report", &shown]).expect(10);
    assay(["explain", &shown, &id]).expect(0);
    let refused = |words: &str| {
        for format in ["text", "json", "ndjson", "csv"] {
            assay(["report", &shown, "-o", format]).expect(64).says(&[words]);
        }
        assay(["explain", &shown, &id]).expect(64).says(&[words]);
    };
    let changes: [fn(&str) -> String; 4] = [
        |text| text.replace("NO_GO", "GO"),
        |text| text[..text.len() / 2].to_owned(),
        |_| String::new(),
        |text| format!("{text}{text}"),
    ];
    for name in ["report.json", "verdict.json", "divergences.ndjson"] {
        let path = run.join(name);
        let whole = std::fs::read_to_string(&path).unwrap();
        for change in changes {
            let changed = change(&whole);
            if changed != whole {
                put(&path, changed);
                refused(name);
            }
        }
        std::fs::remove_file(&path).unwrap();
        refused(name);
        put(&path, whole);
    }
    std::fs::remove_file(run.join("digests.b3")).unwrap();
    refused("digests.b3");
}

#[test]
fn the_demo_takes_away_only_what_is_its_own() {
    let dir = temp();
    let shown = dir.path().display().to_string();
    let precious = put(dir.path().join("run/thesis.txt"), "years of work");
    assay(["demo", &shown, "--records", "5"])
        .expect(64)
        .says(&["thesis.txt"]);
    assert!(precious.exists());
    std::fs::remove_dir_all(dir.path().join("run")).unwrap();
    let config = put(dir.path().join("assay.toml"), "[stable]\n");
    assay(["demo", &shown, "--records", "5"])
        .expect(64)
        .says(&["assay.toml"]);
    std::fs::remove_file(config).unwrap();
    assay(["demo", &shown, "--records", "5"]).expect(0);
    assay(["demo", &shown, "--records", "5"]).expect(0);
}

/// A command that needs its input twice does not wait for a pipe to say it again.
#[test]
fn streams_are_read_once() {
    let dir = temp();
    let (a, _) = pair(dir.path());
    let config = |location: &str| {
        let text = format!(
            "[stable]\nlocation = \"{location}\"\nformat = \"bson\"\n[candidate]\nlocation = \"a.bson\"\n[[compare]]\n\
             name = \"x\"\nstable = \"{}\"\ncandidate = \"a\"\n",
            if location == "-" { "stdin" } else { "pipe" }
        );
        put(dir.path().join("assay.toml"), text).display().to_string()
    };
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for location in ["-", "pipe"] {
        let config = config(location);
        for step in ["plan", "scan", "merge"] {
            let plan = dir.path().join("plan.json").display().to_string();
            let option = if step == "plan" { "-o" } else { "--plan" };
            assay([step, "-c", &config, option, &plan])
                .expect(64)
                .says(&["stable", "only once"]);
        }
    }
    // An unfinished run lies there; what comes through the pipe is audited all the same, and once.
    let (config, run) = (config("-"), dir.path().join("run"));
    let files = "[stable]\nlocation = \"a.bson\"\n[candidate]\nlocation = \"a.bson\"\n";
    let files = put(dir.path().join("files.toml"), files).display().to_string();
    let plan = put(run.join("plan.json"), "").display().to_string();
    assay(["plan", "-c", &files, "-o", &plan]).expect(0);
    let mut audit = command();
    audit.args(["audit", "-c", &config, "--run-dir"]).arg(&run);
    let mut child = audit
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&std::fs::read(&a).unwrap())
        .unwrap();
    ended(child.wait_with_output().unwrap()).expect(0);
    let both = put(
        dir.path().join("both.toml"),
        "[stable]\nlocation = \"-\"\n[candidate]\nlocation = \"-\"\n[[compare]]\nname = \"x\"\nstable = \"stdin\"\n\
         candidate = \"stdin\"\n",
    );
    let run = dir.path().join("other").display().to_string();
    assay(["audit", "-c", &both.display().to_string(), "--run-dir", &run])
        .expect(64)
        .says(&["one side"]);
}
