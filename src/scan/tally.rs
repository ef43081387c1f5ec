//! What a scan adds up: leaves, sketch, column digests and counts. Parts merge in any order to the same whole.

use super::lane::Lane;
use crate::canon::cell::{LossScan, LossState};
use crate::digest::{Capsule, Columns, Item, KeyHash, LEAVES, Leaves, RecordHash, Sketch, count_under};
use crate::mapping::Digester;
use crate::source::Chunk;
use crate::{Pair, Side};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A part of one side that was not read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// The side.
    pub side: Side,
    /// The file, as the user named it.
    pub file: String,
    /// From where on, in bytes of the namespace's (decompressed) record stream; of a live store, the number of the range.
    pub offset: u64,
    /// What was found and what was expected.
    pub reason: String,
}

/// Counts of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records, after the mapping's explode.
    pub records: u64,
    /// Bytes of whole records read, decompressed.
    pub bytes: u64,
    /// Records with something wrong, by kind.
    pub problems: BTreeMap<String, u64>,
    /// Records with a null in their key.
    pub null_keys: u64,
    /// Unmapped fields met under `unmapped = "report"`.
    pub unmapped: BTreeMap<String, u64>,
    /// JSON documents with numbers whose type is a guess.
    pub guessed: u64,
    /// What a text export may have lost.
    pub loss: LossState,
}

impl Counts {
    /// Adds another part of the same side.
    pub fn merge(&mut self, other: &Counts) {
        let Counts {
            records,
            bytes,
            problems,
            null_keys,
            unmapped,
            guessed,
            loss,
        } = other;
        self.records += records;
        self.bytes += bytes;
        self.null_keys += null_keys;
        self.guessed += guessed;
        for (ours, theirs) in [(&mut self.problems, problems), (&mut self.unmapped, unmapped)] {
            for (name, n) in theirs {
                *count_under(ours, name, |a, b| *a += b) += n;
            }
        }
        self.loss.merge(loss);
    }
}

/// Everything a scan of (a part of) one compare adds up.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Leaves per side.
    pub leaves: Pair<Leaves>,
    /// Stable minus candidate; `None` where differences are found without one.
    pub sketch: Option<Sketch>,
    /// Column digests per side.
    pub columns: Pair<Columns>,
    /// Counts per side.
    pub counts: Pair<Counts>,
    /// What was not read.
    pub unread: Vec<Unread>,
}

impl Tally {
    /// An empty tally whose sketch has about `cells` cells.
    pub fn new(cells: usize) -> Tally {
        Tally {
            sketch: Some(Sketch::new(cells)),
            ..Tally::without_sketch()
        }
    }

    /// An empty tally that keeps no sketch.
    pub fn without_sketch() -> Tally {
        Tally {
            leaves: Pair::default(),
            sketch: None,
            columns: Pair::default(),
            counts: Pair::default(),
            unread: Vec::new(),
        }
    }

    /// Adds another part of the same compare.
    pub fn merge(&mut self, other: &Tally) {
        for side in Side::BOTH {
            self.leaves[side].merge(&other.leaves[side]);
            self.columns[side].merge(&other.columns[side]);
            self.counts[side].merge(&other.counts[side]);
        }
        match (&mut self.sketch, &other.sketch) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            // A sketch of a part of the records would give a part of the differences.
            (ours, _) => *ours = None,
        }
        self.unread.extend(other.unread.iter().cloned());
        self.unread.sort();
    }

    /// Whether the two sides' leaves are the same.
    pub fn equal(&self) -> bool {
        self.leaves.stable == self.leaves.candidate
    }

    /// The leaves in which the sides differ, one flag a leaf.
    pub fn unequal_leaves(&self) -> Vec<bool> {
        let mut flags = vec![false; LEAVES];
        self.leaves
            .stable
            .differing(&self.leaves.candidate)
            .for_each(|leaf| flags[leaf] = true);
        flags
    }
}

/// Column slots a part remembers; documents that use data as field names have no end of paths.
const MAX_SLOTS: usize = 4096;

/// Twins that a worker keeps at most while others are at the leaves of twins.
const MOST_HELD: usize = 1 << 14;

/// One worker's own part of a tally, without the large tables: those are shared, and fed a chunk at a time.
#[derive(Debug, Default)]
pub struct Part {
    columns: Columns,
    counts: Counts,
    /// Column slots by path seed, and by place in the record: good for one generation of the columns.
    slots: FxHashMap<u64, usize>,
    order: Vec<(u64, usize)>,
    generation: u32,
    keys: Vec<(KeyHash, RecordHash)>,
    items: Vec<Item>,
    loss: Option<LossScan>,
    /// Twins that are not in the leaves yet.
    held: Vec<(KeyHash, RecordHash)>,
}

impl Part {
    /// Counts in the record that stands in `digester`, for the sketch too if there is one.
    #[inline]
    pub fn add(&mut self, digester: &mut Digester, sketch: bool) {
        self.counts.records += 1;
        self.counts.null_keys += u64::from(digester.null_in_key());
        if let Some(problem) = digester.problem() {
            *self
                .counts
                .problems
                .entry(problem.kind().name().to_owned())
                .or_default() += 1;
        }
        let (key, record) = (digester.key_hash(), digester.record());
        self.keys.push((key, record));
        if sketch {
            self.items.push(Item {
                key: Capsule::new(digester.key(), key),
                record,
            });
        }
        for (place, &(seed, hash)) in digester.fields().iter().enumerate() {
            let slot = match self.order.get(place) {
                Some(&(known, slot)) if known == seed => slot,
                _ => self.slot(place, seed, digester),
            };
            self.columns.add(slot, key, hash);
        }
    }

    fn slot(&mut self, place: usize, seed: u64, digester: &Digester) -> usize {
        let known = self.slots.get(&seed).copied();
        let slot = known.unwrap_or_else(|| {
            let slot = self.columns.slot(digester.name(seed).unwrap_or(Columns::OTHER));
            if self.generation != self.columns.generation() || self.slots.len() >= MAX_SLOTS {
                self.generation = self.columns.generation();
                self.slots.clear();
                self.order.clear();
            }
            self.slots.insert(seed, slot);
            slot
        });
        if self.order.len() <= place {
            self.order.resize(place + 1, (0, 0));
        }
        self.order[place] = (seed, slot);
        slot
    }

    /// The hashes of the keys of the chunk at hand.
    pub(super) fn keys(&self) -> impl Iterator<Item = KeyHash> {
        self.keys.iter().map(|(key, _)| *key)
    }

    /// Hands the records of a finished chunk of `bytes` bytes to the shared tables.
    pub fn flush(&mut self, side: Side, bytes: u64, shared: &mut Tally) {
        self.counts.bytes += bytes;
        for &(key, record) in &self.keys {
            shared.leaves[side].add(key, record);
        }
        if let Some(sketch) = &mut shared.sketch {
            sketch.add(&self.items, side == Side::Stable);
        }
        self.keys.clear();
        self.items.clear();
    }

    /// The same for records that stand on both sides, which have leaves of their own; the sketch, which is a difference, has no
    /// use for them. They are so quickly worked off that workers would spend their time on waiting for one another: a few chunks'
    /// records are held until nobody is at the leaves.
    pub fn flush_twins(&mut self, shared: &Mutex<Option<Leaves>>) {
        self.held.append(&mut self.keys);
        if self.held.len() < MOST_HELD {
            if let Ok(mut leaves) = shared.try_lock() {
                self.let_go(&mut leaves);
            }
        } else {
            self.let_go(&mut shared.lock().expect("no worker panics here"));
        }
    }

    fn let_go(&mut self, leaves: &mut Option<Leaves>) {
        if !self.held.is_empty() {
            let leaves = leaves.get_or_insert_default();
            self.held
                .drain(..)
                .for_each(|(key, record)| leaves.add(key, record));
        }
    }

    /// Counts in what the export of a chunk may have lost.
    pub fn count_loss(&mut self, lane: &Lane, chunk: &Chunk, typed: bool) {
        if self.loss.is_none() {
            self.loss = lane.loss_scan();
        }
        self.counts.guessed += lane.count_loss(chunk, typed, &mut self.loss);
    }

    /// Hands over counts and column digests; the part is empty afterwards.
    pub fn drain(&mut self, side: Side, digester: &mut Digester, shared: &mut Tally) {
        for (name, n) in digester.take_reported() {
            *count_under(&mut self.counts.unmapped, &name, |a, b| *a += b) += n;
        }
        if let Some(loss) = &mut self.loss {
            self.counts.loss.merge(&loss.take_state());
        }
        self.add_to(side, shared);
        *self = Part::default();
    }

    /// The same for records that stand on both sides.
    pub fn drain_twins(&mut self, leaves: &mut Option<Leaves>, shared: &mut Tally) {
        self.let_go(leaves);
        for side in Side::BOTH {
            self.add_to(side, shared);
        }
        *self = Part::default();
    }

    fn add_to(&self, side: Side, shared: &mut Tally) {
        shared.counts[side].merge(&self.counts);
        shared.columns[side].merge(&self.columns);
    }
}
