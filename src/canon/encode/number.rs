//! Numbers: one form per value, whatever type held it.

use super::Encoder;
use crate::canon::decimal::{DecimalForm, as_exact_double, as_i64, decimal_form};
use crate::canon::{Numbers, tag};
use crate::model::{Decimal, Number, NumberRepr, NumberType};
use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, ToPrimitive};

impl Encoder {
    /// Writes an integer held by `ty`.
    #[inline]
    pub fn int(&mut self, value: i64, ty: NumberType) {
        self.source_type(ty);
        self.plain_int(value);
    }

    /// Writes a binary floating point number held by `ty`. −0 is 0, and there is one NaN.
    #[inline]
    pub fn double(&mut self, value: f64, ty: NumberType) {
        self.source_type(ty);
        if value.is_nan() {
            self.out.push(tag::NAN);
        } else if value.is_infinite() || value.fract() != 0.0 {
            self.double_bits(value);
        } else if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
            self.plain_int(value as i64);
        } else {
            let unscaled = BigInt::from_f64(value).expect("a finite double has an integer part");
            self.plain_decimal(
                &Decimal {
                    unscaled,
                    exponent: 0,
                }
                .normalised(),
            );
        }
    }

    /// Writes `±coefficient × 10^exponent` held by `ty`.
    pub fn decimal(&mut self, negative: bool, coefficient: u128, exponent: i64, ty: NumberType) {
        self.source_type(ty);
        match decimal_form(self.equality.numbers, negative, coefficient, exponent) {
            DecimalForm::Int(value) => self.plain_int(value),
            DecimalForm::Double(value) => self.double_bits(value),
            DecimalForm::Decimal {
                coefficient,
                exponent,
            } => {
                let bytes = coefficient.to_be_bytes();
                let head = (coefficient.leading_zeros() as usize / 8).min(15);
                self.decimal_parts(negative && coefficient != 0, exponent, &bytes[head..]);
            }
        }
    }

    /// Writes a decimal of any size held by `ty`.
    pub fn big_decimal(&mut self, value: &Decimal, ty: NumberType) {
        if let Some(coefficient) = value.unscaled.magnitude().to_u128() {
            let negative = value.unscaled.sign() == Sign::Minus;
            return self.decimal(negative, coefficient, value.exponent, ty);
        }
        if self.equality.numbers == Numbers::Typed {
            self.source_type(ty);
            // Under `typed` 1.10 and 1.1 are different decimals.
            return self.plain_decimal(value);
        }
        let normal = value.normalised();
        if let Some(int) = as_i64(&normal) {
            self.plain_int(int);
        } else if let Some(double) = as_exact_double(&normal) {
            self.double_bits(double);
        } else {
            self.plain_decimal(&normal);
        }
    }

    /// Writes any number.
    pub fn number(&mut self, number: &Number) {
        match &number.repr {
            NumberRepr::Int(v) => self.int(*v, number.ty),
            NumberRepr::Double(v) => self.double(*v, number.ty),
            NumberRepr::Decimal(d) => self.big_decimal(d, number.ty),
        }
    }

    #[inline]
    fn source_type(&mut self, ty: NumberType) {
        if self.equality.numbers == Numbers::Typed {
            self.out.extend_from_slice(&[tag::TYPED, ty as u8]);
        }
    }

    #[inline]
    fn plain_int(&mut self, value: i64) {
        self.tagged(tag::INT, value.to_le_bytes());
    }

    #[inline]
    fn double_bits(&mut self, value: f64) {
        self.tagged(tag::DOUBLE, value.to_bits().to_le_bytes());
    }

    /// A tag and eight bytes, in one write.
    #[inline]
    fn tagged(&mut self, tag: u8, content: [u8; 8]) {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&content);
        self.out.extend_from_slice(&bytes);
    }

    fn plain_decimal(&mut self, value: &Decimal) {
        let negative = value.unscaled.sign() == Sign::Minus;
        self.decimal_parts(
            negative,
            value.exponent,
            &value.unscaled.magnitude().to_bytes_be(),
        );
    }

    fn decimal_parts(&mut self, negative: bool, exponent: i64, magnitude: &[u8]) {
        self.out.extend_from_slice(&[tag::DECIMAL, u8::from(negative)]);
        self.leb128(((exponent << 1) ^ (exponent >> 63)) as u64);
        self.len(magnitude.len());
        self.out.extend_from_slice(magnitude);
    }
}
