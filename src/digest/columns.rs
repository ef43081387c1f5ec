//! Per-field digests over coarse key ranges: they say which columns drift before any record is looked at again.

use super::KeyHash;
use std::collections::BTreeMap;

/// How many coarse ranges there are: one for each value of a key hash's top 8 bits.
pub const COLUMN_RANGES: usize = 256;

/// Paths that get a digest of their own; what comes after them is added up under [`Columns::OTHER`]. Documents that use
/// data as field names would otherwise make memory depend on the data.
const MAX_COLUMNS: usize = 1024;

/// Per-field digests of one side.
///
/// Each value's hash is multiplied by its key's (made odd), so that two records which exchange their values do not
/// cancel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    slots: BTreeMap<String, usize>,
    sums: Vec<u64>,
}

impl Columns {
    /// The name under which fields beyond the limit are added up.
    pub const OTHER: &'static str = "(other fields)";

    /// The slot of a path, made if there is room.
    pub fn slot(&mut self, path: &str) -> usize {
        if let Some(&slot) = self.slots.get(path) {
            return slot;
        }
        let path = if self.slots.len() < MAX_COLUMNS {
            path
        } else {
            Columns::OTHER
        };
        let next = self.slots.len();
        let slot = *self.slots.entry(path.to_owned()).or_insert(next);
        self.sums.resize(self.slots.len() * COLUMN_RANGES, 0);
        slot
    }

    /// Counts one field of one record in.
    #[inline]
    pub fn add(&mut self, slot: usize, key: KeyHash, field: u128) {
        let range = (key.0 >> 120) as usize;
        let cell = &mut self.sums[slot * COLUMN_RANGES + range];
        *cell = cell.wrapping_add((field as u64).wrapping_mul(key.0 as u64 | 1));
    }

    /// Adds another part of the same side.
    pub fn merge(&mut self, other: &Columns) {
        for (path, &theirs) in &other.slots {
            let ours = self.slot(path);
            for range in 0..COLUMN_RANGES {
                let cell = &mut self.sums[ours * COLUMN_RANGES + range];
                *cell = cell.wrapping_add(other.sums[theirs * COLUMN_RANGES + range]);
            }
        }
    }

    /// For each path of either side, in order, the number of coarse ranges in which the sides differ.
    pub fn differing(&self, other: &Columns) -> BTreeMap<String, u32> {
        let zero = [0u64; COLUMN_RANGES];
        let sums = |side: &Columns, path: &str| -> [u64; COLUMN_RANGES] {
            side.slots.get(path).map_or(zero, |&slot| {
                side.sums[slot * COLUMN_RANGES..][..COLUMN_RANGES]
                    .try_into()
                    .expect("one sum per range")
            })
        };
        let mut out = BTreeMap::new();
        for path in self.slots.keys().chain(other.slots.keys()) {
            if !out.contains_key(path) {
                let (a, b) = (sums(self, path), sums(other, path));
                out.insert(
                    path.clone(),
                    a.iter().zip(&b).filter(|(a, b)| a != b).count() as u32,
                );
            }
        }
        out
    }

    /// All slots as (path, sums) in path order, for a checkpoint.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u64])> {
        self.slots
            .iter()
            .map(|(path, slot)| (path.as_str(), &self.sums[slot * COLUMN_RANGES..][..COLUMN_RANGES]))
    }

    /// Adds one path's sums read from a checkpoint; `false` if there are not exactly [`COLUMN_RANGES`] of them.
    #[must_use]
    pub fn restore(&mut self, path: &str, sums: &[u64]) -> bool {
        let slot = self.slot(path);
        let cells = &mut self.sums[slot * COLUMN_RANGES..][..COLUMN_RANGES];
        if sums.len() != cells.len() {
            return false;
        }
        for (cell, sum) in cells.iter_mut().zip(sums) {
            *cell = cell.wrapping_add(*sum);
        }
        true
    }
}
