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
    compare_parts(a, b, 0, compare_values)
}

/// Compares two keys as the rows of a partition lie in a table: UUIDs by their time where they have one, and the parts
/// whose bits are set in `descending`, the first part's the lowest, the greater one first. Total like [`compare_keys`].
pub fn compare_rows(a: &[u8], b: &[u8], descending: u64) -> Ordering {
    compare_parts(a, b, descending, |a, b| match (a, b) {
        (Value::Uuid(x), Value::Uuid(y)) => compare_uuids(*x, *y),
        _ => compare_values(a, b),
    })
}

#[inline]
fn compare_parts(
    a: &[u8],
    b: &[u8],
    mut descending: u64,
    values: impl Fn(&Value, &Value) -> Ordering,
) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        if a == b {
            return Ordering::Equal;
        }
        let (unequal, rest_a, rest_b) = match (a.first(), b.first()) {
            // Fixed-width big-endian and single-byte forms: bytes decide.
            (Some(&tag::OBJECT_ID), Some(&tag::OBJECT_ID)) if a.len() > 12 && b.len() > 12 => {
                (a[..13].cmp(&b[..13]), &a[13..], &b[13..])
            }
            (Some(&tag::INT), Some(&tag::INT)) if a.len() > 8 && b.len() > 8 => {
                let int = |k: &[u8]| i64::from_le_bytes(k[1..9].try_into().expect("eight bytes"));
                (int(a).cmp(&int(b)), &a[9..], &b[9..])
            }
            (Some(&tag::TEXT), Some(&tag::TEXT)) if a.len() > 1 && b.len() > 1 && (a[1] | b[1]) < 0x80 => {
                let split = |k: &'_ [u8]| 2 + usize::from(k[1]).min(k.len() - 2);
                let (ea, eb) = (split(a), split(b));
                (a[2..ea].cmp(&b[2..eb]), &a[ea..], &b[eb..])
            }
            _ => match (decode(a), decode(b)) {
                (Ok((x, rest_a)), Ok((y, rest_b))) => {
                    let (used_a, used_b) = (&a[..a.len() - rest_a.len()], &b[..b.len() - rest_b.len()]);
                    (values(&x, &y).then_with(|| used_a.cmp(used_b)), rest_a, rest_b)
                }
                // Not canonical: any total order will do, and bytes are one.
                _ => return a.cmp(b),
            },
        };
        match unequal {
            Ordering::Equal => (a, b) = (rest_a, rest_b),
            unequal if descending & 1 == 1 => return unequal.reverse(),
            unequal => return unequal,
        }
        descending >>= 1;
    }
}

/// The order that Cassandra gives UUIDs: by version, those of version 1 by their time and then by signed bytes.
fn compare_uuids(a: [u8; 16], b: [u8; 16]) -> Ordering {
    let version = |uuid: [u8; 16]| uuid[6] >> 4;
    let time = |u: [u8; 16]| [u[6], u[7], u[4], u[5], u[0], u[1], u[2], u[3]];
    let signed = |uuid: [u8; 16]| uuid.map(|byte| byte as i8);
    match version(a).cmp(&version(b)) {
        Ordering::Equal if version(a) == 1 => {
            let bytes = || signed(a)[8..].cmp(&signed(b)[8..]);
            time(a).cmp(&time(b)).then_with(bytes)
        }
        Ordering::Equal => a.cmp(&b),
        unequal => unequal,
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
