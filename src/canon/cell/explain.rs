//! Could an exact value have been exported as a lossy cell? Asked at drill-down, so that an export's own loss is never
//! reported as a divergence.

use super::number::parse_float;
use super::{ColumnType, RawCell, scalar};
use crate::canon::csv::DialectKind;
use crate::canon::{Encoder, Equality};
use crate::model::{CqlType, Number, NumberRepr, NumberType, Timestamp, Value};
use num_traits::ToPrimitive;

/// What an export loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossKind {
    /// Null and the empty text (cqlsh), or null and an empty collection (DSBulk), are written alike.
    NullOrEmpty,
    /// Floating point numbers are written with fewer digits than they hold.
    Rounded,
    /// Times far from 1970 (before 1697 or after 2242) go through binary seconds, which may cost a millisecond.
    FarTimestamp,
}

/// The `DOUBLEPRECISION` and `FLOATPRECISION` of a cqlsh export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// For columns of type `double`.
    pub double: u32,
    /// For all other numbers: `float` columns, and floats *and doubles* inside collections.
    pub float: u32,
}

impl Default for Precision {
    /// What cqlsh uses unless it is told otherwise.
    fn default() -> Precision {
        Precision { double: 12, float: 5 }
    }
}

impl Precision {
    /// The precision of numbers in a column of type `ty`.
    pub(super) fn of(self, ty: &CqlType) -> u32 {
        if *ty.thawed() == CqlType::Double {
            self.double
        } else {
            self.float
        }
    }
}

/// The decimal exponent as cqlsh takes it, towards zero; none if it is not looked at (`cqlshlib/formatting.py`).
pub(super) fn exponent(value: f64) -> Option<i32> {
    (value.abs() > f64::EPSILON).then(|| value.abs().log10() as i32)
}

/// How many significant digits cqlsh writes of a number with `exponent`.
pub(super) fn digits(exponent: Option<i32>, precision: u32) -> u32 {
    match exponent {
        Some(e) if e >= -4 && e < precision as i32 => (precision as i32 + e + 1).max(1) as u32,
        _ => precision.max(1),
    }
}

/// The number that is read back from what cqlsh writes for `value`.
pub(super) fn exported(value: f64, precision: u32, single: bool) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // More digits than these change nothing, and a declared precision may be anything.
    let digits = digits(exponent(value), precision.min(800));
    let text = format!("{:.*e}", digits as usize - 1, value);
    parse_float(text.as_bytes(), single).unwrap_or(value)
}

/// The time that is read back from what cqlsh writes for `ms`.
///
/// The driver divides by 1000.0, adds the seconds to 1970 in rounded microseconds, and cqlsh cuts these to milliseconds.
pub(super) fn exported_millis(ms: i64) -> i64 {
    let seconds = ms as f64 / 1000.0;
    let micros = (seconds.fract() * 1e6).round_ties_even() as i64;
    (seconds.trunc() as i64)
        .saturating_mul(1_000_000)
        .saturating_add(micros)
        .div_euclid(1000)
}

/// Milliseconds that cqlsh writes as text; beyond, it writes the count itself, which is exact.
pub(super) const TEXT_YEARS: std::ops::Range<i64> = -62_135_596_800_000..253_402_300_800_000;

impl RawCell<'_> {
    /// Whether the exact value `other` (none: not there at all) could have been exported as this cell, though the two
    /// differ as they stand; if so, through which loss. `other` must be in the form of the cell's column, before any
    /// mapping, and `precision` what the export was made with (see [`super::LossScan::precision`]).
    pub fn explains(
        &self,
        other: Option<&Value>,
        precision: Precision,
        equality: Equality,
    ) -> Option<LossKind> {
        if self.is_hollow() {
            return self
                .is_hollow_of(other, equality)
                .then_some(LossKind::NullOrEmpty);
        }
        if self.is_blank() {
            return match other {
                None | Some(Value::Null) => Some(LossKind::NullOrEmpty),
                Some(Value::Text(text)) if text.is_empty() => Some(LossKind::NullOrEmpty),
                Some(_) => None,
            };
        }
        let ColumnType::Cql(ty) = &self.column.ty else {
            return None;
        };
        if self.dialect.kind != DialectKind::Cqlsh || self.is_null() {
            return None;
        }
        let floats = |t: &CqlType| matches!(t, CqlType::Float | CqlType::Double);
        let kind = if ty.contains(&floats) {
            LossKind::Rounded
        } else if ty.contains(&|t| *t == CqlType::Timestamp) {
            LossKind::FarTimestamp
        } else {
            return None;
        };
        // Inside another value every number is written like those of a collection.
        let precision = match self.inner() {
            true => precision.float,
            false => precision.of(ty),
        };
        let lossy = lossy_form(other?, ty, precision)?;
        let mut ours = Encoder::new(equality);
        let mut theirs = Encoder::new(equality);
        self.encode(&mut ours).ok()?;
        theirs.value(&lossy).ok()?;
        (ours.bytes() == theirs.bytes()).then_some(kind)
    }

    /// Whether the time in this cell stands for more than one time, or for another one.
    pub(super) fn is_far_timestamp(&self) -> bool {
        // Nearly all times are near, and their year tells.
        if let [a @ b'0'..=b'9', b, c, d, b'-', ..] = self.text
            && (b"1698".as_slice()..=b"2241".as_slice()).contains(&[*a, *b, *c, *d].as_slice())
        {
            return false;
        }
        let Some(at) = scalar::timestamp(self.text) else {
            return false;
        };
        // Bare milliseconds are exact; text has a blank or a T.
        if self.text.len() < 16 || self.text.iter().all(|b| b.is_ascii_digit() || *b == b'-') {
            return false;
        }
        is_far(at)
    }

    /// The same of the times inside this cell.
    pub(super) fn holds_far_timestamp(&self) -> bool {
        !self.is_null() && self.to_value().is_ok_and(|value| holds_far(&value))
    }
}

/// Whether the text of a time stands for more than one time, or for another one.
fn is_far(at: Timestamp) -> bool {
    let Ok(ms) = i64::try_from(at.0.div_euclid(1_000_000)) else {
        return false;
    };
    ms.unsigned_abs() >= 1000 << 33 && (exported_millis(ms) != ms || exported_millis(ms + 1) == ms)
}

fn holds_far(value: &Value) -> bool {
    match value {
        Value::Timestamp(at) => {
            let text = |ms: i128| i64::try_from(ms).is_ok_and(|ms| TEXT_YEARS.contains(&ms));
            text(at.0.div_euclid(1_000_000)) && is_far(*at)
        }
        Value::List(items) | Value::Set(items) => items.iter().any(holds_far),
        Value::Map(pairs) => pairs
            .iter()
            .any(|(key, value)| holds_far(key) || holds_far(value)),
        Value::Document(fields) => fields.iter().any(|(_, value)| holds_far(value)),
        _ => false,
    }
}

/// What comes back of `value` once cqlsh has written it as type `ty`; none if it cannot be a value of that type.
fn lossy_form(value: &Value, ty: &CqlType, precision: u32) -> Option<Value> {
    let each = |values: &[Value], t: &CqlType| {
        values
            .iter()
            .map(|v| lossy_form(v, t, precision))
            .collect::<Option<Vec<_>>>()
    };
    Some(match (ty.thawed(), value) {
        (_, Value::Null) => Value::Null,
        (CqlType::Double | CqlType::Float, Value::Number(number)) => {
            let single = *ty.thawed() == CqlType::Float;
            let exact = exact_float(number)?;
            if single && !exact.is_nan() && f64::from(exact as f32) != exact {
                return None;
            }
            let held = if single {
                NumberType::Float
            } else {
                NumberType::Double
            };
            Value::Number(Number::double(exported(exact, precision, single), held))
        }
        (CqlType::Timestamp, Value::Timestamp(at)) => {
            let ms = i64::try_from(at.0.div_euclid(1_000_000)).ok()?;
            if at.0.rem_euclid(1_000_000) != 0 {
                return None;
            }
            Value::Timestamp(Timestamp::from_millis(if TEXT_YEARS.contains(&ms) {
                exported_millis(ms)
            } else {
                ms
            }))
        }
        (CqlType::List(t) | CqlType::Vector(t, _), Value::List(items)) => Value::List(each(items, t)?),
        (CqlType::Set(t), Value::Set(items)) => Value::Set(each(items, t)?),
        (CqlType::Tuple(types), Value::List(items)) if types.len() == items.len() => Value::List(
            items
                .iter()
                .zip(types)
                .map(|(v, t)| lossy_form(v, t, precision))
                .collect::<Option<_>>()?,
        ),
        (CqlType::Map(k, v), Value::Map(pairs)) => Value::Map(
            pairs
                .iter()
                .map(|(x, y)| Some((lossy_form(x, k, precision)?, lossy_form(y, v, precision)?)))
                .collect::<Option<_>>()?,
        ),
        (CqlType::Map(_, t), Value::Document(fields)) => Value::Document(
            fields
                .iter()
                .map(|(n, v)| Some((n.clone(), lossy_form(v, t, precision)?)))
                .collect::<Option<_>>()?,
        ),
        (CqlType::Udt(udt), Value::Document(fields)) => Value::Document(
            fields
                .iter()
                .map(|(n, v)| {
                    let (_, t) = udt.fields.iter().find(|(field, _)| field == n)?;
                    Some((n.clone(), lossy_form(v, t, precision)?))
                })
                .collect::<Option<_>>()?,
        ),
        (_, other) => other.clone(),
    })
}

/// The double that a number equals exactly.
fn exact_float(number: &Number) -> Option<f64> {
    match &number.repr {
        NumberRepr::Double(v) => Some(*v),
        NumberRepr::Int(v) => (((*v as f64) as i128) == i128::from(*v)).then_some(*v as f64),
        NumberRepr::Decimal(d) => {
            let near = format!("{}e{}", d.unscaled, d.exponent).parse::<f64>().ok()?;
            let same = |e: &mut Encoder| {
                e.clear();
                e.big_decimal(d, NumberType::Untyped);
                e.bytes().to_vec()
            };
            let mut encoder = Encoder::new(Equality::default());
            let exact = same(&mut encoder);
            encoder.clear();
            encoder.double(near, NumberType::Untyped);
            (encoder.bytes() == exact && near.to_f64().is_some()).then_some(near)
        }
    }
}
