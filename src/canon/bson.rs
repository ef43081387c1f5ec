//! Raw BSON: documents are walked and encoded from their bytes, without a tree.
//!
//! Follows <https://bsonspec.org/spec.html> version 1.1, deprecated types included. The walker frames one level at a
//! time: every element of a document lies within it; what a nested document holds is checked when that is read.

use super::raw::{Expect, Nothing, VisitField, VisitItem, same};
use super::scalar::{self, Scalar};
use super::{Encoder, Flat};
use crate::model::{NumberType, Problem, Timestamp, Value};
use std::borrow::Cow;

/// The largest framing length that is believed: MongoDB's own bound for a document, 16 MiB and 16 KiB of overhead.
pub const MAX_RECORD_LEN: usize = 16 * 1024 * 1024 + 16 * 1024;

/// The type byte of an embedded document; a whole record is one too.
pub const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;

/// A BSON element's value: its type byte and exactly its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RawBson<'a> {
    /// The BSON type byte.
    pub kind: u8,
    /// The value's bytes, framed (length checked) by the walker.
    pub bytes: &'a [u8],
}

/// A value with its outer form checked.
enum Node<'a> {
    Scalar(Scalar<'a>),
    Document(&'a [u8]),
    List(&'a [u8]),
    CodeWithScope { code: &'a [u8], scope: &'a [u8] },
}

/// Reads the framing length at the head of `buf`: how many bytes the record that starts here takes.
///
/// `None` asks for more bytes. A length below 5 or above [`MAX_RECORD_LEN`] is `malformed`.
pub fn record_len(buf: &[u8]) -> Result<Option<usize>, Problem> {
    let Some((head, _)) = buf.split_first_chunk() else {
        return Ok(None);
    };
    let found = i32::from_le_bytes(*head);
    match usize::try_from(found) {
        Ok(len) if (5..=MAX_RECORD_LEN).contains(&len) => Ok(Some(len)),
        _ => Err(Problem::malformed(format!(
            "document length {found}, expected 5 to {MAX_RECORD_LEN}"
        ))),
    }
}

/// Calls `visit` with the name and the value of every element of `doc`, in document order.
///
/// The document's length must be the slice's, and every element must lie within it. Names are bytes that have yet to
/// prove to be UTF-8, and may repeat: [`Encoder::document`] refuses both.
#[inline]
pub fn walk<'a>(
    doc: &'a [u8],
    mut visit: impl FnMut(&'a [u8], RawBson<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    walk_while(doc, &mut Nothing, |_, name, value| {
        visit(name.unwrap_or_default(), value).map(|()| true)
    })
}

/// Like [`walk`], until `visit` returns false: what comes after that is not looked at. A name that is the expected one
/// needs no search for its end.
#[inline]
pub fn walk_while<'a, E: Expect>(
    doc: &'a [u8],
    state: &mut E,
    mut visit: impl FnMut(&mut E, Option<&'a [u8]>, RawBson<'a>) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut rest = body(doc)?;
    while let Some((&kind, after)) = rest.split_first() {
        let (name, after) = match after_expected(after, state.expected()) {
            Some(after) => (None, after),
            None => match after.iter().position(|b| *b == 0) {
                Some(len) => (Some(&after[..len]), &after[len + 1..]),
                None => return Err(truncated(doc, rest, "element name without end")),
            },
        };
        let framed = match value_len(kind, after) {
            Ok(len) => after.split_at_checked(len),
            Err(problem) => return Err(named(problem, name.unwrap_or(state.expected()))),
        };
        let Some((bytes, tail)) = framed else {
            let problem = truncated(doc, after, "value longer than its document");
            return Err(named(problem, name.unwrap_or(state.expected())));
        };
        if !visit(state, name, RawBson { kind, bytes })? {
            break;
        }
        rest = tail;
    }
    Ok(())
}

/// What follows the name `expected` and its terminator, if they stand at the head of `bytes`.
#[inline]
fn after_expected<'a>(bytes: &'a [u8], expected: &[u8]) -> Option<&'a [u8]> {
    let (head, after) = bytes.split_at_checked(expected.len() + 1)?;
    let (end, name) = head.split_last()?;
    (!expected.is_empty() && *end == 0 && same(name, expected)).then_some(after)
}

/// The elements of `doc` without length and terminator.
#[inline]
fn body(doc: &[u8]) -> Result<&[u8], Problem> {
    match doc {
        [a, b, c, d, elements @ .., 0]
            if usize::try_from(i32::from_le_bytes([*a, *b, *c, *d])) == Ok(doc.len()) =>
        {
            Ok(elements)
        }
        _ => Err(bad_frame(doc)),
    }
}

#[cold]
fn bad_frame(doc: &[u8]) -> Problem {
    match doc.split_first_chunk() {
        Some((head, rest)) if !rest.is_empty() => {
            let claimed = i32::from_le_bytes(*head);
            if i64::from(claimed) == doc.len() as i64 {
                Problem::malformed("document does not end with a zero byte")
            } else {
                Problem::malformed(format!("document length {claimed} in {} bytes", doc.len()))
            }
        }
        _ => Problem::malformed(format!("document of {} bytes, expected at least 5", doc.len())),
    }
}

#[cold]
fn truncated(doc: &[u8], rest: &[u8], what: &str) -> Problem {
    let at = doc.len() - 1 - rest.len();
    Problem::malformed(format!("{what}, at byte {at} of the document"))
}

#[cold]
fn named(problem: Problem, name: &[u8]) -> Problem {
    problem.inside(&String::from_utf8_lossy(name))
}

#[cold]
fn malformed(what: &str) -> Problem {
    Problem::malformed(what)
}

/// How many bytes a value of type `kind` takes at the head of `bytes`; the result may exceed what is there.
#[inline]
fn value_len(kind: u8, bytes: &[u8]) -> Result<usize, Problem> {
    let prefixed = |extra: usize| match bytes.split_first_chunk() {
        Some((head, _)) => match usize::try_from(i32::from_le_bytes(*head)) {
            Ok(len) => Ok(len + extra),
            Err(_) => Err(malformed("negative length")),
        },
        None => Err(malformed("length cut off")),
    };
    match kind {
        0x02 | 0x0d | 0x0e => prefixed(4),
        0x10 => Ok(4),
        0x01 | 0x09 | 0x11 | 0x12 => Ok(8),
        0x07 => Ok(12),
        0x08 => Ok(1),
        0x03 | 0x04 | 0x0f => prefixed(0),
        0x05 => prefixed(5),
        0x06 | 0x0a | 0x7f | 0xff => Ok(0),
        0x0b => {
            let (pattern, rest) = cstring(bytes)?;
            let (options, _) = cstring(rest)?;
            Ok(pattern.len() + options.len() + 2)
        }
        0x0c => prefixed(4 + 12),
        0x13 => Ok(16),
        0x00 => Err(malformed("zero byte where an element type is expected")),
        _ => Err(unknown(kind)),
    }
}

#[cold]
fn unknown(kind: u8) -> Problem {
    Problem::unsupported(format!("unknown BSON type 0x{kind:02x}"))
}

fn cstring(bytes: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    match memchr::memchr(0, bytes) {
        Some(end) => Ok((&bytes[..end], &bytes[end + 1..])),
        None => Err(malformed("text without a terminating zero byte")),
    }
}

/// The text of a value that is one length-prefixed, zero-terminated string. Zero bytes inside are part of the text.
#[inline]
fn string(bytes: &[u8]) -> Result<&[u8], Problem> {
    match bytes {
        [a, b, c, d, text @ .., 0]
            if usize::try_from(i32::from_le_bytes([*a, *b, *c, *d])) == Ok(text.len() + 1) =>
        {
            Ok(text)
        }
        [_, _, _, _, .., 0] => Err(malformed("text length does not fit its value")),
        _ => Err(malformed("text without a terminating zero byte")),
    }
}

/// A value's bytes as an array; only a hand-made [`RawBson`] can fail here.
#[inline]
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Problem> {
    match bytes.try_into() {
        Ok(array) => Ok(array),
        Err(_) => Err(Problem::malformed(format!(
            "value of {} bytes, expected {N}",
            bytes.len()
        ))),
    }
}

fn binary(bytes: &[u8]) -> Result<(u8, &[u8]), Problem> {
    let (subtype, data) = match bytes {
        [a, b, c, d, subtype, data @ ..]
            if usize::try_from(i32::from_le_bytes([*a, *b, *c, *d])) == Ok(data.len()) =>
        {
            (*subtype, data)
        }
        _ => return Err(malformed("binary length does not fit its value")),
    };
    if subtype != 2 {
        return Ok((subtype, data));
    }
    // The old binary subtype repeats the length inside; the bytes proper follow it.
    match data {
        [a, b, c, d, inner @ ..]
            if usize::try_from(i32::from_le_bytes([*a, *b, *c, *d])) == Ok(inner.len()) =>
        {
            Ok((subtype, inner))
        }
        _ => Err(malformed(
            "inner length of binary subtype 2 does not fit its value",
        )),
    }
}

/// IEEE 754-2008 decimal128 in its binary integer encoding, as the BSON decimal128 specification lays it out.
fn decimal128(bytes: &[u8]) -> Result<Scalar<'static>, Problem> {
    const MAX_COEFFICIENT: u128 = 10u128.pow(34) - 1;
    let bits = u128::from_le_bytes(fixed(bytes)?);
    let negative = bits >> 127 == 1;
    let special = |value: f64| Scalar::Double(value, NumberType::Decimal128);
    Ok(match (bits >> 122) & 0x1f {
        0x1f => special(f64::NAN),
        0x1e if negative => special(f64::NEG_INFINITY),
        0x1e => special(f64::INFINITY),
        combination => {
            // The second form implies a coefficient above the maximum, and such a coefficient means zero.
            let (biased, coefficient) = if combination >= 0x18 {
                (bits >> 111, 0)
            } else {
                (bits >> 113, bits & ((1 << 113) - 1))
            };
            Scalar::Decimal128 {
                negative,
                coefficient: if coefficient > MAX_COEFFICIENT {
                    0
                } else {
                    coefficient
                },
                exponent: (biased & 0x3fff) as i64 - 6176,
            }
        }
    })
}

impl<'a> RawBson<'a> {
    /// A whole record as a value.
    pub const fn document(bytes: &'a [u8]) -> RawBson<'a> {
        RawBson {
            kind: DOCUMENT,
            bytes,
        }
    }

    /// Appends the value's canonical bytes to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        // The everyday types go straight through; `node` means the same by them.
        match self.kind {
            0x01 => out.double(f64::from_le_bytes(fixed(self.bytes)?), NumberType::Double),
            0x02 => return out.text(string(self.bytes)?),
            0x07 => out.object_id(&fixed(self.bytes)?),
            0x09 => out.timestamp(Timestamp::from_millis(i64::from_le_bytes(fixed(self.bytes)?))),
            0x10 => out.int(
                i64::from(i32::from_le_bytes(fixed(self.bytes)?)),
                NumberType::Int32,
            ),
            0x12 => out.int(i64::from_le_bytes(fixed(self.bytes)?), NumberType::Int64),
            _ => return self.encode_node(out),
        }
        Ok(())
    }

    /// What [`Raw::encode_long`] says of a text and of binary data.
    ///
    /// [`Raw::encode_long`]: crate::canon::Raw::encode_long
    pub(super) fn encode_long(&self, out: &mut Encoder) -> Option<&'a [u8]> {
        match self.kind {
            0x02 => string(self.bytes).ok().filter(|text| out.text_head(text)),
            0x05 => {
                let (subtype, data) = binary(self.bytes).ok()?;
                out.binary_head(subtype, data.len());
                Some(data)
            }
            _ => None,
        }
    }

    /// Writes the value's canonical bytes in one go, if it is short and simple; false if it is left to the encoder.
    #[inline]
    pub fn flat(&self, out: &mut Flat) -> bool {
        match (self.kind, self.bytes) {
            (0x01, bytes) => match bytes.try_into() {
                Ok(bits) => out.double(f64::from_le_bytes(bits), NumberType::Double),
                Err(_) => false,
            },
            (0x02, bytes) => string(bytes).is_ok_and(|text| out.text(text)),
            (0x07, bytes) => bytes.try_into().is_ok_and(|id| out.object_id(id)),
            (0x08, [value @ (0 | 1)]) => out.bool(*value == 1),
            (0x09, bytes) => match bytes.try_into() {
                Ok(millis) => out.timestamp(Timestamp::from_millis(i64::from_le_bytes(millis))),
                Err(_) => false,
            },
            (0x0a, []) => out.null(),
            (0x10, bytes) => match bytes.try_into() {
                Ok(int) => out.int(i32::from_le_bytes(int).into(), NumberType::Int32),
                Err(_) => false,
            },
            (0x12, bytes) => match bytes.try_into() {
                Ok(int) => out.int(i64::from_le_bytes(int), NumberType::Int64),
                Err(_) => false,
            },
            (0x13, bytes) => match decimal128(bytes) {
                Ok(Scalar::Decimal128 {
                    negative,
                    coefficient,
                    exponent,
                }) => out.decimal(negative, coefficient, exponent, NumberType::Decimal128),
                _ => false,
            },
            _ => false,
        }
    }

    fn encode_node(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self.node()? {
            Node::Scalar(scalar) => scalar.encode(out),
            Node::Document(doc) => encode_document(doc, out),
            Node::List(list) => out.list(|e| {
                let mut index = 0;
                walk(list, |_, value| {
                    value.encode(e).map_err(|p| p.at(index))?;
                    index += 1;
                    Ok(())
                })
            }),
            Node::CodeWithScope { code, scope } => out.code_with_scope(code, |e| encode_document(scope, e)),
        }
    }

    /// The value's tree form.
    pub fn to_value(&self) -> Result<Value, Problem> {
        self.tree(0)
    }

    /// If the value is a document: calls `visit` for each field in document order and returns true. False, and no
    /// call, for every other value.
    pub fn walk_document(&self, visit: VisitField<'_, RawBson<'a>>) -> Result<bool, Problem> {
        if self.kind != DOCUMENT {
            return Ok(false);
        }
        walk(self.bytes, visit)?;
        Ok(true)
    }

    /// If the value is an array: calls `visit` for each element in document order, counted from 0 whatever the
    /// elements are named, and returns true.
    pub fn walk_list(&self, visit: VisitItem<'_, RawBson<'a>>) -> Result<bool, Problem> {
        if self.kind != ARRAY {
            return Ok(false);
        }
        let mut index = 0;
        walk(self.bytes, |_, value| {
            visit(index, value)?;
            index += 1;
            Ok(())
        })?;
        Ok(true)
    }

    #[inline]
    fn node(&self) -> Result<Node<'a>, Problem> {
        let bytes = self.bytes;
        Ok(Node::Scalar(match self.kind {
            0x01 => Scalar::Double(f64::from_le_bytes(fixed(bytes)?), NumberType::Double),
            0x02 => Scalar::Text(Cow::Borrowed(string(bytes)?)),
            DOCUMENT => return Ok(Node::Document(bytes)),
            ARRAY => return Ok(Node::List(bytes)),
            0x05 => {
                let (subtype, data) = binary(bytes)?;
                Scalar::Binary(subtype, Cow::Borrowed(data))
            }
            0x06 => Scalar::Undefined,
            0x07 => Scalar::ObjectId(fixed(bytes)?),
            0x08 => match bytes {
                [0] => Scalar::Bool(false),
                [1] => Scalar::Bool(true),
                _ => return Err(malformed("truth value that is neither 0 nor 1")),
            },
            0x09 => Scalar::Timestamp(Timestamp::from_millis(i64::from_le_bytes(fixed(bytes)?))),
            0x0a => Scalar::Null,
            0x0b => {
                let (pattern, rest) = cstring(bytes)?;
                let (options, _) = cstring(rest)?;
                Scalar::Regex {
                    pattern: Cow::Borrowed(pattern),
                    options: Cow::Borrowed(options),
                }
            }
            0x0c => match bytes.split_last_chunk() {
                Some((namespace, id)) => Scalar::DbPointer {
                    namespace: Cow::Borrowed(string(namespace)?),
                    id: *id,
                },
                None => return Err(malformed("DBPointer cut off")),
            },
            0x0d => Scalar::Code(Cow::Borrowed(string(bytes)?)),
            0x0e => Scalar::Symbol(Cow::Borrowed(string(bytes)?)),
            0x0f => return code_with_scope(bytes),
            0x10 => Scalar::Int(i64::from(i32::from_le_bytes(fixed(bytes)?)), NumberType::Int32),
            0x11 => {
                let bits = u64::from_le_bytes(fixed(bytes)?);
                Scalar::BsonTimestamp {
                    time: (bits >> 32) as u32,
                    increment: bits as u32,
                }
            }
            0x12 => Scalar::Int(i64::from_le_bytes(fixed(bytes)?), NumberType::Int64),
            0x13 => decimal128(bytes)?,
            0x7f => Scalar::MaxKey,
            0xff => Scalar::MinKey,
            kind => return Err(unknown(kind)),
        }))
    }

    fn tree(&self, depth: usize) -> Result<Value, Problem> {
        Ok(match self.node()? {
            Node::Scalar(scalar) => scalar.into_value()?,
            Node::Document(doc) => Value::Document(tree_document(doc, depth)?),
            Node::List(list) => {
                let deeper = scalar::deeper(depth)?;
                let mut items = Vec::new();
                walk(list, |_, value| {
                    items.push(value.tree(deeper).map_err(|p| p.at(items.len()))?);
                    Ok(())
                })?;
                Value::List(items)
            }
            Node::CodeWithScope { code, scope } => Value::Code {
                code: scalar::text(code)?,
                scope: Some(tree_document(scope, depth)?),
            },
        })
    }
}

fn encode_document(doc: &[u8], out: &mut Encoder) -> Result<(), Problem> {
    out.document(|e| walk(doc, |name, value| e.field(name, |e| value.encode(e))))
}

fn tree_document(doc: &[u8], depth: usize) -> Result<Vec<(String, Value)>, Problem> {
    scalar::fields(depth, |deeper, field| {
        walk(doc, |name, value| field(name, &mut || value.tree(deeper)))
    })
}

/// Length of the whole, the code, the scope document.
fn code_with_scope(bytes: &[u8]) -> Result<Node<'_>, Problem> {
    let bad = || malformed("code with scope whose lengths do not fit its value");
    let (total, rest) = bytes.split_first_chunk().ok_or_else(bad)?;
    let (code_len, _) = rest.split_first_chunk().ok_or_else(bad)?;
    let code_len = usize::try_from(i32::from_le_bytes(*code_len)).map_err(|_| bad())?;
    let (code, scope) = rest.split_at_checked(code_len + 4).ok_or_else(bad)?;
    if usize::try_from(i32::from_le_bytes(*total)) != Ok(bytes.len()) {
        return Err(bad());
    }
    Ok(Node::CodeWithScope {
        code: string(code)?,
        scope,
    })
}
