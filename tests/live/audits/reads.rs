//! Nothing is written to a cluster: its own log of all statements, and all that it holds, before and after every kind of run.

use super::shop::run_all;
use super::tables::side;
use super::{Ran, command};
use crate::support::{Cql, PrivateNode, block_on};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

const ROWS: i32 = 300;

fn fill(cql: &Cql, keyspace: &str, drift: bool) {
    let mut rows: Vec<String> = (0..ROWS)
        .filter(|id| !(drift && *id == 7))
        .map(|id| {
            let v = if drift && id == 9 { -1 } else { id };
            format!(
                "INSERT INTO {keyspace}.t (id, at, v, tags) VALUES ({}, {id}, {v}, ['a'])",
                id % 40
            )
        })
        .collect();
    rows.push(format!(
        "INSERT INTO {keyspace}.t (id, at, v) VALUES (99, 1, 1) USING TTL 80000"
    ));
    block_on(async {
        let session = cql.session().await.unwrap();
        let table = "t (id int, at int, s text static, v int, tags list<text>, PRIMARY KEY (id, at))";
        session
            .query_unpaged(format!("CREATE TABLE {keyspace}.{table}"), ())
            .await
            .unwrap();
        run_all(&session, &rows).await;
    });
}

/// All that a table holds, and when it was written.
fn content(cql: &Cql, keyspace: &str) -> BTreeSet<String> {
    block_on(async {
        let mut content = BTreeSet::new();
        for what in ["*", "id, at, writetime(v)"] {
            let text = format!("SELECT JSON {what} FROM {keyspace}.t");
            content.extend(cql.json(&text).await);
        }
        content
    })
}

/// The statements in a node's log from `start` on, each behind its type, and where the log ends.
fn statements(node: &PrivateNode, start: usize) -> (Vec<(String, String)>, usize) {
    let log = std::fs::read_to_string(node.log()).unwrap();
    let audited = log[start..].lines().filter_map(|line| {
        let (head, operation) = line.split_once("|operation:")?;
        let kind = head.split_once("|type:")?.1.split('|').next()?;
        Some((kind.to_owned(), operation.to_owned()))
    });
    (audited.collect(), log.len())
}

fn assay(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    let output = command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 10 | 20)),
        "{arguments:?}: {said}"
    );
    said
}

#[test]
fn a_cluster_is_sent_nothing_but_reads() {
    let Some(node) = PrivateNode::watched() else {
        return;
    };
    let cql = node.cql();
    let (stable, candidate) = (cql.keyspace("first"), cql.keyspace("second"));
    fill(cql, stable.name(), false);
    fill(cql, candidate.name(), true);
    let holds = || [&stable, &candidate].map(|keyspace| content(cql, keyspace.name()));
    let before = holds();
    assert_eq!(before[0].len(), 2 * (ROWS as usize + 1));
    let (seen, mut start) = statements(&node, 0);
    assert!(
        seen.iter()
            .any(|(kind, text)| kind == "UPDATE" && text.contains("INSERT INTO")),
        "{seen:?}"
    );

    let live = "write_times = true";
    let compare = format!(
        "[settle]\ndelay_seconds = 0.1\n[[compare]]\nname = \"t\"\nstable = \"{}.t\"\ncandidate = \"{}.t\"\n",
        stable.name(),
        candidate.name()
    );
    let config = [
        side(cql, "stable", stable.name(), live),
        side(cql, "candidate", candidate.name(), live),
        compare,
    ]
    .concat();
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let mut check = |what: &str, asks: bool| {
        let (seen, end) = statements(&node, start);
        for (kind, text) in &seen {
            // A driver asks for ScyllaDB's own tables, too, which fails here.
            let kinds = ["SELECT", "PREPARE_STATEMENT", "USE_KEYSPACE", "REQUEST_FAILURE"];
            let reads = kinds.contains(&kind.as_str());
            let text = text.trim_start().to_ascii_uppercase();
            let says = ["SELECT ", "USE "].iter().any(|word| text.starts_with(word));
            // Nothing was done then: the driver prepares the statement, a read, anew.
            let forgotten = kind == "REQUEST_FAILURE" && text.contains("PREPARED QUERY WITH ID");
            assert!(forgotten || reads && says, "{what}: {kind} {text}");
        }
        let table = |text: &str| text.contains(stable.name()) || text.contains(candidate.name());
        assert_eq!(seen.iter().any(|(_, text)| table(text)), asks, "{what}: {seen:?}");
        let prepared = seen
            .iter()
            .filter(|(kind, text)| kind == "PREPARE_STATEMENT" && table(text));
        let mut once = BTreeSet::new();
        prepared.for_each(|(_, text)| assert!(once.insert(text), "{what}: prepared again: {text}"));
        assert_eq!(holds(), before, "{what}");
        start = statements(&node, end).1;
    };
    for strategy in ["merge", "sketch", "spill"] {
        let run = tempfile::tempdir().unwrap();
        let output = command(run.path(), &config, &["--strategy", strategy])
            .output()
            .unwrap();
        let ran = Ran::of(&output, run);
        assert_eq!(ran.found("confirmed").len(), 2, "{}", ran.said);
        check(strategy, true);
    }
    std::fs::write(at.join("assay.toml"), &config).unwrap();
    assay(at, &["doctor", "-c", "assay.toml"]);
    check("doctor", true);
    assay(at, &["config", "check", "-c", "assay.toml"]);
    check("config check", true);
    assay(
        at,
        &["plan", "-c", "assay.toml", "--slices", "2", "-o", "plan.json"],
    );
    check("plan", false);
    assay(
        at,
        &[
            "scan",
            "-c",
            "assay.toml",
            "--plan",
            "plan.json",
            "--parts",
            "parts",
        ],
    );
    check("scan", true);
    assay(
        at,
        &[
            "merge",
            "-c",
            "assay.toml",
            "--plan",
            "plan.json",
            "--parts",
            "parts",
            "--run-dir",
            "run",
        ],
    );
    check("merge", true);
    assay(at, &["report", "run"]);
    let listed = std::fs::read_to_string(at.join("run/divergences.ndjson")).unwrap();
    let first: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assay(
        at,
        &["explain", "run", first["divergence"]["id"].as_str().unwrap()],
    );
    check("report and explain", false);
}
