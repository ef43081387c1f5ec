//! Ranges of a live namespace one after the other, some of them read ahead.

use super::door::LiveSource;
use super::pages::{PageReceiver, Room};
use super::reading::Reading;
use super::{Page, runtime};
use crate::source::{Chunk, Position, SourceError};
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long to wait for a page before an empty chunk gives whoever reads a chance to stop.
const PATIENCE: Duration = Duration::from_millis(250);

/// Bytes of pages that are read ahead, of all ranges together: enough for every request that is under way to bring the next.
const AHEAD: usize = 16 << 20;

/// Bits of a record's offset within its range; those above number the range.
const RANGE_BITS: u32 = 40;

/// A stream of chunks over a stretch of a live namespace's ranges, in their order. Ranges behind the one that is delivered
/// are read at the same time, as many as the limits allow requests.
#[derive(Debug)]
pub struct LiveStream {
    reading: Arc<Reading>,
    at_once: usize,
    /// The range to be begun next, and the one after the last, if that is not the end of all.
    next: usize,
    end: Option<usize>,
    room: Room,
    under_way: VecDeque<Fetch>,
    records: u64,
    offset: u64,
    broken: bool,
}

#[derive(Debug)]
struct Fetch {
    range: usize,
    /// The range that comes next, once that is known.
    upto: Arc<OnceLock<usize>>,
    pages: PageReceiver,
    done: JoinHandle<Result<(), SourceError>>,
}

impl LiveStream {
    pub(super) fn new(
        source: &LiveSource,
        reading: Arc<Reading>,
        from: Position,
        to: Option<u64>,
    ) -> Result<LiveStream, SourceError> {
        // Only from the beginning can it be read before it is known where it is cut.
        if from.offset > 0 || to.is_some() {
            runtime().block_on(reading.ranges(false))?;
        }
        Ok(LiveStream {
            at_once: source.at_once(),
            next: from.offset as usize,
            end: to.map(|to| to as usize),
            reading,
            room: Room::new(AHEAD),
            under_way: VecDeque::new(),
            records: from.record,
            offset: 0,
            broken: false,
        })
    }

    /// The next chunk. The one that ends a range says where to go on, and is empty, as is one where none comes for a while.
    ///
    /// # Errors
    /// What was delivered of the range is not all of it. The stream goes on with [`next_range`](LiveStream::next_range).
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, SourceError> {
        if std::mem::take(&mut self.broken) {
            self.through();
        }
        self.begin();
        let Some(fetch) = self.under_way.front_mut() else {
            return Ok(None);
        };
        let range = fetch.range;
        let page = async { timeout(PATIENCE, fetch.pages.next()).await };
        match runtime().block_on(page) {
            Ok(Some(page)) => Ok(Some(self.chunk(range, page, false))),
            Err(_) => Ok(Some(self.chunk(range, Page::default(), false))),
            Ok(None) => {
                let done = runtime().block_on(&mut fetch.done);
                let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
                if let Err(error) = done {
                    self.broken = true;
                    return Err(error);
                }
                let chunk = self.chunk(range, Page::default(), true);
                self.through();
                Ok(Some(chunk))
            }
        }
    }

    /// The range that comes after the one that is delivered.
    pub fn next_range(&self) -> u64 {
        let upto = self.under_way.front().and_then(|fetch| fetch.upto.get());
        *upto.unwrap_or(&self.next) as u64
    }

    /// Leaves the range that was delivered.
    fn through(&mut self) {
        self.next = self.next.max(self.next_range() as usize);
        self.under_way.pop_front();
        self.offset = 0;
    }

    /// Begins as many ranges as may be under way. Before it is known where they end, the first alone.
    fn begin(&mut self) {
        let Some(ranges) = self.reading.known().map(<[_]>::len) else {
            if self.next == 0 && self.under_way.is_empty() {
                self.fetch(OnceLock::new());
            }
            return;
        };
        let end = self.end.map_or(ranges, |end| end.min(ranges));
        while self.under_way.len() < self.at_once {
            match self.under_way.back().map(|last| last.upto.get()) {
                Some(Some(upto)) => self.next = *upto,
                Some(None) => return,
                None => {}
            }
            if self.next >= end {
                return;
            }
            self.fetch(OnceLock::from(self.next + 1));
        }
    }

    /// Begins the next range, up to where it goes; if that is not known, up to where that turns out.
    fn fetch(&mut self, upto: OnceLock<usize>) {
        let (sender, pages) = self.room.range();
        let (reading, range, upto) = (self.reading.clone(), self.next, Arc::new(upto));
        let known = upto.clone();
        let done = runtime().spawn(async move {
            match known.get() {
                Some(_) => reading.read(range, sender).await,
                None => reading.read_head(sender, &known).await,
            }
        });
        self.under_way.push_back(Fetch {
            range,
            upto,
            pages,
            done,
        });
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
                offset: self.next_range(),
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
