//! The first pass: spans of both sides into a tally, with checkpoints.

use super::compare::Prepared;
use super::pass::{Feed, Monitor, run_pass};
use super::tally::{Part, Tally};
use crate::canon::Numbers;
use crate::mapping::{Depth, Digester};
use crate::plan::Span;
use crate::{Pair, Side};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Scans the given spans of both sides into a tally. `checkpoint` is called every `interval` with what is still to be
/// read, and once at the end.
pub fn scan<E>(
    prepared: &Prepared,
    spans: Pair<Vec<Span>>,
    mut tally: Tally,
    threads: usize,
    monitor: &Monitor,
    interval: Duration,
    mut checkpoint: impl FnMut(&Tally, Pair<Vec<Span>>) -> Result<(), E>,
) -> Result<(Tally, Pair<Vec<Span>>), E> {
    let lanes = prepared.lanes.as_ref();
    let mut feeds = spans.zip(lanes).map(|(spans, lane)| Feed::new(lane, spans));
    let mut workers: Vec<(Pair<Digester>, Pair<Part>)> = (0..threads)
        .map(|_| (lanes.map(|l| l.digester(Depth::Digest)), Pair::default()))
        .collect();
    let typed = prepared.equality.numbers == Numbers::Typed;
    loop {
        let until = Instant::now() + interval;
        let shared = Mutex::new(tally);
        run_pass(
            &mut feeds,
            &mut workers,
            monitor,
            Some(until),
            |(digesters, parts), side, chunk| {
                let part = &mut parts[side];
                lanes[side].each_record(&chunk, &mut digesters[side], |digester, _, _| part.add(digester));
                part.count_loss(lanes[side], &chunk, typed);
                part.flush(
                    side,
                    chunk.data.len() as u64,
                    &mut shared.lock().expect("no worker panics here"),
                    true,
                );
            },
        );
        tally = shared.into_inner().expect("no worker panics here");
        for (digesters, parts) in &mut workers {
            for side in Side::BOTH {
                parts[side].drain(side, &mut digesters[side], &mut tally);
            }
        }
        for (_, feed) in feeds.as_mut().into_sides() {
            tally.unread.extend(feed.unread.take());
        }
        let remaining = feeds.as_ref().map(|f| f.remaining().to_vec());
        checkpoint(&tally, remaining.clone())?;
        if monitor.stopping() || feeds.stable.ended() && feeds.candidate.ended() {
            tally.unread.sort();
            return Ok((tally, remaining));
        }
    }
}
