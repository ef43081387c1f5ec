//! How much is asked of a store, as the report tells it.

use super::shop::{fill, run_all};
use super::tables::side;
use super::{Ran, audit, command};
use crate::support::{self, Database, block_on};
use mongodb::bson::{RawDocumentBuf, doc};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A database with 5,000 orders, and a configuration of it against a dump of nothing.
fn orders(live: &str) -> Option<(Database, tempfile::TempDir, String)> {
    let database = support::mongodb()?.database("manners");
    let order = |id: i32| doc! { "_id": id, "text": format!("{id:0200}") };
    let orders: Vec<_> = (0..5000)
        .map(|id| RawDocumentBuf::try_from(&order(id)).unwrap())
        .collect();
    block_on(async { fill(&database.open().await, "orders", &orders).await });
    let dump = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = orders
        .iter()
        .flat_map(|order| order.as_bytes().to_vec())
        .collect();
    std::fs::write(dump.path().join("orders.bson"), bytes).unwrap();
    let config = format!(
        "[stable]\nlocation = \"{}\"\n[stable.live]\n{live}\n[candidate]\nlocation = \"{}\"\n\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"orders\"\n",
        database.uri(),
        dump.path().join("orders.bson").display(),
        database.name()
    );
    Some((database, dump, config))
}

#[test]
fn a_rate_is_held_and_reported() {
    let Some((_database, _dump, config)) = orders("in_flight = 2\npage = 200") else {
        return;
    };
    let rate = 250e3;
    let ran = audit(&config, &["--max-rate", "250000"]);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    let report = ran.report();
    let load = &report["run"]["load"]["stable"];
    assert!(
        report["run"]["load"]["candidate"].is_null(),
        "a file is asked nothing"
    );
    let (bytes, ms) = (
        load["bytes"].as_f64().unwrap(),
        report["run"]["duration_ms"].as_f64().unwrap(),
    );
    let reached = bytes / (ms / 1000.0) / rate;
    // What the first moments and the end take cannot make it faster, only slower.
    assert!(reached < 1.05, "{reached} of the rate: {load}");
    assert!(
        load["waited_ms"].as_u64() > Some(0) && load["requests"].as_u64() > Some(20),
        "{load}"
    );
    assert!(load["most_in_flight"].as_u64() <= Some(2), "{load}");
    assert_eq!(load["back_offs"], 0);
    assert!(
        ran.said.contains("load") && ran.said.contains("backed off 0 times"),
        "{}",
        ran.said
    );
}

#[test]
fn a_rate_is_held_by_a_cluster_too() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("manners");
    let name = keyspace.name();
    block_on(async {
        let session = cql.session().await.unwrap();
        let table = format!("CREATE TABLE {name}.t (id int PRIMARY KEY, text text)");
        session.query_unpaged(table, ()).await.unwrap();
        let row = |id: i32| format!("INSERT INTO {name}.t (id, text) VALUES ({id}, '{id:0200}')");
        run_all(&session, &(0..12_000).map(row).collect::<Vec<_>>()).await;
    });
    let live = "in_flight = 2\npage = 100";
    let config = format!(
        "{}{}[[compare]]\nname = \"t\"\nstable = \"{name}.t\"\ncandidate = \"{name}.t\"\n",
        side(cql, "stable", name, live),
        side(cql, "candidate", name, live)
    );
    let rate = 250e3;
    let ran = audit(&config, &["--max-rate", "250000"]);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    let report = ran.report();
    let seconds = report["run"]["duration_ms"].as_f64().unwrap() / 1000.0;
    for side in ["stable", "candidate"] {
        let load = &report["run"]["load"][side];
        let reached = load["bytes"].as_f64().unwrap() / seconds / rate;
        // The start and the end, in which nothing is read, are a part of the time.
        assert!(
            (0.9..1.05).contains(&reached),
            "{side}: {reached} of the rate: {load}"
        );
        assert!(
            load["waited_ms"].as_u64() > Some(0) && load["requests"].as_u64() > Some(100),
            "{load}"
        );
        assert!(load["most_in_flight"].as_u64() <= Some(2), "{load}");
    }
}

#[test]
fn outside_of_its_windows_a_store_is_left_alone() {
    // A window that opens in some hours.
    let hour = (jiff::Timestamp::now().as_second() / 3600 + 3) % 24;
    let Some((_database, _dump, config)) = orders(&format!("windows = [\"{hour:02}:00-{hour:02}:30 UTC\"]"))
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let child = command(dir.path(), &config, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its directory holds something once everything has been looked at.
    let planned = || std::fs::read_dir(dir.path().join("run")).is_ok_and(|mut files| files.next().is_some());
    let begun = Instant::now();
    while !planned() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(3));
    let pid = child.id().to_string();
    let interrupted = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(interrupted.unwrap().success(), "it waits for its window");
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    assert_eq!(ran.report()["run"]["load"]["stable"]["bytes"], 0, "{}", ran.said);
}
