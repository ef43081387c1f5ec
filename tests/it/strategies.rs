//! However differing records are found, the result is the same to the byte; and the report says how they were found.

use crate::bson::{document, int, text};
use crate::orders::mapping;
use crate::support::{assay, diff, in_steps, json, put, temp};
use std::path::{Path, PathBuf};

/// What an audit left: exit code, the deterministic part of its report, all divergences, and how each compare was done.
struct Told {
    code: i32,
    result: String,
    list: Vec<u8>,
    ways: Vec<(String, String)>,
}

impl Told {
    fn read(code: i32, run: &Path) -> Told {
        let report = json(run.join("report.json"));
        let compares = report["run"]["compares"].as_array().unwrap();
        let word = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        Told {
            code,
            result: report["result"].to_string(),
            list: std::fs::read(run.join("divergences.ndjson")).unwrap(),
            ways: compares
                .iter()
                .map(|c| (word(&c["strategy"]), word(&c["why"])))
                .collect(),
        }
    }
}

/// Audits by every strategy, with one thread and with four, both ways round, and in steps; returns how the first compare
/// was done under `auto`, `merge`, `sketch` and `spill`.
#[track_caller]
fn all_tell_the_same(config: &Path, dir: &Path) -> [(String, String); 4] {
    let shown = config.display().to_string();
    let mut ways = Vec::new();
    for (turn, swap) in [("there", &[][..]), ("back", &["--swap"][..])] {
        let steps = dir.join(format!("steps-{turn}"));
        let code = in_steps(config, &steps, [4, 1, 7, 3, 2, 6, 5], swap).code;
        let wanted = Told::read(code, &steps.join("run"));
        for strategy in ["auto", "merge", "sketch", "spill"] {
            for threads in ["1", "4"] {
                let run = dir.join(format!("{turn}-{strategy}-{threads}"));
                let run_dir = run.display().to_string();
                let args = ["audit", "-c", &shown, "--seed", "51", "--run-dir", &run_dir];
                let more = ["--strategy", strategy, "--threads", threads];
                let ended = assay(args.iter().chain(&more).chain(swap));
                let found = Told::read(ended.code, &run);
                let what = format!("{turn} {strategy} {threads} {:?}", found.ways);
                assert_eq!(found.code, wanted.code, "{what}");
                assert_eq!(found.result, wanted.result, "{what}");
                assert!(found.list == wanted.list, "{what}");
                if turn == "there" && threads == "1" {
                    ways.extend(found.ways.into_iter().next());
                }
            }
        }
    }
    ways.try_into().unwrap()
}

#[track_caller]
fn says((strategy, why): &(String, String), wanted: &str, words: &[&str]) {
    assert_eq!(strategy, wanted, "{why}");
    assert!(words.iter().all(|w| why.contains(w)), "{why}");
}

/// A record of about `size` bytes.
fn record(id: i32, version: i32, size: usize) -> Vec<u8> {
    let filler = format!("{id:0size$}");
    document(&[("_id", int(id)), ("v", int(version)), ("filler", text(filler))])
}

/// Both sides in key order, with records missing, extra, changed, repeated and without a key.
fn sides(size: usize) -> [Vec<Vec<u8>>; 2] {
    let (mut stable, mut candidate) = (Vec::new(), Vec::new());
    for id in 0..6000 {
        let (one, other) = (record(id, 1, size), record(id, 2, size));
        match () {
            () if id % 97 == 5 => stable.push(one),
            () if id % 103 == 5 => candidate.push(one),
            () if id % 89 == 7 => {
                stable.push(one);
                candidate.push(other);
            }
            () if id % 501 == 9 => {
                stable.push(one.clone());
                candidate.extend([one.clone(), one]);
            }
            () if id % 701 == 3 => {
                stable.extend([one.clone(), other.clone(), one.clone()]);
                candidate.extend([other, one.clone(), one]);
            }
            () if id % 2000 == 1500 => {
                stable.extend([one.clone(), document(&[("v", int(id))])]);
                candidate.push(one);
            }
            () => {
                stable.push(one.clone());
                candidate.push(one);
            }
        }
    }
    [stable, candidate]
}

/// A configuration for two files of records.
fn pair(dir: &Path, name: &str, [stable, candidate]: [Vec<u8>; 2]) -> PathBuf {
    put(dir.join("a").join(name), stable);
    put(dir.join("b").join(name), candidate);
    let text = format!(
        "[stable]\nlocation = \"a/{name}\"\n[candidate]\nlocation = \"b/{name}\"\n[[compare]]\nname = \"t\"\n\
         stable = \"t\"\ncandidate = \"t\"\nkey = [\"_id\"]\n"
    );
    put(dir.join("assay.toml"), text)
}

/// The same records in an order of their own.
fn shuffled(mut records: Vec<Vec<u8>>, mut state: u64) -> Vec<Vec<u8>> {
    for i in (1..records.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        records.swap(i, (state >> 33) as usize % (i + 1));
    }
    records
}

#[test]
fn recorded_orders() {
    let dir = temp();
    all_tell_the_same(&mapping(dir.path(), "dump"), dir.path());
}

#[test]
fn files_in_key_order() {
    let dir = temp();
    let config = pair(dir.path(), "t.bson", sides(400).map(|side| side.concat()));
    let [auto, merge, sketch, spill] = all_tell_the_same(&config, dir.path());
    says(&auto, "merge", &["both sides are in key order"]);
    says(&merge, "merge", &["both sides are in key order"]);
    says(&sketch, "sketch", &["asked for"]);
    says(&spill, "spill", &["asked for"]);
}

/// A third of one side is missing, and the other lacks a stretch later on: what stands at one place in the files does
/// not stand there in the others.
#[test]
fn sides_that_come_apart_and_meet_again() {
    let dir = temp();
    let [stable, candidate] = sides(400);
    let stable = [&stable[..3500], &stable[4700..]].concat();
    let files = [stable, candidate[2000..].to_vec()].map(|side| side.concat());
    let config = pair(dir.path(), "t.bson", files);
    let [auto, ..] = all_tell_the_same(&config, dir.path());
    says(&auto, "merge", &[]);
}

/// Where both sides read alike, twins are looked at once; where a mapping sets them apart, each for itself.
#[test]
fn one_look_at_twins_tells_what_two_do() {
    let dir = temp();
    let alike = pair(dir.path(), "t.bson", sides(400).map(|side| side.concat()));
    let apart = format!(
        "{}[[compare.field]]\nname = \"v\"\ndefault = 7\n",
        std::fs::read_to_string(&alike).unwrap()
    );
    let apart = put(dir.path().join("apart.toml"), apart);
    let told = [alike, apart].map(|config| {
        let run = dir.path().join("runs").join(config.file_stem().unwrap());
        let (shown, run_dir) = (config.display().to_string(), run.display().to_string());
        let ended = assay(["audit", "-c", &shown, "--seed", "51", "--run-dir", &run_dir]);
        let told = Told::read(ended.code, &run);
        let compare = &json(run.join("report.json"))["result"]["compares"][0];
        let sums = ["roots", "columns", "heat", "counts"].map(|part| compare[part].to_string());
        (told.code, told.list, sums)
    });
    assert!(told[0].2[0].len() > 100);
    assert_eq!(told[0], told[1]);
}

#[test]
fn compressed_files_in_key_order() {
    let dir = temp();
    let pressed = sides(400).map(|side| zstd::encode_all(&side.concat()[..], 1).unwrap());
    let config = pair(dir.path(), "t.bson.zst", pressed);
    let [auto, merge, sketch, spill] = all_tell_the_same(&config, dir.path());
    says(&auto, "merge", &[]);
    says(&merge, "merge", &[]);
    says(&sketch, "sketch", &[]);
    says(&spill, "spill", &[]);
}

#[test]
fn files_in_no_order() {
    let dir = temp();
    let [stable, candidate] = sides(400);
    let files = [shuffled(stable, 1), shuffled(candidate, 2)].map(|side| side.concat());
    let config = pair(dir.path(), "t.bson", files);
    let [auto, merge, sketch, spill] = all_tell_the_same(&config, dir.path());
    says(&auto, "sketch", &["t.bson is not in key order at record "]);
    says(&merge, "spill", &["t.bson is not in key order at record "]);
    says(&sketch, "sketch", &["asked for"]);
    says(&spill, "spill", &["asked for"]);
}

#[test]
fn order_that_breaks_in_the_middle() {
    let dir = temp();
    let [stable, mut candidate] = sides(400);
    let late = candidate.remove(3000);
    candidate.push(late);
    let number = candidate.len();
    let config = pair(
        dir.path(),
        "t.bson",
        [stable, candidate].map(|side| side.concat()),
    );
    let [auto, merge, ..] = all_tell_the_same(&config, dir.path());
    let place = format!("candidate: {}", dir.path().join("b/t.bson").display());
    let place = format!("{place} is not in key order at record {number};");
    says(&auto, "sketch", &[&place]);
    says(&merge, "spill", &[&place]);
}

/// Where order breaks after the sketch was dropped, `auto` has to look again, too.
#[test]
fn order_that_breaks_late() {
    let dir = temp();
    let [mut stable, candidate] = sides(4000);
    let early = stable.remove(3000);
    stable.insert(5900, early);
    let config = pair(
        dir.path(),
        "t.bson",
        [stable, candidate].map(|side| side.concat()),
    );
    let [auto, merge, ..] = all_tell_the_same(&config, dir.path());
    says(
        &auto,
        "spill",
        &["stable: ", "is not in key order at record 5901;"],
    );
    says(
        &merge,
        "spill",
        &["stable: ", "is not in key order at record 5901;"],
    );
}

#[test]
fn more_differences_than_the_sketch_holds() {
    let dir = temp();
    let side = |version| (0..6000).map(|id| record(id, version, 20)).collect::<Vec<_>>();
    let files = [shuffled(side(1), 1), shuffled(side(2), 2)].map(|side| side.concat());
    let config = pair(dir.path(), "t.bson", files);
    let [auto, ..] = all_tell_the_same(&config, dir.path());
    says(&auto, "spill", &["more differs than the sketch holds"]);
}

#[test]
fn an_empty_side() {
    let dir = temp();
    let config = pair(dir.path(), "t.bson", [sides(400)[0].concat(), Vec::new()]);
    let [auto, merge, ..] = all_tell_the_same(&config, dir.path());
    says(&auto, "merge", &[]);
    says(&merge, "merge", &[]);
}

#[test]
fn a_side_that_ends_early() {
    let dir = temp();
    let [stable, candidate] = sides(400).map(|side| side.concat());
    let cut = candidate[..candidate.len() / 2 + 100].to_vec();
    let config = pair(dir.path(), "t.bson", [stable, cut]);
    let shown = config.display().to_string();
    let mut seen = Vec::new();
    for strategy in ["auto", "merge", "sketch", "spill"] {
        let run = dir.path().join(strategy);
        let run_dir = run.display().to_string();
        let args = ["audit", "-c", &shown, "--seed", "51", "--run-dir", &run_dir];
        let told = Told::read(assay(args.iter().chain(&["--strategy", strategy])).code, &run);
        assert_ne!(told.code, 0);
        seen.push((told.code, told.result, told.list));
    }
    assert!(seen[0].1.contains("\"unread\":[{"));
    assert!(seen.iter().all(|s| *s == seen[0]));
}

#[test]
fn equal_files_need_no_second_look() {
    let dir = temp();
    let stable: Vec<Vec<u8>> = (0..6000).map(|id| record(id, 1, 400)).collect();
    let a = put(dir.path().join("a/t.bson"), stable.concat());
    let b = put(dir.path().join("b/t.bson"), shuffled(stable, 5).concat());
    for strategy in ["auto", "merge", "sketch", "spill"] {
        assert_eq!(diff(&a, &a, &["--strategy", strategy]).verdict(), Some("GO"));
        assert_eq!(diff(&a, &b, &["--strategy", strategy]).verdict(), Some("GO"));
    }
}

#[test]
fn the_spill_limit_holds_for_the_first_pass() {
    let dir = temp();
    let side = |version| -> Vec<u8> { (0..9000).flat_map(|id| record(id, version, 4500)).collect() };
    let a = put(dir.path().join("a/t.bson"), side(1));
    let b = put(
        dir.path().join("b/t.bson.zst"),
        zstd::encode_all(&side(2)[..], 1).unwrap(),
    );
    for strategy in ["merge", "spill"] {
        let diffed = diff(&a, &b, &["--strategy", strategy, "--spill-limit", "1000000"]);
        assert_eq!((diffed.end.code, diffed.verdict()), (20, None), "{strategy}");
        diffed
            .end
            .says(&["the spill limit of 1000000 bytes is reached", "--spill-limit"]);
    }
}

#[cfg(target_os = "linux")]
mod memory {
    use super::*;
    use crate::measure::watch;
    use crate::support::command;
    use std::process::Stdio;

    /// Peak resident memory of a diff of two files, in MiB.
    fn peak(stable: &Path, candidate: &Path, strategy: &str) -> u64 {
        let mut run = command();
        run.arg("diff").args([stable, candidate]);
        run.args(["--strategy", strategy, "--threads", "2", "--samples", "1"]);
        let mut child = run.stdout(Stdio::null()).spawn().unwrap();
        (watch(&mut child).1 / f64::from(1 << 20)) as u64
    }

    /// Four times as many records, and one side three quarters ahead of the other: memory stays where it was.
    #[test]
    fn does_not_grow_with_the_files() {
        let dir = temp();
        let file = |name: &str, ids: std::ops::Range<i32>| {
            let records: Vec<u8> = ids.flat_map(|id| record(id, 1, 8000)).collect();
            put(dir.path().join(name), records)
        };
        let (few, many) = (file("few.bson", 0..5_000), file("many.bson", 0..20_000));
        let late = file("late.bson", 15_000..35_000);
        for strategy in ["merge", "spill"] {
            let (small, large) = (peak(&few, &few, strategy), peak(&many, &many, strategy));
            assert!(large < small + 20, "{strategy}: {small} MiB, then {large} MiB");
        }
        let ahead = peak(&many, &late, "merge");
        assert!(ahead < 160, "{ahead} MiB for two files of 160 MB");
    }
}
