//! Values that the configuration writes out.

use crate::canon::temporal;
use crate::mapping::Literal;
use toml::Value;

/// The value a TOML value stands for. Tables are documents, or Extended JSON such as `{ "$oid" = "…" }`.
///
/// # Errors
/// What was expected.
pub(super) fn literal(value: &Value) -> Result<Literal, String> {
    match value {
        Value::String(text) => Ok(Literal::text(text)),
        // Extended JSON has no date and no time of day of its own.
        Value::Datetime(at) if at.offset.is_none() && (at.date.is_none() || at.time.is_none()) => {
            let text = at.to_string();
            let date = temporal::date(&text).map(crate::model::Value::Date);
            let value = date.or_else(|| temporal::time(&text).map(crate::model::Value::Time));
            value
                .map(|value| Literal::new(text, value))
                .ok_or_else(|| "expected a date or a time of day".to_owned())
        }
        value => {
            let json = json(value)?.to_string();
            Literal::json(json).map_err(|p| p.detail().to_owned())
        }
    }
}

fn json(value: &Value) -> Result<serde_json::Value, String> {
    Ok(match value {
        Value::String(text) => text.clone().into(),
        Value::Integer(n) => (*n).into(),
        Value::Float(n) if n.is_finite() => (*n).into(),
        Value::Float(n) => {
            let name = match () {
                () if n.is_nan() => "NaN",
                () if *n > 0.0 => "Infinity",
                () => "-Infinity",
            };
            serde_json::json!({ "$numberDouble": name })
        }
        Value::Boolean(b) => (*b).into(),
        Value::Datetime(at) if at.offset.is_some() => serde_json::json!({ "$date": at.to_string() }),
        Value::Datetime(_) => {
            return Err("expected a time with its offset, such as 2026-01-31T12:00:00Z".to_owned());
        }
        Value::Array(items) => items.iter().map(json).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Table(table) => {
            let fields = table.iter().map(|(name, value)| Ok((name.clone(), json(value)?)));
            serde_json::Value::Object(fields.collect::<Result<_, String>>()?)
        }
    })
}

/// The names under which values' types are reported, with the names the stores have for them.
const TYPES: [(&str, &[&str]); 33] = [
    ("number", &[]),
    ("bool", &["boolean"]),
    ("int8", &["tinyint"]),
    ("int16", &["smallint"]),
    ("int32", &["int"]),
    ("int64", &["long", "bigint", "counter"]),
    ("varint", &[]),
    ("float", &[]),
    ("double", &[]),
    ("decimal128", &[]),
    ("decimal", &[]),
    ("text", &["string", "varchar", "ascii"]),
    ("bytes", &["blob", "binary"]),
    ("timestamp", &["datetime"]),
    ("date", &[]),
    ("time", &[]),
    ("duration", &[]),
    ("uuid", &["timeuuid"]),
    ("objectid", &[]),
    ("inet", &[]),
    ("list", &["array", "tuple", "vector"]),
    ("set", &[]),
    ("map", &[]),
    ("document", &["object", "udt"]),
    ("null", &[]),
    ("undefined", &[]),
    ("symbol", &[]),
    ("regex", &[]),
    ("code", &[]),
    ("bson_timestamp", &[]),
    ("minkey", &[]),
    ("maxkey", &[]),
    ("dbpointer", &[]),
];

/// The reported name of a type, by any of its names.
pub(super) fn type_name(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let found = TYPES
        .iter()
        .find(|(name, others)| *name == word || others.contains(&word.as_str()));
    found.map(|(name, _)| *name)
}

/// All names that [`type_name`] knows.
pub(super) fn type_names() -> impl Iterator<Item = &'static str> {
    TYPES
        .iter()
        .flat_map(|(name, others)| std::iter::once(*name).chain(others.iter().copied()))
}
