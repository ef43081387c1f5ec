//! How much is asked of a store, as the report tells it.

use super::shop::{fill, run_all};
use super::tables::side;
use super::{Ran, audit, interrupt, started};
use crate::support::{self, Database, block_on};
use mongodb::bson::{RawDocumentBuf, doc};
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
    // Without the start and the end, in which nothing is read.
    let seconds = report["run"]["compares"][0]["read_ms"].as_f64().unwrap() / 1000.0;
    for side in ["stable", "candidate"] {
        let load = &report["run"]["load"][side];
        let reached = load["bytes"].as_f64().unwrap() / seconds / rate;
        assert!(
            (0.8..1.05).contains(&reached),
            "{side}: {reached} of the rate: {load}"
        );
        assert!(
            load["waited_ms"].as_u64() > Some(0) && load["requests"].as_u64() > Some(100),
            "{load}"
        );
        assert!(load["most_in_flight"].as_u64() <= Some(2), "{load}");
    }
}

/// A store whose range is not read to its end when it is time for a checkpoint, beside a file that lies behind.
#[test]
fn a_checkpoint_that_falls_into_a_range_does_not_stop_the_reading() {
    let Some((_database, _dump, config)) = orders("page = 500") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut child = started(dir.path(), &config, &["--checkpoint-seconds", "0.1"], "plan.json");
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("it reads no more");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
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
    let child = started(dir.path(), &config, &[], "plan.json");
    std::thread::sleep(Duration::from_secs(2));
    interrupt(&child, "it waits for its window");
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    assert_eq!(ran.report()["run"]["load"]["stable"]["bytes"], 0, "{}", ran.said);
}

/// A guard that says no as long as a file is there.
fn guard(dir: &std::path::Path, patience: f64) -> String {
    let script = dir.join("quiet");
    std::fs::write(
        &script,
        "#!/bin/sh\nif [ -e \"$1\" ]; then echo too busy; exit 7; fi\n",
    )
    .unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, executable).unwrap();
    format!(
        "in_flight = 1\npage = 100\nmax_rate = 400000\n[stable.live.guard]\ncommand = [\"{}\", \"{}\"]\n\
         interval_seconds = 0.1\npatience_seconds = {patience}\n",
        script.display(),
        dir.join("busy").display()
    )
}

#[test]
fn a_guard_pauses_the_reading_and_lets_it_go_on() {
    let watched = tempfile::tempdir().unwrap();
    let Some((_database, _dump, config)) = orders(&guard(watched.path(), 60.0)) else {
        return;
    };
    let busy = watched.path().join("busy");
    let dir = tempfile::tempdir().unwrap();
    let child = started(dir.path(), &config, &[], "plan.json");
    std::thread::sleep(Duration::from_millis(700));
    std::fs::write(&busy, "").unwrap();
    std::thread::sleep(Duration::from_secs(3));
    std::fs::remove_file(&busy).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    let load = &ran.report()["run"]["load"]["stable"];
    assert_eq!(load["pauses"], 1, "{load}");
    let paused = load["paused_ms"].as_u64().unwrap();
    assert!((2500..6000).contains(&paused), "{load}");
    assert!(
        ran.said.contains("held back by its guard 1 time for") && ran.said.contains("too busy"),
        "{}",
        ran.said
    );
    assert!(ran.said.contains("reading goes on after"), "{}", ran.said);
}

#[test]
fn a_guard_that_never_lets_go_ends_in_hold_and_names_what_is_unread() {
    let watched = tempfile::tempdir().unwrap();
    let Some((database, _dump, config)) = orders(&guard(watched.path(), 1.0)) else {
        return;
    };
    std::fs::write(watched.path().join("busy"), "").unwrap();
    let ran = audit(&config, &[]);
    assert_eq!((ran.code, ran.verdict()), (20, "HOLD".to_owned()), "{}", ran.said);
    let report = ran.report();
    let unread = &report["result"]["compares"][0]["coverage"]["unread"];
    let reason = unread[0]["reason"].as_str().unwrap();
    assert!(
        unread[0]["file"].as_str().unwrap().starts_with(database.name()) && unread[0]["side"] == "stable",
        "{unread}"
    );
    assert!(
        reason.contains("held back for 1.0 s") && reason.contains("quiet") && reason.contains("too busy"),
        "{reason}"
    );
    assert_eq!(ran.found("confirmed").len(), 0, "what is unread is not missing");
    assert_eq!(report["run"]["load"]["stable"]["requests"], 0);
}

/// Before the end of the reading, and when records are looked at again.
#[test]
fn an_interrupt_is_heeded_while_a_guard_holds_the_store_back() {
    for settling in [false, true] {
        let watched = tempfile::tempdir().unwrap();
        let Some((_database, dump, config)) = orders(&guard(watched.path(), 600.0)) else {
            return;
        };
        let busy = watched.path().join("busy");
        let mut config = config;
        if settling {
            std::fs::write(dump.path().join("orders.bson"), b"").unwrap();
            config = format!("[settle]\ndelay_seconds = 4\n{config}").replace("max_rate = 400000\n", "");
        }
        let dir = tempfile::tempdir().unwrap();
        let child = started(dir.path(), &config, &[], "plan.json");
        // By now all is read that is to be read, where it is about settling.
        std::thread::sleep(Duration::from_millis(if settling { 3000 } else { 500 }));
        std::fs::write(&busy, "").unwrap();
        std::thread::sleep(Duration::from_secs(if settling { 4 } else { 1 }));
        interrupt(&child, "it waits for its guard");
        let begun = std::time::Instant::now();
        let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
        assert_eq!(ran.found("confirmed").len(), 0, "{}", ran.said);
        assert_eq!(ran.report()["run"]["outcome"], "cancelled", "{}", ran.said);
    }
}

#[test]
fn an_interrupt_is_heeded_between_two_looks_at_suspects() {
    let Some((_database, dump, config)) = orders("") else {
        return;
    };
    std::fs::write(dump.path().join("orders.bson"), b"").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = format!("[settle]\ndelay_seconds = 60\n{config}");
    let child = started(dir.path(), &config, &[], "0.part");
    // The first pass is over; the second ends whatever comes.
    std::thread::sleep(Duration::from_secs(2));
    interrupt(&child, "it waits for its second look");
    let begun = std::time::Instant::now();
    let ran = Ran::of(&child.wait_with_output().unwrap(), dir);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    assert_eq!(ran.found("confirmed").len(), 0, "{}", ran.said);
    assert!(!ran.found("unknown").is_empty(), "{}", ran.said);
    assert_eq!(ran.report()["run"]["outcome"], "cancelled", "{}", ran.said);
}

#[test]
fn a_guard_that_cannot_be_asked_is_an_error_that_names_it() {
    let Some((_database, _dump, config)) =
        orders("[stable.live.guard]\ncommand = [\"no-such-guard\", \"x\"]")
    else {
        return;
    };
    let ran = audit(&config, &[]);
    assert_eq!(ran.code, 64, "{}", ran.said);
    assert!(
        ran.said.contains("the guard `no-such-guard x` cannot be run"),
        "{}",
        ran.said
    );
    let empty = audit(&config.replace("command = [\"no-such-guard\", \"x\"]", ""), &[]);
    assert_eq!(empty.code, 64, "{}", empty.said);
    assert!(
        empty.said.contains("stable: guard: expected `command`"),
        "{}",
        empty.said
    );
}

/// A lag that a server tells is heeded; of one that has none to tell, the limit is refused.
#[test]
fn a_limit_of_the_lag_holds_where_there_are_replicas() {
    let Some((database, _dump, config)) = orders("[stable.live.guard]\nmax_lag_seconds = 60") else {
        return;
    };
    let replicas = block_on(async {
        let client = mongodb::Client::with_uri_str(&database.uri()).await.unwrap();
        let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
        hello.is_ok_and(|hello| hello.get_document("lastWrite").is_ok())
    });
    let ran = audit(&config, &[]);
    match replicas {
        true => assert_eq!(ran.verdict(), "GO", "{}", ran.said),
        false => {
            assert_eq!(ran.code, 64, "{}", ran.said);
            assert!(
                ran.said.contains("no member of a replica set") && ran.said.contains("max_lag_seconds"),
                "{}",
                ran.said
            );
        }
    }
}
