//! Keys that come more than once on a side. Where both sides hold the same records under such a key, no sum shows it.

use super::compare::Means;
use super::lane::Lane;
use super::pass::{Flow, read_again};
use super::tally::Unread;
use crate::digest::{KeyHash, LEAVES};
use crate::mapping::Depth;
use crate::store::{KeyRuns, SortBudget, SortError};
use crate::{Pair, Side};
use rustc_hash::FxHashSet;
use std::path::Path;
use std::sync::Mutex;

/// The keys of both sides as a pass meets them.
pub(super) struct Keys<'a>(Pair<Mutex<Result<KeyRuns<'a>, SortError>>>);

impl<'a> Keys<'a> {
    /// No keys yet; spills into `dir`.
    pub fn new(dir: &Path, budget: &'a SortBudget) -> Keys<'a> {
        Keys(Pair::from_fn(|_| Mutex::new(Ok(KeyRuns::new(dir, budget)))))
    }

    /// Takes the heads of keys of one side.
    pub fn take(&self, side: Side, heads: impl IntoIterator<Item = u64>) {
        let mut state = self.0[side]
            .lock()
            .expect("no worker panics while it holds the lock");
        if let Ok(runs) = &mut *state
            && let Err(error) = runs.extend(heads)
        {
            *state = Err(error);
        }
    }

    /// All keys of both sides.
    pub fn finish(self) -> Result<Pair<KeyRuns<'a>>, SortError> {
        self.0.try_map(|state| {
            state
                .into_inner()
                .expect("no worker panics while it holds the lock")
        })
    }
}

/// There is no use in reading on when the disk takes nothing more.
impl Flow for Keys<'_> {
    fn halted(&self) -> bool {
        Side::BOTH.into_iter().any(|side| {
            let state = self.0[side].lock();
            state.expect("no worker panics while it holds the lock").is_err()
        })
    }
}

/// The part of a key's hash that tells keys apart here.
pub(super) fn head(key: KeyHash) -> u64 {
    (key.0 >> 64) as u64
}

/// Keys that come more than once on some side.
#[derive(Debug)]
pub(super) struct Repeated {
    /// Their heads; not all if there are very many.
    pub heads: FxHashSet<u64>,
    /// The leaves they lie in, if there are too many of them to be held one by one.
    pub leaves: Option<Vec<bool>>,
}

/// Heads held one by one.
const MOST_HEADS: usize = 1 << 20;

impl Repeated {
    /// From the keys that a first pass met; where it did not keep them, both sides are read again for them.
    pub fn find(
        lanes: Pair<&Lane>,
        keys: Option<Pair<KeyRuns<'_>>>,
        means: &Means<'_>,
    ) -> Result<(Repeated, Vec<Unread>), SortError> {
        let (keys, unread) = match keys {
            Some(keys) => (keys, Vec::new()),
            None => read(lanes, means)?,
        };
        let mut heads = FxHashSet::default();
        let mut leaves: Option<Vec<bool>> = None;
        for (_, runs) in keys.into_sides() {
            runs.repeated(|head| {
                if leaves.is_none() && heads.len() == MOST_HEADS {
                    let mut flags = vec![false; LEAVES];
                    heads.drain().for_each(|head: u64| flags[leaf(head)] = true);
                    leaves = Some(flags);
                }
                match &mut leaves {
                    Some(flags) => flags[leaf(head)] = true,
                    None => _ = heads.insert(head),
                }
            })?;
        }
        Ok((Repeated { heads, leaves }, unread))
    }
}

/// The leaf of the key with this head: its top 16 bits.
pub(super) fn leaf(head: u64) -> usize {
    (head >> 48) as usize
}

fn read<'a>(lanes: Pair<&Lane>, means: &Means<'a>) -> Result<(Pair<KeyRuns<'a>>, Vec<Unread>), SortError> {
    let keys = Keys::new(means.dir, means.budget);
    let mut workers: Vec<_> = (0..means.threads)
        .map(|_| (lanes.map(|l| l.digester(Depth::Key)), Vec::new()))
        .collect();
    let unread = read_again(
        lanes,
        &mut workers,
        means.monitor,
        &keys,
        |worker, side, chunk| {
            let (digesters, heads) = worker;
            heads.clear();
            lanes[side].each_record(&chunk, &mut digesters[side], |d, _, _| {
                heads.push(head(d.key_hash()))
            });
            keys.take(side, heads.iter().copied());
        },
    );
    Ok((keys.finish()?, unread))
}
