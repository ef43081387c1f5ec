//! JSON text: MongoDB Extended JSON v2 (canonical and relaxed) and plain JSON, walked without building a tree first.
//!
//! Sources: RFC 8259; the MongoDB Extended JSON v2 specification. Numbers are read exactly: an integer beyond 64 bits, or
//! a literal beyond a double's range, becomes a decimal and never an infinity.

use super::{Encoder, MAX_DEPTH, literal, temporal};
use crate::model::{Number, NumberType, Problem, Timestamp, Value};
use base64::Engine as _;

/// A JSON value: exactly its text.
#[derive(Clone, Copy, Debug)]
pub struct RawJson<'a> {
    /// The text, without white space around it.
    pub bytes: &'a [u8],
}

/// Calls `visit` for each field of a document: name and value.
///
/// # Errors
/// `malformed` if the text is no JSON object, or something follows it.
pub fn walk<'a>(
    document: &'a [u8],
    mut visit: impl FnMut(&[u8], RawJson<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut scanner = Scanner { text: document, at: 0 };
    scanner.space();
    if scanner.peek() != Some(b'{') {
        return Err(scanner.bad("an object"));
    }
    scanner.object(&mut |name, value| visit(name, value))?;
    scanner.end()
}

impl<'a> RawJson<'a> {
    /// Appends the value's canonical bytes.
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self.bytes.first() {
            Some(b'{') => {
                let mut special = false;
                walk(self.bytes, |name, _| {
                    special |= name.starts_with(b"$");
                    Ok(())
                })?;
                match special {
                    true => out.value(&self.to_value()?),
                    false => out.document(|out| walk(self.bytes, |name, v| out.field(name, |out| v.encode(out)))),
                }
            }
            Some(b'[') => out.list(|out| {
                self.elements(&mut |index, element| element.encode(out).map_err(|p| p.at(index)))
            }),
            Some(b'"') => out.text(&self.string()?),
            _ => out.value(&self.to_value()?),
        }
    }

    /// The value's tree form.
    pub fn to_value(&self) -> Result<Value, Problem> {
        self.tree(0)
    }

    fn tree(&self, depth: usize) -> Result<Value, Problem> {
        match self.bytes.first() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                Err(Problem::unsupported(format!("nested deeper than {MAX_DEPTH} levels")))
            }
            Some(b'{') => {
                let mut fields = Vec::new();
                walk(self.bytes, |name, value| {
                    let name = std::str::from_utf8(name).map_err(|_| Problem::malformed("a field name is not UTF-8"))?;
                    fields.push((name.to_owned(), value.tree(depth + 1).map_err(|p| p.inside(name))?));
                    Ok(())
                })?;
                extended(fields, self)
            }
            Some(b'[') => {
                let mut items = Vec::new();
                self.elements(&mut |index, element| {
                    items.push(element.tree(depth + 1).map_err(|p| p.at(index))?);
                    Ok(())
                })?;
                Ok(Value::List(items))
            }
            Some(b'"') => String::from_utf8(self.string()?)
                .map(Value::Text)
                .map_err(|e| Problem::malformed(format!("invalid UTF-8 after {} bytes of text", e.utf8_error().valid_up_to()))),
            _ => match self.bytes {
                b"null" => Ok(Value::Null),
                b"true" => Ok(Value::Bool(true)),
                b"false" => Ok(Value::Bool(false)),
                literal => number(literal).map(Value::Number),
            },
        }
    }

    /// If the value is an object that is no Extended JSON form: calls `visit` for each field and returns true.
    pub fn walk_document(
        &self,
        visit: &mut dyn FnMut(&[u8], RawJson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        if self.bytes.first() != Some(&b'{') || self.wraps()? {
            return Ok(false);
        }
        walk(self.bytes, |name, value| visit(name, value))?;
        Ok(true)
    }

    /// If the value is an array: calls `visit` for each element and returns true.
    pub fn walk_list(
        &self,
        visit: &mut dyn FnMut(usize, RawJson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        let is_list = self.bytes.first() == Some(&b'[');
        if is_list {
            self.elements(visit)?;
        }
        Ok(is_list)
    }

    fn wraps(&self) -> Result<bool, Problem> {
        let mut special = false;
        walk(self.bytes, |name, _| {
            special |= name.starts_with(b"$");
            Ok(())
        })?;
        Ok(special && !matches!(self.to_value(), Ok(Value::Document(_))))
    }

    fn elements(&self, visit: &mut dyn FnMut(usize, RawJson<'a>) -> Result<(), Problem>) -> Result<(), Problem> {
        let mut scanner = Scanner { text: self.bytes, at: 1 };
        let mut index = 0;
        scanner.space();
        if scanner.peek() == Some(b']') {
            scanner.at += 1;
            return scanner.end();
        }
        loop {
            scanner.space();
            visit(index, scanner.value()?)?;
            index += 1;
            scanner.space();
            match scanner.next() {
                Some(b',') => {}
                Some(b']') => return scanner.end(),
                _ => return Err(scanner.bad("a comma or the end of the array")),
            }
        }
    }

    /// The content of a string, unescaped.
    fn string(&self) -> Result<Vec<u8>, Problem> {
        let inner = &self.bytes[1..self.bytes.len() - 1];
        unescape(inner)
    }
}

/// How many bare numbers a document holds whose int32, int64 or double type plain and relaxed JSON do not say.
pub fn bare_numbers(document: &[u8]) -> u64 {
    let mut count = 0;
    let (mut at, mut in_value) = (0, false);
    while at < document.len() {
        match document[at] {
            b'"' => {
                let mut scanner = Scanner { text: document, at };
                if scanner.skip_string().is_err() {
                    return count;
                }
                at = scanner.at;
                in_value = false;
                continue;
            }
            b'-' | b'0'..=b'9' => {
                // {"$minKey":1} and the parts of a $timestamp are always bare.
                let before = &document[..at];
                let wrapped = [&b"Key\":"[..], b"{\"t\":", b"\"i\":"].iter().any(|w| before.ends_with(w));
                count += u64::from(!in_value && !wrapped);
                in_value = true;
            }
            b'.' | b'e' | b'E' | b'+' => {}
            _ => in_value = false,
        }
        at += 1;
    }
    count
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn bad(&self, expected: &str) -> Problem {
        Problem::malformed(format!("not JSON: expected {expected} after {} bytes", self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Problem> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.bad("the end")) }
    }

    fn object(&mut self, visit: &mut dyn FnMut(&[u8], RawJson<'a>) -> Result<(), Problem>) -> Result<(), Problem> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.space();
            let from = self.at;
            self.skip_string()?;
            let quoted = &self.text[from + 1..self.at - 1];
            self.space();
            if self.next() != Some(b':') {
                return Err(self.bad("a colon"));
            }
            self.space();
            let value = self.value()?;
            match memchr::memchr(b'\\', quoted) {
                None => visit(quoted, value)?,
                Some(_) => visit(&unescape(quoted)?, value)?,
            }
            self.space();
            match self.next() {
                Some(b',') => {}
                Some(b'}') => return Ok(()),
                _ => return Err(self.bad("a comma or the end of the object")),
            }
        }
    }

    /// Passes over one value and gives its text. Nesting is only counted here, so that hostile depth costs no stack.
    fn value(&mut self) -> Result<RawJson<'a>, Problem> {
        let from = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Some(b'"') => self.skip_string()?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') if depth > 0 => self.at += 1,
                Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                    while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')) {
                        self.at += 1;
                    }
                }
                _ => return Err(self.bad("a value")),
            }
            if depth == 0 {
                return Ok(RawJson { bytes: &self.text[from..self.at] });
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), Problem> {
        if self.next() != Some(b'"') {
            self.at -= 1;
            return Err(self.bad("a string"));
        }
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(next) = memchr::memchr2(b'"', b'\\', rest) else { return Err(self.bad("a closing quote")) };
            self.at += next + 1;
            match rest[next] {
                b'"' => return Ok(()),
                _ => self.at += 1,
            }
        }
    }
}

fn unescape(text: &[u8]) -> Result<Vec<u8>, Problem> {
    if text.iter().any(|b| *b < 0x20) {
        return Err(Problem::malformed("a control character in a string; expected an escape"));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let bad = || Problem::malformed("a bad escape in a string");
        let escape = *rest.get(at + 1).ok_or_else(bad)?;
        rest = &rest[at + 2..];
        let simple = match escape {
            b'"' | b'\\' | b'/' => escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut unit = || -> Option<u32> {
                    let (digits, tail) = rest.split_at_checked(4)?;
                    rest = tail;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
                };
                let first = unit().ok_or_else(bad)?;
                let code = if (0xd800..0xdc00).contains(&first) {
                    rest = rest.strip_prefix(b"\\u").ok_or_else(|| Problem::malformed("a lone surrogate in a string"))?;
                    let (digits, tail) = rest.split_at_checked(4).ok_or_else(bad)?;
                    rest = tail;
                    let second = std::str::from_utf8(digits).ok().and_then(|d| u32::from_str_radix(d, 16).ok());
                    match second {
                        Some(second) if (0xdc00..0xe000).contains(&second) => {
                            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                        }
                        _ => return Err(Problem::malformed("a lone surrogate in a string")),
                    }
                } else {
                    first
                };
                let c = char::from_u32(code).ok_or_else(|| Problem::malformed("a lone surrogate in a string"))?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return Err(bad()),
        };
        out.push(simple);
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// Reads a bare number. Relaxed JSON writes int32 and int64 without point and doubles with one, so that is how they are
/// taken; what neither holds is an exact decimal.
fn number(literal: &[u8]) -> Result<Number, Problem> {
    let bad = || {
        let short: String = String::from_utf8_lossy(literal).chars().take(40).collect();
        Problem::malformed(format!("not JSON: {short:?} is no value"))
    };
    let text = std::str::from_utf8(literal).map_err(|_| bad())?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leads = digits.as_bytes().first().is_some_and(u8::is_ascii_digit);
    let zero_led = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    if !leads || zero_led || digits.ends_with('.') || text.contains(".e") || text.contains(".E") {
        return Err(bad());
    }
    if let Ok(int) = text.parse::<i64>() {
        let ty = if i32::try_from(int).is_ok() { NumberType::Int32 } else { NumberType::Int64 };
        return Ok(match text {
            "-0" => Number::double(-0.0, NumberType::Double),
            _ => Number::int(int, ty),
        });
    }
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() && text.contains(['.', 'e', 'E']) => {
            Ok(Number::double(double, NumberType::Double))
        }
        _ => literal::decimal(text, NumberType::Untyped).ok_or_else(bad),
    }
}

/// Recognises the Extended JSON forms; anything else is a document.
fn extended(fields: Vec<(String, Value)>, raw: &RawJson<'_>) -> Result<Value, Problem> {
    let names: Vec<&str> = fields.iter().map(|(n, _)| n.as_str()).collect();
    let bad = || {
        let short: String = String::from_utf8_lossy(raw.bytes).chars().take(60).collect();
        Problem::malformed(format!("{short} is no valid Extended JSON"))
    };
    let text = |at: usize| match &fields[at].1 {
        Value::Text(text) => Ok(text.as_str()),
        _ => Err(bad()),
    };
    let small = |at: usize, name: &str| match &fields[at].1 {
        Value::Document(inner) => inner.iter().find(|(n, _)| n == name).and_then(|(_, v)| match v {
            Value::Number(n) => n.to_string().parse::<u32>().ok(),
            _ => None,
        }),
        _ => None,
    };
    Ok(match names[..] {
        ["$oid"] => {
            let mut id = [0; 12];
            hex::decode_to_slice(text(0)?, &mut id).map_err(|_| bad())?;
            Value::ObjectId(id)
        }
        ["$numberInt"] => {
            let int: i32 = text(0)?.parse().map_err(|_| bad())?;
            Value::Number(Number::int(int.into(), NumberType::Int32))
        }
        ["$numberLong"] => Value::Number(Number::int(text(0)?.parse().map_err(|_| bad())?, NumberType::Int64)),
        ["$numberDouble"] => {
            let double: f64 = text(0)?.parse().map_err(|_| bad())?;
            Value::Number(Number::double(double, NumberType::Double))
        }
        ["$numberDecimal"] => Value::Number(match text(0)? {
            "NaN" => Number::double(f64::NAN, NumberType::Decimal128),
            "Infinity" => Number::double(f64::INFINITY, NumberType::Decimal128),
            "-Infinity" => Number::double(f64::NEG_INFINITY, NumberType::Decimal128),
            digits => literal::decimal(digits, NumberType::Decimal128).ok_or_else(bad)?,
        }),
        ["$binary"] => match &fields[0].1 {
            Value::Document(inner) => match &inner[..] {
                [(a, Value::Text(content)), (b, Value::Text(subtype))] if a == "base64" && b == "subType" => {
                    binary(content, subtype).ok_or_else(bad)?
                }
                _ => return Err(bad()),
            },
            _ => return Err(bad()),
        },
        ["$binary", "$type"] => binary(text(0)?, text(1)?).ok_or_else(bad)?,
        ["$uuid"] => Value::Uuid(literal::uuid(text(0)?).ok_or_else(bad)?),
        ["$date"] => match &fields[0].1 {
            Value::Text(iso) => Value::Timestamp(temporal::timestamp(iso).ok_or_else(bad)?),
            Value::Number(n) => Value::Timestamp(Timestamp::from_millis(n.to_string().parse().map_err(|_| bad())?)),
            _ => return Err(bad()),
        },
        ["$timestamp"] => match (small(0, "t"), small(0, "i")) {
            (Some(time), Some(increment)) => Value::BsonTimestamp { time, increment },
            _ => return Err(bad()),
        },
        ["$regularExpression"] => match &fields[0].1 {
            Value::Document(inner) => match &inner[..] {
                [(a, Value::Text(pattern)), (b, Value::Text(options))] if a == "pattern" && b == "options" => {
                    Value::Regex { pattern: pattern.clone(), options: options.clone() }
                }
                _ => return Err(bad()),
            },
            _ => return Err(bad()),
        },
        ["$regex", "$options"] => match (&fields[0].1, &fields[1].1) {
            (Value::Text(pattern), Value::Text(options)) => {
                Value::Regex { pattern: pattern.clone(), options: options.clone() }
            }
            _ => Value::Document(fields),
        },
        ["$code"] => Value::Code { code: text(0)?.to_owned(), scope: None },
        ["$code", "$scope"] => match &fields[1].1 {
            Value::Document(scope) => Value::Code { code: text(0)?.to_owned(), scope: Some(scope.clone()) },
            _ => return Err(bad()),
        },
        ["$symbol"] => Value::Symbol(text(0)?.to_owned()),
        ["$dbPointer"] => match &fields[0].1 {
            Value::Document(inner) => match &inner[..] {
                [(_, Value::Text(namespace)), (_, Value::ObjectId(id))] => {
                    Value::DbPointer { namespace: namespace.clone(), id: *id }
                }
                _ => return Err(bad()),
            },
            _ => return Err(bad()),
        },
        ["$minKey"] => Value::MinKey,
        ["$maxKey"] => Value::MaxKey,
        ["$undefined"] => Value::Undefined,
        _ => Value::Document(fields),
    })
}

fn binary(content: &str, subtype: &str) -> Option<Value> {
    let subtype = u8::from_str_radix(subtype, 16).ok()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(content).ok()?;
    Some(match <[u8; 16]>::try_from(&bytes[..]) {
        Ok(uuid) if subtype == 4 => Value::Uuid(uuid),
        _ => Value::Bytes { subtype, bytes },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::bson::{RawBson, record_len};
    use crate::canon::{Equality, Numbers};
    use proptest::prelude::*;

    fn read(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/fixtures/mongo/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn canonical_and_relaxed_json_have_the_bytes_of_bson() {
        let equality = Equality { numbers: Numbers::Typed, ..Equality::default() };
        for (name, relaxed_differs) in [("types", 0), ("mixed_ids", 2)] {
            let bson = read(&format!("dump/shop/{name}.bson"));
            let canonical = read(&format!("{name}.canonical.ndjson"));
            let relaxed = read(&format!("{name}.relaxed.ndjson"));
            let lines = |text: &'_ [u8]| -> Vec<Vec<u8>> {
                text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(<[u8]>::to_vec).collect()
            };
            let (canonical, relaxed) = (lines(&canonical), lines(&relaxed));
            let bytes = |raw: &RawJson<'_>| {
                let mut encoder = Encoder::new(equality);
                raw.encode(&mut encoder).unwrap();
                let streamed = encoder.bytes().to_vec();
                encoder.clear();
                encoder.value(&raw.to_value().unwrap()).unwrap();
                assert_eq!(encoder.bytes(), streamed);
                streamed
            };
            let (mut rest, mut index, mut differing) = (&bson[..], 0, 0);
            while let Some(len) = record_len(rest).unwrap() {
                let mut encoder = Encoder::new(equality);
                RawBson { kind: 3, bytes: &rest[..len] }.encode(&mut encoder).unwrap();
                assert_eq!(bytes(&RawJson { bytes: &canonical[index] }), encoder.bytes(), "{name} {index}");
                differing += usize::from(bytes(&RawJson { bytes: &relaxed[index] }) != encoder.bytes());
                rest = &rest[len..];
                index += 1;
            }
            assert_eq!((index, differing), (canonical.len(), relaxed_differs), "{name}");
        }
    }

    #[test]
    fn numbers_are_exact() {
        let show = |text: &str| number(text.as_bytes()).map(|n| format!("{} {n}", n.ty.name()));
        assert_eq!(show("9007199254740993").unwrap(), "int64 9007199254740993");
        assert_eq!(show("123456789012345678901234567890").unwrap(), "number 123456789012345678901234567890");
        assert_eq!(show("1e400").unwrap(), "number 1E+400");
        assert_eq!(show("1.0").unwrap(), "double 1.0");
        for bad in ["", "-", "01", "1.", ".5", "1e", "0x1", "NaN", "truth", "--1"] {
            assert!(show(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[\\[\\]{}\",:$a-z0-9.eE+\\\\ -]{0,60}") {
            let raw = RawJson { bytes: text.trim().as_bytes() };
            let mut encoder = Encoder::new(Equality::default());
            let streamed = raw.encode(&mut encoder).is_ok();
            encoder.clear();
            let tree = raw.to_value().and_then(|v| encoder.value(&v)).is_ok();
            prop_assert_eq!(streamed, tree);
            bare_numbers(text.as_bytes());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let raw = RawJson { bytes: &bytes };
            let _ = raw.to_value();
            let _ = walk(&bytes, |_, _| Ok(()));
        }
    }

    #[test]
    fn hostile_depth_is_refused() {
        for levels in [300usize, 100_000] {
            let text = "[".repeat(levels) + &"]".repeat(levels);
            let problem = RawJson { bytes: text.as_bytes() }.to_value().unwrap_err();
            assert!(problem.detail().contains("nested deeper"));
        }
    }
}
