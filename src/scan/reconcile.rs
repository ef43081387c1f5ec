//! From suspects to findings: a second pass that fetches their records, and a join.

use super::aside::{Aside, Batch, Met, Shelf};
use super::compare::Means;
use super::lane::Lane;
use super::pass::read_again;
use super::settle::{Settler, unsettled};
use super::suspects::Suspects;
use super::tally::Unread;
use crate::diff::{Drilled, Finding, Group, Judge, Place, classify, classify_many};
use crate::mapping::{Depth, Digester};
use crate::report::{Class, State};
use crate::store::{SortError, Sorted};
use crate::{Pair, Side};
use rayon::prelude::*;

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

const BATCH_BYTES: usize = 4 << 20;

/// Records under one key that are looked at together; more are looked at one by one.
const FEW: usize = 64;

/// Where findings go: each is written down, several at a time, and then told, one by one.
pub(super) struct Outlet<'t> {
    /// Gives a finding the form in which it is kept.
    pub written: &'t (dyn Fn(&mut Finding) -> Vec<u8> + Sync),
    /// Takes a finding and its form.
    pub tell: &'t mut dyn FnMut(Finding, Vec<u8>) -> Result<(), SortError>,
}

impl Outlet<'_> {
    fn tell_all(&mut self, findings: Vec<Finding>) -> Result<(), SortError> {
        let written = self.written;
        let findings: Vec<(Finding, Vec<u8>)> = findings
            .into_par_iter()
            .map(|mut finding| {
                let form = written(&mut finding);
                (finding, form)
            })
            .collect();
        findings
            .into_iter()
            .try_for_each(|(finding, form)| (self.tell)(finding, form))
    }
}

/// Joins what was put aside, key by key, and tells every finding.
pub(super) fn join(
    lanes: Pair<&Lane>,
    mut aside: Sorted<'_>,
    settler: &Settler<'_>,
    mut outlet: Outlet<'_>,
) -> Result<(), SortError> {
    let mut batch: Vec<Vec<Aside>> = Vec::new();
    let mut crowd: Option<Crowd<'_>> = None;
    let (mut bytes, mut last) = (0, Vec::new());
    while let Some((key, record)) = aside
        .next()?
        .map(|(key, payload)| (key.to_vec(), Aside::read(payload)))
    {
        let size = record.raw.len() + 256;
        if key == last {
            if let Some(crowd) = &mut crowd {
                crowd.add(&record);
                continue;
            }
            if let Some(group) = batch.last_mut() {
                group.push(record);
                bytes += size;
                if group.len() > FEW || group.len() > 4 && bytes > BATCH_BYTES {
                    let crowded = batch.pop().unwrap_or_default();
                    work_off(lanes, &mut batch, settler, &mut outlet)?;
                    let crowd = crowd.insert(Crowd::new(lanes));
                    crowded.iter().for_each(|record| crowd.add(record));
                    bytes = 0;
                }
                continue;
            }
        }
        if let Some(finding) = crowd.take().and_then(|crowd| crowd.settle(settler)) {
            outlet.tell_all(vec![finding])?;
        }
        if bytes + size > BATCH_BYTES {
            work_off(lanes, &mut batch, settler, &mut outlet)?;
            bytes = 0;
        }
        bytes += size;
        last = key;
        batch.push(vec![record]);
    }
    if let Some(finding) = crowd.and_then(|crowd| crowd.settle(settler)) {
        outlet.tell_all(vec![finding])?;
    }
    work_off(lanes, &mut batch, settler, &mut outlet)
}

/// Keys in a row that one worker looks at.
const LOOKED_AT: usize = 64;

fn work_off(
    lanes: Pair<&Lane>,
    batch: &mut Vec<Vec<Aside>>,
    settler: &Settler<'_>,
    outlet: &mut Outlet<'_>,
) -> Result<(), SortError> {
    let live = settler.live();
    let looked: Vec<Looked> = std::mem::take(batch)
        .into_par_iter()
        // Digesters learn how records look.
        .with_min_len(LOOKED_AT)
        .map_init(
            || Depths::of(lanes),
            |digesters, records| {
                // Fields that are the same now may not be when a live side is looked at again.
                if !live {
                    digesters.spare(lanes, &records);
                }
                let looked = examine(lanes, records, digesters)?;
                match looked {
                    Looked::Whole(group) if !live => classify(group, settler.judge).map(Looked::Told),
                    looked => Some(looked),
                }
            },
        )
        .flatten()
        .collect();
    let (mut groups, mut findings) = (Vec::new(), Vec::new());
    for looked in looked {
        match looked {
            Looked::Whole(group) => groups.push(group),
            Looked::Told(finding) => findings.push(finding),
        }
    }
    findings.extend(settler.settle(groups));
    outlet.tell_all(findings)
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

    /// Lets each side leave out the fields that are the same on the other one, where that can be known at little cost.
    fn spare(&mut self, lanes: Pair<&Lane>, records: &[Aside]) {
        let mut fields = Pair::<Option<&[(u64, u128)]>>::default();
        if let [a, b] = records
            && a.side != b.side
        {
            let [stable, candidate] = match a.side {
                Side::Stable => [a, b],
                Side::Candidate => [b, a],
            };
            let records = Pair { stable, candidate };
            let of = |((record, lane), digester): ((&Aside, &Lane), _)| match record.raw.is_empty() {
                true => None,
                false => lane.fields(&record.raw, record.locator, digester),
            };
            fields = records.zip(lanes).zip(self.digest.as_mut()).map(of);
        }
        let known = fields.stable.is_some() && fields.candidate.is_some();
        for side in Side::BOTH {
            let others = fields[side.other()].filter(|_| known);
            self.tree[side].spare(others.unwrap_or_default());
        }
    }
}

/// What came of looking at the records under one key.
enum Looked {
    /// All of them.
    Whole(Group),
    /// What is to be told without more ado.
    Told(Finding),
}

/// Looks at all records under one key hash in full. What was equal by digest already is not looked at.
fn examine(lanes: Pair<&Lane>, records: Vec<Aside>, digesters: &mut Depths) -> Option<Looked> {
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
        match look(lanes, record, &mut digesters.tree[record.side]) {
            Ok((its_key, drilled)) => {
                key = its_key;
                sides[record.side].push(drilled);
            }
            Err(lost) => return Some(Looked::Told(*lost)),
        }
    }
    Some(Looked::Whole(Group { key, records: sides }))
}

/// Looks at one record in full: its key, and what it holds.
fn look(
    lanes: Pair<&Lane>,
    record: &Aside,
    digester: &mut Digester,
) -> Result<(Vec<u8>, Drilled), Box<Finding>> {
    let lane = lanes[record.side];
    let gone = |why: &str| Box::new(lost(record, why));
    let fetched;
    let raw = if record.raw.is_empty() {
        let found = lane
            .source
            .read_at(&lane.namespace, record.locator.offset, record.len as usize);
        fetched = found
            .map_err(|e| gone(&e.to_string()))?
            .ok_or_else(|| gone("the source cannot be read at an offset"))?;
        &fetched[..]
    } else {
        &record.raw[..]
    };
    let drilled = lane.drill(raw, record.locator, record.element, digester);
    drilled.ok_or_else(|| gone("the record is not what it was a moment ago"))
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

    fn add(&mut self, record: &Aside) {
        let side = record.side;
        let kept = self.first[side].len() < SHOWN;
        let Depths { tree, digest } = &mut self.digesters;
        let digester = if kept { tree } else { digest };
        self.counts[side] += 1;
        match look(self.lanes, record, &mut digester[side]) {
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
