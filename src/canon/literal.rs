//! Scalars written as text: what the mapping's conversions and tolerances read.

use super::cell::number;
use crate::model::{Number, NumberType};

/// A UUID in its 36-character form.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    number::uuid(text.as_bytes()).ok()
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
        || digits > number::MAX_DIGITS
        || !clean(fraction)
        || !clean(whole.strip_prefix(['-', '+']).unwrap_or(whole))
    {
        return None;
    }
    let exponent = i64::from(exponent) - fraction.len() as i64;
    let unscaled = format!("{whole}{fraction}");
    Some(Number::decimal(unscaled.parse().ok()?, exponent, ty))
}
