//! Where records end. Framing is exact and knows nothing of values: the next record of a buffer, no more.

use memchr::memchr;

use super::chunk::Chunk;
use super::format::Format;
use crate::canon::csv::Dialect;
use crate::model::Problem;

/// The longest BSON document a server stores, with the room it allows for its own envelope: 16 MiB + 16 KiB.
pub const MAX_BSON: usize = (16 << 20) + (16 << 10);

/// The longest record of any format, in bytes. A longer one is taken for a broken file, not read into memory.
pub const MAX_RECORD: usize = 64 << 20;

/// Cuts a byte stream into records.
pub(super) trait Framing: Send {
    /// Where the record that starts at `from` ends (exclusive), or `None` when `buf` does not hold all of it yet.
    fn record_end(&self, buf: &[u8], from: usize) -> Result<Option<usize>, Problem>;

    /// Judges `rest`, non-empty and without a whole record, when nothing follows it: true if it is a last record without
    /// its terminator, false if it holds no record at all.
    fn last(&self, rest: &[u8]) -> Result<bool, Problem>;

    /// Appends the ends of all whole records of `buf` to `ends`, the first starting at 0. On a problem `ends` holds the
    /// records before it.
    ///
    /// Lines that stand in `known` too, a chunk cut in the same way, need not be looked through once more: where the same
    /// bytes come, the record ends at the same place.
    fn hop(&self, buf: &[u8], known: Option<&Chunk>, ends: &mut Vec<usize>) -> Result<(), Problem> {
        let mut known = known.map(Known::of);
        let mut at = 0;
        while at < buf.len() {
            let twin = known.as_mut().and_then(|known| known.line(&buf[at..]));
            let end = match twin {
                Some(len) => at + len,
                None => match self.record_end(buf, at)? {
                    Some(end) => end,
                    None => break,
                },
            };
            ends.push(end);
            at = end;
        }
        Ok(())
    }
}

/// Goes through the lines of a chunk that are met again, mostly in the same order.
struct Known<'c> {
    chunk: &'c Chunk,
    /// The lines looked at next.
    window: std::ops::Range<usize>,
    missed: usize,
}

impl Known<'_> {
    /// Lines looked at for one that is met.
    const WINDOW: usize = 16;
    /// Lines in a row that were not found after which no more are looked for.
    const TRIES: usize = 64;

    fn of(chunk: &Chunk) -> Known<'_> {
        Known {
            chunk,
            // Two chunks need not begin at the same line.
            window: 0..Known::lines(chunk),
            missed: 0,
        }
    }

    /// Lines that are sure to have an end of their own: the last one may have that of its file.
    fn lines(chunk: &Chunk) -> usize {
        chunk.ends.len().saturating_sub(1)
    }

    /// The length of the line at the head of `rest`, if it is a known one.
    fn line(&mut self, rest: &[u8]) -> Option<usize> {
        if self.missed >= Known::TRIES {
            return None;
        }
        let mut lines = self.window.clone().map(|at| (at, self.chunk.record(at)));
        let found = lines.find(|(_, line)| rest.starts_with(line));
        let next = found.map_or(self.window.start, |(at, _)| at + 1);
        if found.is_some() || self.missed > 0 {
            self.window = next..Known::lines(self.chunk).min(next + Known::WINDOW);
        }
        self.missed = if found.is_some() { 0 } else { self.missed + 1 };
        found.map(|(_, line)| line.len())
    }
}

/// The framing of a format.
pub(super) fn framing(format: Format) -> Box<dyn Framing> {
    match format {
        Format::Bson => Box::new(Bson),
        Format::Ndjson => Box::new(Ndjson),
        Format::Csv { dialect, delimiter } => Box::new(Csv(Dialect::of(dialect, delimiter))),
        Format::Native => unreachable!("no file holds native rows"),
    }
}

/// BSON documents, each led by its length.
struct Bson;

impl Framing for Bson {
    fn record_end(&self, buf: &[u8], from: usize) -> Result<Option<usize>, Problem> {
        let Some(len) = buf[from..].first_chunk::<4>() else {
            return Ok(None);
        };
        let len = bson_length(*len)?;
        let end = from + len;
        if end > buf.len() {
            return Ok(None);
        }
        if buf[end - 1] != 0 {
            return Err(Problem::malformed(format!(
                "a document of {len} bytes does not end with a zero byte: its length is wrong or the data is damaged"
            )));
        }
        Ok(Some(end))
    }

    fn last(&self, rest: &[u8]) -> Result<bool, Problem> {
        Err(Problem::malformed(match rest.first_chunk::<4>() {
            Some(len) => format!(
                "the file ends {} bytes into a document of {} bytes",
                rest.len(),
                bson_length(*len)?
            ),
            None => format!("the file ends {} bytes into a document's length", rest.len()),
        }))
    }
}

/// The length that leads a BSON document, if it can be one.
pub(super) fn bson_length(bytes: [u8; 4]) -> Result<usize, Problem> {
    let len = i32::from_le_bytes(bytes);
    usize::try_from(len)
        .ok()
        .filter(|len| (5..=MAX_BSON).contains(len))
        .ok_or_else(|| Problem::malformed(format!("a document length of {len} bytes")))
}

/// JSON documents, one a line. Blank lines belong to the record after them.
struct Ndjson;

impl Framing for Ndjson {
    fn record_end(&self, buf: &[u8], from: usize) -> Result<Option<usize>, Problem> {
        let blank = buf[from..].iter().take_while(|b| json_space(b)).count();
        let start = from + blank;
        Ok(memchr(b'\n', &buf[start..]).map(|at| start + at + 1))
    }

    fn last(&self, rest: &[u8]) -> Result<bool, Problem> {
        Ok(!rest.iter().all(json_space))
    }
}

fn json_space(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Delimited text. A quote opens a quoted field only at the field's start; a line ends at `\n` outside quotes.
struct Csv(Dialect);

impl Framing for Csv {
    fn record_end(&self, buf: &[u8], from: usize) -> Result<Option<usize>, Problem> {
        Ok(self.0.record_end(buf, from))
    }

    fn last(&self, rest: &[u8]) -> Result<bool, Problem> {
        // With its line's end added, a whole record ends there; an open quote or escape swallows it.
        let mut closed = rest.to_vec();
        closed.push(b'\n');
        if self.0.record_end(&closed, 0) == Some(closed.len()) {
            return Ok(true);
        }
        Err(Problem::malformed(
            "the file ends inside a quoted field or an escape",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Position;
    use proptest::prelude::*;

    fn cut(framing: &dyn Framing, text: &str) -> Vec<String> {
        let mut ends = Vec::new();
        framing.hop(text.as_bytes(), None, &mut ends).unwrap();
        let at = ends.last().copied().unwrap_or(0);
        if at < text.len() && framing.last(&text.as_bytes()[at..]).unwrap() {
            ends.push(text.len());
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(&ends).map(|(a, b)| text[a..*b].to_owned()).collect()
    }

    fn rfc() -> Csv {
        Csv(Dialect::rfc4180())
    }

    fn cqlsh() -> Csv {
        Csv(Dialect::cqlsh(""))
    }

    proptest! {
        #[test]
        fn known_lines_end_where_they_end_anyway(
            text in "([ab,]|\"|\"\"|\n|\r\n|\\\\){0,120}",
            cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
            insert in "[ab,\n\"]{0,4}",
        ) {
            let (from, at) = (cuts.0.index(text.len() + 1), cuts.1.index(text.len() + 1));
            let other = format!("{}{insert}{}", &text[from.min(at)..at], &text[at..]);
            let framings: [&dyn Framing; 3] = [&rfc(), &cqlsh(), &Ndjson];
            for framing in framings {
                let hop = |text: &str, known: Option<&Chunk>| {
                    let mut ends = Vec::new();
                    framing.hop(text.as_bytes(), known, &mut ends).unwrap();
                    ends
                };
                let ends = hop(&text, None);
                // A last line without its end is a record of a chunk, too.
                let rest = ends.last().is_none_or(|last| *last < text.len()) && !text.is_empty();
                let known = Chunk {
                    data: text.clone().into_bytes(),
                    ends: ends.into_iter().chain(rest.then_some(text.len())).collect(),
                    part: 0,
                    start: Position::START,
                    file_offset: None,
                    resume: None,
                };
                prop_assert_eq!(hop(&other, Some(&known)), hop(&other, None));
            }
        }
    }

    #[test]
    fn csv_lines_end_outside_quotes() {
        assert_eq!(cut(&rfc(), "a,b\n1,2"), ["a,b\n", "1,2"]);
        assert_eq!(
            cut(&rfc(), "\"x\r\ny\",2\r\n3,4\r\n"),
            ["\"x\r\ny\",2\r\n", "3,4\r\n"]
        );
        assert_eq!(
            cut(&rfc(), "\"say \"\"hi\n\"\"\",1\n2,3\n"),
            ["\"say \"\"hi\n\"\"\",1\n", "2,3\n"]
        );
        assert_eq!(
            cut(&rfc(), "5\" nail,1\n6\" nail,2\n"),
            ["5\" nail,1\n", "6\" nail,2\n"]
        );
        assert_eq!(cut(&rfc(), "\"\",\"\"\n\"\"\n"), ["\"\",\"\"\n", "\"\"\n"]);
        assert_eq!(cut(&rfc(), "a\\\nb\n"), ["a\\\n", "b\n"]);
        assert_eq!(cut(&rfc(), "\n\nx\n"), ["\n", "\n", "x\n"]);
    }

    #[test]
    fn backslash_escapes_in_the_dialects_that_have_them() {
        assert_eq!(
            cut(&cqlsh(), "\"a\\\"\nb\",1\n2,3\n"),
            ["\"a\\\"\nb\",1\n", "2,3\n"]
        );
        assert_eq!(cut(&cqlsh(), "a\\\nb,1\n2,3\n"), ["a\\\nb,1\n", "2,3\n"]);
        assert_eq!(cut(&cqlsh(), "a\\\\\nb\n"), ["a\\\\\n", "b\n"]);
    }

    #[test]
    fn an_open_end_is_a_problem() {
        for text in ["\"abc", "a,\"b\n", "\"a\"\""] {
            assert!(rfc().last(text.as_bytes()).is_err(), "{text}");
        }
        assert!(cqlsh().last(b"a\\").is_err());
        assert!(rfc().last(b"a\\").unwrap());
        assert!(rfc().last(b"\"a\"").unwrap());
    }

    #[test]
    fn blank_lines_join_the_next_document() {
        assert_eq!(
            cut(&Ndjson, "\n {}\n\n\r\n{\"a\":1}"),
            ["\n {}\n", "\n\r\n{\"a\":1}"]
        );
        assert_eq!(cut(&Ndjson, "\n \n"), [""; 0]);
    }

    #[test]
    fn bson_lengths_are_checked() {
        assert_eq!(Bson.record_end(b"\x05\0\0\0\0", 0).unwrap(), Some(5));
        assert_eq!(Bson.record_end(b"\x05\0\0\0", 0).unwrap(), None);
        for bad in [
            b"\x04\0\0\0\0",
            b"\xff\xff\xff\xff\0",
            b"\0\0\0\x7f\0",
            b"\x05\0\0\0\x01",
        ] {
            assert!(Bson.record_end(bad, 0).is_err());
        }
        assert!(Bson.last(b"\x06\0\0\0\0").is_err());
        assert!(Bson.last(b"\x06").is_err());
    }
}
