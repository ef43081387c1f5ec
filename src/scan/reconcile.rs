//! From unequal leaves to findings: which keys are suspect, a second pass that fetches their records, and a join.

use super::lane::{Lane, Locator};
use super::pass::{Feed, Monitor, run_pass};
use super::tally::Tally;
use super::tally::Unread;
use crate::diff::{Drilled, Finding, Group, Judge, Place, classify};
use crate::digest::{Hasher, KeyHash, RecordHash};
use crate::mapping::{Depth, Digester};
use crate::plan::{Span, Strategy};
use crate::report::{Class, State};
use crate::store::{SortBudget, SortError, Sorted, Sorter};
use crate::{Pair, Side};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use std::path::Path;
use std::sync::Mutex;

/// Which records the second pass has to fetch.
#[derive(Debug)]
pub enum Suspects {
    /// Those under these keys.
    Keys {
        /// Hashes of the keys.
        keys: FxHashSet<KeyHash>,
        /// The leaves they lie in, as a first sieve.
        leaves: Vec<bool>,
    },
    /// Those in these leaves: the sketch could not say more.
    Leaves(Vec<bool>),
}

impl Suspects {
    /// What the tally says: the sketch's keys if it came apart, else the leaves.
    pub fn find(tally: &Tally, hasher: Hasher, strategy: Strategy) -> Suspects {
        let leaves = tally.unequal_leaves();
        if strategy == Strategy::Spill {
            return Suspects::Leaves(leaves);
        }
        let peeled = tally.sketch.clone().peel();
        if !peeled.complete {
            return Suspects::Leaves(leaves);
        }
        let hash = |key: crate::digest::Capsule| match key.unpack()? {
            Ok(key) => Some(hasher.key(&key)),
            Err(hash) => Some(hash),
        };
        match peeled
            .items
            .iter()
            .map(|(key, _)| hash(*key))
            .collect::<Option<FxHashSet<_>>>()
        {
            Some(keys) => Suspects::Keys { keys, leaves },
            None => Suspects::Leaves(leaves),
        }
    }

    fn contains(&self, key: KeyHash) -> bool {
        match self {
            Suspects::Keys { keys, leaves } => leaves[key.leaf()] && keys.contains(&key),
            Suspects::Leaves(leaves) => leaves[key.leaf()],
        }
    }

    /// Whether records have to be told apart by their digests in the second pass.
    fn depth(&self) -> Depth {
        match self {
            Suspects::Keys { .. } => Depth::Key,
            Suspects::Leaves(_) => Depth::Digest,
        }
    }
}

/// A record that the second pass put aside, as it lies in the sorter.
#[derive(Clone, Debug)]
pub(super) struct Aside {
    side: Side,
    record: RecordHash,
    locator: Locator,
    len: u32,
    element: u64,
    raw: Vec<u8>,
}

const HEAD: usize = 1 + 16 + 8 + 8 + 4 + 8 + 4 + 8;

impl Aside {
    pub(super) fn write(
        out: &mut Vec<u8>,
        side: Side,
        record: RecordHash,
        locator: Locator,
        len: usize,
        element: u64,
        raw: &[u8],
    ) {
        out.clear();
        out.push(side as u8);
        // Big-endian, so that records of one side come in the order of their source.
        out.extend_from_slice(&locator.offset.to_be_bytes());
        out.extend_from_slice(&locator.number.to_be_bytes());
        out.extend_from_slice(&locator.part.to_be_bytes());
        out.extend_from_slice(&locator.in_file.to_be_bytes());
        out.extend_from_slice(&element.to_be_bytes());
        out.extend_from_slice(&record.0.to_be_bytes());
        out.extend_from_slice(&(len as u32).to_be_bytes());
        out.extend_from_slice(raw);
    }

    fn read(bytes: &[u8]) -> Aside {
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
            raw: bytes[HEAD..].to_vec(),
        }
    }
}

/// Reads both sides again and puts the suspect records aside, sorted by key.
///
/// The raw record travels along where the suspects are few, or where the source cannot be read at an offset; else its
/// place suffices.
pub fn fetch<'b>(
    lanes: Pair<&Lane>,
    suspects: &Suspects,
    threads: usize,
    monitor: &Monitor,
    dir: &Path,
    budget: &'b SortBudget,
) -> Result<(Sorted<'b>, Vec<Unread>), SortError> {
    let sorter = Mutex::new((
        Sorter::new(dir, |a, b| a.cmp(b), SORT_MEMORY, budget),
        None::<SortError>,
    ));
    let depth = suspects.depth();
    let mut workers: Vec<(Pair<Digester>, Vec<(KeyHash, Vec<u8>)>)> = (0..threads)
        .map(|_| (lanes.map(|l| l.digester(depth)), Vec::new()))
        .collect();
    let mut feeds = lanes.map(|lane| Feed::new(lane, vec![Span::ALL]));
    run_pass(
        &mut feeds,
        &mut workers,
        monitor,
        None,
        |(digesters, batch), side, chunk| {
            let lane = lanes[side];
            let keep_raw = depth == Depth::Key || !lane.namespace.seekable;
            lane.each_record(&chunk, &mut digesters[side], |d, bytes, locator| {
                let key = d.key_hash();
                if suspects.contains(key) {
                    let mut entry = Vec::new();
                    let raw = if keep_raw { bytes } else { &[][..] };
                    Aside::write(
                        &mut entry,
                        side,
                        d.record(),
                        locator,
                        bytes.len(),
                        d.element(),
                        raw,
                    );
                    batch.push((key, entry));
                }
            });
            if !batch.is_empty() {
                let mut guard = sorter.lock().expect("no worker panics while it holds the lock");
                let (sorter, failed) = &mut *guard;
                for (key, entry) in batch.drain(..) {
                    if failed.is_none()
                        && let Err(error) = sorter.push(&key.0.to_be_bytes(), &entry)
                    {
                        *failed = Some(error);
                        monitor.stop.store(true, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            }
        },
    );
    let unread = feeds
        .into_sides()
        .into_iter()
        .filter_map(|(_, feed)| feed.unread)
        .collect();
    let (sorter, failed) = sorter
        .into_inner()
        .expect("no worker panics while it holds the lock");
    match failed {
        Some(error) => Err(error),
        None => Ok((sorter.finish(), unread)),
    }
}

const SORT_MEMORY: usize = 32 << 20;
const BATCH_BYTES: usize = 4 << 20;

/// Joins what was put aside, key by key, and hands every finding to `tell`.
pub fn join(
    lanes: Pair<&Lane>,
    mut aside: Sorted<'_>,
    judge: &(dyn Judge + Sync),
    tell: &mut dyn FnMut(Finding) -> Result<(), SortError>,
) -> Result<(), SortError> {
    let mut batch: Vec<Vec<Aside>> = Vec::new();
    let (mut bytes, mut last) = (0, Vec::new());
    loop {
        let entry = aside
            .next()?
            .map(|(key, payload)| (key.to_vec(), Aside::read(payload)));
        let ended = entry.is_none();
        if let Some((key, record)) = entry {
            bytes += record.raw.len() + 256;
            if key == last && !batch.is_empty() {
                batch.last_mut().expect("not empty").push(record);
                continue;
            }
            if bytes <= BATCH_BYTES {
                last = key;
                batch.push(vec![record]);
                continue;
            }
            work_off(lanes, &mut batch, judge, tell)?;
            bytes = record.raw.len() + 256;
            last = key;
            batch.push(vec![record]);
        }
        if ended {
            return work_off(lanes, &mut batch, judge, tell);
        }
    }
}

fn work_off(
    lanes: Pair<&Lane>,
    batch: &mut Vec<Vec<Aside>>,
    judge: &(dyn Judge + Sync),
    tell: &mut dyn FnMut(Finding) -> Result<(), SortError>,
) -> Result<(), SortError> {
    let findings: Vec<Finding> = std::mem::take(batch)
        .into_par_iter()
        .map_init(
            || lanes.map(|l| l.digester(Depth::Tree)),
            |digesters, records| examine(lanes, records, digesters, judge),
        )
        .flatten()
        .collect();
    findings.into_iter().try_for_each(tell)
}

/// Looks at all records under one key hash in full. What was equal by digest already is not looked at.
fn examine(
    lanes: Pair<&Lane>,
    records: Vec<Aside>,
    digesters: &mut Pair<Digester>,
    judge: &dyn Judge,
) -> Option<Finding> {
    if let [a, b] = &records[..]
        && a.side != b.side
        && a.record == b.record
        && a.record.0 != 0
    {
        return None;
    }
    let mut key = Vec::new();
    let mut sides: Pair<Vec<Drilled>> = Pair::default();
    for record in &records {
        let lane = lanes[record.side];
        let fetched;
        let raw = if record.raw.is_empty() {
            match lane
                .source
                .read_at(&lane.namespace, record.locator.offset, record.len as usize)
            {
                Ok(Some(bytes)) => fetched = bytes,
                Ok(None) => return Some(lost(record, "the source cannot be read at an offset")),
                Err(error) => return Some(lost(record, &error.to_string())),
            }
            &fetched[..]
        } else {
            &record.raw[..]
        };
        let digester = &mut digesters[record.side];
        match lane.drill(raw, record.locator, record.element, digester) {
            Some((its_key, drilled)) => {
                key = its_key;
                sides[record.side].push(drilled);
            }
            None => return Some(lost(record, "the record is not what it was a moment ago")),
        }
    }
    classify(Group { key, records: sides }, judge)
}

/// A suspect that could not be looked at again: unknown, and so not equal.
fn lost(record: &Aside, why: &str) -> Finding {
    let place = Place {
        file: String::new(),
        offset: record.locator.in_file,
        number: record.locator.number + 1,
    };
    let mut places = Pair::default();
    places[record.side] = Some(place);
    Finding {
        key: record.locator.offset.to_be_bytes().to_vec(),
        keyed: false,
        class: Class::Changed,
        state: State::Unknown,
        fields: Vec::new(),
        places,
        detail: Some(format!(
            "{}: a differing record could not be read again: {why}",
            record.side
        )),
    }
}
