//! Text cells: the literals of cqlsh and DSBulk, brought to values of their column's CQL type.

use super::Encoder;
use super::csv::{Column, Dialect, DialectKind, Loss};
use super::literal;
use crate::model::{CqlType, NumberRepr, Problem, Value};
use std::borrow::Cow;

/// One cell as the file holds it: content between its quotes, escapes and all.
#[derive(Clone, Copy, Debug)]
pub struct RawCell<'a> {
    /// The content.
    pub text: &'a [u8],
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Whether it holds escapes.
    pub escaped: bool,
    /// Its column.
    pub column: &'a Column,
    /// Its file's dialect.
    pub dialect: &'a Dialect,
}

impl<'a> RawCell<'a> {
    /// Appends the value's canonical bytes.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        let plain_text = match &self.column.ty.0 {
            None => true,
            Some(CqlType::Native(name)) => name == "text",
            Some(_) => false,
        };
        if plain_text && !self.escaped {
            return match self.is_null() {
                true => {
                    out.null();
                    Ok(())
                }
                false => out.text(self.text),
            };
        }
        out.value(&self.to_value()?)
    }

    /// The value's tree form.
    pub fn to_value(&self) -> Result<Value, Problem> {
        if self.is_null() {
            return Ok(Value::Null);
        }
        let text = self.unescaped();
        let text = std::str::from_utf8(&text)
            .map_err(|e| Problem::malformed(format!("invalid UTF-8 after {} bytes of text", e.valid_up_to())))?;
        match &self.column.ty.0 {
            None => Ok(Value::Text(text.to_owned())),
            Some(ty) => literal::parse(ty, text, self.dialect),
        }
    }

    /// Whether the column is a collection of which the server cannot say whether it is empty or null.
    pub fn empty_is_null(&self) -> bool {
        self.column.ty.0.as_ref().is_some_and(CqlType::empty_is_null)
    }

    fn is_text(&self) -> bool {
        self.column.ty.0.as_ref().is_none_or(CqlType::is_text)
    }

    fn is_null(&self) -> bool {
        match (&self.dialect.null, self.dialect.kind) {
            (Some(token), DialectKind::Cqlsh) => self.text == token.as_bytes(),
            (Some(token), _) => !self.quoted && self.text == token.as_bytes(),
            (None, _) => self.text.is_empty() && !self.column.ty.is_untyped(),
        }
    }

    /// Whether null and empty text look the same in this cell.
    fn ambiguous_null(&self) -> bool {
        let blind = match (&self.dialect.null, self.dialect.kind) {
            (Some(token), DialectKind::Cqlsh) => token.is_empty(),
            (None, DialectKind::Rfc4180) => !self.column.ty.is_untyped(),
            _ => false,
        };
        blind && self.text.is_empty() && self.is_text()
    }

    /// The content without the file format's own escapes.
    fn unescaped(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return self.text.into();
        }
        let mut out = Vec::with_capacity(self.text.len());
        let mut bytes = self.text.iter();
        let mark = if self.dialect.kind == DialectKind::Rfc4180 { b'"' } else { b'\\' };
        while let Some(&byte) = bytes.next() {
            match byte == mark {
                true => out.extend(bytes.next()),
                false => out.push(byte),
            }
        }
        out.into()
    }

    /// Counts what the cell may have lost.
    pub fn count_loss(&self, loss: &mut Loss) {
        loss.null_or_empty += u64::from(self.ambiguous_null());
        if self.dialect.kind == DialectKind::Cqlsh
            && let Some(kind) = self.column.ty.0.as_ref().and_then(CqlType::floating)
            && !self.is_null()
            && let Ok(value) = self.to_value()
        {
            count_floats(&value, &String::from_utf8_lossy(self.text), kind, loss);
        }
    }

    /// A copy that outlives the record.
    pub fn to_owned_cell(self) -> OwnedCell {
        OwnedCell {
            text: String::from_utf8_lossy(&self.unescaped()).into_owned(),
            ambiguous_null: self.ambiguous_null(),
            rounded: match self.dialect.kind {
                DialectKind::Cqlsh => self.column.ty.0.as_ref().and_then(CqlType::floating),
                _ => None,
            },
        }
    }
}

/// A cell kept for drill-down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCell {
    /// The text in the file, unescaped.
    pub text: String,
    /// Whether null and empty text look the same in it.
    pub ambiguous_null: bool,
    /// `double` or `float` where the dialect rounds such numbers by default.
    pub rounded: Option<&'static str>,
}

impl OwnedCell {
    /// What the export lost, if that explains why this cell (read as `own`) differs from `other`.
    pub fn explains(&self, own: Option<&Value>, other: Option<&Value>) -> Option<String> {
        let blank = |v: Option<&Value>| match v {
            None | Some(Value::Null) => true,
            Some(Value::Text(text)) => text.is_empty(),
            _ => false,
        };
        if self.ambiguous_null && blank(other) {
            return Some("null and empty text look the same in this export".to_owned());
        }
        let kind = self.rounded?;
        let rounds = match (own, other) {
            (Some(own), Some(other)) => rounds_to(other, own, default_precision(kind)),
            _ => false,
        };
        rounds.then(|| format!("this export rounds {kind}s; the exact value rounds to what it says"))
    }
}

fn default_precision(kind: &str) -> i32 {
    if kind == "float" { 5 } else { 12 }
}

/// How many significant digits cqlsh prints of `value`.
///
/// Source: cqlshlib's formatting of floating point numbers: `%.*g`, with the digits before the point on top where it
/// would not use an exponent.
fn digits_printed(value: f64, precision: i32) -> i32 {
    let exponent = if value.abs() > f64::EPSILON { value.abs().log10().trunc() as i32 } else { i32::MIN };
    match (-4..precision).contains(&exponent) {
        true => precision + exponent + 1,
        false => precision,
    }
}

/// Whether `exact`, printed the way cqlsh does by default, reads back as `seen`.
fn rounds_to(exact: &Value, seen: &Value, precision: i32) -> bool {
    match (exact, seen) {
        (Value::Number(a), Value::Number(b)) => {
            let double = |n: &crate::model::Number| match &n.repr {
                NumberRepr::Double(v) => Some(*v),
                NumberRepr::Int(v) => Some(*v as f64),
                NumberRepr::Decimal(d) => d.to_string().parse().ok(),
            };
            let (Some(a), Some(b)) = (double(a), double(b)) else { return false };
            let digits = digits_printed(a, precision).max(1) as usize;
            let printed = format!("{:.*e}", digits - 1, a);
            a == b || printed.parse::<f64>().is_ok_and(|p| p == b || p as f32 == b as f32 && precision == 5)
        }
        (Value::List(a) | Value::Set(a), Value::List(b) | Value::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| rounds_to(a, b, precision))
        }
        _ => super::same_bytes(exact, seen),
    }
}

fn count_floats(value: &Value, text: &str, kind: &str, loss: &mut Loss) {
    match value {
        Value::Number(n) => {
            let NumberRepr::Double(v) = n.repr else { return };
            let enough = if kind == "float" { 9 } else { 17 };
            let limit = digits_printed(v, default_precision(kind));
            if v == 0.0 || !v.is_finite() || limit >= enough {
                return;
            }
            let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
            let digits = mantissa.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            if digits as i32 > limit {
                loss.precise += 1;
            } else {
                loss.roundable += 1;
            }
        }
        Value::List(items) | Value::Set(items) => {
            let numbers = text.trim_matches(['[', ']', '{', '}', '(', ')']).split(", ");
            items.iter().zip(numbers).for_each(|(item, text)| count_floats(item, text, kind, loss));
        }
        // Inside maps and UDTs the texts are not told apart: their numbers count as possibly rounded.
        Value::Map(_) | Value::Document(_) => loss.roundable += 1,
        _ => {}
    }
}
