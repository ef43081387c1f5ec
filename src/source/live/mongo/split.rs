//! Where to cut a collection into ranges.
//!
//! `$sample` comes first: with a sample that is small beside the collection, a server draws it from a random cursor and
//! reads no more than that. `$sampleRate` walks the whole `_id` index on the server, but sends little. Where neither works,
//! all `_id`s are walked here, once: as many keys are sent as there are records, which is still far less than the records,
//! and nothing is skipped over (`skip` would walk the index once per range). A caller for whom that is too much asks for
//! one range.

use super::MongoStore;
use super::filter::{Bound, Bounds, choose, tile};
use super::order::{Id, compare};
use super::probe::MongoProbe;
use super::receive::id_of;
use crate::source::live::Range;
use crate::source::{Failure, SourceError};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{AggregateOptions, Hint, ReadConcern};
use std::time::Instant;

/// Sampled `_id`s per range: the spread of the ranges' sizes falls with its root.
const SAMPLES_PER_RANGE: usize = 20;
/// One of how many documents is drawn at most: MongoDB draws one of twenty from a random cursor, and reads the whole
/// collection for more.
const DRAWN: u64 = 25;
/// How many `_id`s filters are tried on before they are believed.
const TRIED: usize = 200;

impl MongoStore {
    /// Cuts a collection into at most `wanted` ranges of about the same number of records, from the beginning to the end of
    /// everything, in the server's order of `_id`.
    ///
    /// Where ranges have to be filters, they are first tried on `_id`s that are there: if one of them is in no range or in
    /// two, this server's comparisons are not to be trusted, and there is one range.
    pub async fn ranges(
        &self,
        collection: &str,
        wanted: usize,
        probe: &MongoProbe,
    ) -> Result<Vec<Range>, SourceError> {
        let whole = vec![Range::default()];
        if wanted <= 1 || !probe.ranges_possible() {
            return Ok(whole);
        }
        let coll = self.collection(collection)?;
        let action = format!("cut `{collection}` into ranges");
        let size = sample_size(wanted, probe.documents);
        let ids = match self.sampled(&coll, &action, size, probe).await? {
            Some(ids) => ids,
            None => self.patiently(|| self.walk(&coll, &action, size, probe)).await?,
        };
        let filters = probe.min_max != Some(true);
        let ranges = tile(&choose(&ids, wanted, filters)).map_err(|p| self.unusable(&action, p))?;
        if filters && !self.tried(&coll, &action, &ranges, &ids, probe).await? {
            return Ok(whole);
        }
        Ok(ranges)
    }

    fn unusable(&self, action: &str, problem: String) -> SourceError {
        self.report
            .refused(action, problem, "read the collection in one range")
    }

    /// A sample of `_id`s in order, drawn by the server. None where it has no way, or fails at those it was seen to have:
    /// one server sorts by random comparisons, and its sort fails now and then. Where one takes all its time, the next is
    /// taken.
    async fn sampled(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        size: usize,
        probe: &MongoProbe,
    ) -> Result<Option<Vec<Id>>, SourceError> {
        let mut ways = Vec::new();
        if probe.sample {
            // A hint would keep the server from its random cursor.
            ways.push((doc! { "$sample": { "size": size as i64 } }, false));
        }
        if let Some(documents) = probe.documents.filter(|n| probe.sample_rate && *n > 0) {
            let rate = (size as f64 / documents as f64).min(1.0);
            ways.push((doc! { "$match": { "$sampleRate": rate } }, probe.hint));
        }
        for (way, hint) in &ways {
            let drawn = || self.sample(coll, action, way, *hint, probe);
            if let Some(ids) = self.patiently(drawn).await? {
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }

    /// A sample drawn in one way; none if the server refuses it, or if it took all the time there is.
    async fn sample(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        way: &Document,
        hint: bool,
        probe: &MongoProbe,
    ) -> Result<Option<Vec<Id>>, SourceError> {
        let (project, sort) = (doc! { "$project": { "_id": 1 } }, doc! { "$sort": { "_id": 1 } });
        let mut options = AggregateOptions::default();
        options.comment = Some(Bson::String(self.options.comment.clone()));
        options.max_time = Some(self.options.max_time);
        options.read_concern = Some(ReadConcern::custom(&probe.read_concern));
        options.hint = hint.then(|| Hint::Keys(doc! { "_id": 1 }));
        let drawn = async {
            let aggregate = coll.aggregate([way.clone(), project, sort]);
            let cursor = aggregate.with_options(options).await?;
            cursor.with_type::<RawDocumentBuf>().try_collect::<Vec<_>>().await
        };
        let begun = Instant::now();
        match self.ask(action, drawn).await {
            Err(error @ SourceError::Server { failure, .. })
                if failure == Failure::Refused
                    || failure == Failure::Overload && begun.elapsed() >= self.options.max_time =>
            {
                tracing::debug!(action, %error, "the server does not draw a sample");
                Ok(None)
            }
            drawn => {
                let drawn = drawn?;
                let ids = drawn.iter().filter_map(|d| id_of(d.as_bytes()).map(Id::of));
                Ok(Some(ids.collect()))
            }
        }
    }

    /// Walks all `_id`s in order and keeps evenly spread ones, at most `most`.
    async fn walk(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        most: usize,
        probe: &MongoProbe,
    ) -> Result<Vec<Id>, SourceError> {
        let mut options = self.find_options(&probe.read_concern);
        options.projection = Some(doc! { "_id": 1 });
        options.sort = Some(doc! { "_id": 1 });
        options.batch_size = Some(10_000);
        options.hint = probe.hint.then(|| Hint::Keys(doc! { "_id": 1 }));
        let mut cursor = self
            .ask(action, coll.find(doc! {}).with_options(options).batch())
            .await?;
        let mut kept = Spread::new(most);
        while let Some(batch) = self
            .ask(action, async { cursor.next().await.transpose() })
            .await?
        {
            for document in batch.doc_slices().map_err(|e| self.report.driver(action, &e))? {
                let document = document.map_err(|e| self.report.driver(action, &e.into()))?;
                if let Some(id) = document.as_document().and_then(|d| id_of(d.as_bytes())) {
                    kept.see(|| Id::of(id));
                }
            }
        }
        Ok(kept.ids)
    }

    /// Whether each of some `_id`s that are there is in exactly one range, and in the one where it should be.
    async fn tried(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        ranges: &[Range],
        ids: &[Id],
        probe: &MongoProbe,
    ) -> Result<bool, SourceError> {
        let step = ids.len().div_ceil(TRIED).max(1);
        let some: Vec<&Id> = ids.iter().step_by(step).collect();
        let values: Vec<Bson> = some
            .iter()
            .filter_map(|id| Some(Bound::at(id).ok()?.value))
            .collect();
        let mut seen = Vec::new();
        for range in ranges {
            let bounds = Bounds::parse(range).map_err(|p| self.unusable(action, p))?;
            let filter = bounds
                .filter(&probe.type_codes)
                .map_err(|p| self.unusable(action, p))?;
            let both = doc! { "$and": [filter, { "_id": { "$in": &values } }] };
            let Some(found) = self.accepts(coll, both, self.few(&probe.read_concern, 0)).await? else {
                return Ok(false);
            };
            seen.extend(found);
        }
        // Records that have gone since do not count against the server, those that came twice do.
        let times = |id: &Id| seen.iter().filter(|s| compare(s.raw(), id.raw()).is_eq()).count();
        let mut missing = Vec::new();
        for id in some {
            match times(id) {
                1 => {}
                0 => missing.push(id),
                _ => return Ok(false),
            }
        }
        for id in missing {
            let still = Bound::at(id).map(|bound| doc! { "_id": bound.value });
            let still = still.map_err(|p| self.unusable(action, p))?;
            if self
                .accepts(coll, still, self.few(&probe.read_concern, 1))
                .await?
                .is_some_and(|f| !f.is_empty())
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// How many `_id`s are drawn for so many ranges: few enough to be cheap, unless that were too few for the ranges.
fn sample_size(wanted: usize, documents: Option<u64>) -> usize {
    let size = wanted.saturating_mul(SAMPLES_PER_RANGE).min(1 << 20);
    let cheap = documents.and_then(|n| usize::try_from(n / DRAWN).ok());
    cheap
        .filter(|cheap| *cheap >= wanted)
        .map_or(size, |cheap| size.min(cheap))
}

/// Keeps every n-th of a sequence whose length is not known, with n doubling as it grows.
struct Spread {
    ids: Vec<Id>,
    most: usize,
    stride: usize,
    seen: usize,
}

impl Spread {
    fn new(most: usize) -> Spread {
        Spread {
            ids: Vec::new(),
            most: most.max(2),
            stride: 1,
            seen: 0,
        }
    }

    fn see(&mut self, id: impl FnOnce() -> Id) {
        self.seen += 1;
        if self.seen.is_multiple_of(self.stride) {
            self.ids.push(id());
        }
        if self.ids.len() >= self.most {
            let mut odd = false;
            self.ids.retain(|_| {
                odd = !odd;
                !odd
            });
            self.stride *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_small_beside_the_collection() {
        assert_eq!(sample_size(8, Some(1_000_000)), 160);
        assert_eq!(sample_size(8, None), 160);
        assert_eq!(sample_size(8, Some(1000)), 40);
        assert_eq!(sample_size(8, Some(100)), 160);
        assert_eq!(sample_size(usize::MAX, None), 1 << 20);
    }

    #[test]
    fn a_walk_keeps_evenly_spread_ids_whatever_the_length() {
        for length in [0_usize, 1, 9, 10, 11, 1000, 12345] {
            let mut spread = Spread::new(10);
            for i in 1..=length {
                spread.see(|| Id {
                    kind: 0x12,
                    bytes: (i as i64).to_le_bytes().to_vec(),
                });
            }
            let stride = spread.stride;
            let expected: Vec<_> = (1..=length / stride)
                .map(|n| ((n * stride) as i64).to_le_bytes().to_vec())
                .collect();
            let kept: Vec<_> = spread.ids.into_iter().map(|id| id.bytes).collect();
            assert_eq!(kept, expected);
            assert!(
                kept.len() < 10 && (length < 10 || kept.len() >= 4),
                "{length}: {}",
                kept.len()
            );
        }
    }
}
