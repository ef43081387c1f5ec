//! Bringing a value to a type.

use super::exact::{exact, integral};
use super::text::{refused, text_of, unconvertible};
use super::types::Type;
use crate::canon::{Encoder, Equality, compare_keys, literal, temporal};
use crate::model::{Number, NumberRepr, NumberType, Problem, Timestamp, Value};
use num_traits::ToPrimitive;
use rustc_hash::FxHashSet;

const DAY: i128 = 86_400 * 1_000_000_000;

/// Brings a value to a type. Null stays null, inside collections too.
///
/// # Errors
/// `unconvertible`, with the path of the element that is in the way.
pub(super) fn to_type(ty: &Type, value: Value) -> Result<Value, Problem> {
    if matches!(value, Value::Null) {
        return Ok(value);
    }
    match ty {
        Type::Int | Type::Double | Type::Float | Type::Decimal | Type::Number => number(ty, value),
        Type::List(_)
        | Type::Set(_)
        | Type::Vector(..)
        | Type::Tuple(_)
        | Type::Map(_)
        | Type::Document(_) => collection(ty, value),
        scalar => to_scalar(scalar, value),
    }
}

fn number(ty: &Type, value: Value) -> Result<Value, Problem> {
    let n = match &value {
        Value::Number(n) => n.clone(),
        Value::Text(text) => match text.as_str() {
            "NaN" => Number::double(f64::NAN, NumberType::Double),
            "Infinity" => Number::double(f64::INFINITY, NumberType::Double),
            "-Infinity" => Number::double(f64::NEG_INFINITY, NumberType::Double),
            digits => literal::decimal(digits, NumberType::Decimal)
                .ok_or_else(|| unconvertible(&value, &ty.to_string()))?,
        },
        _ => return Err(unconvertible(&value, &ty.to_string())),
    };
    let typed = |ty, repr| Number { ty, repr };
    // So floating point numbers are written, which may be integers of any size: 1e+300.
    let rounded = matches!(&value, Value::Text(text) if text.contains(['.', 'e', 'E']));
    let brought = match ty {
        Type::Int => integral(&n).map(|v| match v.to_i64() {
            Some(int) => Number::int(int, NumberType::Int64),
            None => Number::decimal(v, 0, NumberType::Varint),
        }),
        Type::Double => nearest(&n, rounded, f64_of).map(|v| Number::double(v, NumberType::Double)),
        Type::Float => nearest(&n, rounded, f32_of).map(|v| Number::double(v, NumberType::Float)),
        Type::Decimal => Some(typed(
            NumberType::Decimal,
            match exact(&n) {
                Some(d) => NumberRepr::Decimal(d),
                // NaN and the infinities, which decimals have as well.
                None => n.repr,
            },
        )),
        _ => Some(n),
    };
    brought
        .map(Value::Number)
        .ok_or_else(|| unconvertible(&value, &ty.to_string()))
}

/// The floating point number nearest to `n`. Rounding a fraction is what binary floating point does to every decimal;
/// an integer that would change, unless it is `rounded`, and a number out of range, are refused.
fn nearest(n: &Number, rounded: bool, round: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let text = match &n.repr {
        NumberRepr::Double(v) if !v.is_finite() => return Some(*v),
        NumberRepr::Double(v) => format!("{v:e}"),
        NumberRepr::Int(v) => v.to_string(),
        NumberRepr::Decimal(d) => d.normalised().to_string(),
    };
    let value = round(&text).filter(|v| v.is_finite())?;
    let vanished = value == 0.0 && exact(n)?.unscaled.sign() != num_bigint::Sign::NoSign;
    let changed = match &n.repr {
        NumberRepr::Double(_) => false,
        _ if rounded => false,
        _ => integral(n).is_some_and(|wanted| binary(value) != Some(wanted)),
    };
    (!vanished && !changed).then_some(value)
}

fn f64_of(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn f32_of(text: &str) -> Option<f64> {
    text.parse::<f32>().ok().map(f64::from)
}

/// The integer that a double is, to the last bit.
fn binary(value: f64) -> Option<num_bigint::BigInt> {
    num_traits::FromPrimitive::from_f64(value)
}

fn to_scalar(ty: &Type, value: Value) -> Result<Value, Problem> {
    let hint = |hint: &str| Err(refused(&value, &ty.to_string(), hint));
    let converted = match (ty, &value) {
        (Type::Bool, Value::Bool(_))
        | (Type::Uuid, Value::Uuid(_))
        | (Type::ObjectId, Value::ObjectId(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Date, Value::Date(_))
        | (Type::Time, Value::Time(_))
        | (Type::Duration, Value::Duration { .. })
        | (Type::Inet, Value::Inet(_)) => return Ok(value),
        (Type::Text, _) => return text_of(&value).map(Value::Text),
        (Type::Bool, Value::Text(t)) => match t.as_str() {
            "1" => Some(Value::Bool(true)),
            "0" => Some(Value::Bool(false)),
            t if t.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
            t if t.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
            _ => None,
        },
        (Type::Bool, Value::Number(n)) => match integral(n).and_then(|v| v.to_i64()) {
            Some(0) => Some(Value::Bool(false)),
            Some(1) => Some(Value::Bool(true)),
            _ => None,
        },
        (Type::Bytes, Value::Bytes { bytes, .. }) => Some(plain_bytes(bytes)),
        (Type::Bytes, Value::Uuid(id)) => Some(plain_bytes(id)),
        (Type::Bytes, Value::ObjectId(id)) => Some(plain_bytes(id)),
        (Type::Bytes, Value::Text(_)) => return hint("say encoding = \"hex\" or \"base64\""),
        (Type::Uuid, Value::Text(t)) => literal::uuid(t).map(Value::Uuid),
        (Type::Uuid, Value::Bytes { subtype: 3, .. }) => {
            return hint(
                "its byte order depends on the driver: say uuid = \"java-legacy\", \"csharp-legacy\" or \"python-legacy\"",
            );
        }
        (Type::Uuid, Value::Bytes { bytes, .. }) => bytes.as_slice().try_into().ok().map(Value::Uuid),
        (Type::ObjectId, Value::Text(t)) => {
            let mut id = [0; 12];
            let read = hex::decode_to_slice(t, &mut id);
            read.ok().map(|()| Value::ObjectId(id))
        }
        (Type::ObjectId, Value::Bytes { bytes, .. }) => bytes.as_slice().try_into().ok().map(Value::ObjectId),
        (Type::Timestamp, Value::Text(t)) => temporal::timestamp(t).map(Value::Timestamp),
        (Type::Timestamp, Value::Date(days)) => Some(Value::Timestamp(Timestamp(i128::from(*days) * DAY))),
        (Type::Timestamp, Value::Number(_)) => {
            return hint("say epoch = \"s\", \"ms\", \"us\" or \"ns\"");
        }
        (Type::Date, Value::Text(t)) => temporal::date(t).map(Value::Date),
        (Type::Date, Value::Timestamp(t)) if t.0.rem_euclid(DAY) != 0 => {
            return hint("it is not midnight in UTC: say truncate = \"d\"");
        }
        (Type::Date, Value::Timestamp(t)) => t.0.div_euclid(DAY).to_i64().map(Value::Date),
        (Type::Date, Value::Number(_)) => return hint("say epoch = \"d\" if it counts days"),
        (Type::Time, Value::Text(t)) => temporal::time(t).map(Value::Time),
        (Type::Duration, Value::Text(t)) => {
            temporal::duration(t).map(|(months, days, nanos)| Value::Duration { months, days, nanos })
        }
        (Type::Inet, Value::Text(t)) => t.parse().ok().map(Value::Inet),
        _ => None,
    };
    converted.ok_or_else(|| unconvertible(&value, &ty.to_string()))
}

fn plain_bytes(bytes: &[u8]) -> Value {
    Value::Bytes {
        subtype: 0,
        bytes: bytes.to_vec(),
    }
}

fn collection(ty: &Type, value: Value) -> Result<Value, Problem> {
    let each = |ty: &Option<Box<Type>>, items: Vec<Value>| match ty {
        None => Ok(items),
        Some(ty) => all(items, |_| ty),
    };
    let sized = |length: usize, items: &[Value]| match items.len() == length {
        true => Ok(()),
        false => {
            let counted = format!("a list of {} elements cannot become {ty}", items.len());
            Err(Problem::unconvertible(counted))
        }
    };
    Ok(match (ty, value) {
        (Type::List(ty), Value::List(items)) => Value::List(each(ty, items)?),
        (Type::List(ty), Value::Set(items)) => Value::List(in_order(each(ty, items)?)?),
        (Type::Set(ty), Value::List(items) | Value::Set(items)) => Value::Set(each(ty, items)?),
        (Type::Vector(ty, length), Value::List(items)) => {
            sized(*length, &items)?;
            Value::List(all(items, |_| ty)?)
        }
        (Type::Tuple(types), Value::List(items)) => {
            sized(types.len(), &items)?;
            Value::List(all(items, |i| &types[i])?)
        }
        (Type::Map(pair), Value::Map(pairs)) => entries(pair, pairs.into_iter())?,
        (Type::Map(pair), Value::Document(fields)) => entries(
            pair,
            fields.into_iter().map(|(name, value)| (Value::Text(name), value)),
        )?,
        (Type::Document(types), Value::Document(fields)) => Value::Document(named(types, fields)?),
        (Type::Document(types), Value::Map(pairs)) if types.is_empty() => Value::Map(pairs),
        (Type::Document(types), Value::Map(pairs)) => {
            let fields = pairs.into_iter().map(|(key, value)| match key {
                Value::Text(name) => Ok((name, value)),
                other => Err(unconvertible(&other, "a field's name")),
            });
            Value::Document(named(types, fields.collect::<Result<_, _>>()?)?)
        }
        (ty, value) => {
            let hint = match (ty, &value) {
                (Type::Document(_) | Type::Map(_), Value::Text(_)) => "say json = true if it is JSON",
                (_, Value::Text(_)) => "say split = \",\", or json = true if it is JSON",
                _ => return Err(unconvertible(&value, &ty.to_string())),
            };
            return Err(refused(&value, &ty.to_string(), hint));
        }
    })
}

fn all<'t>(items: Vec<Value>, ty: impl Fn(usize) -> &'t Type) -> Result<Vec<Value>, Problem> {
    let brought = items
        .into_iter()
        .enumerate()
        .map(|(i, v)| to_type(ty(i), v).map_err(|p| p.at(i)));
    brought.collect()
}

fn named(types: &[(String, Type)], fields: Vec<(String, Value)>) -> Result<Vec<(String, Value)>, Problem> {
    let brought = fields.into_iter().map(|(name, value)| {
        let value = match types.iter().find(|(field, _)| *field == name) {
            Some((_, ty)) => to_type(ty, value).map_err(|p| p.inside(&name))?,
            None => value,
        };
        Ok((name, value))
    });
    brought.collect()
}

/// Brings keys and values to their types. Two keys that become one would lose a value, so that is refused.
fn entries(
    (key_type, value_type): &(Type, Type),
    pairs: impl Iterator<Item = (Value, Value)>,
) -> Result<Value, Problem> {
    let mut seen = FxHashSet::default();
    let mut brought = Vec::new();
    for (key, value) in pairs {
        let name = match text_of(&key) {
            Ok(name) => name,
            Err(_) => crate::report::Shown::new(&key).text,
        };
        let inside = |p: Problem| p.inside(&name);
        let key = to_type(key_type, key).map_err(inside)?;
        if !seen.insert(canonical(&key).map_err(inside)?) {
            let message = format!("two keys become the same {key_type}");
            return Err(inside(Problem::unconvertible(message)));
        }
        brought.push((key, to_type(value_type, value).map_err(inside)?));
    }
    Ok(Value::Map(brought))
}

fn canonical(value: &Value) -> Result<Vec<u8>, Problem> {
    let mut encoder = Encoder::new(Equality::default());
    encoder.value(value)?;
    Ok(encoder.bytes().to_vec())
}

/// The elements of a set in the order in which stores write keys, each once: a set itself has no order.
fn in_order(items: Vec<Value>) -> Result<Vec<Value>, Problem> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((canonical(&item)?, item));
    }
    keyed.sort_by(|(a, _), (b, _)| compare_keys(a, b));
    keyed.dedup_by(|(a, _), (b, _)| a == b);
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_the_mantissa_are_not_rounded() {
        let int = |v| Value::Number(Number::int(v, NumberType::Int64));
        for (ty, fits, too_long) in [
            (Type::Double, 1 << 53, (1 << 53) + 1),
            (Type::Float, 1 << 24, (1 << 24) + 1),
        ] {
            to_type(&ty, int(fits)).unwrap();
            to_type(&ty, int(too_long)).unwrap_err();
            to_type(&ty, Value::Text(too_long.to_string())).unwrap_err();
        }
        for text in ["1e+300", "1E300", "123456789012345680000.0", "-1e23"] {
            let Value::Number(n) = to_type(&Type::Double, Value::Text(text.into())).unwrap() else {
                panic!("{text}");
            };
            assert!(
                matches!(n.repr, NumberRepr::Double(v) if v == text.parse::<f64>().unwrap()),
                "{text}"
            );
        }
        to_type(&Type::Double, Value::Text("1e400".into())).unwrap_err();
        to_type(&Type::Float, Value::Text("1e300".into())).unwrap_err();
        assert_eq!(integral(&Number::double(1e23, NumberType::Double)), binary(1e23));
    }

    #[test]
    fn large_maps_cost_little() {
        let key = |n: i64| Value::Number(Number::int(n, NumberType::Int64));
        let map = |n: i64| Value::Map((0..n).map(|n| (key(n), Value::Null)).collect());
        let ty = Type::parse("map<text, int>").unwrap();
        let Value::Map(pairs) = to_type(&ty, map(300_000)).unwrap() else {
            panic!("a map");
        };
        assert_eq!(pairs.len(), 300_000);
        let twice = Value::Map(vec![
            (key(1), Value::Null),
            (Value::Text("1".into()), Value::Null),
        ]);
        to_type(&ty, twice).unwrap_err();
    }

    #[test]
    fn refusals_name_the_element() {
        let text = |t: &str| Value::Text(t.into());
        let doc = |name: &str, v| Value::Document(vec![(name.into(), v)]);
        let list = Value::List(vec![doc("qty", text("1")), doc("qty", text("x"))]);
        for (ty, value, path) in [
            ("list<document<qty: int>>", list, "[1].qty"),
            ("map<int, text>", doc("one", text("a")), "one"),
            (
                "map<text, list<int>>",
                doc("a", Value::List(vec![text("b")])),
                "a[0]",
            ),
            (
                "tuple<int, text>",
                Value::List(vec![Value::Null, Value::Set(vec![])]),
                "[1]",
            ),
        ] {
            let problem = to_type(&Type::parse(ty).unwrap(), value).unwrap_err();
            assert_eq!(problem.path(), path, "{problem}");
        }
    }
}
