//! Conversions: declared steps that bring a value of one side to the form both sides are compared in.

use crate::canon::{ejson::RawJson, literal, temporal};
use crate::model::{Decimal, Number, NumberRepr, NumberType, Problem, Timestamp, Value};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};
use serde::Serialize;
use std::collections::BTreeMap;

/// The type both sides are brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the type of its name")]
pub enum Type {
    Bool,
    Int,
    Double,
    Float,
    Decimal,
    Number,
    Text,
    Bytes,
    Uuid,
    ObjectId,
    Timestamp,
    Date,
    Time,
    Duration,
    Inet,
    List,
    Set,
    Document,
}

impl Type {
    /// The type called `name`, by any of its names in BSON or CQL.
    pub fn parse(name: &str) -> Option<Type> {
        Some(match name {
            "bool" | "boolean" => Type::Bool,
            "int" | "int32" | "int64" | "bigint" | "smallint" | "tinyint" | "varint" | "counter" | "long" => {
                Type::Int
            }
            "double" => Type::Double,
            "float" => Type::Float,
            "decimal" | "decimal128" => Type::Decimal,
            "number" => Type::Number,
            "text" | "string" | "varchar" | "ascii" => Type::Text,
            "bytes" | "blob" | "binary" => Type::Bytes,
            "uuid" | "timeuuid" => Type::Uuid,
            "objectid" => Type::ObjectId,
            "timestamp" | "datetime" => Type::Timestamp,
            "date" => Type::Date,
            "time" => Type::Time,
            "duration" => Type::Duration,
            "inet" => Type::Inet,
            "list" | "array" | "tuple" | "vector" => Type::List,
            "set" => Type::Set,
            "document" | "map" | "object" | "udt" => Type::Document,
            _ => return None,
        })
    }

    /// All names, for messages.
    pub const NAMES: &'static str = "bool, int, bigint, varint, double, float, decimal, number, text, bytes, uuid, \
        objectid, timestamp, date, time, duration, inet, list, set, map, document";
}

/// The unit of a number that counts time since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the unit of its name")]
pub enum EpochUnit {
    S,
    Ms,
    Us,
    Ns,
}

impl EpochUnit {
    /// Nanoseconds in one unit.
    pub const fn nanos(self) -> i128 {
        match self {
            EpochUnit::S => 1_000_000_000,
            EpochUnit::Ms => 1_000_000,
            EpochUnit::Us => 1000,
            EpochUnit::Ns => 1,
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
    /// Text to the bytes it encodes.
    Decode(Encoding),
    /// JSON text to a document.
    Json,
    /// Text to a list, at a separator.
    Split(String),
    /// A list of texts to text, with a separator.
    Join(String),
    /// Text through a table; what is not in it is unconvertible.
    Lookup(BTreeMap<String, String>),
    /// A number since 1970 to a timestamp.
    Epoch(EpochUnit),
    /// A number times a power of ten, exactly.
    Scale(i32),
    /// To a type.
    Type(Type),
    /// A timestamp down to a whole unit.
    Truncate(EpochUnit),
}

/// The steps for one field of one side, in order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Conversion(pub Vec<Step>);

fn shown(value: &Value) -> String {
    crate::report::Shown::new(value).text
}

fn unconvertible(value: &Value, wanted: &str) -> Problem {
    let shown: String = shown(value).chars().take(60).collect();
    Problem::unconvertible(format!("{} {shown} cannot become {wanted}", value.type_name()))
}

impl Conversion {
    /// Whether values stay as they are.
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether canonical bytes have the wanted form already, so that the steps would not change them.
    pub fn accepts_canonical(&self, bytes: &[u8]) -> bool {
        let [Step::Type(ty)] = self.0[..] else {
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
        if matches!(value, Value::Null) {
            return Ok(value);
        }
        self.0.iter().try_fold(value, |value, step| apply(step, value))
    }
}

fn apply(step: &Step, value: Value) -> Result<Value, Problem> {
    Ok(match (step, value) {
        (Step::Uuid(order), Value::Bytes { subtype: 3, bytes }) if bytes.len() == 16 => {
            let mut id: [u8; 16] = bytes.try_into().expect("sixteen bytes");
            match order {
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
            Value::Uuid(id)
        }
        (Step::Uuid(_), Value::Uuid(id)) => Value::Uuid(id),
        (Step::Trim, Value::Text(text)) => Value::Text(text.trim().to_owned()),
        (Step::Case(Case::Lower), Value::Text(text)) => Value::Text(text.to_lowercase()),
        (Step::Case(Case::Upper), Value::Text(text)) => Value::Text(text.to_uppercase()),
        (Step::Decode(encoding), Value::Text(text)) => {
            use base64::Engine as _;
            let bytes = match encoding {
                Encoding::Hex => hex::decode(text.strip_prefix("0x").unwrap_or(&text)).ok(),
                Encoding::Base64 => base64::engine::general_purpose::STANDARD.decode(&text).ok(),
            };
            let bytes = bytes.ok_or_else(|| unconvertible(&Value::Text(text), "bytes"))?;
            Value::Bytes { subtype: 0, bytes }
        }
        (Step::Decode(_), Value::Bytes { bytes, .. }) => Value::Bytes { subtype: 0, bytes },
        (Step::Json, Value::Text(text)) => RawJson {
            bytes: text.trim().as_bytes(),
        }
        .to_value()
        .map_err(|p| Problem::unconvertible(p.detail()))?,
        (Step::Json, value @ (Value::Document(_) | Value::List(_) | Value::Map(_))) => value,
        (Step::Split(separator), Value::Text(text)) => match text.is_empty() {
            true => Value::List(Vec::new()),
            false => Value::List(
                text.split(separator.as_str())
                    .map(|t| Value::Text(t.to_owned()))
                    .collect(),
            ),
        },
        (Step::Split(_), value @ Value::List(_)) => value,
        (Step::Join(separator), Value::List(items)) => {
            let texts: Result<Vec<String>, Problem> = items.into_iter().map(|v| text_of(&v)).collect();
            Value::Text(texts?.join(separator))
        }
        (Step::Join(_), value @ Value::Text(_)) => value,
        (Step::Lookup(table), value) => {
            let text = text_of(&value)?;
            match table.get(&text) {
                Some(wanted) => Value::Text(wanted.clone()),
                None => {
                    let known: Vec<&str> = table.keys().map(String::as_str).collect();
                    return Err(unconvertible(
                        &value,
                        &format!("a value of the lookup table ({})", known.join(", ")),
                    ));
                }
            }
        }
        (Step::Epoch(unit), Value::Number(n)) => {
            let scaled = integral(&n)
                .and_then(|v| v.to_i128())
                .and_then(|v| v.checked_mul(unit.nanos()));
            Value::Timestamp(Timestamp(
                scaled.ok_or_else(|| unconvertible(&Value::Number(n), "a timestamp"))?,
            ))
        }
        (Step::Epoch(_), value @ Value::Timestamp(_)) => value,
        (Step::Epoch(unit), Value::Text(text)) => {
            let number =
                literal::integer(&text).ok_or_else(|| unconvertible(&Value::Text(text), "a timestamp"))?;
            return apply(&Step::Epoch(*unit), Value::Number(number));
        }
        (Step::Scale(power), Value::Number(n)) => match exact(&n) {
            Some(d) => Value::Number(Number {
                ty: NumberType::Decimal,
                repr: NumberRepr::Decimal(Decimal {
                    exponent: d.exponent + i64::from(*power),
                    ..d
                }),
            }),
            None => Value::Number(n),
        },
        (Step::Scale(power), Value::Text(text)) => {
            let number = literal::decimal(&text, NumberType::Decimal);
            let number = number.ok_or_else(|| unconvertible(&Value::Text(text), "a number"))?;
            return apply(&Step::Scale(*power), Value::Number(number));
        }
        (Step::Truncate(unit), Value::Timestamp(t)) => {
            Value::Timestamp(Timestamp(t.0.div_euclid(unit.nanos()) * unit.nanos()))
        }
        (Step::Type(ty), value) => return to_type(*ty, value),
        (step, value) => {
            let wanted = match step {
                Step::Uuid(_) => "a UUID",
                Step::Trim | Step::Case(_) | Step::Json | Step::Split(_) => "text",
                Step::Decode(_) => "bytes",
                Step::Join(_) => "a list",
                Step::Epoch(_) | Step::Truncate(_) => "a timestamp",
                _ => "a number",
            };
            return Err(unconvertible(&value, wanted));
        }
    })
}

/// A number as an exact decimal. A double is the shortest decimal that reads back as it, because that is what people
/// wrote when they stored 853.19. NaN and the infinities are none.
pub(super) fn exact(n: &Number) -> Option<Decimal> {
    match &n.repr {
        NumberRepr::Int(v) => Some(Decimal {
            unscaled: BigInt::from(*v),
            exponent: 0,
        }),
        NumberRepr::Decimal(d) => Some(d.clone()),
        NumberRepr::Double(v) if !v.is_finite() => None,
        NumberRepr::Double(v) => {
            let text = if n.ty == NumberType::Float {
                format!("{:e}", *v as f32)
            } else {
                format!("{v:e}")
            };
            match literal::decimal(&text, NumberType::Decimal)?.repr {
                NumberRepr::Decimal(d) => Some(d),
                _ => None,
            }
        }
    }
}

fn integral(n: &Number) -> Option<BigInt> {
    let d = exact(n)?.normalised();
    let power = u32::try_from(d.exponent).ok().filter(|p| *p < 10_000)?;
    Some(d.unscaled * BigInt::from(10u8).pow(power))
}

fn text_of(value: &Value) -> Result<String, Problem> {
    Ok(match value {
        Value::Text(text) | Value::Symbol(text) => text.clone(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::ObjectId(id) => hex::encode(id),
        Value::Inet(ip) => ip.to_string(),
        Value::Uuid(_) | Value::Timestamp(_) | Value::Date(_) | Value::Time(_) => shown(value),
        other => return Err(unconvertible(other, "text")),
    })
}

fn to_type(ty: Type, value: Value) -> Result<Value, Problem> {
    let typed = |ty, repr| Value::Number(Number { ty, repr });
    let converted = match (ty, &value) {
        (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::Bytes, Value::Bytes { .. })
        | (Type::Uuid, Value::Uuid(_))
        | (Type::ObjectId, Value::ObjectId(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Date, Value::Date(_))
        | (Type::Time, Value::Time(_))
        | (Type::Duration, Value::Duration { .. })
        | (Type::Inet, Value::Inet(_))
        | (Type::List, Value::List(_))
        | (Type::Set, Value::Set(_))
        | (Type::Document, Value::Document(_)) => Some(value.clone()),
        (Type::Text, _) => text_of(&value).ok().map(Value::Text),
        (Type::Bool, Value::Text(t)) => match t.as_str() {
            "true" | "True" | "TRUE" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        (Type::Bool, Value::Number(n)) => match n.to_string().as_str() {
            "0" => Some(Value::Bool(false)),
            "1" => Some(Value::Bool(true)),
            _ => None,
        },
        (Type::Int | Type::Double | Type::Float | Type::Decimal | Type::Number, Value::Text(t)) => {
            let number = match t.as_str() {
                "NaN" => Some(Number::double(f64::NAN, NumberType::Double)),
                "Infinity" => Some(Number::double(f64::INFINITY, NumberType::Double)),
                "-Infinity" => Some(Number::double(f64::NEG_INFINITY, NumberType::Double)),
                digits => literal::decimal(digits, NumberType::Decimal),
            };
            return match number {
                Some(n) if ty == Type::Number => Ok(Value::Number(n)),
                Some(n) => to_type(ty, Value::Number(n)),
                None => Err(unconvertible(&value, "a number")),
            };
        }
        (Type::Int, Value::Number(n)) => integral(n).map(|v| match v.to_i64() {
            Some(int) => Value::Number(Number::int(int, NumberType::Int64)),
            None => Value::Number(Number::decimal(v, 0, NumberType::Varint)),
        }),
        (Type::Double, Value::Number(n)) => match &n.repr {
            NumberRepr::Int(v) if v.abs() > 1 << 53 && (*v as f64) as i128 != i128::from(*v) => None,
            NumberRepr::Int(v) => Some(typed(NumberType::Double, NumberRepr::Double(*v as f64))),
            NumberRepr::Double(v) => Some(typed(NumberType::Double, NumberRepr::Double(*v))),
            NumberRepr::Decimal(d) => {
                let nearest: Option<f64> = d.to_string().parse().ok().filter(|v: &f64| v.is_finite());
                nearest.map(|v| typed(NumberType::Double, NumberRepr::Double(v)))
            }
        },
        (Type::Float, Value::Number(n)) => n
            .to_string()
            .parse::<f32>()
            .ok()
            .map(|v| typed(NumberType::Float, NumberRepr::Double(f64::from(v)))),
        (Type::Decimal, Value::Number(n)) => Some(match exact(n) {
            Some(d) => typed(NumberType::Decimal, NumberRepr::Decimal(d)),
            None => Value::Number(n.clone()),
        }),
        (Type::Uuid, Value::Text(t)) => literal::uuid(t).map(Value::Uuid),
        (Type::Uuid, Value::Bytes { bytes, .. }) => bytes.as_slice().try_into().ok().map(Value::Uuid),
        (Type::ObjectId, Value::Text(t)) => {
            let mut id = [0; 12];
            hex::decode_to_slice(t, &mut id)
                .ok()
                .map(|()| Value::ObjectId(id))
        }
        (Type::ObjectId, Value::Bytes { bytes, .. }) => bytes.as_slice().try_into().ok().map(Value::ObjectId),
        (Type::Bytes, Value::Uuid(id)) => Some(Value::Bytes {
            subtype: 0,
            bytes: id.to_vec(),
        }),
        (Type::Bytes, Value::ObjectId(id)) => Some(Value::Bytes {
            subtype: 0,
            bytes: id.to_vec(),
        }),
        (Type::Timestamp, Value::Text(t)) => temporal::timestamp(t).map(Value::Timestamp),
        (Type::Timestamp, Value::Date(days)) => Some(Value::Timestamp(Timestamp(
            i128::from(*days) * 86_400 * 1_000_000_000,
        ))),
        (Type::Date, Value::Text(t)) => temporal::date(t).map(Value::Date),
        (Type::Date, Value::Timestamp(t)) => {
            let day = 86_400 * 1_000_000_000i128;
            (t.0.rem_euclid(day) == 0).then(|| Value::Date(t.0.div_euclid(day) as i64))
        }
        (Type::Time, Value::Text(t)) => temporal::time(t).map(Value::Time),
        (Type::Duration, Value::Text(t)) => {
            temporal::duration(t).map(|(months, days, nanos)| Value::Duration { months, days, nanos })
        }
        (Type::Inet, Value::Text(t)) => t.parse().ok().map(Value::Inet),
        (Type::Set, Value::List(items)) => Some(Value::Set(items.clone())),
        (Type::List, Value::Set(items)) => Some(Value::List(items.clone())),
        (Type::Document, Value::Map(_)) => Some(value.clone()),
        _ => None,
    };
    converted.ok_or_else(|| unconvertible(&value, &format!("{ty:?}").to_lowercase()))
}

/// |a − b| ≤ limit, exactly.
pub(super) fn within(a: &Decimal, b: &Decimal, limit: &Decimal) -> bool {
    let least = a.exponent.min(b.exponent).min(limit.exponent);
    let most = a.exponent.max(b.exponent).max(limit.exponent);
    if most - least > 10_000 {
        return false;
    }
    let align = |d: &Decimal| &d.unscaled * BigInt::from(10u8).pow((d.exponent - least) as u32);
    (align(a) - align(b)).abs() <= align(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Value {
        Value::Text(t.into())
    }

    fn show(steps: &[Step], value: Value) -> Result<String, String> {
        let converted = Conversion(steps.to_vec()).apply(value);
        converted
            .map(|v| format!("{} {}", v.type_name(), shown(&v)))
            .map_err(|p| p.to_string())
    }

    #[test]
    fn each_conversion() {
        let double = |v| Value::Number(Number::double(v, NumberType::Double));
        let int = |v| Value::Number(Number::int(v, NumberType::Int64));
        let cases = [
            (vec![Step::Scale(-2)], int(85_319), "decimal 853.19"),
            (vec![Step::Type(Type::Decimal)], double(853.19), "decimal 853.19"),
            (vec![Step::Type(Type::Int)], double(3.0), "int64 3"),
            (
                vec![Step::Epoch(EpochUnit::S)],
                int(0),
                "timestamp 1970-01-01T00:00:00Z",
            ),
            (
                vec![Step::Truncate(EpochUnit::S)],
                Value::Timestamp(Timestamp(1_999_999_999)),
                "timestamp 1970-01-01T00:00:01Z",
            ),
            (
                vec![Step::Type(Type::ObjectId), Step::Type(Type::Text)],
                text("65f000000000000000000001"),
                "text \"65f000000000000000000001\"",
            ),
            (
                vec![Step::Trim, Step::Case(Case::Upper)],
                text(" a "),
                "text \"A\"",
            ),
            (vec![Step::Decode(Encoding::Hex)], text("00ff"), "bytes 0x00ff"),
            (vec![Step::Decode(Encoding::Base64)], text("AAE="), "bytes 0x0001"),
            (
                vec![Step::Split(",".into()), Step::Join(";".into())],
                text("a,b"),
                "text \"a;b\"",
            ),
            (
                vec![Step::Uuid(UuidOrder::JavaLegacy)],
                Value::Bytes {
                    subtype: 3,
                    bytes: (0..16).collect(),
                },
                "uuid 07060504-0302-0100-0f0e-0d0c0b0a0908",
            ),
            (
                vec![Step::Type(Type::Date)],
                Value::Timestamp(Timestamp(0)),
                "date 1970-01-01",
            ),
        ];
        for (steps, value, wanted) in cases {
            assert_eq!(show(&steps, value).as_deref(), Ok(wanted), "{steps:?}");
        }
        let table = BTreeMap::from([("A".to_owned(), "active".to_owned())]);
        for (steps, value) in [
            (vec![Step::Lookup(table)], text("?")),
            (vec![Step::Type(Type::Int)], double(1.5)),
            (vec![Step::Type(Type::Double)], int((1 << 53) + 1)),
            (vec![Step::Type(Type::Date)], Value::Timestamp(Timestamp(1))),
            (vec![Step::Type(Type::Uuid)], text("nope")),
        ] {
            assert!(
                show(&steps, value).unwrap_err().starts_with("unconvertible"),
                "{steps:?}"
            );
        }
    }

    #[test]
    fn distances_are_exact() {
        let d = |t: &str| match literal::decimal(t, NumberType::Decimal).unwrap().repr {
            NumberRepr::Decimal(d) => d,
            _ => unreachable!(),
        };
        assert!(within(&d("1.000"), &d("1.005"), &d("0.005")));
        assert!(!within(&d("1.000"), &d("1.0050000000000000000001"), &d("0.005")));
    }
}
