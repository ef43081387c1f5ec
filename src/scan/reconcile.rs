//! From suspects to findings: a second pass that fetches their records, and a join.

use super::aside::{Aside, Batch, Met, Shelf};
use super::compare::Means;
use super::held::{CHANGED, Depths, Held};
use super::lane::{Lane, Locator};
use super::pass::read_again;
use super::settle::{Open, Settler, unsettled};
use super::suspects::Suspects;
use super::tally::Unread;
use crate::diff::{Drilled, Finding, Group, Judge, Place, classify_many};
use crate::digest::KeyHash;
use crate::mapping::{Depth, Digester};
use crate::report::{Class, State};
use crate::store::{SortError, Sorted};
use crate::{Pair, Side};
use rayon::prelude::*;
use std::borrow::Cow;

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
    let unread = read_again(
        lanes,
        &mut workers,
        means.monitor,
        &shelf,
        |worker, side, chunk| {
            let (digesters, batch) = worker;
            let lane = lanes[side];
            let with_raw = !lane.namespace.seekable || depth == Depth::Key && shelf.roomy();
            lane.each_record(&chunk, &mut digesters[side], |d, raw, locator| {
                if suspects.contains(d.key_hash()) {
                    shelf.put(batch, Met::new(side, d, locator, raw), with_raw);
                }
            });
            shelf.take(batch);
        },
    );
    Ok((shelf.finish()?, unread))
}

/// Takes findings, in any order.
pub(super) type Tell<'t> = &'t (dyn Fn(Finding) -> Result<(), SortError> + Sync);

/// Joins what was put aside, key by key, and tells every finding.
pub(super) fn join(
    lanes: Pair<&Lane>,
    aside: Sorted<'_>,
    settler: &Settler<'_>,
    tell: Tell<'_>,
) -> Result<(), SortError> {
    let mut heaps = Heaps { lanes, aside };
    let mut heap = heaps.heap()?;
    while !heap.is_empty() {
        let large = heap.bytes.len() > 2 * HEAP_BYTES;
        let work_off = || work_off(lanes, heap, settler, tell);
        // The next one is read while this one is looked at, unless they are very long.
        let (told, next) = match large {
            true => (work_off(), heaps.heap()),
            false => rayon::join(work_off, || heaps.heap()),
        };
        told?;
        heap = next?;
    }
    Ok(())
}

/// Suspects that are looked at in one go, in the order of their keys' hashes.
#[derive(Default)]
struct Heap<'l> {
    bytes: Vec<u8>,
    /// Where each record ends in `bytes`.
    ends: Vec<usize>,
    /// The first record under each key, by number.
    groups: Vec<usize>,
    /// The hash of the last key.
    key: Option<KeyHash>,
    /// The records under the key after these, where they are very many.
    crowd: Option<Crowd<'l>>,
}

/// Bytes of a heap, with what its records take when they are looked at.
const HEAP_BYTES: usize = 4 << 20;

/// Bytes that a record takes besides itself.
const BESIDES: usize = 200;

/// Records under one key that are looked at together; more are looked at one by one.
const FEW: usize = 64;

impl<'l> Heap<'l> {
    fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.crowd.is_none()
    }

    fn push(&mut self, key: KeyHash, record: &[u8]) {
        if self.key != Some(key) {
            self.key = Some(key);
            self.groups.push(self.ends.len());
        }
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    fn start(&self, number: usize) -> usize {
        number.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The records under a key.
    fn group(&self, group: usize) -> Vec<Aside<'_>> {
        let end = self.groups.get(group + 1).copied();
        let numbers = self.groups[group]..end.unwrap_or(self.ends.len());
        let bytes = numbers.map(|number| &self.bytes[self.start(number)..self.ends[number]]);
        bytes.map(Aside::read).collect()
    }

    fn is_full(&self) -> bool {
        self.bytes.len() + self.ends.len() * BESIDES >= HEAP_BYTES
    }

    /// Takes the records under the last key away, if they are very many.
    fn take_crowd(&mut self, lanes: Pair<&'l Lane>) -> Option<Crowd<'l>> {
        let last = self.groups.len() - 1;
        let first = self.groups[last];
        let (records, bytes) = (self.ends.len() - first, self.bytes.len() - self.start(first));
        if records <= FEW && (records <= 4 || bytes <= HEAP_BYTES) {
            return None;
        }
        let mut crowd = Crowd::new(lanes);
        self.group(last).iter().for_each(|record| crowd.add(record));
        self.groups.truncate(last);
        self.ends.truncate(first);
        Some(crowd)
    }
}

/// What was put aside, as heaps.
struct Heaps<'l> {
    lanes: Pair<&'l Lane>,
    aside: Sorted<'l>,
}

impl<'l> Heaps<'l> {
    fn heap(&mut self) -> Result<Heap<'l>, SortError> {
        let mut heap = Heap::default();
        while let Some(key) = self.next_key()?
            && (heap.key == Some(key) || !heap.is_full())
            && let Some((_, record)) = self.aside.next()?
        {
            heap.push(key, record);
            if let Some(crowd) = heap.take_crowd(self.lanes) {
                heap.crowd = Some(self.gathered(crowd, key)?);
                break;
            }
        }
        Ok(heap)
    }

    /// A crowd with all further records under its key.
    fn gathered(&mut self, mut crowd: Crowd<'l>, of: KeyHash) -> Result<Crowd<'l>, SortError> {
        while self.next_key()? == Some(of)
            && let Some((_, record)) = self.aside.next()?
        {
            crowd.add(&Aside::read(record));
        }
        Ok(crowd)
    }

    fn next_key(&mut self) -> Result<Option<KeyHash>, SortError> {
        Ok(self.aside.next_key()?.map(Shelf::key))
    }
}

/// Keys in a row that one worker looks at.
const LOOKED_AT: usize = 128;

/// Looks at a heap and tells what it finds.
fn work_off(
    lanes: Pair<&Lane>,
    mut heap: Heap<'_>,
    settler: &Settler<'_>,
    tell: Tell<'_>,
) -> Result<(), SortError> {
    let look = |depths: &mut Depths<'_>, group| -> Result<Option<Open>, SortError> {
        match examine(lanes, &heap.group(group), depths) {
            None => Ok(None),
            Some(Err(lost)) => tell(*lost).map(|()| None),
            Some(Ok((group, records))) => match settler.open(group, &records) {
                Ok(open) => Ok(open),
                Err(finding) => tell(*finding).map(|()| None),
            },
        }
    };
    let open = (0..heap.groups.len())
        .into_par_iter()
        // Digesters learn how records look.
        .with_min_len(LOOKED_AT)
        .map_init(|| Depths::of(lanes), look)
        .filter_map(Result::transpose)
        .collect::<Result<Vec<Open>, _>>()?;
    let crowd = heap.crowd.take();
    // What is looked at again is read again.
    drop(heap);
    settler.settle(open).into_par_iter().try_for_each(tell)?;
    let crowd = crowd.and_then(|crowd| crowd.settle(settler));
    crowd.map_or(Ok(()), tell)
}

/// Looks at all records under one key hash in full. What was equal by digest already is not looked at.
fn examine<'h>(
    lanes: Pair<&Lane>,
    records: &[Aside<'h>],
    depths: &mut Depths<'_>,
) -> Option<Result<(Group, Pair<Vec<Held<'h>>>), Box<Finding>>> {
    if let [a, b] = records
        && a.side != b.side
        && a.record == b.record
        && a.record.0 != 0
    {
        return None;
    }
    let mut sides: Pair<Vec<Held<'h>>> = Pair::default();
    for record in records {
        match held(lanes, record) {
            Ok(held) => sides[record.side].push(held),
            Err(lost) => return Some(Err(lost)),
        }
    }
    let group = depths.group(&sides);
    let group = group.map_err(|(side, locator)| Box::new(lost(side, locator, CHANGED)));
    Some(group.map(|group| (group, sides)))
}

/// A record that was put aside, its bytes read again if they were not.
fn held<'r>(lanes: Pair<&Lane>, record: &Aside<'r>) -> Result<Held<'r>, Box<Finding>> {
    let held = |bytes| Held {
        bytes,
        locator: record.locator,
        element: record.element,
        record: record.record,
    };
    if !record.raw.is_empty() {
        return Ok(held(Cow::Borrowed(record.raw)));
    }
    let lane = lanes[record.side];
    let gone = |why: &str| Box::new(lost(record.side, record.locator, why));
    let found = lane
        .source
        .read_at(&lane.namespace, record.locator.offset, record.len as usize)
        .map_err(|e| gone(&e.to_string()))?;
    found
        .map(|bytes| held(Cow::Owned(bytes)))
        .ok_or_else(|| gone("the source cannot be read at an offset"))
}

/// Records of each side of a crowd that are shown.
const SHOWN: usize = 8;

/// Very many records under one key: they are counted and summed up, and only the first are kept.
struct Crowd<'l> {
    lanes: Pair<&'l Lane>,
    depths: Depths<'l>,
    key: Vec<u8>,
    counts: Pair<u64>,
    sums: Pair<u128>,
    first: Pair<Vec<Drilled>>,
    lost: Option<Box<Finding>>,
}

impl<'l> Crowd<'l> {
    fn new(lanes: Pair<&'l Lane>) -> Crowd<'l> {
        Crowd {
            lanes,
            depths: Depths::of(lanes),
            key: Vec::new(),
            counts: Pair::default(),
            sums: Pair::default(),
            first: Pair::default(),
            lost: None,
        }
    }

    fn add(&mut self, record: &Aside<'_>) {
        let side = record.side;
        let kept = self.first[side].len() < SHOWN;
        self.counts[side] += 1;
        let looked = held(self.lanes, record).and_then(|held| {
            let one = self.depths.one(side, &held, kept);
            one.ok_or_else(|| Box::new(lost(side, record.locator, CHANGED)))
        });
        match looked {
            Ok((key, drilled)) => {
                self.key = key;
                self.sums[side] = self.sums[side].wrapping_add(drilled.record.0);
                if kept {
                    self.first[side].push(drilled);
                }
            }
            Err(lost) => _ = self.lost.get_or_insert(lost),
        }
    }

    fn settle(self, settler: &Settler<'_>) -> Option<Finding> {
        let finding = self.finish(settler.judge)?;
        Some(match settler.live() {
            true => unsettled(finding, "so many records under one key are not read again"),
            false => finding,
        })
    }

    fn finish(self, judge: &dyn Judge) -> Option<Finding> {
        if let Some(lost) = self.lost {
            return Some(*lost);
        }
        let same = self.counts.stable == self.counts.candidate && self.sums.stable == self.sums.candidate;
        classify_many(self.key, self.counts, same, self.first, judge)
    }
}

/// A suspect that could not be looked at again: unknown, and so not equal.
fn lost(side: Side, locator: Locator, why: &str) -> Finding {
    let place = Place {
        file: String::new(),
        offset: locator.in_file,
        number: locator.number + 1,
    };
    let mut places = Pair::default();
    places[side] = Some(place);
    Finding {
        key: locator.offset.to_be_bytes().to_vec(),
        keyed: false,
        class: Class::Changed,
        state: State::Unknown,
        fields: Vec::new(),
        places,
        detail: Some(format!(
            "{side}: a differing record could not be read again: {why}"
        )),
    }
}
