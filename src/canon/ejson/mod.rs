//! Extended JSON v2 (canonical and relaxed) and plain JSON, walked and encoded from their text, without a tree.
//!
//! Follows <https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md> and RFC 8259.
//! What JSON alone leaves open is settled so that no digit is lost: see [`RawJson`].

mod cursor;
mod number;
mod wrapper;

use super::Encoder;
use super::raw::{VisitField, VisitItem};
use super::scalar::{self, Scalar};
use crate::model::{Problem, Value};
use cursor::Cursor;
use std::borrow::Cow;

/// A JSON value: exactly its text.
///
/// Bare numbers are read as the relaxed format writes them. An integer is an int32 if it fits one, an int64 if it fits
/// that, and an exact untyped number beyond. A literal with a fraction or an exponent is the double it names, unless it
/// has more than 17 significant digits or lies outside a double's range: then it is an exact untyped number, never an
/// infinity and never a false zero.
///
/// An object whose names are exactly those of an Extended JSON wrapper is that value, and `malformed` if its content
/// does not fit; every other object is a document.
#[derive(Clone, Copy, Debug)]
pub struct RawJson<'a> {
    /// The value's text. White space around it does not count.
    pub bytes: &'a [u8],
}

/// A value whose first token has been read. Scalars are consumed; of containers only the opening bracket is.
enum Node<'a> {
    Scalar(Scalar<'a>),
    Document,
    List,
    CodeWithScope { code: Cow<'a, [u8]>, scope: RawJson<'a> },
}

/// Calls `visit` with the name (escapes resolved) and the value of every field of the object `doc`, in text order.
///
/// One level is framed at a time: what a nested value holds is checked when that is read. A wrapper is walked like any
/// other object. Names are bytes that have yet to prove to be UTF-8, and may repeat: [`Encoder::document`] refuses both.
pub fn walk<'a>(
    doc: &'a [u8],
    mut visit: impl FnMut(&[u8], RawJson<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    walk_while(doc, |name, value| visit(name, value).map(|()| true))
}

/// Like [`walk`], until `visit` returns false: what comes after that is not looked at.
pub fn walk_while<'a>(
    doc: &'a [u8],
    mut visit: impl FnMut(&[u8], RawJson<'a>) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut cursor = Cursor::new(doc);
    cursor.expect(b'{')?;
    let ended = cursor.members_while(|c, name| {
        let value = c.span().map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
        visit(name, value)
    })?;
    if ended { cursor.finish() } else { Ok(()) }
}

/// True if the text holds a bare JSON number, whose source type is thereby lost or guessed (int64 1 is written like
/// int32 1). Numbers inside `$timestamp`, `$minKey`, `$maxKey` and `$date` do not count: nothing is lost there.
///
/// A scan of the tokens only; text that is no JSON gives false where it stops making sense.
pub fn is_relaxed(doc: &[u8]) -> bool {
    let mut cursor = Cursor::new(doc);
    let (mut outer, mut name): (&[u8], &[u8]) = (b"", b"");
    loop {
        match cursor.peek() {
            None => return false,
            Some(b'"') => match cursor.string() {
                Ok(text) if cursor.peek() == Some(b':') => name = text.raw(),
                Ok(_) => {}
                Err(_) => return false,
            },
            Some(b'{') => {
                outer = std::mem::take(&mut name);
                cursor.advance();
            }
            Some(b'}') => {
                (outer, name) = (b"", b"");
                cursor.advance();
            }
            Some(b'-' | b'0'..=b'9') => {
                let exempt = matches!(name, b"$minKey" | b"$maxKey" | b"$date")
                    || (outer == b"$timestamp" && matches!(name, b"t" | b"i"));
                if !exempt {
                    return true;
                }
                cursor.literal();
            }
            Some(_) => cursor.advance(),
        }
    }
}

impl<'a> RawJson<'a> {
    /// Appends the value's canonical bytes to `out`.
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        let mut cursor = Cursor::new(self.bytes);
        encode(&mut cursor, out)?;
        cursor.finish()
    }

    /// The value's tree form.
    pub fn to_value(&self) -> Result<Value, Problem> {
        let mut cursor = Cursor::new(self.bytes);
        let value = tree(&mut cursor, 0)?;
        cursor.finish()?;
        Ok(value)
    }

    /// If the value is an object that is no Extended JSON wrapper: calls `visit` for each field in text order and
    /// returns true. False, and no call, for every other value.
    pub fn walk_document(&self, visit: VisitField<'_, RawJson<'a>>) -> Result<bool, Problem> {
        let mut cursor = Cursor::new(self.bytes);
        if cursor.peek() != Some(b'{') || !matches!(node(&mut cursor)?, Node::Document) {
            return Ok(false);
        }
        walk(self.bytes, visit)?;
        Ok(true)
    }

    /// If the value is an array: calls `visit` for each element in order and returns true.
    pub fn walk_list(&self, visit: VisitItem<'_, RawJson<'a>>) -> Result<bool, Problem> {
        let mut cursor = Cursor::new(self.bytes);
        if cursor.peek() != Some(b'[') {
            return Ok(false);
        }
        cursor.advance();
        cursor.items(|c, index| {
            let value = c.span().map_err(|p| p.at(index))?;
            visit(index, value)
        })?;
        cursor.finish()?;
        Ok(true)
    }
}

fn node<'a>(cursor: &mut Cursor<'a>) -> Result<Node<'a>, Problem> {
    Ok(Node::Scalar(match cursor.peek() {
        Some(b'{') => {
            if let Some(node) = wrapper::read(cursor)? {
                return Ok(node);
            }
            cursor.advance();
            return Ok(Node::Document);
        }
        Some(b'[') => {
            cursor.advance();
            return Ok(Node::List);
        }
        Some(b'"') => Scalar::Text(cursor.string()?.unescape()?),
        Some(b'-' | b'0'..=b'9') => number::bare(cursor.literal())?,
        Some(_) => match cursor.literal() {
            b"null" => Scalar::Null,
            b"true" => Scalar::Bool(true),
            b"false" => Scalar::Bool(false),
            _ => return Err(cursor.expected("a value")),
        },
        None => return Err(cursor.expected("a value")),
    }))
}

fn encode(cursor: &mut Cursor<'_>, out: &mut Encoder) -> Result<(), Problem> {
    match node(cursor)? {
        Node::Scalar(scalar) => scalar.encode(out),
        Node::Document => encode_fields(cursor, out),
        Node::List => out.list(|e| cursor.items(|c, index| encode(c, e).map_err(|p| p.at(index)))),
        Node::CodeWithScope { code, scope } => out.code_with_scope(&code, |e| {
            let mut cursor = Cursor::new(scope.bytes);
            cursor.expect(b'{')?;
            encode_fields(&mut cursor, e)
        }),
    }
}

fn encode_fields(cursor: &mut Cursor<'_>, out: &mut Encoder) -> Result<(), Problem> {
    out.document(|e| cursor.members(|c, name| e.field(name, |e| encode(c, e))))
}

fn tree(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, Problem> {
    Ok(match node(cursor)? {
        Node::Scalar(scalar) => scalar.into_value()?,
        Node::Document => Value::Document(tree_fields(cursor, depth)?),
        Node::List => {
            let deeper = scalar::deeper(depth)?;
            let mut items = Vec::new();
            cursor.items(|c, index| {
                items.push(tree(c, deeper).map_err(|p| p.at(index))?);
                Ok(())
            })?;
            Value::List(items)
        }
        Node::CodeWithScope { code, scope } => {
            let mut cursor = Cursor::new(scope.bytes);
            cursor.expect(b'{')?;
            Value::Code {
                code: scalar::text(&code)?,
                scope: Some(tree_fields(&mut cursor, depth)?),
            }
        }
    })
}

fn tree_fields(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<(String, Value)>, Problem> {
    scalar::fields(depth, |deeper, field| {
        cursor.members(|c, name| field(name, &mut || tree(c, deeper)))
    })
}
