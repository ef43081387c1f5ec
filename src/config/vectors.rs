//! The published vectors of the conversions, `fixtures/canonical/conversions/*.json`: a field's keys as the configuration
//! writes them, a value, and the canonical bytes it becomes, or why it cannot.
//!
//! `ASSAY_BLESS=1 cargo test --lib conversions` writes results anew; a changed line means that mappings mean something else.

use super::Config;
use crate::canon::tests::vectors::{Vector, all, cql, hold};
use crate::canon::{Encoder, Equality};
use crate::mapping::Conversion;
use crate::report::Shown;
use serde::{Deserialize, Serialize};

const FOLDER: &str = "fixtures/canonical/conversions";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

impl Vector for Case {
    fn name(&self) -> &str {
        &self.name
    }

    fn done(&self) -> Case {
        let converted = conversion(&self.field).apply(cql(&self.input)).and_then(|value| {
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
            result: shown.as_ref().map(|(s, _)| format!("{} {}", s.ty, s.text)),
            bytes: shown.map(|(_, bytes)| bytes),
            problem,
            ..self.clone()
        }
    }
}

#[test]
fn conversions_give_the_published_bytes() {
    hold::<Case>(FOLDER, 150);
}

/// Every key that converts has vectors that give a result, and vectors that refuse.
#[test]
fn every_conversion_is_published() {
    let cases: Vec<Case> = all(FOLDER);
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
