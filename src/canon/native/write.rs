//! From values to native cells, for the columns of primary keys.

use super::encode::{DATE_ZERO, fixed_len};
use crate::canon::decimal::{as_exact_double, as_i64};
use crate::model::{CqlType, Decimal, Number, NumberRepr, Udt, Value};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

/// The most zeros that are written out to make an integer of a decimal.
const MAX_ZEROS: i64 = 1_000;

/// The native forms of `value` as one of type `ty`; none if no value of that type equals it, two for the two zeros of a
/// binary floating point number, which are equal here and are two keys to the store.
pub fn key_forms(ty: &CqlType, value: &Value) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = one_form(ty, value).into_iter().collect();
    if matches!(ty.thawed(), CqlType::Float | CqlType::Double)
        && let Some(zero) = forms.first().filter(|f| f.iter().all(|b| *b == 0))
    {
        let mut negative = zero.clone();
        negative[0] = 0x80;
        forms.push(negative);
    }
    forms
}

/// The native form of `value` as one of type `ty`; none if no value of that type equals it.
pub(super) fn one_form(ty: &CqlType, value: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    write(ty, value, &mut out).map(|()| out)
}

fn write(ty: &CqlType, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match (ty.thawed(), value) {
        (CqlType::Ascii, Value::Text(text)) if text.is_ascii() => out.extend_from_slice(text.as_bytes()),
        (CqlType::Text, Value::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (CqlType::Blob, Value::Bytes { subtype: 0, bytes }) => out.extend_from_slice(bytes),
        (CqlType::Boolean, Value::Bool(value)) => out.push((*value).into()),
        (ty, Value::Number(number)) => write_number(ty, number, out)?,
        (CqlType::Timestamp, Value::Timestamp(at)) if at.0 % 1_000_000 == 0 => {
            out.extend_from_slice(&i64::try_from(at.0 / 1_000_000).ok()?.to_be_bytes());
        }
        (CqlType::Date, Value::Date(days)) => {
            out.extend_from_slice(&u32::try_from(days.checked_add(DATE_ZERO)?).ok()?.to_be_bytes());
        }
        (CqlType::Time, Value::Time(nanos)) => {
            out.extend_from_slice(&i64::try_from(*nanos).ok()?.to_be_bytes());
        }
        (CqlType::Uuid, Value::Uuid(uuid)) => out.extend_from_slice(uuid),
        (CqlType::Timeuuid, Value::Uuid(uuid)) if uuid[6] >> 4 == 1 => out.extend_from_slice(uuid),
        (CqlType::Inet, Value::Inet(std::net::IpAddr::V4(address))) => {
            out.extend_from_slice(&address.octets());
        }
        (CqlType::Inet, Value::Inet(std::net::IpAddr::V6(address))) => {
            out.extend_from_slice(&address.octets());
        }
        (CqlType::List(t), Value::List(items)) | (CqlType::Set(t), Value::Set(items)) => {
            put_len(items.len(), out)?;
            items.iter().try_for_each(|item| put(t, item, out))?;
        }
        (CqlType::Map(k, v), Value::Map(pairs)) => {
            put_len(pairs.len(), out)?;
            for (key, value) in pairs {
                put(k, key, out)?;
                put(v, value, out)?;
            }
        }
        // A map whose keys are text has the canonical form of a document.
        (CqlType::Map(k, v), Value::Document(fields)) => {
            put_len(fields.len(), out)?;
            for (name, value) in fields {
                put(k, &Value::Text(name.clone()), out)?;
                put(v, value, out)?;
            }
        }
        (CqlType::Tuple(types), Value::List(items)) if types.len() == items.len() => {
            let mut parts = types.iter().zip(items);
            parts.try_for_each(|(t, item)| put_part(t, item, out))?;
        }
        (CqlType::Vector(t, size), Value::List(items)) if items.len() == *size as usize => {
            vector(t, items, out)?;
        }
        (CqlType::Udt(udt), Value::Document(fields)) => write_udt(udt, fields, out)?,
        _ => return None,
    }
    Some(())
}

fn put_len(len: usize, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&i32::try_from(len).ok()?.to_be_bytes());
    Some(())
}

/// Writes a value with its length before it.
fn put(ty: &CqlType, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(ty, value, out)?;
    let len = i32::try_from(out.len() - at - 4).ok()?;
    out[at..at + 4].copy_from_slice(&len.to_be_bytes());
    Some(())
}

/// Writes a part of a tuple or of a user-defined type, which may be null.
fn put_part(ty: &CqlType, value: &Value, out: &mut Vec<u8>) -> Option<()> {
    if let Value::Null = value {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Some(());
    }
    put(ty, value, out)
}

fn write_udt(udt: &Udt, fields: &[(String, Value)], out: &mut Vec<u8>) -> Option<()> {
    let known = |name: &str| udt.fields.iter().any(|(n, _)| n == name);
    if !fields.iter().all(|(name, _)| known(name)) {
        return None;
    }
    udt.fields.iter().try_for_each(|(name, ty)| {
        let field = fields.iter().find(|(n, _)| n == name);
        put_part(ty, field.map_or(&Value::Null, |(_, value)| value), out)
    })
}

fn vector(ty: &CqlType, items: &[Value], out: &mut Vec<u8>) -> Option<()> {
    for item in items {
        let bytes = one_form(ty, item)?;
        if fixed_len(ty).is_none() {
            put_vint(bytes.len() as u64, out);
        }
        out.extend_from_slice(&bytes);
    }
    Some(())
}

/// Writes an unsigned integer of variable length: as many bytes follow the first as it has leading ones.
pub(super) fn put_vint(value: u64, out: &mut Vec<u8>) {
    // Seven bits of value for each byte; with eight bytes after it, the first holds none.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    let extra = ((bits - 1) / 7).min(8);
    let bytes = value.to_be_bytes();
    let marks = !(0xff_u16 >> extra) as u8;
    if extra == 8 {
        out.push(marks);
    } else {
        out.push(marks | bytes[7 - extra]);
    }
    out.extend_from_slice(&bytes[8 - extra..]);
}

fn write_number(ty: &CqlType, number: &Number, out: &mut Vec<u8>) -> Option<()> {
    let int = || integer(number)?.to_i64();
    match ty {
        CqlType::Bigint => out.extend_from_slice(&int()?.to_be_bytes()),
        CqlType::Int => out.extend_from_slice(&i32::try_from(int()?).ok()?.to_be_bytes()),
        CqlType::Smallint => out.extend_from_slice(&i16::try_from(int()?).ok()?.to_be_bytes()),
        CqlType::Tinyint => out.extend_from_slice(&i8::try_from(int()?).ok()?.to_be_bytes()),
        CqlType::Varint => out.extend_from_slice(&integer(number)?.to_signed_bytes_be()),
        CqlType::Double => out.extend_from_slice(&double(number)?.to_be_bytes()),
        CqlType::Float => {
            let wide = double(number)?;
            let value = wide as f32;
            if f64::from(value) != wide && !wide.is_nan() {
                return None;
            }
            out.extend_from_slice(&value.to_be_bytes());
        }
        CqlType::Decimal => {
            let Decimal { unscaled, exponent } = decimal(number)?;
            out.extend_from_slice(&i32::try_from(exponent.checked_neg()?).ok()?.to_be_bytes());
            out.extend_from_slice(&unscaled.to_signed_bytes_be());
        }
        _ => return None,
    }
    Some(())
}

/// The number as an integer, if it is one.
fn integer(number: &Number) -> Option<BigInt> {
    match &number.repr {
        NumberRepr::Int(value) => Some((*value).into()),
        NumberRepr::Double(value) if value.fract() == 0.0 => BigInt::from_f64(*value),
        NumberRepr::Double(_) => None,
        NumberRepr::Decimal(decimal) => {
            let normal = decimal.normalised();
            let zeros = u32::try_from(normal.exponent).ok()?;
            (normal.exponent <= MAX_ZEROS).then(|| normal.unscaled * BigInt::from(10u8).pow(zeros))
        }
    }
}

/// The double that equals the number, if there is one.
fn double(number: &Number) -> Option<f64> {
    match &number.repr {
        NumberRepr::Double(value) => Some(*value),
        NumberRepr::Int(value) => Some(*value as f64).filter(|d| *d as i128 == i128::from(*value)),
        NumberRepr::Decimal(decimal) => {
            let normal = decimal.normalised();
            if let Some(int) = as_i64(&normal) {
                return Some(int as f64).filter(|d| *d as i128 == i128::from(int));
            }
            if normal.exponent < 0 {
                return as_exact_double(&normal);
            }
            let int = integer(number)?;
            int.to_f64().filter(|d| BigInt::from_f64(*d) == Some(int))
        }
    }
}

/// The number as a decimal; exactly, since 2^−k is 5^k × 10^−k.
fn decimal(number: &Number) -> Option<Decimal> {
    let value = match &number.repr {
        NumberRepr::Decimal(decimal) => return Some(decimal.clone()),
        NumberRepr::Int(value) => {
            return Some(Decimal {
                unscaled: (*value).into(),
                exponent: 0,
            });
        }
        NumberRepr::Double(value) if value.is_finite() => *value,
        NumberRepr::Double(_) => return None,
    };
    if value.fract() == 0.0 {
        return Some(Decimal {
            unscaled: BigInt::from_f64(value)?,
            exponent: 0,
        });
    }
    let bits = value.to_bits();
    let biased = (bits >> 52 & 0x7ff) as i32;
    let hidden = u64::from(biased != 0) << 52;
    let mantissa = BigInt::from(bits & ((1 << 52) - 1) | hidden);
    let power = u32::try_from(1075 - biased.max(1)).ok()?;
    let unscaled = mantissa * BigInt::from(5u8).pow(power);
    Some(
        Decimal {
            unscaled: if value < 0.0 { -unscaled } else { unscaled },
            exponent: -i64::from(power),
        }
        .normalised(),
    )
}
