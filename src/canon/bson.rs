//! Raw BSON: a walker over the bytes that checks every length before it follows it, and never builds a tree.
//!
//! Source: the BSON specification 1.1 (bsonspec.org); decimal128 after its "BID" encoding in IEEE 754-2008.

use super::{Encoder, MAX_DEPTH};
use crate::model::{Number, NumberRepr, NumberType, Problem, Timestamp, Value};
use num_bigint::{BigInt, Sign};

/// The smallest document: a length and a terminator.
pub const MIN_LEN: usize = 5;

/// The largest document: MongoDB's limit of 16 MiB and its allowance of 16 KiB for internal fields.
pub const MAX_LEN: usize = (16 << 20) + (16 << 10);

/// A BSON element's value: its type byte and exactly its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RawBson<'a> {
    /// The BSON type byte.
    pub kind: u8,
    /// The value's bytes, framed by the walker.
    pub bytes: &'a [u8],
}

/// Reads the length a document at the head of `buf` claims to have; `None` if fewer than four bytes are there.
///
/// # Errors
/// `malformed` if the length is below [`MIN_LEN`] or above [`MAX_LEN`].
pub fn record_len(buf: &[u8]) -> Result<Option<usize>, Problem> {
    let Some(head) = buf.first_chunk::<4>() else { return Ok(None) };
    let len = i32::from_le_bytes(*head);
    match usize::try_from(len) {
        Ok(len) if (MIN_LEN..=MAX_LEN).contains(&len) => Ok(Some(len)),
        _ => Err(Problem::malformed(format!("a document claims {len} bytes; expected {MIN_LEN} to {MAX_LEN}"))),
    }
}

/// Calls `visit` for each element of a document: name and value. The slice must be exactly the document.
#[inline]
pub fn walk<'a>(
    document: &'a [u8],
    mut visit: impl FnMut(&'a [u8], RawBson<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    if record_len(document)? != Some(document.len()) {
        let claimed = document.first_chunk::<4>().map_or(0, |h| i32::from_le_bytes(*h));
        return Err(Problem::malformed(format!("a document of {} bytes claims {claimed}", document.len())));
    }
    let mut rest = &document[4..];
    loop {
        let (&kind, after) = rest.split_first().ok_or_else(|| short("an element or the terminator"))?;
        if kind == 0 {
            return match after.is_empty() {
                true => Ok(()),
                false => Err(Problem::malformed(format!("{} bytes after the document's terminator", after.len()))),
            };
        }
        let end = name_end(after).ok_or_else(|| short("the end of a field name"))?;
        let (name, value) = (&after[..end], &after[end + 1..]);
        let len = value_len(kind, value).map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
        let Some((bytes, next)) = value.split_at_checked(len) else {
            let what = format!("a value of {len} bytes, and {} are left", value.len());
            return Err(short(&what).inside(&String::from_utf8_lossy(name)));
        };
        visit(name, RawBson { kind, bytes })?;
        rest = next;
    }
}

fn short(what: &str) -> Problem {
    Problem::malformed(format!("the document ends early; expected {what}"))
}

/// Field names are short: a plain loop beats a vectorised search.
#[inline]
fn name_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == 0)
}

/// The length of a value, from its type and its own first bytes.
#[inline]
fn value_len(kind: u8, value: &[u8]) -> Result<usize, Problem> {
    let prefix = |add: usize, least: usize| -> Result<usize, Problem> {
        let head = value.first_chunk::<4>().ok_or_else(|| short("a length"))?;
        let len = i32::from_le_bytes(*head);
        match usize::try_from(len) {
            Ok(len) if len >= least => Ok(len + add),
            _ => Err(Problem::malformed(format!("a value claims {len} bytes; expected {least} or more"))),
        }
    };
    Ok(match kind {
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        0x02 | 0x0d | 0x0e => prefix(4, 1)?,
        0x03 | 0x04 => prefix(0, MIN_LEN)?,
        0x05 => prefix(5, 0)?,
        0x06 | 0x0a | 0x7f | 0xff => 0,
        0x07 => 12,
        0x08 => 1,
        0x0b => {
            let pattern = name_end(value).ok_or_else(|| short("the end of a pattern"))?;
            let options = name_end(&value[pattern + 1..]).ok_or_else(|| short("the end of regex options"))?;
            pattern + options + 2
        }
        0x0c => prefix(4 + 12, 1)?,
        0x0f => prefix(0, 4 + 5 + MIN_LEN)?,
        0x10 => 4,
        0x13 => 16,
        _ => return Err(Problem::unsupported(format!("BSON type 0x{kind:02x} is not in the specification"))),
    })
}

impl<'a> RawBson<'a> {
    /// Appends the value's canonical bytes.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self.kind {
            0x02 => out.text(string(self.bytes)?)?,
            0x10 => out.int(i64::from(i32::from_le_bytes(self.fixed()?)), NumberType::Int32),
            0x12 => out.int(i64::from_le_bytes(self.fixed()?), NumberType::Int64),
            0x01 => out.double(f64::from_le_bytes(self.fixed()?), NumberType::Double),
            0x07 => out.object_id(&self.fixed()?),
            0x09 => out.timestamp(Timestamp::from_millis(i64::from_le_bytes(self.fixed()?))),
            0x08 => out.bool(boolean(self.bytes)?),
            0x0a => out.null(),
            0x03 => self.encode_document(out)?,
            0x04 => out.list(|out| {
                let mut index = 0;
                walk(self.bytes, |_, element| {
                    index += 1;
                    element.encode(out).map_err(|p| p.at(index - 1))
                })
            })?,
            0x05 => {
                let (subtype, bytes) = binary(self.bytes)?;
                out.binary(subtype, bytes);
            }
            0x13 => match decimal128(self.fixed()?) {
                Decimal128::Finite { negative, coefficient, exponent } => {
                    out.decimal(negative, coefficient, exponent, NumberType::Decimal128);
                }
                Decimal128::Special(value) => out.double(value, NumberType::Decimal128),
            },
            0x06 => out.undefined(),
            0x0b => {
                let (pattern, options) = regex(self.bytes)?;
                out.regex(pattern, options)?;
            }
            0x0c => {
                let (namespace, id) = pointer(self.bytes)?;
                out.db_pointer(namespace, id)?;
            }
            0x0d => out.code(string(self.bytes)?)?,
            0x0e => out.symbol(string(self.bytes)?)?,
            0x0f => {
                let (code, scope) = code_with_scope(self.bytes)?;
                out.code_with_scope(code, |out| scope.encode_document(out))?;
            }
            0x11 => {
                let [i0, i1, i2, i3, t0, t1, t2, t3] = self.fixed()?;
                out.bson_timestamp(u32::from_le_bytes([t0, t1, t2, t3]), u32::from_le_bytes([i0, i1, i2, i3]));
            }
            0xff => out.min_key(),
            0x7f => out.max_key(),
            kind => return Err(Problem::unsupported(format!("BSON type 0x{kind:02x}"))),
        }
        Ok(())
    }

    fn encode_document(&self, out: &mut Encoder) -> Result<(), Problem> {
        out.document(|out| walk(self.bytes, |name, value| out.field(name, |out| value.encode(out))))
    }

    /// The value's tree form.
    pub fn to_value(&self) -> Result<Value, Problem> {
        self.tree(0)
    }

    fn tree(&self, depth: usize) -> Result<Value, Problem> {
        if depth > MAX_DEPTH || (depth == MAX_DEPTH && matches!(self.kind, 0x03 | 0x04)) {
            return Err(Problem::unsupported(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(e) => Err(Problem::malformed(format!("invalid UTF-8 after {} bytes of text", e.valid_up_to()))),
        };
        Ok(match self.kind {
            0x01 => Value::Number(Number::double(f64::from_le_bytes(self.fixed()?), NumberType::Double)),
            0x02 => Value::Text(text(string(self.bytes)?)?),
            0x03 => Value::Document(self.fields(depth)?),
            0x04 => {
                let mut items = Vec::new();
                walk(self.bytes, |_, element| {
                    items.push(element.tree(depth + 1).map_err(|p| p.at(items.len()))?);
                    Ok(())
                })?;
                Value::List(items)
            }
            0x05 => match binary(self.bytes)? {
                (4, bytes) if bytes.len() == 16 => Value::Uuid(bytes.try_into().expect("sixteen bytes")),
                (subtype, bytes) => Value::Bytes { subtype, bytes: bytes.to_vec() },
            },
            0x06 => Value::Undefined,
            0x07 => Value::ObjectId(self.fixed()?),
            0x08 => Value::Bool(boolean(self.bytes)?),
            0x09 => Value::Timestamp(Timestamp::from_millis(i64::from_le_bytes(self.fixed()?))),
            0x0a => Value::Null,
            0x0b => {
                let (pattern, options) = regex(self.bytes)?;
                Value::Regex { pattern: text(pattern)?, options: text(options)? }
            }
            0x0c => {
                let (namespace, id) = pointer(self.bytes)?;
                Value::DbPointer { namespace: text(namespace)?, id: *id }
            }
            0x0d => Value::Code { code: text(string(self.bytes)?)?, scope: None },
            0x0e => Value::Symbol(text(string(self.bytes)?)?),
            0x0f => {
                let (code, scope) = code_with_scope(self.bytes)?;
                Value::Code { code: text(code)?, scope: Some(scope.fields(depth)?) }
            }
            0x10 => Value::Number(Number::int(i64::from(i32::from_le_bytes(self.fixed()?)), NumberType::Int32)),
            0x11 => {
                let both = u64::from_le_bytes(self.fixed()?);
                Value::BsonTimestamp { time: (both >> 32) as u32, increment: both as u32 }
            }
            0x12 => Value::Number(Number::int(i64::from_le_bytes(self.fixed()?), NumberType::Int64)),
            0x13 => match decimal128(self.fixed()?) {
                Decimal128::Finite { negative, coefficient, exponent } => {
                    let sign = if negative { Sign::Minus } else { Sign::Plus };
                    let unscaled = BigInt::from_biguint(sign, coefficient.into());
                    Value::Number(Number::decimal(unscaled, exponent, NumberType::Decimal128))
                }
                Decimal128::Special(value) => {
                    Value::Number(Number { ty: NumberType::Decimal128, repr: NumberRepr::Double(value) })
                }
            },
            0x7f => Value::MaxKey,
            0xff => Value::MinKey,
            kind => return Err(Problem::unsupported(format!("BSON type 0x{kind:02x}"))),
        })
    }

    fn fields(&self, depth: usize) -> Result<Vec<(String, Value)>, Problem> {
        let mut fields = Vec::new();
        walk(self.bytes, |name, value| {
            let name = std::str::from_utf8(name).map_err(|_| Problem::malformed("a field name is not UTF-8"))?;
            fields.push((name.to_owned(), value.tree(depth + 1).map_err(|p| p.inside(name))?));
            Ok(())
        })?;
        Ok(fields)
    }

    /// If the value is a document: calls `visit` for each field and returns true.
    pub fn walk_document(
        &self,
        visit: &mut dyn FnMut(&[u8], RawBson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        if self.kind == 0x03 {
            walk(self.bytes, |name, value| visit(name, value))?;
        }
        Ok(self.kind == 0x03)
    }

    /// If the value is an array: calls `visit` for each element and returns true.
    pub fn walk_list(
        &self,
        visit: &mut dyn FnMut(usize, RawBson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        if self.kind == 0x04 {
            let mut index = 0;
            walk(self.bytes, |_, value| {
                index += 1;
                visit(index - 1, value)
            })?;
        }
        Ok(self.kind == 0x04)
    }

    #[inline]
    fn fixed<const N: usize>(&self) -> Result<[u8; N], Problem> {
        self.bytes.try_into().map_err(|_| Problem::malformed(format!("a value of {N} bytes has {}", self.bytes.len())))
    }
}

/// The content of a length-prefixed, NUL-terminated string. NULs inside belong to it.
#[inline]
fn string(bytes: &[u8]) -> Result<&[u8], Problem> {
    match bytes.get(4..) {
        Some([text @ .., 0]) => Ok(text),
        _ => Err(Problem::malformed("a string does not end with a NUL byte")),
    }
}

fn boolean(bytes: &[u8]) -> Result<bool, Problem> {
    match bytes {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(Problem::malformed(format!("a boolean holds {bytes:02x?}; expected 00 or 01"))),
    }
}

/// Subtype and content. The deprecated subtype 2 holds a second length, which is not content.
fn binary(bytes: &[u8]) -> Result<(u8, &[u8]), Problem> {
    let (&subtype, content) = bytes.get(4..).and_then(<[u8]>::split_first).ok_or_else(|| short("a subtype"))?;
    if subtype != 2 {
        return Ok((subtype, content));
    }
    match content.split_first_chunk::<4>() {
        Some((len, inner)) if usize::try_from(i32::from_le_bytes(*len)) == Ok(inner.len()) => Ok((2, inner)),
        _ => Err(Problem::malformed("binary subtype 2 holds a length that does not match")),
    }
}

fn regex(bytes: &[u8]) -> Result<(&[u8], &[u8]), Problem> {
    let mut parts = bytes.splitn(2, |b| *b == 0);
    match (parts.next(), parts.next()) {
        (Some(pattern), Some([options @ .., 0])) => Ok((pattern, options)),
        _ => Err(short("the end of a regular expression")),
    }
}

fn pointer(bytes: &[u8]) -> Result<(&[u8], &[u8; 12]), Problem> {
    let (head, id) = bytes.split_last_chunk::<12>().ok_or_else(|| short("an ObjectId"))?;
    Ok((string(head)?, id))
}

fn code_with_scope(bytes: &[u8]) -> Result<(&[u8], RawBson<'_>), Problem> {
    let rest = bytes.get(4..).ok_or_else(|| short("code"))?;
    let len = value_len(0x02, rest)?;
    let (code, scope) = rest.split_at_checked(len).ok_or_else(|| short("code and its scope"))?;
    Ok((string(code)?, RawBson { kind: 0x03, bytes: scope }))
}

enum Decimal128 {
    Finite { negative: bool, coefficient: u128, exponent: i64 },
    Special(f64),
}

/// Takes a decimal128 (BID encoding, little-endian) apart. A coefficient of more than 34 digits is non-canonical and,
/// by the standard, zero.
fn decimal128(bytes: [u8; 16]) -> Decimal128 {
    const BIAS: i64 = 6176;
    const MAX: u128 = 10u128.pow(34) - 1;
    let bits = u128::from_le_bytes(bytes);
    let negative = bits >> 127 == 1;
    let top = (bits >> 122) as u8 & 0x1f;
    match top {
        0b11111 => Decimal128::Special(f64::NAN),
        0b11110 => Decimal128::Special(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {
            // With the two top bits set, the coefficient starts with 100 and is beyond 34 digits: zero.
            let (shift, coefficient) =
                if top >> 3 == 0b11 { (111, 0) } else { (113, bits & ((1u128 << 113) - 1)) };
            let exponent = (bits >> shift) as i64 & 0x3fff;
            let coefficient = if coefficient > MAX { 0 } else { coefficient };
            Decimal128::Finite { negative, coefficient, exponent: exponent - BIAS }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{Equality, Numbers};
    use proptest::prelude::*;

    fn both(document: &[u8], numbers: Numbers) -> (Result<Vec<u8>, Problem>, Result<Vec<u8>, Problem>) {
        let raw = RawBson { kind: 0x03, bytes: document };
        let equality = Equality { numbers, ..Equality::default() };
        let mut encoder = Encoder::new(equality);
        let streamed = raw.encode(&mut encoder).map(|()| encoder.bytes().to_vec());
        encoder.clear();
        let tree = raw.to_value().and_then(|v| encoder.value(&v)).map(|()| encoder.bytes().to_vec());
        (streamed, tree)
    }

    #[test]
    fn the_recorded_types_stream_as_their_trees() {
        for file in ["types", "mixed_ids", "orders"] {
            let path = format!("{}/fixtures/mongo/dump/shop/{file}.bson", env!("CARGO_MANIFEST_DIR"));
            let bytes = std::fs::read(path).unwrap();
            let mut rest = &bytes[..];
            while let Some(len) = record_len(rest).unwrap() {
                for numbers in [Numbers::Value, Numbers::Typed] {
                    let (streamed, tree) = both(&rest[..len], numbers);
                    assert_eq!(streamed.unwrap(), tree.unwrap());
                }
                rest = &rest[len..];
            }
            assert!(rest.is_empty());
        }
    }

    fn corpus() -> Vec<u8> {
        std::fs::read(format!("{}/fixtures/mongo/dump/shop/types.bson", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (streamed, tree) = both(&bytes, Numbers::Value);
            prop_assert_eq!(streamed.is_ok(), tree.is_ok());
        }

        #[test]
        fn damaged_documents_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), pick in 0usize..29) {
            let corpus = corpus();
            let mut rest = &corpus[..];
            for _ in 0..pick {
                rest = &rest[record_len(rest).unwrap().unwrap()..];
            }
            let mut document = rest[..record_len(rest).unwrap().unwrap()].to_vec();
            let at = at.index(document.len());
            document[at] = byte;
            let (streamed, tree) = both(&document, Numbers::Typed);
            match (streamed, tree) {
                (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
                (a, b) => prop_assert_eq!(a.is_ok(), b.is_ok()),
            }
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_200_levels_are_not() {
        let nest = |levels: usize| {
            let mut document = vec![5, 0, 0, 0, 0];
            for _ in 0..levels {
                let mut outer = vec![0, 0, 0, 0, 0x03, b'd', 0];
                outer.extend_from_slice(&document);
                outer.push(0);
                let len = (outer.len() as u32).to_le_bytes();
                outer[..4].copy_from_slice(&len);
                document = outer;
            }
            document
        };
        let (streamed, tree) = both(&nest(200), Numbers::Value);
        assert_eq!(streamed.unwrap(), tree.unwrap());
        for levels in [300, 100_000] {
            let (streamed, tree) = both(&nest(levels), Numbers::Value);
            assert!(streamed.unwrap_err().detail().contains("nested deeper"));
            assert!(tree.unwrap_err().detail().contains("nested deeper"));
        }
    }
}
