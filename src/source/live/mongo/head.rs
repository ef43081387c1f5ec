//! Scans a collection from its beginning while others find out where it is to be cut.

use super::MongoStore;
use super::filter::{Bound, Bounds};
use super::order::compare;
use super::probe::MongoProbe;
use super::read::{Scan, reading};
use crate::source::SourceError;
use crate::source::live::{Governor, PageSender, Range};
use std::sync::OnceLock;

/// A scan from the beginning of a collection with literal bounds.
pub struct Head<'a> {
    collection: &'a str,
    scan: Scan<'a>,
}

impl MongoStore {
    /// Gets ready to read a collection from its beginning.
    ///
    /// # Errors
    /// If `collection` is not the name of one.
    pub fn head<'a>(
        &'a self,
        collection: &'a str,
        probe: &'a MongoProbe,
        governor: &'a Governor,
        out: &'a PageSender,
    ) -> Result<Head<'a>, SourceError> {
        let (range, bounds) = (Range::default(), Bounds::default());
        let scan = self.scan(collection, &range, bounds, probe, governor, out)?;
        Ok(Head { collection, scan })
    }
}

impl<'a> Head<'a> {
    /// Reads until it is known where the collection is cut, and says in which range that was; none if all of it was read
    /// before.
    ///
    /// # Errors
    /// As of [`MongoStore::read`].
    pub async fn read_until_known(
        &mut self,
        ranges: &'a OnceLock<Vec<Range>>,
    ) -> Result<Option<usize>, SourceError> {
        self.scan.cut = Some(ranges);
        self.scan.persistently(None).await?;
        self.scan.cut = None;
        if self.scan.reached.is_none() {
            self.scan.look_up_end().await?;
        }
        Ok(self.scan.reached)
    }

    /// Goes on to the end of a range that was reached.
    ///
    /// # Errors
    /// As of [`MongoStore::read`].
    pub async fn read_to_end_of(&mut self, range: &Range) -> Result<(), SourceError> {
        let beginning = beginning(range);
        self.scan.action = reading(self.collection, &beginning);
        let bounds = Bounds::parse(&beginning);
        self.scan.bounds = bounds.map_err(|problem| self.scan.refused(problem))?;
        self.scan
            .go_on()
            .map_err(|problem| self.scan.out_of_order(&problem))?;
        let Bounds { after, to } = &self.scan.bounds;
        let through = after
            .iter()
            .zip(to)
            .any(|(after, to)| compare(after.id.raw(), to.id.raw()).is_eq());
        match through {
            true => Ok(()),
            false => self.scan.complete().await,
        }
    }

    /// Where a scan broke off: the range that the last record that was handed on is in, and the error, of all up to its end.
    pub fn broke_off(&self, ranges: &[Range], mut error: SourceError) -> (usize, SourceError) {
        let range = self.scan.is_in(ranges);
        if let SourceError::Server { action, .. } = &mut error {
            *action = reading(self.collection, &beginning(&ranges[range]));
        }
        (range, error)
    }
}

/// All up to the end of a range.
fn beginning(range: &Range) -> Range {
    Range {
        after: None,
        to: range.to.clone(),
    }
}

impl Scan<'_> {
    /// Whether the scan can end here, to go on to the end of a range: whether it is known where the collection is cut, and
    /// the last record is a place to go on behind. There is nothing to end in the last range.
    pub(super) async fn is_cut(&mut self) -> Result<bool, SourceError> {
        let Some(ranges) = self.cut.and_then(OnceLock::get) else {
            return Ok(false);
        };
        let last = self.place.last.as_ref().filter(|_| !self.place.disordered);
        let Some(last) = last.and_then(|last| Bound::at(last).ok()) else {
            return Ok(false);
        };
        let range = self.is_in(ranges);
        if range + 1 < ranges.len() && self.is_one(&last).await? {
            self.reached = Some(range);
        }
        Ok(self.reached.is_some())
    }

    fn is_in(&self, ranges: &[Range]) -> usize {
        let Some(last) = &self.place.last else { return 0 };
        let before = |range: &Range| {
            let to = range.to.as_deref().map(Bound::parse);
            to.is_some_and(|to| to.is_ok_and(|to| compare(to.id.raw(), last.raw()).is_lt()))
        };
        ranges.partition_point(before).min(ranges.len().saturating_sub(1))
    }
}
