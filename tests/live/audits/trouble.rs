//! What goes wrong while stores are audited: never a wrong answer, and nothing written.

use super::shop::fill;
use super::{Ran, audit, command, interrupt, started};
use crate::support::{self, Kind, Mode, PrivateMongo, PrivateNode, Proxy, block_on};
use mongodb::bson::{RawDocumentBuf, doc};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const RECORDS: i32 = 4000;

fn orders() -> Vec<RawDocumentBuf> {
    let order = |id: i32| doc! { "_id": id, "total": id * 7, "text": format!("{id:0200}") };
    (0..RECORDS)
        .map(|id| RawDocumentBuf::try_from(&order(id)).unwrap())
        .collect()
}

/// A FerretDB of the test's own with the orders in `shop`, and the same in a dump.
struct Pair {
    server: PrivateMongo,
    database: String,
    dump: tempfile::TempDir,
}

impl Pair {
    fn new() -> Option<Pair> {
        let server = PrivateMongo::start(Kind::FerretDb)?;
        let database = server.database("shop");
        let name = database.name().to_owned();
        block_on(async { fill(&database.open().await, "orders", &orders()).await });
        // The server goes with the test, and the database with it.
        std::mem::forget(database);
        let dump = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = orders().iter().flat_map(|d| d.as_bytes().to_vec()).collect();
        std::fs::write(dump.path().join("orders.bson"), bytes).unwrap();
        Some(Pair {
            server,
            database: name,
            dump,
        })
    }

    /// A configuration whose stable side is the server behind `port`.
    fn config(&self, port: u16) -> String {
        format!(
            "[stable]\nlocation = \"{}\"\n[stable.live]\npage = 100\ntimeout_seconds = 10\nretry_seconds = 15\n\
             [candidate]\nlocation = \"{}\"\n[settle]\ndelay_seconds = 0.1\n\
             [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"orders\"\n",
            support::uri(port),
            self.dump.path().join("orders.bson").display(),
            self.database
        )
    }

    fn proxy(&self) -> Proxy {
        Proxy::start(SocketAddr::from(([127, 0, 0, 1], self.server.port())))
    }
}

/// An audit that is in the midst of reading.
fn slowly(dir: &Path, config: &str, proxy: &Proxy) -> Child {
    let mut child = command(dir, config, &["--max-rate", "300000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while proxy.counts().down < 400_000 && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    if child.try_wait().unwrap().is_some() {
        panic!("it has ended: {:?}", child.wait_with_output());
    }
    child
}

#[test]
fn a_cut_connection_is_taken_up_again() {
    let Some(pair) = Pair::new() else { return };
    let proxy = pair.proxy();
    proxy.set(Mode::CutAfter {
        bytes: 300_000,
        once: true,
    });
    let ran = audit(&pair.config(proxy.address().port()), &[]);
    assert_eq!((ran.code, ran.verdict().as_str()), (0, "GO"), "{}", ran.said);
    assert!(proxy.counts().cut > 0, "the connection was cut");
}

#[test]
fn a_server_that_stays_away_is_hold_and_named() {
    let Some(mut pair) = Pair::new() else { return };
    let proxy = pair.proxy();
    let dir = tempfile::tempdir().unwrap();
    let config = pair.config(proxy.address().port());
    let child = slowly(dir.path(), &config, &proxy);
    pair.server.kill();
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    let report = ran.report();
    let unread = report["result"]["compares"][0]["coverage"]["unread"].to_string();
    assert!(unread.contains("stable") && unread.contains("orders"), "{unread}");
    assert!(
        ran.found("confirmed").is_empty(),
        "what was not read is not missing"
    );
}

#[test]
fn a_server_that_is_started_again_costs_nothing() {
    let Some(mut pair) = Pair::new() else { return };
    let proxy = pair.proxy();
    let dir = tempfile::tempdir().unwrap();
    let config = pair
        .config(proxy.address().port())
        .replace("retry_seconds = 15", "retry_seconds = 60");
    let child = slowly(dir.path(), &config, &proxy);
    pair.server.kill();
    std::thread::sleep(Duration::from_secs(2));
    pair.server.restart();
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!((ran.code, ran.verdict().as_str()), (0, "GO"), "{}", ran.said);
}

#[test]
fn a_server_that_is_not_there_is_said() {
    let Some(pair) = Pair::new() else { return };
    let proxy = pair.proxy();
    let config = pair.config(proxy.address().port());
    proxy.set(Mode::Refuse);
    let refused = audit(&config, &[]);
    assert_eq!(refused.code, 69, "{}", refused.said);
    assert!(
        refused.said.contains("stable: mongodb://127.0.0.1:"),
        "{}",
        refused.said
    );
    proxy.set(Mode::HalfOpen);
    let begun = Instant::now();
    let silent = audit(&config, &[]);
    assert_eq!(silent.code, 69, "{}", silent.said);
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "it does not wait for ever"
    );
    proxy.set(Mode::Pass);
    let wrong = audit(
        &config.replace(".orders\"\ncandidate", ".ordres\"\ncandidate"),
        &[],
    );
    assert_eq!(wrong.code, 69, "{}", wrong.said);
    assert!(
        wrong.said.contains("ordres") && wrong.said.contains("orders"),
        "{}",
        wrong.said
    );
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let Some(node) = PrivateNode::start("Password") else {
        return;
    };
    let config = format!(
        "[stable]\nlocation = \"cql://{}/shop\"\n[stable.live]\nuser = \"cassandra\"\npassword = \"${{PW}}\"\n\
         [candidate]\nlocation = \"/dev/null\"\n[[compare]]\nname = \"t\"\nstable = \"t\"\ncandidate = \"t\"\n",
        node.cql().address
    );
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path(), &config, &[])
        .env("PW", "hunter2")
        .output()
        .unwrap();
    let ran = Ran::of(&output, dir);
    assert_eq!(ran.code, 69, "{}", ran.said);
    assert!(
        ran.said.contains("stable: cql://") && !ran.said.contains("hunter2"),
        "{}",
        ran.said
    );
    let literal = audit(&config.replace("${PW}", "hunter2"), &[]);
    assert_eq!(literal.code, 64, "{}", literal.said);
    assert!(literal.said.contains("environment"), "{}", literal.said);
}

#[test]
fn a_killed_audit_is_taken_up_and_an_interrupted_one_holds() {
    let Some(pair) = Pair::new() else { return };
    let config = pair.config(pair.server.port());
    let whole = audit(&config, &[]);
    assert_eq!(whole.verdict(), "GO", "{}", whole.said);
    let slow = ["--max-rate", "400000"];
    let start = |dir: &tempfile::TempDir| {
        let child = started(dir.path(), &config, &slow, "plan.json");
        std::thread::sleep(Duration::from_millis(500));
        child
    };
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(&dir);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(dir.path().join("run/plan.json").exists() && !dir.path().join("run/report.json").exists());
    let output = command(dir.path(), &config, &[]).output().unwrap();
    let again = Ran::of(&output, dir);
    assert_eq!((again.code, again.roots()), (0, whole.roots()), "{}", again.said);

    let dir = tempfile::tempdir().unwrap();
    let child = start(&dir);
    interrupt(&child, "it reads");
    let stopped = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!(stopped.verdict(), "HOLD", "{}", stopped.said);
}

#[test]
fn the_server_is_asked_for_reads_only() {
    let Some(pair) = Pair::new() else { return };
    let from = std::fs::read(pair.server.log()).unwrap().len();
    let config = pair.config(pair.server.port());
    let clean = audit(&config, &[]);
    assert_eq!(clean.verdict(), "GO", "{}", clean.said);
    let fewer: Vec<u8> = orders()[10..]
        .iter()
        .flat_map(|d| d.as_bytes().to_vec())
        .collect();
    std::fs::write(pair.dump.path().join("orders.bson"), fewer).unwrap();
    let drifted = audit(&config, &["--strategy", "sketch"]);
    assert_eq!(drifted.verdict(), "NO_GO", "{}", drifted.said);
    assert_eq!(clean.roots()[0].0, drifted.roots()[0].0, "nothing was changed");
    let log = std::fs::read(pair.server.log()).unwrap();
    let log = String::from_utf8_lossy(&log[from..]).into_owned();
    assert!(log.contains("find"), "the log shows what was asked");
    for write in support::WRITES {
        assert_eq!(support::asked(&log, write), 0, "{write} was asked for");
    }
}
