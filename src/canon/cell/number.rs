//! Numbers, UUIDs and bytes as text.

use crate::canon::Encoder;
use crate::model::{Decimal, NumberType, Problem};
use num_bigint::BigInt;

/// The most digits of a number that are read; more is `unsupported` (reading them costs time in their square).
pub(in crate::canon) const MAX_DIGITS: usize = 20_000;

/// Refuses a number of more digits than are read.
pub(in crate::canon) fn few_enough(digits: usize) -> Result<(), Problem> {
    match digits > MAX_DIGITS {
        false => Ok(()),
        true => Err(Problem::unsupported(format!(
            "number of {digits} digits; at most {MAX_DIGITS} are compared"
        ))),
    }
}

/// What of a cell's text a message may show.
pub(super) fn excerpt(text: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(text).chars().take(24).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{dots}")
}

fn not(what: &str, text: &[u8]) -> Problem {
    Problem::malformed(format!("{} is not {what}", excerpt(text)))
}

fn out_of_range(what: &str, text: &[u8]) -> Problem {
    Problem::malformed(format!("{} is out of range for {what}", excerpt(text)))
}

/// The value of a signed integer; none if the text is none or does not fit.
#[inline]
pub(super) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut value = 0u64;
    for &b in digits {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    if negative {
        0i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    }
}

/// Writes an integer of a bounded type.
#[inline]
pub(super) fn int(
    text: &[u8],
    name: &str,
    min: i64,
    max: i64,
    ty: NumberType,
    out: &mut Encoder,
) -> Result<(), Problem> {
    match parse_i64(text) {
        Some(value) if (min..=max).contains(&value) => {
            out.int(value, ty);
            Ok(())
        }
        _ if is_integer(text) => Err(out_of_range(name, text)),
        _ => Err(not(&format!("an integer ({name})"), text)),
    }
}

fn is_integer(text: &[u8]) -> bool {
    let digits = sign(text).1;
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Writes an integer of any size.
pub(super) fn varint(text: &[u8], ty: NumberType, out: &mut Encoder) -> Result<(), Problem> {
    if let Some(value) = parse_i64(text) {
        out.int(value, ty);
        return Ok(());
    }
    if !is_integer(text) {
        return Err(not("an integer", text));
    }
    let (negative, digits) = sign(text);
    coefficient(negative, digits, &[], 0, ty, out)
}

/// Writes a decimal number; its trailing zeros count as stored.
pub(super) fn decimal(text: &[u8], ty: NumberType, out: &mut Encoder) -> Result<(), Problem> {
    let bad = || not("a decimal number", text);
    let (negative, rest) = sign(text);
    let (mantissa, exponent) = match memchr::memchr2(b'e', b'E', rest) {
        // CQL holds the scale in 32 bits; a digit more allows for the point's place.
        Some(i) => match parse_i64(&rest[i + 1..]) {
            Some(e) if e.unsigned_abs() <= 1 << 32 => (&rest[..i], e),
            Some(_) => return Err(out_of_range("a decimal's exponent", text)),
            None => return Err(bad()),
        },
        None => (rest, 0),
    };
    let (whole, fraction) = match memchr::memchr(b'.', mantissa) {
        Some(i) => (&mantissa[..i], &mantissa[i + 1..]),
        None => (mantissa, &[][..]),
    };
    let digits = || whole.iter().chain(fraction);
    if digits().next().is_none() || !digits().all(u8::is_ascii_digit) {
        return Err(bad());
    }
    let exponent = exponent - fraction.len() as i64;
    coefficient(negative, whole, fraction, exponent, ty, out)
}

fn coefficient(
    negative: bool,
    whole: &[u8],
    fraction: &[u8],
    exponent: i64,
    ty: NumberType,
    out: &mut Encoder,
) -> Result<(), Problem> {
    let count = whole.len() + fraction.len();
    if count <= 38 {
        let digits = whole.iter().chain(fraction);
        let value = digits.fold(0u128, |v, b| v * 10 + u128::from(b - b'0'));
        out.decimal(negative, value, exponent, ty);
        return Ok(());
    }
    few_enough(count)?;
    let digits = [whole, fraction].concat();
    let mut unscaled = BigInt::parse_bytes(&digits, 10).expect("digits only");
    if negative {
        unscaled = -unscaled;
    }
    out.big_decimal(&Decimal { unscaled, exponent }, ty);
    Ok(())
}

/// The finite number, NaN or infinity that the text is, for a type of 64 or 32 bits.
pub(super) fn parse_float(text: &[u8], single: bool) -> Result<f64, Problem> {
    let name = if single { "float" } else { "double" };
    match text {
        b"NaN" | b"nan" => return Ok(f64::NAN),
        b"Infinity" | b"inf" => return Ok(f64::INFINITY),
        b"-Infinity" | b"-inf" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    let numeric = |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    let digits = std::str::from_utf8(text)
        .ok()
        .filter(|t| t.bytes().all(|b| numeric(&b)));
    let value = match digits {
        // Rounded to 32 bits at once: by way of 64 bits it would be rounded twice.
        Some(digits) if single => digits.parse::<f32>().map(f64::from).ok(),
        Some(digits) => digits.parse::<f64>().ok(),
        None => None,
    };
    match value {
        Some(value) if value.is_finite() => Ok(value),
        Some(_) => Err(out_of_range(name, text)),
        None => Err(not(&format!("a number ({name})"), text)),
    }
}

fn nibble(b: u8) -> Option<u8> {
    match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    }
}

/// The 16 bytes of a UUID written `8-4-4-4-12`.
pub(in crate::canon) fn uuid(text: &[u8]) -> Result<[u8; 16], Problem> {
    let parse = || {
        let text = <&[u8; 36]>::try_from(text).ok()?;
        let mut bytes = [0; 16];
        let mut at = 0;
        for (i, byte) in bytes.iter_mut().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                if text[at] != b'-' {
                    return None;
                }
                at += 1;
            }
            *byte = nibble(text[at])? << 4 | nibble(text[at + 1])?;
            at += 2;
        }
        Some(bytes)
    };
    parse().ok_or_else(|| not("a UUID", text))
}

/// The 12 bytes of an ObjectId written as 24 hexadecimal digits.
pub(super) fn object_id(text: &[u8]) -> Result<[u8; 12], Problem> {
    let mut bytes = [0; 12];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(not("an ObjectId of 24 hexadecimal digits", text)),
    }
}

/// Bytes written as hexadecimal digits, with `0x` before them or without.
pub(super) fn hex_bytes(text: &[u8], prefix: bool) -> Result<Vec<u8>, Problem> {
    let digits = match text.strip_prefix(b"0x") {
        Some(digits) => digits,
        None if prefix => return Err(not("a blob (0x and hexadecimal digits)", text)),
        None => text,
    };
    hex::decode(digits).map_err(|_| not("bytes in hexadecimal digits", text))
}

/// Bytes written in base 64.
pub(super) fn base64_bytes(text: &[u8]) -> Result<Vec<u8>, Problem> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| not("bytes in base 64", text))
}
