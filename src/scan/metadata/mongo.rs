//! Indexes and options of collections, as mongodump writes them.

use super::{differs, named};
use crate::canon::ejson::RawJson;
use crate::mapping::Compare;
use crate::model::{Number, NumberRepr, NumberType, Value};
use crate::report::{MetadataDifference, Shown};
use crate::{Pair, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Of an index, what says nothing about what it does.
const ABOUT_INDEXES: [&str; 5] = ["key", "name", "v", "ns", "background"];

/// Options that change how documents are stored, and no answer.
const STORAGE: [&str; 3] = ["storageEngine", "indexOptionDefaults", "autoIndexId"];

/// Options with the value that they have where they are not said.
const DEFAULTS: [(&str, &str); 2] = [("validationLevel", "strict"), ("validationAction", "error")];

type Fields = BTreeMap<String, Value>;

/// An index but the one on `_id`, which every collection has.
#[derive(Debug)]
struct Index {
    key: String,
    name: String,
    properties: Fields,
    special: bool,
}

/// What differs; none if one of the texts is no metadata.
pub(super) fn compare(metadata: Pair<&str>, compare: &Compare) -> Option<Vec<MetadataDifference>> {
    let metadata = super::both(metadata.map(document))?;
    let mut differences = options(metadata.as_ref());
    let mut indexes = Pair::from_fn(|side| indexes(&metadata[side], side, compare));
    let keys: BTreeSet<String> = [&indexes.stable, &indexes.candidate]
        .into_iter()
        .flatten()
        .map(|index| index.key.clone())
        .collect();
    for key in keys {
        let mut of_key = indexes
            .as_mut()
            .map(|all| all.extract_if(.., |index| index.key == key).collect::<Vec<_>>());
        differences.extend(same_key(&key, &mut of_key));
    }
    Some(differences)
}

/// Indexes on the same key: those that are alike belong together, then the others in the order of their names.
fn same_key(key: &str, indexes: &mut Pair<Vec<Index>>) -> Vec<MetadataDifference> {
    let mut differences = Vec::new();
    indexes.stable.retain(|index| {
        let alike = |other: &Index| alike(&other.properties, &index.properties);
        let Some(at) = indexes.candidate.iter().position(alike) else {
            return true;
        };
        let other = indexes.candidate.remove(at);
        let names = Pair {
            stable: Some(index.name.clone()),
            candidate: Some(other.name),
        };
        differences.extend(differs(format!("name of index {key}"), names, false));
        false
    });
    let mut rest = std::mem::take(indexes).map(|mut rest| {
        rest.sort_by(|a, b| a.name.cmp(&b.name));
        rest.into_iter()
    });
    loop {
        let pair = Pair {
            stable: rest.stable.next(),
            candidate: rest.candidate.next(),
        };
        if pair.stable.is_none() && pair.candidate.is_none() {
            return differences;
        }
        let answers = [&pair.stable, &pair.candidate]
            .into_iter()
            .flatten()
            .any(Index::changes_answers);
        let texts = pair.map(|index| index.map(|index| shown(&index.properties)));
        differences.extend(differs(format!("index {key}"), texts, answers));
    }
}

impl Index {
    /// Whether it refuses or removes documents, or is needed for a kind of query.
    fn changes_answers(&self) -> bool {
        let has = |name| self.properties.contains_key(name);
        self.special || has("unique") || has("expireAfterSeconds")
    }
}

fn options(metadata: Pair<&Fields>) -> Vec<MetadataDifference> {
    let options = metadata.map(|fields| match fields.get("options") {
        Some(Value::Document(options)) => normal(options, &[]),
        _ => Fields::new(),
    });
    let names: BTreeSet<&String> = options.stable.keys().chain(options.candidate.keys()).collect();
    let differs = |name: &String| {
        let values = options.as_ref().map(|options| options.get(name));
        if let Pair {
            stable: Some(a),
            candidate: Some(b),
        } = values
            && same(a, b)
        {
            return None;
        }
        let texts = values.map(|value| value.map(|value| Shown::new(value).text));
        differs(format!("option {name}"), texts, !STORAGE.contains(&name.as_str()))
    };
    names.into_iter().filter_map(differs).collect()
}

fn indexes(metadata: &Fields, side: Side, compare: &Compare) -> Vec<Index> {
    let Some(Value::List(list)) = metadata.get("indexes") else {
        return Vec::new();
    };
    let index = |value: &Value| {
        let Value::Document(fields) = value else {
            return None;
        };
        let get = |wanted| fields.iter().find(|(name, _)| name == wanted).map(|(_, v)| v);
        let Some(Value::Document(key)) = get("key") else {
            return None;
        };
        let renamed = key.iter().map(|(path, direction)| {
            let (name, _) = named(compare, side, path);
            (name.to_owned(), direction_of(direction))
        });
        let renamed: Vec<(String, Value)> = renamed.collect();
        let special = renamed
            .iter()
            .any(|(_, d)| matches!(d, Value::Text(kind) if kind != "hashed"));
        let name = match get("name") {
            Some(Value::Text(name)) => name.clone(),
            _ => String::new(),
        };
        let own = matches!(&key[..], [(path, _)] if path == "_id");
        (!own).then(|| Index {
            key: Shown::new(&Value::Document(renamed)).text,
            name,
            properties: normal(fields, &ABOUT_INDEXES),
            special,
        })
    };
    list.iter().filter_map(index).collect()
}

/// Ascending or descending, whatever number says it; the name of a special kind.
fn direction_of(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let sign = if number.to_string().starts_with('-') {
                -1
            } else {
                1
            };
            Value::Number(Number::int(sign, NumberType::Int32))
        }
        other => other.clone(),
    }
}

/// Fields without those that say nothing or that say what holds anyway.
fn normal(fields: &[(String, Value)], without: &[&str]) -> Fields {
    let mut out = Fields::new();
    for (name, value) in fields {
        let value = match (name.as_str(), value) {
            (name, _) if without.contains(&name) => continue,
            (_, Value::Bool(false) | Value::Null) => continue,
            ("unique" | "sparse" | "hidden" | "capped" | "clustered", Value::Number(n)) => match &n.repr {
                NumberRepr::Int(0) => continue,
                _ => Value::Bool(true),
            },
            ("collation", Value::Document(collation)) => match collated(collation) {
                Some(collation) => collation,
                None => continue,
            },
            ("changeStreamPreAndPostImages", Value::Document(images)) if normal(images, &[]).is_empty() => {
                continue;
            }
            (name, Value::Text(text)) if DEFAULTS.contains(&(name, text)) => continue,
            (_, value) => value.clone(),
        };
        out.insert(name.clone(), value);
    }
    out
}

/// A collation without the version of the library that brings it; none if it compares byte by byte.
fn collated(fields: &[(String, Value)]) -> Option<Value> {
    let simple = |(name, value): &(String, Value)| {
        name == "locale" && matches!(value, Value::Text(locale) if locale == "simple")
    };
    let versionless = fields.iter().filter(|(name, _)| name != "version");
    (!fields.iter().any(simple)).then(|| Value::Document(versionless.cloned().collect()))
}

fn alike(a: &Fields, b: &Fields) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(name, value)| b.get(name).is_some_and(|b| same(value, b)))
}

/// Whether two values are equal, whatever type their numbers have. The order of fields does not count; in a validator it has
/// no meaning.
fn same(a: &Value, b: &Value) -> bool {
    let canonical = |value| {
        let mut encoder = crate::canon::Encoder::new(crate::canon::Equality::default());
        encoder.value(value).is_ok().then(|| encoder.bytes().to_vec())
    };
    let bytes = canonical(a);
    bytes.is_some() && bytes == canonical(b)
}

fn shown(fields: &Fields) -> String {
    let fields = fields.iter().map(|(name, value)| (name.clone(), value.clone()));
    Shown::new(&Value::Document(fields.collect())).text
}

fn document(text: &str) -> Option<Fields> {
    let bytes = text.as_bytes();
    match (RawJson { bytes }).to_value() {
        Ok(Value::Document(fields)) => Some(fields.into_iter().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What differs, and whether it changes answers.
    fn found(stable: &str, candidate: &str) -> Vec<(String, bool)> {
        let compare = Compare::plain("c".into(), Pair::default(), Vec::new());
        let texts = Pair { stable, candidate };
        let found = super::compare(texts, &compare).unwrap();
        found.into_iter().map(|d| (d.what, d.changes_answers)).collect()
    }

    fn index(properties: &str) -> String {
        let id = r#"{"v":2,"key":{"_id":1},"name":"_id_"}"#;
        format!(r#"{{"indexes":[{id},{{"v":2,"key":{{"a":1}},"name":"a_1"{properties}}}]}}"#)
    }

    #[test]
    fn what_says_the_same_does_not_differ() {
        let none = r#"{"indexes":[]}"#;
        assert_eq!(
            found(none, r#"{"options":{"capped":false},"indexes":[],"uuid":"0"}"#),
            []
        );
        let plain = index("");
        let typed = r#"{"indexes":[{"v":{"$numberInt":"1"},"key":{"a":{"$numberDouble":"1.0"}},"name":"a_1","ns":"s.c","sparse":false}]}"#;
        assert_eq!(found(&plain, typed), []);
        let collation = |version: &str| {
            index(&format!(
                r#","collation":{{"locale":"fr","version":"{version}"}}"#
            ))
        };
        assert_eq!(found(&collation("57.1"), &collation("72.1")), []);
        assert_eq!(found(&plain, &index(r#","collation":{"locale":"simple"}"#)), []);
        let seconds = |n: &str| index(&format!(r#","expireAfterSeconds":{n}"#));
        assert_eq!(found(&seconds("5"), &seconds(r#"{"$numberLong":"5"}"#)), []);
    }

    #[test]
    fn every_difference_is_named_and_weighed() {
        let plain = index("");
        let key = || r#"index {"a":1}"#.to_owned();
        assert_eq!(found(&plain, r#"{"indexes":[]}"#), [(key(), false)]);
        for (properties, answers) in [
            (r#","unique":true"#, true),
            (r#","expireAfterSeconds":60"#, true),
            (r#","sparse":true"#, false),
            (r#","hidden":true"#, false),
            (r#","collation":{"locale":"fr"}"#, false),
            (r#","partialFilterExpression":{"b":1}"#, false),
        ] {
            assert_eq!(
                found(&plain, &index(properties)),
                [(key(), answers)],
                "{properties}"
            );
            assert_eq!(
                found(&index(properties), &plain),
                [(key(), answers)],
                "{properties}"
            );
        }
        let named = plain.replace("a_1", "other");
        assert_eq!(
            found(&plain, &named),
            [(r#"name of index {"a":1}"#.into(), false)]
        );
        let reversed = plain.replace(r#""a":1"#, r#""a":-1"#);
        assert_eq!(found(&plain, &reversed).len(), 2);
        let text = r#"{"indexes":[{"key":{"a":"text"},"name":"t"}]}"#;
        assert_eq!(
            found(r#"{"indexes":[]}"#, text),
            [(r#"index {"a":"text"}"#.into(), true)]
        );
    }

    #[test]
    fn options_that_are_not_known_to_be_harmless_change_answers() {
        let with = |options: &str| format!(r#"{{"options":{{{options}}},"indexes":[]}}"#);
        for (options, name, answers) in [
            (r#""validator":{"a":{"$gt":0}}"#, "validator", true),
            (r#""validationAction":"warn""#, "validationAction", true),
            (r#""capped":true"#, "capped", true),
            (r#""something":1"#, "something", true),
            (r#""storageEngine":{"wiredTiger":{}}"#, "storageEngine", false),
        ] {
            assert_eq!(
                found(&with(""), &with(options)),
                [(format!("option {name}"), answers)]
            );
        }
        let strict = r#""validationAction":"error","validationLevel":"strict""#;
        assert_eq!(found(&with(""), &with(strict)), []);
    }
}
