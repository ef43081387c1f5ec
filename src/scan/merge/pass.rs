//! A merge while a pass runs: workers bring runs, whoever brings one steps the merge on, and the side that is ahead waits.
//!
//! The order is observed, never assumed. Where it breaks, the merge is given up and the pass goes on without it.

use super::merger::Merger;
use super::order::{OF_KEYS, Places};
use super::run::{Entry, Fault, Run, Walk};
use crate::digest::Hasher;
use crate::scan::aside::{Batch, Met, Shelf};
use crate::scan::lane::Lane;
use crate::scan::pass::Flow;
use crate::scan::tally::Tally;
use crate::source::Chunk;
use crate::store::{SortBudget, SortError, Sorted};
use crate::{Pair, Side};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Bytes of runs that a side may have waiting for the other.
const MOST_WAITING: usize = 8 << 20;

/// Bytes of a run that does not wait for the next one of its side; no more than may be waiting.
const LONG: usize = 4 << 20;
const _: () = assert!(LONG <= MOST_WAITING);

/// A merge of two sides.
pub(in crate::scan) struct Merge<'a> {
    lanes: Pair<&'a Lane>,
    places: Places,
    hasher: Hasher,
    /// Runs of a side that may be under way at one time.
    most: u64,
    state: Mutex<State<'a>>,
    /// Told whenever runs are done with.
    room: Condvar,
    given_up: AtomicBool,
}

struct State<'a> {
    merger: Merger,
    batch: Batch,
    /// Where records are put aside, or why the merge was given up.
    shelf: Result<Shelf<'a>, (Side, Fault)>,
    /// Stable minus candidate of all that was put aside.
    difference: Difference,
}

/// How two sides differ as wholes: number of records and sum of their hashes, stable minus candidate (mod 2^64, 2^128).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Difference {
    count: u64,
    sum: u128,
}

impl Difference {
    fn add(&mut self, side: Side, count: u64, sum: u128) {
        match side {
            Side::Stable => {
                self.count = self.count.wrapping_add(count);
                self.sum = self.sum.wrapping_add(sum);
            }
            Side::Candidate => {
                self.count = self.count.wrapping_sub(count);
                self.sum = self.sum.wrapping_sub(sum);
            }
        }
    }

    fn of(tally: &Tally) -> Difference {
        let mut difference = Difference::default();
        for (side, leaves) in tally.leaves.as_ref().into_sides() {
            for leaf in leaves.as_slice() {
                difference.add(side, leaf.count, leaf.sum);
            }
        }
        difference
    }
}

/// How a merge came out.
pub(in crate::scan) enum Merged<'a> {
    /// Both sides were merged to their ends.
    Whole(Sorted<'a>),
    /// The pass was stopped; what was compared until then was put aside.
    Stopped(Sorted<'a>),
    /// It was given up, for this reason.
    GivenUp(String),
}

impl<'a> Merge<'a> {
    /// A merge by `threads` workers that spills into `dir`.
    pub fn new(
        lanes: Pair<&'a Lane>,
        places: Places,
        hasher: Hasher,
        threads: usize,
        dir: &Path,
        budget: &'a SortBudget,
    ) -> Merge<'a> {
        Merge {
            lanes,
            hasher,
            most: 2 * threads as u64 + 2,
            state: Mutex::new(State {
                merger: Merger::new(places.orders, LONG),
                batch: Batch::default(),
                shelf: Ok(Shelf::new(dir, budget)),
                difference: Difference::default(),
            }),
            room: Condvar::new(),
            given_up: AtomicBool::new(false),
            places,
        }
    }

    /// A walk over a chunk of `side`, to become a run.
    pub fn walk(&self, side: Side, chunk: &Chunk) -> Walk<'_> {
        Walk::over(chunk, self.places.orders, self.places.tokens[side].as_ref())
    }

    /// Whether runs are still of use.
    pub fn active(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
    }

    /// Whether both sides were in order over their first `runs` runs, or to their ends.
    pub fn proven(&self, runs: u64) -> bool {
        let state = self
            .state
            .lock()
            .expect("no worker panics while it holds the lock");
        let proven = |side| state.merger.seen(side) >= runs || state.merger.ended(side);
        state.shelf.is_ok() && Side::BOTH.into_iter().all(proven)
    }

    /// Takes the run with `number` of its side.
    pub fn take(&self, side: Side, number: u64, run: Run) {
        self.step(|merger, put| merger.take(side, number, run, put));
    }

    fn step(
        &self,
        step: impl FnOnce(&mut Merger, &mut dyn FnMut(Side, &Run, &Entry)) -> Result<(), (Side, Fault)>,
    ) {
        let mut guard = self
            .state
            .lock()
            .expect("no worker panics while it holds the lock");
        let State {
            merger,
            batch,
            shelf,
            difference,
        } = &mut *guard;
        let Ok(on) = shelf else { return };
        let roomy = on.roomy();
        let stepped = step(merger, &mut |side, run, entry| {
            difference.add(side, 1, entry.record.0);
            let met = Met {
                side,
                key: self.hasher.key(run.key(entry)),
                record: entry.record,
                locator: run.locator(entry),
                element: entry.element,
                raw: run.raw(entry),
            };
            on.put(batch, met, roomy || !self.lanes[side].namespace.seekable);
        });
        on.take(batch);
        if let Err(fault) = stepped {
            *merger = Merger::new(OF_KEYS, LONG);
            *shelf = Err(fault);
            self.given_up.store(true, Ordering::Relaxed);
        }
        drop(guard);
        self.room.notify_all();
    }

    /// Ends the merge. `tally` is that of the same pass: a merge that does not account for it is not believed.
    pub fn finish(self, tally: &Tally) -> Result<Merged<'a>, SortError> {
        let state = self.state.into_inner();
        let State {
            merger,
            shelf,
            difference,
            ..
        } = state.expect("no worker panics while it holds the lock");
        let sorted = match shelf {
            Ok(shelf) => shelf.finish()?,
            Err((side, fault)) => return Ok(Merged::GivenUp(told(self.lanes[side], fault))),
        };
        if !Side::BOTH.into_iter().all(|side| merger.ended(side)) {
            return Ok(Merged::Stopped(sorted));
        }
        if difference != Difference::of(tally) {
            return Ok(Merged::GivenUp(
                "what was merged does not account for what was read".to_owned(),
            ));
        }
        Ok(Merged::Whole(sorted))
    }
}

fn told(lane: &Lane, fault: Fault) -> String {
    let part = lane.namespace.parts.get(fault.part);
    let file = part.map_or(&*lane.namespace.name, |p| p.file());
    format!(
        "{}: {file} {} at record {}",
        lane.side,
        fault.what,
        fault.number + 1
    )
}

impl Flow for Merge<'_> {
    fn admits(&self, side: Side, read: u64, patience: Duration) -> bool {
        let state = self
            .state
            .lock()
            .expect("no worker panics while it holds the lock");
        let full = |state: &mut State<'_>| {
            let (done, bytes) = state.merger.progress(side);
            let under_way = read.saturating_sub(done);
            // A single run that waits for the next one, because of its last record, is not long.
            state.shelf.is_ok() && (under_way >= self.most || bytes > MOST_WAITING)
        };
        let waited = self.room.wait_timeout_while(state, patience, full);
        let waited = waited.expect("no worker panics while it holds the lock");
        !waited.1.timed_out()
    }

    fn wanted(&self, side: Side, read: u64) -> bool {
        let state = self
            .state
            .lock()
            .expect("no worker panics while it holds the lock");
        // One that is done with but for its last record waits for the next.
        read.saturating_sub(state.merger.progress(side).0) < 2
    }

    fn ended(&self, side: Side, read: u64) {
        self.step(|merger, put| {
            merger.end(side, read, put);
            Ok(())
        });
    }

    fn halted(&self) -> bool {
        let state = self
            .state
            .lock()
            .expect("no worker panics while it holds the lock");
        state.shelf.as_ref().is_ok_and(Shelf::failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{KeyHash, RecordHash};

    #[test]
    fn a_record_that_was_not_merged_is_missed() {
        let mut tally = Tally::without_sketch();
        let mut merged = Difference::default();
        assert_eq!(merged, Difference::of(&tally));
        for (side, record) in [(Side::Stable, 3), (Side::Candidate, 3), (Side::Candidate, 4)] {
            tally.leaves[side].add(KeyHash(record << 112), RecordHash(record));
        }
        assert_ne!(merged, Difference::of(&tally));
        merged.add(Side::Candidate, 1, 4);
        assert_eq!(merged, Difference::of(&tally));
        // Put aside on the wrong side, or twice.
        merged.add(Side::Stable, 1, 4);
        assert_ne!(merged, Difference::of(&tally));
    }
}
