//! A namespace as a stream of chunks of whole records.

use std::sync::Arc;

use super::archive::Demux;
use super::chunk::{Chunk, Position};
use super::error::{Place, SourceError};
use super::format::Format;
use super::framing::{Framing, MAX_RECORD, framing};
use super::input::{Input, discard};
use super::namespace::{Namespace, Part};
use crate::model::Problem;

/// Reads a namespace from one position to another. Memory is bounded by the chunk size and the longest record.
pub struct ChunkStream {
    namespace: Arc<Namespace>,
    framing: Box<dyn Framing>,
    chunk_bytes: usize,
    to: Option<Position>,
    /// The position of the next record, once `skip` is 0.
    at: Position,
    /// Bytes still to be skipped before the first record.
    skip: u64,
    next_part: usize,
    open: Option<OpenPart>,
    stored_before: u64,
    failed: Option<SourceError>,
}

struct OpenPart {
    bytes: Bytes,
    /// The start of a record whose end has not been read yet.
    carry: Vec<u8>,
    /// The first chunk must not start here: the byte before it ends no record.
    misplaced: bool,
}

/// The bytes of one part's record stream.
enum Bytes {
    File(Input),
    Archive(Box<Demux>),
}

impl Bytes {
    fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<usize, SourceError> {
        match self {
            Bytes::File(input) => input.fill(out, limit),
            Bytes::Archive(demux) => demux.fill(out, limit),
        }
    }

    fn stored_taken(&self) -> u64 {
        match self {
            Bytes::File(input) => input.stored_taken(),
            Bytes::Archive(demux) => demux.stored_taken(),
        }
    }

    /// Offset in the file of the byte that lies `back` bytes before the next one.
    fn file_offset(&self, back: usize) -> Option<u64> {
        match self {
            Bytes::File(input) => Some(input.offset() - back as u64),
            Bytes::Archive(_) => None,
        }
    }

    fn place(&self, back: usize) -> Place {
        match self {
            Bytes::File(input) => input.place(input.offset() - back as u64),
            Bytes::Archive(demux) => demux.place(),
        }
    }
}

impl ChunkStream {
    pub(super) fn new(
        namespace: Arc<Namespace>,
        chunk_bytes: usize,
        from: Position,
        to: Option<Position>,
    ) -> ChunkStream {
        ChunkStream {
            framing: framing(namespace.format),
            namespace,
            chunk_bytes: chunk_bytes.clamp(1, MAX_RECORD),
            to,
            at: from,
            skip: from.offset,
            next_part: 0,
            open: None,
            stored_before: 0,
            failed: None,
        }
    }

    /// The next chunk, or `None` at the end of the range. `None` without `to` means that the namespace was read to its
    /// verified end. After an error every further call gives the same error.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results invites reading on after an error"
    )]
    pub fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        self.next_like(None)
    }

    /// The same. `known` is a chunk of another stream of the same format; records that it holds, too, are found faster.
    pub fn next_like(&mut self, known: Option<&Chunk>) -> Result<Option<Chunk>, SourceError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // The length of a BSON document is told faster than found.
        let next = self.advance(known.filter(|_| self.namespace.format != Format::Bson));
        if let Err(error) = &next {
            self.failed = Some(error.clone());
        }
        next
    }

    /// Stored (compressed) bytes consumed so far, including those skipped; out of [`Namespace::stored_bytes`].
    pub fn stored_bytes_read(&self) -> u64 {
        self.stored_before + self.open.as_ref().map_or(0, |open| open.bytes.stored_taken())
    }

    /// The position after the last chunk delivered.
    pub fn position(&self) -> Position {
        self.at
    }

    fn advance(&mut self, known: Option<&Chunk>) -> Result<Option<Chunk>, SourceError> {
        loop {
            if self.to.is_some_and(|to| self.at.offset >= to.offset) {
                return Ok(None);
            }
            let mut open = match self.open.take() {
                Some(open) => open,
                None => match self.open_next()? {
                    Some(open) => open,
                    None => return self.check_end(),
                },
            };
            let chunk = self.read(&mut open, known)?;
            match chunk {
                Some((chunk, ended)) => {
                    if ended {
                        self.close(&open);
                    } else {
                        self.open = Some(open);
                    }
                    self.at = chunk.end();
                    return Ok(Some(chunk));
                }
                None => self.close(&open),
            }
        }
    }

    fn close(&mut self, open: &OpenPart) {
        self.stored_before += open.bytes.stored_taken();
    }

    /// Reads up to the end of at least one record. The flag tells that the part has ended; then `self.at` is its end.
    fn read(
        &mut self,
        open: &mut OpenPart,
        known: Option<&Chunk>,
    ) -> Result<Option<(Chunk, bool)>, SourceError> {
        let mut data = std::mem::take(&mut open.carry);
        let mut ends = Vec::new();
        let mut target = self.chunk_bytes.max(data.len() + 1);
        loop {
            // The range's bytes from the first of `data` on.
            let room = match self.to {
                Some(to) => to.offset - self.at.offset,
                None => u64::MAX,
            };
            let capped = target.min(usize::try_from(room).unwrap_or(usize::MAX));
            let wanted = capped.saturating_sub(data.len());
            let mut ended = false;
            let mut failure = match wanted {
                0 => None,
                n => match open.bytes.fill(&mut data, n) {
                    Ok(got) => {
                        ended = got < n;
                        None
                    }
                    Err(error) => Some(error),
                },
            };
            let file_offset = open.bytes.file_offset(data.len());
            if open.misplaced && !data.is_empty() {
                return Err(self.misplaced());
            }
            ends.clear();
            let hopped = self.framing.hop(&data, known, &mut ends);
            let back = data.len() - ends.last().copied().unwrap_or(0);
            if let Err(problem) = hopped {
                failure = Some(self.bad_record(open, problem, back));
            }
            if failure.is_none() && !ended && back > 0 && data.len() as u64 == room {
                // Only the part's end may close a record here.
                match open.bytes.fill(&mut Vec::new(), 1) {
                    Ok(0) => ended = true,
                    Ok(_) => failure = Some(self.misplaced()),
                    Err(error) => failure = Some(error),
                }
            }
            if failure.is_none() && ended && back > 0 {
                match self.framing.last(&data[data.len() - back..]) {
                    Ok(true) => ends.push(data.len()),
                    Ok(false) => {}
                    Err(problem) => failure = Some(self.bad_record(open, problem, back)),
                }
            }
            if let Some(error) = failure {
                // What was whole before an error is delivered first, the error after it.
                if ends.is_empty() {
                    return Err(error);
                }
                self.failed = Some(error);
                ended = true;
            }
            if ended && ends.is_empty() {
                // Blank lines at the part's end hold no record but count in the stream.
                self.at.offset += data.len() as u64;
                return Ok(None);
            }
            if let Some(&whole) = ends.last() {
                if whole < data.len() {
                    open.carry = data[whole..].to_vec();
                    data.truncate(whole);
                    // Trailing blank lines are looked at once more, by themselves.
                    ended = ended && self.failed.is_some();
                }
                let mut chunk = Chunk {
                    data,
                    ends,
                    part: self.next_part - 1,
                    start: self.at,
                    file_offset,
                    resume: None,
                };
                chunk.resume = Some(chunk.end());
                return Ok(Some((chunk, ended)));
            }
            if data.len() > MAX_RECORD {
                return Err(self.too_long(open, data.len()));
            }
            target = data
                .len()
                .saturating_mul(2)
                .min(MAX_RECORD + 1)
                .max(data.len() + 1);
        }
    }

    /// Opens the part that holds the next record; `None` after the last part.
    fn open_next(&mut self) -> Result<Option<OpenPart>, SourceError> {
        let namespace = self.namespace.clone();
        while let Some(part) = namespace.parts.get(self.next_part) {
            self.next_part += 1;
            match part.stream_bytes {
                Some(len) if self.skip > 0 && self.skip >= len => {
                    self.skip -= len;
                    self.stored_before += part.stored_bytes();
                }
                _ => {
                    let (bytes, last) = self.open_at(part)?;
                    if self.skip > 0 {
                        self.stored_before += bytes.stored_taken();
                        continue;
                    }
                    let boundary = if self.namespace.format == Format::Bson {
                        0
                    } else {
                        b'\n'
                    };
                    return Ok(Some(OpenPart {
                        bytes,
                        carry: Vec::new(),
                        misplaced: last.is_some_and(|byte| byte != boundary),
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Opens `part` and skips what is to be skipped of it, as far as it goes. Gives the last byte skipped.
    fn open_at(&mut self, part: &Part) -> Result<(Bytes, Option<u8>), SourceError> {
        let mut bytes = match &part.archive {
            Some(archive) => Bytes::Archive(Box::new(Demux::open(archive, &self.namespace.name)?)),
            None => {
                // Seeks to the byte before the position, which must end a record.
                let ahead = if part.seekable() {
                    self.skip.saturating_sub(1)
                } else {
                    0
                };
                self.skip -= ahead;
                Bytes::File(Input::open(&part.file, part.preamble + ahead)?)
            }
        };
        let (left, last) = discard(self.skip, |out, limit| bytes.fill(out, limit))?;
        self.skip = left;
        Ok((bytes, last))
    }

    fn check_end(&self) -> Result<Option<Chunk>, SourceError> {
        let short = self.skip > 0 || self.to.is_some_and(|to| self.at.offset < to.offset);
        if short { Err(self.misplaced()) } else { Ok(None) }
    }

    fn misplaced(&self) -> SourceError {
        let to = match self.to {
            Some(to) => format!("byte {}", to.offset),
            None => "the end".to_owned(),
        };
        SourceError::usage(
            &self.namespace.name,
            format!(
                "no records lie exactly between byte {} and {to} of the record stream",
                self.at.offset
            ),
            "use positions made from the same files, or plan again",
        )
    }

    fn bad_record(&self, open: &OpenPart, problem: Problem, back: usize) -> SourceError {
        SourceError::Corrupt {
            place: open.bytes.place(back),
            found: problem.detail().to_owned(),
            expected: match self.namespace.format {
                Format::Bson => "whole BSON documents, each between 5 bytes and 16 MiB".into(),
                Format::Ndjson => "one JSON document a line".into(),
                Format::Csv { .. } => "whole lines, each quote closed".into(),
                Format::Native => unreachable!("no file holds native rows"),
            },
            advice: "export the file again; if it is whole, check that its format is the one given",
        }
    }

    fn too_long(&self, open: &OpenPart, back: usize) -> SourceError {
        SourceError::Corrupt {
            place: open.bytes.place(back),
            found: format!("no end of record within {} MiB", MAX_RECORD >> 20),
            expected: format!("a {} record", self.namespace.format.name()),
            advice: "check the format and dialect: a quote that is never closed or missing line ends do this",
        }
    }
}
