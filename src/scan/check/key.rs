//! Whether the key that the mapping names is one: of one type, and of one record.

use super::Findings;
use super::sample::Sample;
use crate::Side;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What of a collection's metadata says which fields are unique.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    indexes: Vec<Index>,
}

#[derive(Deserialize)]
struct Index {
    key: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    unique: bool,
    #[serde(rename = "partialFilterExpression")]
    partial: Option<serde_json::Value>,
}

/// Checks the key of one side.
pub(super) fn check(findings: &mut Findings<'_>, side: Side, sample: &Sample) {
    let compare = &findings.prepared.compare;
    let spot = compare.spots.of(&["key"]);
    for name in &compare.key {
        let Some(shape) = sample.shapes.get(name) else {
            continue;
        };
        if shape.seen.families().len() > 1 {
            let message = format!(
                "key field {name:?}: {side} mixes {}; a type that brings them together may bring two records to one key",
                shape.seen.shown()
            );
            findings.say(spot, false, message);
        }
    }
    if compare.key.is_empty() || compare.explode.as_ref().is_some_and(|e| e.side == side) {
        return;
    }
    let paths: Vec<&str> = compare
        .key
        .iter()
        .filter_map(|name| match compare.fields.iter().find(|f| f.name == *name) {
            Some(field) => field.paths[side].as_deref(),
            None => Some(name.as_str()),
        })
        .collect();
    for path in &paths {
        if let Some(validator) = &sample.validator
            && *path != "_id"
            && !validator.requires(path)
        {
            let message =
                format!("key {path}: the validator of {side} does not require it, so records may lack it");
            findings.say(spot, false, message);
        }
    }
    let within = |fields: &[&str]| fields.iter().all(|f| paths.contains(f));
    let lane = &findings.prepared.lanes[side];
    let message = match (&lane.layout, &lane.namespace.metadata) {
        (Some(layout), _) if !layout.key.is_empty() => {
            let key: Vec<&str> = layout.key.iter().map(String::as_str).collect();
            (!within(&key)).then(|| format!("the primary key of {side} is {}", key.join(", ")))
        }
        (None, Some(text)) => {
            let unique = |metadata: Metadata| {
                let firm = metadata
                    .indexes
                    .into_iter()
                    .filter(|i| i.unique && i.partial.is_none());
                firm.map(|i| i.key.into_keys().collect::<Vec<String>>())
                    .collect::<Vec<_>>()
            };
            let indexes = serde_json::from_str(text).map(unique).unwrap_or_default();
            let ensured = within(&["_id"])
                || indexes
                    .iter()
                    .any(|i| within(&i.iter().map(String::as_str).collect::<Vec<_>>()));
            (!ensured).then(|| format!("no unique index of {side} is within it"))
        }
        _ => None,
    };
    if let Some(why) = message {
        let key = paths.join(", ");
        let message = format!("key {key}: {why}, so several records may have the same key");
        findings.say(spot, false, message);
    }
}
