//! Scans a range: what is asked of the server, and what is asked again where the scan breaks.
//!
//! A scan that breaks goes on behind the last `_id` that was handed on. That is right only if the records came in the
//! order of their `_id`, so the order is watched all along, and a scan that saw it broken is not resumed.

use super::catalog::CollectionKind;
use super::filter::{Bound, Bounds};
use super::literal::Unusable;
use super::order::Id;
use super::probe::{MongoProbe, ReadOrder};
use super::{MongoStore, fault};
use crate::source::SourceError;
use crate::source::live::{Failures, Governor, PageSender, Range};
use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{Collation, FindOptions, Hint};
use std::sync::OnceLock;
use std::time::Duration;

/// About how many bytes a batch has at most: several are held at a time, and a server's own limit is 16 MiB.
const BATCH_BYTES: usize = 1 << 20;
/// How many times as long as for others is waited for a query that the server may have to sort all records for: a part of
/// that is of no use.
const SORTING: u32 = 20;

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
        out: PageSender,
    ) -> Result<(), SourceError> {
        let unusable = |problem| {
            let advice = "plan the ranges anew, for this server";
            self.report.refused(reading(collection, range), problem, advice)
        };
        let bounds = Bounds::parse(range).map_err(unusable)?;
        if !probe.ranges_possible() && *range != Range::default() {
            return Err(unusable(format!("a {} is read in one range", probe.kind.name())));
        }
        let mut scan = self.scan(collection, range, bounds, probe, governor, &out)?;
        scan.complete().await
    }

    /// A scan that has not begun.
    pub(super) fn scan<'a>(
        &'a self,
        collection: &str,
        range: &Range,
        bounds: Bounds,
        probe: &'a MongoProbe,
        governor: &'a Governor,
        out: &'a PageSender,
    ) -> Result<Scan<'a>, SourceError> {
        Ok(Scan {
            store: self,
            collection: self.collection(collection)?,
            probe,
            governor,
            out,
            action: reading(collection, range),
            bounds,
            place: Place::default(),
            cut: None,
            reached: None,
        })
    }
}

/// Where in the order of `_id` a scan is.
#[derive(Default)]
pub(super) struct Place {
    /// The last `_id` that was handed on.
    pub(super) last: Option<Id>,
    /// Records handed on.
    pub(super) records: u64,
    /// Whether an `_id` did not come after the one before it.
    pub(super) disordered: bool,
    /// Whether the scan goes on from an earlier one.
    pub(super) resumed: bool,
}

/// A range that is being read.
pub(super) struct Scan<'a> {
    pub(super) store: &'a MongoStore,
    pub(super) collection: Collection<RawDocumentBuf>,
    pub(super) probe: &'a MongoProbe,
    pub(super) governor: &'a Governor,
    pub(super) out: &'a PageSender,
    pub(super) action: String,
    pub(super) bounds: Bounds,
    pub(super) place: Place,
    /// Where the ranges will be that the scan is to end with one of; else it ends with its bounds.
    pub(super) cut: Option<&'a OnceLock<Vec<Range>>>,
    /// The one that it has come to.
    pub(super) reached: Option<usize>,
}

impl Scan<'_> {
    pub(super) async fn complete(&mut self) -> Result<(), SourceError> {
        if self.literal_bounds() {
            self.bounds.close();
        }
        self.persistently(None).await?;
        self.look_up_end().await
    }

    /// Reads what literal bounds leave out: the upper one.
    pub(super) async fn look_up_end(&mut self) -> Result<(), SourceError> {
        match self.bounds.to.clone() {
            Some(to) if self.literal_bounds() => self.persistently(Some(&to)).await,
            _ => Ok(()),
        }
    }

    /// Runs the scan, or the look-up of one bound, until it is through.
    pub(super) async fn persistently(&mut self, bound: Option<&Bound>) -> Result<(), SourceError> {
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
            if !fault::passes(&error)
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
        if self.place.last.is_none() || !self.sorted() {
            return Err(error);
        }
        if self.place.disordered {
            return Err(self.out_of_order(&error.to_string()));
        }
        self.go_on().map_err(|problem| self.out_of_order(&problem))
    }

    /// What is read from now on comes after the last record.
    pub(super) fn go_on(&mut self) -> Result<(), Unusable> {
        if let Some(last) = &self.place.last {
            self.bounds.after = Some(Bound::at(last)?);
            self.place.resumed = true;
        }
        if self.literal_bounds() {
            self.bounds.close();
        }
        Ok(())
    }

    pub(super) fn sorted(&self) -> bool {
        self.probe.order != ReadOrder::Unsorted
    }

    /// Whether the server may have to sort all of the collection.
    fn may_sort(&self) -> bool {
        self.probe.order == ReadOrder::SimpleCollation || self.probe.kind == CollectionKind::View
    }

    /// How long this scan waits where others wait for `time`.
    pub(super) fn patience(&self, time: Duration) -> Duration {
        match self.may_sort() {
            true => time * SORTING,
            false => time,
        }
    }

    pub(super) fn literal_bounds(&self) -> bool {
        self.probe.min_max == Some(true)
    }

    /// The query of the scan, or of the look-up of one bound.
    pub(super) fn query(&self, bound: Option<&Bound>) -> Result<(Document, FindOptions), SourceError> {
        let mut options = self.store.find_options(&self.probe.read_concern);
        options.batch_size = options.batch_size.map(|batch| batch.min(self.batch_limit()));
        if self.probe.order == ReadOrder::SimpleCollation {
            options.collation = Some(Collation::builder().locale("simple").build());
        }
        if self.may_sort() {
            options.allow_disk_use = Some(true);
            options.max_time = Some(self.patience(self.store.options.max_time));
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

    /// How many documents a batch may hold, going by their average length.
    fn batch_limit(&self) -> u32 {
        let average = self.probe.average_bytes.unwrap_or(1024).max(1);
        let bytes = self
            .governor
            .page_bytes()
            .map_or(BATCH_BYTES, |b| b.min(BATCH_BYTES));
        u32::try_from((bytes as u64 / average).max(1)).unwrap_or(u32::MAX)
    }

    pub(super) fn refused(&self, problem: String) -> SourceError {
        let advice = "read the namespace again; if it stays, compare a dump of it";
        self.store.report.refused(&self.action, problem, advice)
    }

    pub(super) fn out_of_order(&self, problem: &str) -> SourceError {
        let problem = format!("the scan broke off and cannot be resumed by the order of `_id`: {problem}");
        self.store
            .report
            .refused(&self.action, problem, "read the range again from its beginning")
    }
}

/// What is attempted, as a verb.
pub(super) fn reading(collection: &str, range: &Range) -> String {
    let stretch = match (&range.after, &range.to) {
        (None, None) => "from beginning to end".to_owned(),
        (None, Some(to)) => format!("up to {to}"),
        (Some(after), None) => format!("after {after}"),
        (Some(after), Some(to)) => format!("after {after} up to {to}"),
    };
    format!("read `{collection}` {stretch}")
}
