//! The order in which MongoDB sorts values, over their raw bytes.
//!
//! Follows <https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/>: first by class of types, then by
//! value; numbers of all types are one class.

use crate::canon::bson::{RawBson, walk};
use num_bigint::BigInt;
use std::cmp::Ordering;

/// A value of its own: an `_id` that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
}

impl Id {
    pub(super) fn of(value: RawBson<'_>) -> Id {
        Id {
            kind: value.kind,
            bytes: value.bytes.to_vec(),
        }
    }

    pub(super) fn raw(&self) -> RawBson<'_> {
        RawBson {
            kind: self.kind,
            bytes: &self.bytes,
        }
    }
}

/// Types that are compared with each other by value, in their order. The codes are those of `$type`.
pub(super) const CLASSES: [&[i32]; 16] = [
    &[-1],
    &[6],
    &[10],
    &[1, 16, 18, 19],
    &[2, 14],
    &[3],
    &[4],
    &[5],
    &[7],
    &[8],
    &[9],
    &[17],
    &[11],
    &[12],
    &[13],
    &[15],
];

/// The class of MaxKey, which comes after all of [`CLASSES`].
pub(super) const MAX_KEY: usize = CLASSES.len();
/// The class of the numbers.
pub(super) const NUMBERS: usize = 3;
/// The class of binary values.
pub(super) const BINARY: usize = 7;

/// The place of a type's class in the order.
pub(super) fn class(kind: u8) -> usize {
    let code = i32::from(kind as i8);
    CLASSES
        .iter()
        .position(|codes| codes.contains(&code))
        .unwrap_or(MAX_KEY)
}

/// Compares two values as MongoDB sorts them. Total for well-formed values; what is malformed is compared by its bytes.
pub(super) fn compare(a: RawBson<'_>, b: RawBson<'_>) -> Ordering {
    class(a.kind).cmp(&class(b.kind)).then_with(|| match a.kind {
        _ if class(a.kind) == NUMBERS => numbers(a, b),
        0x02 | 0x0e | 0x0d => content(a.bytes).cmp(content(b.bytes)),
        0x03 | 0x04 => documents(a.bytes, b.bytes),
        // The length, the subtype, the content.
        0x05 => long(a.bytes)
            .cmp(&long(b.bytes))
            .then_with(|| a.bytes.cmp(b.bytes)),
        0x09 => (date(a.bytes)).cmp(&date(b.bytes)),
        0x11 => (date(a.bytes) as u64).cmp(&(date(b.bytes) as u64)),
        0x06 | 0x0a | 0x7f | 0xff => Ordering::Equal,
        0x0c => a
            .bytes
            .len()
            .cmp(&b.bytes.len())
            .then_with(|| a.bytes.cmp(b.bytes)),
        0x0f => content(a.bytes.get(4..).unwrap_or_default())
            .cmp(content(b.bytes.get(4..).unwrap_or_default()))
            .then_with(|| a.bytes.cmp(b.bytes)),
        _ => a.bytes.cmp(b.bytes),
    })
}

fn long(bytes: &[u8]) -> i32 {
    bytes.first_chunk().map_or(0, |head| i32::from_le_bytes(*head))
}

fn date(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |head| i64::from_le_bytes(*head))
}

/// The text of a length-prefixed, zero-terminated string.
fn content(bytes: &[u8]) -> &[u8] {
    let len = usize::try_from(long(bytes)).unwrap_or(0);
    bytes
        .get(4..(4 + len).saturating_sub(1).max(4))
        .unwrap_or_default()
}

/// Field by field: class, name, value; then the one with fewer fields first.
fn documents(a: &[u8], b: &[u8]) -> Ordering {
    let fields = |doc| {
        let mut fields = Vec::new();
        // A malformed document is compared as far as it can be read.
        let _ = walk(doc, |name, value| {
            fields.push((name, value));
            Ok(())
        });
        fields
    };
    let (a, b) = (fields(a), fields(b));
    a.iter()
        .zip(&b)
        .map(|((name_a, a), (name_b, b))| {
            let classes = class(a.kind).cmp(&class(b.kind));
            classes
                .then_with(|| name_a.cmp(name_b))
                .then_with(|| compare(*a, *b))
        })
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// A number, exactly.
enum Number {
    Nan,
    Minus,
    Int(i64),
    Double(f64),
    /// Coefficient and power of ten.
    Decimal(BigInt, i32),
    Plus,
}

fn numbers(a: RawBson<'_>, b: RawBson<'_>) -> Ordering {
    let (a, b) = (number(a), number(b));
    match (&a, &b) {
        (Number::Int(a), Number::Int(b)) => a.cmp(b),
        (Number::Double(a), Number::Double(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        _ => match (rank(&a), rank(&b)) {
            (2, 2) => {
                let ((a, under_a), (b, under_b)) = (fraction(&a), fraction(&b));
                (a * under_b).cmp(&(b * under_a))
            }
            (a, b) => a.cmp(&b),
        },
    }
}

fn rank(number: &Number) -> u8 {
    match number {
        Number::Nan => 0,
        Number::Minus => 1,
        Number::Int(_) | Number::Double(_) | Number::Decimal(..) => 2,
        Number::Plus => 3,
    }
}

fn number(value: RawBson<'_>) -> Number {
    match value.kind {
        0x10 => Number::Int(long(value.bytes).into()),
        0x12 => Number::Int(date(value.bytes)),
        0x01 => double(f64::from_bits(date(value.bytes) as u64)),
        _ => decimal(value),
    }
}

fn double(value: f64) -> Number {
    if value.is_nan() {
        Number::Nan
    } else if value.is_infinite() {
        if value > 0.0 { Number::Plus } else { Number::Minus }
    } else {
        Number::Double(value)
    }
}

fn decimal(value: RawBson<'_>) -> Number {
    use crate::model::{NumberRepr, Value};
    match value.to_value() {
        Ok(Value::Number(number)) => match number.repr {
            NumberRepr::Int(int) => Number::Int(int),
            NumberRepr::Double(special) => double(special),
            NumberRepr::Decimal(d) => {
                Number::Decimal(d.unscaled, i32::try_from(d.exponent).unwrap_or(i32::MAX))
            }
        },
        _ => Number::Nan,
    }
}

/// A real number as numerator and denominator.
fn fraction(number: &Number) -> (BigInt, BigInt) {
    let one = || BigInt::from(1);
    let scaled = |n: BigInt, base: u8, exponent: i32| {
        let power = BigInt::from(base).pow(exponent.unsigned_abs());
        if exponent < 0 {
            (n, power)
        } else {
            (n * power, one())
        }
    };
    match number {
        Number::Int(int) => ((*int).into(), one()),
        Number::Decimal(coefficient, exponent) => scaled(coefficient.clone(), 10, *exponent),
        Number::Double(value) => {
            let bits = value.to_bits();
            let exponent = (bits >> 52 & 0x7ff) as i32;
            let mantissa = (bits & ((1 << 52) - 1)) | if exponent == 0 { 0 } else { 1 << 52 };
            let signed = if *value < 0.0 {
                -BigInt::from(mantissa)
            } else {
                mantissa.into()
            };
            scaled(signed, 2, exponent.max(1) - 1075)
        }
        Number::Nan | Number::Minus | Number::Plus => (BigInt::ZERO, one()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::literal::{id, parse};
    use super::*;

    /// In the order of MongoDB's documentation and of its comparison of BSON.
    const ORDERED: &[&str] = &[
        r#"{"$minKey":1}"#,
        r#"{"$undefined":true}"#,
        "null",
        r#"{"$numberDouble":"NaN"}"#,
        r#"{"$numberDouble":"-Infinity"}"#,
        r#"{"$numberDecimal":"-1E+6000"}"#,
        r#"{"$numberLong":"-9223372036854775808"}"#,
        r#"{"$numberInt":"-3"}"#,
        r#"{"$numberDouble":"5e-324"}"#,
        r#"{"$numberDecimal":"0.1"}"#,
        r#"{"$numberDouble":"0.1"}"#,
        r#"{"$numberDecimal":"0.25"}"#,
        r#"{"$numberInt":"7"}"#,
        r#"{"$numberLong":"9007199254740992"}"#,
        r#"{"$numberLong":"9007199254740993"}"#,
        r#"{"$numberDouble":"9007199254740994"}"#,
        r#"{"$numberDouble":"1e300"}"#,
        r#"{"$numberDecimal":"Infinity"}"#,
        r#""""#,
        r#""a""#,
        r#""a b""#,
        r#""b""#,
        "{}",
        r#"{"a":{"$undefined":true}}"#,
        r#"{"a":null}"#,
        r#"{"a":{"$numberInt":"1"}}"#,
        r#"{"a":{"$numberDouble":"1.5"}}"#,
        r#"{"b":{"$numberInt":"0"}}"#,
        r#"{"a":"x"}"#,
        r#"{"a":"x","b":null}"#,
        r#"{"$binary":{"base64":"/w==","subType":"00"}}"#,
        r#"{"$binary":{"base64":"AAA=","subType":"00"}}"#,
        r#"{"$binary":{"base64":"AAA=","subType":"05"}}"#,
        r#"{"$uuid":"00000000-0000-4000-8000-000000000001"}"#,
        r#"{"$oid":"000000000000000000000001"}"#,
        r#"{"$oid":"ff0000000000000000000000"}"#,
        "false",
        "true",
        r#"{"$date":{"$numberLong":"-1"}}"#,
        r#"{"$date":{"$numberLong":"1"}}"#,
        r#"{"$timestamp":{"t":1,"i":2}}"#,
        r#"{"$timestamp":{"t":4294967295,"i":0}}"#,
        r#"{"$code":"a"}"#,
        r#"{"$code":"a","$scope":{}}"#,
        r#"{"$maxKey":1}"#,
    ];

    #[test]
    fn values_come_in_the_order_of_the_documentation() {
        let ids: Vec<Id> = ORDERED
            .iter()
            .map(|text| id(&parse(text).unwrap()).unwrap())
            .collect();
        for (i, a) in ids.iter().enumerate() {
            for (j, b) in ids.iter().enumerate() {
                assert_eq!(
                    compare(a.raw(), b.raw()),
                    i.cmp(&j),
                    "{} and {}",
                    ORDERED[i],
                    ORDERED[j]
                );
            }
        }
    }

    #[test]
    fn numbers_of_all_types_are_equal_by_value() {
        for same in [
            ["{\"$numberInt\":\"7\"}", "{\"$numberDouble\":\"7.0\"}"],
            ["{\"$numberLong\":\"7\"}", "{\"$numberDecimal\":\"7.00\"}"],
            ["{\"$numberDouble\":\"0.5\"}", "{\"$numberDecimal\":\"0.5\"}"],
            ["{\"$numberDouble\":\"-0.0\"}", "{\"$numberInt\":\"0\"}"],
            ["{\"$numberDouble\":\"NaN\"}", "{\"$numberDecimal\":\"NaN\"}"],
        ] {
            let [a, b] = same.map(|text| id(&parse(text).unwrap()).unwrap());
            assert_eq!(compare(a.raw(), b.raw()), Ordering::Equal, "{same:?}");
        }
    }
}
