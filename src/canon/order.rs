//! A total order on keys that agrees with the order in which stores write them.

use super::{decode, tag};
use crate::model::{Number, NumberRepr, Value};
use std::cmp::Ordering;

/// Compares two keys, each one canonical value per key field.
///
/// The order is total, and equal only for equal bytes. Within one type it is the order of MongoDB's `_id` index and of
/// CQL clustering columns (numbers by value, text by bytes, times by time), so files that a store wrote in key order
/// can be merged. Between types it is the order of the canonical tags.
pub fn compare_keys(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        if a == b {
            return Ordering::Equal;
        }
        match (a.first(), b.first()) {
            // Fixed-width big-endian and single-byte forms: bytes decide.
            (Some(&tag::OBJECT_ID), Some(&tag::OBJECT_ID)) if a.len() > 12 && b.len() > 12 => {
                match a[..13].cmp(&b[..13]) {
                    Ordering::Equal => (a, b) = (&a[13..], &b[13..]),
                    unequal => return unequal,
                }
            }
            (Some(&tag::INT), Some(&tag::INT)) if a.len() > 8 && b.len() > 8 => {
                let int = |k: &[u8]| i64::from_le_bytes(k[1..9].try_into().expect("eight bytes"));
                match int(a).cmp(&int(b)) {
                    Ordering::Equal => (a, b) = (&a[9..], &b[9..]),
                    unequal => return unequal,
                }
            }
            (Some(&tag::TEXT), Some(&tag::TEXT)) if a.len() > 1 && b.len() > 1 && (a[1] | b[1]) < 0x80 => {
                let split = |k: &'_ [u8]| 2 + usize::from(k[1]).min(k.len() - 2);
                let (ea, eb) = (split(a), split(b));
                match a[2..ea].cmp(&b[2..eb]) {
                    Ordering::Equal => (a, b) = (&a[ea..], &b[eb..]),
                    unequal => return unequal,
                }
            }
            _ => match (decode(a), decode(b)) {
                (Ok((x, rest_a)), Ok((y, rest_b))) => match compare_values(&x, &y) {
                    Ordering::Equal => {
                        let (used_a, used_b) = (&a[..a.len() - rest_a.len()], &b[..b.len() - rest_b.len()]);
                        match used_a.cmp(used_b) {
                            Ordering::Equal => (a, b) = (rest_a, rest_b),
                            unequal => return unequal,
                        }
                    }
                    unequal => return unequal,
                },
                // Not canonical: any total order will do, and bytes are one.
                _ => return a.cmp(b),
            },
        }
    }
}

/// Orders two values as far as their type gives them a natural order; `Equal` leaves the decision to the bytes.
fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => approximate(x).total_cmp(&approximate(y)),
        (Value::Text(x), Value::Text(y)) => x.as_bytes().cmp(y.as_bytes()),
        (Value::Timestamp(x), Value::Timestamp(y)) => x.cmp(y),
        (Value::Date(x), Value::Date(y)) => x.cmp(y),
        (Value::Time(x), Value::Time(y)) => x.cmp(y),
        (Value::Bytes { bytes: x, .. }, Value::Bytes { bytes: y, .. }) => x.cmp(y),
        (
            Value::BsonTimestamp {
                time: t,
                increment: i,
            },
            Value::BsonTimestamp {
                time: u,
                increment: j,
            },
        ) => (t, i).cmp(&(u, j)),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// The nearest double. Rounding is monotonic, so a tie between two integers too large for a double is the only loss,
/// and bytes break it.
fn approximate(n: &Number) -> f64 {
    match &n.repr {
        NumberRepr::Int(v) => *v as f64,
        NumberRepr::Double(v) if v.is_nan() => f64::NEG_INFINITY,
        NumberRepr::Double(v) => *v,
        // The parser rounds correctly, which a product with a power of ten would not.
        NumberRepr::Decimal(d) => format!("{}e{}", d.unscaled, d.exponent)
            .parse()
            .expect("digits and an exponent are a double"),
    }
}

/// Types in MongoDB's comparison order.
fn rank(v: &Value) -> u8 {
    match v {
        Value::MinKey => 0,
        Value::Undefined => 1,
        Value::Null => 2,
        Value::Number(_) => 3,
        Value::Symbol(_) | Value::Text(_) => 4,
        Value::Document(_) => 5,
        Value::Map(_) => 6,
        Value::List(_) | Value::Set(_) => 7,
        Value::Bytes { .. } | Value::Uuid(_) => 8,
        Value::ObjectId(_) => 9,
        Value::Bool(_) => 10,
        Value::Timestamp(_) => 11,
        Value::Date(_) => 12,
        Value::Time(_) => 13,
        Value::Duration { .. } => 14,
        Value::Inet(_) => 15,
        Value::BsonTimestamp { .. } => 16,
        Value::Regex { .. } => 17,
        Value::DbPointer { .. } => 18,
        Value::Code { .. } => 19,
        Value::MaxKey => 20,
    }
}
