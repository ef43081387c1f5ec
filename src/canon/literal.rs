//! Scalars written as text: what the mapping's conversions and tolerances read.

use crate::model::{Number, NumberType};
use num_bigint::BigInt;

/// Longest number that is read, in characters: beyond it, exact arithmetic would take the machine down.
const MAX_DIGITS: usize = 20_000;

/// A UUID in its 36-character form.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut id = [0u8; 16];
    let mut digits = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = (*byte as char).to_digit(16)? as u8;
        id[digits / 2] = id[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(id)
}

/// An integer of any size.
pub fn integer(text: &str) -> Option<Number> {
    match text.parse::<i64>() {
        Ok(v) => Some(Number::int(v, NumberType::Varint)),
        Err(_) if text.len() <= MAX_DIGITS => Some(Number::decimal(
            text.parse::<BigInt>().ok()?,
            0,
            NumberType::Varint,
        )),
        Err(_) => None,
    }
}

/// A decimal number, exactly: digits, point, exponent.
pub fn decimal(text: &str, ty: NumberType) -> Option<Number> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.trim_start_matches(['-', '+']).len() + fraction.len();
    let clean = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if digits == 0
        || digits > MAX_DIGITS
        || !clean(fraction)
        || !clean(whole.strip_prefix(['-', '+']).unwrap_or(whole))
    {
        return None;
    }
    let exponent = i64::from(exponent) - fraction.len() as i64;
    let unscaled = format!("{whole}{fraction}");
    Some(Number::decimal(unscaled.parse().ok()?, exponent, ty))
}
