//! The types a field is seen to have: from a schema, or from a sample of values.

use crate::model::{CqlType, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The types of one field on one side.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// By the name reports give the type, the name its store gives it.
    pub(super) kinds: BTreeMap<&'static str, String>,
    /// What a list, a set or a map holds.
    pub(super) element: Option<Box<Seen>>,
    /// The keys of a map.
    pub(super) key: Option<Box<Seen>>,
    /// What a document or a user-defined type holds, and by `[0]`, `[1]`… a tuple.
    pub(super) fields: BTreeMap<String, Seen>,
    /// Whether a time finer than a millisecond was met.
    pub(super) finer_than_ms: bool,
}

/// Binary data of a BSON subtype, which other stores do not have.
pub(super) const SUBTYPED: &str = "binary";
/// The UUIDs of old drivers.
pub(super) const LEGACY_UUID: &str = "legacy uuid";

impl Seen {
    /// What a column of a CQL type holds.
    pub(super) fn of_cql(ty: &CqlType) -> Seen {
        let mut seen = Seen::default();
        let boxed = |ty: &CqlType| Some(Box::new(Seen::of_cql(ty)));
        let kind = match ty.thawed() {
            CqlType::Ascii => "ascii",
            CqlType::Text => "text",
            CqlType::Bigint | CqlType::Counter => "int64",
            CqlType::Int => "int32",
            CqlType::Smallint => "int16",
            CqlType::Tinyint => "int8",
            CqlType::Varint => "varint",
            CqlType::Decimal => "decimal",
            CqlType::Double => "double",
            CqlType::Float => "float",
            CqlType::Boolean => "bool",
            CqlType::Blob => "bytes",
            CqlType::Date => "date",
            CqlType::Time => "time",
            CqlType::Timestamp => "timestamp",
            CqlType::Duration => "duration",
            CqlType::Inet => "inet",
            CqlType::Uuid | CqlType::Timeuuid => "uuid",
            CqlType::List(e) | CqlType::Vector(e, _) => {
                seen.element = boxed(e);
                "list"
            }
            CqlType::Set(e) => {
                seen.element = boxed(e);
                "set"
            }
            CqlType::Map(k, v) => {
                (seen.key, seen.element) = (boxed(k), boxed(v));
                "map"
            }
            CqlType::Tuple(parts) => {
                let parts = parts.iter().enumerate();
                seen.fields = parts
                    .map(|(i, ty)| (format!("[{i}]"), Seen::of_cql(ty)))
                    .collect();
                "list"
            }
            CqlType::Udt(udt) => {
                let fields = udt.fields.iter();
                seen.fields = fields
                    .map(|(name, ty)| (name.clone(), Seen::of_cql(ty)))
                    .collect();
                "document"
            }
            CqlType::Frozen(_) | CqlType::Custom(_) => return seen,
        };
        seen.kinds.insert(kind, ty.to_string());
        seen
    }

    /// Adds a value that was met.
    pub(super) fn add(&mut self, value: &Value) {
        let kind = match value {
            Value::Null => return,
            Value::Bytes { subtype: 3, bytes } if bytes.len() == 16 => LEGACY_UUID,
            Value::Bytes { subtype: 1.., .. } => SUBTYPED,
            other => other.type_name(),
        };
        let shown = match value {
            Value::Bytes {
                subtype: subtype @ 1..,
                ..
            } => format!("binary of subtype {subtype}"),
            other => other.type_name().to_owned(),
        };
        self.kinds.insert(kind, shown);
        match value {
            Value::Timestamp(at) => self.finer_than_ms |= at.0.rem_euclid(1_000_000) != 0,
            Value::List(items) | Value::Set(items) => {
                let element = self.element.get_or_insert_default();
                items.iter().for_each(|item| element.add(item));
            }
            Value::Document(fields) => fields
                .iter()
                .for_each(|(name, value)| self.fields.entry(name.clone()).or_default().add(value)),
            Value::Map(pairs) => {
                let (key, element) = (
                    self.key.get_or_insert_default(),
                    self.element.get_or_insert_default(),
                );
                pairs.iter().for_each(|(k, v)| {
                    key.add(k);
                    element.add(v);
                });
            }
            _ => {}
        }
    }

    /// Adds the types that another look has seen.
    pub(super) fn join(&mut self, other: Seen) {
        for (kind, shown) in other.kinds {
            self.kinds.entry(kind).or_insert(shown);
        }
        for (ours, theirs) in [(&mut self.element, other.element), (&mut self.key, other.key)] {
            if let Some(theirs) = theirs {
                ours.get_or_insert_default().join(*theirs);
            }
        }
        for (name, seen) in other.fields {
            self.fields.entry(name).or_default().join(seen);
        }
    }

    /// The types as their store calls them.
    pub(super) fn shown(&self) -> String {
        let names: Vec<&str> = self.kinds.values().map(String::as_str).collect();
        names.join(", ")
    }

    /// The families of the types: values of two families are never equal.
    pub(super) fn families(&self) -> BTreeSet<&'static str> {
        self.kinds.keys().map(|kind| family(kind)).collect()
    }
}

/// Which types have values that can be equal.
pub(super) fn family(kind: &'static str) -> &'static str {
    match kind {
        "int8" | "int16" | "int32" | "int64" | "varint" | "float" | "double" | "decimal" | "decimal128" => {
            "number"
        }
        "ascii" => "text",
        "map" => "document",
        other => other,
    }
}
