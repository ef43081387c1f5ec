//! The steps of a conversion, and what each does to a value.

use super::exact::{decimal, exact, whole};
use super::literal::Literal;
use super::text::{join, lookup, refused, split, unconvertible};
use super::typed::to_type;
use super::types::Type;
use crate::canon::{ejson::RawJson, temporal};
use crate::model::{Decimal, Number, NumberRepr, NumberType, Problem, Timestamp, Value};
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use serde::Serialize;
use std::collections::BTreeMap;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the unit of its name")]
pub enum TimeUnit {
    D,
    H,
    M,
    S,
    Ms,
    Us,
    Ns,
}

impl TimeUnit {
    /// Nanoseconds in one unit.
    pub const fn nanos(self) -> i128 {
        match self {
            TimeUnit::D => 86_400_000_000_000,
            TimeUnit::H => 3_600_000_000_000,
            TimeUnit::M => 60_000_000_000,
            TimeUnit::S => 1_000_000_000,
            TimeUnit::Ms => 1_000_000,
            TimeUnit::Us => 1000,
            TimeUnit::Ns => 1,
        }
    }
}

/// Letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the case of its name")]
pub enum Case {
    Lower,
    Upper,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the encoding of its name")]
pub enum Encoding {
    Hex,
    Base64,
}

/// The byte order of BSON's legacy UUIDs (binary subtype 3), which differs by driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UuidOrder {
    /// Both halves reversed.
    JavaLegacy,
    /// The first three groups reversed.
    CsharpLegacy,
    /// In order.
    PythonLegacy,
}

impl UuidOrder {
    /// Every order.
    pub const ALL: [UuidOrder; 3] = [
        UuidOrder::PythonLegacy,
        UuidOrder::JavaLegacy,
        UuidOrder::CsharpLegacy,
    ];

    /// From this order to the plain one, and back: it is its own inverse.
    pub fn turn(self, mut id: [u8; 16]) -> [u8; 16] {
        match self {
            UuidOrder::JavaLegacy => {
                id[..8].reverse();
                id[8..].reverse();
            }
            UuidOrder::CsharpLegacy => {
                id[..4].reverse();
                id[4..6].reverse();
                id[6..8].reverse();
            }
            UuidOrder::PythonLegacy => {}
        }
        id
    }
}

/// One step of a conversion.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Legacy UUID bytes to a UUID.
    Uuid(UuidOrder),
    /// White space at both ends of text is cut off.
    Trim,
    /// Text to one letter case.
    Case(Case),
    /// Text to the bytes it encodes; bytes lose their BSON subtype.
    Decode(Encoding),
    /// JSON text to what it says.
    Json,
    /// Text to a list, at a separator.
    Split(String),
    /// A list to text, with a separator.
    Join(String),
    /// Text through a table; what is not in it is unconvertible.
    Lookup(BTreeMap<String, Literal>),
    /// A number since 1970 to a timestamp.
    Epoch(TimeUnit),
    /// A number times a power of ten, exactly.
    Scale(i32),
    /// To a type.
    Type(Type),
    /// A timestamp or time of day down to a whole unit.
    Truncate(TimeUnit),
    /// Bytes to the text that encodes them, hex digits in lower case.
    Encode(Encoding),
}

impl Step {
    /// Steps run in this order, however they are written. What becomes a date is cut to the day before it does.
    fn rank(&self, to_date: bool) -> u8 {
        match self {
            Step::Uuid(_) => 0,
            Step::Trim => 1,
            Step::Case(_) => 2,
            Step::Decode(_) => 3,
            Step::Json => 4,
            Step::Split(_) | Step::Join(_) => 5,
            Step::Lookup(_) => 6,
            Step::Epoch(_) => 7,
            Step::Scale(_) => 8,
            Step::Truncate(_) if to_date => 9,
            Step::Type(_) => 10,
            Step::Truncate(_) => 11,
            Step::Encode(_) => 12,
        }
    }
}

/// The steps for one field of one side, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Conversion(Vec<Step>);

impl Conversion {
    /// The conversion that does these steps, brought into the order in which steps run.
    pub fn new(mut steps: Vec<Step>) -> Conversion {
        // Bytes become text by their encoding alone.
        let to_text = steps.iter().any(|s| matches!(s, Step::Type(Type::Text)));
        let encoding = steps.iter().find_map(|s| match s {
            Step::Decode(encoding) => Some(*encoding),
            _ => None,
        });
        if let (true, Some(encoding)) = (to_text, encoding) {
            steps.retain(|s| !matches!(s, Step::Type(_)));
            steps.push(Step::Encode(encoding));
        }
        let to_date = steps.iter().any(|s| matches!(s, Step::Type(Type::Date)));
        steps.sort_by_key(|s| s.rank(to_date));
        Conversion(steps)
    }

    /// The steps, in the order in which they run.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The type that values are brought to, if there is one.
    pub fn target(&self) -> Option<&Type> {
        self.0.iter().find_map(|s| match s {
            Step::Type(ty) => Some(ty),
            _ => None,
        })
    }

    /// Whether values stay as they are.
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether canonical bytes have the wanted form already, so that the steps would not change them.
    pub fn accepts_canonical(&self, bytes: &[u8]) -> bool {
        let [Step::Type(ty)] = &self.0[..] else {
            return false;
        };
        use crate::canon::kind::*;
        matches!(
            (kind(bytes), ty),
            (Kind::Null, _)
                | (Kind::Int, Type::Int | Type::Decimal | Type::Number)
                | (Kind::Decimal, Type::Decimal | Type::Number)
                | (Kind::Double, Type::Double | Type::Number)
                | (Kind::Text, Type::Text)
                | (Kind::Bool, Type::Bool)
                | (Kind::Uuid, Type::Uuid)
                | (Kind::ObjectId, Type::ObjectId)
                | (Kind::Timestamp, Type::Timestamp)
        )
    }

    /// Applies all steps. Null stays null.
    ///
    /// # Errors
    /// `unconvertible`, with what was found and what was wanted.
    pub fn apply(&self, value: Value) -> Result<Value, Problem> {
        let step = |value, step: &Step| match value {
            Value::Null => Ok(Value::Null),
            value => apply(step, value),
        };
        self.0.iter().try_fold(value, step)
    }

    /// Brings a value that is written in the wanted form already to the wanted type.
    ///
    /// # Errors
    /// As for [`Conversion::apply`].
    pub fn to_target(&self, value: Value) -> Result<Value, Problem> {
        match self.target() {
            Some(ty) => to_type(ty, value),
            None => Ok(value),
        }
    }
}

fn apply(step: &Step, value: Value) -> Result<Value, Problem> {
    Ok(match (step, value) {
        (
            Step::Uuid(order),
            Value::Bytes {
                subtype: 0 | 3,
                bytes,
            },
        ) if bytes.len() == 16 => Value::Uuid(order.turn(bytes.try_into().expect("sixteen bytes"))),
        (Step::Uuid(_), value @ Value::Uuid(_)) => value,
        (Step::Uuid(_), value @ Value::Text(_)) => return to_type(&Type::Uuid, value),
        (Step::Trim, Value::Text(text)) => Value::Text(text.trim().to_owned()),
        (Step::Case(Case::Lower), Value::Text(text)) => Value::Text(text.to_lowercase()),
        (Step::Case(Case::Upper), Value::Text(text)) => Value::Text(text.to_uppercase()),
        (Step::Decode(encoding), Value::Text(text)) => bytes_of(*encoding, text)?,
        (Step::Decode(_), value) => return to_type(&Type::Bytes, value),
        (Step::Encode(encoding), Value::Bytes { bytes, .. }) => {
            use base64::Engine as _;
            Value::Text(match encoding {
                Encoding::Hex => hex::encode(&bytes),
                Encoding::Base64 => base64::engine::general_purpose::STANDARD.encode(&bytes),
            })
        }
        (Step::Json, Value::Text(text)) => {
            let bytes = text.trim().as_bytes();
            let read = RawJson { bytes }.to_value();
            read.map_err(|p| {
                let text = Value::Text(text.clone());
                refused(&text, "what JSON says", p.detail())
            })?
        }
        (
            Step::Json,
            value @ (Value::Document(_) | Value::List(_) | Value::Map(_) | Value::Number(_) | Value::Bool(_)),
        ) => value,
        (Step::Split(separator), Value::Text(text)) => Value::List(split(&text, separator)),
        (Step::Split(_), value @ (Value::List(_) | Value::Set(_))) => value,
        (Step::Join(separator), Value::List(items)) => join(items, separator)?,
        (Step::Join(_), value @ Value::Text(_)) => value,
        (Step::Lookup(table), value) => lookup(table, value)?,
        (Step::Epoch(unit), Value::Number(n)) => {
            since_1970(*unit, exact(&n)).ok_or_else(|| unconvertible(&Value::Number(n), "a timestamp"))?
        }
        (Step::Epoch(unit), Value::Text(text)) => since_1970(*unit, decimal(&text))
            .ok_or_else(|| unconvertible(&Value::Text(text), "a timestamp"))?,
        (Step::Epoch(_), value @ (Value::Timestamp(_) | Value::Date(_))) => value,
        (Step::Scale(power), Value::Number(n)) => match exact(&n) {
            Some(d) => scaled(d, *power),
            None => Value::Number(n),
        },
        (Step::Scale(power), Value::Text(text)) => match decimal(&text) {
            Some(d) => scaled(d, *power),
            None => return Err(unconvertible(&Value::Text(text), "a number")),
        },
        (Step::Truncate(unit), value @ Value::Timestamp(t)) => {
            let whole = t.0.div_euclid(unit.nanos()).checked_mul(unit.nanos());
            let whole = whole.ok_or_else(|| unconvertible(&value, "a whole unit of time"))?;
            Value::Timestamp(Timestamp(whole))
        }
        (Step::Truncate(unit), Value::Time(nanos)) => {
            Value::Time((i128::from(nanos) / unit.nanos() * unit.nanos()) as u64)
        }
        (Step::Truncate(_), value @ Value::Date(_)) => value,
        (Step::Truncate(_), Value::Text(text)) => match temporal::timestamp(&text) {
            Some(at) => return apply(step, Value::Timestamp(at)),
            None => match temporal::date(&text) {
                Some(days) => Value::Date(days),
                None => return Err(unconvertible(&Value::Text(text), "a timestamp")),
            },
        },
        (Step::Type(ty), value) => return to_type(ty, value),
        (step, value) => {
            let wanted = match step {
                Step::Uuid(_) => "a UUID",
                Step::Trim | Step::Case(_) | Step::Split(_) => "text",
                Step::Json => "what JSON says",
                Step::Encode(_) => "bytes",
                Step::Join(_) => "text by joining a list",
                Step::Epoch(_) | Step::Truncate(_) => "a timestamp",
                _ => "a number",
            };
            return Err(unconvertible(&value, wanted));
        }
    })
}

fn bytes_of(encoding: Encoding, text: String) -> Result<Value, Problem> {
    use base64::Engine as _;
    let read = match encoding {
        Encoding::Hex => hex::decode(text.strip_prefix("0x").unwrap_or(&text)).ok(),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD.decode(&text).ok(),
    };
    let wanted = match encoding {
        Encoding::Hex => "bytes in hex digits",
        Encoding::Base64 => "bytes in base64",
    };
    match read {
        Some(bytes) => Ok(Value::Bytes { subtype: 0, bytes }),
        None => Err(unconvertible(&Value::Text(text), wanted)),
    }
}

fn since_1970(unit: TimeUnit, number: Option<Decimal>) -> Option<Value> {
    let Decimal { unscaled, exponent } = number?;
    let unscaled = unscaled * BigInt::from(unit.nanos());
    let nanos = whole(&Decimal { unscaled, exponent })?.to_i128()?;
    Some(Value::Timestamp(Timestamp(nanos)))
}

fn scaled(d: Decimal, power: i32) -> Value {
    Value::Number(Number {
        ty: NumberType::Decimal,
        repr: NumberRepr::Decimal(Decimal {
            exponent: d.exponent.saturating_add(i64::from(power)),
            ..d
        }),
    })
}
