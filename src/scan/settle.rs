//! Settling: what a first reading of a live store showed is looked at again, after a while, before it is told.
//!
//! A key whose records still differ and have not changed between two readings is confirmed; one whose records have become
//! equal was transient; one that kept changing is racing. Files do not move, and are not read again.

use super::ages::explain;
use super::held::{CHANGED, Depths, Held};
use super::lane::Lane;
use super::lookup::{Found, look_up};
use super::pass::Monitor;
use crate::diff::{Drilled, Finding, Group, Judge, classify};
use crate::digest::{Leaves, RecordHash};
use crate::report::{Class, State};
use crate::{Pair, Side};
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// How long and how often to look again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The wait between the first reading and the second; it doubles with each one that shows another change.
    pub delay: Duration,
    /// Readings after the first, at most.
    pub attempts: u32,
}

/// The longest wait between two readings.
const LONGEST: Duration = Duration::from_secs(60);

/// Looks at suspects again.
pub(super) struct Settler<'a> {
    pub lanes: Pair<&'a Lane>,
    pub judge: &'a (dyn Judge + Sync),
    pub patience: Patience,
    /// Says when the run is to end: then nobody waits for another look.
    pub monitor: &'a Monitor,
    /// When the reading that the suspects come from had ended.
    pub since: Instant,
    /// Whether the records under a key differed in that reading for certain.
    pub differed: &'a (dyn Fn(&[u8]) -> bool + Sync),
}

/// A key that is not decided yet.
pub(super) struct Open {
    key: Vec<u8>,
    /// The records of sides that are files.
    still: Pair<Vec<Held<'static>>>,
    hashes: Pair<Vec<RecordHash>>,
    last: Finding,
}

/// Takes the places of live records away: in a live store a record has no place but its key.
pub(super) fn forget_places(lanes: Pair<&Lane>, finding: &mut Finding) {
    for (side, place) in finding.places.as_mut().into_sides() {
        place.take_if(|_| lanes[side].source.live().is_some());
    }
}

impl Settler<'_> {
    /// Whether a side is live, so that there is anything to settle.
    pub fn live(&self) -> bool {
        let live = self.lanes.map(|lane| lane.source.live().is_some());
        live.stable || live.candidate
    }

    /// What is to be looked at again of the records under a key, if they differ.
    ///
    /// # Errors
    /// A finding for which nothing is.
    pub fn open(&self, group: Group, records: &Pair<Vec<Held<'_>>>) -> Result<Option<Open>, Box<Finding>> {
        let (key, hashes) = (group.key.clone(), hashes(&group.records));
        let Some(last) = classify(group, self.judge) else {
            return match self.live() && (self.differed)(&key) {
                true => Err(Box::new(equal_by_now(key))),
                false => Ok(None),
            };
        };
        if !self.live() {
            return Err(Box::new(last));
        }
        if !last.keyed {
            let why = "a record without a key cannot be looked at again";
            return Err(Box::new(unsettled(last, why)));
        }
        let still = Pair::from_fn(|side| match self.lanes[side].source.live() {
            Some(_) => Vec::new(),
            None => records[side].iter().map(Held::to_owned).collect(),
        });
        Ok(Some(Open {
            key,
            still,
            hashes,
            last,
        }))
    }

    /// Settles suspects; what is equal by now comes out as transient.
    pub fn settle(&self, mut open: Vec<Open>) -> Vec<Finding> {
        let mut settled = Vec::new();
        let mut since = self.since;
        let mut looks = 0;
        while looks < self.patience.attempts && !open.is_empty() && self.waited(looks, since) {
            open = self.decide(open, &mut settled);
            since = Instant::now();
            looks += 1;
        }
        let racing = looks == self.patience.attempts;
        settled.extend(open.into_iter().map(|open| match racing {
            true => with_state(open.last, State::Racing),
            false => unsettled(open.last, "the run was stopped before it was looked at again"),
        }));
        explain(self.lanes, self.patience.delay, &mut settled);
        for finding in settled.iter_mut().filter(|finding| finding.keyed) {
            forget_places(self.lanes, finding);
        }
        settled
    }

    /// Waits for the next look, after so many of them; false if the run is to end before.
    fn waited(&self, looks: u32, since: Instant) -> bool {
        let wait = self.patience.delay.saturating_mul(1 << looks.min(16));
        let until = since + wait.min(LONGEST);
        while !self.monitor.ending() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Monitor::LOOK));
        }
        false
    }

    /// Reads the records of all open keys, settles what can be settled by that, and gives back the rest.
    ///
    /// Stable is read before the candidate, too: if it moved meanwhile, the reading does not count.
    fn decide(&self, open: Vec<Open>, settled: &mut Vec<Finding>) -> Vec<Open> {
        let keys: Vec<&[u8]> = open.iter().map(|open| &*open.key).collect();
        let read = |side: Side| match self.lanes[side].source.live() {
            Some(_) => look_up(self.lanes[side], &keys),
            None => Found::default(),
        };
        // No more than their hashes are kept: records may be long.
        let before = read(Side::Stable).into_iter();
        let mut before: FxHashMap<Vec<u8>, Result<Vec<RecordHash>, String>> = before
            .map(|(key, found)| {
                (
                    key,
                    found.map(|found| sorted(found.iter().map(|held| held.record))),
                )
            })
            .collect();
        let candidate = read(Side::Candidate);
        let mut found = Pair {
            stable: read(Side::Stable),
            candidate,
        };
        let mut depths = Depths::of(self.lanes);
        let mut rest = Vec::new();
        for mut open in open {
            let records = Pair::try_from_fn(|side| match self.lanes[side].source.live() {
                Some(_) => found[side].remove(&open.key).unwrap_or(Ok(Vec::new())),
                None => Ok(open.still[side].clone()),
            });
            let group = records.and_then(|records| {
                let gone = |(side, _)| format!("{side}: {CHANGED}");
                let before = before.remove(&open.key).unwrap_or(Ok(Vec::new()))?;
                Ok((depths.group(&records).map_err(gone)?, before))
            });
            let (mut group, before) = match group {
                Ok(group) => group,
                Err(why) => {
                    settled.push(unsettled(open.last, &why));
                    continue;
                }
            };
            group.key.clone_from(&open.key);
            let now = hashes(&group.records);
            let moved = self.lanes.stable.source.live().is_some() && before != now.stable;
            match classify(group, self.judge) {
                _ if moved => rest.push(Open { hashes: now, ..open }),
                None => settled.push(with_state(open.last, State::Transient)),
                Some(finding) if now == open.hashes => settled.push(finding),
                Some(finding) => {
                    (open.last, open.hashes) = (finding, now);
                    rest.push(open);
                }
            }
        }
        rest
    }
}

fn hashes(records: &Pair<Vec<Drilled>>) -> Pair<Vec<RecordHash>> {
    records
        .as_ref()
        .map(|records| sorted(records.iter().map(|record| record.record)))
}

fn sorted(hashes: impl Iterator<Item = RecordHash>) -> Vec<RecordHash> {
    let mut hashes: Vec<RecordHash> = hashes.collect();
    hashes.sort_unstable_by_key(|hash| hash.0);
    hashes
}

fn with_state(mut finding: Finding, state: State) -> Finding {
    finding.state = state;
    finding
}

/// A key whose records differed when they were first read and do not any more.
fn equal_by_now(key: Vec<u8>) -> Finding {
    Finding {
        key,
        keyed: true,
        class: Class::Changed,
        state: State::Transient,
        fields: Vec::new(),
        places: Pair::default(),
        detail: Some("it differed in the first reading and was equal in the second".to_owned()),
    }
}

/// What differed in the first reading of a compare of which nothing was found when its suspects were read again.
pub(super) fn gone_by_now(leaves: &Pair<Leaves>) -> Finding {
    let leaves = leaves.stable.differing(&leaves.candidate).count();
    Finding {
        keyed: false,
        detail: Some(format!(
            "{leaves} leaves differed in the first reading; all of it was equal, or gone on both sides, in the second"
        )),
        ..equal_by_now(Vec::new())
    }
}

/// A finding that could not be looked at again.
pub(super) fn unsettled(finding: Finding, why: &str) -> Finding {
    let why = format!("not confirmed: {why}");
    Finding {
        state: State::Unknown,
        detail: Some(match &finding.detail {
            Some(detail) => format!("{detail}; {why}"),
            None => why,
        }),
        ..finding
    }
}
