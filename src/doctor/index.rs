//! Whether an index finds the records of a MongoDB collection by the key of a compare.

use super::mongo::text;
use crate::canon::ejson::RawJson;
use crate::canon::{Encoder, Equality};
use crate::model::Value;

/// The fields of an index that finds records by their values, in the index's order.
struct Index(Vec<String>);

/// What makes an index on `paths` of `namespace`, if none of the collection's own finds records by them; none if one does.
///
/// `metadata` is the collection's, as mongodump writes it; where it may not be seen, nothing is known to be missing. An index
/// serves if the fields that it begins with are among the paths and it holds every record: none that is sparse, partial,
/// hidden or under another collation than the collection's.
pub(super) fn missing(namespace: &str, metadata: Option<&str>, paths: &[String]) -> Option<String> {
    let asked = |path: &String| paths.contains(path);
    let serves = |index: &Index| index.0.first().is_some_and(asked);
    let all = indexes(metadata?);
    // `_id` has its index always, and finds one record.
    if paths.is_empty() || paths.iter().any(|path| path == "_id") {
        return None;
    }
    // The whole key in front of an index finds the record; less of it may still leave many to be looked through.
    let whole = |index: &Index| {
        index
            .0
            .iter()
            .take(paths.len())
            .filter(|path| asked(path))
            .count()
            == paths.len()
    };
    if all.iter().any(|index| serves(index) && whole(index)) {
        return None;
    }
    let (database, collection) = namespace.split_once('.').unwrap_or((namespace, ""));
    let fields: Vec<String> = paths.iter().map(|path| format!("{}: 1", text(path))).collect();
    Some(format!(
        "db.getSiblingDB({}).getCollection({}).createIndex({{{}}})",
        text(database),
        text(collection),
        fields.join(", ")
    ))
}

/// The indexes that hold every record and compare as Assay does.
fn indexes(metadata: &str) -> Vec<Index> {
    let Ok(Value::Document(metadata)) = (RawJson {
        bytes: metadata.as_bytes(),
    })
    .to_value() else {
        return Vec::new();
    };
    let Some(Value::List(list)) = get(&metadata, "indexes") else {
        return Vec::new();
    };
    // Queries have the collection's own collation, and so do indexes that do not say otherwise.
    let own = match get(&metadata, "options") {
        Some(Value::Document(options)) => get(options, "collation"),
        _ => None,
    };
    list.iter().filter_map(|value| index(value, own)).collect()
}

fn get<'v>(fields: &'v [(String, Value)], name: &str) -> Option<&'v Value> {
    fields
        .iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value)
}

/// A value in canonical form.
fn bytes(value: Option<&Value>) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(Equality::default());
    encoder.value(value?).ok()?;
    Some(encoder.bytes().to_vec())
}

fn index(value: &Value, collation: Option<&Value>) -> Option<Index> {
    let Value::Document(fields) = value else {
        return None;
    };
    let spoilt = ["sparse", "partialFilterExpression", "hidden"];
    let set = |name: &&str| !matches!(get(fields, name), None | Some(Value::Bool(false)));
    if spoilt.iter().any(set) || bytes(get(fields, "collation")) != bytes(collation) {
        return None;
    }
    let Some(Value::Document(key)) = get(fields, "key") else {
        return None;
    };
    // Text, geographical and wildcard indexes answer other questions.
    let plain = |value: &Value| match value {
        Value::Number(_) => true,
        Value::Text(kind) => kind == "hashed",
        _ => false,
    };
    let fields = key
        .iter()
        .take_while(|(name, value)| plain(value) && !name.contains("$**"));
    Some(Index(fields.map(|(name, _)| name.clone()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(indexes: &str, paths: &[&str]) -> Option<String> {
        let paths: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        let metadata = format!(r#"{{"indexes":[{indexes}],"type":"collection"}}"#);
        missing("shop.orders.old", Some(&metadata), &paths)
    }

    #[test]
    fn the_key_needs_an_index_that_begins_with_it() {
        let one =
            r#"{"v":{"$numberInt":"2"},"key":{"a":{"$numberInt":"1"},"b":{"$numberInt":"-1"}},"name":"x"}"#;
        assert_eq!(of(one, &["a"]), None);
        assert_eq!(of(one, &["b", "a"]), None);
        assert_eq!(of(r#"{"key":{"a":"hashed"}}"#, &["a"]), None);
        assert_eq!(of("", &["_id"]), None);
        assert_eq!(of("", &["a", "_id"]), None);
        let create = r#"db.getSiblingDB("shop").getCollection("orders.old").createIndex({"b": 1})"#;
        assert_eq!(of(one, &["b"]).as_deref(), Some(create));
        let create = r#"db.getSiblingDB("shop").getCollection("orders.old").createIndex({"a": 1, "c": 1})"#;
        assert_eq!(of(one, &["a", "c"]).as_deref(), Some(create));
    }

    #[test]
    fn an_index_without_every_record_or_with_another_order_does_not_serve() {
        for spoilt in [
            r#""sparse":true"#,
            r#""hidden":true"#,
            r#""collation":{"locale":"fr"}"#,
            r#""partialFilterExpression":{"x":{"$gt":{"$numberInt":"0"}}}"#,
        ] {
            let index = format!(r#"{{"key":{{"a":{{"$numberInt":"1"}}}},{spoilt}}}"#);
            assert!(of(&index, &["a"]).is_some(), "{spoilt}");
        }
        assert_eq!(of(r#"{"key":{"a":1},"sparse":false}"#, &["a"]), None);
        let french = r#"{"options":{"collation":{"locale":"fr"}},"indexes":[{"key":{"a":1},"collation":{"locale":"fr"}}]}"#;
        assert_eq!(missing("shop.a", Some(french), &["a".into()]), None);
        assert!(of(r#"{"key":{"a":"text"}}"#, &["a"]).is_some());
        assert!(missing("shop.a", Some("nonsense"), &["a".into()]).is_some());
    }
}
