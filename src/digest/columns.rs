//! Per-field digests over coarse key ranges: they say which columns drift before any record is looked at again.

use super::KeyHash;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// How many coarse ranges there are: one for each value of a key hash's top 8 bits.
pub const COLUMN_RANGES: usize = 256;

/// Paths that get a digest of their own; the others are added up under [`Columns::OTHER`]. Documents that use data as
/// field names would otherwise make memory depend on the data.
const MAX_COLUMNS: usize = 1024;

/// Per-field digests of one side.
///
/// Each value's hash is multiplied by its key's (made odd), so that two records which exchange their values do not
/// cancel. Of too many paths those with the smallest hashes are kept, so that parts merge in any order to the same
/// whole.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The kept paths by hash, and their slots.
    slots: BTreeMap<(u64, String), usize>,
    /// Range by range, `stride` slots each: a record touches one range only. Slot 0 is that of the other fields.
    sums: Vec<u64>,
    stride: usize,
    generation: u32,
}

impl Default for Columns {
    fn default() -> Columns {
        const STRIDE: usize = 32;
        Columns {
            slots: BTreeMap::new(),
            sums: vec![0; STRIDE * COLUMN_RANGES],
            stride: STRIDE,
            generation: 0,
        }
    }
}

/// Equal if the same paths have the same sums, whatever their slots.
impl PartialEq for Columns {
    fn eq(&self, other: &Columns) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Columns {}

impl Columns {
    /// The name under which fields beyond the limit are added up.
    pub const OTHER: &'static str = "(other fields)";
    const OTHER_SLOT: usize = 0;

    /// The slot of a path. It is good for as long as [`Columns::generation`] stays the same.
    pub fn slot(&mut self, path: &str) -> usize {
        if path == Columns::OTHER {
            return Columns::OTHER_SLOT;
        }
        let key = (xxh3_64(path.as_bytes()), path.to_owned());
        if let Some(&slot) = self.slots.get(&key) {
            return slot;
        }
        let slot = if self.slots.len() < MAX_COLUMNS {
            self.slots.len() + 1
        } else {
            match self.slots.last_entry() {
                Some(last) if key < *last.key() => {
                    let slot = last.remove();
                    self.give_up(slot);
                    slot
                }
                _ => return Columns::OTHER_SLOT,
            }
        };
        self.slots.insert(key, slot);
        self.make_room(slot);
        slot
    }

    /// Changes whenever a slot has passed from one path to another.
    #[inline]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    fn give_up(&mut self, slot: usize) {
        self.generation += 1;
        for range in self.sums.chunks_exact_mut(self.stride) {
            range[Columns::OTHER_SLOT] =
                range[Columns::OTHER_SLOT].wrapping_add(std::mem::take(&mut range[slot]));
        }
    }

    fn make_room(&mut self, slot: usize) {
        if slot < self.stride {
            return;
        }
        let stride = self.stride * 2;
        let mut sums = vec![0; stride * COLUMN_RANGES];
        for (new, old) in sums
            .chunks_exact_mut(stride)
            .zip(self.sums.chunks_exact(self.stride))
        {
            new[..old.len()].copy_from_slice(old);
        }
        (self.sums, self.stride) = (sums, stride);
    }

    /// Counts one field of one record in.
    #[inline]
    pub fn add(&mut self, slot: usize, key: KeyHash, field: u128) {
        let range = (key.0 >> 120) as usize;
        let cell = &mut self.sums[range * self.stride + slot];
        *cell = cell.wrapping_add((field as u64).wrapping_mul(key.0 as u64 | 1));
    }

    /// Adds another part of the same side.
    pub fn merge(&mut self, other: &Columns) {
        for (path, sums) in other.iter() {
            self.restore(path, &sums);
        }
    }

    /// For each path of either side, in order, the number of coarse ranges in which the sides differ.
    pub fn differing(&self, other: &Columns) -> BTreeMap<String, u32> {
        let (ours, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (self.iter().collect(), other.iter().collect());
        let zero = [0u64; COLUMN_RANGES];
        let differ = |path: &str| {
            let (a, b) = (ours.get(path).unwrap_or(&zero), theirs.get(path).unwrap_or(&zero));
            a.iter().zip(b).filter(|(a, b)| a != b).count() as u32
        };
        let paths = ours.keys().chain(theirs.keys());
        paths.map(|path| ((*path).to_owned(), differ(path))).collect()
    }

    /// The kept paths and their sums by range, and those of the other fields, in an order that depends on the paths
    /// alone.
    pub fn iter(&self) -> impl Iterator<Item = (&str, [u64; COLUMN_RANGES])> {
        let sums = |slot: usize| std::array::from_fn(|range| self.sums[range * self.stride + slot]);
        let kept = self.slots.iter().map(|((_, path), slot)| (path.as_str(), *slot));
        kept.chain([(Columns::OTHER, Columns::OTHER_SLOT)])
            .map(move |(path, slot)| (path, sums(slot)))
    }

    /// Adds one path's sums by range.
    pub fn restore(&mut self, path: &str, sums: &[u64; COLUMN_RANGES]) {
        let slot = self.slot(path);
        for (range, sum) in self.sums.chunks_exact_mut(self.stride).zip(sums) {
            range[slot] = range[slot].wrapping_add(*sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of 3,000 paths, a third of them in each part, added up in the given order.
    fn parts(order: [usize; 3]) -> Columns {
        let mut whole = Columns::default();
        for part in order {
            let mut columns = Columns::default();
            for n in 0..2_000 {
                let slot = columns.slot(&format!("f{}", part * 500 + n));
                columns.add(slot, KeyHash((n as u128) << 115), n as u128);
            }
            whole.merge(&columns);
        }
        whole
    }

    #[test]
    fn too_many_paths_come_to_the_same_in_any_order() {
        let whole = parts([0, 1, 2]);
        assert_eq!(whole.iter().count(), MAX_COLUMNS + 1);
        assert!(whole == parts([2, 0, 1]));
        let differing = whole.differing(&parts([1, 2, 0]));
        assert!(differing.values().all(|n| *n == 0));
    }

    #[test]
    fn a_change_shows_in_its_column_alone() {
        let columns = |changed| {
            let mut columns = Columns::default();
            for n in 0..100 {
                for path in ["a", "b"] {
                    let slot = columns.slot(path);
                    let value = n + u128::from(path == "b" && changed);
                    columns.add(slot, KeyHash(n << 120), value);
                }
            }
            columns
        };
        let differing = columns(false).differing(&columns(true));
        assert_eq!((differing["a"], differing["b"]), (0, 100));
    }
}
