//! A column as an export writes it: which values of the store it says the same of. An export that cannot tell the truth
//! must not make a divergence of its own loss.

use super::number::parse_float;
use super::{ColumnSpec, ColumnType, RawCell, hollow, scalar};
use crate::canon::csv::{Dialect, DialectKind};
use crate::canon::{Encoder, Equality};
use crate::model::{CqlType, Number, NumberRepr, NumberType, Timestamp, Value};

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
    // More digits than these change nothing, and a declared precision may be anything.
    let precision = precision.min(800);
    match exponent {
        Some(e) if e >= -4 && e < precision as i32 => (precision as i32 + e + 1).max(1) as u32,
        _ => precision.max(1),
    }
}

/// The significant digits that tell every number of a type from every other.
pub(super) fn needed(single: bool) -> u32 {
    if single { 9 } else { 17 }
}

/// The number that is read back from what cqlsh writes for `value`.
pub(super) fn exported(value: f64, precision: u32, single: bool) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let digits = digits(exponent(value), precision);
    let text = format!("{:.*e}", digits as usize - 1, value);
    parse_float(text.as_bytes(), single).unwrap_or(value)
}

/// The time that is read back from what cqlsh writes for `ms`.
///
/// The driver divides by 1000.0, adds the seconds to 1970 in rounded microseconds, and cqlsh cuts these to milliseconds.
pub(super) fn exported_millis(ms: i64) -> i64 {
    if !TEXT_YEARS.contains(&ms) {
        return ms;
    }
    let seconds = ms as f64 / 1000.0;
    let micros = (seconds.fract() * 1e6).round_ties_even() as i64;
    (seconds.trunc() as i64)
        .saturating_mul(1_000_000)
        .saturating_add(micros)
        .div_euclid(1000)
}

/// Milliseconds that cqlsh writes as text; beyond, it writes the count itself, which is exact.
const TEXT_YEARS: std::ops::Range<i64> = -62_135_596_800_000..253_402_300_800_000;

/// A column of an export, or a field of a user-defined type in one, as that export writes it.
#[derive(Clone, Copy, Debug)]
pub struct Exported<'a> {
    column: &'a ColumnSpec,
    dialect: &'a Dialect,
    precision: Precision,
    part: bool,
}

impl<'a> Exported<'a> {
    /// The column whose cells `cell` is one of; `precision` is what the export was made with (see
    /// [`super::LossScan::precision`]).
    pub fn of(cell: &RawCell<'a>, precision: Precision) -> Exported<'a> {
        Exported {
            column: cell.column,
            dialect: cell.dialect,
            precision,
            part: cell.inner(),
        }
    }

    /// A column, or a field of a user-defined type (`part`).
    pub fn new(
        column: &'a ColumnSpec,
        dialect: &'a Dialect,
        precision: Precision,
        part: bool,
    ) -> Exported<'a> {
        Exported {
            column,
            dialect,
            precision,
            part,
        }
    }

    /// The column.
    pub fn column(&self) -> &'a ColumnSpec {
        self.column
    }

    fn ty(&self) -> Option<&'a CqlType> {
        match &self.column.ty {
            ColumnType::Cql(ty) => Some(ty),
            _ => None,
        }
    }

    fn is_cqlsh(&self) -> bool {
        self.dialect.kind == DialectKind::Cqlsh
    }

    /// The precision of the column's numbers. Inside another value every number is written like those of a collection.
    fn digits(&self, ty: &CqlType) -> u32 {
        match self.part {
            true => self.precision.float,
            false => self.precision.of(ty),
        }
    }

    /// The text that is written as null is.
    fn null_text(&self) -> Option<&'a str> {
        let may = self.is_cqlsh() && !self.part && self.column.is_text() && !self.column.never_null;
        self.dialect.null.as_deref().filter(|_| may)
    }

    /// The value of the column that is nearest to `guess`; none if nothing is like it there.
    pub fn nearest(&self, guess: &Value) -> Option<Value> {
        let Some(ty) = self.ty() else {
            return Some(guess.clone());
        };
        leaves(guess, ty, &mut |ty, value| match (ty, value) {
            (CqlType::Double | CqlType::Float, Value::Number(number)) => {
                let single = *ty == CqlType::Float;
                Some(float(nearest(number, single), single))
            }
            (CqlType::Timestamp, Value::Timestamp(at)) => {
                let ms = i64::try_from(at.0.div_euclid(1_000_000)).ok()?;
                Some(Value::Timestamp(Timestamp::from_millis(ms)))
            }
            (CqlType::Double | CqlType::Float | CqlType::Timestamp, _) => None,
            _ => Some(value.clone()),
        })
    }

    /// What is read of the export where the store holds `value`.
    pub fn read_back(&self, value: &Value) -> Value {
        let written_as_null =
            matches!((value, self.null_text()), (Value::Text(text), Some(null)) if text == null);
        if written_as_null {
            return Value::Null;
        }
        let Some(ty) = self.ty() else {
            return value.clone();
        };
        match self.dialect.kind {
            DialectKind::Cqlsh => {
                let precision = self.digits(ty);
                let read = leaves(value, ty, &mut |ty, value| Some(reread(ty, value, precision)));
                read.unwrap_or_else(|| value.clone())
            }
            DialectKind::Dsbulk if !self.column.never_null => {
                let mut read = value.clone();
                hollow::each(&mut read, ty, &mut hollow::empty);
                if self.column.non_frozen_collection && hollow::is_empty(&read) {
                    return Value::Null;
                }
                read
            }
            _ => value.clone(),
        }
    }

    /// Whether the export says of both values the same.
    pub fn says_the_same(&self, one: &Value, other: &Value) -> bool {
        let bytes = |value: &Value| {
            let mut encoder = Encoder::new(Equality::default());
            encoder.value(value).ok()?;
            Some(encoder.bytes().to_vec())
        };
        let read = bytes(one);
        read.is_some() && read == bytes(other)
    }

    /// Why `read` may stand for another value of the store than itself, if it may.
    pub fn doubt(&self, read: &Value) -> Option<LossKind> {
        if matches!(read, Value::Null) && self.null_text() == Some("") {
            return Some(LossKind::NullOrEmpty);
        }
        let ty = self.ty()?;
        match self.dialect.kind {
            DialectKind::Cqlsh => {
                let (precision, mut rounded, mut far) = (self.digits(ty), false, false);
                leaves(read, ty, &mut |ty, value| {
                    match value {
                        Value::Number(number) if matches!(ty, CqlType::Double | CqlType::Float) => {
                            rounded |= is_rounded(number, *ty == CqlType::Float, precision);
                        }
                        Value::Timestamp(at) if *ty == CqlType::Timestamp => far |= is_far(*at),
                        _ => {}
                    }
                    Some(Value::Null)
                });
                let kinds = [(rounded, LossKind::Rounded), (far, LossKind::FarTimestamp)];
                kinds.into_iter().find_map(|(is, kind)| is.then_some(kind))
            }
            DialectKind::Dsbulk if !self.column.never_null => {
                let mut found = false;
                hollow::each(&mut read.clone(), ty, &mut |value, _| {
                    found |= hollow::is_empty(value)
                });
                found.then_some(LossKind::NullOrEmpty)
            }
            _ => None,
        }
    }

    /// Other values of which the export says the same as of `read`, where there are a few and they can be listed.
    pub fn others(&self, read: &Value) -> Vec<Value> {
        let mut others = Vec::new();
        if let (Value::Null, Some(text)) = (read, self.null_text()) {
            others.push(Value::Text(text.to_owned()));
        }
        if let (Value::Timestamp(at), Some(_)) = (read, self.doubt(read)) {
            others.extend([-1, 1].map(|by| Value::Timestamp(Timestamp(at.0 + by * 1_000_000))));
        }
        if let (DialectKind::Dsbulk, Some(ty), Some(_)) = (self.dialect.kind, self.ty(), self.doubt(read)) {
            let mut filled = read.clone();
            hollow::each(&mut filled, ty, &mut hollow::fill);
            others.push(filled);
        }
        others.retain(|other| self.says_the_same(&self.read_back(other), read));
        others
    }

    /// The floating point numbers that the export writes as it writes `read`.
    pub fn span(&self, read: &Value) -> Option<Span> {
        let Value::Number(number) = read else { return None };
        let ty = self.ty()?.thawed();
        let single = *ty == CqlType::Float;
        let precision = self.digits(ty);
        if !self.is_cqlsh() || !single && *ty != CqlType::Double || !is_rounded(number, single, precision) {
            return None;
        }
        let at = nearest(number, single);
        let written = exported(at, precision, single);
        let middle = place(at, single);
        let alike = |at: i64| exported(number_at(at, single), precision, single) == written;
        // Rounding keeps the order: what is written alike lies together.
        let end = |towards: i64| {
            let (mut inside, mut step) = (0i64, 1i64);
            while step < 1 << 54 && alike(middle + towards * (inside + step)) {
                inside += step;
                step *= 2;
            }
            while step > 0 {
                if alike(middle + towards * (inside + step)) {
                    inside += step;
                }
                step /= 2;
            }
            middle + towards * inside
        };
        Some(Span {
            first: end(-1),
            last: end(1),
            single,
        })
    }
}

/// Floating point numbers that lie together, by their place in the order of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The place of the least.
    pub first: i64,
    /// The place of the greatest.
    pub last: i64,
    single: bool,
}

impl Span {
    /// The number at a place.
    pub fn at(&self, place: i64) -> Value {
        float(number_at(place, self.single), self.single)
    }
}

/// The place of a number among all of its type; zero is at 0.
fn place(value: f64, single: bool) -> i64 {
    let (bits, negative) = match single {
        true => (
            i64::from((value as f32).abs().to_bits()),
            value.is_sign_negative(),
        ),
        false => (value.abs().to_bits() as i64, value.is_sign_negative()),
    };
    if negative { -bits } else { bits }
}

fn number_at(place: i64, single: bool) -> f64 {
    let bits = place.unsigned_abs();
    let value = match single {
        true => f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(u32::MAX))),
        false => f64::from_bits(bits),
    };
    if place < 0 { -value } else { value }
}

fn float(value: f64, single: bool) -> Value {
    let held = match single {
        true => NumberType::Float,
        false => NumberType::Double,
    };
    Value::Number(Number::double(value, held))
}

/// The number of a floating point type that is nearest.
fn nearest(number: &Number, single: bool) -> f64 {
    let text = match &number.repr {
        NumberRepr::Double(v) if single => return f64::from(*v as f32),
        NumberRepr::Double(v) => return *v,
        NumberRepr::Int(v) => v.to_string(),
        NumberRepr::Decimal(d) => format!("{}e{}", d.unscaled, d.exponent),
    };
    let nearest = match single {
        true => text.parse::<f32>().map(f64::from),
        false => text.parse::<f64>(),
    };
    nearest.unwrap_or(f64::NAN)
}

/// Whether cqlsh writes other numbers like this one.
fn is_rounded(number: &Number, single: bool, precision: u32) -> bool {
    let value = nearest(number, single);
    value.is_finite() && value != 0.0 && digits(exponent(value), precision) < needed(single)
}

fn reread(ty: &CqlType, value: &Value, precision: u32) -> Value {
    match (ty, value) {
        (CqlType::Double | CqlType::Float, Value::Number(number)) => {
            let single = *ty == CqlType::Float;
            float(exported(nearest(number, single), precision, single), single)
        }
        (CqlType::Timestamp, Value::Timestamp(at)) => match i64::try_from(at.0.div_euclid(1_000_000)) {
            Ok(ms) => Value::Timestamp(Timestamp::from_millis(exported_millis(ms))),
            Err(_) => value.clone(),
        },
        _ => value.clone(),
    }
}

/// Whether the text of a time stands for more than one time, or for another one.
fn is_far(at: Timestamp) -> bool {
    let Ok(ms) = i64::try_from(at.0.div_euclid(1_000_000)) else {
        return false;
    };
    // Nearly all times are near.
    ms.unsigned_abs() >= 1000 << 33
        && TEXT_YEARS.contains(&ms)
        && (exported_millis(ms) != ms || exported_millis(ms + 1) == ms)
}

impl RawCell<'_> {
    /// Whether the time in this cell stands for more than one time, or for another one.
    pub(super) fn is_far_timestamp(&self) -> bool {
        // Nearly all times are near, and their year tells.
        if let [a @ b'0'..=b'9', b, c, d, b'-', ..] = self.text
            && (b"1698".as_slice()..=b"2241".as_slice()).contains(&[*a, *b, *c, *d].as_slice())
        {
            return false;
        }
        scalar::timestamp(self.text).is_some_and(is_far)
    }

    /// The same of the times inside this cell.
    pub(super) fn holds_far_timestamp(&self) -> bool {
        let exported = Exported::of(self, EXACT);
        !self.is_null()
            && self
                .to_value()
                .is_ok_and(|value| exported.doubt(&value) == Some(LossKind::FarTimestamp))
    }
}

/// The precision that loses nothing.
const EXACT: Precision = Precision {
    double: 20,
    float: 20,
};

/// The value of type `ty` with what `leaf` makes of everything in it that holds no other value; none if `leaf` makes nothing
/// of something, or if the value has not the form of the type.
fn leaves(
    value: &Value,
    ty: &CqlType,
    leaf: &mut dyn FnMut(&CqlType, &Value) -> Option<Value>,
) -> Option<Value> {
    let mut each = |values: &[Value], t: &CqlType| -> Option<Vec<Value>> {
        values.iter().map(|v| leaves(v, t, leaf)).collect()
    };
    Some(match (ty.thawed(), value) {
        (_, Value::Null) => Value::Null,
        (CqlType::List(t) | CqlType::Vector(t, _), Value::List(items)) => Value::List(each(items, t)?),
        (CqlType::Set(t), Value::Set(items) | Value::List(items)) => Value::Set(each(items, t)?),
        (CqlType::Tuple(types), Value::List(items)) if types.len() == items.len() => {
            let items = items.iter().zip(types);
            Value::List(items.map(|(v, t)| leaves(v, t, leaf)).collect::<Option<_>>()?)
        }
        (CqlType::Map(k, v), Value::Map(pairs)) => {
            let pair = |(x, y): &(Value, Value)| Some((leaves(x, k, leaf)?, leaves(y, v, leaf)?));
            Value::Map(pairs.iter().map(pair).collect::<Option<_>>()?)
        }
        (CqlType::Map(k, v), Value::Document(fields)) => {
            let pair = |(name, y): &(String, Value)| {
                let key = leaves(&Value::Text(name.clone()), k, leaf)?;
                Some((key, leaves(y, v, leaf)?))
            };
            Value::Map(fields.iter().map(pair).collect::<Option<_>>()?)
        }
        (CqlType::Udt(udt), Value::Document(fields)) => {
            let field = |(name, v): &(String, Value)| {
                let (_, t) = udt.fields.iter().find(|(field, _)| field == name)?;
                Some((name.clone(), leaves(v, t, leaf)?))
            };
            Value::Document(fields.iter().map(field).collect::<Option<_>>()?)
        }
        (scalar, value) => leaf(scalar, value)?,
    })
}
