//! Numbers: what was stored, and the type that held it.

use num_bigint::{BigInt, Sign};

/// The type that held a number at its source. Types of the two engines that hold the same numbers in the same way share
/// an entry, so `typed` comparison can be asked for across engines too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NumberType {
    /// CQL tinyint.
    Int8 = 1,
    /// CQL smallint.
    Int16 = 2,
    /// BSON int32, CQL int.
    Int32 = 3,
    /// BSON int64, CQL bigint and counter.
    Int64 = 4,
    /// CQL varint.
    Varint = 5,
    /// CQL float.
    Float = 6,
    /// BSON double, CQL double.
    Double = 7,
    /// BSON decimal128.
    Decimal128 = 8,
    /// CQL decimal.
    Decimal = 9,
    /// A number whose source does not say (plain JSON, untyped text).
    Untyped = 10,
}

impl NumberType {
    /// The name reports print.
    pub const fn name(self) -> &'static str {
        match self {
            NumberType::Int8 => "int8",
            NumberType::Int16 => "int16",
            NumberType::Int32 => "int32",
            NumberType::Int64 => "int64",
            NumberType::Varint => "varint",
            NumberType::Float => "float",
            NumberType::Double => "double",
            NumberType::Decimal128 => "decimal128",
            NumberType::Decimal => "decimal",
            NumberType::Untyped => "number",
        }
    }
}

/// A decimal number, `unscaled × 10^exponent`, as stored: trailing zeros are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The coefficient with its sign.
    pub unscaled: BigInt,
    /// The power of ten.
    pub exponent: i64,
}

/// How a number is held.
#[derive(Clone, Debug)]
pub enum NumberRepr {
    /// An integer that fits 64 bits.
    Int(i64),
    /// Binary floating point, with NaN and the infinities (those of decimal128 too).
    Double(f64),
    /// Everything else: decimals, and integers beyond 64 bits (exponent 0).
    Decimal(Decimal),
}

/// A number with the type that held it.
#[derive(Clone, Debug)]
pub struct Number {
    /// The source type.
    pub ty: NumberType,
    /// The value.
    pub repr: NumberRepr,
}

impl Number {
    /// An integer held by `ty`.
    pub const fn int(value: i64, ty: NumberType) -> Number {
        Number {
            ty,
            repr: NumberRepr::Int(value),
        }
    }

    /// A binary floating point number held by `ty`.
    pub const fn double(value: f64, ty: NumberType) -> Number {
        Number {
            ty,
            repr: NumberRepr::Double(value),
        }
    }

    /// `unscaled × 10^exponent` held by `ty`.
    pub const fn decimal(unscaled: BigInt, exponent: i64, ty: NumberType) -> Number {
        Number {
            ty,
            repr: NumberRepr::Decimal(Decimal { unscaled, exponent }),
        }
    }
}

impl Decimal {
    /// The same number without trailing zeros in the coefficient; zero gets exponent 0.
    #[must_use]
    pub fn normalised(&self) -> Decimal {
        if self.unscaled.sign() == Sign::NoSign {
            return Decimal {
                unscaled: BigInt::ZERO,
                exponent: 0,
            };
        }
        let mut unscaled = self.unscaled.clone();
        let mut exponent = self.exponent;
        // Big steps first, so that a coefficient of many thousand digits does not cost a division per digit.
        for step in [4096u32, 256, 16, 1] {
            if u64::from(step) * 3 > unscaled.bits() {
                continue;
            }
            let power = BigInt::from(10u8).pow(step);
            loop {
                let quotient = &unscaled / &power;
                if &quotient * &power != unscaled {
                    break;
                }
                unscaled = quotient;
                exponent = exponent.saturating_add(i64::from(step));
            }
        }
        Decimal { unscaled, exponent }
    }
}

impl std::fmt::Display for Decimal {
    /// Plain digits for moderate exponents, `1.5E+30` form otherwise. Trailing zeros are kept.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let negative = self.unscaled.sign() == Sign::Minus;
        let digits = self.unscaled.magnitude().to_string();
        if negative {
            f.write_str("-")?;
        }
        let point = digits.len() as i64 + self.exponent.clamp(-(1 << 40), 1 << 40);
        if self.exponent == 0 {
            f.write_str(&digits)
        } else if self.exponent < 0 && point > 0 {
            let (whole, fraction) = digits.split_at(point as usize);
            write!(f, "{whole}.{fraction}")
        } else if self.exponent < 0 && point > -7 {
            write!(f, "0.{}{digits}", "0".repeat((-point) as usize))
        } else {
            let (first, rest) = digits.split_at(1);
            f.write_str(first)?;
            if !rest.is_empty() {
                write!(f, ".{rest}")?;
            }
            write!(f, "E{:+}", self.exponent.saturating_add(rest.len() as i64))
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.repr {
            NumberRepr::Int(v) => write!(f, "{v}"),
            NumberRepr::Double(v) if v.is_nan() => f.write_str("NaN"),
            NumberRepr::Double(v) if v.is_infinite() => {
                f.write_str(if *v > 0.0 { "Infinity" } else { "-Infinity" })
            }
            NumberRepr::Double(v) if self.ty == NumberType::Float => write!(f, "{:?}", *v as f32),
            NumberRepr::Double(v) => write!(f, "{v:?}"),
            NumberRepr::Decimal(d) => write!(f, "{d}"),
        }
    }
}
