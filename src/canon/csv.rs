//! Delimited text: where rows and cells end, per dialect, and what a dialect's exports may have lost.

use super::cell::RawCell;
use crate::model::{CqlTable, CqlType, Problem};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who wrote the file, which decides on quoting, escapes, nulls and literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DialectKind {
    /// RFC 4180: quotes double inside quotes, no escapes.
    Rfc4180,
    /// cqlsh `COPY … TO`: backslash escapes, CQL literals.
    Cqlsh,
    /// DataStax Bulk Loader `unload`: backslash escapes, JSON literals.
    Dsbulk,
}

/// A dialect with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Whose dialect.
    pub kind: DialectKind,
    /// Between cells.
    pub delimiter: u8,
    /// The text that stands for null, if one does.
    pub null: Option<String>,
}

impl Dialect {
    /// The dialect with its defaults.
    pub fn new(kind: DialectKind) -> Dialect {
        let null = match kind {
            DialectKind::Rfc4180 => None,
            DialectKind::Cqlsh | DialectKind::Dsbulk => Some(String::new()),
        };
        Dialect { kind, delimiter: b',', null }
    }

    fn escapes(&self) -> bool {
        self.kind != DialectKind::Rfc4180
    }

    /// The end (after its line end) of the row that starts at `from`; `None` if it is not all in `buf`.
    ///
    /// Agrees with [`Dialect::cells`] for any bytes: a quote opens a quoted cell only where a cell begins.
    pub fn record_end(&self, buf: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            // In unquoted text: a line end ends the row, a quote at a cell's start opens a quoted cell.
            let rest = &buf[at..];
            let next = match self.escapes() {
                true => memchr::memchr3(b'"', b'\n', b'\\', rest)?,
                false => memchr::memchr2(b'"', b'\n', rest)?,
            };
            let here = at + next;
            match buf[here] {
                b'\n' => return Some(here + 1),
                b'\\' => at = (here + 2).min(buf.len()),
                _ if here == from || buf[here - 1] == self.delimiter && !self.escaped(buf, from, here - 1) => {
                    at = self.quote_end(buf, here + 1)?;
                }
                _ => at = here + 1,
            }
            if at >= buf.len() {
                return None;
            }
        }
    }

    /// Whether the byte at `at` of an unquoted cell is escaped by an odd number of backslashes before it.
    fn escaped(&self, buf: &[u8], from: usize, at: usize) -> bool {
        self.escapes() && buf[from..at].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
    }

    /// One past the quote that closes the quoted cell whose content starts at `at`.
    fn quote_end(&self, buf: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let rest = buf.get(at..)?;
            let next = match self.escapes() {
                true => memchr::memchr2(b'"', b'\\', rest)?,
                false => memchr::memchr(b'"', rest)?,
            };
            let here = at + next;
            if buf[here] == b'\\' {
                at = here + 2;
            } else if !self.escapes() && buf.get(here + 1) == Some(&b'"') {
                at = here + 2;
            } else {
                return Some(here + 1);
            }
        }
    }

    /// Splits a row (without its line end) and calls `visit` for each cell: content, whether it was quoted, and whether
    /// it holds escapes.
    ///
    /// # Errors
    /// `malformed` for a quote that does not close and for text after a closing quote.
    #[inline]
    pub fn cells<'a>(&self, line: &'a [u8], mut visit: impl FnMut(&'a [u8], bool, bool)) -> Result<(), Problem> {
        let mut at = 0;
        loop {
            if line.get(at) == Some(&b'"') {
                let end = self
                    .quote_end(line, at + 1)
                    .ok_or_else(|| Problem::malformed("a quoted cell that is not closed"))?;
                let content = &line[at + 1..end - 1];
                let mark = if self.escapes() { b'\\' } else { b'"' };
                visit(content, true, memchr::memchr(mark, content).is_some());
                match line.get(end) {
                    None => return Ok(()),
                    Some(d) if *d == self.delimiter => at = end + 1,
                    Some(_) => return Err(Problem::malformed("text after the quote that closes a cell")),
                }
                continue;
            }
            let (mut end, mut escaped) = (at, false);
            loop {
                let rest = &line[end..];
                let next = match self.escapes() {
                    true => memchr::memchr2(self.delimiter, b'\\', rest),
                    false => rest.iter().position(|b| *b == self.delimiter),
                };
                match next {
                    None => {
                        visit(&line[at..], false, escaped);
                        return Ok(());
                    }
                    Some(n) if line[end + n] == self.delimiter => {
                        end += n;
                        break;
                    }
                    Some(n) => {
                        escaped = true;
                        end = (end + n + 2).min(line.len());
                    }
                }
            }
            visit(&line[at..end], false, escaped);
            at = end + 1;
        }
    }
}

/// Reads a header line, with or without byte order mark and line end.
///
/// # Errors
/// `malformed` for UTF-16, for a name that is empty or comes twice, and for invalid UTF-8.
pub fn parse_header(line: &[u8], dialect: &Dialect) -> Result<Vec<String>, Problem> {
    if line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff]) {
        return Err(Problem::malformed("the file is UTF-16; convert it to UTF-8 first"));
    }
    let line = line.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(line);
    let line = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut names: Vec<String> = Vec::new();
    let mut bad = None;
    dialect.cells(line, |content, _, _| match std::str::from_utf8(content) {
        Ok(name) if name.is_empty() => bad = Some("the header has a column without a name".to_owned()),
        Ok(name) if names.iter().any(|n| n == name) => bad = Some(format!("the header names column {name:?} twice")),
        Ok(name) => names.push(name.to_owned()),
        Err(_) => bad = Some("the header is not UTF-8".to_owned()),
    })?;
    bad.map_or(Ok(names), |detail| Err(Problem::malformed(detail)))
}

/// A column of a text file.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Its type, where a schema gives one.
    pub ty: ColumnType,
}

/// The type of a column.
#[derive(Clone, Debug)]
pub struct ColumnType(pub Option<CqlType>);

impl ColumnType {
    /// Whether cells are plain text because nothing says otherwise.
    pub fn is_untyped(&self) -> bool {
        self.0.is_none()
    }
}

/// Header, types and dialect of a text file.
#[derive(Clone, Debug)]
pub struct Table {
    /// The columns, in the order of the header.
    pub columns: Vec<Column>,
    /// The dialect.
    pub dialect: Dialect,
    /// The primary key, where a schema gives one.
    pub key: Vec<String>,
}

impl Table {
    /// A table of the named columns, typed by `schema` where it has them.
    pub fn new(names: Vec<String>, dialect: Dialect, schema: Option<&CqlTable>) -> Table {
        let ty = |name: &str| schema.and_then(|s| s.columns.iter().find(|c| c.name == name)).map(|c| c.ty.clone());
        let columns = names.into_iter().map(|name| Column { ty: ColumnType(ty(&name)), name }).collect();
        Table { columns, dialect, key: schema.map(|s| s.key.clone()).unwrap_or_default() }
    }
}

/// A row of a text file, without its line end.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Header, types and dialect.
    pub table: &'a Table,
    /// The row's bytes.
    pub line: &'a [u8],
}

const INLINE_CELLS: usize = 48;

impl<'a> Row<'a> {
    /// Calls `visit` for each cell with its column's name.
    ///
    /// # Errors
    /// `malformed` if the row cannot be split or has more or fewer cells than the header; nothing is visited then, as no
    /// cell can be trusted to stand under its column.
    #[inline]
    pub fn walk(
        &self,
        mut visit: impl FnMut(&[u8], RawCell<'a>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let Table { columns, dialect, .. } = self.table;
        let mut inline: [(&[u8], bool, bool); INLINE_CELLS] = [(&[], false, false); INLINE_CELLS];
        let mut more = Vec::new();
        let mut count = 0;
        dialect.cells(self.line, |content, quoted, escaped| {
            match inline.get_mut(count) {
                Some(slot) => *slot = (content, quoted, escaped),
                None => more.push((content, quoted, escaped)),
            }
            count += 1;
        })?;
        if count != columns.len() {
            return Err(Problem::malformed(format!("the row has {count} cells, the header {}", columns.len())));
        }
        for (column, &(text, quoted, escaped)) in columns.iter().zip(inline.iter().chain(&more)) {
            visit(column.name.as_bytes(), RawCell { text, quoted, escaped, column, dialect })?;
        }
        Ok(())
    }
}

/// What an export may have lost, by column. Adds up in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScan(BTreeMap<String, Loss>);

/// What one column may have lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Text cells that may have been null or empty.
    pub null_or_empty: u64,
    /// Floating point cells short enough to have been rounded by the default precision.
    pub roundable: u64,
    /// Floating point cells with more digits than the default precision prints.
    pub precise: u64,
    /// Numbers whose type plain JSON cannot say.
    pub untyped_numbers: u64,
}

impl LossScan {
    /// Counts one row in.
    pub fn row(&mut self, row: &Row<'_>) {
        let _ = row.walk(|_, cell| {
            let mut loss = Loss::default();
            cell.count_loss(&mut loss);
            self.add(&cell.column.name, loss);
            Ok(())
        });
    }

    /// Counts one field in.
    pub fn add(&mut self, column: &str, loss: Loss) {
        if loss == Loss::default() {
            return;
        }
        let Loss { null_or_empty, roundable, precise, untyped_numbers } = loss;
        let ours = match self.0.get_mut(column) {
            Some(ours) => ours,
            None => self.0.entry(column.to_owned()).or_default(),
        };
        ours.null_or_empty += null_or_empty;
        ours.roundable += roundable;
        ours.precise += precise;
        ours.untyped_numbers += untyped_numbers;
    }

    /// Adds another part.
    pub fn merge(&mut self, other: &LossScan) {
        other.0.iter().for_each(|(column, loss)| self.add(column, *loss));
    }

    /// The columns with what they may have lost, in order.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Loss)> {
        self.0.iter().map(|(column, loss)| (column.as_str(), *loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(dialect: &Dialect, data: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut rows = Vec::new();
        let mut at = 0;
        while at < data.len() {
            let end = dialect.record_end(data, at).unwrap_or(data.len());
            let line = &data[at..end];
            let line = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
            let mut cells = Vec::new();
            if dialect.cells(line, |c, quoted, escaped| {
                let text = if quoted && escaped { c.to_vec().escape_ascii().to_string().replace("\\\"\\\"", "\\\"").into_bytes() } else { c.escape_ascii().to_string().into_bytes() };
                cells.push(text);
            }).is_ok() && !line.is_empty() {
                rows.push(cells);
            }
            at = end;
        }
        rows
    }

    proptest! {
        #[test]
        fn well_formed_rfc4180_splits_as_the_csv_crate_does(
            table in proptest::collection::vec(proptest::collection::vec("[a-z\",\n\r ]{0,6}", 3), 1..8)
        ) {
            let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let data = writer.into_inner().unwrap();
            let wanted: Vec<Vec<Vec<u8>>> = table
                .iter()
                .map(|row| row.iter().map(|c| c.as_bytes().escape_ascii().to_string().into_bytes()).collect())
                .collect();
            prop_assert_eq!(rows(&Dialect::new(DialectKind::Rfc4180), &data), wanted);
        }

        #[test]
        fn rows_tile_any_bytes(data in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\\'), Just(b'a'), any::<u8>()], 0..80)) {
            for kind in [DialectKind::Rfc4180, DialectKind::Cqlsh, DialectKind::Dsbulk] {
                let dialect = Dialect::new(kind);
                let mut at = 0;
                while let Some(end) = dialect.record_end(&data, at) {
                    prop_assert!(end > at);
                    // A boundary found with more bytes behind it is found without them too.
                    prop_assert_eq!(dialect.record_end(&data[..end], at), Some(end));
                    at = end;
                    if at == data.len() { break; }
                }
                let _ = dialect.cells(&data, |_, _, _| {});
            }
        }
    }

    #[test]
    fn headers() {
        let dialect = Dialect::new(DialectKind::Rfc4180);
        assert_eq!(parse_header(b"\xef\xbb\xbfa,\"b\"\r\n", &dialect).unwrap(), ["a", "b"]);
        for (bad, why) in [(&b"\xff\xfea\0"[..], "UTF-16"), (b"a,a", "twice"), (b"a,,b", "without a name")] {
            assert!(parse_header(bad, &dialect).unwrap_err().detail().contains(why));
        }
    }
}
