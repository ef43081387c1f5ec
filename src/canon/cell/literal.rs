//! Collections, tuples and user-defined types: CQL literals as cqlsh prints them, JSON as DSBulk does.
//!
//! The type leads: nothing nests deeper than the column's type does, whatever the text says.

mod parts;
mod udt;

use super::number::excerpt;
use super::scalar::{self, Probe};
use crate::canon::Encoder;
use crate::canon::csv::{Dialect, DialectKind};
use crate::model::{CqlType, Problem};
use memchr::{memchr, memchr2};
use std::borrow::Cow;

/// Undoes what cqlsh's formatting does to text: `\\`, `\n`, `\x1b` and the other escapes of control characters.
pub(super) fn unformat(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(i) = memchr(b'\\', rest) {
        plain.extend_from_slice(&rest[..i]);
        let kind = rest.get(i + 1).copied().unwrap_or_default();
        rest = rest.get(i + 2..).unwrap_or_default();
        let digits = match kind {
            b'\\' => {
                plain.push(b'\\');
                continue;
            }
            b'n' | b'r' | b't' => {
                plain.push(match kind {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    _ => b'\t',
                });
                continue;
            }
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        let character = rest
            .get(..digits)
            .filter(|d| !d.is_empty() && d.iter().all(u8::is_ascii_hexdigit))
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u32::from_str_radix(d, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| {
                Problem::malformed(format!(
                    "{} holds a backslash that cqlsh did not write",
                    excerpt(text)
                ))
            })?;
        plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[digits..];
    }
    plain.extend_from_slice(rest);
    Ok(plain)
}

/// Whether a bare word inside a value says null. What cqlsh prints for it depends on where it stands and on the version:
/// nothing at all, too, in a tuple or a user-defined type.
pub(super) fn is_null(word: &[u8], dialect: &Dialect) -> bool {
    word == b"null"
        || dialect.kind != DialectKind::Dsbulk
            && (word.is_empty()
                || word == b"None"
                || dialect.null.as_deref().map(str::as_bytes) == Some(word))
}

fn wrong_size(found: usize, declared: u32) -> Problem {
    Problem::malformed(format!("vector of {found} elements, expected {declared}"))
}

/// The text of one literal, and how far it has been read.
pub(super) struct Literal<'t, 'p, 'q> {
    text: &'t [u8],
    at: usize,
    json: bool,
    dialect: &'t Dialect,
    probe: Option<&'p mut Probe<'q>>,
}

impl<'t, 'p, 'q> Literal<'t, 'p, 'q> {
    pub(super) fn new(
        text: &'t [u8],
        dialect: &'t Dialect,
        probe: Option<&'p mut Probe<'q>>,
    ) -> Literal<'t, 'p, 'q> {
        Literal {
            text,
            at: 0,
            json: dialect.kind == DialectKind::Dsbulk,
            dialect,
            probe,
        }
    }

    /// Writes the value of type `ty` that the whole text stands for.
    pub(super) fn whole(mut self, ty: &CqlType, out: &mut Encoder) -> Result<(), Problem> {
        self.value(ty, out)?;
        self.ended()
    }

    fn ended(&mut self) -> Result<(), Problem> {
        self.blank();
        if self.at == self.text.len() {
            return Ok(());
        }
        Err(self.expected("the end of the value"))
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> Problem {
        let found = if self.rest().is_empty() {
            "the end".to_owned()
        } else {
            excerpt(self.rest())
        };
        Problem::malformed(format!("expected {what} at byte {}, found {found}", self.at))
    }

    fn blank(&mut self) {
        while matches!(self.rest().first(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.blank();
        let found = self.rest().first() == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Problem> {
        if self.accept(byte) {
            return Ok(());
        }
        Err(self.expected(&format!("{:?}", char::from(byte))))
    }

    /// Reads what stands between brackets, `item` once per part.
    fn parts(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self, usize) -> Result<(), Problem>,
    ) -> Result<usize, Problem> {
        if self.accept(close) {
            return Ok(0);
        }
        let mut n = 0;
        loop {
            item(self, n)?;
            n += 1;
            if self.accept(close) {
                return Ok(n);
            }
            if !self.accept(b',') {
                return Err(self.expected(&format!("',' or {:?}", char::from(close))));
            }
        }
    }

    fn value(&mut self, ty: &CqlType, out: &mut Encoder) -> Result<(), Problem> {
        self.blank();
        let ty = ty.thawed();
        let (open, close) = match ty {
            CqlType::List(_) | CqlType::Vector(..) => (b'[', b']'),
            CqlType::Set(_) | CqlType::Tuple(_) if self.json => (b'[', b']'),
            CqlType::Tuple(_) => (b'(', b')'),
            CqlType::Set(_) | CqlType::Map(..) | CqlType::Udt(_) => (b'{', b'}'),
            _ => return self.scalar(ty, out),
        };
        if self.rest().first() != Some(&open) {
            return self.no_bracket(ty, open, out);
        }
        self.at += 1;
        match ty {
            CqlType::List(t) => out.list(|out| {
                self.parts(close, |s, i| s.element(t, out).map_err(|p| p.at(i)))
                    .map(drop)
            }),
            CqlType::Vector(t, size) => out.list(|out| {
                let n = self.parts(close, |s, i| s.element(t, out).map_err(|p| p.at(i)))?;
                if n == *size as usize {
                    return Ok(());
                }
                Err(wrong_size(n, *size))
            }),
            CqlType::Set(t) => out.set(|out| {
                self.parts(close, |s, i| {
                    out.element(|out| s.element(t, out)).map_err(|p| p.at(i))
                })
                .map(drop)
            }),
            CqlType::Map(k, v) => out.map(|out| {
                self.parts(close, |s, i| {
                    // Key and value need the text in turn, and the encoder asks for both at once.
                    let text = std::cell::RefCell::new(s);
                    out.entry(
                        |out| text.borrow_mut().key(k, out),
                        |out| text.borrow_mut().element(v, out),
                    )
                    .map_err(|p| p.at(i))
                })
                .map(drop)
            }),
            CqlType::Tuple(types) => out.list(|out| {
                let n = self.parts(close, |s, i| match types.get(i) {
                    Some(t) => s.value(t, out).map_err(|p| p.at(i)),
                    None => Err(s.expected(&format!("the end of a tuple of {}", types.len()))),
                })?;
                // Fields that the tuple was written without are null.
                (n..types.len()).for_each(|_| out.null());
                Ok(())
            }),
            CqlType::Udt(udt) => self.udt(udt, close, out),
            _ => Err(self.expected("a collection")),
        }
    }

    /// Where a collection should begin and does not: null, or the whole collection once more as JSON text.
    fn no_bracket(&mut self, ty: &CqlType, open: u8, out: &mut Encoder) -> Result<(), Problem> {
        let start = self.at;
        if self.json && self.rest().first() == Some(&b'"') {
            let text = self.quoted()?;
            return Literal {
                text: &text,
                at: 0,
                json: true,
                dialect: self.dialect,
                probe: self.probe.as_deref_mut(),
            }
            .whole(ty, out);
        }
        let word = self.bare();
        if is_null(word, self.dialect) {
            out.null();
            return Ok(());
        }
        self.at = start;
        Err(self.expected(&format!("{:?} ({ty})", char::from(open))))
    }

    /// Reads a part of a collection. None is ever null, so nothing is written as nothing.
    fn element(&mut self, ty: &CqlType, out: &mut Encoder) -> Result<(), Problem> {
        self.blank();
        match self.rest() {
            [] | [b',' | b']' | b'}' | b')', ..] | [b':', b' ', ..] => Err(self.expected("an element")),
            _ => self.value(ty, out),
        }
    }

    fn key(&mut self, ty: &CqlType, out: &mut Encoder) -> Result<(), Problem> {
        self.element(ty, out)?;
        self.expect(b':')
    }

    fn scalar(&mut self, ty: &CqlType, out: &mut Encoder) -> Result<(), Problem> {
        let mark = if self.json { b'"' } else { b'\'' };
        let kind = self.dialect.kind;
        if self.rest().first() == Some(&mark) {
            let text = self.quoted()?;
            return scalar::encode(ty, &text, kind, self.probe.as_deref_mut(), out);
        }
        let start = self.at;
        let word = self.bare();
        if is_null(word, self.dialect) {
            out.null();
            return Ok(());
        }
        if ty.is_text() {
            self.at = start;
            return Err(self.expected("text in quotes"));
        }
        scalar::encode(ty, word, kind, self.probe.as_deref_mut(), out)
    }

    /// The text up to the next separator. A colon separates only before a blank: times hold colons too.
    fn bare(&mut self) -> &'t [u8] {
        let rest = self.rest();
        let ends = |i: usize| match rest[i] {
            b',' | b']' | b'}' | b')' => true,
            b':' => self.json || rest.get(i + 1) == Some(&b' '),
            _ => false,
        };
        let end = (0..rest.len()).find(|&i| ends(i)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].trim_ascii()
    }

    /// The text between quotes, without its escapes.
    fn quoted(&mut self) -> Result<Cow<'t, [u8]>, Problem> {
        let rest = self.rest();
        let unclosed = |s: &Self| s.expected("a closing quote after text");
        if self.json {
            if rest.first() != Some(&b'"') {
                return Err(self.expected("text in quotes"));
            }
            let mut end = 1;
            loop {
                match memchr2(b'"', b'\\', &rest[end..]) {
                    Some(i) if rest[end + i] == b'"' => {
                        end += i + 1;
                        break;
                    }
                    Some(i) if end + i + 2 <= rest.len() => end += i + 2,
                    _ => return Err(unclosed(self)),
                }
            }
            let text: String = serde_json::from_slice(&rest[..end])
                .map_err(|_| Problem::malformed(format!("{} is not JSON text", excerpt(&rest[..end]))))?;
            self.at += end;
            return Ok(Cow::Owned(text.into_bytes()));
        }
        let (mut end, mut doubled) = (1, false);
        loop {
            let Some(i) = memchr(b'\'', &rest[end..]) else {
                return Err(unclosed(self));
            };
            end += i + 1;
            if rest.get(end) != Some(&b'\'') {
                break;
            }
            end += 1;
            doubled = true;
        }
        self.at += end;
        let mut text = Cow::Borrowed(&rest[1..end - 1]);
        if doubled {
            let mut single = Vec::with_capacity(text.len());
            let mut bytes = text.iter();
            while let Some(&b) = bytes.next() {
                single.push(b);
                if b == b'\'' {
                    bytes.next();
                }
            }
            text = Cow::Owned(single);
        }
        if self.dialect.kind == DialectKind::Cqlsh && memchr(b'\\', &text).is_some() {
            text = Cow::Owned(unformat(&text)?);
        }
        Ok(text)
    }
}
