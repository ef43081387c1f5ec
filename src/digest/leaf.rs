//! Leaves: the lowest level of the digest tree, one per slice of the key-hash space.

use super::{KeyHash, RecordHash};

/// How many leaves there are: one for each value of a key hash's top 16 bits.
pub const LEAVES: usize = 1 << 16;

/// How many records fell into a leaf, and the sum of their hashes (mod 2^128).
///
/// Packed, since there are many, several times over: 24 bytes instead of 32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(8))]
pub struct Leaf {
    /// Number of records.
    pub count: u64,
    /// Sum of record hashes.
    pub sum: u128,
}

/// All leaves of one side of a compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves(Vec<Leaf>);

impl Default for Leaves {
    fn default() -> Self {
        Leaves(vec![Leaf::default(); LEAVES])
    }
}

impl Leaves {
    /// Counts one record in.
    #[inline]
    pub fn add(&mut self, key: KeyHash, record: RecordHash) {
        let leaf = &mut self.0[key.leaf()];
        leaf.count += 1;
        leaf.sum = leaf.sum.wrapping_add(record.0);
    }

    /// Adds another part of the same side.
    pub fn merge(&mut self, other: &Leaves) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            a.count = a.count.wrapping_add(b.count);
            a.sum = a.sum.wrapping_add(b.sum);
        }
    }

    /// These leaves less others, leaf by leaf: nothing where they are the same. Merged with the others, they are what they were.
    #[must_use]
    pub fn minus(&self, other: &Leaves) -> Leaves {
        let leaf = |(a, b): (&Leaf, &Leaf)| Leaf {
            count: a.count.wrapping_sub(b.count),
            sum: a.sum.wrapping_sub(b.sum),
        };
        Leaves(self.0.iter().zip(&other.0).map(leaf).collect())
    }

    /// The leaves in order.
    pub fn as_slice(&self) -> &[Leaf] {
        &self.0
    }

    /// Number of records in all leaves.
    pub fn records(&self) -> u64 {
        self.0.iter().map(|l| l.count).sum()
    }

    /// The indices of the leaves in which two sides differ.
    pub fn differing<'a>(&'a self, other: &'a Leaves) -> impl Iterator<Item = usize> + 'a {
        (0..LEAVES).filter(move |&i| self.0[i] != other.0[i])
    }

    /// All leaves as bytes: count and sum, little-endian, 24 bytes a leaf.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LEAVES * 24);
        for leaf in &self.0 {
            out.extend_from_slice(&leaf.count.to_le_bytes());
            out.extend_from_slice(&leaf.sum.to_le_bytes());
        }
        out
    }

    /// Reads what [`Leaves::to_bytes`] wrote; `None` if the length is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Option<Leaves> {
        if bytes.len() != LEAVES * 24 {
            return None;
        }
        let leaf = |b: &[u8]| Leaf {
            count: u64::from_le_bytes(b[..8].try_into().expect("eight bytes")),
            sum: u128::from_le_bytes(b[8..].try_into().expect("sixteen bytes")),
        };
        Some(Leaves(bytes.chunks_exact(24).map(leaf).collect()))
    }
}
