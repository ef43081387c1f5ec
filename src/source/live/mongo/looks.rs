//! The looks themselves: reads of a few records or of none, and what their answers show.

use super::MongoStore;
use super::catalog::{CollectionKind, LiveCollection};
use super::filter::Bound;
use super::order::{CLASSES, Id, class, compare};
use super::probe::{MongoProbe, ReadOrder};
use super::receive::id_of;
use crate::source::{Failure, SourceError};
use futures_util::future::{try_join, try_join_all};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Collation, FindOptions, Hint};

/// How many records literal bounds are tried on, at most.
const FEW: i64 = 50;

/// What the first record shows.
pub(super) struct FirstLook {
    pub(super) read_concern: String,
    pub(super) hint: bool,
    pub(super) degraded: Option<String>,
}

impl MongoStore {
    /// The read concern and the hint, on the first record there is.
    pub(super) async fn first_look(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        kind: CollectionKind,
    ) -> Result<FirstLook, SourceError> {
        let mut look = FirstLook {
            read_concern: self.read_concern.clone(),
            hint: false,
            degraded: None,
        };
        let options = self.few(&look.read_concern, 1);
        if self.accepts(coll, doc! {}, options).await?.is_none() {
            look.degraded = Some(format!(
                "The server refuses the read concern `{}`: its own is used, and what is read may be rolled back.",
                look.read_concern
            ));
            "local".clone_into(&mut look.read_concern);
            let options = self.few("local", 1);
            self.ids(coll, action, doc! {}, options).await?;
        }
        let mut options = self.few(&look.read_concern, 1);
        options.hint = Some(Hint::Keys(doc! { "_id": 1 }));
        look.hint = kind != CollectionKind::View && self.accepts(coll, doc! {}, options).await?.is_some();
        Ok(look)
    }

    pub(super) async fn order(
        &self,
        coll: &Collection<RawDocumentBuf>,
        found: &LiveCollection,
    ) -> Result<ReadOrder, SourceError> {
        if found.collation.is_none() {
            return Ok(ReadOrder::ById);
        }
        let mut options = self.few("local", 1);
        options.collation = Some(Collation::builder().locale("simple").build());
        let accepted = self.accepts(coll, doc! { "_id": Bson::Null }, options).await?;
        Ok(match accepted {
            Some(_) => ReadOrder::SimpleCollation,
            None => ReadOrder::Unsorted,
        })
    }

    /// A view may leave `_id` out.
    pub(super) async fn view_has_ids(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
    ) -> Result<(), SourceError> {
        let mut options = self.few(&self.read_concern, 1);
        options.projection = None;
        let first = self.documents(coll, action, doc! {}, options).await?;
        if first.iter().any(|document| id_of(document.as_bytes()).is_none()) {
            let problem = "the view leaves `_id` out, so its records have no order to read them by";
            return Err(self.report.refused(
                action,
                problem,
                "let the view keep `_id`, or compare a dump of it",
            ));
        }
        Ok(())
    }

    /// Reads between known `_id`s, and sees whether exactly what lies between them comes back.
    pub(super) async fn min_max(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        probe: &MongoProbe,
    ) -> Result<Option<bool>, SourceError> {
        let mut known = self
            .ids(coll, action, doc! {}, self.few(&probe.read_concern, 3))
            .await?;
        known.sort_by(|a, b| compare(a.raw(), b.raw()));
        // A router may have an `_id` several times.
        known.dedup_by(|a, b| compare(a.raw(), b.raw()).is_eq());
        // Before MinKey there is nothing to see.
        let Some(last) = known.last().filter(|last| class(last.kind) > 0) else {
            return Ok(None);
        };
        let first = known.len().checked_sub(2).map(|at| &known[at]);
        let key = |id: &Id| Bound::at(id).ok().map(|bound| doc! { "_id": bound.value });
        let mut options = self.few(&probe.read_concern, FEW);
        options.hint = Some(Hint::Keys(doc! { "_id": 1 }));
        (options.min, options.max) = (first.and_then(key), key(last));
        // Through a router, what several shards bring comes in no order by itself.
        options.sort = Some(doc! { "_id": 1 });
        let Some(seen) = self.accepts(coll, doc! {}, options).await? else {
            return Ok(Some(false));
        };
        let inside = |id: &Id| {
            first.is_none_or(|first| compare(first.raw(), id.raw()).is_le())
                && compare(id.raw(), last.raw()).is_lt()
        };
        // The first bound is a record's own `_id`, and comes first.
        let begins = match (first, seen.first()) {
            (Some(first), Some(seen)) => compare(first.raw(), seen.raw()).is_eq(),
            (Some(_), None) => false,
            (None, _) => true,
        };
        Ok(Some(begins && seen.iter().all(inside)))
    }

    /// The types that the server knows by their code. Each is tried alone and comes first in its filter: there are servers
    /// that look at a condition only when they come to it. Any document will do, lest one without an index reads them all.
    pub(super) async fn type_codes(
        &self,
        coll: &Collection<RawDocumentBuf>,
        probe: &MongoProbe,
    ) -> Result<Vec<i32>, SourceError> {
        let codes = CLASSES.into_iter().flatten().copied().chain([127]);
        let known = try_join_all(codes.map(async |code| {
            let any = doc! { "_id": { "$exists": true } };
            let filter = doc! { "$or": [{ "_id": { "$type": [code] } }, any] };
            let options = self.few(&probe.read_concern, 1);
            Ok::<_, SourceError>(self.accepts(coll, filter, options).await?.map(|_| code))
        }));
        Ok(known.await?.into_iter().flatten().collect())
    }

    /// Whether `$sample` and `$sampleRate` bring as many records as there are.
    pub(super) async fn samples(
        &self,
        coll: &Collection<RawDocumentBuf>,
        probe: &MongoProbe,
    ) -> Result<(bool, bool), SourceError> {
        let first = self
            .accepts(coll, doc! {}, self.few(&probe.read_concern, 2))
            .await?;
        let there = first.map_or(0, |first| first.len());
        let id = doc! { "$project": { "_id": 1 } };
        let sample = vec![doc! { "$sample": { "size": 2 } }, id.clone()];
        let rate = doc! { "$match": { "$sampleRate": 1.0 } };
        let rate = vec![rate, doc! { "$limit": 2 }, id];
        let seen = try_join(self.aggregates(coll, sample), self.aggregates(coll, rate));
        let (sample, rate) = seen.await?;
        let all = |seen| there > 0 && seen == Some(there);
        Ok((all(sample), all(rate)))
    }

    /// How many records the pipeline brings; `None` if the server refuses it.
    async fn aggregates(
        &self,
        coll: &Collection<RawDocumentBuf>,
        pipeline: Vec<Document>,
    ) -> Result<Option<usize>, SourceError> {
        let seen = async || {
            let aggregate = coll.aggregate(pipeline.clone());
            let cursor = aggregate.max_time(self.options.max_time).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        let seen = self
            .patiently(|| self.ask("look at what aggregates", seen()))
            .await;
        Ok(self.unless_refused(seen)?.map(|seen| seen.len()))
    }

    /// Options of a look at a few `_id`s.
    pub(super) fn few(&self, read_concern: &str, limit: i64) -> FindOptions {
        let mut options = self.find_options(read_concern);
        options.projection = Some(doc! { "_id": 1 });
        options.limit = Some(limit);
        options
    }

    /// The `_id`s that a query brings, if the server accepts it.
    pub(super) async fn accepts(
        &self,
        coll: &Collection<RawDocumentBuf>,
        filter: Document,
        options: FindOptions,
    ) -> Result<Option<Vec<Id>>, SourceError> {
        self.unless_refused(self.ids(coll, "look at what queries do", filter, options).await)
    }

    pub(super) async fn ids(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<Id>, SourceError> {
        let documents = self.documents(coll, action, filter, options).await?;
        Ok(documents
            .iter()
            .filter_map(|d| id_of(d.as_bytes()).map(Id::of))
            .collect())
    }

    async fn documents(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        filter: Document,
        options: FindOptions,
    ) -> Result<Vec<RawDocumentBuf>, SourceError> {
        let seen = async || {
            let find = coll.find(filter.clone()).with_options(options.clone());
            let mut cursor = find.batch().await?;
            let mut seen = Vec::new();
            while let Some(batch) = cursor.next().await.transpose()? {
                for document in batch.doc_slices()? {
                    seen.extend(document?.as_document().map(|d| d.to_owned()));
                }
            }
            Ok(seen)
        };
        self.patiently(|| self.ask(action, seen())).await
    }

    /// A refusal is an observation; every other failure is one of the look itself.
    pub(super) fn unless_refused<T>(&self, answer: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(SourceError::Server {
                failure: Failure::Refused | Failure::Snapshot,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
