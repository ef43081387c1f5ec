//! What a collection's `$jsonSchema` validator says of its fields.

use super::seen::Seen;
use crate::mapping::{ELEMENT, INDEX, path_names};
use serde_json::Value as Json;

/// A validator that every document of the collection has to pass.
#[derive(Debug)]
pub(super) struct Validator(Json);

/// What a validator says of a path.
pub(super) enum Said<'v> {
    /// Nothing: the field may be there, and may hold anything.
    Nothing,
    /// What the field has to be.
    Schema(&'v Json),
    /// No document has it. The name that is not allowed, and those that are in its place.
    Refused(String, Vec<&'v str>),
}

impl Validator {
    /// The validator in a collection's metadata, as mongodump writes it. None if there is none, or if the server lets
    /// documents pass that break it.
    pub(super) fn of(metadata: &str) -> Option<Validator> {
        let mut metadata: Json = serde_json::from_str(metadata).ok()?;
        let options = metadata.get_mut("options")?;
        let is = |key: &str, word: &str| options.get(key).is_none_or(|w| w == word);
        let enforced = is("validationAction", "error") && is("validationLevel", "strict");
        let schema = options.get_mut("validator")?.get_mut("$jsonSchema")?.take();
        (enforced && schema.is_object()).then_some(Validator(schema))
    }

    /// What is said of the field that a mapping's path leads to.
    pub(super) fn find(&self, path: &str) -> Said<'_> {
        if [INDEX, ELEMENT].contains(&path) {
            return Said::Nothing;
        }
        let mut at = &self.0;
        for name in path_names(path) {
            at = elements(at);
            let properties = at.get("properties").and_then(Json::as_object);
            let names = || properties.into_iter().flatten().map(|(name, _)| name.as_str());
            let prefix = |p: &str| names().any(|n| n.starts_with(p));
            match properties.and_then(|p| p.get(&name)) {
                Some(schema) => at = schema,
                None if !is_closed(at) || name.strip_suffix('*').is_some_and(prefix) => return Said::Nothing,
                None => return Said::Refused(name, names().collect()),
            }
        }
        Said::Schema(at)
    }

    /// The types that the field has to have, where any are said.
    pub(super) fn types(&self, path: &str) -> Option<Seen> {
        match self.find(path) {
            Said::Schema(schema) => Some(types(schema)).filter(|seen| !seen.kinds.is_empty()),
            _ => None,
        }
    }

    /// Whether every document has the field.
    pub(super) fn requires(&self, path: &str) -> bool {
        let mut at = Some(&self.0);
        path_names(path).iter().all(|name| {
            let schema = at;
            at = schema.and_then(|s| s.get("properties")?.get(name));
            let required = schema.and_then(|s| s.get("required")?.as_array());
            required.is_some_and(|r| r.iter().any(|n| n == name))
        })
    }
}

/// The schema of an array's elements, which a path leads into under `explode`; any other schema itself.
fn elements(schema: &Json) -> &Json {
    let items = schema.get("items").filter(|i| i.is_object());
    items
        .filter(|_| schema.get("properties").is_none())
        .unwrap_or(schema)
}

fn is_closed(schema: &Json) -> bool {
    schema.get("additionalProperties") == Some(&Json::Bool(false))
        && schema.get("patternProperties").is_none()
}

fn types(schema: &Json) -> Seen {
    let said = schema.get("bsonType").or_else(|| schema.get("type"));
    let words: Vec<&str> = match said {
        Some(Json::String(word)) => vec![word],
        Some(Json::Array(words)) => words.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let mut seen = Seen::default();
    let Some(kinds) = words
        .into_iter()
        .filter(|word| *word != "null")
        .map(kind)
        .collect::<Option<Vec<_>>>()
    else {
        return seen;
    };
    seen.kinds = kinds.into_iter().map(|kind| (kind, kind.to_owned())).collect();
    let properties = schema.get("properties").and_then(Json::as_object);
    let fields = properties.into_iter().flatten();
    seen.fields = fields
        .map(|(name, schema)| (name.clone(), types(schema)))
        .collect();
    let items = schema.get("items").filter(|i| i.is_object());
    seen.element = items.map(|schema| Box::new(types(schema)));
    seen
}

/// The name that reports give a BSON type; none for those whose values differ by more than it says.
fn kind(word: &str) -> Option<&'static str> {
    Some(match word {
        "double" => "double",
        "string" => "text",
        "object" => "document",
        "array" => "list",
        "objectId" => "objectid",
        "bool" | "boolean" => "bool",
        "date" => "timestamp",
        "int" => "int32",
        "long" => "int64",
        "decimal" => "decimal128",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn validator(more: Json) -> Option<Validator> {
        let mut options = json!({"validator": {"$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "at"],
            "additionalProperties": false,
            "properties": {
                "_id": {"bsonType": "objectId"},
                "n": {"bsonType": ["int", "long", "null"]},
                "any": {},
                "odd": {"bsonType": ["int", "binData"]},
                "at": {"bsonType": "object", "required": ["lat"], "properties": {"lat": {"type": "string"}, "lon": {}}},
                "items": {"bsonType": "array", "items": {
                    "bsonType": "object", "additionalProperties": false, "properties": {"sku": {"bsonType": "string"}}}},
            },
        }}});
        let map = options.as_object_mut().unwrap();
        map.extend(more.as_object().unwrap().clone());
        Validator::of(&json!({"options": options, "indexes": []}).to_string())
    }

    #[test]
    fn paths_are_followed_through_documents_and_elements() {
        let v = validator(json!({})).unwrap();
        let shown = |path: &str| v.types(path).map(|seen| seen.shown());
        assert_eq!(shown("n").as_deref(), Some("int32, int64"));
        assert_eq!(shown("at.lat").as_deref(), Some("text"));
        assert_eq!(shown("items.sku").as_deref(), Some("text"));
        for path in ["any", "odd", "at.other", "it*", INDEX] {
            assert_eq!(shown(path), None, "{path}");
            assert!(!matches!(v.find(path), Said::Refused(..)), "{path}");
        }
        for (path, wrong) in [("m", "m"), ("m.x", "m"), ("items.sk", "sk"), ("x*", "x*")] {
            assert!(
                matches!(v.find(path), Said::Refused(name, _) if name == wrong),
                "{path}"
            );
        }
        for (path, required) in [("_id", true), ("n", false), ("at.lat", true), ("at.lon", false)] {
            assert_eq!(v.requires(path), required, "{path}");
        }
    }

    #[test]
    fn what_is_not_enforced_says_nothing() {
        assert!(validator(json!({"validationAction": "error", "validationLevel": "strict"})).is_some());
        for lax in [
            json!({"validationAction": "warn"}),
            json!({"validationLevel": "moderate"}),
            json!({"validator": {"v": {"$gt": 1}}}),
        ] {
            assert!(validator(lax.clone()).is_none(), "{lax}");
        }
        assert!(Validator::of("{}").is_none());
        assert!(Validator::of("no JSON").is_none());
    }
}
