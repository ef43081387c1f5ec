//! Which keys are suspect after a first pass.

use super::tally::Tally;
use super::unique::{Repeated, head, leaf};
use crate::digest::{Hasher, KeyHash};
use crate::mapping::Depth;
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
        /// Heads of the hashes of keys that come more than once.
        repeated: FxHashSet<u64>,
    },
    /// Those in these leaves: the sketch could not say more.
    Leaves(Vec<bool>),
}

impl Suspects {
    /// What the tally says: the sketch's keys if there is one and it came apart, else the leaves.
    pub fn find(tally: &Tally, hasher: Hasher) -> Suspects {
        let leaves = tally.unequal_leaves();
        if tally.equal() {
            let (keys, repeated) = Default::default();
            return Suspects::Keys {
                keys,
                leaves,
                repeated,
            };
        }
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
            Some(keys) => Suspects::Keys {
                keys,
                leaves,
                repeated: FxHashSet::default(),
            },
            None => Suspects::Leaves(leaves),
        }
    }

    /// Suspects keys that come more than once as well.
    pub fn also(&mut self, more: Repeated) {
        let Repeated { heads, leaves: many } = more;
        let mut flags = match (&mut *self, many) {
            (Suspects::Keys { repeated, .. }, None) => {
                *repeated = heads;
                return;
            }
            (Suspects::Keys { leaves, .. } | Suspects::Leaves(leaves), many) => {
                let mut flags = std::mem::take(leaves);
                for (flag, more) in flags.iter_mut().zip(many.unwrap_or_default()) {
                    *flag |= more;
                }
                flags
            }
        };
        heads.into_iter().for_each(|head| flags[leaf(head)] = true);
        *self = Suspects::Leaves(flags);
    }

    /// The keys that differ for certain, where they are known one by one.
    pub fn into_keys(self) -> Option<FxHashSet<KeyHash>> {
        match self {
            Suspects::Keys { keys, .. } => Some(keys),
            Suspects::Leaves(_) => None,
        }
    }

    /// Whether nothing is suspect.
    pub fn is_empty(&self) -> bool {
        match self {
            Suspects::Keys { keys, repeated, .. } => keys.is_empty() && repeated.is_empty(),
            Suspects::Leaves(leaves) => !leaves.contains(&true),
        }
    }

    pub fn contains(&self, key: KeyHash) -> bool {
        match self {
            Suspects::Keys {
                keys,
                leaves,
                repeated,
            } => leaves[key.leaf()] && keys.contains(&key) || repeated.contains(&head(key)),
            Suspects::Leaves(leaves) => leaves[key.leaf()],
        }
    }

    /// Whether records have to be told apart by their digests in the second pass.
    pub fn depth(&self) -> Depth {
        match self {
            Suspects::Keys { .. } => Depth::Key,
            Suspects::Leaves(_) => Depth::Digest,
        }
    }
}
