//! From suspects to findings: a second pass that fetches their records, and a join.

use super::aside::{Aside, Batch, Met, Shelf};
use super::compare::Means;
use super::lane::Lane;
use super::pass::read_again;
use super::settle::{Settler, unsettled};
use super::suspects::Suspects;
use super::tally::Unread;
use crate::diff::{Drilled, Finding, Group, Judge, Place, classify, classify_many};
use crate::digest::{KeyHash, RecordHash};
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
                    batch.put(Met::new(side, d, locator, raw), with_raw);
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
    let mut heaps = Heaps {
        lanes,
        aside,
        next: None,
    };
    let mut heap = heaps.heap()?;
    while !heap.is_empty() {
        // The next one is read while this one is looked at.
        let (told, next) = rayon::join(|| work_off(lanes, heap, settler, tell), || heaps.heap());
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
    /// The first record of the next heap, with the hash of its key.
    next: Option<(KeyHash, Vec<u8>)>,
}

impl<'l> Heaps<'l> {
    fn heap(&mut self) -> Result<Heap<'l>, SortError> {
        let mut heap = Heap::default();
        if let Some((key, record)) = self.next.take() {
            heap.push(key, &record);
        }
        while let Some((key, record)) = self.aside.next()? {
            let key = Shelf::key(key);
            if heap.key != Some(key) && heap.is_full() {
                self.next = Some((key, record.to_vec()));
                break;
            }
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
        while let Some((key, record)) = self.aside.next()? {
            let key = Shelf::key(key);
            if key != of {
                self.next = Some((key, record.to_vec()));
                break;
            }
            crowd.add(&Aside::read(record));
        }
        Ok(crowd)
    }
}

/// Keys in a row that one worker looks at.
const LOOKED_AT: usize = 128;

/// Looks at a heap and tells what it finds.
fn work_off(
    lanes: Pair<&Lane>,
    heap: Heap<'_>,
    settler: &Settler<'_>,
    tell: Tell<'_>,
) -> Result<(), SortError> {
    let live = settler.live();
    let look = |digesters: &mut Depths, group| -> Result<Option<Group>, SortError> {
        match examine(lanes, &heap.group(group), digesters, live) {
            None => Ok(None),
            Some(Looked::Told(finding)) => tell(finding).map(|()| None),
            Some(Looked::Whole(group)) if live => Ok(Some(group)),
            Some(Looked::Whole(group)) => classify(group, settler.judge).map_or(Ok(()), tell).map(|()| None),
        }
    };
    let open = (0..heap.groups.len())
        .into_par_iter()
        // Digesters learn how records look.
        .with_min_len(LOOKED_AT)
        .map_init(|| Depths::of(lanes), look)
        .filter_map(Result::transpose)
        .collect::<Result<Vec<Group>, _>>()?;
    settler.settle(open).into_par_iter().try_for_each(tell)?;
    let crowd = heap.crowd.and_then(|crowd| crowd.settle(settler));
    crowd.map_or(Ok(()), tell)
}

/// Digesters of both sides for records that are looked at in full, and for their digests alone.
struct Depths {
    tree: Pair<Digester>,
    digest: Pair<Digester>,
}

impl Depths {
    fn of(lanes: Pair<&Lane>) -> Depths {
        let digesters = |depth| lanes.map(|lane| lane.digester(depth));
        Depths {
            tree: digesters(Depth::Tree),
            digest: digesters(Depth::Digest),
        }
    }

    /// Has only the fields kept that differ between these records, if they are one of each side and nothing is wrong with
    /// them; gives the records' hashes then.
    fn narrow(
        &mut self,
        lanes: Pair<&Lane>,
        records: &[Aside<'_>],
        raws: &[Cow<'_, [u8]>],
    ) -> Option<Pair<RecordHash>> {
        for side in Side::BOTH {
            self.tree[side].show(None);
        }
        let ([a, b], [x, y]) = (records, raws) else {
            return None;
        };
        let (stable, candidate) = match (a.side, b.side) {
            (Side::Stable, Side::Candidate) => ((a, x), (b, y)),
            (Side::Candidate, Side::Stable) => ((b, y), (a, x)),
            _ => return None,
        };
        let Pair {
            stable: ours,
            candidate: theirs,
        } = &mut self.digest;
        let seeds = differing(
            lanes.stable.fields(stable.1, stable.0.locator, ours)?,
            lanes.candidate.fields(candidate.1, candidate.0.locator, theirs)?,
        );
        self.tree.stable.show(Some(seeds.clone()));
        self.tree.candidate.show(Some(seeds));
        Some(self.digest.as_ref().map(|digester| digester.record()))
    }
}

/// The path seeds of fields that are not the same in two records, from the path seeds and hashes of all their fields.
fn differing(ours: &[(u64, u128)], theirs: &[(u64, u128)]) -> Vec<u64> {
    // Most fields stand at the same place in both.
    let same = |at: usize| ours.get(at) == theirs.get(at);
    let mut apart: Vec<(u64, u128)> = (0..ours.len().max(theirs.len()))
        .filter(|at| !same(*at))
        .flat_map(|at| [ours.get(at), theirs.get(at)])
        .flatten()
        .copied()
        .collect();
    apart.sort_unstable();
    let alone = apart.chunk_by(|a, b| a == b).filter(|same| same.len() == 1);
    let mut seeds: Vec<u64> = alone.map(|field| field[0].0).collect();
    seeds.dedup();
    seeds
}

/// What came of looking at the records under one key.
enum Looked {
    /// All of them.
    Whole(Group),
    /// What is to be told without more ado.
    Told(Finding),
}

/// Looks at all records under one key hash in full. What was equal by digest already is not looked at.
fn examine(lanes: Pair<&Lane>, records: &[Aside<'_>], digesters: &mut Depths, live: bool) -> Option<Looked> {
    if let [a, b] = records
        && a.side != b.side
        && a.record == b.record
        && a.record.0 != 0
    {
        return None;
    }
    let told = |lost: Box<Finding>| Some(Looked::Told(*lost));
    let raws = records.iter().map(|record| raw(lanes, record));
    let raws = match raws.collect::<Result<Vec<_>, _>>() {
        Ok(raws) => raws,
        Err(lost) => return told(lost),
    };
    // Fields that are the same now may not be when a live side is looked at again.
    let hashes = match live {
        true => None,
        false => digesters.narrow(lanes, records, &raws),
    };
    let mut key = Vec::new();
    let mut sides: Pair<Vec<Drilled>> = Pair::default();
    for (record, raw) in records.iter().zip(&raws) {
        let (its_key, mut drilled) = match drill(lanes, record, raw, &mut digesters.tree[record.side]) {
            Ok(drilled) => drilled,
            Err(lost) => return told(lost),
        };
        if let Some(hashes) = hashes {
            drilled.record = hashes[record.side];
        }
        key = its_key;
        sides[record.side].push(drilled);
    }
    Some(Looked::Whole(Group { key, records: sides }))
}

/// The bytes of a record that was put aside, read again if they were not.
fn raw<'r>(lanes: Pair<&Lane>, record: &'r Aside<'_>) -> Result<Cow<'r, [u8]>, Box<Finding>> {
    if !record.raw.is_empty() {
        return Ok(Cow::Borrowed(record.raw));
    }
    let lane = lanes[record.side];
    let gone = |why: &str| Box::new(lost(record, why));
    let found = lane
        .source
        .read_at(&lane.namespace, record.locator.offset, record.len as usize)
        .map_err(|e| gone(&e.to_string()))?;
    found
        .map(Cow::Owned)
        .ok_or_else(|| gone("the source cannot be read at an offset"))
}

/// Looks at one record in full: its key, and what it holds.
fn drill(
    lanes: Pair<&Lane>,
    record: &Aside<'_>,
    raw: &[u8],
    digester: &mut Digester,
) -> Result<(Vec<u8>, Drilled), Box<Finding>> {
    let drilled = lanes[record.side].drill(raw, record.locator, record.element, digester);
    drilled.ok_or_else(|| Box::new(lost(record, "the record is not what it was a moment ago")))
}

/// Records of each side of a crowd that are shown.
const SHOWN: usize = 8;

/// Very many records under one key: they are counted and summed up, and only the first are kept.
struct Crowd<'l> {
    lanes: Pair<&'l Lane>,
    digesters: Depths,
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
            digesters: Depths::of(lanes),
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
        let Depths { tree, digest } = &mut self.digesters;
        let digester = if kept { tree } else { digest };
        self.counts[side] += 1;
        let raw = raw(self.lanes, record);
        match raw.and_then(|raw| drill(self.lanes, record, &raw, &mut digester[side])) {
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
fn lost(record: &Aside<'_>, why: &str) -> Finding {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn fields_differ_wherever_they_stand(
            ours in prop::collection::btree_map(0..8u64, 0..3u128, 0..8),
            theirs in prop::collection::btree_map(0..8u64, 0..3u128, 0..8),
            turn in 0..8usize,
        ) {
            let list = |fields: &BTreeMap<u64, u128>| fields.iter().map(|(s, h)| (*s, *h)).collect::<Vec<_>>();
            let (a, mut b) = (list(&ours), list(&theirs));
            if !b.is_empty() {
                let turn = turn % b.len();
                b.rotate_left(turn);
            }
            let seeds: BTreeSet<u64> = ours.keys().chain(theirs.keys()).copied().collect();
            let expected: Vec<u64> = seeds.into_iter().filter(|s| ours.get(s) != theirs.get(s)).collect();
            prop_assert_eq!(differing(&a, &b), expected);
        }
    }
}
