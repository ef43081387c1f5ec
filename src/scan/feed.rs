//! The reading end of one side of a pass.

use super::lane::Lane;
use super::tally::Unread;
use crate::plan::Span;
use crate::source::{Chunk, SourceError, Stream};

/// The reading end of one side: the spans still to be read, and how far the first of them is.
pub struct Feed<'l> {
    lane: &'l Lane,
    spans: Vec<Span>,
    stream: Option<Stream>,
    /// Chunks read so far.
    pub(super) read: u64,
    /// Whether reading can go on from here another time.
    resting: bool,
    /// Ranges in a row that could not be read.
    failures: u32,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// Ranges of a live store that fail in a row before the rest is not tried.
const MOST_FAILURES: u32 = 3;

impl<'l> Feed<'l> {
    /// A feed over `spans`, in order.
    pub fn new(lane: &'l Lane, spans: Vec<Span>) -> Feed<'l> {
        Feed {
            lane,
            spans,
            stream: None,
            read: 0,
            resting: true,
            failures: 0,
            unread: Vec::new(),
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

    /// Whether what was read so far ends where reading can go on another time.
    pub fn resting(&self) -> bool {
        self.resting
    }

    /// The next chunk of whole records. Trouble is noted in `unread`; it ends the feed of files, and that of a live store
    /// if it does not end itself. `known` is the other side's chunk of about the same records, where both sides read alike.
    pub fn next_chunk(&mut self, known: Option<&Chunk>) -> Option<Chunk> {
        loop {
            let span = *self.spans.first()?;
            match self.read_on(span, known) {
                Ok(Some(chunk)) => {
                    self.failures = 0;
                    self.resting = chunk.resume.is_some();
                    if let Some(resume) = chunk.resume {
                        (self.spans[0].from, self.spans[0].record) = (resume.offset, resume.record);
                    }
                    self.read += 1;
                    return Some(chunk);
                }
                Ok(None) => {
                    self.stream = None;
                    self.spans.remove(0);
                }
                Err(error) => {
                    self.unread.push(Unread {
                        side: self.lane.side,
                        file: self.lane.namespace.name.clone(),
                        offset: span.from,
                        reason: error.to_string(),
                    });
                    self.failures += 1;
                    self.resting = true;
                    match self.stream.as_ref().and_then(Stream::next_range) {
                        Some(next) => self.pass_over(next),
                        None => self.spans.clear(),
                    }
                }
            }
        }
    }

    /// Goes on behind a range of a live store that could not be read; not for ever.
    fn pass_over(&mut self, next: u64) {
        self.spans[0].from = next;
        if self.failures >= MOST_FAILURES {
            self.unread.push(Unread {
                side: self.lane.side,
                file: self.lane.namespace.name.clone(),
                offset: self.spans[0].from,
                reason: "not tried any more, after ranges in a row that could not be read".to_owned(),
            });
            self.spans.clear();
        }
    }

    fn read_on(&mut self, span: Span, known: Option<&Chunk>) -> Result<Option<Chunk>, SourceError> {
        if self.stream.is_none() {
            self.stream = Some(self.lane.chunks(span)?);
        }
        let stream = self.stream.as_mut().expect("opened above");
        stream.next_like(known)
    }
}
