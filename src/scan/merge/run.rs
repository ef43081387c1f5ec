//! A run: what the records of one chunk bring to a merge, in the order in which they stand.

use crate::canon::compare_keys;
use crate::digest::RecordHash;
use crate::mapping::Digester;
use crate::scan::lane::Locator;
use crate::source::Chunk;
use std::cmp::Ordering;

/// One record of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub record: RecordHash,
    pub element: u64,
    /// Its key in the run's keys.
    key: (u32, u32),
    /// Its raw record in the chunk.
    raw: (u32, u32),
    /// Number of the raw record in the chunk.
    number: u32,
    /// Whether a neighbour on its side has the same key.
    pub repeated: bool,
}

#[cfg(test)]
impl Entry {
    /// A record of one byte, the one with `number` in its chunk.
    pub fn at(record: RecordHash, number: u32) -> Entry {
        Entry {
            record,
            element: 0,
            key: (0, 0),
            raw: (number, number + 1),
            number,
            repeated: false,
        }
    }
}

/// Why a side cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The part of the namespace.
    pub part: usize,
    /// The number of the record in the namespace, from 0.
    pub number: u64,
    /// What is wrong there.
    pub what: &'static str,
}

/// Keys that a run may hold: far more than a chunk has, unless one record explodes into millions.
const MOST_KEYS: usize = 256 << 20;

/// The records of a chunk as they are walked.
#[derive(Debug, Default)]
pub(in crate::scan) struct Walk {
    keys: Vec<u8>,
    entries: Vec<Entry>,
    loose: Vec<Entry>,
    fault: Option<(u64, &'static str)>,
}

impl Walk {
    /// A walk over a chunk, with room for its records.
    pub fn over(chunk: &Chunk) -> Walk {
        Walk {
            entries: Vec::with_capacity(chunk.ends.len()),
            keys: Vec::with_capacity(chunk.ends.len() * 16),
            ..Walk::default()
        }
    }

    /// Takes the record that stands in `digester`, at `locator` of `chunk`.
    pub fn add(&mut self, chunk: &Chunk, digester: &Digester, locator: Locator, len: usize) {
        let from = (locator.offset - chunk.start.offset) as u32;
        let entry = Entry {
            record: digester.record(),
            element: digester.element(),
            key: (0, 0),
            raw: (from, from + len as u32),
            number: (locator.number - chunk.start.record) as u32,
            repeated: false,
        };
        self.push(entry, digester.key(), digester.keyed(), locator.number);
    }

    pub(super) fn push(&mut self, mut entry: Entry, key: &[u8], keyed: bool, number: u64) {
        if self.fault.is_some() {
            return;
        }
        let (from, to) = (self.keys.len(), self.keys.len() + key.len());
        if to > MOST_KEYS {
            self.fault = Some((number, "explodes into too many records to be merged"));
            return;
        }
        if keyed && let Some(last) = self.entries.last_mut() {
            match compare_keys(&self.keys[last.key.0 as usize..last.key.1 as usize], key) {
                Ordering::Less => {}
                Ordering::Equal => {
                    last.repeated = true;
                    entry.repeated = true;
                }
                Ordering::Greater => {
                    self.fault = Some((number, OUT_OF_ORDER));
                    return;
                }
            }
        }
        self.keys.extend_from_slice(key);
        entry.key = (from as u32, to as u32);
        if keyed {
            self.entries.push(entry);
        } else {
            self.loose.push(entry);
        }
    }

    /// The run of the chunk that was walked.
    pub fn finish(self, chunk: Chunk) -> Run {
        let part = chunk.part;
        Run {
            fault: self.fault.map(|(number, what)| Fault { part, number, what }),
            keys: self.keys,
            entries: self.entries,
            loose: self.loose,
            chunk,
        }
    }
}

const OUT_OF_ORDER: &str = "is not in key order";

/// The records of one chunk: those with a key in ascending order, and those without.
#[derive(Debug)]
pub(in crate::scan) struct Run {
    chunk: Chunk,
    keys: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// Records without a usable key: they have no place in the order, and no counterpart.
    pub(super) loose: Vec<Entry>,
    pub(super) fault: Option<Fault>,
}

impl Run {
    pub(super) fn key(&self, entry: &Entry) -> &[u8] {
        &self.keys[entry.key.0 as usize..entry.key.1 as usize]
    }

    pub(super) fn raw(&self, entry: &Entry) -> &[u8] {
        &self.chunk.data[entry.raw.0 as usize..entry.raw.1 as usize]
    }

    pub(super) fn locator(&self, entry: &Entry) -> Locator {
        let start = self.chunk.start;
        let from = u64::from(entry.raw.0);
        Locator {
            offset: start.offset + from,
            number: start.record + u64::from(entry.number),
            part: self.chunk.part as u32,
            in_file: self.chunk.file_offset.unwrap_or(start.offset) + from,
        }
    }

    /// About how much memory it holds.
    pub(super) fn bytes(&self) -> usize {
        let entries = self.entries.len() + self.loose.len();
        self.chunk.data.len() + self.keys.len() + entries * size_of::<Entry>()
    }

    /// Goes on where `last` of the same side ended: marks a key that both share.
    pub(super) fn follow(&mut self, last: &mut Run) -> Result<(), Fault> {
        let (Some(end), Some(start)) = (last.entries.last(), self.entries.first()) else {
            return Ok(());
        };
        match compare_keys(last.key(end), self.key(start)) {
            Ordering::Less => {}
            Ordering::Equal => {
                last.entries.last_mut().expect("looked at above").repeated = true;
                self.entries.first_mut().expect("looked at above").repeated = true;
            }
            Ordering::Greater => {
                return Err(Fault {
                    part: self.chunk.part,
                    number: self.locator(start).number,
                    what: OUT_OF_ORDER,
                });
            }
        }
        Ok(())
    }
}
