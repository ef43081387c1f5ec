//! XXH3-128 hashes of fields, keys and records under one seed.

use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128_with_seed};

/// The hash of a record's canonical key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub u128);

impl KeyHash {
    /// The leaf the key belongs to: the top 16 bits.
    #[inline]
    pub fn leaf(self) -> usize {
        (self.0 >> 112) as usize
    }
}

/// The hash of a whole record: of its key and of the sum of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordHash(pub u128);

/// Hashes under one run's seed.
///
/// The seed is fresh per run, so that nobody can prepare records whose differences cancel; `--seed` fixes it for
/// evidence that can be repeated.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    seed: u64,
}

impl Hasher {
    /// A hasher under `seed`.
    pub fn new(seed: u64) -> Hasher {
        Hasher { seed }
    }

    /// The seed under which the values of one field are hashed.
    #[inline]
    pub fn path(&self, path: &[u8]) -> u64 {
        self.seed ^ xxh3_64(path)
    }

    /// The hash of one field's canonical bytes.
    #[inline]
    pub fn field(&self, path_seed: u64, canonical: &[u8]) -> u128 {
        xxh3_128_with_seed(canonical, path_seed)
    }

    /// The same of bytes that come in two parts.
    pub fn field_in_two(&self, path_seed: u64, canonical: (&[u8], &[u8])) -> u128 {
        let mut hash = Xxh3::with_seed(path_seed);
        hash.update(canonical.0);
        hash.update(canonical.1);
        hash.digest128()
    }

    /// The hash of a canonical key.
    #[inline]
    pub fn key(&self, canonical: &[u8]) -> KeyHash {
        KeyHash(xxh3_128_with_seed(canonical, self.seed))
    }

    /// The hash of a record from its key's hash and the sum of its fields' hashes (mod 2^128).
    #[inline]
    pub fn record(&self, key: KeyHash, fields: u128) -> RecordHash {
        let both = [key.0.to_le_bytes(), fields.to_le_bytes()];
        RecordHash(xxh3_128_with_seed(both.as_flattened(), self.seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts_hash_like_the_whole() {
        let (hasher, bytes) = (Hasher::new(3), [7u8; 5_000]);
        for (seed, cut, len) in [
            (0, 0, 0),
            (1, 2, 5),
            (9, 5, 240),
            (u64::MAX, 241, 241),
            (5, 5, 5_000),
        ] {
            let parts = (&bytes[..cut], &bytes[cut..len]);
            assert_eq!(
                hasher.field_in_two(seed, parts),
                hasher.field(seed, &bytes[..len])
            );
        }
    }
}
