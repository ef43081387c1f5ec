//! Delimited text: where records end, and where the cells of a record lie.
//!
//! Records end at a line feed, with or without a carriage return before it, that no quote and no escape holds. A quote
//! opens a quoted cell only as the cell's first byte; anywhere else in an unquoted cell it stands for itself.

use crate::model::Problem;
use memchr::{memchr, memchr2, memchr3};
use smallvec::SmallVec;
use std::collections::HashSet;

/// Who wrote a file, which decides how null, text and collections are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DialectKind {
    /// Any tool that follows RFC 4180.
    Rfc4180,
    /// `COPY … TO` of cqlsh.
    Cqlsh,
    /// `dsbulk unload`.
    Dsbulk,
}

/// How cqlsh's file doubles backslashes that its text formatting wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Escapes {
    /// Formatting and CSV writer both escape (Python 3.10 and later): a backslash in the text is four in the file.
    Twice,
    /// The CSV writer escapes quotes only (older Python): a backslash in the text is two in the file.
    Once,
}

/// How a delimited text file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Who wrote it.
    pub kind: DialectKind,
    /// What stands between cells: `,`, or a tab for TSV.
    pub delimiter: u8,
    /// What stands around cells that hold delimiters or line ends.
    pub quote: u8,
    /// What stands before a quote inside a quoted cell; equal to `quote` if quotes are doubled.
    pub escape: u8,
    /// The text that stands for null; none if no cell is null.
    pub null: Option<String>,
    /// Whether the first record names the columns.
    pub header: bool,
    /// How cqlsh's own escapes are written; of no meaning for other kinds.
    pub escapes: Escapes,
}

/// Where one cell lies in its record, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellSpan {
    /// First byte.
    pub start: usize,
    /// Past the last byte.
    pub end: usize,
    /// Whether quotes stood around it.
    pub quoted: bool,
    /// Whether it holds escapes or doubled quotes.
    pub escaped: bool,
}

/// The cells of a record: a row of up to 32 columns needs no allocation.
pub type Cells = SmallVec<[CellSpan; 32]>;

impl Dialect {
    /// The dialect of this kind with its defaults, and `delimiter` between cells.
    pub fn of(kind: DialectKind, delimiter: u8) -> Dialect {
        let preset = match kind {
            DialectKind::Rfc4180 => Dialect::rfc4180(),
            DialectKind::Cqlsh => Dialect::cqlsh(""),
            DialectKind::Dsbulk => Dialect::dsbulk(),
        };
        Dialect { delimiter, ..preset }
    }

    /// RFC 4180 with a header; an unquoted empty cell is null, `""` is the empty text.
    pub fn rfc4180() -> Dialect {
        Dialect {
            kind: DialectKind::Rfc4180,
            delimiter: b',',
            quote: b'"',
            escape: b'"',
            null: Some(String::new()),
            header: true,
            escapes: Escapes::Twice,
        }
    }

    /// cqlsh's `COPY … TO` with `NULL = null` (the tool's default is the empty text) and a header.
    pub fn cqlsh(null: &str) -> Dialect {
        Dialect {
            kind: DialectKind::Cqlsh,
            escape: b'\\',
            null: Some(null.to_owned()),
            ..Dialect::rfc4180()
        }
    }

    /// `dsbulk unload` with its defaults.
    pub fn dsbulk() -> Dialect {
        Dialect {
            kind: DialectKind::Dsbulk,
            escape: b'\\',
            ..Dialect::rfc4180()
        }
    }

    /// Whether the escape byte also escapes outside quotes. DSBulk writes such backslashes as they are.
    fn escapes_unquoted(&self) -> bool {
        self.kind == DialectKind::Cqlsh && self.escape != self.quote
    }

    /// Past the end, line end included, of the record that starts at `from`; none if `buf` does not hold all of it.
    ///
    /// At the end of the input the rest is a record too.
    pub fn record_end(&self, buf: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        // Where the last escaped pair ended: a delimiter before that does not end a cell.
        let mut free = from;
        loop {
            let rest = buf.get(at..)?;
            let found = if self.escapes_unquoted() {
                memchr3(b'\n', self.quote, self.escape, rest)
            } else {
                memchr2(b'\n', self.quote, rest)
            };
            at += found?;
            if buf[at] == b'\n' {
                return Some(at + 1);
            }
            if buf[at] == self.quote {
                let opens = at == from || (at > free && buf[at - 1] == self.delimiter);
                at = if opens {
                    self.closing_quote(buf, at + 1)?.0 + 1
                } else {
                    at + 1
                };
            } else {
                at += 2;
                free = at;
            }
        }
    }

    /// The place of the quote that closes a cell whose text starts at `from`, and whether the text holds escapes. A
    /// quote that ends `buf` closes nothing yet when quotes are doubled.
    fn closing_quote(&self, buf: &[u8], from: usize) -> Option<(usize, bool)> {
        let (mut at, mut escaped) = (from, false);
        loop {
            let rest = buf.get(at..)?;
            if self.escape == self.quote {
                at += memchr(self.quote, rest)?;
                if *buf.get(at + 1)? != self.quote {
                    return Some((at, escaped));
                }
            } else {
                at += memchr2(self.quote, self.escape, rest)?;
                if buf[at] == self.quote {
                    return Some((at, escaped));
                }
            }
            at += 2;
            escaped = true;
        }
    }

    /// Finds the cells of `record` (with or without its line end) and puts them into `cells`.
    ///
    /// `malformed` are bytes after a closing quote, a quote that is not closed, and an escape with nothing after it.
    pub fn split(&self, record: &[u8], cells: &mut Cells) -> Result<(), Problem> {
        cells.clear();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        let mut start = 0;
        loop {
            if let Some(len) = self.plain_cell(&record[start..]) {
                let end = start + len;
                cells.push(CellSpan {
                    start,
                    end,
                    quoted: false,
                    escaped: false,
                });
                start = end + 1;
                continue;
            }
            let cell = if record.get(start) == Some(&self.quote) {
                self.quoted_cell(record, start + 1)
            } else {
                self.unquoted_cell(record, start)
            };
            let cell = cell.map_err(|p| p.at(cells.len()))?;
            cells.push(cell);
            let end = cell.end + usize::from(cell.quoted);
            if end == record.len() {
                return Ok(());
            }
            start = end + 1;
        }
    }

    /// The length of the cell at the head of `rest`, if it is short, neither quoted nor escaped, and not the last.
    #[inline]
    fn plain_cell(&self, rest: &[u8]) -> Option<usize> {
        const SHORT: usize = 24;
        let escape = if self.escapes_unquoted() {
            self.escape
        } else {
            self.delimiter
        };
        if rest.first() == Some(&self.quote) {
            return None;
        }
        let len = near(&rest[..rest.len().min(SHORT)], self.delimiter, escape)?;
        (rest[len] == self.delimiter).then_some(len)
    }

    fn quoted_cell(&self, record: &[u8], start: usize) -> Result<CellSpan, Problem> {
        let (end, escaped) = match self.closing_quote(record, start) {
            Some(found) => found,
            // Doubled quotes: one at the very end closes, now that the record is known to end there.
            None if self.escape == self.quote => match record[start..].strip_suffix(&[self.quote]) {
                Some(text) if memchr_count(self.quote, text).is_multiple_of(2) => {
                    (record.len() - 1, memchr(self.quote, text).is_some())
                }
                _ => return Err(Problem::malformed("quoted cell without its closing quote")),
            },
            None => return Err(Problem::malformed("quoted cell without its closing quote")),
        };
        match record.get(end + 1) {
            Some(&b) if b != self.delimiter => Err(Problem::malformed(format!(
                "unexpected byte {:?} after a closing quote; expected {:?} or the end of the row",
                char::from(b),
                char::from(self.delimiter)
            ))),
            _ => Ok(CellSpan {
                start,
                end,
                quoted: true,
                escaped,
            }),
        }
    }

    fn unquoted_cell(&self, record: &[u8], start: usize) -> Result<CellSpan, Problem> {
        let (mut at, mut escaped) = (start, false);
        let end = if self.escapes_unquoted() {
            loop {
                match memchr2(self.delimiter, self.escape, &record[at..]) {
                    None => break record.len(),
                    Some(i) if record[at + i] == self.delimiter => break at + i,
                    Some(i) if at + i + 2 <= record.len() => {
                        at += i + 2;
                        escaped = true;
                    }
                    Some(_) => return Err(Problem::malformed("escape with nothing after it")),
                }
            }
        } else {
            memchr(self.delimiter, &record[start..]).map_or(record.len(), |i| start + i)
        };
        Ok(CellSpan {
            start,
            end,
            quoted: false,
            escaped,
        })
    }

    /// Whether the record is an empty line, which holds no row.
    pub fn is_blank(record: &[u8]) -> bool {
        matches!(record, b"" | b"\n" | b"\r\n")
    }

    /// `malformed` unless the row has as many cells as the header.
    pub fn check_width(&self, cells: usize, header: usize) -> Result<(), Problem> {
        if cells == header {
            return Ok(());
        }
        Err(Problem::malformed(format!(
            "row has {cells} cells, header has {header}"
        )))
    }

    /// The text of a cell that names a column, and of any cell outside cqlsh's own formatting.
    pub(crate) fn unescape(&self, text: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut plain = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(i) = memchr(self.escape, rest) {
            plain.extend_from_slice(&rest[..i]);
            let Some(&next) = rest.get(i + 1) else {
                return Err(Problem::malformed("escape with nothing after it"));
            };
            let known = next == self.quote || next == self.escape;
            let keeps = self.kind == DialectKind::Dsbulk
                || (self.kind == DialectKind::Cqlsh && self.escapes == Escapes::Once);
            if keeps && (next != self.quote && (!known || self.kind == DialectKind::Cqlsh)) {
                plain.push(self.escape);
            } else if !keeps && !known && next != self.delimiter && next != b'\n' && next != b'\r' {
                return Err(Problem::malformed(
                    "a single backslash before a letter: written by cqlsh on an older Python; declare escapes = \"once\"",
                ));
            }
            plain.push(next);
            rest = &rest[i + 2..];
        }
        plain.extend_from_slice(rest);
        Ok(plain)
    }

    /// Reads the header record: column names in order. `bytes` is the file's first record, byte order mark included.
    ///
    /// `malformed` are UTF-16, invalid UTF-8, an empty header and a name that comes twice.
    pub fn parse_header(&self, bytes: &[u8]) -> Result<Vec<String>, Problem> {
        let bytes = strip_bom(bytes)?;
        let mut cells = Cells::new();
        self.split(bytes, &mut cells)?;
        let mut names: Vec<String> = Vec::with_capacity(cells.len());
        let mut known = HashSet::with_capacity(cells.len());
        for cell in cells {
            let text = &bytes[cell.start..cell.end];
            let text = if cell.escaped {
                self.unescape(text)?
            } else {
                text.to_vec()
            };
            if text.contains(&b'\r') {
                return Err(Problem::malformed(
                    "line ends are lone carriage returns; convert them to line feeds",
                ));
            }
            let name =
                String::from_utf8(text).map_err(|_| Problem::malformed("column name is not valid UTF-8"))?;
            if !known.insert(name.clone()) {
                return Err(Problem::malformed(format!("column name {name:?} comes twice")));
            }
            names.push(name);
        }
        if names.iter().all(String::is_empty) {
            return Err(Problem::malformed("header names no column"));
        }
        Ok(names)
    }
}

/// The bytes after a UTF-8 byte order mark, if there is one; UTF-16 is `malformed`.
pub fn strip_bom(bytes: &[u8]) -> Result<&[u8], Problem> {
    let utf16 = [&[0xff, 0xfe][..], &[0xfe, 0xff]]
        .iter()
        .any(|mark| bytes.starts_with(mark));
    if utf16 || bytes.iter().take(4).any(|&b| b == 0) {
        return Err(Problem::malformed(
            "zero bytes in the header: UTF-16 text, to be converted to UTF-8, or no text file at all",
        ));
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

/// Where `a` or `b` stands first, eight bytes at a time: cells are so short that a call to `memchr2` costs more than the
/// search. (Mycroft's test for a zero byte; a borrow can only raise false alarms above a true one.)
#[inline]
fn near(bytes: &[u8], a: u8, b: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let hits = zero_bytes(word ^ (ONES * u64::from(a))) | zero_bytes(word ^ (ONES * u64::from(b)));
        if hits != 0 {
            return Some(i * 8 + hits.trailing_zeros() as usize / 8);
        }
    }
    let found = rest.iter().position(|byte| *byte == a || *byte == b)?;
    Some(words.len() * 8 + found)
}

fn memchr_count(byte: u8, text: &[u8]) -> usize {
    memchr::memchr_iter(byte, text).count()
}

#[cfg(test)]
mod tests;
