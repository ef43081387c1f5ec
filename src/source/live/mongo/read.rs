//! Scans a range: raw batches, copied as bytes, the next one under way while the last is handed on.
//!
//! A scan that breaks goes on behind the last `_id` that was handed on. That is right only if the records came in the
//! order of their `_id`, so the order is watched all along, and a scan that saw it broken is not resumed.

use super::filter::{Bound, Bounds};
use super::order::{Id, compare};
use super::probe::{MongoProbe, ReadOrder};
use super::{MongoStore, fault};
use crate::canon::bson::{DOCUMENT, RawBson, walk, walk_while};
use crate::source::live::{Failures, Governor, Page, Range};
use crate::source::{Failure, SourceError};
use futures_util::StreamExt;
use futures_util::future::join;
use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{Collation, FindOptions, Hint};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use tokio::sync::mpsc::Sender;

impl MongoStore {
    /// Reads a range: whole documents as the server sent them, in the order of their `_id` wherever the probe says so.
    ///
    /// A lost cursor, a broken connection and a server with too much to do are met by going on behind the last record, a
    /// bounded number of times in a row. Whoever drops the receiver ends the scan with an error.
    ///
    /// # Errors
    /// What was handed on before an error is not the whole range.
    pub async fn read(
        &self,
        collection: &str,
        range: &Range,
        probe: &MongoProbe,
        governor: &Governor,
        out: Sender<Page>,
    ) -> Result<(), SourceError> {
        let action = format!("read `{collection}` {}", shown(range));
        let unusable = |problem| {
            let advice = "plan the ranges anew, for this server";
            self.report.refused(action.clone(), problem, advice)
        };
        let bounds = Bounds::parse(range).map_err(unusable)?;
        if !probe.ranges_possible() && *range != Range::default() {
            return Err(unusable(format!("a {} is read in one range", probe.kind.name())));
        }
        let mut scan = Scan {
            store: self,
            collection: self.collection(collection)?,
            probe,
            governor,
            out: &out,
            action: &action,
            bounds,
            place: Place::default(),
        };
        scan.complete().await
    }
}

/// Where in the order of `_id` a scan is.
#[derive(Default)]
struct Place {
    /// The last `_id` that was handed on.
    last: Option<Id>,
    /// Records handed on.
    records: u64,
    /// Whether an `_id` did not come after the one before it.
    disordered: bool,
    /// Whether the scan goes on from an earlier one.
    resumed: bool,
}

struct Scan<'a> {
    store: &'a MongoStore,
    collection: Collection<RawDocumentBuf>,
    probe: &'a MongoProbe,
    governor: &'a Governor,
    out: &'a Sender<Page>,
    action: &'a str,
    bounds: Bounds,
    place: Place,
}

impl Scan<'_> {
    async fn complete(&mut self) -> Result<(), SourceError> {
        let to = self.bounds.to.clone().filter(|_| self.literal_bounds());
        self.persistently(None).await?;
        // Literal bounds exclude the upper one.
        match to {
            Some(to) => self.persistently(Some(&to)).await,
            None => Ok(()),
        }
    }

    /// Runs the scan, or the look-up of one bound, until it is through.
    async fn persistently(&mut self, bound: Option<&Bound>) -> Result<(), SourceError> {
        let mut failures = Failures::default();
        loop {
            let before = self.place.records;
            let Err(error) = self.run(bound).await else {
                return Ok(());
            };
            let progress = self.place.records > before;
            if progress {
                failures = Failures::default();
            }
            if !retry(&error)
                || progress && bound.is_some()
                || !self.store.options.retry.wait(&mut failures).await
            {
                return Err(error);
            }
            if bound.is_none() {
                self.resume(error)?;
            }
            tracing::debug!(
                action = self.action,
                failures = failures.before,
                "the scan broke off and is resumed"
            );
        }
    }

    /// Goes on behind the last record.
    fn resume(&mut self, error: SourceError) -> Result<(), SourceError> {
        if self.place.records == 0 {
            return Ok(());
        }
        let Some(last) = self.place.last.as_ref().filter(|_| self.sorted()) else {
            return Err(error);
        };
        if self.place.disordered {
            return Err(self.out_of_order(&error.to_string()));
        }
        let bound = Bound::at(last).map_err(|problem| self.out_of_order(&problem))?;
        self.bounds.after = Some(bound);
        self.place.resumed = true;
        Ok(())
    }

    fn sorted(&self) -> bool {
        self.probe.order != ReadOrder::Unsorted
    }

    fn literal_bounds(&self) -> bool {
        self.probe.min_max == Some(true)
    }

    async fn run(&mut self, bound: Option<&Bound>) -> Result<(), SourceError> {
        let (filter, options) = self.query(bound)?;
        let (mut cursor, mut batch) = self.open(filter, options).await?;
        // What equals a literal lower bound, which includes it, has been read before.
        let mut known = match bound {
            None if self.literal_bounds() => self.bounds.after.as_ref().map(|b| b.id.clone()),
            _ => None,
        };
        loop {
            let (page, more) = self.take(&batch, &mut known, bound)?;
            let (sent, next) = join(self.hand_on(page), self.next(&mut cursor, more)).await;
            sent?;
            match next? {
                Some(next) => batch = next,
                None => return Ok(()),
            }
        }
    }

    fn query(&self, bound: Option<&Bound>) -> Result<(Document, FindOptions), SourceError> {
        let mut options = self.store.find_options(&self.probe.read_concern);
        options.batch_size = options.batch_size.map(|batch| batch.min(self.batch_limit()));
        if self.probe.order == ReadOrder::SimpleCollation {
            options.collation = Some(Collation::builder().locale("simple").build());
            options.allow_disk_use = Some(true);
        }
        if self.sorted() {
            options.sort = Some(doc! { "_id": 1 });
        }
        if self.probe.hint && self.probe.order == ReadOrder::ById {
            options.hint = Some(Hint::Keys(doc! { "_id": 1 }));
        }
        if let Some(bound) = bound {
            return Ok((doc! { "_id": { "$eq": &bound.value } }, options));
        }
        if self.literal_bounds() {
            let key = |bound: &Option<Bound>| bound.as_ref().map(|b| doc! { "_id": &b.value });
            (options.min, options.max) = (key(&self.bounds.after), key(&self.bounds.to));
            options.hint = Some(Hint::Keys(doc! { "_id": 1 }));
            return Ok((doc! {}, options));
        }
        let filter = self.bounds.filter(&self.probe.type_codes);
        Ok((filter.map_err(|problem| self.refused(problem))?, options))
    }

    /// How many documents a batch may hold so that its bytes are no burst.
    fn batch_limit(&self) -> u32 {
        let average = self.probe.average_bytes.unwrap_or(1024).max(1);
        let limit = self.governor.page_bytes().map(|bytes| bytes as u64 / average);
        limit.map_or(u32::MAX, |limit| u32::try_from(limit.max(1)).unwrap_or(u32::MAX))
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

    async fn next(&self, cursor: &mut RawBatchCursor, more: bool) -> Result<Option<RawBatch>, SourceError> {
        if !more {
            return Ok(None);
        }
        let next = async { cursor.next().await.transpose() };
        let next = self.governed(next, |next| next.as_ref().map_or(0, size)).await?;
        // The server said that there is more.
        next.map(Some)
            .ok_or_else(|| self.refused("the cursor ended before the scan did".to_owned()))
    }

    /// Makes one request with the governor's leave.
    async fn governed<T>(
        &self,
        request: impl Future<Output = mongodb::error::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<T, SourceError> {
        self.store
            .governed(self.action, self.governor, request, bytes)
            .await
    }

    async fn hand_on(&self, page: Page) -> Result<(), SourceError> {
        if page.ends.is_empty() {
            return Ok(());
        }
        let sent = self.out.send(page).await;
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

    fn refused(&self, problem: String) -> SourceError {
        let advice = "read the namespace again; if it stays, compare a dump of it";
        self.store.report.refused(self.action, problem, advice)
    }

    fn out_of_order(&self, problem: &str) -> SourceError {
        let problem = format!("the scan broke off and cannot be resumed by the order of `_id`: {problem}");
        self.store
            .report
            .refused(self.action, problem, "read the range again from its beginning")
    }
}

impl MongoStore {
    /// Makes one request with the governor's leave, and tells it what came of it.
    pub(super) async fn governed<T>(
        &self,
        action: &str,
        governor: &Governor,
        request: impl Future<Output = mongodb::error::Result<T>>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<T, SourceError> {
        let leave = governor.request().await;
        let permit = leave.map_err(|held| self.report.refused(action, held.problem, held.advice))?;
        let answer = self.ask(action, request).await;
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

pub(super) fn retry(error: &SourceError) -> bool {
    matches!(error, SourceError::Server { failure, .. } if fault::worth_another_try(*failure))
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

fn shown(range: &Range) -> String {
    match (&range.after, &range.to) {
        (None, None) => "from beginning to end".to_owned(),
        (None, Some(to)) => format!("up to {to}"),
        (Some(after), None) => format!("after {after}"),
        (Some(after), Some(to)) => format!("after {after} up to {to}"),
    }
}

/// Expects no name in particular.
struct Unexpected;

impl crate::canon::Expect for Unexpected {
    fn expected(&self) -> &[u8] {
        &[]
    }
}
