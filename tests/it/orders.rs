//! The recorded shop: under its mapping an audit finds exactly the truth, however the stable side was dumped.

use crate::support::{Found, assay, fixture, found, in_steps, json, put, temp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Truth {
    changed: BTreeMap<String, BTreeSet<String>>,
    extra: Vec<String>,
    missing: Vec<String>,
    order_items: Items,
}

#[derive(Deserialize)]
struct Items {
    changed: Vec<(String, u32)>,
    extra: Vec<(String, u32)>,
    missing: Vec<(String, u32)>,
}

/// What was planted; `swapped` exchanges missing and extra.
fn truth(swapped: bool) -> Found {
    let text = std::fs::read(fixture("orders_truth.json")).expect("the truth");
    let truth: Truth = serde_json::from_slice(&text).expect("the truth");
    assert!(truth.order_items.changed.is_empty());
    let (missing, extra) = match swapped {
        false => ("missing", "extra"),
        true => ("extra", "missing"),
    };
    let mut out = Found::new();
    for (key, fields) in truth.changed {
        out.insert(format!("orders changed {key}"), fields);
    }
    for (class, keys) in [(missing, truth.missing), (extra, truth.extra)] {
        for key in keys {
            out.insert(format!("orders {class} {key}"), BTreeSet::new());
        }
    }
    for (class, keys) in [
        (missing, truth.order_items.missing),
        (extra, truth.order_items.extra),
    ] {
        for (key, line) in keys {
            out.insert(format!("order_items {class} {key},{line}"), BTreeSet::new());
        }
    }
    out
}

/// The mapping of the fixtures, for another dump of the stable side.
pub fn mapping(dir: &Path, form: &str) -> PathBuf {
    let text = std::fs::read_to_string(fixture("mapping/orders.toml")).expect("the mapping");
    let (location, namespace) = match form {
        "ndjson" => {
            let from = fixture("mongo/orders.relaxed.ndjson");
            let to = dir.join("exported/orders.ndjson");
            (put(to, std::fs::read(from).expect("the export")), "orders")
        }
        form => (fixture("mongo").join(form), "shop.orders"),
    };
    let text = text
        .replace(
            "\"../mongo/dump\"",
            &format!("{:?}", location.display().to_string()),
        )
        .replace(
            "\"../cassandra\"",
            &format!("{:?}", fixture("cassandra").display().to_string()),
        )
        .replace("\"shop.orders\"", &format!("{namespace:?}"));
    assert!(!text.contains("\"../"), "{text}");
    put(dir.join(format!("{form}.toml")), text)
}

/// Audits into `run` and returns the deterministic part of the report.
#[track_caller]
fn audit(config: &Path, run: &Path, more: &[&str]) -> Value {
    let paths = [config, run].map(|p| p.display().to_string());
    let args = ["audit", "-c", &paths[0], "--run-dir", &paths[1], "--seed", "51"];
    assay(args.iter().chain(more)).expect(10);
    json(run.join("report.json"))["result"].clone()
}

fn exact(form: &str, swap: &[&str]) {
    let dir = temp();
    let config = mapping(dir.path(), form);
    let wanted = truth(!swap.is_empty());
    let once = audit(&config, &dir.path().join("run"), swap);
    assert_eq!(found(&dir.path().join("run")), wanted);
    let steps = dir.path().join("steps");
    in_steps(&config, &steps, [4, 1, 7, 3, 2, 6, 5], swap).expect(10);
    let again = json(steps.join("run/report.json"))["result"].clone();
    assert_eq!(found(&steps.join("run")), wanted);
    assert_eq!(once.to_string(), again.to_string());
    let list = |run: PathBuf| std::fs::read(run.join("divergences.ndjson")).expect("a list");
    assert_eq!(list(dir.path().join("run")), list(steps.join("run")));
}

#[test]
fn directory_gives_the_truth() {
    exact("dump", &[]);
}

#[test]
fn directory_swapped_gives_the_truth_mirrored() {
    exact("dump", &["--swap"]);
}

#[test]
fn archive_gives_the_truth() {
    exact("shop.archive", &[]);
}

#[test]
fn archive_swapped_gives_the_truth_mirrored() {
    exact("shop.archive", &["--swap"]);
}

#[test]
fn compressed_archive_gives_the_truth() {
    exact("shop.archive.gz", &[]);
}

#[test]
fn compressed_archive_swapped_gives_the_truth_mirrored() {
    exact("shop.archive.gz", &["--swap"]);
}

#[test]
fn export_gives_the_truth() {
    exact("ndjson", &[]);
}

#[test]
fn export_swapped_gives_the_truth_mirrored() {
    exact("ndjson", &["--swap"]);
}

#[test]
fn result_does_not_depend_on_slices_and_threads() {
    for form in ["dump", "shop.archive", "ndjson"] {
        let dir = temp();
        let config = mapping(dir.path(), form);
        let first = audit(&config, &dir.path().join("first"), &["--threads", "1"]);
        for slices in ["1", "2", "7", "64"] {
            for threads in ["1", "2"] {
                let run = dir.path().join(format!("{slices}-{threads}"));
                let result = audit(&config, &run, &["--slices", slices, "--threads", threads]);
                assert_eq!(first.to_string(), result.to_string(), "{form} {slices} {threads}");
            }
        }
    }
}

#[test]
fn all_forms_have_the_same_roots_and_counts() {
    let dir = temp();
    let mut seen = BTreeSet::new();
    for form in ["dump", "shop.archive", "shop.archive.gz", "ndjson"] {
        let result = audit(&mapping(dir.path(), form), &dir.path().join(form), &[]);
        let compares = result["compares"].as_array().expect("compares");
        let what: Vec<_> = compares
            .iter()
            .map(|c| format!("{} {} {}", c["roots"], c["counts"], c["columns"]))
            .collect();
        seen.insert(what);
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
}

#[test]
fn one_compare_of_two_leaves_the_verdict_open() {
    let dir = temp();
    let config = mapping(dir.path(), "dump").display().to_string();
    let run = dir.path().join("run");
    let shown = run.display().to_string();
    let args = [
        "audit",
        "-c",
        &config,
        "--run-dir",
        &shown,
        "--only",
        "order_items",
    ];
    assay(args).expect(10);
    let names: Vec<String> = found(&run).into_keys().collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().all(|n| n.starts_with("order_items ")), "{names:?}");
}
