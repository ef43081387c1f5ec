//! Raw values and raw records: source bytes that can be walked and encoded without building a tree.

use super::{Encoder, Flat, NativeRow, RawNative, Row, bson, cell, ejson};
use crate::model::{Problem, Value};

/// What a walk calls for each field: its name and its value.
pub type VisitField<'v, R> = &'v mut dyn FnMut(&[u8], R) -> Result<(), Problem>;

/// What a walk calls for each element of a list: its index and its value.
pub type VisitItem<'v, R> = &'v mut dyn FnMut(usize, R) -> Result<(), Problem>;

/// One value as the source holds it. Copies are cheap: everything is borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Raw<'a> {
    /// A BSON element's value.
    Bson(bson::RawBson<'a>),
    /// A JSON value's text, read as Extended JSON v2 or plain JSON.
    Json(ejson::RawJson<'a>),
    /// A text cell with its declared type and dialect.
    Cell(cell::RawCell<'a>),
    /// A native CQL value with its declared type.
    Native(RawNative<'a>),
    /// A value that has been read already.
    Tree(&'a Value),
}

/// Says which field comes next, most likely: readers that are told so need not look for it.
pub trait Expect {
    /// The name of the next field; empty if there is no saying.
    fn expected(&self) -> &[u8];
}

/// Takes the fields of a record as they come.
pub trait FieldReader: Expect {
    /// Takes a field; without a name it is the one that was expected. False if no more are wanted.
    ///
    /// # Errors
    /// What ends the walk with a problem.
    fn field(&mut self, name: Option<&[u8]>, value: Raw<'_>) -> Result<bool, Problem>;
}

/// Expects nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Expect for Nothing {
    #[inline]
    fn expected(&self) -> &[u8] {
        &[]
    }
}

/// Whether two names are the same. Most names are short: too short to be worth a call.
#[inline]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    let word = |bytes: &[u8], at: usize| bytes[at..].first_chunk().map(|c| u64::from_le_bytes(*c));
    let half = |bytes: &[u8], at: usize| bytes[at..].first_chunk().map(|c| u32::from_le_bytes(*c));
    match a.len() {
        len if len != b.len() => false,
        0..4 => a.iter().eq(b),
        len @ 4..8 => half(a, 0) == half(b, 0) && half(a, len - 4) == half(b, len - 4),
        len @ 8..=16 => word(a, 0) == word(b, 0) && word(a, len - 8) == word(b, len - 8),
        _ => a == b,
    }
}

/// Bytes from which on a value is too long to be copied for its hash.
const LONG: usize = 64 << 10;

impl<'a> Raw<'a> {
    /// Writes the value's canonical bytes in one go, if it is short and simple; false if it is left to the encoder.
    #[inline(always)]
    pub fn flat(&self, out: &mut Flat) -> bool {
        match self {
            Raw::Bson(raw) => raw.flat(out),
            Raw::Json(_) | Raw::Tree(_) => false,
            Raw::Cell(cell) => cell.flat(out),
            Raw::Native(cell) => cell.flat(out),
        }
    }

    /// Appends the value's canonical bytes to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self {
            Raw::Bson(raw) => raw.encode(out),
            Raw::Json(raw) => raw.encode(out),
            Raw::Cell(raw) => raw.encode(out),
            Raw::Native(raw) => raw.encode(out),
            Raw::Tree(value) => out.value(value),
        }
    }

    /// The bytes of a long value that end its canonical form as they are, and what stands before them appended to `out`. None,
    /// and nothing appended, for a value that is short or has another form: what [`encode`](Raw::encode) would copy whole.
    #[inline]
    pub fn encode_long(&self, out: &mut Encoder) -> Option<&'a [u8]> {
        match self {
            Raw::Bson(raw) if raw.bytes.len() > LONG => raw.encode_long(out),
            Raw::Native(raw) if raw.bytes.is_some_and(|bytes| bytes.len() > LONG) => raw.encode_long(out),
            _ => None,
        }
    }

    /// The value's tree form. Encoding it gives the same bytes as [`Raw::encode`].
    pub fn to_value(&self) -> Result<Value, Problem> {
        match self {
            Raw::Bson(raw) => raw.to_value(),
            Raw::Json(raw) => raw.to_value(),
            Raw::Cell(raw) => raw.to_value(),
            Raw::Native(raw) => raw.to_value(),
            Raw::Tree(value) => Ok((*value).clone()),
        }
    }

    /// If the value is a document (BSON document, JSON object that is no Extended JSON scalar, native user-defined type):
    /// calls `visit` for each field in source order and returns true. False, and no call, for every other value. Text
    /// cells are never walked.
    pub fn walk_document(&self, visit: VisitField<'_, Raw<'a>>) -> Result<bool, Problem> {
        match self {
            Raw::Bson(raw) => raw.walk_document(&mut |n, v| visit(n, Raw::Bson(v))),
            Raw::Json(raw) => raw.walk_document(&mut |n, v| visit(n, Raw::Json(v))),
            Raw::Native(raw) => raw.walk_document(&mut |n, v| visit(n, Raw::Native(v))),
            Raw::Tree(Value::Document(fields)) => {
                for (name, value) in fields {
                    visit(name.as_bytes(), Raw::Tree(value))?;
                }
                Ok(true)
            }
            Raw::Cell(_) | Raw::Tree(_) => Ok(false),
        }
    }

    /// Like [`Raw::walk_document`], for cells of user-defined types too. What such a cell holds may live no longer than the
    /// call.
    pub fn walk_fields(
        &self,
        visit: &mut dyn FnMut(&[u8], Raw<'_>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        match self {
            Raw::Cell(cell) => cell.walk_fields(&mut |n, v| visit(n, Raw::Cell(v))),
            other => other.walk_document(&mut |n, v| visit(n, v)),
        }
    }

    /// Like [`Raw::walk_list`], for cells of lists, sets and vectors too. What such a cell holds may live no longer than the call.
    pub fn walk_elements(
        &self,
        visit: &mut dyn FnMut(usize, Raw<'_>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        match self {
            Raw::Cell(cell) => cell.walk_elements(&mut |i, v| visit(i, Raw::Cell(v))),
            other => other.walk_list(&mut |i, v| visit(i, v)),
        }
    }

    /// If the value is an array: calls `visit` for each element in order and returns true.
    pub fn walk_list(&self, visit: VisitItem<'_, Raw<'a>>) -> Result<bool, Problem> {
        match self {
            Raw::Bson(raw) => raw.walk_list(&mut |i, v| visit(i, Raw::Bson(v))),
            Raw::Json(raw) => raw.walk_list(&mut |i, v| visit(i, Raw::Json(v))),
            Raw::Native(raw) => raw.walk_list(&mut |i, v| visit(i, Raw::Native(v))),
            Raw::Tree(Value::List(items) | Value::Set(items)) => {
                for (index, value) in items.iter().enumerate() {
                    visit(index, Raw::Tree(value))?;
                }
                Ok(true)
            }
            Raw::Cell(_) | Raw::Tree(_) => Ok(false),
        }
    }
}

/// One whole record as the source holds it.
#[derive(Clone, Copy, Debug)]
pub enum RawRecord<'a> {
    /// A BSON document.
    Bson(&'a [u8]),
    /// The text of one JSON document.
    Json(&'a [u8]),
    /// A line of a text file.
    Row(Row<'a>),
    /// A row of native CQL cells.
    Native(NativeRow<'a>),
}

impl<'a> RawRecord<'a> {
    /// Gives `reader` each field in source order, until it wants no more.
    #[inline]
    pub fn read<R: FieldReader>(&self, reader: &mut R) -> Result<(), Problem> {
        match self {
            RawRecord::Bson(document) => {
                bson::walk_while(document, reader, |r, name, value| r.field(name, Raw::Bson(value)))
            }
            RawRecord::Json(text) => {
                ejson::walk_while(text, |name, value| reader.field(Some(name), Raw::Json(value)))
            }
            RawRecord::Row(row) => row.walk_while(reader, |r, name, cell| r.field(name, Raw::Cell(cell))),
            RawRecord::Native(row) => {
                row.walk_while(reader, |r, name, cell| r.field(name, Raw::Native(cell)))
            }
        }
    }

    /// Calls `visit` for each field in source order, until it returns false.
    pub fn walk_names(
        &self,
        mut visit: impl FnMut(&[u8], Raw<'a>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        match self {
            RawRecord::Bson(document) => bson::walk_while(document, &mut Nothing, |_, name, value| {
                visit(name.unwrap_or_default(), Raw::Bson(value))
            }),
            RawRecord::Json(text) => ejson::walk_while(text, |name, value| visit(name, Raw::Json(value))),
            RawRecord::Row(row) => row.walk_while(&mut Nothing, |_, name, cell| {
                visit(name.unwrap_or_default(), Raw::Cell(cell))
            }),
            RawRecord::Native(row) => row.walk_while(&mut Nothing, |_, name, cell| {
                visit(name.unwrap_or_default(), Raw::Native(cell))
            }),
        }
    }
}
