//! mongodump's `--archive` format, version 0.1: a prelude, then blocks of several collections interleaved.
//!
//! Source: mongo-tools `common/archive` (format as written by its multiplexer). Every collection ends with a header that
//! says EOF and carries the CRC-64 (ECMA, reflected) of its documents.

use crate::canon::bson;
use std::io::{self, Read};

const MAGIC: u32 = 0x8199_e26d;
const TERMINATOR: u32 = 0xffff_ffff;

/// Whether a file starts like an archive.
pub(super) fn is_archive(head: &[u8]) -> bool {
    head.first_chunk::<4>()
        .is_some_and(|h| u32::from_le_bytes(*h) == MAGIC)
}

/// A collection the prelude names.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub db: String,
    pub collection: String,
}

fn corrupt(detail: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail.into())
}

/// Reads four bytes: `None` at the end of the file.
fn word(reader: &mut dyn Read) -> io::Result<Option<u32>> {
    let mut bytes = [0u8; 4];
    let mut got = 0;
    while got < 4 {
        match reader.read(&mut bytes[got..])? {
            0 if got == 0 => return Ok(None),
            0 => return Err(corrupt("the archive ends within a length; it is cut short")),
            n => got += n,
        }
    }
    Ok(Some(u32::from_le_bytes(bytes)))
}

fn document(reader: &mut dyn Read, first: u32, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    into.extend_from_slice(&first.to_le_bytes());
    let len = bson::record_len(into)
        .map_err(|p| corrupt(p.detail()))?
        .expect("four bytes suffice");
    into.resize(len, 0);
    reader.read_exact(&mut into[4..]).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => corrupt("the archive ends within a document; it is cut short"),
        _ => e,
    })
}

#[derive(Default)]
struct Header {
    db: String,
    collection: String,
    eof: bool,
    crc: i64,
}

fn header(document: &[u8]) -> io::Result<Header> {
    let mut found = Header::default();
    bson::walk(document, |name, value| {
        let text = |v: &bson::RawBson<'_>| match v.to_value()? {
            crate::model::Value::Text(text) => Ok(text),
            other => Err(crate::model::Problem::malformed(format!(
                "a {} where text was expected",
                other.type_name()
            ))),
        };
        match name {
            b"db" => found.db = text(&value)?,
            b"collection" => found.collection = text(&value)?,
            b"EOF" => found.eof = value.bytes == [1],
            b"CRC" => found.crc = value.bytes.try_into().map(i64::from_le_bytes).unwrap_or_default(),
            _ => {}
        }
        Ok(())
    })
    .map_err(|p| corrupt(format!("a block header is no document: {p}")))?;
    Ok(found)
}

/// Reads the prelude: the collections the archive says it holds.
pub(super) fn prelude(reader: &mut dyn Read) -> io::Result<Vec<Entry>> {
    if word(reader)? != Some(MAGIC) {
        return Err(corrupt("not a mongodump archive: the magic number is missing"));
    }
    let mut entries = Vec::new();
    let mut buffer = Vec::new();
    let mut first = true;
    loop {
        let next =
            word(reader)?.ok_or_else(|| corrupt("the archive ends within its prelude; it is cut short"))?;
        if next == TERMINATOR {
            return Ok(entries);
        }
        document(reader, next, &mut buffer)?;
        if !std::mem::take(&mut first) {
            let Header { db, collection, .. } = header(&buffer)?;
            if !collection.is_empty() {
                entries.push(Entry { db, collection });
            }
        }
    }
}

/// The documents of one collection of an archive, as if they stood in a file of their own. The end mark and the checksum
/// are verified: a collection without them is an error, never a short collection.
pub(super) struct Demux {
    reader: Box<dyn Read + Send>,
    db: String,
    collection: String,
    started: bool,
    /// Whether the block being read is ours.
    ours: Option<bool>,
    crc: u64,
    buffer: Vec<u8>,
    given: usize,
    ended: bool,
}

impl Demux {
    pub(super) fn new(reader: Box<dyn Read + Send>, db: String, collection: String) -> Demux {
        let reader = Box::new(io::BufReader::with_capacity(1 << 18, reader));
        Demux {
            reader,
            db,
            collection,
            started: false,
            ours: None,
            crc: 0,
            buffer: Vec::new(),
            given: 0,
            ended: false,
        }
    }

    /// Brings the next document of the collection into the buffer; false at the collection's end.
    fn advance(&mut self) -> io::Result<bool> {
        if !std::mem::replace(&mut self.started, true) {
            prelude(&mut self.reader)?;
        }
        loop {
            let Some(next) = word(&mut self.reader)? else {
                return Err(corrupt(format!(
                    "the archive ends before the end mark of {}.{}",
                    self.db, self.collection
                )));
            };
            if next == TERMINATOR {
                if self.ours.take().is_none() {
                    return Err(corrupt("a block terminator without a block"));
                }
                continue;
            }
            document(&mut self.reader, next, &mut self.buffer)?;
            match self.ours {
                None => {
                    let head = header(&self.buffer)?;
                    let ours = head.db == self.db && head.collection == self.collection;
                    self.ours = Some(ours);
                    if ours && head.eof {
                        return match head.crc as u64 == self.crc {
                            true => Ok(false),
                            false => Err(corrupt(format!(
                                "the checksum of {}.{} is {:016x}, and its documents have {:016x}",
                                self.db, self.collection, head.crc as u64, self.crc
                            ))),
                        };
                    }
                }
                Some(true) => {
                    self.crc = crc64(self.crc, &self.buffer);
                    return Ok(true);
                }
                Some(false) => {}
            }
        }
    }
}

impl Read for Demux {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.buffer.len() || self.buffer.is_empty() {
            if self.ended {
                return Ok(0);
            }
            self.given = 0;
            if !self.advance()? {
                self.ended = true;
                self.buffer.clear();
                return Ok(0);
            }
        }
        let n = out.len().min(self.buffer.len() - self.given);
        out[..n].copy_from_slice(&self.buffer[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

const CRC_TABLE: [u64; 256] = {
    const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

/// CRC-64/XZ: ECMA-182's polynomial, reflected, inverted at both ends.
fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    !bytes
        .iter()
        .fold(!crc, |crc, b| CRC_TABLE[(crc as u8 ^ b) as usize] ^ (crc >> 8))
}
