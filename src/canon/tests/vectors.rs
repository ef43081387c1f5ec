//! The published vectors under `fixtures/canonical`: canonical bytes and their XXH3-128 (seed 0) for other
//! implementations to check themselves against; and how files of vectors are read, held and written.
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
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file of vectors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<C> {
    version: u32,
    note: String,
    cases: Vec<C>,
}

/// A published vector: what goes in, and what comes out.
pub(crate) trait Vector: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug {
    /// Its name, which no other has.
    fn name(&self) -> &str;
    /// The same vector with what really comes out.
    fn done(&self) -> Self;
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = folder.read_dir().unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.is_file()).collect();
    files.sort();
    files
}

fn read<C: Vector>(path: &Path) -> File<C> {
    let file: File<C> = serde_json::from_slice(&std::fs::read(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(file.version, VERSION, "{}", path.display());
    file
}

/// All vectors of a folder.
pub(crate) fn all<C: Vector>(folder: &str) -> Vec<C> {
    files(folder).iter().flat_map(|path| read(path).cases).collect()
}

/// Holds the vectors of a folder, of which there are at least `least`, against what really comes out, or under
/// `ASSAY_BLESS=1` writes that into them.
pub(crate) fn hold<C: Vector>(folder: &str, least: usize) {
    let bless = std::env::var_os("ASSAY_BLESS").is_some_and(|v| v == "1");
    let mut names = BTreeSet::new();
    for path in files(folder) {
        let mut file: File<C> = read(&path);
        for case in &mut file.cases {
            assert!(names.insert(case.name().to_owned()), "{} twice", case.name());
            let done = case.done();
            if !bless {
                assert_eq!(done, *case);
            }
            *case = done;
        }
        if bless {
            let text = serde_json::to_string_pretty(&file).unwrap();
            std::fs::write(&path, text + "\n").unwrap();
        }
    }
    assert!(names.len() >= least, "only {} vectors found", names.len());
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    format: Format,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Extended JSON v2.
    Ejson,
    /// Extended JSON with objects of one name for what CQL adds; see [`cql`].
    Cql,
}

impl Vector for Case {
    fn name(&self) -> &str {
        &self.name
    }

    fn done(&self) -> Case {
        let bytes = canonical(self);
        let (back, rest) = decode(&bytes).unwrap();
        assert!(rest.is_empty(), "{}", self.name);
        assert_eq!(tree(self.equality, &back).unwrap(), bytes, "{}", self.name);
        Case {
            bytes: hex::encode(&bytes),
            hash: format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes)),
            ..self.clone()
        }
    }
}

const FOLDER: &str = "fixtures/canonical";

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
    hold::<Case>(FOLDER, 80);
}

/// Cases named `x = …` are equal and cases named `x ≠ …` differ from all others of `x`, under their own equality.
#[test]
fn vectors_named_equal_are_equal() {
    let mut groups: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
    for case in all::<Case>(FOLDER) {
        for (mark, equal) in [(" = ", true), (" ≠ ", false)] {
            if let Some((group, _)) = case.name.split_once(mark) {
                let group = groups.entry(group.to_owned()).or_default();
                group.push((equal, case.bytes.clone()));
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
    let tag = |case: Case| u8::from_str_radix(&case.bytes[..2], 16).unwrap();
    let seen: BTreeSet<u8> = all(FOLDER).into_iter().map(tag).collect();
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
