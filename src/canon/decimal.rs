//! The form of decimal numbers in canonical bytes: one for each real number, whatever its coefficient and exponent were.

use super::Numbers;
use crate::model::Decimal;
use num_bigint::{BigUint, Sign};
use num_traits::{ToPrimitive, Zero};

/// The form a decimal of at most 128 bits takes in canonical bytes.
pub(super) enum DecimalForm {
    Int(i64),
    Double(f64),
    Decimal { coefficient: u128, exponent: i64 },
}

/// Finds the form of `±coefficient × 10^exponent`.
#[inline]
pub(super) fn decimal_form(
    numbers: Numbers,
    negative: bool,
    coefficient: u128,
    exponent: i64,
) -> DecimalForm {
    let int = |magnitude: u128| {
        let value = i128::try_from(magnitude).ok()?;
        i64::try_from(if negative { -value } else { value }).ok()
    };
    if numbers == Numbers::Typed {
        // As stored: see `big_decimal`.
        return match int(coefficient) {
            Some(value) if exponent == 0 => DecimalForm::Int(value),
            _ => DecimalForm::Decimal {
                coefficient,
                exponent,
            },
        };
    }
    if coefficient == 0 {
        return DecimalForm::Int(0);
    }
    let (coefficient, exponent) = without_zeros(coefficient, exponent);
    if (0..=18).contains(&exponent) {
        let scaled = coefficient.checked_mul(10u128.pow(exponent as u32));
        if let Some(value) = scaled.and_then(int) {
            return DecimalForm::Int(value);
        }
    } else if (-55..0).contains(&exponent)
        && let Some(quotient) = divided_by_fives(coefficient, -exponent as u32).filter(|q| *q < 1 << 53)
    {
        let value = quotient as f64 * 2f64.powi(exponent as i32);
        return DecimalForm::Double(if negative { -value } else { value });
    }
    DecimalForm::Decimal {
        coefficient,
        exponent,
    }
}

/// `coefficient / 5^power`, if nothing remains.
#[inline]
fn divided_by_fives(coefficient: u128, power: u32) -> Option<u128> {
    // Divisions of 128 bits are slow, and few coefficients need them. A small one is no multiple of a larger power.
    match u64::try_from(coefficient) {
        Ok(_) if power > 27 => None,
        Ok(short) => {
            let fives = 5u64.pow(power);
            short.is_multiple_of(fives).then(|| (short / fives).into())
        }
        Err(_) => {
            let fives = 5u128.pow(power);
            coefficient.is_multiple_of(fives).then(|| coefficient / fives)
        }
    }
}

/// The same number without zeros at the end of its coefficient, which is not 0.
#[inline]
fn without_zeros(mut coefficient: u128, mut exponent: i64) -> (u128, i64) {
    // Divisions of 128 bits are slow, and few coefficients need them.
    while coefficient > u128::from(u64::MAX) {
        if !coefficient.is_multiple_of(10) {
            return (coefficient, exponent);
        }
        coefficient /= 10;
        exponent += 1;
    }
    let mut short = coefficient as u64;
    while short.is_multiple_of(10) {
        short /= 10;
        exponent += 1;
    }
    (short.into(), exponent)
}

/// The value of a normalised decimal, if it is an integer of 64 bits.
pub(super) fn as_i64(normal: &Decimal) -> Option<i64> {
    if !(0..=18).contains(&normal.exponent) {
        return None;
    }
    (normal.unscaled.to_i64()?).checked_mul(10i64.pow(normal.exponent as u32))
}

/// The double that equals a normalised decimal with a negative exponent, if there is one.
///
/// c × 10^−k = (c / 5^k) × 2^−k, so a double can hold it only if 5^k divides c and the quotient fits 53 bits. As c has no
/// trailing zeros, c is then odd, and k ≤ 1074 is the range of a double's exponent.
pub(super) fn as_exact_double(normal: &Decimal) -> Option<f64> {
    let k = u32::try_from(-normal.exponent)
        .ok()
        .filter(|k| (1..=1074).contains(k))?;
    let magnitude = normal.unscaled.magnitude();
    if magnitude.bits() < u64::from(k) * 2 || magnitude.bits() > u64::from(k) * 3 + 53 {
        return None;
    }
    let fives = BigUint::from(5u8).pow(k);
    let quotient = magnitude / &fives;
    if !(magnitude - &quotient * &fives).is_zero() {
        return None;
    }
    let mantissa = quotient.to_u64().filter(|m| *m < 1 << 53)? as f64;
    let half = (k / 2) as i32;
    let value = mantissa * 2f64.powi(-half) * 2f64.powi(half - k as i32);
    Some(if normal.unscaled.sign() == Sign::Minus {
        -value
    } else {
        value
    })
}
