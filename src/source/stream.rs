//! A namespace as a stream of chunks: whole records, in order, in bounded memory.

use super::files::{Namespace, Part, Place};
use super::framing::{open_ended, record_end};
use super::{SourceError, archive, open};
use std::io::Read;

/// Bytes asked for at a time; a chunk is about as large.
const CHUNK: usize = 1 << 20;

/// A text record may be this long at most: beyond it, a quote that never closes is the likelier story.
const MAX_RECORD: usize = 64 << 20;

/// Whole records, as they lie in the stream.
#[derive(Debug)]
pub struct Chunk {
    /// The records' bytes.
    pub data: Vec<u8>,
    /// Which part (file) of the namespace they come from.
    pub part: u32,
    /// Offset of the first byte in the namespace's record stream.
    pub offset: u64,
    /// Number of the first record in the part of the stream that was read, from 0.
    pub first_record: u64,
}

/// Reads a namespace from one record boundary to another.
pub struct ChunkStream {
    namespace: Namespace,
    part: usize,
    reader: Option<Box<dyn Read + Send>>,
    /// Bytes read and not given out yet.
    carry: Vec<u8>,
    /// Offset in the stream of the first byte of `carry`.
    offset: u64,
    /// Offset in the stream at which the current part starts.
    part_start: u64,
    to: Option<u64>,
    records: u64,
}

impl std::fmt::Debug for ChunkStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkStream")
            .field("namespace", &self.namespace.name)
            .field("offset", &self.offset)
            .finish()
    }
}

impl ChunkStream {
    pub(super) fn new(namespace: &Namespace, from: u64, to: Option<u64>) -> Result<ChunkStream, SourceError> {
        let mut stream = ChunkStream {
            namespace: namespace.clone(),
            part: 0,
            reader: None,
            carry: Vec::new(),
            offset: 0,
            part_start: 0,
            to,
            records: 0,
        };
        // Parts before the one that holds `from` are passed over where their length is known.
        while let Some(len) = stream
            .namespace
            .parts
            .get(stream.part)
            .and_then(|p| p.records_len)
            && stream.offset + len <= from
            && from > 0
        {
            stream.offset += len;
            stream.part_start = stream.offset;
            stream.part += 1;
        }
        stream.skip_to(from)?;
        Ok(stream)
    }

    fn skip_to(&mut self, from: u64) -> Result<(), SourceError> {
        while self.part < self.namespace.parts.len() {
            let ahead = from - self.offset;
            let part = &self.namespace.parts[self.part];
            if part.records_len.is_some() || ahead == 0 {
                self.reader = Some(open_part(part, ahead)?);
                self.offset = from;
                return Ok(());
            }
            // Of unknown length: read until either `from` or the part's end is reached.
            let mut reader = open_part(part, 0)?;
            let skipped = std::io::copy(&mut reader.by_ref().take(ahead), &mut std::io::sink())
                .map_err(|e| self.broken(&e))?;
            self.offset += skipped;
            if skipped == ahead {
                self.reader = Some(reader);
                return Ok(());
            }
            self.part += 1;
            self.part_start = self.offset;
        }
        Ok(())
    }

    fn broken(&self, error: &std::io::Error) -> SourceError {
        self.corrupt(self.offset + self.carry.len() as u64, error.to_string())
    }

    fn corrupt(&self, offset: u64, detail: String) -> SourceError {
        let file = self.namespace.part_name(self.part as u32);
        let header = self.namespace.parts.get(self.part).map_or(0, |p| p.header_len);
        SourceError::Corrupt {
            file,
            offset: offset - self.part_start + header,
            detail,
        }
    }

    /// The next chunk of whole records; `None` at the end.
    ///
    /// # Errors
    /// If the data is damaged. What lay before the damage has been given out already.
    pub fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        loop {
            if self.to.is_some_and(|to| self.offset >= to) {
                return Ok(None);
            }
            if self.reader.is_none() {
                let Some(part) = self.namespace.parts.get(self.part) else {
                    return Ok(None);
                };
                self.reader = Some(open_part(part, 0)?);
                self.part_start = self.offset;
            }
            let wanted = CHUNK.max(self.carry.len());
            let ended = self.fill(self.carry.len() + wanted)?;
            let (whole, records, trouble) = self.whole_records();
            if whole > 0 {
                return Ok(Some(self.cut(whole, records)));
            }
            if let Some(detail) = trouble {
                return Err(self.corrupt(self.offset, detail));
            }
            if ended {
                if !self.carry.is_empty() {
                    if open_ended(&self.namespace.format) {
                        let all = self.carry.len();
                        return Ok(Some(self.cut(all, 1)));
                    }
                    let detail = format!("the file ends {} bytes into a document", self.carry.len());
                    return Err(self.corrupt(self.offset, detail));
                }
                self.reader = None;
                self.part += 1;
            } else if self.carry.len() > MAX_RECORD {
                let detail = format!("a record of more than {MAX_RECORD} bytes; is a quote left open?");
                return Err(self.corrupt(self.offset, detail));
            }
        }
    }

    /// Reads until `carry` holds `len` bytes; true at the part's end. A failing read after some data is told only once
    /// that data has been given out.
    fn fill(&mut self, len: usize) -> Result<bool, SourceError> {
        let limit = self.to.map_or(u64::MAX, |to| to - self.offset) as usize;
        let len = len.min(limit);
        while self.carry.len() < len {
            let at = self.carry.len();
            self.carry.resize(len, 0);
            let reader = self.reader.as_mut().expect("opened by the caller");
            match reader.read(&mut self.carry[at..]) {
                Ok(n) => {
                    self.carry.truncate(at + n);
                    if n == 0 {
                        return Ok(true);
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => self.carry.truncate(at),
                Err(e) => {
                    self.carry.truncate(at);
                    let (whole, ..) = self.whole_records();
                    return if whole > 0 {
                        Ok(false)
                    } else {
                        Err(self.broken(&e))
                    };
                }
            }
        }
        Ok(self.carry.len() >= limit)
    }

    /// How many bytes at the head of `carry` are whole records, how many records, and what stands behind them if it can
    /// be no record.
    fn whole_records(&self) -> (usize, u64, Option<String>) {
        let Namespace { format, layout, .. } = &self.namespace;
        let (mut at, mut records) = (0, 0);
        loop {
            if at == self.carry.len() {
                return (at, records, None);
            }
            match record_end(format, layout.as_deref(), &self.carry, at) {
                Ok(Some(end)) => {
                    at = end;
                    records += 1;
                }
                Ok(None) => return (at, records, None),
                Err(problem) => return (at, records, Some(problem.detail().to_owned())),
            }
        }
    }

    fn cut(&mut self, len: usize, records: u64) -> Chunk {
        let rest = self.carry[len..].to_vec();
        let mut data = std::mem::replace(&mut self.carry, rest);
        data.truncate(len);
        let chunk = Chunk {
            data,
            part: self.part as u32,
            offset: self.offset,
            first_record: self.records,
        };
        self.offset += len as u64;
        self.records += records;
        chunk
    }
}

fn open_part(part: &Part, offset: u64) -> Result<Box<dyn Read + Send>, SourceError> {
    let name = part.path.display().to_string();
    match &part.place {
        Place::File => open::open_at(&part.path, part.compression, part.header_len + offset)
            .map_err(SourceError::io("read", name)),
        Place::Archive { db, collection } => {
            let plain =
                open::open_at(&part.path, part.compression, 0).map_err(SourceError::io("read", name))?;
            let mut reader = archive::Demux::new(plain, db.clone(), collection.clone());
            let skipped = std::io::copy(&mut reader.by_ref().take(offset), &mut std::io::sink())
                .map_err(SourceError::io("read", part.path.display().to_string()))?;
            debug_assert!(skipped <= offset);
            Ok(Box::new(reader))
        }
    }
}
