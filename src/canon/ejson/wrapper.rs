//! Extended JSON wrappers: objects with `$` names that stand for one value.

use super::cursor::Cursor;
use super::{Node, RawJson, number};
use crate::canon::cell::time;
use crate::canon::scalar::Scalar;
use crate::model::{Problem, Timestamp};
use base64::Engine;
use std::borrow::Cow;

/// The names that a wrapper's fields can have.
const NAMES: [&[u8]; 20] = [
    b"$oid",
    b"$numberInt",
    b"$numberLong",
    b"$numberDouble",
    b"$numberDecimal",
    b"$symbol",
    b"$code",
    b"$scope",
    b"$uuid",
    b"$date",
    b"$binary",
    b"$type",
    b"$timestamp",
    b"$regularExpression",
    b"$regex",
    b"$options",
    b"$dbPointer",
    b"$minKey",
    b"$maxKey",
    b"$undefined",
];

/// The fields of a small object, names unescaped.
type Field<'a> = (Vec<u8>, RawJson<'a>);

/// With the cursor on an opening brace: reads the object if it is a wrapper. `None`, and the cursor where it was, if it
/// is a plain document.
pub(super) fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Node<'a>>, Problem> {
    if !cursor.may_wrap() {
        return Ok(None);
    }
    let mark = cursor.mark();
    let Some(fields) = small_object(cursor) else {
        cursor.reset(mark);
        return Ok(None);
    };
    let names: Vec<&[u8]> = fields.iter().map(|(name, _)| name.as_slice()).collect();
    let node = match names[..] {
        [name] => one(name, fields[0].1)?.map(Node::Scalar),
        [first, second] => {
            // The order of a wrapper's two names does not count.
            let (a, b) = (fields[0].1, fields[1].1);
            match two(first, a, second, b)? {
                Some(node) => Some(node),
                None => two(second, b, first, a)?,
            }
        }
        _ => None,
    };
    if node.is_none() {
        cursor.reset(mark);
    }
    Ok(node)
}

/// The fields of the object, if they are at most two and well framed; a badly framed one is left to the document reader,
/// which says where.
fn small_object<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<Field<'a>>> {
    let mut fields: Vec<Field<'a>> = Vec::with_capacity(2);
    cursor.expect(b'{').ok()?;
    let stop = || Problem::malformed("not a wrapper");
    cursor
        .members(|c, name| {
            // A look at the value costs as much as the value is long: only for names that can make a wrapper.
            if fields.len() == 2 || !NAMES.contains(&name) {
                return Err(stop());
            }
            fields.push((name.to_vec(), c.span()?));
            Ok(())
        })
        .ok()?;
    Some(fields)
}

fn bad(name: &[u8], what: &str) -> Problem {
    Problem::malformed(format!("{} is not {what}", String::from_utf8_lossy(name)))
}

fn one<'a>(name: &[u8], value: RawJson<'a>) -> Result<Option<Scalar<'a>>, Problem> {
    let text = || string(name, value);
    Ok(Some(match name {
        b"$oid" => Scalar::ObjectId(hex_bytes(name, &text()?)?),
        b"$numberInt" => number::int32(&text()?)?,
        b"$numberLong" => Scalar::Int(number::long(&text()?)?, crate::model::NumberType::Int64),
        b"$numberDouble" => number::double(&text()?)?,
        b"$numberDecimal" => number::decimal128(&text()?)?,
        b"$symbol" => Scalar::Symbol(text()?),
        b"$code" => Scalar::Code(text()?),
        b"$uuid" => uuid(&text()?)?,
        b"$date" => date(value)?,
        b"$binary" => match pair(value, b"base64", b"subType") {
            Some((data, subtype)) => binary(&string(name, data)?, &string(name, subtype)?)?,
            None => return Err(bad(name, "an object of base64 and subType")),
        },
        b"$timestamp" => match pair(value, b"t", b"i") {
            Some((time, increment)) => Scalar::BsonTimestamp {
                time: unsigned(time)?,
                increment: unsigned(increment)?,
            },
            None => return Err(bad(name, "an object of t and i")),
        },
        b"$regularExpression" => match pair(value, b"pattern", b"options") {
            Some((pattern, options)) => Scalar::Regex {
                pattern: cstring(string(name, pattern)?)?,
                options: cstring(string(name, options)?)?,
            },
            None => return Err(bad(name, "an object of pattern and options")),
        },
        b"$dbPointer" => match pair(value, b"$ref", b"$id").map(|(ns, id)| (ns, only(id, b"$oid"))) {
            Some((namespace, Some(id))) => Scalar::DbPointer {
                namespace: string(name, namespace)?,
                id: hex_bytes(name, &string(name, id)?)?,
            },
            _ => return Err(bad(name, "an object of $ref and an ObjectId in $id")),
        },
        b"$minKey" if value.bytes == b"1" => Scalar::MinKey,
        b"$maxKey" if value.bytes == b"1" => Scalar::MaxKey,
        b"$minKey" | b"$maxKey" => return Err(bad(name, "1")),
        b"$undefined" if value.bytes == b"true" => Scalar::Undefined,
        b"$undefined" => return Err(bad(name, "true")),
        _ => return Ok(None),
    }))
}

fn two<'a>(first: &[u8], a: RawJson<'a>, second: &[u8], b: RawJson<'a>) -> Result<Option<Node<'a>>, Problem> {
    let texts = || Some((is_string(a)?, is_string(b)?));
    Ok(match (first, second) {
        (b"$code", b"$scope") => {
            if b.bytes.first() != Some(&b'{') {
                return Err(bad(second, "a document"));
            }
            Some(Node::CodeWithScope {
                code: string(first, a)?,
                scope: b,
            })
        }
        // As documents these are query operators; only with text inside they are the old forms of binary and regex.
        (b"$binary", b"$type") => match texts() {
            Some((data, subtype)) => Some(Node::Scalar(binary(&data?, &subtype?)?)),
            None => None,
        },
        (b"$regex", b"$options") => match texts() {
            Some((pattern, options)) => Some(Node::Scalar(Scalar::Regex {
                pattern: cstring(pattern?)?,
                options: cstring(options?)?,
            })),
            None => None,
        },
        _ => None,
    })
}

/// Patterns and options end at a zero byte in BSON and cannot hold one.
fn cstring(text: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, Problem> {
    if text.contains(&0) {
        return Err(Problem::malformed("zero byte in a regular expression"));
    }
    Ok(text)
}

fn is_string<'a>(value: RawJson<'a>) -> Option<Result<Cow<'a, [u8]>, Problem>> {
    (value.bytes.first() == Some(&b'"')).then(|| string(b"", value))
}

/// A framed value that has to be a string.
fn string<'a>(name: &[u8], value: RawJson<'a>) -> Result<Cow<'a, [u8]>, Problem> {
    if value.bytes.first() != Some(&b'"') {
        return Err(bad(name, "a string"));
    }
    Cursor::new(value.bytes).string()?.unescape()
}

/// The values of an object that has exactly these two names, in any order.
fn pair<'a>(object: RawJson<'a>, first: &[u8], second: &[u8]) -> Option<(RawJson<'a>, RawJson<'a>)> {
    let (mut a, mut b, mut count) = (None, None, 0);
    super::walk(object.bytes, |name, value| {
        count += 1;
        if name == first {
            a = Some(value);
        } else if name == second {
            b = Some(value);
        }
        Ok(())
    })
    .ok()?;
    if count == 2 { a.zip(b) } else { None }
}

/// The value of an object that has exactly this name.
fn only<'a>(object: RawJson<'a>, wanted: &[u8]) -> Option<RawJson<'a>> {
    let (mut found, mut count) = (None, 0);
    super::walk(object.bytes, |name, value| {
        count += 1;
        if name == wanted {
            found = Some(value);
        }
        Ok(())
    })
    .ok()?;
    if count == 1 { found } else { None }
}

fn unsigned(value: RawJson<'_>) -> Result<u32, Problem> {
    let text = value.bytes;
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let plain = digits && (text[0] != b'0' || text.len() == 1);
    std::str::from_utf8(text)
        .ok()
        .filter(|_| plain)
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| bad(b"$timestamp", "made of two unsigned 32-bit integers"))
}

fn hex_bytes<const N: usize>(name: &[u8], text: &[u8]) -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| bad(name, &format!("an id of {} hexadecimal digits", N * 2)))?;
    Ok(bytes)
}

fn uuid(text: &[u8]) -> Result<Scalar<'static>, Problem> {
    let hyphens = [8, 13, 18, 23].iter().all(|i| text.get(*i) == Some(&b'-'));
    if text.len() != 36 || !hyphens {
        return Err(bad(b"$uuid", "a UUID in 8-4-4-4-12 form"));
    }
    let digits: Vec<u8> = text.iter().copied().filter(|b| *b != b'-').collect();
    Ok(Scalar::Uuid(hex_bytes(b"$uuid", &digits)?))
}

fn binary(data: &[u8], subtype: &[u8]) -> Result<Scalar<'static>, Problem> {
    let subtype = std::str::from_utf8(subtype)
        .ok()
        .filter(|s| (1..=2).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|s| u8::from_str_radix(s, 16).ok())
        .ok_or_else(|| bad(b"$binary", "of a subtype of one or two hexadecimal digits"))?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .map_err(|_| bad(b"$binary", "base64"))?;
    Ok(Scalar::Binary(subtype, Cow::Owned(bytes)))
}

/// `$date` holds an ISO 8601 string, `{"$numberLong": …}` milliseconds, or bare milliseconds.
fn date(value: RawJson<'_>) -> Result<Scalar<'static>, Problem> {
    let wrong = || bad(b"$date", "a date: an ISO 8601 text with offset, or milliseconds");
    let at = match value.bytes.first() {
        Some(b'"') => {
            let text = string(b"$date", value)?;
            // Of the 60th second nobody knows which other it is.
            if text.get(17..19) == Some(b"60".as_slice()) {
                return Err(bad(b"$date", "a date without a leap second"));
            }
            time::timestamp(&text, false).ok_or_else(wrong)?
        }
        Some(b'{') => {
            let long = only(value, b"$numberLong").ok_or_else(wrong)?;
            Timestamp::from_millis(number::long(&string(b"$date", long)?)?)
        }
        _ => match number::bare(value.bytes)? {
            Scalar::Int(ms, _) => Timestamp::from_millis(ms),
            _ => return Err(wrong()),
        },
    };
    Ok(Scalar::Timestamp(at))
}
