//! While both stores are written to: no false divergence, and every one that was planted.

use super::shop::fill;
use super::{Ran, command};
use crate::support::{self, block_on};
use mongodb::bson::{Document, RawDocumentBuf, doc};
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

/// Inserts, updates and deletes on stable, each followed by the same on the candidate after some time; returns how many.
async fn write(
    stable: mongodb::Database,
    candidate: mongodb::Database,
    seed: u64,
    lag_ms: u64,
    stop: &AtomicBool,
) -> i32 {
    let mut dice = Dice(seed);
    let mut later: Vec<(tokio::time::Instant, i32, Option<i32>)> = Vec::new();
    let put = async |database: &mongodb::Database, id: i32, total: Option<i32>| {
        let collection = database.collection::<Document>("orders");
        match total {
            Some(total) => {
                let set = doc! { "$set": { "total": total } };
                collection
                    .update_one(doc! { "_id": id }, set)
                    .upsert(true)
                    .await
                    .unwrap();
            }
            None => _ = collection.delete_one(doc! { "_id": id }).await.unwrap(),
        }
    };
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) || !later.is_empty() {
        if !stop.load(Ordering::Relaxed) {
            let id = dice.below(RECORDS as u64 + 200) as i32;
            // Each key has one write under way at a time, so that the candidate ends where stable does.
            if !is_planted(id) && later.iter().all(|(_, other, _)| *other != id) {
                n += 1;
                let total = (dice.below(5) > 0).then_some(n);
                put(&stable, id, total).await;
                let after = Duration::from_millis(dice.below(lag_ms));
                later.push((tokio::time::Instant::now() + after, id, total));
            }
        }
        let now = tokio::time::Instant::now();
        let (due, rest): (Vec<_>, Vec<_>) = later.into_iter().partition(|(at, ..)| *at <= now);
        later = rest;
        for (_, id, total) in due {
            put(&candidate, id, total).await;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    n
}

#[test]
fn writes_are_no_divergence_and_hide_none() {
    let (Some(one), Some(two)) = (support::mongodb(), support::mongodb_2()) else {
        return;
    };
    for (seed, lag) in [(1, 300), (2, 1500)] {
        let (stable, candidate) = (one.database("written"), two.database("written"));
        let order =
            |id: i32, total: i32| RawDocumentBuf::try_from(&doc! { "_id": id, "total": total }).unwrap();
        let mut planted = BTreeSet::new();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for id in 0..RECORDS {
            match (is_planted(id), id / 200 % 3) {
                (false, _) => {
                    ours.push(order(id, 0));
                    theirs.push(order(id, 0));
                }
                (true, 0) => {
                    ours.push(order(id, 0));
                    planted.insert(format!("orders missing {id} []"));
                }
                (true, 1) => {
                    theirs.push(order(id, 0));
                    planted.insert(format!("orders extra {id} []"));
                }
                (true, _) => {
                    ours.push(order(id, 0));
                    theirs.push(order(id, 1));
                    planted.insert(format!("orders changed {id} [\"total\"]"));
                }
            }
        }
        let config = format!(
            "[stable]\nlocation = \"{}\"\n[stable.live]\npage = 100\n[candidate]\nlocation = \"{}\"\n\
             [candidate.live]\npage = 100\n[settle]\ndelay_seconds = {}\nattempts = 6\n\
             [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"{}.orders\"\n",
            stable.uri(),
            candidate.uri(),
            lag as f64 / 1000.0 + 0.3,
            stable.name(),
            candidate.name()
        );
        let stop = AtomicBool::new(false);
        let dir = tempfile::tempdir().unwrap();
        let (writes, output) = block_on(async {
            let (stable, candidate) = (stable.open().await, candidate.open().await);
            fill(&stable, "orders", &ours).await;
            fill(&candidate, "orders", &theirs).await;
            let mut command = command(dir.path(), &config, &[]);
            let audit = tokio::task::spawn_blocking(move || {
                // Writes are under way before the audit begins.
                std::thread::sleep(Duration::from_millis(500));
                command.output().unwrap()
            });
            let writing = write(stable, candidate, seed, lag, &stop);
            let ending = async {
                let output = audit.await.unwrap();
                stop.store(true, Ordering::Relaxed);
                output
            };
            futures_util::future::join(writing, ending).await
        });
        let ran = Ran::of(&output, dir);
        assert_eq!(ran.found("confirmed"), planted, "{}", ran.said);
        assert!(writes > 20, "{writes} writes are no load");
        assert_eq!(ran.found("unknown"), BTreeSet::new(), "{}", ran.said);
        assert_eq!(ran.verdict(), "NO_GO");
    }
}
