//! Prints the README's figures of live stores: `cargo bench --bench live [-- --records N] [--rounds N] [--seconds N]`.
//! With `ASSAY_SERVER_LOG=error`, or FerretDB spends its time on its log. It gets 20,000 records at most: it reads all of a
//! collection for most of what it is asked.
//!
//! The servers are those of the tests (`tests/live/support`): built on first use, replaced by the environment. Ratios are taken
//! within one run: what is compared takes turns, so that whatever else the machine does falls on both alike.

mod drain;
mod guest;
#[path = "../figures/measure.rs"]
#[expect(dead_code, reason = "the other figures use more of it than these do")]
mod measure;
mod stores;
#[path = "../../tests/live/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the tests use more of it than the figures do"
)]
mod support;

use drain::Drain;
use measure::{middle, number, run};
use mongodb::bson::doc;
use std::process::Command;
use std::time::Duration;
use stores::{Store, audit};
use support::member::{Member, Snapshots, Topology};

/// The most records for FerretDB.
const FERRETDB: u64 = 20_000;

/// What the command line says.
struct Wanted {
    records: u64,
    rounds: u64,
    seconds: u64,
}

fn main() {
    let wanted = Wanted {
        records: number("--records", 200_000),
        rounds: number("--rounds", 3).max(1),
        seconds: number("--seconds", 20).max(1),
    };
    println!(
        "Records of about {} bytes, {} a store; medians of {} rounds.\n",
        stores::BYTES,
        wanted.records,
        wanted.rounds
    );
    let mut both: Vec<Store> = Store::mongo(wanted.records.min(FERRETDB)).into_iter().collect();
    both.extend(Store::cql(wanted.records));
    if both.is_empty() {
        println!("SKIPPED: no server can be built here; it needs go, or mvn and a JDK of version 17");
        return;
    }
    let drains = rates(&both, &wanted);
    guest::figures(&both, &drains, wanted.rounds, Duration::from_secs(wanted.seconds));
    drop(both);
    memory(&wanted);
    large();
    start(&wanted);
}

/// The rate of an audit against that of only draining the same cursors. Gives the drains.
fn rates(stores: &[Store], wanted: &Wanted) -> Vec<Drain> {
    println!(
        "Scan rate against draining the same cursors, {} at once:\n",
        drain::AT_ONCE
    );
    println!("| | drained, MB/s | audited, MB/s | records/s audited | ratio |\n|---|---|---|---|---|");
    let mut drains = Vec::new();
    for store in stores {
        let (mut drained, mut audited) = (Vec::new(), Vec::new());
        for _ in 0..wanted.rounds {
            drained.push(store.drain());
            audited.push(audit(&store.against_its_dump(""), &[]).seconds());
        }
        let drain = drain::median(drained);
        let seconds = middle(audited.into_iter());
        assert_eq!(
            drain.records, store.records,
            "{}: not all of it was drained",
            store.name
        );
        let rate = drain.bytes as f64 / seconds;
        println!(
            "| {} | {:.1} | {:.1} | {:.0} | {:.2} |",
            store.name,
            drain.rate() / 1e6,
            rate / 1e6,
            drain.records as f64 / seconds,
            rate / drain.rate()
        );
        drains.push(drain);
    }
    println!();
    drains
}

/// Peak memory where both sides come in one order, at two sizes.
fn memory(wanted: &Wanted) {
    println!(
        "Peak memory in merge order:\n\n| | records a side | strategy | peak MB | wall s |\n|---|---|---|---|---|"
    );
    type Make = fn(u64) -> Option<Store>;
    let pairs: [(u64, Make, Make); 2] = [
        (wanted.records.min(FERRETDB), Store::mongo, Store::mongo_2),
        (wanted.records, Store::cql, Store::cql),
    ];
    for (most, one, two) in pairs {
        for records in [most / 10, most] {
            let Some((one, two)) = one(records).zip(two(records)) else {
                println!("| SKIPPED | | | | |");
                break;
            };
            let config = stores::between(&one, &two, 0.0);
            let mut audit = stores::Audit::begin(&config, &["--strategy", "merge"]);
            let cost = run(audit.command());
            assert_eq!(cost.code, 0, "equal stores are GO");
            println!(
                "| {} to {} | {records} | {} | {:.0} | {:.1} |",
                one.name,
                two.name,
                audit.report()["run"]["compares"][0]["strategy"]
                    .as_str()
                    .unwrap_or_default(),
                cost.rss / 1e6,
                cost.wall
            );
        }
    }
    println!();
}

/// The same for documents of many megabytes, in two stand-ins for MongoDB, which are a part of this process.
fn large() {
    const DOCUMENTS: i32 = 12;
    println!(
        "{DOCUMENTS} documents a side:\n\n| MiB each | of them changed | peak MB | wall s |\n|---|---|---|---|"
    );
    for (mib, changed) in [(1, 0), (4, 0), (7, 0), (12, 0), (15, 0), (15, 3)] {
        let document = |id: i32, total: i32| {
            let text = "x".repeat(mib << 20);
            doc! { "_id": id, "text": text, "total": total }
        };
        let sides = [0, changed].map(|changed| {
            let side = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
            let documents = (0..DOCUMENTS).map(|id| document(id, i32::from(id < changed)));
            side.change(|content| content.put("figures.t", documents));
            side
        });
        let [stable, candidate] = sides.each_ref().map(|side| side.uri("figures"));
        let config = format!(
            "[stable]\nlocation = \"{stable}\"\n[candidate]\nlocation = \"{candidate}\"\n[settle]\ndelay_seconds = 0.0\n\
             [[compare]]\nname = \"t\"\nstable = \"figures.t\"\ncandidate = \"figures.t\"\n"
        );
        let mut audit = stores::Audit::begin(&config, &["--strategy", "merge"]);
        let cost = run(audit.command());
        assert_eq!(cost.code, if changed > 0 { 10 } else { 0 });
        println!("| {mib} | {changed} | {:.0} | {:.1} |", cost.rss / 1e6, cost.wall);
    }
    println!();
}

/// From start to verdict on two small stores with one difference, which has to settle.
fn start(wanted: &Wanted) {
    const DELAY: f64 = 0.5;
    println!(
        "Start to verdict, 1,000 records a side, one of them different, less the settle delay:\n\n| | s |\n|---|---|"
    );
    let small = [Store::mongo(1000), Store::mongo_2(1001), Store::cql(1001)];
    let [Some(one), more @ ..] = &small else {
        println!("| SKIPPED | |\n");
        return;
    };
    for other in more.iter().flatten() {
        let config = stores::between(one, other, DELAY);
        let mut seconds = Vec::new();
        for _ in 0..wanted.rounds {
            let mut audit = stores::Audit::begin(&config, &[]);
            let cost = run(audit.command());
            assert_eq!(cost.code, 10, "one record too many is NO_GO");
            seconds.push(cost.wall - DELAY);
        }
        println!(
            "| {} to {} | {:.2} |",
            one.name,
            other.name,
            middle(seconds.into_iter())
        );
    }
    println!();
}

/// The executable.
fn assay() -> Command {
    Command::new(env!("CARGO_BIN_EXE_assay"))
}
