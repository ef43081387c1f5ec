//! The published schemas accept what Assay writes and nothing else.
#![expect(clippy::disallowed_methods, reason = "tests read the published schemas")]

use super::{Listed, Report, sample};
use crate::verdict::Verdict;
use serde_json::{Value, json};

fn schema(name: &str) -> (Value, jsonschema::Validator) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("reports")
        .join(name);
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&value).unwrap();
    (value, validator)
}

fn sample_file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/reports")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Every way to reach an object inside `value`, as JSON pointers.
fn objects(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter()
                .for_each(|(key, inner)| objects(inner, format!("{at}/{key}"), out));
            out.push(at);
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, inner)| objects(inner, format!("{at}/{i}"), out));
        }
        _ => {}
    }
}

/// Valid as it stands; closed at every level; and for every key that is taken away, schema and reader say the same.
fn holds(validator: &jsonschema::Validator, value: &Value, reads: impl Fn(&Value) -> bool) {
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(reads(value));
    let mut places = Vec::new();
    objects(value, String::new(), &mut places);
    for place in places {
        let mut mutated = value.clone();
        let object = mutated.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        let keys: Vec<String> = object.keys().cloned().collect();
        object.insert("surplus".into(), json!(1));
        assert!(
            !validator.is_valid(&mutated),
            "a surplus key at {place} passes the schema"
        );
        assert!(!reads(&mutated), "a surplus key at {place} is read");
        for key in keys {
            let mut mutated = value.clone();
            mutated
                .pointer_mut(&place)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(&key);
            let valid = validator.is_valid(&mutated);
            assert_eq!(
                valid,
                reads(&mutated),
                "without {place}/{key}: schema {valid}, reader disagrees"
            );
        }
    }
}

#[test]
fn every_sample_is_valid_and_every_schema_is_closed() {
    let (_, report) = schema("report.schema.json");
    let (_, verdict) = schema("verdict.schema.json");
    let (_, divergence) = schema("divergence.schema.json");
    for name in ["clean", "full", "failed"] {
        let value = serde_json::from_str(&sample_file(&format!("{name}.json.golden"))).unwrap();
        holds(&report, &value, |v| {
            serde_json::from_value::<Report>(v.clone()).is_ok()
        });
        let value = serde_json::from_str(&sample_file(&format!("{name}.verdict.json.golden"))).unwrap();
        holds(&verdict, &value, |v| {
            serde_json::from_value::<Verdict>(v.clone()).is_ok()
        });
    }
    for line in sample_file("full.ndjson.golden").lines() {
        let value = serde_json::from_str(line).unwrap();
        holds(&divergence, &value, |v| {
            serde_json::from_value::<Listed>(v.clone()).is_ok()
        });
    }
}

#[test]
fn schemas_refuse_wrong_words_and_types() {
    let (_, report) = schema("report.schema.json");
    let full = serde_json::to_value(sample::full()).unwrap();
    for (place, bad) in [
        ("/schema", json!("assay.report/2")),
        ("/verdict/verdict", json!("go")),
        ("/verdict/reasons/0/code", json!("BECAUSE")),
        ("/result/compares/0/divergences/items/0/class", json!("gone")),
        ("/result/compares/0/divergences/items/0/id", json!("xyz")),
        ("/result/compares/0/coverage/leaves_total", json!(-1)),
        ("/result/compares/0/heat", json!([1, 2])),
        ("/run/started", json!("yesterday")),
    ] {
        let mut mutated = full.clone();
        *mutated.pointer_mut(place).unwrap() = bad;
        assert!(!report.is_valid(&mutated), "{place}");
    }
}

#[test]
fn shared_definitions_are_the_same_in_every_schema() {
    let all = [
        "report.schema.json",
        "verdict.schema.json",
        "divergence.schema.json",
    ]
    .map(|name| schema(name).0);
    let report = all[0]["$defs"].as_object().unwrap();
    for other in &all[1..] {
        for (name, definition) in other["$defs"].as_object().unwrap() {
            assert_eq!(report.get(name), Some(definition), "{name}");
        }
    }
    let words = |name: &str| -> Vec<String> { serde_json::from_value(report[name]["enum"].clone()).unwrap() };
    assert_eq!(words("class"), super::Class::ALL.map(|class| class.name()));
    assert_eq!(words("state"), super::State::ALL.map(|state| state.name()));
    let codes: Vec<&str> = crate::verdict::Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(words("code"), codes);
}
