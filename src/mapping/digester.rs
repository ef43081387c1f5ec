//! Works records off, one at a time: the sum of the fields' digests, the key, and what drill-down wants of the fields.

use super::capture::Captured;
use super::projection::Projection;
use super::shape::Shape;
use crate::canon::{Encoder, Flat};
use crate::digest::{KeyHash, RecordHash, count_under};
use crate::model::Problem;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// Where a value goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot<'a> {
    /// To a rule.
    Rule(usize),
    /// Under a path that a prefix rule gives.
    Named(&'a [u8]),
    /// Under its own path, which no rule names.
    Unmapped(&'a [u8]),
}

/// How much of a record is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The key alone.
    Key,
    /// Key and digests.
    Digest,
    /// Key, digests and every field's value.
    Tree,
}

/// Unmapped fields of one record from which on a set holds them.
const MANY_FIELDS: usize = 256;

/// Works records off, one at a time; owns the buffers, so each worker has one.
#[derive(Debug)]
pub struct Digester {
    pub(super) depth: Depth,
    pub(super) encoder: Encoder,
    pub(super) flat: Flat,
    pub(super) key_parts: Vec<Vec<u8>>,
    pub(super) at: u64,
    pub(super) element: u64,
    /// Rules met in this record, a bit each.
    pub(super) seen: Vec<u64>,
    pub(super) unmapped_seen: Vec<u64>,
    pub(super) unmapped_bloom: u64,
    /// The same for a record with many fields.
    unmapped_many: FxHashSet<u64>,
    pub(super) sum: u128,
    key: Vec<u8>,
    key_hash: KeyHash,
    record: RecordHash,
    keyed: bool,
    pub(super) null_in_key: bool,
    pub(super) problem: Option<Problem>,
    pub(super) fields: Vec<(u64, u128)>,
    order: Vec<u64>,
    names: FxHashMap<u64, String>,
    pub(super) shape: Shape,
    pub(super) captured: Vec<Captured>,
    /// The path seeds, in order, of the fields that are kept for drill-down; without them all are.
    shown: Option<Vec<u64>>,
    /// What is only reported of the record at hand, and of those before it how often.
    pub(super) reported_now: Vec<String>,
    reported: BTreeMap<String, u64>,
}

/// Canonical bytes that no value has: they mark a field that could not be read, so that a record with a problem never
/// equals anything, not even a record with the same problem on the other side.
pub(super) const PROBLEM_TAG: u8 = 0x7f;

/// Paths whose names a digester keeps; documents that use data as field names have no end of them.
const MAX_NAMES: usize = 4096;

impl Digester {
    /// A digester for records of `projection`.
    pub fn new(projection: &Projection, depth: Depth) -> Digester {
        Digester {
            depth,
            encoder: Encoder::new(projection.equality),
            flat: Flat::new(&projection.equality),
            key_parts: vec![Vec::new(); projection.key_len],
            at: 0,
            element: 0,
            seen: vec![0; projection.rules.len().div_ceil(64)],
            unmapped_seen: Vec::new(),
            unmapped_bloom: 0,
            unmapped_many: FxHashSet::default(),
            sum: 0,
            key: Vec::new(),
            key_hash: KeyHash(0),
            record: RecordHash(0),
            keyed: false,
            null_in_key: false,
            problem: None,
            fields: Vec::new(),
            order: Vec::new(),
            names: FxHashMap::default(),
            shape: Shape::default(),
            captured: Vec::new(),
            shown: None,
            reported_now: Vec::new(),
            reported: BTreeMap::new(),
        }
    }

    /// The record's canonical key. A record without a usable key has one of its own, made of side and position.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The key's hash.
    pub fn key_hash(&self) -> KeyHash {
        self.key_hash
    }

    /// The record's hash.
    pub fn record(&self) -> RecordHash {
        self.record
    }

    /// Whether the mapping's key could be read.
    pub fn keyed(&self) -> bool {
        self.keyed
    }

    /// Whether a part of the key is null.
    pub fn null_in_key(&self) -> bool {
        self.null_in_key
    }

    /// Which element of the raw record this is, from 1, under `explode`; else 0.
    pub fn element(&self) -> u64 {
        self.element
    }

    /// The first thing wrong with the record, if anything is.
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Path seed and hash of every field that counts.
    pub fn fields(&self) -> &[(u64, u128)] {
        &self.fields
    }

    /// The path behind a path seed, of a field of this record.
    pub fn name(&self, seed: u64) -> Option<&str> {
        self.names.get(&seed).map(String::as_str)
    }

    /// Keeps for drill-down, of the records to come, only the fields with these path seeds; without seeds, all of them.
    ///
    /// Other fields are passed over, so that such a record's hash means nothing.
    pub fn show(&mut self, seeds: Option<Vec<u64>>) {
        self.shown = seeds;
        if let Some(shown) = &mut self.shown {
            shown.sort_unstable();
        }
    }

    /// The fields kept for drill-down; leaves none behind.
    pub fn take_captured(&mut self) -> Vec<Captured> {
        std::mem::take(&mut self.captured)
    }

    /// Unmapped fields met under `unmapped = "report"`, with how often; leaves none behind.
    pub fn take_reported(&mut self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.reported)
    }

    /// Whether the field is kept for drill-down.
    #[inline]
    pub(super) fn keeps(&self, seed: u64) -> bool {
        self.depth == Depth::Tree && !self.passes_over(seed)
    }

    /// Whether drill-down is not to look at the field.
    #[inline]
    pub(super) fn passes_over(&self, seed: u64) -> bool {
        let shown = self.shown.as_ref();
        shown.is_some_and(|shown| shown.binary_search(&seed).is_err())
    }

    /// Whether nothing more is wanted of this record: only the key was, and every part of it was read.
    #[inline]
    pub(super) fn satisfied(&self) -> bool {
        self.depth == Depth::Key && self.key_parts.iter().all(|part| !part.is_empty())
    }

    #[inline]
    pub(super) fn start(&mut self, at: u64, element: u64) {
        self.at = at;
        self.element = element;
        self.key_parts.iter_mut().for_each(Vec::clear);
        self.seen.fill(0);
        self.unmapped_seen.clear();
        self.unmapped_bloom = 0;
        if !self.unmapped_many.is_empty() {
            self.unmapped_many.clear();
        }
        self.sum = 0;
        self.problem = None;
        self.null_in_key = false;
        self.fields.clear();
        self.captured.clear();
        self.reported_now.clear();
        // Between elements of one array those of their parent's fields are not met again.
        if element == 0 && self.names.len() > MAX_NAMES {
            self.forget();
        }
    }

    /// Drops the names known so far. They are met again, and those of the shape stay known.
    #[cold]
    fn forget(&mut self) {
        self.names.clear();
        self.order.clear();
        self.names.extend(self.shape.paths());
    }

    /// Whether `rule` was met before in this record; marks it met.
    #[inline]
    pub(super) fn meet(&mut self, rule: usize) -> bool {
        let (word, bit) = (rule / 64, 1u64 << (rule % 64));
        let met = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        met
    }

    /// Whether an unmapped path was met before in this record; marks it met.
    #[inline]
    pub(super) fn meet_path(&mut self, seed: u64) -> bool {
        if self.unmapped_seen.len() >= MANY_FIELDS {
            return self.meet_among_many(seed);
        }
        let bit = 1u64 << (seed & 63);
        let met = self.unmapped_bloom & bit != 0 && self.unmapped_seen.contains(&seed);
        self.unmapped_bloom |= bit;
        self.unmapped_seen.push(seed);
        met
    }

    /// The same, where a look at each field met before would take too long.
    #[cold]
    fn meet_among_many(&mut self, seed: u64) -> bool {
        if self.unmapped_many.is_empty() {
            self.unmapped_many.extend(&self.unmapped_seen);
        }
        !self.unmapped_many.insert(seed)
    }

    /// Whether the field about to be counted is the one that stood at its place in the record before.
    #[inline]
    pub(super) fn follows(&self, seed: u64) -> bool {
        self.order.get(self.fields.len()) == Some(&seed)
    }

    /// Keeps the path behind the seed of the field counted last.
    #[inline]
    pub(super) fn remember(&mut self, seed: u64, path: &str) {
        let place = self.fields.len() - 1;
        if self.order.get(place) == Some(&seed) {
            return;
        }
        if self.order.len() <= place {
            self.order.resize(place + 1, 0);
        }
        self.order[place] = seed;
        self.names.entry(seed).or_insert_with(|| path.to_owned());
    }

    /// Learns the order of this record's fields for those to come.
    pub(super) fn learn(&mut self, p: &Projection, names: &[&[u8]]) {
        self.names.extend(self.shape.learn(p, names));
    }

    /// Ends a record: `walked` says whether it could be walked to its end.
    #[inline]
    pub(super) fn finish(&mut self, p: &Projection, walked: Result<(), Problem>) {
        for name in self.reported_now.drain(..) {
            *count_under(&mut self.reported, &name, |a, b| *a += b) += 1;
        }
        let broken = walked.is_err();
        if let Err(problem) = walked {
            self.fail(p, None, "", problem);
        }
        for rule in 0..p.rules.len() {
            let met = self.seen[rule / 64] & (1 << (rule % 64)) != 0;
            // What a record that could not be walked to its end does not show is not known to be absent.
            if !met && !broken {
                self.absent(p, rule);
            }
        }
        self.keyed = self.key_parts.iter().all(|part| !part.is_empty());
        self.key.clear();
        if self.keyed {
            for part in &self.key_parts {
                self.key.extend_from_slice(part);
            }
        } else {
            self.key.extend_from_slice(&[PROBLEM_TAG, p.side as u8]);
            self.key.extend_from_slice(&self.at.to_be_bytes());
            self.key.extend_from_slice(&self.element.to_be_bytes());
            self.problem
                .get_or_insert_with(|| Problem::malformed("the key cannot be read"));
        }
        self.key_hash = p.hasher.key(&self.key);
        self.encoder.clear();
        if self.depth != Depth::Key {
            self.record = p.hasher.record(self.key_hash, self.sum);
        }
    }
}
