//! One collection's documents out of an archive's interleaved blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::crc64::Crc64;
use super::super::error::{Place, Shown, SourceError};
use super::super::framing::bson_length;
use super::super::input::Input;
use super::document::{Scalar, elements, text};
use super::{Archive, TERMINATOR, corrupt};

const BLOCK: usize = 1 << 18;

/// Reads one namespace of an archive. The end is reported only when the whole archive has been walked: the collection's
/// end mark and checksum are verified, and no other block may belong to it, or to a collection nobody announced.
pub(in crate::source) struct Demux {
    archive: Arc<Archive>,
    wanted: String,
    input: Input,
    buf: Vec<u8>,
    pos: usize,
    state: State,
    seen: BTreeMap<String, Seen>,
    crc: Crc64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// At a block's header, or at the archive's end.
    Header,
    /// At a document or at the block's end; `mine` if the block's documents are wanted.
    Body { mine: bool },
    /// After a header that ended a collection.
    Ended,
    /// Inside a document of which `left` bytes are still to come.
    Document { mine: bool, left: usize },
}

#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Open,
    Ended,
}

impl Demux {
    /// Starts at the first document of `wanted`, a namespace that the archive's prelude announces.
    pub(in crate::source) fn open(archive: &Arc<Archive>, wanted: &str) -> Result<Demux, SourceError> {
        Ok(Demux {
            archive: archive.clone(),
            wanted: wanted.to_owned(),
            input: Input::open(&archive.file, archive.blocks)?,
            buf: Vec::new(),
            pos: 0,
            state: State::Header,
            seen: BTreeMap::new(),
            crc: Crc64::new(),
        })
    }

    /// Appends up to `limit` bytes of the namespace to `out`; fewer only at its verified end. Bytes read before an error
    /// are appended.
    pub(in crate::source) fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<usize, SourceError> {
        let mut got = 0;
        while got < limit {
            match self.state {
                State::Header => {
                    if !self.buffer(1)? {
                        self.check_all_ended()?;
                        break;
                    }
                    self.header()?;
                }
                State::Body { mine } => {
                    let lead = self.lead("a document or the block's end")?;
                    if lead == TERMINATOR {
                        self.pos += 4;
                        self.state = State::Header;
                    } else {
                        let left = self.length(lead)?;
                        self.state = State::Document { mine, left };
                    }
                }
                State::Ended => {
                    if self.lead("the block's end")? != TERMINATOR {
                        return Err(corrupt(
                            self.place(),
                            "documents after a collection's end",
                            "the block's end",
                        ));
                    }
                    self.pos += 4;
                    self.state = State::Header;
                }
                State::Document { mine, left } => {
                    self.need(1, "the rest of a document")?;
                    let mut n = left.min(self.buf.len() - self.pos);
                    if mine {
                        n = n.min(limit - got);
                    }
                    let bytes = &self.buf[self.pos..self.pos + n];
                    if n == left && bytes.last() != Some(&0) {
                        let place = self.input.place(self.offset() + n as u64 - 1);
                        return Err(corrupt(
                            place,
                            "another byte",
                            "the zero byte that ends a document",
                        ));
                    }
                    if mine {
                        out.extend_from_slice(bytes);
                        self.crc.update(bytes);
                        got += n;
                    }
                    self.pos += n;
                    self.state = match left - n {
                        0 => State::Body { mine },
                        left => State::Document { mine, left },
                    };
                }
            }
        }
        Ok(got)
    }

    /// The place reached in the archive.
    pub(in crate::source) fn place(&self) -> Place {
        self.input.place(self.offset())
    }

    /// Stored bytes of the archive read so far.
    pub(in crate::source) fn stored_taken(&self) -> u64 {
        self.input.stored_taken()
    }

    fn header(&mut self) -> Result<(), SourceError> {
        let lead = self.lead("a block's header")?;
        let len = self.length(lead)?;
        self.need(len, "the rest of a block's header")?;
        let place = self.place();
        let document = &self.buf[self.pos..self.pos + len];
        let damaged = || {
            corrupt(
                place.clone(),
                "a damaged block header",
                "a document with `db`, `collection`, `EOF` and `CRC`",
            )
        };
        let found = elements(document).ok_or_else(damaged)?;
        let (Some(database), Some(collection)) = (text(&found, "db"), text(&found, "collection")) else {
            return Err(damaged());
        };
        let name = format!("{database}.{collection}");
        let ended = found.contains(&("EOF", Scalar::Bool(true)));
        let crc = found.iter().find_map(|(name, value)| match value {
            Scalar::Int64(crc) if *name == "CRC" => Some(*crc as u64),
            _ => None,
        });
        let announced = self.archive.collections.contains_key(&name);
        // The oplog, in no database, may be announced under a shorter name than its blocks carry.
        if !announced && !database.is_empty() {
            return Err(corrupt(
                place,
                format!("documents of `{}`", Shown(&name)),
                "a collection that the archive's prelude announces",
            ));
        }
        let now = if ended { Seen::Ended } else { Seen::Open };
        let before = if announced {
            self.seen.insert(name.clone(), now)
        } else {
            None
        };
        if before == Some(Seen::Ended) {
            return Err(corrupt(
                place,
                format!("more of `{}` after its end mark", Shown(&name)),
                "one end mark a collection",
            ));
        }
        let mine = name == self.wanted;
        if mine && ended && crc != Some(self.crc.value()) {
            return Err(corrupt(
                place,
                format!(
                    "checksum {:016x} over the documents of `{}`",
                    self.crc.value(),
                    Shown(&name)
                ),
                &match crc {
                    Some(crc) => format!("{crc:016x}, as its end mark says"),
                    None => "a checksum in its end mark".to_owned(),
                },
            ));
        }
        self.pos += len;
        self.state = if ended { State::Ended } else { State::Body { mine } };
        Ok(())
    }

    fn check_all_ended(&self) -> Result<(), SourceError> {
        let open = self
            .seen
            .iter()
            .find(|(_, seen)| **seen == Seen::Open)
            .map(|(name, _)| name);
        let unseen = || {
            let mut announced = self.archive.collections.iter();
            let due = announced
                .find(|(name, c)| !c.view && !c.database.is_empty() && !self.seen.contains_key(*name));
            due.map(|(name, _)| name)
        };
        match open.or_else(unseen) {
            None => Ok(()),
            Some(name) => Err(corrupt(
                self.place(),
                "the archive's end",
                &format!("the end mark of `{}`", Shown(name)),
            )),
        }
    }

    fn offset(&self) -> u64 {
        self.input.offset() - (self.buf.len() - self.pos) as u64
    }

    fn lead(&mut self, expected: &str) -> Result<[u8; 4], SourceError> {
        self.need(4, expected)?;
        Ok(*self.buf[self.pos..]
            .first_chunk()
            .expect("four bytes are buffered"))
    }

    fn length(&self, lead: [u8; 4]) -> Result<usize, SourceError> {
        bson_length(lead).map_err(|p| corrupt(self.place(), p.detail(), "a document or the block's end"))
    }

    fn need(&mut self, n: usize, expected: &str) -> Result<(), SourceError> {
        if self.buffer(n)? {
            return Ok(());
        }
        Err(corrupt(
            self.input.place(self.input.offset()),
            "the archive is cut short",
            expected,
        ))
    }

    /// Buffers at least `n` bytes from here on; false if the archive ends before.
    fn buffer(&mut self, n: usize) -> Result<bool, SourceError> {
        if self.buf.len() - self.pos < n {
            self.buf.drain(..self.pos);
            self.pos = 0;
            let missing = n - self.buf.len();
            self.input.fill(&mut self.buf, missing.max(BLOCK))?;
        }
        Ok(self.buf.len() - self.pos >= n)
    }
}
