//! Records put aside for the join: what is written of each, and the shelf on which they gather.

use super::lane::Locator;
use super::pass::Flow;
use crate::Side;
use crate::digest::{KeyHash, RecordHash};
use crate::mapping::Digester;
use crate::store::{SortBudget, SortError, Sorted, Sorter};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A record that was put aside, as it comes back from the sorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside<'a> {
    pub side: Side,
    pub record: RecordHash,
    pub locator: Locator,
    /// Length of the raw record.
    pub len: u32,
    pub element: u64,
    /// The raw record, or nothing where it is to be read again at its place.
    pub raw: &'a [u8],
}

const HEAD: usize = 1 + 8 + 8 + 4 + 8 + 8 + 16 + 4;

impl<'a> Aside<'a> {
    /// Reads what [`Shelf::put`] wrote.
    pub fn read(bytes: &'a [u8]) -> Aside<'a> {
        let mut at = 1;
        let mut take = |n: usize| {
            at += n;
            &bytes[at - n..at]
        };
        let u64_of = |b: &[u8]| u64::from_be_bytes(b.try_into().expect("eight bytes"));
        let u32_of = |b: &[u8]| u32::from_be_bytes(b.try_into().expect("four bytes"));
        let locator = Locator {
            offset: u64_of(take(8)),
            number: u64_of(take(8)),
            part: u32_of(take(4)),
            in_file: u64_of(take(8)),
        };
        let element = u64_of(take(8));
        let record = RecordHash(u128::from_be_bytes(take(16).try_into().expect("sixteen bytes")));
        let len = u32_of(take(4));
        let side = if bytes[0] == Side::Stable as u8 {
            Side::Stable
        } else {
            Side::Candidate
        };
        Aside {
            side,
            record,
            locator,
            len,
            element,
            raw: &bytes[HEAD..],
        }
    }
}

/// A record that is to be put aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Met<'a> {
    pub side: Side,
    pub key: KeyHash,
    /// Zero where it was not computed.
    pub record: RecordHash,
    pub locator: Locator,
    /// Which element of the raw record, from 1, under `explode`; else 0.
    pub element: u64,
    /// The raw record.
    pub raw: &'a [u8],
}

impl<'a> Met<'a> {
    /// The record that stands in `digester`.
    pub fn new(side: Side, digester: &Digester, locator: Locator, raw: &'a [u8]) -> Met<'a> {
        Met {
            side,
            key: digester.key_hash(),
            record: digester.record(),
            locator,
            element: digester.element(),
            raw,
        }
    }

    /// Appends what is written before the raw record: [`HEAD`] bytes.
    fn put_head(&self, out: &mut Vec<u8>) {
        out.push(self.side as u8);
        // Big-endian, so that records of one side come in the order of their source.
        out.extend_from_slice(&self.locator.offset.to_be_bytes());
        out.extend_from_slice(&self.locator.number.to_be_bytes());
        out.extend_from_slice(&self.locator.part.to_be_bytes());
        out.extend_from_slice(&self.locator.in_file.to_be_bytes());
        out.extend_from_slice(&self.element.to_be_bytes());
        out.extend_from_slice(&self.record.0.to_be_bytes());
        out.extend_from_slice(&(self.raw.len() as u32).to_be_bytes());
    }
}

/// The longest record that a batch takes.
const MOST_BATCHED: usize = 1 << 20;

/// Records that one worker puts aside, until they are handed over in one go.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Hash of the key, and where the entry ends in `bytes`.
    entries: Vec<(KeyHash, usize)>,
}

impl Batch {
    fn drain(
        &mut self,
        mut each: impl FnMut(KeyHash, &[u8]) -> Result<(), SortError>,
    ) -> Result<(), SortError> {
        let mut from = 0;
        let done = self.entries.iter().try_for_each(|&(key, to)| {
            let entry = &self.bytes[from..to];
            from = to;
            each(key, entry)
        });
        self.bytes.clear();
        self.bytes.shrink_to(MOST_BATCHED);
        self.entries.clear();
        done
    }
}

/// Where records put aside gather, sorted by the hash of their key: in memory first, then on disk.
#[derive(Debug)]
pub(super) struct Shelf<'b> {
    budget: &'b SortBudget,
    state: Mutex<Result<Sorter<'b>, SortError>>,
    failed: AtomicBool,
}

const SORT_MEMORY: usize = 32 << 20;

impl<'b> Shelf<'b> {
    /// An empty shelf that spills into `dir`.
    pub fn new(dir: &Path, budget: &'b SortBudget) -> Shelf<'b> {
        Shelf {
            budget,
            state: Mutex::new(Ok(Sorter::new(dir, |a, b| a.cmp(b), SORT_MEMORY, budget))),
            failed: AtomicBool::new(false),
        }
    }

    /// Puts a record aside, into a batch unless it is long. Without its raw bytes, its place says where to read it again.
    pub fn put(&self, batch: &mut Batch, met: Met<'_>, with_raw: bool) {
        let raw = if with_raw { met.raw } else { &[] };
        if raw.len() <= MOST_BATCHED {
            met.put_head(&mut batch.bytes);
            batch.bytes.extend_from_slice(raw);
            batch.entries.push((met.key, batch.bytes.len()));
            return;
        }
        let mut head = Vec::with_capacity(HEAD);
        met.put_head(&mut head);
        self.push(|sorter| sorter.push(&met.key.0.to_be_bytes(), &[&head, raw]));
    }

    /// Takes all records of a batch. After a failure it takes nothing any more.
    pub fn take(&self, batch: &mut Batch) {
        if batch.entries.is_empty() {
            return;
        }
        self.push(|sorter| batch.drain(|key, entry| sorter.push(&key.0.to_be_bytes(), &[entry])));
    }

    fn push(&self, push: impl FnOnce(&mut Sorter<'b>) -> Result<(), SortError>) {
        let mut state = self
            .state
            .lock()
            .expect("no worker panics while it holds the lock");
        if let Ok(sorter) = &mut *state
            && let Err(error) = push(sorter)
        {
            *state = Err(error);
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    /// The hash of the key under which a record comes back.
    pub fn key(bytes: &[u8]) -> KeyHash {
        KeyHash(u128::from_be_bytes(bytes.try_into().expect("sixteen bytes")))
    }

    /// Whether the disk did not take a record.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether there is so much room on disk that raw records may travel along where their places would do.
    pub fn roomy(&self) -> bool {
        self.budget.used() < self.budget.limit() / 4
    }

    /// All records that were put aside, by key.
    pub fn finish(self) -> Result<Sorted<'b>, SortError> {
        let state = self.state.into_inner();
        state.expect("no worker panics while it holds the lock")?.finish()
    }
}

/// There is no use in reading on when the disk takes nothing more.
impl Flow for Shelf<'_> {
    fn halted(&self) -> bool {
        self.failed()
    }
}
