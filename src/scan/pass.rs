//! One pass over both sides: two readers cut chunks, a pool of workers takes them, a bounded channel lies between.

use super::lane::Lane;
use super::tally::Unread;
use crate::plan::Span;
use crate::source::{Chunk, ChunkStream, SourceError};
use crate::{Pair, Side};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// What the readers of a pass heed besides the monitor: how far one side may run ahead, and whether to go on at all.
pub trait Flow: Sync {
    /// Whether one more chunk of `side` may be read now, after `read` of them. Waits for it, but no longer than `patience`.
    fn admits(&self, _side: Side, _read: u64, _patience: Duration) -> bool {
        true
    }

    /// Hears that `side` has ended, after `read` chunks.
    fn ended(&self, _side: Side, _read: u64) {}

    /// Whether reading on has become useless.
    fn halted(&self) -> bool {
        false
    }
}

/// Readers go as fast as they can.
impl Flow for () {}

/// How long a reader waits before it looks at the monitor again.
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
/// number within its side, to one of the workers. Returns when all chunks are worked off; feeds and workers can go on in
/// another call.
pub fn run_pass<W: Send>(
    feeds: &mut Pair<Feed<'_>>,
    workers: &mut [W],
    monitor: &Monitor,
    flow: &impl Flow,
    until: Option<Instant>,
    each: impl Fn(&mut W, Side, u64, Chunk) + Sync,
) {
    let (sender, receiver) = crossbeam_channel::bounded::<(Side, u64, Chunk)>(workers.len() * 2);
    let going = || !monitor.stopping() && !flow.halted() && until.is_none_or(|t| Instant::now() < t);
    std::thread::scope(|threads| {
        for (side, feed) in feeds.as_mut().into_sides() {
            let (sender, going) = (sender.clone(), &going);
            threads.spawn(move || {
                while going() {
                    let number = feed.read;
                    if !flow.admits(side, number, PATIENCE) {
                        continue;
                    }
                    let Some(chunk) = feed.next_chunk() else { break };
                    let bytes = chunk.data.len() as u64;
                    if sender.send((side, number, chunk)).is_err() {
                        break;
                    }
                    monitor.bytes.fetch_add(bytes, Ordering::Relaxed);
                }
                if feed.ended() {
                    flow.ended(side, feed.read);
                }
            });
        }
        drop(sender);
        rayon::in_place_scope(|pool| {
            for worker in workers.iter_mut() {
                let (receiver, each) = (receiver.clone(), &each);
                pool.spawn(move |_| {
                    for (side, number, chunk) in receiver {
                        each(worker, side, number, chunk);
                    }
                });
            }
        });
    });
}
