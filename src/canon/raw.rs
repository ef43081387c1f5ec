//! Raw values and raw records: source bytes that can be walked and encoded without building a tree.

use super::{Encoder, Row, bson, cell, ejson};
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
    /// A value that has been read already.
    Tree(&'a Value),
}

impl<'a> Raw<'a> {
    /// Appends the value's canonical bytes to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self {
            Raw::Bson(raw) => raw.encode(out),
            Raw::Json(raw) => raw.encode(out),
            Raw::Cell(raw) => raw.encode(out),
            Raw::Tree(value) => out.value(value),
        }
    }

    /// The value's tree form. Encoding it gives the same bytes as [`Raw::encode`].
    pub fn to_value(&self) -> Result<Value, Problem> {
        match self {
            Raw::Bson(raw) => raw.to_value(),
            Raw::Json(raw) => raw.to_value(),
            Raw::Cell(raw) => raw.to_value(),
            Raw::Tree(value) => Ok((*value).clone()),
        }
    }

    /// If the value is a document (BSON document, JSON object that is no Extended JSON scalar): calls `visit` for each
    /// field in source order and returns true. False, and no call, for every other value. Cells are never walked.
    pub fn walk_document(&self, visit: VisitField<'_, Raw<'a>>) -> Result<bool, Problem> {
        match self {
            Raw::Bson(raw) => raw.walk_document(&mut |n, v| visit(n, Raw::Bson(v))),
            Raw::Json(raw) => raw.walk_document(&mut |n, v| visit(n, Raw::Json(v))),
            Raw::Tree(Value::Document(fields)) => {
                for (name, value) in fields {
                    visit(name.as_bytes(), Raw::Tree(value))?;
                }
                Ok(true)
            }
            Raw::Cell(_) | Raw::Tree(_) => Ok(false),
        }
    }

    /// If the value is an array: calls `visit` for each element in order and returns true.
    pub fn walk_list(&self, visit: VisitItem<'_, Raw<'a>>) -> Result<bool, Problem> {
        match self {
            Raw::Bson(raw) => raw.walk_list(&mut |i, v| visit(i, Raw::Bson(v))),
            Raw::Json(raw) => raw.walk_list(&mut |i, v| visit(i, Raw::Json(v))),
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
}

impl<'a> RawRecord<'a> {
    /// Calls `visit` for each field in source order.
    #[inline]
    pub fn walk(&self, mut visit: impl FnMut(&[u8], Raw<'a>) -> Result<(), Problem>) -> Result<(), Problem> {
        match self {
            RawRecord::Bson(document) => bson::walk(document, |name, value| visit(name, Raw::Bson(value))),
            RawRecord::Json(text) => ejson::walk(text, |name, value| visit(name, Raw::Json(value))),
            RawRecord::Row(row) => row.walk(|name, cell| visit(name, Raw::Cell(cell))),
        }
    }
}
