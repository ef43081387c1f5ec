//! Prints the README's table of figures: `cargo bench --bench figures [-- --full] [--records N] [--rounds N]`.
//!
//! Every figure is the median over the rounds; a round runs every case once, so that whatever else the machine does
//! falls on all of them alike. What the audits find is held against what was planted.

mod data;
mod measure;

use measure::{Cost, median, number, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const ASSAY: &str = env!("CARGO_BIN_EXE_assay");
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/target/release/peers");

/// A pair of files and how it is compared.
struct Case {
    name: String,
    stable: PathBuf,
    candidate: PathBuf,
    key: &'static str,
    changed: u64,
    threads: u32,
    strategy: &'static str,
    costs: Vec<Cost>,
}

impl Case {
    fn run(&mut self, dir: &Path) {
        self.costs.push(self.once(dir));
    }

    fn once(&self, dir: &Path) -> Cost {
        let report = dir.join("report.json");
        let mut command = Command::new(ASSAY);
        command
            .arg("diff")
            .args([&self.stable, &self.candidate])
            .args(["--key", self.key, "--seed", "1", "--samples", "10"])
            .args([
                "--threads",
                &self.threads.to_string(),
                "--strategy",
                self.strategy,
            ])
            .arg(format!("--output=json={}", report.display()));
        let cost = run(&mut command);
        let text = std::fs::read(&report).expect("assay wrote its report");
        let json: serde_json::Value = serde_json::from_slice(&text).expect("a report is JSON");
        let found = json["result"]["compares"][0]["divergences"]["total"].as_u64();
        assert_eq!(found, Some(self.changed), "{}: not what was planted", self.name);
        assert_eq!(cost.code, if self.changed == 0 { 0 } else { 10 }, "{}", self.name);
        cost
    }

    /// The slower of two runs that begin at the same time.
    fn twice_at_once(&self, dir: &Path) -> Cost {
        let dirs = ["one", "other"].map(|name| dir.join(name));
        let [one, other] = std::thread::scope(|scope| {
            let runs = dirs.each_ref().map(|dir| {
                std::fs::create_dir_all(dir).expect("the target directory is writable");
                scope.spawn(|| self.once(dir))
            });
            runs.map(|run| run.join().expect("a run that fails has said why"))
        });
        if one.wall < other.wall { other } else { one }
    }

    fn cost(&self) -> Cost {
        median(&self.costs)
    }
}

fn main() {
    let full = std::env::args().any(|a| a == "--full");
    let records = number("--records", 1_000_000);
    let rounds = number("--rounds", 3);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory is writable");
    bson(dir.path(), records, rounds);
    csv(dir.path(), records, rounds);
    if full {
        memory(dir.path(), records, rounds.min(1));
    }
}

/// A stable file and its candidates, one for each `every`.
fn bson_cases(dir: &Path, records: u64, wanted: &[(&str, u64, u32, &'static str)]) -> Vec<Case> {
    let stable = dir.join(format!("stable-{records}.bson"));
    data::bson(&stable, records, 0).expect("the target directory has room");
    let case = |&(name, every, threads, strategy): &(&str, u64, u32, &'static str)| {
        let candidate = dir.join(format!("candidate-{records}-{every}.bson"));
        let changed = data::bson(&candidate, records, every).expect("the target directory has room");
        Case {
            name: name.to_owned(),
            stable: stable.clone(),
            candidate,
            key: "_id",
            changed,
            threads,
            strategy,
            costs: Vec::new(),
        }
    };
    wanted.iter().map(case).collect()
}

fn bson(dir: &Path, records: u64, rounds: u64) {
    let wanted = [
        ("none changed", 0, 1, "auto"),
        ("none changed", 0, 2, "auto"),
        ("0.01 % changed", 10_000, 1, "auto"),
        ("1 % changed", 100, 1, "auto"),
        ("1 % changed", 100, 2, "auto"),
        ("10 % changed", 10, 1, "auto"),
        ("none changed, hash order", 0, 1, "sketch"),
        ("1 % changed, hash order", 100, 1, "sketch"),
        ("1 % changed, spilled", 100, 1, "spill"),
    ];
    let mut cases = bson_cases(dir, records, &wanted);
    let mut at_once = Vec::new();
    for _ in 0..rounds {
        cases.iter_mut().for_each(|c| c.run(dir));
        at_once.push(cases[0].twice_at_once(dir));
    }
    let at_once = median(&at_once);
    let (base, pair) = (cases[0].cost(), cases[1].cost());
    let (fields, bytes) = (data::FIELDS, data::DOCUMENT);
    println!("`.bson` pair, {records} documents a side, {bytes} bytes and {fields} fields each:\n");
    println!(
        "| | threads | wall s | CPU s | wall µs per document and side | CPU µs per document and side | against none changed | peak MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for case in &cases {
        let cost = case.cost();
        let same_threads = if case.threads == 1 { base } else { pair };
        let each = 1e6 / (2 * records) as f64;
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2}× | {:.0} |",
            case.name,
            case.threads,
            cost.wall,
            cost.cpu,
            cost.wall * each,
            cost.cpu * each,
            cost.wall / same_threads.wall,
            cost.rss / 1e6
        );
    }
    println!(
        "\nTwo threads are {:.2}× as fast as one. Two processes of one thread each, at the same time, do {:.2}× the work of one: so much do two cores give here.\n",
        base.wall / pair.wall,
        2.0 * base.wall / at_once.wall
    );
    for case in &cases {
        // The stable file is shared and small beside the rest; a candidate may be shared by two cases.
        let _ = std::fs::remove_file(&case.candidate);
    }
}

fn csv(dir: &Path, records: u64, rounds: u64) {
    let columns = data::COLUMNS;
    let (stable, candidate) = (dir.join("stable.csv"), dir.join("candidate.csv"));
    data::csv(&stable, records, 0).expect("the target directory has room");
    let changed = data::csv(&candidate, records, 1000).expect("the target directory has room");
    let mut cases = [1, 2].map(|threads| Case {
        name: format!("assay, {threads} thread{}", if threads == 1 { "" } else { "s" }),
        stable: stable.clone(),
        candidate: candidate.clone(),
        key: "id",
        changed,
        threads,
        strategy: "auto",
        costs: Vec::new(),
    });
    let peer = Path::new(PEER).exists();
    let mut modes = ["iterator", "collected"].map(|mode| (mode, Vec::new()));
    for _ in 0..rounds {
        cases.iter_mut().for_each(|c| c.run(dir));
        for (mode, costs) in modes.iter_mut().filter(|_| peer) {
            let cost = run(Command::new(PEER)
                .args([&stable, &candidate])
                .arg(*mode)
                .arg(changed.to_string()));
            assert_eq!(cost.code, 0, "csv-diff found something else");
            costs.push(cost);
        }
    }
    println!("CSV pair, {records} rows a side, {columns} columns, 0.1 % changed:\n");
    println!("| | wall s | CPU s | peak MB |");
    println!("|---|---|---|---|");
    let row = |name: &str, cost: Cost| {
        println!(
            "| {name} | {:.2} | {:.2} | {:.0} |",
            cost.wall,
            cost.cpu,
            cost.rss / 1e6
        );
    };
    cases.iter().for_each(|c| row(&c.name, c.cost()));
    if !peer {
        println!("\ncsv-diff is not built: cargo build --release --manifest-path benches/peers/Cargo.toml");
        return;
    }
    let (ours, mut summary) = (cases[1].cost(), String::new());
    for (mode, costs) in &modes {
        let peer = median(costs);
        row(&format!("csv-diff 0.1.2, {mode}"), peer);
        let (time, memory) = (ours.wall / peer.wall, ours.rss / peer.rss);
        summary.push_str(&format!(
            "\nAgainst csv-diff, {mode}: {time:.2}× the time, {memory:.2}× the memory.\n"
        ));
    }
    println!("{summary}");
}

/// Memory at ten times the records.
fn memory(dir: &Path, records: u64, rounds: u64) {
    println!(
        "Peak memory, two threads:\n\n| documents a side | of them changed | peak MB | wall s |\n|---|---|---|---|"
    );
    // Ten times the records, with as many changed and with ten times as many.
    for (records, every) in [(records, 10_000), (records * 10, 100_000), (records * 10, 10_000)] {
        let mut cases = bson_cases(dir, records, &[("changed", every, 2, "auto")]);
        for _ in 0..rounds {
            cases.iter_mut().for_each(|c| c.run(dir));
        }
        let cost = cases[0].cost();
        println!(
            "| {records} | {} | {:.0} | {:.1} |",
            cases[0].changed,
            cost.rss / 1e6,
            cost.wall
        );
    }
}
