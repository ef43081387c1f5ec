//! Single values of CQL types.

use super::number::{self, excerpt};
use super::time;
use crate::canon::Encoder;
use crate::canon::csv::DialectKind;
use crate::model::{CqlType, NumberType, Problem, Timestamp};
use std::net::IpAddr;

/// Is shown each floating point number: its text, its value, and whether it is a float.
pub(super) type Probe<'p> = dyn FnMut(&[u8], f64, bool) + 'p;

/// The truth values that cqlsh, DSBulk and plain files write.
pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"True" | b"true" | b"1" => Some(true),
        b"False" | b"false" | b"0" => Some(false),
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// Writes the value of type `ty` (no collection) that `text` stands for.
#[inline]
pub(super) fn encode(
    ty: &CqlType,
    text: &[u8],
    kind: DialectKind,
    probe: Option<&mut Probe<'_>>,
    out: &mut Encoder,
) -> Result<(), Problem> {
    const I32: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);
    let wrong = |what: &str| Problem::malformed(format!("{} is not {what}", excerpt(text)));
    match ty {
        CqlType::Text => out.text(text)?,
        CqlType::Ascii => ascii(text, out)?,
        CqlType::Int => number::int(text, "int", I32.0, I32.1, NumberType::Int32, out)?,
        CqlType::Bigint => number::int(text, "bigint", i64::MIN, i64::MAX, NumberType::Int64, out)?,
        CqlType::Counter => number::int(text, "counter", i64::MIN, i64::MAX, NumberType::Int64, out)?,
        CqlType::Smallint => number::int(text, "smallint", -32_768, 32_767, NumberType::Int16, out)?,
        CqlType::Tinyint => number::int(text, "tinyint", -128, 127, NumberType::Int8, out)?,
        CqlType::Varint => number::varint(text, NumberType::Varint, out)?,
        CqlType::Decimal => number::decimal(text, NumberType::Decimal, out)?,
        CqlType::Double | CqlType::Float => {
            let single = *ty == CqlType::Float;
            let value = number::parse_float(text, single)?;
            if let Some(probe) = probe {
                probe(text, value, single);
            }
            out.double(
                value,
                if single {
                    NumberType::Float
                } else {
                    NumberType::Double
                },
            );
        }
        CqlType::Boolean => out.bool(boolean(text).ok_or_else(|| wrong("true or false"))?),
        CqlType::Uuid | CqlType::Timeuuid => out.uuid(&number::uuid(text)?),
        CqlType::Timestamp => out.timestamp(timestamp(text).ok_or_else(|| {
            wrong("a timestamp (2024-02-29 12:34:56.789+0000, or milliseconds since the epoch)")
        })?),
        CqlType::Date => match time::date(text).or_else(|| number::parse_i64(text)) {
            Some(days) if (I32.0..=I32.1).contains(&days) => out.date(days),
            _ => return Err(wrong("a date (2024-02-29, or days since the epoch)")),
        },
        CqlType::Time => out.time(time::time(text).ok_or_else(|| wrong("a time of day (12:34:56.789)"))?),
        CqlType::Duration => {
            let (months, days, nanos) =
                time::duration(text).ok_or_else(|| wrong("a duration (1mo2d3h) that fits its parts"))?;
            out.duration(months, days, nanos);
        }
        CqlType::Inet => {
            let address = std::str::from_utf8(text)
                .ok()
                .and_then(|t| t.parse::<IpAddr>().ok());
            out.inet(address.ok_or_else(|| wrong("an IP address"))?);
        }
        CqlType::Blob if kind == DialectKind::Dsbulk => out.binary(0, &number::base64_bytes(text)?),
        CqlType::Blob => out.binary(0, &number::hex_bytes(text, true)?),
        other => {
            return Err(Problem::unsupported(format!(
                "values of type {other} cannot be compared"
            )));
        }
    }
    Ok(())
}

/// Writes text of type `ascii`, which no store holds other letters in.
pub(super) fn ascii(text: &[u8], out: &mut Encoder) -> Result<(), Problem> {
    if text.is_ascii() {
        return out.text(text);
    }
    Err(Problem::malformed(format!("{} is not ASCII", excerpt(text))))
}

/// A CQL timestamp: text with an offset, or bare milliseconds, which cqlsh writes beyond the years 1 to 9999.
pub(super) fn timestamp(text: &[u8]) -> Option<Timestamp> {
    time::timestamp(text, false).or_else(|| number::parse_i64(text).map(Timestamp::from_millis))
}
