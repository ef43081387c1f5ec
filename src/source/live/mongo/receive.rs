//! What comes of a query of a scan: raw batches, the next one under way while the last is handed on, each record held against
//! the order and the bounds in which it has to come.

use super::MongoStore;
use super::filter::{Bound, Bounds};
use super::order::{Id, compare};
use super::read::Scan;
use crate::canon::bson::{DOCUMENT, RawBson, walk, walk_while};
use crate::source::live::{Governor, Page, Place};
use crate::source::{Failure, SourceError};
use futures_util::StreamExt;
use futures_util::future::join;
use mongodb::bson::{Document, doc};
use mongodb::options::FindOptions;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use std::time::Duration;

impl Scan<'_> {
    /// Makes the query of the scan, or the look-up of one bound, and hands on all that comes of it.
    pub(super) async fn run(&mut self, bound: Option<&Bound>) -> Result<(), SourceError> {
        if bound.is_none() && self.place.resumed {
            self.came_once().await?;
        }
        if bound.is_none() && self.literal_bounds() && self.bounds.are_through() {
            return Ok(());
        }
        let (filter, options) = self.query(bound)?;
        let mut place = self.out.place().await;
        let (mut cursor, mut batch) = self.open(filter, options).await?;
        // What equals a literal lower bound, which includes it, has been read before.
        let mut known = match bound {
            None if self.literal_bounds() => self.bounds.after.as_ref().map(|b| b.id.clone()),
            _ => None,
        };
        loop {
            let (page, more) = self.take(&batch, &mut known, bound)?;
            drop(batch);
            place = place.holds(page.data.len());
            if !more || bound.is_none() && self.is_cut().await? {
                return self.hand_on(page, place).await;
            }
            let (sent, next) = join(self.hand_on(page, place), self.next(&mut cursor)).await;
            sent?;
            (place, batch) = next?;
        }
    }

    /// A router may have several records under one `_id`, on different shards: there is no going on between them.
    async fn came_once(&self) -> Result<(), SourceError> {
        match &self.bounds.after {
            Some(after) if !self.is_one(after).await? => {
                Err(self
                    .out_of_order("the last `_id` is there more than once, as it can be on several shards"))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is no second record under an `_id`, as a router may have.
    pub(super) async fn is_one(&self, at: &Bound) -> Result<bool, SourceError> {
        if !self.probe.mongos {
            return Ok(true);
        }
        let filter = doc! { "_id": { "$eq": &at.value } };
        let options = self.store.few(&self.probe.read_concern, 2);
        let found = self.store.ids(&self.collection, &self.action, filter, options);
        Ok(found.await?.len() <= 1)
    }

    async fn open(
        &self,
        filter: Document,
        options: FindOptions,
    ) -> Result<(RawBatchCursor, RawBatch), SourceError> {
        let find = async {
            let mut cursor = self.collection.find(filter).with_options(options).batch().await?;
            let first = cursor.next().await.transpose()?;
            Ok(first.map(|first| (cursor, first)))
        };
        let opened = self.governed(find, |opened| opened.as_ref().map_or(0, |(_, batch)| size(batch)));
        opened
            .await?
            .ok_or_else(|| self.refused("the server's answer holds no batch".to_owned()))
    }

    async fn next(&self, cursor: &mut RawBatchCursor) -> Result<(Place, RawBatch), SourceError> {
        let place = self.out.place().await;
        let next = async { cursor.next().await.transpose() };
        let next = self.governed(next, |next| next.as_ref().map_or(0, size)).await?;
        // The server said that there is more.
        let next = next.ok_or_else(|| self.refused("the cursor ended before the scan did".to_owned()))?;
        Ok((place, next))
    }

    /// Makes one request with the governor's leave.
    async fn governed<T>(
        &self,
        request: impl Future<Output = mongodb::error::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<T, SourceError> {
        let timeout = self.patience(self.store.options.answer_timeout);
        let (store, action) = (self.store, &self.action);
        store
            .governed(action, self.governor, timeout, request, bytes)
            .await
    }

    async fn hand_on(&self, page: Page, place: Place) -> Result<(), SourceError> {
        if page.ends.is_empty() {
            return Ok(());
        }
        let sent = self.out.send(page, place).await;
        sent.map_err(|_| self.refused("nobody takes what is read".to_owned()))
    }

    /// Copies a batch, and says whether the server has more.
    fn take(
        &mut self,
        batch: &RawBatch,
        known: &mut Option<Id>,
        bound: Option<&Bound>,
    ) -> Result<(Page, bool), SourceError> {
        let malformed = |problem: &dyn std::fmt::Display| {
            self.refused(format!("the server's answer cannot be read: {problem}"))
        };
        let documents = batch.doc_slices().map_err(|e| malformed(&e))?.as_bytes();
        let more = more(batch).ok_or_else(|| malformed(&"it has no cursor id"))?;
        let mut page = Page {
            data: Vec::with_capacity(documents.len()),
            ends: Vec::new(),
        };
        let mut raw = Vec::new();
        walk(documents, |_, value| {
            raw.push(value);
            Ok(())
        })
        .map_err(|problem| malformed(&problem))?;
        for value in raw {
            if value.kind != DOCUMENT {
                return Err(self.refused("the server's answer holds what is no document".to_owned()));
            }
            if self.is_new(value.bytes, known, bound)? {
                page.data.extend_from_slice(value.bytes);
                page.ends.push(page.data.len());
                self.place.records += 1;
            }
        }
        Ok((page, more))
    }

    /// Whether a record is to be handed on, and whether it comes where it should.
    fn is_new(
        &mut self,
        record: &[u8],
        known: &mut Option<Id>,
        bound: Option<&Bound>,
    ) -> Result<bool, SourceError> {
        if !self.sorted() {
            return Ok(true);
        }
        let Some(id) = id_of(record) else {
            return Err(self.refused("a record has no `_id`, or cannot be read as far as that".to_owned()));
        };
        if let Some(first) = known {
            if compare(first.raw(), id).is_eq() {
                return Ok(false);
            }
            *known = None;
        }
        if bound.is_none() && !self.is_inside(id) {
            let problem = "the server sent a record outside of the range, although it was seen to honour `min` and `max`";
            return Err(self.refused(problem.to_owned()));
        }
        // Equality may be wider than ours, where a collation has a say.
        if bound.is_some_and(|bound| compare(bound.id.raw(), id).is_ne()) {
            return Ok(false);
        }
        if let Some(last) = &mut self.place.last {
            if compare(last.raw(), id).is_lt() {
                last.kind = id.kind;
                last.bytes.clear();
                last.bytes.extend_from_slice(id.bytes);
            } else if self.place.resumed {
                return Err(self.out_of_order("an `_id` came that is not after the last one"));
            } else {
                self.place.disordered = true;
            }
        } else {
            self.place.last = Some(Id::of(id));
        }
        Ok(true)
    }

    /// Whether an `_id` lies between literal bounds. With filters the server's comparisons count, which may differ from ours.
    fn is_inside(&self, id: RawBson<'_>) -> bool {
        let Bounds { after, to } = &self.bounds;
        !self.literal_bounds()
            || after
                .as_ref()
                .is_none_or(|after| compare(after.id.raw(), id).is_lt())
                && to.as_ref().is_none_or(|to| compare(id, to.id.raw()).is_lt())
    }
}

impl MongoStore {
    /// Makes one request with the governor's leave, and tells it what came of it.
    pub(super) async fn governed<T>(
        &self,
        action: &str,
        governor: &Governor,
        timeout: Duration,
        request: impl Future<Output = mongodb::error::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<T, SourceError> {
        let leave = governor.request().await;
        let permit = leave.map_err(|held| self.report.refused(action, held.problem, held.advice))?;
        let answer = self.ask_within(timeout, action, request).await;
        match &answer {
            Ok(answer) => permit.brought(bytes(answer)),
            Err(SourceError::Server {
                failure: Failure::Overload,
                ..
            }) => permit.overloaded(),
            Err(_) => drop(permit),
        }
        answer
    }
}

pub(super) fn size(batch: &RawBatch) -> usize {
    batch.as_raw_document().as_bytes().len()
}

/// Whether the server has more than this batch: its cursor is still open.
fn more(batch: &RawBatch) -> Option<bool> {
    let cursor = batch.as_raw_document().get_document("cursor").ok()?;
    cursor.get_i64("id").ok().map(|id| id != 0)
}

/// A record's `_id`.
pub(super) fn id_of(record: &[u8]) -> Option<RawBson<'_>> {
    let mut found = None;
    walk_while(record, &mut Unexpected, |_, name, value| {
        if name == Some(b"_id") {
            found = Some(value);
        }
        Ok(found.is_none())
    })
    .ok()?;
    found
}
/// Expects no name in particular.
struct Unexpected;

impl crate::canon::Expect for Unexpected {
    fn expected(&self) -> &[u8] {
        &[]
    }
}
