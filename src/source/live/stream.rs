//! Ranges of a live namespace one after the other, some of them read ahead.

use super::door::{LiveSource, Reading};
use super::page::Page;
use super::runtime;
use crate::source::{Chunk, Position, SourceError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long to wait for a page before an empty chunk gives whoever reads a chance to stop.
const PATIENCE: Duration = Duration::from_millis(250);

/// Pages of one range that wait to be worked off.
const PAGES_AHEAD: usize = 2;

/// Bits of a record's offset within its range; those above number the range.
const RANGE_BITS: u32 = 40;

/// A stream of chunks over a stretch of a live namespace's ranges, in their order. Ranges behind the one that is delivered
/// are read at the same time, as many as the limits allow requests.
#[derive(Debug)]
pub struct LiveStream {
    reading: Arc<Reading>,
    at_once: usize,
    /// The range to be begun next, and the one after the last.
    next: usize,
    end: usize,
    under_way: VecDeque<Fetch>,
    /// A page that is held back until it is known whether it is the last of its range.
    held: Option<Page>,
    records: u64,
    offset: u64,
    broken: bool,
}

#[derive(Debug)]
struct Fetch {
    range: usize,
    pages: Receiver<Page>,
    done: JoinHandle<Result<(), SourceError>>,
}

impl LiveStream {
    pub(super) fn new(
        source: &LiveSource,
        reading: Arc<Reading>,
        from: Position,
        to: Option<u64>,
    ) -> LiveStream {
        let end = reading.ranges.len();
        LiveStream {
            at_once: source.at_once(),
            next: from.offset as usize,
            end: to.map_or(end, |to| end.min(to as usize)),
            reading,
            under_way: VecDeque::new(),
            held: None,
            records: from.record,
            offset: 0,
            broken: false,
        }
    }

    /// The next chunk. One that ends a range says where to go on. It may be empty, and is where none comes for a while.
    ///
    /// # Errors
    /// What was delivered of the range is not all of it. The stream goes on with the next range.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, SourceError> {
        if std::mem::take(&mut self.broken) {
            self.under_way.pop_front();
            (self.held, self.offset) = (None, 0);
        }
        self.begin();
        loop {
            let Some(fetch) = self.under_way.front_mut() else {
                return Ok(None);
            };
            let range = fetch.range;
            let page = async { timeout(PATIENCE, fetch.pages.recv()).await };
            let Ok(page) = runtime().block_on(page) else {
                return Ok(Some(self.chunk(range, Page::default(), false)));
            };
            match page {
                Some(page) => {
                    if let Some(before) = self.held.replace(page) {
                        return Ok(Some(self.chunk(range, before, false)));
                    }
                }
                None => {
                    let done = runtime().block_on(&mut fetch.done);
                    if let Err(error) =
                        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
                    {
                        self.broken = true;
                        return Err(error);
                    }
                    self.under_way.pop_front();
                    let last = self.held.take().unwrap_or_default();
                    let chunk = self.chunk(range, last, true);
                    self.offset = 0;
                    return Ok(Some(chunk));
                }
            }
        }
    }

    /// Begins as many ranges as may be under way.
    fn begin(&mut self) {
        while self.next < self.end && self.under_way.len() < self.at_once {
            let (sender, pages) = channel(PAGES_AHEAD);
            let (reading, range) = (self.reading.clone(), self.next);
            let done = runtime().spawn(async move { reading.read(range, sender).await });
            self.under_way.push_back(Fetch { range, pages, done });
            self.next += 1;
        }
    }

    fn chunk(&mut self, range: usize, page: Page, last: bool) -> Chunk {
        let start = Position {
            offset: ((range as u64) << RANGE_BITS) + self.offset,
            record: self.records,
        };
        self.offset += page.data.len() as u64;
        self.records += page.ends.len() as u64;
        Chunk {
            resume: last.then_some(Position {
                offset: range as u64 + 1,
                record: self.records,
            }),
            data: page.data,
            ends: page.ends,
            part: 0,
            start,
            file_offset: None,
        }
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        for fetch in &self.under_way {
            fetch.done.abort();
        }
    }
}
