//! From native values to canonical bytes.

use super::RawNative;
use super::bytes::Bytes;
use crate::canon::Encoder;
use crate::canon::cell::number::MAX_DIGITS;
use crate::model::{CqlType, Decimal, NumberType, Problem, Timestamp};
use num_bigint::BigInt;
use std::net::IpAddr;

/// What a day has, in nanoseconds.
const DAY: i64 = 86_400_000_000_000;

/// The most bytes of an integer that are read: those that surely have no more than [`MAX_DIGITS`] digits.
const MAX_BYTES: usize = MAX_DIGITS * 10_000 / 24_083;

/// The day 0 of a native date, in days before the epoch.
pub(super) const DATE_ZERO: i64 = 1 << 31;

/// Writes the value of type `ty` (not frozen, not null) that `bytes` are.
#[inline]
pub(super) fn encode(ty: &CqlType, bytes: &[u8], out: &mut Encoder) -> Result<(), Problem> {
    match ty {
        CqlType::Text | CqlType::Ascii => out.text(bytes)?,
        CqlType::Int => out.int(i32::from_be_bytes(fixed(ty, bytes)?).into(), NumberType::Int32),
        CqlType::Bigint | CqlType::Counter => {
            out.int(i64::from_be_bytes(fixed(ty, bytes)?), NumberType::Int64);
        }
        CqlType::Smallint => out.int(i16::from_be_bytes(fixed(ty, bytes)?).into(), NumberType::Int16),
        CqlType::Tinyint => out.int(i8::from_be_bytes(fixed(ty, bytes)?).into(), NumberType::Int8),
        CqlType::Timestamp => {
            let millis = i64::from_be_bytes(fixed(ty, bytes)?);
            out.timestamp(Timestamp::from_millis(millis));
        }
        CqlType::Double => out.double(f64::from_be_bytes(fixed(ty, bytes)?), NumberType::Double),
        CqlType::Float => out.double(f32::from_be_bytes(fixed(ty, bytes)?).into(), NumberType::Float),
        CqlType::Boolean => out.bool(fixed::<1>(ty, bytes)? != [0]),
        CqlType::Uuid | CqlType::Timeuuid => out.uuid(&fixed(ty, bytes)?),
        CqlType::Blob => out.binary(0, bytes),
        CqlType::Varint => varint(bytes, 0, NumberType::Varint, out)?,
        CqlType::Decimal => decimal(bytes, out)?,
        CqlType::Date => out.date(i64::from(u32::from_be_bytes(fixed(ty, bytes)?)) - DATE_ZERO),
        CqlType::Time => out.time(time(i64::from_be_bytes(fixed(ty, bytes)?))?),
        CqlType::Duration => duration(bytes, out)?,
        CqlType::Inet => out.inet(inet(bytes)?),
        CqlType::Frozen(inner) => encode(inner.thawed(), bytes, out)?,
        CqlType::List(_)
        | CqlType::Set(_)
        | CqlType::Map(..)
        | CqlType::Tuple(_)
        | CqlType::Vector(..)
        | CqlType::Udt(_) => nested(ty, Bytes::new(bytes), out)?,
        CqlType::Custom(_) => {
            return Err(Problem::unsupported(format!(
                "values of type {ty} cannot be compared"
            )));
        }
    }
    Ok(())
}

/// Writes a value that holds others.
fn nested(ty: &CqlType, mut bytes: Bytes<'_>, out: &mut Encoder) -> Result<(), Problem> {
    match ty {
        CqlType::List(t) => out.list(|out| {
            for index in 0..bytes.count()? {
                element(t, bytes.value(), out).map_err(|p| p.at(index))?;
            }
            bytes.end()
        }),
        CqlType::Set(t) => out.set(|out| {
            for index in 0..bytes.count()? {
                let value = bytes.value();
                out.element(|out| element(t, value, out))
                    .map_err(|p| p.at(index))?;
            }
            bytes.end()
        }),
        CqlType::Map(k, v) => out.map(|out| {
            for index in 0..bytes.count()? {
                let (key, value) = bytes.pair().map_err(|p| p.at(index))?;
                out.entry(|out| element(k, Ok(key), out), |out| element(v, Ok(value), out))
                    .map_err(|p| p.at(index))?;
            }
            bytes.end()
        }),
        CqlType::Tuple(types) => out.list(|out| {
            for (index, t) in types.iter().enumerate() {
                element(t, bytes.part(), out).map_err(|p| p.at(index))?;
            }
            bytes.end()
        }),
        CqlType::Vector(t, size) => out.list(|out| {
            let fixed = fixed_len(t);
            for index in 0..*size as usize {
                let value = bytes.vector_element(fixed).map(Some);
                element(t, value, out).map_err(|p| p.at(index))?;
            }
            bytes.end()
        }),
        CqlType::Udt(udt) => out.document(|out| {
            for (name, t) in &udt.fields {
                let value = bytes.part();
                out.field(name.as_bytes(), |out| element(t, value, out))?;
            }
            bytes.end()
        }),
        other => encode(other, bytes.rest(), out),
    }
}

/// Writes a value that lies inside another.
#[inline]
fn element(ty: &CqlType, value: Result<Option<&[u8]>, Problem>, out: &mut Encoder) -> Result<(), Problem> {
    RawNative::inner(ty, value?).encode(out)
}

/// How many bytes each element of a vector takes, for types of which Cassandra writes them without their length. Not all
/// types of fixed size are among them.
pub(super) fn fixed_len(ty: &CqlType) -> Option<usize> {
    match ty.thawed() {
        CqlType::Boolean => Some(1),
        CqlType::Int | CqlType::Float => Some(4),
        CqlType::Bigint | CqlType::Double | CqlType::Timestamp => Some(8),
        CqlType::Uuid | CqlType::Timeuuid => Some(16),
        CqlType::Vector(inner, size) => fixed_len(inner)?.checked_mul(*size as usize),
        _ => None,
    }
}

#[inline]
fn fixed<const N: usize>(ty: &CqlType, bytes: &[u8]) -> Result<[u8; N], Problem> {
    match bytes.try_into() {
        Ok(array) => Ok(array),
        Err(_) => Err(wrong_len(ty, bytes, &N.to_string())),
    }
}

#[cold]
fn wrong_len(ty: &CqlType, bytes: &[u8], wanted: &str) -> Problem {
    Problem::malformed(format!(
        "{ty} of {} bytes, expected {wanted}; was the type changed?",
        bytes.len()
    ))
}

/// The sign, coefficient and exponent of a decimal whose coefficient is short.
#[inline]
pub(super) fn short_decimal(bytes: &[u8]) -> Option<(bool, u128, i64)> {
    let (scale, unscaled) = bytes.split_first_chunk()?;
    let value = short(unscaled)?;
    let exponent = -i64::from(i32::from_be_bytes(*scale));
    Some((value < 0, value.unsigned_abs(), exponent))
}

/// A two's complement integer of 1 to 16 bytes.
#[inline]
fn short(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first()?;
    if bytes.len() > 16 {
        return None;
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    Some(bytes.iter().fold(sign, |value, b| value << 8 | i128::from(*b)))
}

fn decimal(bytes: &[u8], out: &mut Encoder) -> Result<(), Problem> {
    match bytes.split_first_chunk() {
        Some((scale, unscaled)) if !unscaled.is_empty() => {
            let exponent = -i64::from(i32::from_be_bytes(*scale));
            varint(unscaled, exponent, NumberType::Decimal, out)
        }
        _ => Err(wrong_len(&CqlType::Decimal, bytes, "5 or more")),
    }
}

/// Writes a two's complement integer of any size, times a power of ten.
fn varint(bytes: &[u8], exponent: i64, ty: NumberType, out: &mut Encoder) -> Result<(), Problem> {
    if let Some(value) = short(bytes) {
        out.decimal(value < 0, value.unsigned_abs(), exponent, ty);
        return Ok(());
    }
    if bytes.len() > MAX_BYTES {
        return Err(Problem::unsupported(format!(
            "number of {} bytes; at most {MAX_DIGITS} digits are compared",
            bytes.len()
        )));
    }
    let unscaled = BigInt::from_signed_bytes_be(bytes);
    out.big_decimal(&Decimal { unscaled, exponent }, ty);
    Ok(())
}

fn time(nanos: i64) -> Result<u64, Problem> {
    if (0..DAY).contains(&nanos) {
        return Ok(nanos.unsigned_abs());
    }
    Err(Problem::malformed(format!(
        "time of day of {nanos} ns, expected 0 to {}",
        DAY - 1
    )))
}

/// Writes months, days and nanoseconds. They have one sign; the server sees to that.
fn duration(bytes: &[u8], out: &mut Encoder) -> Result<(), Problem> {
    let mut bytes = Bytes::new(bytes);
    let small = |value: i64| {
        i32::try_from(value)
            .map_err(|_| Problem::malformed(format!("duration with {value} months or days, beyond 32 bits")))
    };
    let (months, days, nanos) = (small(bytes.vint()?)?, small(bytes.vint()?)?, bytes.vint()?);
    bytes.end()?;
    out.duration(months, days, nanos);
    Ok(())
}

fn inet(bytes: &[u8]) -> Result<IpAddr, Problem> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .map_err(|_| wrong_len(&CqlType::Inet, bytes, "4 or 16"))
}
