//! The published vectors of the conversions, `fixtures/canonical/conversions/*.json`: a field's keys as the configuration
//! writes them, a value, and the canonical bytes it becomes, or why it cannot.
//!
//! `ASSAY_BLESS=1 cargo test --lib conversions` writes results anew; a changed line means that mappings mean something else.

use super::Config;
use crate::canon::tests::vectors::cql;
use crate::canon::{Encoder, Equality, VERSION};
use crate::mapping::Conversion;
use crate::report::Shown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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
    /// Keys of a `[[compare.field]]`.
    field: String,
    /// Extended JSON with the names that CQL adds.
    input: serde_json::Value,
    /// The result for people: type and value.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    /// The result's canonical bytes, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<String>,
    /// Why there is no result: the class of the problem, and the path of what is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn conversion(field: &str) -> Conversion {
    let text = format!(
        "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n[[compare]]\nname = \"c\"\nstable = \"s\"\n\
         candidate = \"t\"\n[[compare.field]]\nname = \"f\"\n{field}\n"
    );
    let config = Config::parse(field, &text).unwrap();
    config.compares[0].fields[0].convert.stable.clone()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/canonical/conversions");
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn read(path: &Path) -> File {
    serde_json::from_slice(&std::fs::read(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The case with what really comes out.
fn done(case: &Case) -> Case {
    let converted = conversion(&case.field).apply(cql(&case.input)).and_then(|value| {
        let mut encoder = Encoder::new(Equality::default());
        encoder.value(&value)?;
        Ok((Shown::new(&value), hex::encode(encoder.bytes())))
    });
    let (shown, problem) = match converted {
        Ok(shown) => (Some(shown), None),
        Err(p) if p.path().is_empty() => (None, Some(p.kind().name().to_owned())),
        Err(p) => (None, Some(format!("{} at {}", p.kind().name(), p.path()))),
    };
    Case {
        name: case.name.clone(),
        field: case.field.clone(),
        input: case.input.clone(),
        result: shown.as_ref().map(|(s, _)| format!("{} {}", s.ty, s.text)),
        bytes: shown.map(|(_, bytes)| bytes),
        problem,
    }
}

#[test]
fn conversions_give_the_published_bytes() {
    let bless = std::env::var_os("ASSAY_BLESS").is_some_and(|v| v == "1");
    let mut names = BTreeSet::new();
    for path in files() {
        let mut file = read(&path);
        assert_eq!(file.version, VERSION, "{}", path.display());
        for case in &mut file.cases {
            assert!(names.insert(case.name.clone()), "{} twice", case.name);
            let done = done(case);
            if bless {
                *case = done;
                continue;
            }
            let told = |c: &Case| (c.result.clone(), c.bytes.clone(), c.problem.clone());
            assert_eq!(told(&done), told(case), "{}", case.name);
        }
        if bless {
            let text = serde_json::to_string_pretty(&file).unwrap();
            std::fs::write(&path, text + "\n").unwrap();
        }
    }
    assert!(names.len() > 150, "only {} vectors found", names.len());
}

/// Every key that converts has vectors that give a result, and vectors that refuse.
#[test]
fn every_conversion_is_published() {
    let cases: Vec<Case> = files().iter().flat_map(|path| read(path).cases).collect();
    for key in super::steps::SIDED {
        // A default is converted like any value; a constant is a default without a path.
        if matches!(key, "default" | "constant") {
            continue;
        }
        let of = || {
            cases
                .iter()
                .filter(|c| c.field.lines().any(|l| l.split(" =").next() == Some(key)))
        };
        assert!(of().any(|c| c.bytes.is_some()), "no vector for {key}");
        assert!(of().any(|c| c.problem.is_some()), "no vector that refuses {key}");
    }
}
