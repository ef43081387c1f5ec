//! Conversions backwards: what a value may have been before it was converted. Guesses, to be believed if the conversion makes
//! the value of them.

use super::exact::{decimal, exact};
use super::steps::{Conversion, Encoding, Step, TimeUnit, UuidOrder};
use super::text::{join, split};
use crate::canon::{Encoder, Equality, temporal};
use crate::model::{Decimal, Number, NumberRepr, NumberType, Timestamp, Value};
use crate::report::Shown;
use num_bigint::BigInt;

/// Guesses for one value, at most.
const MOST: usize = 256;

impl Conversion {
    /// What `made` may have been before it was converted, likely or not.
    pub fn sources(&self, made: &Value) -> Vec<Value> {
        let mut values = likely(made);
        for step in self.steps().iter().rev() {
            let before: Vec<Value> = values.iter().flat_map(|value| undone(step, value)).collect();
            values.extend(before);
            values.truncate(MOST);
        }
        values
    }
}

fn number(unscaled: BigInt, exponent: i64) -> Value {
    Value::Number(Number::decimal(unscaled, exponent, NumberType::Decimal))
}

fn encoded(value: &Value) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(Equality::default());
    encoder.value(value).ok()?;
    Some(encoder.bytes().to_vec())
}

/// What a step may have made `value` of.
fn undone(step: &Step, value: &Value) -> Vec<Value> {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    match (step, value) {
        (Step::Uuid(order), Value::Uuid(id)) => vec![bytes(3, &order.turn(*id)), bytes(0, &order.turn(*id))],
        (Step::Decode(Encoding::Base64), Value::Bytes { bytes, .. }) => {
            vec![Value::Text(base64.encode(bytes))]
        }
        (Step::Encode(Encoding::Base64), Value::Text(text)) => {
            let read = base64.decode(text).ok();
            read.iter().map(|read| bytes(0, read)).collect()
        }
        (Step::Encode(Encoding::Hex), Value::Text(text)) => read_as(text),
        (Step::Split(separator), Value::List(items)) => {
            join(items.clone(), separator).ok().into_iter().collect()
        }
        (Step::Join(separator), Value::Text(text)) => {
            let parts = split(text, separator);
            let numbers = parts.iter().map(|part| match part {
                Value::Text(part) => decimal(part).map(|d| number(d.unscaled, d.exponent)),
                _ => None,
            });
            let numbers = numbers.collect::<Option<Vec<_>>>();
            std::iter::once(parts).chain(numbers).map(Value::List).collect()
        }
        (Step::Lookup(table), value) => {
            let wanted = encoded(value);
            let keys = table.iter().filter(|(_, found)| encoded(found.value()) == wanted);
            keys.flat_map(|(key, _)| likely(&Value::Text(key.clone())))
                .collect()
        }
        (Step::Epoch(unit), Value::Timestamp(Timestamp(nanos))) => {
            let nanos = BigInt::from(*nanos);
            let exponent = match unit {
                TimeUnit::S => -9,
                TimeUnit::Ms => -6,
                TimeUnit::Us => -3,
                TimeUnit::Ns => 0,
                // No power of ten: only whole units have an end.
                _ => return vec![number(nanos / BigInt::from(unit.nanos()), 0)],
            };
            vec![number(nanos, exponent)]
        }
        (Step::Scale(power), Value::Number(n)) => {
            let made = exact(n).into_iter();
            made.map(|d| number(d.unscaled, d.exponent.saturating_sub(i64::from(*power))))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn bytes(subtype: u8, bytes: &[u8]) -> Value {
    Value::Bytes {
        subtype,
        bytes: bytes.to_vec(),
    }
}

/// The value itself, and what else is brought to its type.
fn likely(value: &Value) -> Vec<Value> {
    let mut out = vec![value.clone()];
    match value {
        Value::Text(text) => out.extend(read_as(text)),
        Value::Number(number) => {
            out.push(Value::Text(number.to_string()));
            if let NumberRepr::Int(n) = number.repr {
                let units = [1i128, 1_000, 1_000_000, 1_000_000_000, 86_400_000_000_000];
                out.extend(units.map(|unit| Value::Timestamp(Timestamp(i128::from(n) * unit))));
                out.push(Value::Date(n));
            }
        }
        Value::Uuid(uuid) => {
            out.push(Value::Text(Shown::new(value).text));
            out.push(bytes(0, uuid));
            out.extend(UuidOrder::ALL.map(|order| bytes(3, &order.turn(*uuid))));
        }
        Value::ObjectId(id) => out.extend([Value::Text(hex::encode(id)), bytes(0, id)]),
        Value::Bytes { bytes, .. } => out.push(Value::Text(hex::encode(bytes))),
        Value::Timestamp(Timestamp(nanos)) => {
            let units = [1i128, 1_000, 1_000_000, 1_000_000_000];
            let whole = units.into_iter().filter(|unit| nanos % unit == 0);
            let numbers = whole.filter_map(|unit| i64::try_from(nanos / unit).ok());
            out.extend(numbers.map(|n| Value::Number(Number::int(n, NumberType::Int64))));
        }
        Value::Date(days) => {
            out.push(Value::Timestamp(Timestamp(
                i128::from(*days) * 86_400_000_000_000,
            )));
        }
        _ => {}
    }
    out
}

/// What a text may have been.
fn read_as(text: &str) -> Vec<Value> {
    let mut out = Vec::new();
    if let Ok(int) = text.parse::<i64>() {
        out.push(Value::Number(Number::int(int, NumberType::Int64)));
    } else if let Some(Decimal { unscaled, exponent }) = decimal(text) {
        out.push(number(unscaled, exponent));
    }
    if let Some(at) = temporal::timestamp(text) {
        out.push(Value::Timestamp(at));
    }
    if let Ok(read) = hex::decode(text) {
        if let Ok(id) = <[u8; 12]>::try_from(read.as_slice()) {
            out.push(Value::ObjectId(id));
        }
        out.push(bytes(0, &read));
    }
    let digits = text.replace('-', "");
    if let Some(uuid) = hex::decode(digits)
        .ok()
        .and_then(|b| <[u8; 16]>::try_from(b).ok())
    {
        out.push(Value::Uuid(uuid));
    }
    out
}
