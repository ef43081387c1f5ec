//! From unequal leaves to findings: which keys are suspect, a second pass that fetches their records, and a join.

use super::aside::{Aside, Batch, Met, Shelf};
use super::compare::Means;
use super::lane::Lane;
use super::pass::{Feed, run_pass};
use super::tally::{Tally, Unread};
use crate::Pair;
use crate::diff::{Drilled, Finding, Group, Judge, Place, classify};
use crate::digest::{Hasher, KeyHash};
use crate::mapping::{Depth, Digester};
use crate::plan::Span;
use crate::report::{Class, State};
use crate::store::{SortError, Sorted};
use rayon::prelude::*;
use rustc_hash::FxHashSet;

/// Which records the second pass has to fetch.
#[derive(Debug)]
pub(super) enum Suspects {
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
    /// What the tally says: the sketch's keys if there is one and it came apart, else the leaves.
    pub fn find(tally: &Tally, hasher: Hasher) -> Suspects {
        let leaves = tally.unequal_leaves();
        let Some(sketch) = tally.sketch.clone() else {
            return Suspects::Leaves(leaves);
        };
        let peeled = sketch.peel();
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

/// Reads both sides again and puts the suspect records aside, sorted by key.
///
/// The raw record travels along where the suspects are few, or where the source cannot be read at an offset; else its
/// place suffices.
pub(super) fn fetch<'b>(
    lanes: Pair<&Lane>,
    suspects: &Suspects,
    means: &Means<'b>,
) -> Result<(Sorted<'b>, Vec<Unread>), SortError> {
    let shelf = Shelf::new(means.dir, means.budget);
    let depth = suspects.depth();
    let mut workers: Vec<(Pair<Digester>, Batch)> = (0..means.threads)
        .map(|_| (lanes.map(|l| l.digester(depth)), Batch::default()))
        .collect();
    let mut feeds = lanes.map(|lane| Feed::new(lane, vec![Span::ALL]));
    run_pass(
        &mut feeds,
        &mut workers,
        means.monitor,
        &shelf,
        None,
        |(digesters, batch), side, _, chunk| {
            let lane = lanes[side];
            let with_raw = depth == Depth::Key || !lane.namespace.seekable;
            lane.each_record(&chunk, &mut digesters[side], |d, raw, locator| {
                if suspects.contains(d.key_hash()) {
                    batch.put(Met::new(side, d, locator, raw), with_raw);
                }
            });
            shelf.take(batch);
        },
    );
    let unread = feeds
        .into_sides()
        .into_iter()
        .filter_map(|(_, feed)| feed.unread)
        .collect();
    Ok((shelf.finish()?, unread))
}

const BATCH_BYTES: usize = 4 << 20;

/// Joins what was put aside, key by key, and hands every finding to `tell`.
pub(super) fn join(
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
