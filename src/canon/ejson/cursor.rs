//! The tokenizer: a place in a JSON text, and the steps from it. Strict as RFC 8259, and never recursive.

use super::RawJson;
use crate::model::Problem;
use std::borrow::Cow;

/// A place in a JSON text.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

/// A string's content between its quotes, escapes not yet resolved.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Cursor<'a> {
        Cursor { text, at: 0 }
    }

    /// The next byte that is not white space; the cursor stands on it.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Steps over the byte just peeked.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// The place itself, for [`Cursor::reset`].
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Goes back to a place got from [`Cursor::mark`].
    pub(super) fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// With the cursor on an opening brace: whether the first name may start with `$`, plain or escaped.
    #[inline]
    pub(super) fn may_wrap(&self) -> bool {
        let mut ahead = Cursor {
            text: self.text,
            at: self.at + 1,
        };
        ahead.peek() == Some(b'"') && matches!(self.text.get(ahead.at + 1), Some(b'$' | b'\\'))
    }

    /// A problem at this place.
    #[cold]
    pub(super) fn expected(&self, what: &str) -> Problem {
        match self.text.get(self.at) {
            Some(_) => Problem::malformed(format!("expected {what} at byte {} of the JSON text", self.at)),
            None => Problem::malformed(format!("JSON text ends at byte {}, expected {what}", self.at)),
        }
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Problem> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.expected(&format!("{:?}", char::from(byte))))
        }
    }

    /// Nothing may follow.
    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end")),
        }
    }

    /// Reads the string that starts here.
    pub(super) fn string(&mut self) -> Result<Text<'a>, Problem> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    // The escaped byte cannot end the string; what it means is settled by `unescape`.
                    self.at += 1;
                    if self.text.get(self.at).is_none_or(|b| *b < 0x20) {
                        return Err(self.expected("an escape"));
                    }
                    self.at += 1;
                }
                Some(0x20..) => self.at += 1,
                Some(_) => return Err(self.expected("no control character inside a string")),
                None => return Err(self.expected("'\"'")),
            }
        }
    }

    /// Takes the run of bytes a number or a word is made of; empty if there is none.
    pub(super) fn literal(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let len = rest
            .iter()
            .position(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.'))
            .unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// After an opening brace: calls `each` with the cursor on every member's value and the member's name.
    pub(super) fn members(
        &mut self,
        mut each: impl FnMut(&mut Cursor<'a>, &[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.members_while(|c, name| each(c, name).map(|()| true))
            .map(|_| ())
    }

    /// Like [`Cursor::members`], until `each` returns false; true if it never did, and the object was read to its end.
    pub(super) fn members_while(
        &mut self,
        mut each: impl FnMut(&mut Cursor<'a>, &[u8]) -> Result<bool, Problem>,
    ) -> Result<bool, Problem> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(true);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a field name"));
            }
            let name = self.string()?.unescape()?;
            self.expect(b':')?;
            if !each(self, &name)? {
                return Ok(false);
            }
            if self.closes(b'}', "',' or '}'")? {
                return Ok(true);
            }
        }
    }

    /// After an opening bracket: calls `each` with the cursor on every element and the element's index.
    pub(super) fn items(
        &mut self,
        mut each: impl FnMut(&mut Cursor<'a>, usize) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        let mut index = 0;
        loop {
            each(self, index)?;
            index += 1;
            if self.closes(b']', "',' or ']'")? {
                return Ok(());
            }
        }
    }

    fn closes(&mut self, bracket: u8, what: &str) -> Result<bool, Problem> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(b) if b == bracket => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Frames the value that starts here: brackets and strings are matched up, the rest is left to whoever reads it.
    pub(super) fn span(&mut self) -> Result<RawJson<'a>, Problem> {
        let first = self.peek();
        let start = self.at;
        let mut open = 0usize;
        if matches!(first, Some(b',' | b':' | b'}' | b']')) {
            return Err(self.expected("a value"));
        }
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') => self.at += 1,
                _ => {
                    if self.literal().is_empty() {
                        return Err(self.expected("a value"));
                    }
                }
            }
            if open == 0 {
                let bytes = &self.text[start..self.at];
                return Ok(RawJson { bytes });
            }
        }
    }
}

impl<'a> Text<'a> {
    /// The content as written.
    pub(super) fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The content with its escapes resolved.
    #[inline]
    pub(super) fn unescape(&self) -> Result<Cow<'a, [u8]>, Problem> {
        if self.escaped {
            unescape(self.raw).map(Cow::Owned)
        } else {
            Ok(Cow::Borrowed(self.raw))
        }
    }
}

fn unescape(mut rest: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (plain, used) = match rest.get(at + 1) {
            Some(b @ (b'"' | b'\\' | b'/')) => (*b, 2),
            Some(b'b') => (8, 2),
            Some(b'f') => (12, 2),
            Some(b'n') => (b'\n', 2),
            Some(b'r') => (b'\r', 2),
            Some(b't') => (b'\t', 2),
            Some(b'u') => {
                let (character, used) = unicode(&rest[at..])?;
                let mut utf8 = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                rest = &rest[at + used..];
                continue;
            }
            _ => return Err(Problem::malformed("unknown escape inside a JSON string")),
        };
        out.push(plain);
        rest = &rest[at + used..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// The character that `\uXXXX`, or a surrogate pair of them, stands for, and the length of its escape.
fn unicode(escape: &[u8]) -> Result<(char, usize), Problem> {
    let unit = |at: usize| {
        let digits = escape.get(at + 2..at + 6)?;
        if escape[at..].starts_with(b"\\u") {
            digits
                .iter()
                .try_fold(0, |n, d| Some(n * 16 + char::from(*d).to_digit(16)?))
        } else {
            None
        }
    };
    let bad = || Problem::malformed("bad \\u escape inside a JSON string, or half a surrogate pair");
    let first = unit(0).ok_or_else(bad)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    match unit(6) {
        Some(second @ 0xdc00..=0xdfff) if first < 0xdc00 => {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Ok((char::from_u32(code).ok_or_else(bad)?, 12))
        }
        _ => Err(bad()),
    }
}
