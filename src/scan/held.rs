//! Raw records that are held against each other in full.

use super::lane::{Lane, Locator};
use crate::diff::{Drilled, Group};
use crate::digest::RecordHash;
use crate::mapping::{Depth, Digester};
use crate::{Pair, Side};
use std::borrow::Cow;

/// What there is to say of a record that is not found in its bytes any more.
pub(super) const CHANGED: &str = "the record is not what it was a moment ago";

/// A raw record, and which of the records that it holds is meant.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    /// The raw record.
    pub bytes: Cow<'a, [u8]>,
    pub locator: Locator,
    /// Which element of the raw record, from 1, under `explode`; else 0.
    pub element: u64,
    /// Zero where it was not computed.
    pub record: RecordHash,
}

impl Held<'_> {
    /// The same with bytes of its own.
    pub fn to_owned(&self) -> Held<'static> {
        Held {
            bytes: Cow::Owned(self.bytes.to_vec()),
            ..*self
        }
    }
}

/// Digesters of both sides for records that are looked at in full, and for their digests alone.
pub(super) struct Depths<'l> {
    lanes: Pair<&'l Lane>,
    tree: Pair<Digester>,
    digest: Pair<Digester>,
}

impl<'l> Depths<'l> {
    pub fn of(lanes: Pair<&'l Lane>) -> Depths<'l> {
        let digesters = |depth| lanes.map(|lane| lane.digester(depth));
        Depths {
            lanes,
            tree: digesters(Depth::Tree),
            digest: digesters(Depth::Digest),
        }
    }

    /// Looks at all records under one key. Of two that are held against each other only the fields are kept that differ, and none
    /// of those that nothing is held against.
    ///
    /// # Errors
    /// The record that is not found in its bytes any more.
    pub fn group(&mut self, records: &Pair<Vec<Held<'_>>>) -> Result<Group, (Side, Locator)> {
        let hashes = self.narrow(records);
        let depth = match records.stable.is_empty() || records.candidate.is_empty() {
            true => &mut self.digest,
            false => &mut self.tree,
        };
        let mut group = Group {
            key: Vec::new(),
            records: Pair::default(),
        };
        for (side, records) in records.as_ref().into_sides() {
            for record in records {
                let drilled = drill(self.lanes[side], record, &mut depth[side]);
                let (key, mut drilled) = drilled.ok_or((side, record.locator))?;
                if let Some(hashes) = hashes {
                    drilled.record = hashes[side];
                }
                group.key = key;
                group.records[side].push(drilled);
            }
        }
        Ok(group)
    }

    /// Looks at one record by itself: at all of its fields, or at its digests alone.
    pub fn one(&mut self, side: Side, record: &Held<'_>, in_full: bool) -> Option<(Vec<u8>, Drilled)> {
        self.tree[side].show(None);
        let depth = if in_full { &mut self.tree } else { &mut self.digest };
        drill(self.lanes[side], record, &mut depth[side])
    }

    /// Has only the fields kept that differ between these records, if they are one of each side and nothing is wrong with
    /// them; gives the records' hashes then.
    fn narrow(&mut self, records: &Pair<Vec<Held<'_>>>) -> Option<Pair<RecordHash>> {
        for side in Side::BOTH {
            self.tree[side].show(None);
        }
        let ([stable], [candidate]) = (&records.stable[..], &records.candidate[..]) else {
            return None;
        };
        let Pair {
            stable: ours,
            candidate: theirs,
        } = &mut self.digest;
        let lanes = self.lanes;
        let seeds = differing(
            lanes.stable.fields(&stable.bytes, stable.locator, ours)?,
            lanes
                .candidate
                .fields(&candidate.bytes, candidate.locator, theirs)?,
        );
        self.tree.stable.show(Some(seeds.clone()));
        self.tree.candidate.show(Some(seeds));
        Some(self.digest.as_ref().map(|digester| digester.record()))
    }
}

fn drill(lane: &Lane, record: &Held<'_>, digester: &mut Digester) -> Option<(Vec<u8>, Drilled)> {
    lane.drill(&record.bytes, record.locator, record.element, digester)
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
