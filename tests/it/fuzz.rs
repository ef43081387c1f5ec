//! Files mutated at random, audited in this process: nothing panics, every error has a documented exit code and names its
//! side, and GO is said only where another reader finds the same records.

use crate::bson::{date, document, int, nested, text};
use crate::support::temp;
use assay::config::{Config, RunConfig, ScanConfig, SettleConfig, SideConfig};
use assay::scan::{Choices, Monitor, Session};
use assay::verdict::{Decision, Policy};
use assay::{Pair, Side};
use std::io::{Read, Write};
use std::path::Path;

/// Pseudo-random numbers, the same ones in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const ODD: &[u8] = b"\0\xff\x80\"\n\r,\\{}[]:'";
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len());
        let end = (at + 1 + dice.roll(20)).min(bytes.len());
        match dice.roll(7) {
            0 => bytes[at] ^= 1 << dice.roll(8),
            1 => bytes[at] = ODD[dice.roll(ODD.len())],
            2 => drop(bytes.drain(at..end)),
            3 => bytes.insert(at, ODD[dice.roll(ODD.len())]),
            4 => bytes.truncate(at.max(1)),
            5 => bytes[at..end].reverse(),
            _ => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

/// The decision of an audit of two files, or the exit code and words of its error.
fn audit(stable: &Path, candidate: &Path, key: &str, dir: &Path) -> Result<Decision, (u8, String)> {
    let side = |path: &Path| SideConfig::at(path.display().to_string());
    let config = Config {
        file: None,
        sides: Pair {
            stable: side(stable),
            candidate: side(candidate),
        },
        compares: Vec::new(),
        namespaces: None,
        scan: ScanConfig {
            threads: 1,
            ..ScanConfig::default()
        },
        settle: SettleConfig::default(),
        run: RunConfig::default(),
        default_key: Vec::from_iter((!key.is_empty()).then(|| key.to_owned())),
        policy: None,
        digest: String::new(),
    };
    let choices = Choices {
        seed: Some(7),
        ..Choices::default()
    };
    let done = Session::open(config, Policy::strict(), &choices, dir)
        .and_then(|session| session.audit(dir, &Monitor::default()));
    match done {
        Ok(report) => Ok(report.verdict.expect("an audit decides").verdict),
        Err(error) => Err((error.exit().code(), error.to_string())),
    }
}

/// Mutates `base` in many rounds; `meaning` is what another reader makes of a file.
fn campaign<M: PartialEq>(
    name: &str,
    rounds: usize,
    base: &[u8],
    key: &str,
    meaning: impl Fn(&[u8]) -> Option<M>,
) {
    let dir = temp();
    let files = Pair::from_fn(|side: Side| {
        let file = dir.path().join(side.name()).join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        file
    });
    let run = dir.path().join("run");
    let said = meaning(base).expect("the base is sound");
    let (mut dice, mut told) = (Dice(name.len() as u64), 0);
    for round in 0..rounds {
        let mut bytes = base.to_vec();
        if round > 0 {
            mutate(&mut bytes, &mut dice);
        }
        let mutated = [Side::Stable, Side::Candidate][round % 2];
        std::fs::write(&files[mutated], &bytes).unwrap();
        std::fs::write(&files[mutated.other()], base).unwrap();
        let _ = std::fs::remove_dir_all(&run);
        std::fs::create_dir(&run).unwrap();
        let shown = || format!("{name}, round {round}: {:?}", String::from_utf8_lossy(&bytes));
        match audit(&files.stable, &files.candidate, key, &run) {
            Ok(Decision::Go) => assert!(meaning(&bytes).as_ref() == Some(&said), "{}", shown()),
            Ok(_) if round == 0 => panic!("a file does not equal itself: {}", shown()),
            Ok(_) => told += 1,
            Err((code, words)) => {
                assert!([64, 69].contains(&code), "{code} {words}\n{}", shown());
                assert!(words.contains(mutated.name()), "{words}\n{}", shown());
                told += 1;
            }
        }
    }
    assert!(told > rounds / 2, "{name}: the mutations do too little");
}

#[test]
fn bson() {
    let record = |i: i32| {
        let inner = nested(&[("a", text("x")), ("b", int(i * 3))]);
        document(&[
            ("_id", int(i)),
            ("name", text("abc")),
            ("at", date(i.into())),
            ("d", inner),
        ])
    };
    let base: Vec<u8> = (0..12).flat_map(record).collect();
    // Nothing in these records can be written in two ways, and records may come in any order.
    campaign("t.bson", 120, &base, "", |bytes| {
        let (mut rest, mut records) = (bytes, Vec::new());
        while let Some(len) = rest.first_chunk::<4>() {
            let (record, tail) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            records.push(record.to_vec());
            rest = tail;
        }
        records.sort();
        rest.is_empty().then_some(records)
    });
}

fn lines() -> Vec<u8> {
    let line = |i: i32| format!("{{\"_id\":\"k{i}\",\"v\":[{i},{{\"w\":\"\\u00e9\\\"\"}}],\"n\":null}}\n");
    (0..12).map(line).collect::<String>().into_bytes()
}

#[test]
fn ndjson() {
    campaign("t.ndjson", 120, &lines(), "", |bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        let lines = text.lines().filter(|l| !l.trim().is_empty());
        let parsed = lines.map(serde_json::from_str::<serde_json::Value>);
        let mut records: Vec<String> = parsed.map(|v| Some(v.ok()?.to_string())).collect::<Option<_>>()?;
        records.sort();
        Some(records)
    });
}

fn rows() -> Vec<u8> {
    let row = |i: i32| format!("k{i},\"a \"\"{i}\"\", b\",é{i}\r\n");
    ("id,a,b\r\n".to_owned() + &(0..12).map(row).collect::<String>()).into_bytes()
}

fn table(bytes: &[u8]) -> Option<Vec<Vec<(String, String)>>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().ok()?.clone();
    let pairs = |row: csv::StringRecord| -> Vec<(String, String)> {
        let mut cells: Vec<_> = header
            .iter()
            .zip(row.iter())
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect();
        cells.sort();
        cells
    };
    let mut rows: Vec<_> = reader
        .records()
        .map(|row| row.ok().map(pairs))
        .collect::<Option<_>>()?;
    rows.sort();
    Some(rows)
}

#[test]
fn csv_rows() {
    campaign("t.csv", 120, &rows(), "id", table);
}

#[test]
fn gzip() {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&rows()).unwrap();
    campaign("t.csv.gz", 120, &zip.finish().unwrap(), "id", |bytes| {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .ok()?;
        table(&plain)
    });
}

#[test]
fn archive() {
    let base = std::fs::read(crate::support::fixture("mongo/shop.archive")).unwrap();
    // Checksums cover every document; what lies around them has one form.
    campaign("t.archive", 40, &base, "", |bytes| Some(bytes.to_vec()));
}
