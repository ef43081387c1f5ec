//! Numbers as text: bare JSON numbers and the contents of `$numberInt`, `$numberLong`, `$numberDouble`, `$numberDecimal`.

use crate::canon::cell::number::few_enough;
use crate::canon::scalar::Scalar;
use crate::model::{Decimal, NumberType, Problem};
use num_bigint::{BigInt, Sign};

/// A double is named by at most this many significant digits; a writer of doubles has no reason to print more.
const DOUBLE_DIGITS: usize = 17;

/// A decimal literal taken apart. `digits` are those of the coefficient, without the point.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    /// The exponent as written; `None` if it does not fit.
    exponent: Option<i64>,
    /// Neither point nor exponent.
    integer: bool,
}

impl Parts<'_> {
    /// The coefficient's digits without leading zeros.
    fn digits(&self) -> Vec<u8> {
        let all = self.whole.iter().chain(self.fraction);
        all.copied().skip_while(|d| *d == b'0').collect()
    }

    fn scale(&self) -> Option<i64> {
        self.exponent?.checked_sub(self.fraction.len() as i64)
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let len = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(len)
}

/// `-?digits(.digits)?([eE][+-]?digits)?`
fn parts(text: &[u8]) -> Option<Parts<'_>> {
    let negative = text.first() == Some(&b'-');
    let (whole, rest) = digits(&text[usize::from(negative)..]);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digits(rest),
        _ => (&b""[..], rest),
    };
    let point = text.contains(&b'.');
    if whole.is_empty() || (point && fraction.is_empty()) {
        return None;
    }
    let exponent = match rest {
        [] => Some(0),
        [b'e' | b'E', rest @ ..] => {
            let (negative, rest) = match rest {
                [b'-', rest @ ..] => (true, rest),
                [b'+', rest @ ..] => (false, rest),
                _ => (false, rest),
            };
            if rest.is_empty() || !rest.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let magnitude: Option<i64> = ascii(rest).parse().ok();
            magnitude
                .filter(|m| *m <= i64::MAX / 4)
                .map(|m| if negative { -m } else { m })
        }
        _ => return None,
    };
    Some(Parts {
        negative,
        whole,
        fraction,
        exponent,
        integer: !point && rest.is_empty(),
    })
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

fn excerpt(text: &[u8]) -> String {
    let short = &text[..text.len().min(40)];
    format!("{:?}", String::from_utf8_lossy(short))
}

fn bad(text: &[u8], what: &str) -> Problem {
    Problem::malformed(format!("{} is not {what}", excerpt(text)))
}

/// A number that stands bare in JSON.
pub(super) fn bare(text: &[u8]) -> Result<Scalar<'static>, Problem> {
    // Most numbers are short integers.
    let (sign, plain) = match text {
        [b'-', rest @ ..] => (-1, rest),
        _ => (1, text),
    };
    if plain.len() > 1 && plain[0] == b'0' && plain[1].is_ascii_digit() {
        return Err(bad(text, "a JSON number: it has leading zeros"));
    }
    if (1..=18).contains(&plain.len()) && plain.iter().all(u8::is_ascii_digit) {
        return Ok(int(
            sign * plain.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0'))
        ));
    }
    let parts = parts(text).ok_or_else(|| bad(text, "a JSON number"))?;
    if parts.integer {
        if let Ok(value) = ascii(text).parse() {
            return Ok(int(value));
        }
        return exact(text, &parts);
    }
    let digits = parts.digits();
    let significant = digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1);
    let value: f64 = ascii(text).parse().map_err(|_| bad(text, "a JSON number"))?;
    let in_range = value.is_finite() && (value != 0.0 || significant == 0);
    if in_range && significant <= DOUBLE_DIGITS {
        Ok(Scalar::Double(value, NumberType::Double))
    } else {
        exact(text, &parts)
    }
}

fn int(value: i64) -> Scalar<'static> {
    let ty = match i32::try_from(value) {
        Ok(_) => NumberType::Int32,
        Err(_) => NumberType::Int64,
    };
    Scalar::Int(value, ty)
}

fn exact(text: &[u8], parts: &Parts<'_>) -> Result<Scalar<'static>, Problem> {
    let exponent = parts
        .scale()
        .ok_or_else(|| Problem::unsupported(format!("exponent of {} is out of range", excerpt(text))))?;
    let digits = parts.digits();
    few_enough(digits.len())?;
    let unscaled = if digits.is_empty() {
        BigInt::ZERO
    } else {
        let sign = if parts.negative { Sign::Minus } else { Sign::Plus };
        let magnitude = ascii(&digits).parse().map_err(|_| bad(text, "a number"))?;
        BigInt::from_biguint(sign, magnitude)
    };
    Ok(Scalar::Decimal(
        Decimal { unscaled, exponent },
        NumberType::Untyped,
    ))
}

/// The text of a `$numberInt`.
pub(super) fn int32(text: &[u8]) -> Result<Scalar<'static>, Problem> {
    match ascii(text).parse::<i32>() {
        Ok(value) if text[0] != b'+' => Ok(Scalar::Int(i64::from(value), NumberType::Int32)),
        _ => Err(bad(text, "an int32")),
    }
}

/// The text of a `$numberLong`, as a plain integer.
pub(super) fn long(text: &[u8]) -> Result<i64, Problem> {
    match ascii(text).parse::<i64>() {
        Ok(value) if text[0] != b'+' => Ok(value),
        _ => Err(bad(text, "an int64")),
    }
}

/// The text of a `$numberDouble`.
pub(super) fn double(text: &[u8]) -> Result<Scalar<'static>, Problem> {
    let value = match text {
        b"NaN" => f64::NAN,
        b"Infinity" => f64::INFINITY,
        b"-Infinity" => f64::NEG_INFINITY,
        _ => {
            let parts = parts(text).ok_or_else(|| bad(text, "a double"))?;
            let value: f64 = ascii(text).parse().map_err(|_| bad(text, "a double"))?;
            if value.is_infinite() || (value == 0.0 && !parts.digits().is_empty()) {
                return Err(bad(text, "within the range of a double"));
            }
            value
        }
    };
    Ok(Scalar::Double(value, NumberType::Double))
}

/// The text of a `$numberDecimal`. What does not fit a decimal128 without rounding is `malformed`.
pub(super) fn decimal128(text: &[u8]) -> Result<Scalar<'static>, Problem> {
    const DIGITS: usize = 34;
    const EXPONENTS: std::ops::RangeInclusive<i64> = -6176..=6111;
    let special = |value| Ok(Scalar::Double(value, NumberType::Decimal128));
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let is = |word: &str| unsigned.eq_ignore_ascii_case(word.as_bytes());
    if is("nan") {
        return special(f64::NAN);
    }
    if is("inf") || is("infinity") {
        return special(if negative {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        });
    }
    // The decimal128 grammar lets either side of the point be empty.
    let padded = pad(unsigned);
    let parts = parts(&padded)
        .filter(|p| !p.negative)
        .ok_or_else(|| bad(text, "a decimal128"))?;
    let too_wide = || {
        bad(
            text,
            "a decimal128: more digits or a larger exponent than it holds",
        )
    };
    let mut digits = parts.digits();
    let Some(mut exponent) = parts.scale() else {
        return Err(too_wide());
    };
    if digits.is_empty() {
        exponent = exponent.clamp(*EXPONENTS.start(), *EXPONENTS.end());
    }
    while (digits.len() > DIGITS || exponent < *EXPONENTS.start()) && digits.last() == Some(&b'0') {
        digits.pop();
        exponent += 1;
    }
    while exponent > *EXPONENTS.end() && digits.len() < DIGITS {
        digits.push(b'0');
        exponent -= 1;
    }
    if digits.len() > DIGITS || !EXPONENTS.contains(&exponent) {
        return Err(too_wide());
    }
    Ok(Scalar::Decimal128 {
        negative,
        coefficient: digits.iter().fold(0, |n: u128, d| n * 10 + u128::from(d - b'0')),
        exponent,
    })
}

/// `.5` and `5.` with the zero they leave out.
fn pad(text: &[u8]) -> Vec<u8> {
    let mut padded = Vec::with_capacity(text.len() + 2);
    let mut previous_digit = false;
    for (i, b) in text.iter().enumerate() {
        let next_digit = text.get(i + 1).is_some_and(u8::is_ascii_digit);
        if *b == b'.' && !previous_digit && next_digit {
            padded.push(b'0');
        }
        padded.push(*b);
        if *b == b'.' && previous_digit && !next_digit {
            padded.push(b'0');
        }
        previous_digit = b.is_ascii_digit();
    }
    padded
}
