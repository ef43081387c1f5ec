//! Short values that hold no other, written in one go: what most fields of most records are.
//!
//! The bytes are those that [`Encoder`](super::Encoder) writes for the same value; what is longer, nested or not quite
//! right is left to it.

use super::decimal::{DecimalForm, decimal_form};
use super::{Equality, Normalize, Numbers, tag};
use crate::model::{NumberType, Timestamp};

/// Text up to this length is written flat; its length takes one byte.
const MAX_TEXT: usize = 127;

/// The bits of sixteen bytes that no ASCII has.
const HIGH: u128 = u128::from_ne_bytes([0x80; 16]);

/// A buffer for the canonical bytes of one short value.
#[derive(Clone, Debug)]
pub struct Flat {
    bytes: [u8; 2 + MAX_TEXT],
    len: usize,
    typed: bool,
    /// Whether text has one form only, beyond ASCII too.
    as_is: bool,
}

impl Flat {
    /// An empty buffer for values under `equality`.
    pub fn new(equality: &Equality) -> Flat {
        Flat {
            bytes: [0; 2 + MAX_TEXT],
            len: 0,
            typed: equality.numbers == Numbers::Typed,
            as_is: equality.normalize == Normalize::None,
        }
    }

    /// The value written last.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// A store of so many bytes, which a copy of a slice is not sure to become.
    #[inline(always)]
    fn store<const N: usize>(&mut self, at: usize, content: [u8; N]) {
        if let Some(place) = self.bytes[at..].first_chunk_mut() {
            *place = content;
        }
    }

    #[inline]
    fn one(&mut self, tag: u8) -> bool {
        self.bytes[0] = tag;
        self.len = 1;
        true
    }

    #[inline]
    fn tagged<const N: usize>(&mut self, tag: u8, content: [u8; N]) -> bool {
        self.bytes[0] = tag;
        self.store(1, content);
        self.len = 1 + N;
        true
    }

    #[inline]
    fn number(&mut self, ty: NumberType, tag: u8, content: [u8; 8]) -> bool {
        if !self.typed {
            return self.tagged(tag, content);
        }
        self.store(0, [tag::TYPED, ty as u8, tag]);
        self.store(3, content);
        self.len = 11;
        true
    }

    #[inline]
    pub(super) fn null(&mut self) -> bool {
        self.one(tag::NULL)
    }

    #[inline]
    pub(super) fn bool(&mut self, value: bool) -> bool {
        self.one(if value { tag::TRUE } else { tag::FALSE })
    }

    #[inline]
    pub(super) fn int(&mut self, value: i64, ty: NumberType) -> bool {
        self.number(ty, tag::INT, value.to_le_bytes())
    }

    /// Doubles that are no integers, and integers within 2^53.
    #[inline]
    pub(super) fn double(&mut self, value: f64, ty: NumberType) -> bool {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if !(-EXACT..EXACT).contains(&value) {
            return false;
        }
        let int = value as i64;
        if int as f64 == value {
            self.int(int, ty)
        } else {
            self.number(ty, tag::DOUBLE, value.to_bits().to_le_bytes())
        }
    }

    #[inline]
    pub(super) fn decimal(
        &mut self,
        negative: bool,
        coefficient: u128,
        exponent: i64,
        ty: NumberType,
    ) -> bool {
        let numbers = if self.typed {
            Numbers::Typed
        } else {
            Numbers::Value
        };
        let (coefficient, exponent) = match decimal_form(numbers, negative, coefficient, exponent) {
            DecimalForm::Int(value) => return self.int(value, ty),
            DecimalForm::Double(value) => return self.number(ty, tag::DOUBLE, value.to_bits().to_le_bytes()),
            DecimalForm::Decimal {
                coefficient,
                exponent,
            } => (coefficient, exponent),
        };
        let zigzag = ((exponent << 1) ^ (exponent >> 63)) as u64;
        if zigzag >= 1 << 14 {
            return false;
        }
        let mut at = 0;
        if self.typed {
            self.store(0, [tag::TYPED, ty as u8]);
            at = 2;
        }
        self.store(at, [tag::DECIMAL, u8::from(negative && coefficient != 0)]);
        at += 2;
        if zigzag >= 0x80 {
            self.bytes[at] = zigzag as u8 | 0x80;
            at += 1;
            self.bytes[at] = (zigzag >> 7) as u8;
        } else {
            self.bytes[at] = zigzag as u8;
        }
        // Big-endian, without the zero bytes at its head; a zero is one byte.
        let head = (coefficient.leading_zeros() / 8).min(15);
        self.bytes[at + 1] = 16 - head as u8;
        self.store(at + 2, (coefficient << (8 * head)).to_be_bytes());
        self.len = at + 18 - head as usize;
        true
    }

    /// Text in its normal form: ASCII is, in every form.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) -> bool {
        self.ascii(text) || self.wide(text)
    }

    /// Whether what [`Flat::ascii`] left behind is what the encoder writes.
    #[inline(never)]
    fn wide(&self, text: &[u8]) -> bool {
        text.len() <= MAX_TEXT && self.as_is && std::str::from_utf8(text).is_ok()
    }

    /// ASCII text. What it is when it is not is left behind nonetheless, if it is short.
    #[inline]
    pub(super) fn ascii(&mut self, text: &[u8]) -> bool {
        let len = text.len();
        if len > MAX_TEXT {
            return false;
        }
        self.store(0, [tag::TEXT, len as u8]);
        self.len = 2 + len;
        match len {
            2..=3 => self.ends(text, |half| u16::from_ne_bytes(half) & (HIGH as u16) == 0),
            4..=8 => self.ends(text, |half| u32::from_ne_bytes(half) & (HIGH as u32) == 0),
            9..=16 => self.ends(text, |half| u64::from_ne_bytes(half) & (HIGH as u64) == 0),
            17..=32 => self.ends(text, |half| u128::from_ne_bytes(half) & HIGH == 0),
            _ => {
                self.bytes[2..2 + len].copy_from_slice(text);
                text.is_ascii()
            }
        }
    }

    /// Copies a text of `N` to `2 * N` bytes as its first `N` and its last `N`, which may overlap; whether it is `ascii`. Most
    /// texts are too short to be worth two calls.
    #[inline(always)]
    fn ends<const N: usize>(&mut self, text: &[u8], ascii: impl Fn([u8; N]) -> bool) -> bool {
        let (Some(head), Some(tail)) = (text.first_chunk(), text.last_chunk()) else {
            return false;
        };
        self.store(2, *head);
        self.store(2 + text.len() - N, *tail);
        ascii(*head) & ascii(*tail)
    }

    #[inline]
    pub(super) fn timestamp(&mut self, at: Timestamp) -> bool {
        self.tagged(tag::TIMESTAMP, at.0.to_le_bytes())
    }

    #[inline]
    pub(super) fn object_id(&mut self, id: [u8; 12]) -> bool {
        self.tagged(tag::OBJECT_ID, id)
    }
}
