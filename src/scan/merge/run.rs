//! A run: what the records of one chunk bring to a merge, in the order in which they stand.

use super::order::{self, ORDERS, Orders, keeps};
use crate::Pair;
use crate::digest::RecordHash;
use crate::mapping::Digester;
use crate::scan::lane::Locator;
use crate::source::Chunk;
use crate::source::live::cql::Tokens;

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

/// Where each of the orders breaks first, if it does.
pub(super) type Faults = [Option<Fault>; ORDERS];

/// Keys that a run may hold: far more than a chunk has, unless one record explodes into millions.
const MOST_KEYS: usize = 256 << 20;

/// The records of a chunk as they are walked.
#[derive(Debug)]
pub(in crate::scan) struct Walk<'m> {
    orders: Orders,
    /// What makes the tokens that stand before the keys, if any do.
    tokens: Option<&'m Tokens>,
    keys: Vec<u8>,
    entries: Vec<Entry>,
    loose: Vec<Entry>,
    faults: [Option<(u64, &'static str)>; ORDERS],
    /// Whether the last entry is the twin of the last one of the other side's walk.
    twin: bool,
}

impl<'m> Walk<'m> {
    /// A walk over a chunk, with room for its records.
    pub(super) fn over(chunk: &Chunk, orders: Orders, tokens: Option<&'m Tokens>) -> Walk<'m> {
        Walk {
            orders,
            tokens,
            entries: Vec::with_capacity(chunk.ends.len()),
            keys: Vec::with_capacity(chunk.ends.len() * 16),
            loose: Vec::new(),
            faults: Default::default(),
            twin: false,
        }
    }

    /// Takes the record that stands in `digester`, at `at` of `chunk`.
    pub fn add(&mut self, chunk: &Chunk, digester: &Digester, at: Locator, len: usize) {
        if let Some((entry, token)) = self.read(chunk, digester, at, len) {
            let before = &token[..order::before_key(&self.orders)];
            self.push(entry, (before, digester.key()), digester.keyed(), at.number);
        }
    }

    /// Takes the record that stands in `digester` and, as the same bytes, in both chunks.
    pub fn add_twins(
        walks: &mut Pair<Option<Walk<'m>>>,
        chunks: Pair<&Chunk>,
        digester: &Digester,
        at: Pair<Locator>,
        len: usize,
    ) {
        let read = Pair::from_fn(|side| walks[side].as_mut()?.read(chunks[side], digester, at[side], len));
        // Without one of them there is no merge any more.
        if let (Some(ours), Some(theirs)) = (&mut walks.stable, &mut walks.candidate)
            && let (Some((x, token)), Some((y, _))) = (read.stable, read.candidate)
        {
            let place = (&token[..order::before_key(&ours.orders)], digester.key());
            let entries = Pair {
                stable: (x, at.stable.number),
                candidate: (y, at.candidate.number),
            };
            ours.push_twins(theirs, entries, place, digester.keyed());
        }
    }

    /// The record that stands in `digester` and the bytes of its token; none if it has to have one and does not.
    fn read(
        &mut self,
        chunk: &Chunk,
        digester: &Digester,
        at: Locator,
        len: usize,
    ) -> Option<(Entry, [u8; order::TOKEN])> {
        let from = (at.offset - chunk.start.offset) as u32;
        let entry = Entry {
            record: digester.record(),
            element: digester.element(),
            key: (0, 0),
            raw: (from, from + len as u32),
            number: (at.number - chunk.start.record) as u32,
            repeated: false,
        };
        let token = match self.tokens {
            Some(tokens) if digester.keyed() => {
                let row = &chunk.data[entry.raw.0 as usize..entry.raw.1 as usize];
                let Some(token) = tokens.token(row) else {
                    self.faults = [Some((at.number, "has no token")); ORDERS];
                    return None;
                };
                order::token_bytes(token)
            }
            _ => Default::default(),
        };
        Some((entry, token))
    }

    /// Takes twins with the two parts of their place and their numbers.
    ///
    /// Of twins that follow one another in order only the first and the last are kept: those between would cancel.
    pub(super) fn push_twins(
        &mut self,
        other: &mut Walk<'m>,
        twins: Pair<(Entry, u64)>,
        place: (&[u8], &[u8]),
        keyed: bool,
    ) {
        let (together, before) = (self.twin && other.twin, self.entries.len());
        let ((ours, number), (theirs, their_number)) = (twins.stable, twins.candidate);
        self.push(ours, place, keyed, number);
        let added = self.entries.len() > before;
        if together && added && self.ascends_like(other) {
            other.append(theirs, place);
            if self.can_spare_one() && other.can_spare_one() {
                for walk in [&mut *self, &mut *other] {
                    walk.entries.swap_remove(walk.entries.len() - 2);
                }
            }
        } else {
            other.push(theirs, place, keyed, their_number);
        }
        (self.twin, other.twin) = (added, added);
    }

    /// Whether the last entry may follow the one before it in the other's orders too, where those before are twins.
    fn ascends_like(&self, other: &Walk<'_>) -> bool {
        let broken = |walk: &Walk<'_>| walk.faults.map(|fault| fault.is_some());
        broken(self) == broken(other) && self.entries.last().is_some_and(|last| !last.repeated)
    }

    /// Whether the last entry but one has neighbours in its run, and another key than those.
    fn can_spare_one(&self) -> bool {
        matches!(self.entries[..], [.., _, spare, _] if !spare.repeated)
    }

    /// Takes a record with the two parts of its place: what stands before its key, and the key.
    pub(super) fn push(&mut self, mut entry: Entry, place: (&[u8], &[u8]), keyed: bool, number: u64) {
        self.twin = false;
        if self.faults.iter().all(Option::is_some) {
            return;
        }
        let from = self.keys.len();
        let to = from + place.0.len() + place.1.len();
        if to > MOST_KEYS {
            self.faults = [Some((number, "explodes into too many records to be merged")); ORDERS];
            return;
        }
        self.keys.extend_from_slice(place.0);
        self.keys.extend_from_slice(place.1);
        let place = &self.keys[from..to];
        if keyed && let Some(last) = self.entries.last_mut() {
            let before = &self.keys[last.key.0 as usize..last.key.1 as usize];
            if before == place {
                last.repeated = true;
                entry.repeated = true;
            } else {
                for (order, fault) in self.orders.iter().zip(&mut self.faults) {
                    if fault.is_none() && !keeps(order, before, place) {
                        *fault = Some((number, OUT_OF_ORDER));
                    }
                }
            }
        }
        entry.key = (from as u32, to as u32);
        if keyed {
            self.entries.push(entry);
        } else {
            self.loose.push(entry);
        }
    }

    /// Takes a record that is known to come after all others in every order that is left.
    fn append(&mut self, mut entry: Entry, place: (&[u8], &[u8])) {
        let from = self.keys.len() as u32;
        self.keys.extend_from_slice(place.0);
        self.keys.extend_from_slice(place.1);
        entry.key = (from, self.keys.len() as u32);
        self.entries.push(entry);
    }

    /// The run of the chunk that was walked.
    pub fn finish(self, chunk: Chunk) -> Run {
        let part = chunk.part;
        Run {
            before_key: order::before_key(&self.orders),
            faults: self
                .faults
                .map(|f| f.map(|(number, what)| Fault { part, number, what })),
            keys: self.keys,
            entries: self.entries,
            loose: self.loose,
            chunk,
        }
    }
}

/// What is said of a key that comes again behind a very long record that has it.
pub(super) const TWICE: &str = "has the key of the very long record before it";

/// What is said where an order breaks.
pub(super) const OUT_OF_ORDER: &str = "is not in key order";

/// The records of one chunk: those with a key, in ascending order, and those without.
#[derive(Debug)]
pub(in crate::scan) struct Run {
    chunk: Chunk,
    /// Places: the keys, each behind what stands before it.
    keys: Vec<u8>,
    before_key: usize,
    pub(super) entries: Vec<Entry>,
    /// Records without a usable key: they have no place in the order, and no counterpart.
    pub(super) loose: Vec<Entry>,
    pub(super) faults: Faults,
}

impl Run {
    /// The record's place in the order.
    pub(super) fn place(&self, entry: &Entry) -> &[u8] {
        &self.keys[entry.key.0 as usize..entry.key.1 as usize]
    }

    pub(super) fn key(&self, entry: &Entry) -> &[u8] {
        &self.place(entry)[self.before_key..]
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

    /// Goes on where `last` of the same side ended: marks a key that both share, or the orders that break between them.
    pub(super) fn follow(&mut self, last: &mut Run, orders: Orders) {
        let (Some(end), Some(start)) = (last.entries.last(), self.entries.first()) else {
            return;
        };
        let before = last.place(end);
        if before == self.place(start) {
            last.entries.last_mut().expect("looked at above").repeated = true;
            self.entries.first_mut().expect("looked at above").repeated = true;
            return;
        }
        self.fault(
            OUT_OF_ORDER,
            orders.map(|order| !keeps(&order, before, self.place(start))),
        );
    }

    /// Goes on behind a record of the same side at `before` that is done with: what breaks there, and a key that comes again,
    /// are faults.
    pub(super) fn follow_passed(&mut self, before: &[u8], orders: Orders) {
        let Some(place) = self.entries.first().map(|start| self.place(start)) else {
            return;
        };
        match before == place {
            true => self.fault(TWICE, [true; ORDERS]),
            false => self.fault(OUT_OF_ORDER, orders.map(|order| !keeps(&order, before, place))),
        }
    }

    /// Notes what is wrong with its first record, for the orders that break there.
    fn fault(&mut self, what: &'static str, broken: [bool; ORDERS]) {
        let number = self.locator(&self.entries[0]).number;
        for (first, _) in self.faults.iter_mut().zip(broken).filter(|(_, broken)| *broken) {
            *first = Some(Fault {
                part: self.chunk.part,
                number,
                what,
            });
        }
    }
}
