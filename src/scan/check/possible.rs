//! Whether a column's type can become what the mapping asks for at all, tried on values that stand for the type.

use super::seen::Seen;
use crate::mapping::{Conversion, Step};
use crate::model::{CqlType, Number, NumberType, Problem, Timestamp, Value};

/// Texts that some scalar type or encoding can read.
const TEXTS: [&str; 12] = [
    "1",
    "true",
    "2024-02-29T12:00:00Z",
    "2024-02-29",
    "12:34:56",
    "1d",
    "00112233-4455-6677-8899-aabbccddeeff",
    "65f000000000000000000001",
    "127.0.0.1",
    "AAA=",
    "{}",
    "[]",
];

/// The last refusal, if no value of the type can be converted; none if one can, or if nothing stands for the type.
pub(super) fn impossible(ty: &CqlType, convert: &Conversion) -> Option<Problem> {
    let mut last = None;
    for value in samples(ty, convert) {
        match convert.apply(value) {
            Ok(_) => return None,
            Err(problem) => last = Some(problem),
        }
    }
    last
}

/// The same for the types that a validator allows.
pub(super) fn none_of(seen: &Seen, convert: &Conversion) -> Option<Problem> {
    let mut last = None;
    for kind in seen.kinds.keys() {
        let values = match *kind {
            "objectid" => vec![Value::ObjectId([0; 12])],
            "text" => samples(&CqlType::Text, convert),
            "bool" => samples(&CqlType::Boolean, convert),
            "timestamp" => samples(&CqlType::Timestamp, convert),
            "int32" | "int64" | "double" | "decimal128" => samples(&CqlType::Bigint, convert),
            // Of these no few values stand for all.
            _ => return None,
        };
        for value in values {
            last = Some(convert.apply(value).err()?);
        }
    }
    last
}

fn samples(ty: &CqlType, convert: &Conversion) -> Vec<Value> {
    let looked_up = || {
        convert.steps().iter().flat_map(|step| match step {
            Step::Lookup(table) => table.keys().cloned().collect(),
            _ => Vec::new(),
        })
    };
    let text = |t: &str| Value::Text(t.to_owned());
    let bytes = |len| Value::Bytes {
        subtype: 0,
        bytes: vec![0; len],
    };
    let numbers = |ty| {
        let keys = looked_up().filter_map(|k| k.parse().ok());
        let all = [0, 1, -1].into_iter().chain(keys);
        all.map(|n| Value::Number(Number::int(n, ty))).collect()
    };
    match ty.thawed() {
        CqlType::Text | CqlType::Ascii => TEXTS
            .iter()
            .map(|t| text(t))
            .chain(looked_up().map(Value::Text))
            .collect(),
        CqlType::Bigint | CqlType::Counter => numbers(NumberType::Int64),
        CqlType::Int => numbers(NumberType::Int32),
        CqlType::Smallint => numbers(NumberType::Int16),
        CqlType::Tinyint => numbers(NumberType::Int8),
        CqlType::Varint => numbers(NumberType::Varint),
        CqlType::Decimal => numbers(NumberType::Decimal),
        CqlType::Double => numbers(NumberType::Double),
        CqlType::Float => numbers(NumberType::Float),
        CqlType::Boolean => vec![Value::Bool(true), Value::Bool(false)],
        CqlType::Blob => vec![bytes(0), bytes(12), bytes(16)],
        CqlType::Date => vec![Value::Date(0)],
        CqlType::Time => vec![Value::Time(0)],
        CqlType::Timestamp => vec![
            Value::Timestamp(Timestamp(0)),
            Value::Timestamp(Timestamp::from_millis(1)),
        ],
        CqlType::Duration => vec![Value::Duration {
            months: 0,
            days: 1,
            nanos: 0,
        }],
        CqlType::Inet => vec![Value::Inet([127, 0, 0, 1].into())],
        CqlType::Uuid | CqlType::Timeuuid => vec![Value::Uuid([0; 16])],
        CqlType::List(e) => each(e, convert, |v| Value::List(vec![v])),
        CqlType::Vector(e, n) if *n <= 4096 => each(e, convert, |v| Value::List(vec![v; *n as usize])),
        CqlType::Set(e) => each(e, convert, |v| Value::Set(vec![v])),
        CqlType::Map(k, v) => samples(k, convert)
            .into_iter()
            .flat_map(|k| each(v, convert, |v| Value::Map(vec![(k.clone(), v)])))
            .collect(),
        // Of these no few values stand for all.
        CqlType::Vector(..)
        | CqlType::Tuple(_)
        | CqlType::Udt(_)
        | CqlType::Custom(_)
        | CqlType::Frozen(_) => Vec::new(),
    }
}

fn each(ty: &CqlType, convert: &Conversion, wrap: impl Fn(Value) -> Value) -> Vec<Value> {
    samples(ty, convert).into_iter().map(wrap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Type;

    #[test]
    fn only_what_no_value_can_become_is_impossible() {
        for (from, to, possible) in [
            ("text", "int", true),
            ("text", "uuid", true),
            ("int", "uuid", false),
            ("uuid", "int", false),
            ("timestamp", "date", true),
            ("list<text>", "set<inet>", true),
            ("list<int>", "list<uuid>", false),
            ("map<text, int>", "map<int, text>", true),
            ("map<int, int>", "map<uuid, int>", false),
            ("tuple<int, int>", "uuid", true),
            ("boolean", "text", true),
            ("blob", "objectid", true),
        ] {
            let convert = Conversion::new(vec![Step::Type(Type::parse(to).unwrap())]);
            let found = impossible(&CqlType::parse(from).unwrap(), &convert);
            assert_eq!(found.is_none(), possible, "{from} {to}: {found:?}");
        }
    }
}
