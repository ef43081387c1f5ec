//! While both stores are written to: no false divergence, and every one that was planted.

use super::shop::{self, fill, run_all};
use super::{Ran, audit, command};
use crate::support::{self, Database, block_on};
use futures_util::future::join_all;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use scylla::client::session::Session;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const RECORDS: i32 = 2000;

/// Ids that writers leave alone, for what was planted.
fn is_planted(id: i32) -> bool {
    id % 200 == 7
}

/// A generator of numbers that every seed gives another sequence of.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Where orders are written to.
enum Store {
    Mongo(mongodb::Database),
    Cql(Box<Session>, String),
}

impl Store {
    /// Gives an order this total, or takes it away.
    async fn put(&self, id: i32, total: Option<i32>) {
        match self {
            Store::Mongo(database) => {
                let collection = database.collection::<Document>("orders");
                let (id, set) = (doc! { "_id": id }, doc! { "$set": { "total": total } });
                match total {
                    Some(_) => _ = collection.update_one(id, set).upsert(true).await.unwrap(),
                    None => _ = collection.delete_one(id).await.unwrap(),
                }
            }
            Store::Cql(session, table) => {
                let statement = match total {
                    Some(total) => format!("INSERT INTO {table} (id, total) VALUES ({id}, {total})"),
                    None => format!("DELETE FROM {table} WHERE id = {id}"),
                };
                session.query_unpaged(statement, ()).await.unwrap();
            }
        }
    }
}

/// Inserts, updates and deletes on stable, each followed by the same on the candidate after some time; returns how many.
async fn write(stable: Store, candidate: Store, seed: u64, lag_ms: u64, stop: &AtomicBool) -> i32 {
    let mut dice = Dice(seed);
    let mut later: Vec<(tokio::time::Instant, i32, Option<i32>)> = Vec::new();
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) || !later.is_empty() {
        if !stop.load(Ordering::Relaxed) {
            let id = dice.below(RECORDS as u64 + 200) as i32;
            // Each key has one write under way at a time, so that the candidate ends where stable does.
            if !is_planted(id) && later.iter().all(|(_, other, _)| *other != id) {
                n += 1;
                let total = (dice.below(5) > 0).then_some(n);
                stable.put(id, total).await;
                let after = Duration::from_millis(dice.below(lag_ms));
                later.push((tokio::time::Instant::now() + after, id, total));
            }
        }
        let now = tokio::time::Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = later.into_iter().partition(|(at, ..)| *at <= now);
        later = rest;
        // Together: a server that waits for its replicas would else fall behind.
        join_all(due.iter().map(|(_, id, total)| candidate.put(*id, *total))).await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    n
}

/// The orders of both sides, and what is to be found in them.
#[derive(Default)]
struct Planted {
    stable: Vec<(i32, i32)>,
    candidate: Vec<(i32, i32)>,
    ledger: BTreeSet<String>,
}

fn planted() -> Planted {
    let mut planted = Planted::default();
    for id in 0..RECORDS {
        let (class, fields) = match (is_planted(id), id / 200 % 3) {
            (false, _) => {
                planted.stable.push((id, 0));
                planted.candidate.push((id, 0));
                continue;
            }
            (true, 0) => {
                planted.stable.push((id, 0));
                ("missing", "[]")
            }
            (true, 1) => {
                planted.candidate.push((id, 0));
                ("extra", "[]")
            }
            (true, _) => {
                planted.stable.push((id, 0));
                planted.candidate.push((id, 1));
                ("changed", "[\"total\"]")
            }
        };
        planted.ledger.insert(format!("orders {class} {id} {fields}"));
    }
    planted
}

fn orders(totals: &[(i32, i32)]) -> Vec<RawDocumentBuf> {
    let order =
        |(id, total): &(i32, i32)| RawDocumentBuf::try_from(&doc! { "_id": id, "total": total }).unwrap();
    totals.iter().map(order).collect()
}

/// A configuration of two live sides, each its location (and who we are there) and where its orders are.
fn config(stable: (&str, &str), candidate: (&str, &str), lag_ms: u64, compare: &str) -> String {
    format!(
        "[stable]\n{}\n[candidate]\n{}\n[settle]\ndelay_seconds = {}\nattempts = 6\n\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"{}.orders\"\n{compare}",
        stable.0,
        candidate.0,
        lag_ms as f64 / 1000.0 + 1.0,
        stable.1,
        candidate.1
    )
}

fn mongo(database: &Database, side: &str) -> String {
    format!("location = \"{}\"\n[{side}.live]\npage = 100", database.uri())
}

/// Audits while the stores are written to, and holds what is found against the ledger.
async fn under_load(config: &str, stores: (Store, Store), seed: u64, lag_ms: u64, ledger: &BTreeSet<String>) {
    let stop = AtomicBool::new(false);
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(dir.path(), config, &[]);
    let audit = tokio::task::spawn_blocking(move || {
        // Writes are under way before the audit begins.
        std::thread::sleep(Duration::from_millis(500));
        command.output().unwrap()
    });
    let writing = write(stores.0, stores.1, seed, lag_ms, &stop);
    let ending = async {
        let output = audit.await.unwrap();
        stop.store(true, Ordering::Relaxed);
        output
    };
    let (writes, output) = futures_util::future::join(writing, ending).await;
    let ran = Ran::of(&output, dir);
    assert_eq!(ran.found("confirmed"), *ledger, "{}", ran.said);
    assert!(writes > 20, "{writes} writes are no load");
    assert_eq!(ran.found("unknown"), BTreeSet::new(), "{}", ran.said);
    assert_eq!(ran.verdict(), "NO_GO");
}

#[test]
fn writes_are_no_divergence_and_hide_none() {
    let (Some(one), Some(two)) = (support::mongodb(), support::mongodb_2()) else {
        return;
    };
    for (seed, lag) in [(1, 300), (2, 1500)] {
        let (stable, candidate) = (one.database("written"), two.database("written"));
        let planted = planted();
        let (ours, theirs) = (mongo(&stable, "stable"), mongo(&candidate, "candidate"));
        let config = config((&ours, stable.name()), (&theirs, candidate.name()), lag, "");
        block_on(async {
            let (stable, candidate) = (stable.open().await, candidate.open().await);
            fill(&stable, "orders", &orders(&planted.stable)).await;
            fill(&candidate, "orders", &orders(&planted.candidate)).await;
            let stores = (Store::Mongo(stable), Store::Mongo(candidate));
            under_load(&config, stores, seed, lag, &planted.ledger).await;
        });
    }
}

/// A dual write to another engine that comes up to 5 s late.
#[test]
fn late_writes_to_another_engine_are_no_divergence_and_hide_none() {
    let (Some(server), Some(cql)) = (support::mongodb(), support::cql()) else {
        return;
    };
    let (stable, candidate) = (server.database("late"), cql.keyspace("late"));
    let planted = planted();
    let table = format!("{}.orders", candidate.name());
    let there = shop::candidate(cql, candidate.name());
    let compare = "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\n";
    let config = config(
        (&mongo(&stable, "stable"), stable.name()),
        (&there, candidate.name()),
        5000,
        compare,
    );
    block_on(async {
        let (stable, session) = (stable.open().await, cql.session().await.unwrap());
        fill(&stable, "orders", &orders(&planted.stable)).await;
        let create = format!("CREATE TABLE {table} (id int PRIMARY KEY, total int)");
        session.query_unpaged(create, ()).await.unwrap();
        let insert =
            |(id, total): &(i32, i32)| format!("INSERT INTO {table} (id, total) VALUES ({id}, {total})");
        run_all(
            &session,
            &planted.candidate.iter().map(insert).collect::<Vec<_>>(),
        )
        .await;
        let stores = (Store::Mongo(stable), Store::Cql(Box::new(session), table.clone()));
        under_load(&config, stores, 3, 5000, &planted.ledger).await;
    });
}

/// Keys that have no one native form: they are looked for in all records.
#[test]
fn keys_that_cannot_be_asked_for_are_settled_all_the_same() {
    let (Some(server), Some(cql)) = (support::mongodb_2(), support::cql()) else {
        return;
    };
    let (stable, candidate) = (server.database("odd"), cql.keyspace("odd"));
    block_on(async {
        let (database, session) = (stable.open().await, cql.session().await.unwrap());
        // As texts that the mapping reads as numbers, in a form that nobody guesses.
        let order = |n: i32| doc! { "_id": format!("{n:04}.0"), "total": n };
        let documents: Vec<_> = (0..50)
            .map(|n| RawDocumentBuf::try_from(&order(n)).unwrap())
            .collect();
        fill(&database, "orders", &documents).await;
        let table = format!("{}.orders", candidate.name());
        let create = format!("CREATE TABLE {table} (id decimal PRIMARY KEY, total int)");
        session.query_unpaged(create, ()).await.unwrap();
        // Equal decimals with different bytes are different keys to the server.
        let insert = |n: i32| {
            let total = if n == 7 { -1 } else { n };
            format!(
                "INSERT INTO {table} (id, total) VALUES ({n}.{}, {total})",
                "0".repeat(n as usize % 3 + 1)
            )
        };
        let rows: Vec<_> = (0..51).filter(|n| *n != 3).map(insert).collect();
        run_all(&session, &rows).await;
    });
    let there = shop::candidate(cql, candidate.name());
    let compare = "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\ntype = \"decimal\"\n";
    let config = config(
        (&mongo(&stable, "stable"), stable.name()),
        (&there, candidate.name()),
        0,
        compare,
    );
    let ran = audit(&config, &[]);
    let found = [
        "orders changed 7 [\"total\"]",
        "orders extra 50 []",
        "orders missing 3 []",
    ];
    assert_eq!(
        ran.found("confirmed"),
        found.map(str::to_owned).into(),
        "{}",
        ran.said
    );
    assert_eq!(ran.found("unknown"), BTreeSet::new(), "{}", ran.said);
    let degraded = ran.report()["run"]["degraded"].to_string();
    assert!(
        degraded.contains("looked for by reading all of it again"),
        "{degraded}"
    );
}
