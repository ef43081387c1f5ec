//! One pass over both sides: each worker reads a chunk of the side that is behind, works it off, and reads the next.

use super::lane::Lane;
use super::tally::Unread;
use crate::plan::Span;
use crate::source::{Chunk, ChunkStream, SourceError};
use crate::{Pair, Side};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};

/// What people and checkpoints want to know while a pass runs.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Bytes of whole records read, both sides, since the start of the run.
    pub bytes: AtomicU64,
    /// Set to stop after the chunks under way.
    pub stop: AtomicBool,
}

impl Monitor {
    /// Whether somebody asked to stop.
    pub fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
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

    /// Whether reading on has become useless.
    fn halted(&self) -> bool {
        false
    }
}

/// Readers go as fast as they can.
impl Flow for () {}

/// How long a worker waits for leave to read before it looks at the monitor again.
const PATIENCE: Duration = Duration::from_millis(20);

/// The reading end of one side: the spans still to be read, and how far the first of them is.
pub struct Feed<'l> {
    lane: &'l Lane,
    spans: Vec<Span>,
    stream: Option<ChunkStream>,
    /// Chunks read so far.
    read: u64,
    /// What could not be read.
    pub unread: Option<Unread>,
}

impl<'l> Feed<'l> {
    /// A feed over `spans`, in order.
    pub fn new(lane: &'l Lane, spans: Vec<Span>) -> Feed<'l> {
        Feed {
            lane,
            spans,
            stream: None,
            read: 0,
            unread: None,
        }
    }

    /// The spans not read yet; the first starts where reading goes on.
    pub fn remaining(&self) -> &[Span] {
        &self.spans
    }

    /// Whether there is nothing left to read.
    pub fn ended(&self) -> bool {
        self.spans.is_empty()
    }

    /// The next chunk of whole records. Trouble is noted in `unread` and ends the feed.
    pub fn next_chunk(&mut self) -> Option<Chunk> {
        loop {
            let span = *self.spans.first()?;
            match self.read_on(span) {
                Ok(Some(chunk)) => {
                    let end = chunk.end();
                    (self.spans[0].from, self.spans[0].record) = (end.offset, end.record);
                    self.read += 1;
                    return Some(chunk);
                }
                Ok(None) => {
                    self.stream = None;
                    self.spans.remove(0);
                }
                Err(error) => {
                    self.unread = Some(Unread {
                        side: self.lane.side,
                        file: self.lane.namespace.name.clone(),
                        offset: span.from,
                        reason: error.to_string(),
                    });
                    self.spans.clear();
                }
            }
        }
    }

    fn read_on(&mut self, span: Span) -> Result<Option<Chunk>, SourceError> {
        if self.stream.is_none() {
            self.stream = Some(self.lane.chunks(span)?);
        }
        self.stream.as_mut().expect("opened above").next()
    }
}

/// Reads both feeds until they end, the monitor or the flow says stop, or `until` is over, and gives every chunk, with its
/// number within its side, to the worker that read it. Returns when all chunks are worked off; feeds and workers can go
/// on in another call.
pub fn run_pass<W: Send>(
    feeds: &mut Pair<Feed<'_>>,
    workers: &mut [W],
    monitor: &Monitor,
    flow: &impl Flow,
    until: Option<Instant>,
    each: impl Fn(&mut W, Side, u64, Chunk) + Sync,
) {
    let going = || !monitor.stopping() && !flow.halted() && until.is_none_or(|t| Instant::now() < t);
    let desk = Desk {
        read: feeds.as_ref().map(|feed| AtomicU64::new(feed.read)),
        ended: feeds.as_ref().map(|feed| AtomicBool::new(feed.ended())),
        feeds: feeds.as_mut().map(Mutex::new),
        flow,
    };
    for side in Side::BOTH {
        if desk.ended[side].load(Ordering::Relaxed) {
            flow.ended(side, desk.read[side].load(Ordering::Relaxed));
        }
    }
    rayon::in_place_scope(|pool| {
        for worker in workers.iter_mut() {
            let (desk, each, going) = (&desk, &each, &going);
            pool.spawn(move |_| {
                while going() {
                    match desk.next_chunk() {
                        Next::Chunk(side, number, chunk) => {
                            let bytes = chunk.data.len() as u64;
                            each(worker, side, number, chunk);
                            monitor.bytes.fetch_add(bytes, Ordering::Relaxed);
                        }
                        Next::Later => {}
                        Next::End => break,
                    }
                }
            });
        }
    });
}

/// Where workers get their chunks.
struct Desk<'f, 'l, F> {
    feeds: Pair<Mutex<&'f mut Feed<'l>>>,
    /// Chunks read of each side.
    read: Pair<AtomicU64>,
    ended: Pair<AtomicBool>,
    flow: &'f F,
}

enum Next {
    Chunk(Side, u64, Chunk),
    /// Nothing may be read just now.
    Later,
    /// Both sides have ended.
    End,
}

impl<F: Flow> Desk<'_, '_, F> {
    /// The next chunk of the side that is behind; of the other, if somebody else reads that one, or may not read on.
    fn next_chunk(&self) -> Next {
        let read = self.read.as_ref().map(|r| r.load(Ordering::Relaxed));
        let behind = if read.candidate < read.stable {
            Side::Candidate
        } else {
            Side::Stable
        };
        let open = |side: &Side| !self.ended[*side].load(Ordering::Relaxed);
        let mut sides = [behind, behind.other()].into_iter().filter(open).peekable();
        let Some(&first) = sides.peek() else {
            return Next::End;
        };
        for side in sides {
            match self.feeds[side].try_lock() {
                Ok(mut feed) => {
                    if let Some(next) = self.read(side, &mut feed, Duration::ZERO) {
                        return next;
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Poisoned(_)) => unreachable!("{POISONED}"),
            }
        }
        let mut feed = self.feeds[first].lock().expect(POISONED);
        self.read(first, &mut feed, PATIENCE).unwrap_or(Next::Later)
    }

    /// Reads on, if the flow admits it within `patience`.
    fn read(&self, side: Side, feed: &mut Feed<'_>, patience: Duration) -> Option<Next> {
        if !self.flow.admits(side, feed.read, patience) {
            return None;
        }
        let number = feed.read;
        let chunk = feed.next_chunk();
        self.read[side].store(feed.read, Ordering::Relaxed);
        if feed.ended() {
            self.ended[side].store(true, Ordering::Relaxed);
            self.flow.ended(side, feed.read);
        }
        Some(chunk.map_or(Next::Later, |chunk| Next::Chunk(side, number, chunk)))
    }
}

const POISONED: &str = "no worker panics while it reads";
