//! The published vectors under `fixtures/canonical`: canonical bytes and their XXH3-128 (seed 0) for other
//! implementations to check themselves against.
//!
//! `ASSAY_BLESS=1 cargo test --lib vectors` writes bytes and hashes anew; a changed line means a new format version.
#![expect(
    clippy::disallowed_methods,
    reason = "the test reads and rewrites fixture files"
)]

use super::{json, tree};
use crate::canon::ejson::RawJson;
use crate::canon::{Equality, VERSION, decode};
use crate::model::{Number, NumberType, Timestamp, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    note: String,
    cases: Vec<Case>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    input: Input,
    equality: Equality,
    #[serde(default)]
    bytes: String,
    #[serde(default)]
    hash: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    format: Format,
    text: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Extended JSON v2.
    Ejson,
    /// Extended JSON with objects of one name for what CQL adds; see [`cql`].
    Cql,
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/canonical");
    let entries = folder.read_dir().unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.is_file()).collect();
    files.sort();
    files
}

fn read(path: &Path) -> File {
    serde_json::from_slice(&std::fs::read(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn canonical(case: &Case) -> Vec<u8> {
    let text = case.input.text.as_bytes();
    let bytes = match case.input.format {
        Format::Ejson => {
            let value = RawJson { bytes: text }.to_value().unwrap();
            let streamed = json(case.equality, text);
            assert_eq!(streamed, tree(case.equality, &value), "{}", case.name);
            streamed
        }
        Format::Cql => tree(case.equality, &cql(&serde_json::from_slice(text).unwrap())),
    };
    bytes.unwrap_or_else(|p| panic!("{}: {p}", case.name))
}

#[test]
fn the_published_vectors_hold() {
    let bless = std::env::var_os("ASSAY_BLESS").is_some_and(|v| v == "1");
    let mut names = BTreeMap::new();
    for path in files() {
        let mut file = read(&path);
        assert_eq!(file.version, VERSION, "{}", path.display());
        for case in &mut file.cases {
            assert!(
                names.insert(case.name.clone(), ()).is_none(),
                "{} twice",
                case.name
            );
            let bytes = canonical(case);
            let hash = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
            if bless {
                case.bytes = hex::encode(&bytes);
                case.hash = hash;
                continue;
            }
            assert_eq!(hex::encode(&bytes), case.bytes, "{}", case.name);
            assert_eq!(hash, case.hash, "{}", case.name);
            let (back, rest) = decode(&bytes).unwrap();
            assert!(rest.is_empty(), "{}", case.name);
            assert_eq!(tree(case.equality, &back).unwrap(), bytes, "{}", case.name);
        }
        if bless {
            let text = serde_json::to_string_pretty(&file).unwrap();
            std::fs::write(&path, text + "\n").unwrap();
        }
    }
    assert!(names.len() > 80, "only {} vectors found", names.len());
}

/// Cases named `x = …` are equal and cases named `x ≠ …` differ from all others of `x`, under their own equality.
#[test]
fn vectors_named_equal_are_equal() {
    let mut groups: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
    for path in files() {
        for case in read(&path).cases {
            for (mark, equal) in [(" = ", true), (" ≠ ", false)] {
                if let Some((group, _)) = case.name.split_once(mark) {
                    groups
                        .entry(group.to_owned())
                        .or_default()
                        .push((equal, case.bytes.clone()));
                }
            }
        }
    }
    assert!(groups.len() >= 10);
    for (group, cases) in groups {
        for (i, (a_equal, a)) in cases.iter().enumerate() {
            for (b_equal, b) in &cases[i + 1..] {
                assert_eq!(a == b, *a_equal && *b_equal, "{group}");
            }
        }
    }
}

/// Every tag of the format appears in some vector as the tag of a whole value.
#[test]
fn every_tag_is_published() {
    let mut seen = std::collections::BTreeSet::new();
    for path in files() {
        for case in read(&path).cases {
            seen.insert(u8::from_str_radix(&case.bytes[..2], 16).unwrap());
        }
    }
    let source = include_str!("../tag.rs");
    for line in source.lines().filter(|l| l.starts_with("pub(crate) const")) {
        let (name, value) = line["pub(crate) const ".len()..].split_once(": u8 = 0x").unwrap();
        let tag = u8::from_str_radix(value.trim_end_matches(';'), 16).unwrap();
        // These two occur only inside others.
        if !matches!(name, "END" | "PAIR") {
            assert!(seen.contains(&tag), "no vector for {name}");
        }
    }
}

/// The value that format `cql` stands for.
pub(crate) fn cql(json: &Json) -> Value {
    let single = json
        .as_object()
        .filter(|o| o.len() == 1)
        .and_then(|o| o.iter().next());
    let Some((name, v)) = single else {
        return RawJson {
            bytes: json.to_string().as_bytes(),
        }
        .to_value()
        .unwrap();
    };
    let int = || v.as_i64().unwrap();
    let text = || v.as_str().unwrap();
    let list = || v.as_array().unwrap().iter();
    let decimal = |ty| {
        Value::Number(Number::decimal(
            v[0].as_str().unwrap().parse().unwrap(),
            v[1].as_i64().unwrap(),
            ty,
        ))
    };
    match name.as_str() {
        "tinyint" => Value::Number(Number::int(int(), NumberType::Int8)),
        "smallint" => Value::Number(Number::int(int(), NumberType::Int16)),
        "float" => Value::Number(Number::double(
            f64::from(text().parse::<f32>().unwrap()),
            NumberType::Float,
        )),
        "varint" => decimal(NumberType::Varint),
        "decimal" => decimal(NumberType::Decimal),
        "date" => Value::Date(int()),
        "time" => Value::Time(v.as_u64().unwrap()),
        "timestamp_ns" => Value::Timestamp(Timestamp(text().parse().unwrap())),
        "duration" => Value::Duration {
            months: v[0].as_i64().unwrap() as i32,
            days: v[1].as_i64().unwrap() as i32,
            nanos: v[2].as_i64().unwrap(),
        },
        "inet" => Value::Inet(text().parse().unwrap()),
        "set" => Value::Set(list().map(cql).collect()),
        "map" => Value::Map(list().map(|p| (cql(&p[0]), cql(&p[1]))).collect()),
        _ => RawJson {
            bytes: json.to_string().as_bytes(),
        }
        .to_value()
        .unwrap(),
    }
}
