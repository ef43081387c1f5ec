//! One pass over both sides: each worker reads a chunk of the side that is behind, or one of each side, works them off,
//! and reads on.

use super::feed::Feed;
use super::lane::Lane;
use super::tally::Unread;
use crate::plan::Span;
use crate::source::Chunk;
use crate::{Pair, Side};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

/// What people and checkpoints want to know while a pass runs.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Bytes of whole records read, both sides, since the start of the run.
    pub bytes: AtomicU64,
    /// Set to stop after the chunks under way.
    pub stop: AtomicBool,
    /// Set, before `stop`, to end the run with what is known, whatever it is at.
    pub end: AtomicBool,
}

impl Monitor {
    /// How often who waits looks whether the run is to end.
    pub(super) const LOOK: Duration = Duration::from_millis(20);

    /// Whether somebody asked to stop.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Whether somebody asked to stop and to leave no more than checkpoints.
    pub fn leaving(&self) -> bool {
        self.stopping() && !self.ending()
    }

    /// Whether somebody asked to end with what is known.
    pub fn ending(&self) -> bool {
        self.end.load(Ordering::Acquire)
    }
}

/// What the workers of a pass heed besides the monitor when they read: how far one side may run ahead, and whether to go on at all.
pub trait Flow: Sync {
    /// Whether one more chunk of `side` may be read now, after `read` of them. Waits for it, but no longer than `patience`.
    fn admits(&self, _side: Side, _read: u64, _patience: Duration) -> bool {
        true
    }

    /// Hears that `side` has ended, after `read` chunks; more than once, perhaps.
    fn ended(&self, _side: Side, _read: u64) {}

    /// Whether the other side waits for chunks of `side`, of which `read` were read.
    fn wanted(&self, _side: Side, _read: u64) -> bool {
        true
    }

    /// Whether reading on has become useless.
    fn halted(&self) -> bool {
        false
    }

    /// Whether workers want a chunk of each side at a time, about the same stretch of both.
    fn paired(&self) -> bool {
        false
    }
}

/// Readers go as fast as they can.
impl Flow for () {}

/// Bytes that are being worked off, from which on no more are read: more than workers ever have at a time, unless records
/// are very long.
const MOST_AT_WORK: usize = 8 << 20;

/// How long a worker waits for leave to read before it looks at the monitor again.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a worker takes at a time: of a side, or of both, a chunk and its number within the side.
pub type Load = Pair<Option<(u64, Chunk)>>;

/// Reads both feeds until they end, the monitor or the flow says stop, or `until` is over, and gives every chunk to the
/// worker that read it. Returns when all chunks are worked off and, unless it was told to stop, both feeds can go on from
/// where they are, in another call.
///
/// `each` returns by how many bytes the stable chunk of its load reached further than the candidate's, if it knows: the
/// pairs to come are put right by it.
pub fn run_pass<W: Send>(
    feeds: &mut Pair<Feed<'_>>,
    workers: &mut [W],
    monitor: &Monitor,
    flow: &impl Flow,
    until: Option<Instant>,
    each: impl Fn(&mut W, Load) -> Option<i64> + Sync,
) {
    let over = || until.is_some_and(|t| Instant::now() >= t);
    let desk = Desk {
        over: &over,
        resting: feeds.as_ref().map(|feed| AtomicBool::new(feed.resting())),
        read: feeds.as_ref().map(|feed| AtomicU64::new(feed.read)),
        ended: feeds.as_ref().map(|feed| AtomicBool::new(feed.ended())),
        feeds: feeds.as_mut().map(Mutex::new),
        lead: Mutex::new(Lead::default()),
        at_work: AtomicUsize::new(0),
        flow,
    };
    for side in Side::BOTH {
        if desk.ended[side].load(Ordering::Relaxed) {
            flow.ended(side, desk.read[side].load(Ordering::Relaxed));
        }
    }
    rayon::in_place_scope(|pool| {
        for worker in workers.iter_mut() {
            let (desk, each, over) = (&desk, &each, &over);
            pool.spawn(move |_| {
                while !flow.halted() && !monitor.stopping() && !desk.closed() {
                    match desk.next() {
                        Next::Load(load, turn) => {
                            let bytes: usize = Pair::as_ref(&load)
                                .into_sides()
                                .iter()
                                .filter_map(|(_, chunk)| chunk.as_ref().map(|(_, chunk)| chunk.data.len()))
                                .sum();
                            if let Some(bytes) = each(worker, *load) {
                                desk.lead.lock().expect(POISONED).hear(turn, bytes);
                            }
                            desk.at_work.fetch_sub(bytes, Ordering::Relaxed);
                            monitor.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                        }
                        // Others are ending what they have begun.
                        Next::Later if over() => std::thread::sleep(Duration::from_millis(1)),
                        Next::Later => {}
                        Next::End => break,
                    }
                }
            });
        }
    });
}

/// Reads both sides whole once more and gives every chunk to the worker that read it; returns what could not be read.
pub(super) fn read_again<W: Send>(
    lanes: Pair<&Lane>,
    workers: &mut [W],
    monitor: &Monitor,
    flow: &impl Flow,
    each: impl Fn(&mut W, Side, Chunk) + Sync,
) -> Vec<Unread> {
    let mut feeds = lanes.map(|lane| Feed::new(lane, vec![Span::ALL]));
    run_pass(&mut feeds, workers, monitor, flow, None, |worker, load| {
        let sides = load.into_sides().into_iter();
        sides.for_each(|(side, chunk)| {
            if let Some((_, chunk)) = chunk {
                each(worker, side, chunk);
            }
        });
        None
    });
    let feeds = feeds.into_sides().into_iter();
    feeds.flat_map(|(_, feed)| feed.unread).collect()
}

/// Where workers get their chunks.
struct Desk<'f, 'l, F> {
    feeds: Pair<Mutex<&'f mut Feed<'l>>>,
    /// Chunks read of each side.
    read: Pair<AtomicU64>,
    ended: Pair<AtomicBool>,
    lead: Mutex<Lead>,
    /// Bytes of the chunks that are being worked off.
    at_work: AtomicUsize,
    resting: Pair<AtomicBool>,
    /// Whether time is up: what has been begun is ended, and nothing begun.
    over: &'f (dyn Fn() -> bool + Sync),
    flow: &'f F,
}

enum Next {
    /// Chunks, and the turn in which they were read.
    Load(Box<Load>, u64),
    /// Nothing may be read just now.
    Later,
    /// Both sides have ended.
    End,
}

/// How far the stable side is ahead of the candidate, in bytes.
#[derive(Default)]
struct Lead {
    bytes: i64,
    /// The size of the largest chunk.
    chunk: i64,
    /// Counts the chunks that were read alone: what is said of a pair that was read before the last one is out of date.
    turn: u64,
}

impl Lead {
    /// Counts in chunks before they are read, since others decide meanwhile what to read next. Returns the turn, and how
    /// many bytes a chunk was taken to have.
    fn plan(&mut self, due: Pair<bool>) -> (u64, i64) {
        self.turn += u64::from(due.stable != due.candidate);
        self.bytes += self.chunk * (i64::from(due.stable) - i64::from(due.candidate));
        (self.turn, self.chunk)
    }

    /// Puts right what was counted in, once it is read.
    fn correct(&mut self, due: Pair<bool>, planned: i64, load: &Load) {
        let error = due.zip(load.as_ref()).map(|(due, chunk)| {
            let read = chunk.as_ref().map_or(0, |(_, chunk)| chunk.data.len() as i64);
            self.chunk = self.chunk.max(read);
            read - planned * i64::from(due)
        });
        self.bytes += error.stable - error.candidate;
    }

    fn hear(&mut self, turn: u64, bytes: i64) {
        if turn == self.turn {
            self.bytes = bytes;
        }
    }

    /// The side of which a chunk is to be read alone, if the sides have come apart by more than half of one.
    fn behind(&self) -> Option<Side> {
        match self.bytes {
            lead if lead > self.chunk / 2 => Some(Side::Candidate),
            lead if lead < -self.chunk / 2 => Some(Side::Stable),
            _ => None,
        }
    }
}

impl<F: Flow> Desk<'_, '_, F> {
    fn closed(&self) -> bool {
        (self.over)()
            && Side::BOTH
                .iter()
                .all(|side| self.resting[*side].load(Ordering::Relaxed))
    }

    fn next(&self) -> Next {
        if !self.flow.paired() {
            return self.next_chunk();
        }
        if let Some(load) = self.next_pair() {
            return load;
        }
        let mut open = Side::BOTH
            .into_iter()
            .filter(|side| !self.has_ended(*side))
            .peekable();
        if open.peek().is_none() {
            return Next::End;
        }
        // Pairs stay pairs: rather than read the other side alone, wait.
        if let Some(full) = open.find(|side| !self.admits(*side, Duration::ZERO)) {
            self.admits(full, PATIENCE);
        }
        Next::Later
    }

    /// A chunk of each side, or of the one that is behind. None if neither can be read just now.
    fn next_pair(&self) -> Option<Next> {
        let mut stable = self.feeds.stable.lock().expect(POISONED);
        let due = self.due();
        let (turn, planned) = self.lead.lock().expect(POISONED).plan(due);
        let now = Duration::ZERO;
        let first = due
            .stable
            .then(|| self.read(Side::Stable, &mut stable, None, now).flatten());
        let first = first.flatten();
        let known = first.as_ref().map(|(_, chunk)| chunk);
        // One hand over the other: whoever comes next finds the sides at the same place.
        let mut candidate = self.feeds.candidate.lock().expect(POISONED);
        drop(stable);
        let second = due
            .candidate
            .then(|| self.read(Side::Candidate, &mut candidate, known, now).flatten());
        let load = Pair {
            stable: first,
            candidate: second.flatten(),
        };
        self.lead.lock().expect(POISONED).correct(due, planned, &load);
        match load {
            Pair {
                stable: None,
                candidate: None,
            } => None,
            load => Some(Next::Load(Box::new(load), turn)),
        }
    }

    /// The sides of which a chunk is to be read next: the one that is behind, or both; when time is up, those that are in the
    /// midst of a range. The other one alone, if it has to come before they are admitted.
    fn due(&self) -> Pair<bool> {
        let behind = self.lead.lock().expect(POISONED).behind();
        let over = (self.over)();
        let due = Pair::from_fn(|side| {
            let open = match over {
                true => !self.resting[side].load(Ordering::Relaxed),
                false => behind.is_none_or(|behind| behind == side || self.has_ended(behind)),
            };
            open && !self.has_ended(side)
        });
        let Some(full) = Side::BOTH
            .into_iter()
            .find(|&side| due[side] && !self.admits(side, Duration::ZERO))
        else {
            return due;
        };
        let other = full.other();
        let wanted = self.flow.wanted(other, self.read[other].load(Ordering::Relaxed));
        Pair::from_fn(|side| side == other && wanted)
    }

    fn has_ended(&self, side: Side) -> bool {
        self.ended[side].load(Ordering::Relaxed)
    }

    fn admits(&self, side: Side, patience: Duration) -> bool {
        let read = self.read[side].load(Ordering::Relaxed);
        self.flow.admits(side, read, patience)
    }

    /// The next chunk of the side that is behind; of the other, if somebody else reads that one, or may not read on.
    fn next_chunk(&self) -> Next {
        let read = self.read.as_ref().map(|r| r.load(Ordering::Relaxed));
        let behind = if read.candidate < read.stable {
            Side::Candidate
        } else {
            Side::Stable
        };
        let mut sides = [behind, behind.other()]
            .into_iter()
            .filter(|side| !self.has_ended(*side))
            .peekable();
        let Some(&first) = sides.peek() else {
            return Next::End;
        };
        let load = |side, chunk: Option<(u64, Chunk)>| match chunk {
            Some(chunk) => {
                let mut load = Load::default();
                load[side] = Some(chunk);
                Next::Load(Box::new(load), u64::MAX)
            }
            None => Next::Later,
        };
        for side in sides {
            match self.feeds[side].try_lock() {
                Ok(mut feed) => {
                    if let Some(chunk) = self.read(side, &mut feed, None, Duration::ZERO) {
                        return load(side, chunk);
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Poisoned(_)) => unreachable!("{POISONED}"),
            }
        }
        let mut feed = self.feeds[first].lock().expect(POISONED);
        load(first, self.read(first, &mut feed, None, PATIENCE).flatten())
    }

    /// Whether a side is in the midst of a range and cannot read on before the other has caught up.
    fn waits(&self, side: Side) -> bool {
        !self.resting[side].load(Ordering::Relaxed) && !self.admits(side, Duration::ZERO)
    }

    /// Reads on, if the flow admits it within `patience`. No chunk: the feed has ended.
    fn read(
        &self,
        side: Side,
        feed: &mut Feed<'_>,
        known: Option<&Chunk>,
        patience: Duration,
    ) -> Option<Option<(u64, Chunk)>> {
        let enough = feed.resting() && (self.over)() && !self.waits(side.other());
        if enough || !self.flow.admits(side, feed.read, patience) {
            return None;
        }
        if self.at_work.load(Ordering::Relaxed) > MOST_AT_WORK {
            std::thread::sleep(Duration::from_millis(1));
            return None;
        }
        let number = feed.read;
        let chunk = feed.next_chunk(known);
        let bytes = chunk.as_ref().map_or(0, |chunk| chunk.data.len());
        self.at_work.fetch_add(bytes, Ordering::Relaxed);
        self.read[side].store(feed.read, Ordering::Relaxed);
        self.resting[side].store(feed.resting(), Ordering::Relaxed);
        if feed.ended() {
            self.ended[side].store(true, Ordering::Relaxed);
            self.flow.ended(side, feed.read);
        }
        Some(chunk.map(|chunk| (number, chunk)))
    }
}

const POISONED: &str = "no worker panics while it reads";
