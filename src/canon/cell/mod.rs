//! Text cells: what a cell of a delimited file says, given its column's type and the file's dialect.
//!
//! One parser drives the encoder; the tree form is decoded from the canonical bytes (under the equality that keeps
//! most), so the two cannot disagree. Plain cells are read without an allocation.
//!
//! What cqlsh writes is described by `pylib/cqlshlib/formatting.py` and `copyutil.py` of Apache Cassandra, what DSBulk
//! writes by its codec and connector settings.

mod exported;
mod hollow;
mod literal;
mod loss;
pub(super) mod number;
mod scalar;
pub(super) mod time;
mod walk;

pub use exported::{Exported, LossKind, Precision, Span};
pub use loss::{ColumnVerdict, LossCounts, LossScan, LossState, LossVerdict};

use super::csv::{CellSpan, Dialect, DialectKind, Escapes};
use super::{Encoder, Flat, ejson, tree};
use crate::model::{CqlType, NumberType, Problem, Timestamp, Value};
use number::excerpt;
use std::borrow::Cow;

/// How points in time are written in a plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeText {
    /// ISO 8601 with `Z` or an offset.
    Iso,
    /// ISO 8601; without an offset, UTC is meant.
    IsoUtc,
    /// Seconds since the epoch, perhaps with a fraction.
    Seconds,
    /// Milliseconds since the epoch.
    Millis,
    /// Microseconds since the epoch.
    Micros,
    /// Nanoseconds since the epoch.
    Nanos,
}

/// How bytes are written in a plain file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesText {
    /// Hexadecimal digits, with or without `0x`.
    Hex,
    /// Base 64.
    Base64,
}

/// What the cells of a column hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Text as it stands; what a file without types holds.
    Text,
    /// Values of a CQL type, as the dialect writes them.
    Cql(CqlType),
    /// Integers of any size.
    Int,
    /// 64-bit binary floating point.
    Double,
    /// 32-bit binary floating point.
    Float,
    /// Decimal numbers of any precision.
    Decimal,
    /// `true`/`false` in any case, or `1`/`0`.
    Bool,
    /// Points in time.
    Timestamp(TimeText),
    /// Calendar dates, `2024-02-29`.
    Date,
    /// Times of day, `12:34:56.789`.
    Time,
    /// UUIDs.
    Uuid,
    /// ObjectIds, 24 hexadecimal digits.
    ObjectId,
    /// Bytes.
    Bytes(BytesText),
    /// A JSON value.
    Json,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The name in the header.
    pub name: String,
    /// What its cells hold.
    pub ty: ColumnType,
    /// Whether the store cannot tell an empty collection of this column from null.
    pub non_frozen_collection: bool,
    /// Whether the store allows no null here: the null token of a text column is text then. So it is in the partition key, and
    /// in clustering columns, unless there are static ones: a partition without rows has a row of these alone.
    pub never_null: bool,
    /// The fields of a user-defined type, in the order of its declaration.
    pub fields: Vec<ColumnSpec>,
    /// The elements of a list, a set or a vector.
    pub element: Option<Box<ColumnSpec>>,
}

impl ColumnSpec {
    /// A column that may hold null.
    pub fn new(name: impl Into<String>, ty: ColumnType) -> ColumnSpec {
        let non_frozen_collection = matches!(&ty, ColumnType::Cql(t) if t.is_multicell());
        // What is inside another value can be empty whatever its type is called.
        let part = |name: &str, ty: &CqlType| ColumnSpec {
            non_frozen_collection: false,
            ..ColumnSpec::new(name, ColumnType::Cql(ty.clone()))
        };
        let (mut fields, mut element) = (Vec::new(), None);
        if let ColumnType::Cql(ty) = &ty {
            let declared = walk::udt(ty).map_or(&[][..], |udt| &udt.fields);
            fields = declared.iter().map(|(name, ty)| part(name, ty)).collect();
            element = walk::element(ty).map(|ty| Box::new(part("", ty)));
        }
        ColumnSpec {
            name: name.into(),
            ty,
            non_frozen_collection,
            never_null: false,
            fields,
            element,
        }
    }

    /// The column as `table` declares it; none if the table has no such column.
    pub fn of_table(table: &crate::model::Table, name: &str) -> Option<ColumnSpec> {
        let ty = table.column(name)?.ty.clone();
        let statics = table.columns.iter().any(|c| c.is_static);
        let clusters = || table.clustering.iter().any(|(k, _)| k == name);
        Some(ColumnSpec {
            never_null: table.partition_key.iter().any(|k| k == name) || !statics && clusters(),
            ..ColumnSpec::new(name, ColumnType::Cql(ty))
        })
    }

    fn is_text(&self) -> bool {
        match &self.ty {
            ColumnType::Text => true,
            ColumnType::Cql(ty) => ty.is_text(),
            _ => false,
        }
    }
}

/// How a cell is written. It fills a word, since cells are copied as words: a copy of three flags would wait until each of
/// them is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written(u64);

impl Written {
    const QUOTED: u64 = 1;
    const ESCAPED: u64 = 2;
    const INNER: u64 = 4;

    /// A part of another cell's value, written as a literal: text in quotes, null as a word.
    pub const AS_PART: Written = Written(Written::INNER);

    /// A cell of a record: whether quotes stand around its bytes, and whether these hold escapes or doubled quotes.
    #[inline]
    pub fn as_cell(quoted: bool, escaped: bool) -> Written {
        Written((u64::from(quoted) * Written::QUOTED) | (u64::from(escaped) * Written::ESCAPED))
    }

    #[inline]
    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
}

/// One cell, or a field of a user-defined type inside one: its bytes in the file and what is needed to read them.
#[derive(Clone, Copy, Debug)]
pub struct RawCell<'a> {
    /// The bytes without their quotes, escapes still in.
    pub text: &'a [u8],
    /// How they are written.
    pub written: Written,
    /// The column.
    pub column: &'a ColumnSpec,
    /// The file's dialect.
    pub dialect: &'a Dialect,
}

impl<'a> RawCell<'a> {
    /// The cell of `column` that `span` found in `record`.
    #[inline]
    pub fn new(
        record: &'a [u8],
        span: CellSpan,
        column: &'a ColumnSpec,
        dialect: &'a Dialect,
    ) -> RawCell<'a> {
        RawCell {
            text: &record[span.start..span.end],
            written: Written::as_cell(span.quoted, span.escaped),
            column,
            dialect,
        }
    }

    #[inline]
    fn quoted(&self) -> bool {
        self.written.has(Written::QUOTED)
    }

    #[inline]
    fn escaped(&self) -> bool {
        self.written.has(Written::ESCAPED)
    }

    #[inline]
    fn inner(&self) -> bool {
        self.written.has(Written::INNER)
    }

    /// Whether the cell says null.
    #[inline]
    pub fn is_null(&self) -> bool {
        let lengths_decide = !self.inner() && !self.escaped();
        match &self.dialect.null {
            Some(token) if lengths_decide && self.text.len() != token.len() => false,
            None if !self.inner() => false,
            _ => self.says_null(),
        }
    }

    fn says_null(&self) -> bool {
        if self.inner() {
            return literal::is_null(self.text, self.dialect);
        }
        let Some(token) = &self.dialect.null else {
            return false;
        };
        let quotes_decide = self.dialect.kind != DialectKind::Cqlsh;
        if quotes_decide && self.quoted() || self.column.never_null && self.column.is_text() {
            return false;
        }
        if self.escaped() {
            return token.contains(['\\', '"']) && self.words().is_ok_and(|text| *text == *token.as_bytes());
        }
        self.text == token.as_bytes()
    }

    /// Whether the file writes null and the empty text, or null and an empty collection, alike, and this cell is or holds one
    /// of the two.
    pub fn is_ambiguous(&self) -> bool {
        self.is_blank() || self.is_hollow()
    }

    /// Whether the file writes null and the empty text alike, and this cell is one of the two.
    fn is_blank(&self) -> bool {
        self.dialect.kind == DialectKind::Cqlsh
            && self.dialect.null.as_deref() == Some("")
            && self.text.is_empty()
            && !self.inner()
            && self.column.is_text()
            && !self.column.never_null
    }

    /// Appends the value's canonical bytes to `out`.
    ///
    /// `malformed` is text that is no value of the column's type; `unsupported` are types and sizes that are not read.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        if self.is_null() {
            out.null();
            return Ok(());
        }
        match &self.column.ty {
            ColumnType::Text => out.text(&self.words()?),
            ColumnType::Cql(ty) => self.cql(ty, None, out),
            plain => self.plain(plain, out),
        }
    }

    /// Writes the value's canonical bytes in one go, if it is short and simple; false if it is left to the encoder.
    #[inline(always)]
    pub fn flat(&self, out: &mut Flat) -> bool {
        // What holds no escape byte has nothing that cqlsh's formatting would have escaped either.
        let plain =
            !self.escaped() && (self.dialect.kind != DialectKind::Cqlsh || self.dialect.escape == b'\\');
        if !plain || self.inner() || !self.column.is_text() {
            return false;
        }
        if self.is_null() {
            return out.null();
        }
        match &self.column.ty {
            ColumnType::Cql(ty) if *ty.thawed() == CqlType::Ascii => out.ascii(self.text),
            _ => out.text(self.text),
        }
    }

    /// The value's tree form. Encoding it gives the same bytes as [`RawCell::encode`].
    pub fn to_value(&self) -> Result<Value, Problem> {
        tree(|out| self.encode(out))
    }

    /// Whether this text is all that a store writes of a collection that it holds no element of.
    fn is_nothing(&self, text: &[u8]) -> bool {
        !self.inner() && self.column.non_frozen_collection && matches!(text, b"[]" | b"{}")
    }

    /// Writes a value of a CQL type; `probe` is shown every floating point number on the way.
    fn cql(
        &self,
        ty: &CqlType,
        probe: Option<&mut scalar::Probe<'_>>,
        out: &mut Encoder,
    ) -> Result<(), Problem> {
        let ty = ty.thawed();
        if self.inner() {
            return literal::Literal::new(self.text, self.dialect, probe).whole(ty, out);
        }
        match ty {
            CqlType::Text => out.text(&self.words()?),
            CqlType::Ascii => scalar::ascii(&self.words()?, out),
            CqlType::List(_)
            | CqlType::Set(_)
            | CqlType::Map(..)
            | CqlType::Tuple(_)
            | CqlType::Vector(..)
            | CqlType::Udt(_) => {
                let text = self.cell_text()?;
                if self.is_nothing(&text) {
                    out.null();
                    return Ok(());
                }
                literal::Literal::new(&text, self.dialect, probe).whole(ty, out)
            }
            _ => scalar::encode(ty, &self.cell_text()?, self.dialect.kind, probe, out),
        }
    }

    /// The cell's text once the file format's own escapes are gone.
    #[inline]
    fn cell_text(&self) -> Result<Cow<'a, [u8]>, Problem> {
        if !self.escaped() {
            return Ok(Cow::Borrowed(self.text));
        }
        if self.dialect.kind == DialectKind::Cqlsh
            && self.dialect.escapes == Escapes::Twice
            && self.dialect.escape != self.dialect.quote
            && self.quoted()
            && !self
                .text
                .iter()
                .any(|&b| b == self.dialect.delimiter || b == b'\n' || b == b'\r')
        {
            // The newer writer quotes only what holds delimiters or line ends.
            return Err(Problem::malformed(format!(
                "{} has quotes around escapes alone: written by cqlsh on an older Python; declare escapes = \"once\"",
                excerpt(self.text)
            )));
        }
        self.dialect.unescape(self.text).map(Cow::Owned)
    }

    /// The text of a text cell: under cqlsh, its own escapes are gone too.
    #[inline]
    fn words(&self) -> Result<Cow<'a, [u8]>, Problem> {
        let text = self.cell_text()?;
        if self.dialect.kind != DialectKind::Cqlsh || memchr::memchr(b'\\', &text).is_none() {
            return Ok(text);
        }
        literal::unformat(&text).map(Cow::Owned)
    }

    fn plain(&self, ty: &ColumnType, out: &mut Encoder) -> Result<(), Problem> {
        let text = &*self.cell_text()?;
        let wrong = |what: &str| Problem::malformed(format!("{} is not {what}", excerpt(text)));
        match ty {
            ColumnType::Text | ColumnType::Cql(_) => return Err(wrong("of a plain type")),
            ColumnType::Int => number::varint(text, NumberType::Untyped, out)?,
            ColumnType::Decimal => number::decimal(text, NumberType::Untyped, out)?,
            ColumnType::Double => out.double(number::parse_float(text, false)?, NumberType::Double),
            ColumnType::Float => out.double(number::parse_float(text, true)?, NumberType::Float),
            ColumnType::Bool => out.bool(scalar::boolean(text).ok_or_else(|| wrong("true or false"))?),
            ColumnType::Timestamp(form) => {
                out.timestamp(
                    point_in_time(text, *form).ok_or_else(|| wrong("a time in the declared form"))?,
                );
            }
            ColumnType::Date => out.date(time::date(text).ok_or_else(|| wrong("a date (YYYY-MM-DD)"))?),
            ColumnType::Time => out.time(time::time(text).ok_or_else(|| wrong("a time of day"))?),
            ColumnType::Uuid => out.uuid(&number::uuid(text)?),
            ColumnType::ObjectId => out.object_id(&number::object_id(text)?),
            ColumnType::Bytes(BytesText::Hex) => out.binary(0, &number::hex_bytes(text, false)?),
            ColumnType::Bytes(BytesText::Base64) => out.binary(0, &number::base64_bytes(text)?),
            ColumnType::Json => ejson::RawJson {
                bytes: text.trim_ascii(),
            }
            .encode(out)?,
        }
        Ok(())
    }
}

fn point_in_time(text: &[u8], form: TimeText) -> Option<Timestamp> {
    let unit = match form {
        TimeText::Iso => return time::timestamp(text, false),
        TimeText::IsoUtc => return time::timestamp(text, true),
        TimeText::Seconds => 1_000_000_000i128,
        TimeText::Millis => 1_000_000,
        TimeText::Micros => 1_000,
        TimeText::Nanos => 1,
    };
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(i) => (&text[..i], &text[i + 1..]),
        None => (text, &b"0"[..]),
    };
    if !(1..=9).contains(&fraction.len()) || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let fraction_nanos = number::parse_i64(fraction).map(i128::from)? * unit;
    let scale = 10i128.pow(fraction.len() as u32);
    if fraction_nanos % scale != 0 {
        return None;
    }
    let fraction_nanos = fraction_nanos / scale;
    let nanos = i128::from(number::parse_i64(whole)?) * unit;
    Some(Timestamp(if whole.first() == Some(&b'-') {
        nanos - fraction_nanos
    } else {
        nanos + fraction_nanos
    }))
}

#[cfg(test)]
mod tests;
