//! What an audit that is held to half of what a store can give does to somebody who reads single records meanwhile.

use crate::drain::Drain;
use crate::measure::middle;
use crate::stores::{Audit, Place, Store};
use crate::support::block_on;
use mongodb::bson::{Document, doc};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The time between two questions of the reader.
const PACE: Duration = Duration::from_millis(10);

/// An audit beside the reader.
struct Guest {
    name: &'static str,
    /// More keys of its section `live`.
    keys: &'static str,
    /// It leaves the processors that it shares with the store and the reader to them, as one on a machine of its own does.
    polite: bool,
}

const GUESTS: [Guest; 3] = [
    Guest {
        name: "as it is",
        keys: "",
        polite: false,
    },
    Guest {
        name: "at the lowest priority",
        keys: "",
        polite: true,
    },
    Guest {
        name: "with pages of 150 records",
        keys: "page = 150",
        polite: false,
    },
];

/// Prints the table: medians of so many rounds, in which the reader is alone and beside an audit in turn.
pub fn figures(stores: &[Store], drains: &[Drain], rounds: u64, time: Duration) {
    println!(
        "A reader of single records, one each {} ms, beside an audit at half of the drain rate:\n",
        PACE.as_millis()
    );
    println!(
        "| | audit | of the rate | reads | p50 ms alone | p50 ms beside | p99 ms alone | p99 ms beside | p99 ratio |\n|---|---|---|---|---|---|---|---|---|"
    );
    for (store, drain) in stores.iter().zip(drains) {
        // One more look that is not measured: caches and connections are as they stay.
        let stop = AtomicBool::new(false);
        block_on(read(store, Duration::from_secs(1).min(time), &stop));
        for guest in &GUESTS {
            let (mut alone, mut next_to_it, mut rates) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                alone.push(Latency::of(block_on(read(store, time, &stop))));
                let (took, reached) = beside(store, drain, time, guest);
                next_to_it.push(Latency::of(took));
                rates.extend(reached);
            }
            assert!(
                !rates.is_empty(),
                "no audit ended in time: give it more --seconds"
            );
            let of = |seen: &[Latency], what: fn(&Latency) -> f64| middle(seen.iter().map(what));
            let (a, b) = (of(&alone, |l| l.p99), of(&next_to_it, |l| l.p99));
            println!(
                "| {} | {} | {:.2} | {} | {:.2} | {:.2} | {a:.2} | {b:.2} | {:.2}× |",
                store.name,
                guest.name,
                middle(rates.into_iter()),
                next_to_it.iter().map(|seen| seen.reads).sum::<usize>(),
                of(&alone, |l| l.p50),
                of(&next_to_it, |l| l.p50),
                b / a
            );
        }
    }
    println!();
}

/// Reads while audits at half of the drain rate are under way, one after the other. Gives how long each read took, and which
/// share of that rate each audit reached that ended meanwhile.
fn beside(store: &Store, drain: &Drain, time: Duration, guest: &Guest) -> (Vec<Duration>, Vec<f64>) {
    let rate = drain.rate() / 2.0;
    let config = store.against_its_dump(&format!("max_rate = {rate:.1}\n{}", guest.keys));
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let audits = threads.spawn(|| {
            let mut reached = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let mut audit = Audit::begin(&config, &[]);
                let mut polite = guest.polite.then(|| at_lowest_priority(audit.command()));
                let command = polite.as_mut().unwrap_or_else(|| audit.command());
                let mut child = command
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .spawn()
                    .expect("assay starts");
                let mut ended = None;
                while ended.is_none() && !stop.load(Ordering::Relaxed) {
                    std::thread::sleep(PACE);
                    ended = child.try_wait().expect("a child can be waited for");
                }
                match ended {
                    Some(_) => reached.push(drain.bytes as f64 / audit.seconds() / rate),
                    None => {
                        child.kill().expect("a child can be killed");
                        child.wait().expect("a child can be waited for");
                    }
                }
            }
            reached
        });
        // The first audit has to get to reading.
        std::thread::sleep(Duration::from_secs(1));
        let read = block_on(read(store, time, &stop));
        stop.store(true, Ordering::Relaxed);
        (read, audits.join().expect("audits do not panic"))
    })
}

/// The same command, which runs when nobody else wants to.
fn at_lowest_priority(command: &Command) -> Command {
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        value.map(|value| nice.env(name, value));
    }
    nice
}

/// Reads records at random for some time; how long each took.
async fn read(store: &Store, time: Duration, stop: &AtomicBool) -> Vec<Duration> {
    let mut ids = Ids(1, store.records);
    let mut took = Vec::new();
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    match &store.place {
        Place::Mongo(database) => {
            let database = database.open().await;
            let collection = database.collection::<Document>("t");
            while begun.elapsed() < time && !stop.load(Ordering::Relaxed) {
                ticks.tick().await;
                let asked = Instant::now();
                let found = collection.find_one(doc! { "_id": ids.next() }).await;
                assert!(
                    found.expect("the server answers").is_some(),
                    "every record is there"
                );
                took.push(asked.elapsed());
            }
            database.client().clone().shutdown().immediate(true).await;
        }
        Place::Cql(keyspace) => {
            let session = keyspace.cql().session().await.expect("Cassandra answers");
            let text = format!("SELECT id, text, total FROM {}.t WHERE id = ?", keyspace.name());
            let statement = session.prepare(text).await.expect("a statement is prepared");
            while begun.elapsed() < time && !stop.load(Ordering::Relaxed) {
                ticks.tick().await;
                let asked = Instant::now();
                let found = session.execute_unpaged(&statement, (ids.next(),)).await;
                let rows = found.expect("the server answers").into_rows_result();
                assert_eq!(rows.expect("it has rows").rows_num(), 1, "every record is there");
                took.push(asked.elapsed());
            }
        }
    }
    took
}

/// Numbers below a bound, in an order that every run has.
struct Ids(u64, u64);

impl Ids {
    fn next(&mut self) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % self.1) as i64
    }
}

struct Latency {
    reads: usize,
    p50: f64,
    p99: f64,
}

impl Latency {
    fn of(mut took: Vec<Duration>) -> Latency {
        took.sort();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
        Latency {
            reads: took.len(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}
