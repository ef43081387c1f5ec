//! The first pass: spans of both sides into a tally, with checkpoints; and, where asked for, a merge or a spill on the way.

use super::aside::{Batch, Met, Shelf};
use super::compare::{Means, Prepared};
use super::feed::Feed;
use super::lane::{Lane, Locator};
use super::merge::{Merge, Merged, Places, Walk};
use super::pass::{Flow, Load, run_pass};
use super::tally::{Part, Tally};
use super::twins::{self, side_by_side};
use super::unique::{Keys, head};
use crate::canon::Numbers;
use crate::mapping::{Depth, Digester};
use crate::plan::{Span, Strategy};
use crate::store::{KeyRuns, SortError, Sorted};
use crate::{Pair, Side};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Chunks a side that `auto` wants to see in key order before it does without the sketch.
const TRIAL: u64 = 32;

/// What a pass does with records besides adding them up.
pub(super) enum Keep<'a> {
    /// Nothing: what differs is fetched in a second pass.
    Nothing,
    /// It merges both sides. The sketch, if there is one, goes when this many chunks a side were in order.
    Merge(Box<Merge<'a>>, u64),
    /// It spills all of them.
    Spill(Shelf<'a>),
}

/// What a pass begins with.
pub(super) struct Start<'a> {
    /// What is to be read.
    pub spans: Pair<Vec<Span>>,
    /// What was read before.
    pub tally: Tally,
    /// What happens to records besides.
    pub keep: Keep<'a>,
    /// Takes all keys, if they are to be told apart from what this pass reads.
    pub keys: Option<Keys<'a>>,
    /// Why nothing is kept, if so.
    pub reason: String,
}

impl<'a> Start<'a> {
    /// The start of a pass over both sides as a whole, by the strategy that was asked for.
    pub fn whole(
        prepared: &'a Prepared,
        spans: Pair<Vec<Span>>,
        cells: usize,
        strategy: Strategy,
        means: &Means<'a>,
    ) -> Start<'a> {
        let merge = |places| {
            let lanes = prepared.lanes.as_ref();
            let Means {
                hasher, threads, dir, ..
            } = *means;
            Box::new(Merge::new(lanes, places, hasher, threads, dir, means.budget))
        };
        let places = match strategy {
            Strategy::Auto | Strategy::Merge => Places::of(prepared).map(Some),
            Strategy::Sketch | Strategy::Spill => Ok(None),
        };
        let (strategy, reason) = match &places {
            Ok(_) => (strategy, "asked for".to_owned()),
            // There is no use in trying.
            Err(why) => (
                Strategy::Sketch,
                format!("the sides come in no common order: {why}"),
            ),
        };
        // A merge and a spill meet keys that come twice by themselves.
        let keys = match strategy {
            Strategy::Auto | Strategy::Sketch => Some(Keys::new(means.dir, means.budget)),
            Strategy::Merge | Strategy::Spill => None,
        };
        let (tally, keep) = match (strategy, places) {
            (Strategy::Auto, Ok(Some(places))) => (Tally::new(cells), Keep::Merge(merge(places), TRIAL)),
            (Strategy::Merge, Ok(Some(places))) => (Tally::without_sketch(), Keep::Merge(merge(places), 0)),
            (Strategy::Auto | Strategy::Merge | Strategy::Sketch, _) => (Tally::new(cells), Keep::Nothing),
            (Strategy::Spill, _) => {
                let shelf = Shelf::new(means.dir, means.budget);
                (Tally::without_sketch(), Keep::Spill(shelf))
            }
        };
        Start {
            spans,
            tally,
            keep,
            keys,
            reason,
        }
    }

    /// The start of a pass over a part of the sides: there, records of one key need not meet.
    pub fn slices(spans: Pair<Vec<Span>>, cells: usize, strategy: Strategy) -> Start<'a> {
        let tally = match strategy {
            Strategy::Auto | Strategy::Merge | Strategy::Sketch => Tally::new(cells),
            Strategy::Spill => Tally::without_sketch(),
        };
        Start {
            spans,
            tally,
            keep: Keep::Nothing,
            keys: None,
            reason: "slices are scanned apart".to_owned(),
        }
    }

    /// The start of a pass that was interrupted; what it had put aside is lost.
    pub fn again(spans: Pair<Vec<Span>>, tally: Tally) -> Start<'a> {
        Start {
            spans,
            tally,
            keep: Keep::Nothing,
            keys: None,
            reason: "the run was resumed".to_owned(),
        }
    }
}

/// How differing records are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By merging both sides as they are read.
    Merge,
    /// By the sketch, which names their keys.
    Sketch,
    /// By a join of spilled records.
    Spill,
}

impl Way {
    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Way::Merge => "merge",
            Way::Sketch => "sketch",
            Way::Spill => "spill",
        }
    }
}

/// What a first pass leaves.
#[derive(Debug)]
pub struct Scanned<'a> {
    /// The sums.
    pub tally: Tally,
    /// All records that may differ, if the pass put them aside.
    pub aside: Option<Sorted<'a>>,
    /// All keys, if the pass kept them and put nothing aside.
    pub keys: Option<Pair<KeyRuns<'a>>>,
    /// How differing records are found.
    pub way: Way,
    /// Why in this way.
    pub why: String,
    /// How long the pass took; nothing where there was none.
    pub took: Duration,
}

impl<'a> Scanned<'a> {
    /// A tally and nothing put aside, for `reason`.
    pub fn by_hash(tally: Tally, reason: &str) -> Scanned<'a> {
        let (way, rule) = match tally.sketch {
            Some(_) => (Way::Sketch, "hash order serves any two stores"),
            None => (Way::Spill, SECOND_PASS),
        };
        Scanned {
            tally,
            aside: None,
            keys: None,
            way,
            why: format!("{reason}; {rule}"),
            took: Duration::ZERO,
        }
    }

    /// Says that the sketch did not come apart.
    pub fn overflowed(&mut self) {
        if self.way == Way::Sketch {
            self.way = Way::Spill;
            self.why.push_str(&format!(
                ", but more differs than the sketch holds; {SECOND_PASS}"
            ));
        }
    }
}

const SECOND_PASS: &str = "records of differing leaves are read again and joined";

struct Worker {
    digesters: Pair<Digester>,
    parts: Pair<Part>,
    /// What both sides hold alike.
    twins: Part,
    batch: Batch,
}

/// Scans both sides into a tally. `checkpoint` is called every `interval` with what is still to be read, and once at the
/// end.
pub(super) fn scan<'a, E: From<SortError>>(
    prepared: &'a Prepared,
    start: Start<'a>,
    means: &Means<'a>,
    interval: Duration,
    mut checkpoint: impl FnMut(&Tally, Pair<Vec<Span>>) -> Result<(), E>,
) -> Result<(Scanned<'a>, Pair<Vec<Span>>), E> {
    let lanes = prepared.lanes.as_ref();
    let Start {
        spans,
        mut tally,
        keep,
        mut keys,
        reason,
    } = start;
    let mut feeds = spans.zip(lanes).map(|(spans, lane)| Feed::new(lane, spans));
    let worker = |_| Worker {
        digesters: lanes.map(|l| l.digester(Depth::Digest)),
        parts: Pair::default(),
        twins: Part::default(),
        batch: Batch::default(),
    };
    let mut workers: Vec<Worker> = (0..means.threads).map(worker).collect();
    let typed = prepared.equality.numbers == Numbers::Typed;
    let pairing = Pairing {
        paired: lanes.stable.reads_like(lanes.candidate) && !matches!(keep, Keep::Spill(_)),
        keep: &keep,
    };
    loop {
        let until = Instant::now() + interval;
        let (shared, twins) = (Mutex::new(tally), Mutex::new(None));
        run_pass(
            &mut feeds,
            &mut workers,
            means.monitor,
            &pairing,
            Some(until),
            |worker, load| {
                let tally = || shared.lock().expect("no worker panics here");
                // Once the sketch is gone it does not come back.
                let sketch = tally().sketch.is_some();
                let walk = |side| match (&keep, &load[side]) {
                    (Keep::Merge(merge, _), Some((_, chunk))) if merge.active() => {
                        Some(merge.walk(side, chunk))
                    }
                    _ => None,
                };
                let mut walks = Pair::from_fn(walk);
                let spill = match &keep {
                    Keep::Spill(shelf) => Some(shelf),
                    Keep::Nothing | Keep::Merge(..) => None,
                };
                let lead = worker.work_off(lanes, &load, &mut walks, sketch, spill);
                for (side, chunk) in load.as_ref().into_sides() {
                    let Some((_, chunk)) = chunk else { continue };
                    let part = &mut worker.parts[side];
                    part.count_loss(lanes[side], chunk, typed);
                    if sketch && let Some(keys) = &keys {
                        keys.take(side, part.keys().chain(worker.twins.keys()).map(head));
                    }
                    part.flush(side, chunk.data.len() as u64, &mut tally());
                }
                worker.twins.flush_twins(&twins);
                match &keep {
                    Keep::Merge(merge, trial) => {
                        for (side, (chunk, walk)) in load.zip(walks).into_sides() {
                            if let (Some((number, chunk)), Some(walk)) = (chunk, walk) {
                                merge.take(side, number, walk.finish(chunk));
                            }
                        }
                        if merge.proven(*trial) {
                            tally().sketch = None;
                        }
                    }
                    Keep::Spill(shelf) => shelf.take(&mut worker.batch),
                    Keep::Nothing => {}
                }
                lead
            },
        );
        tally = shared.into_inner().expect("no worker panics here");
        let mut twins = twins.into_inner().expect("no worker panics here");
        if tally.sketch.is_none() {
            // The merge is to tell. Should it be given up after all, the keys are read once more.
            keys = None;
        }
        for worker in &mut workers {
            for side in Side::BOTH {
                worker.parts[side].drain(side, &mut worker.digesters[side], &mut tally);
            }
            worker.twins.drain_twins(&mut twins, &mut tally);
        }
        if let Some(twins) = twins {
            Side::BOTH
                .into_iter()
                .for_each(|side| tally.leaves[side].merge(&twins));
        }
        for (_, feed) in feeds.as_mut().into_sides() {
            tally.unread.append(&mut feed.unread);
        }
        let remaining = feeds.as_ref().map(|f| f.remaining().to_vec());
        let ended = feeds.stable.ended() && feeds.candidate.ended();
        // What was read of a range that was broken off would be counted once more after a resumption.
        if !keep.halted() && feeds.stable.resting() && feeds.candidate.resting() {
            checkpoint(&tally, remaining.clone())?;
        }
        if keep.halted() || means.monitor.stopping() || ended {
            tally.unread.sort();
            let mut scanned = keep.finish(tally, &reason)?;
            if scanned.aside.is_none() {
                scanned.keys = keys.map(Keys::finish).transpose()?;
            }
            return Ok((scanned, remaining));
        }
    }
}

impl Worker {
    /// Counts in the records of a load, and gives them to the walks or puts them into the batch. Returns by how much the
    /// stable chunk reaches further, if that is known.
    fn work_off(
        &mut self,
        lanes: Pair<&Lane>,
        load: &Load,
        walks: &mut Pair<Option<Walk<'_>>>,
        sketch: bool,
        spill: Option<&Shelf<'_>>,
    ) -> Option<i64> {
        let Worker {
            digesters,
            parts,
            twins,
            batch,
        } = self;
        let chunks = load.as_ref().map(|chunk| chunk.as_ref().map(|(_, chunk)| chunk));
        let mut one = |side: Side,
                       number: usize,
                       digesters: &mut Pair<Digester>,
                       walks: &mut Pair<Option<Walk<'_>>>| {
            let (lane, chunk) = (lanes[side], chunks[side].expect("a record of it was met"));
            let (part, walk) = (&mut parts[side], &mut walks[side]);
            lane.project(chunk, number, &mut digesters[side], &mut |d, raw, at| {
                part.add(d, sketch);
                if let Some(walk) = walk {
                    walk.add(chunk, d, at, raw.len());
                } else if let Some(shelf) = spill {
                    shelf.put(batch, Met::new(side, d, at, raw), !lane.namespace.seekable);
                }
            });
        };
        let (Some(stable), Some(candidate)) = (chunks.stable, chunks.candidate) else {
            for side in Side::BOTH {
                let records = chunks[side].map_or(0, |chunk| chunk.ends.len());
                (0..records).for_each(|number| one(side, number, digesters, walks));
            }
            return None;
        };
        side_by_side(stable, candidate, |next| match next {
            twins::Next::One(side, number) => one(side, number, digesters, walks),
            twins::Next::Twins(ours, theirs) => {
                let mut sound = true;
                lanes
                    .stable
                    .project(stable, ours, &mut digesters.stable, &mut |d, raw, at| {
                        // What is wrong with a record is told of each side.
                        sound = d.problem().is_none();
                        if sound {
                            twins.add(d, false);
                            let at = Pair {
                                stable: at,
                                candidate: Locator::of(candidate, theirs),
                            };
                            let chunks = Pair { stable, candidate };
                            Walk::add_twins(walks, chunks, d, at, raw.len());
                        }
                    });
                if !sound {
                    one(Side::Stable, ours, digesters, walks);
                    one(Side::Candidate, theirs, digesters, walks);
                }
            }
        })
    }
}

/// A pass that keeps what it meets, by pairs of chunks where both sides read alike.
struct Pairing<'k, 'a> {
    paired: bool,
    keep: &'k Keep<'a>,
}

impl Flow for Pairing<'_, '_> {
    fn admits(&self, side: Side, read: u64, patience: Duration) -> bool {
        match self.keep {
            Keep::Merge(merge, _) => merge.admits(side, read, patience),
            Keep::Nothing | Keep::Spill(_) => true,
        }
    }

    fn wanted(&self, side: Side, read: u64) -> bool {
        match self.keep {
            Keep::Merge(merge, _) => merge.wanted(side, read),
            Keep::Nothing | Keep::Spill(_) => true,
        }
    }

    fn ended(&self, side: Side, read: u64) {
        if let Keep::Merge(merge, _) = self.keep {
            merge.ended(side, read);
        }
    }

    fn halted(&self) -> bool {
        self.keep.halted()
    }

    fn paired(&self) -> bool {
        self.paired
    }
}

impl<'a> Keep<'a> {
    fn halted(&self) -> bool {
        match self {
            Keep::Nothing => false,
            Keep::Merge(merge, _) => merge.halted(),
            Keep::Spill(shelf) => shelf.halted(),
        }
    }

    fn finish(self, tally: Tally, reason: &str) -> Result<Scanned<'a>, SortError> {
        let put_aside = |tally, aside, way, why: &str| Scanned {
            tally,
            aside: Some(aside),
            keys: None,
            way,
            why: why.to_owned(),
            took: Duration::ZERO,
        };
        Ok(match self {
            Keep::Nothing => Scanned::by_hash(tally, reason),
            Keep::Spill(shelf) => {
                let why = "asked for; every record was spilled as it was read";
                put_aside(tally, shelf.finish()?, Way::Spill, why)
            }
            Keep::Merge(merge, _) => match merge.finish(&tally)? {
                Merged::Whole(aside) => {
                    let why = "both sides are in key order; records were compared as they were read";
                    put_aside(tally, aside, Way::Merge, why)
                }
                Merged::Stopped(aside) => {
                    let why = "both sides were in key order until the run was stopped";
                    put_aside(tally, aside, Way::Merge, why)
                }
                Merged::GivenUp(reason) => Scanned::by_hash(tally, &reason),
            },
        })
    }
}
