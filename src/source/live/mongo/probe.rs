//! What a server was seen to do, as against what it accepts. Every look is a read of a few records or of none.

use super::MongoStore;
use super::catalog::{CollectionKind, LiveCollection};
use super::order::{CLASSES, Id, compare};
use super::read::id_of;
use crate::source::{Failure, SourceError};
use futures_util::future::{try_join, try_join_all, try_join3, try_join4};
use futures_util::{StreamExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::options::{Collation, FindOptions, Hint};
use std::future::IntoFuture;
use std::time::SystemTime;

/// How many records literal bounds are tried on, at most.
const FEW: i64 = 50;

/// In which order a collection's records come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOrder {
    /// By `_id`, from its index.
    ById,
    /// By `_id` under the simple collation, which the index does not have: the server sorts.
    SimpleCollation,
    /// In none: a scan that breaks cannot be resumed.
    Unsorted,
}

/// What was observed of a server and one of its collections.
#[derive(Clone, Debug, PartialEq)]
pub struct MongoProbe {
    /// The collection, `database.collection`.
    pub namespace: String,
    /// What kind it is.
    pub kind: CollectionKind,
    /// The version that the server says it is.
    pub version: String,
    /// Whether it is a router of a sharded cluster.
    pub mongos: bool,
    /// The name of the replica set.
    pub replica_set: Option<String>,
    /// Whether literal index bounds bring exactly the records between them; `None` if there is no record to see it by.
    pub min_max: Option<bool>,
    /// Whether `$sample` brings as many records as it is asked for.
    pub sample: bool,
    /// Whether `$sampleRate` works.
    pub sample_rate: bool,
    /// Whether an index can be named.
    pub hint: bool,
    /// Whether a snapshot read says its time, and a time long ago is refused rather than ignored.
    pub snapshot: bool,
    /// The read concern in force.
    pub read_concern: String,
    /// The order in which records come.
    pub order: ReadOrder,
    /// How far the server's clock is ahead of ours, in milliseconds, and how far off that may be.
    pub clock_skew: Option<(i64, i64)>,
    /// The codes of the types that the server knows by `$type`.
    pub type_codes: Vec<i32>,
    /// The server's estimate of the number of records.
    pub documents: Option<u64>,
    /// The average size of a record in bytes, as the server estimates it.
    pub average_bytes: Option<u64>,
    /// What is done in another way than it should be, and why: whole sentences for reports.
    pub degraded: Vec<String>,
}

/// What the first record shows.
struct FirstLook {
    read_concern: String,
    hint: bool,
    degraded: Option<String>,
}

impl MongoProbe {
    /// Whether the collection can be read in more than one range.
    pub fn ranges_possible(&self) -> bool {
        let kind = matches!(self.kind, CollectionKind::Collection | CollectionKind::Clustered);
        let bounds = self.min_max == Some(true) || !self.type_codes.is_empty();
        kind && bounds && self.order == ReadOrder::ById
    }

    fn degrade(&mut self) {
        let mut say = |holds: bool, text: &str| {
            if !holds {
                self.degraded.push(text.to_owned());
            }
        };
        say(
            self.min_max != Some(false),
            "The server ignores or refuses `min` and `max`: ranges are filters by type, and each may cost a whole scan.",
        );
        say(
            self.sample || self.sample_rate,
            "The server has neither `$sample` nor `$sampleRate`: bounds are found by walking all `_id`s once.",
        );
        say(
            self.snapshot,
            "The server gives no snapshot at one time: records are read as they are when their turn comes.",
        );
        say(
            self.order != ReadOrder::SimpleCollation,
            "The collection has a collation of its own: the server sorts all of it under the simple one, in one range.",
        );
        say(
            self.order != ReadOrder::Unsorted,
            "The records come unsorted and in one range: a scan that breaks begins anew.",
        );
    }
}

impl MongoStore {
    /// Looks at what the server does with one collection.
    ///
    /// # Errors
    /// If there is no such collection, it may not be read, or it is of a kind that cannot be.
    pub async fn probe(&self, collection: &str) -> Result<MongoProbe, SourceError> {
        let found = self.find_collection(collection).await?;
        let coll = self.collection(collection)?;
        let action = format!("look at `{collection}`");
        if found.kind == CollectionKind::TimeSeries {
            let problem = "a time series has no order of unique `_id`s to read it by";
            return Err(self
                .report
                .refused(action, problem, "compare dumps of it, made with mongodump"));
        }
        // The clock is asked first, over the connection that is there already.
        let looks = try_join4(
            self.server(collection, &found),
            self.first_look(&coll, &action, found.kind),
            self.order(&coll, &found),
            self.snapshot(collection),
        );
        let (mut probe, first, order, snapshot) = looks.await?;
        (probe.read_concern, probe.hint) = (first.read_concern, first.hint);
        probe.degraded.extend(first.degraded);
        (probe.order, probe.snapshot) = (order, snapshot);
        if found.kind == CollectionKind::View {
            self.view_has_ids(&coll, &action).await?;
        }
        if matches!(found.kind, CollectionKind::Collection | CollectionKind::Clustered)
            && probe.order == ReadOrder::ById
        {
            let looks = try_join3(
                self.min_max(&coll, &action, &probe),
                self.type_codes(&coll, &probe),
                self.samples(&coll, &probe),
            );
            (probe.min_max, probe.type_codes, (probe.sample, probe.sample_rate)) = looks.await?;
        }
        probe.degrade();
        Ok(probe)
    }

    /// What the server says of itself.
    async fn server(&self, namespace: &str, found: &LiveCollection) -> Result<MongoProbe, SourceError> {
        let admin = self.client.database("admin");
        let before = SystemTime::now();
        let hello = match admin.run_command(doc! { "hello": 1 }).await {
            Ok(hello) => hello,
            Err(_) => {
                let old = admin.run_command(doc! { "isMaster": 1 });
                self.ask("ask what the server is", old.into_future()).await?
            }
        };
        let took = before.elapsed().unwrap_or_default();
        let build = admin
            .run_command(doc! { "buildInfo": 1 })
            .await
            .unwrap_or_default();
        let half = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
        let ours = before.duration_since(SystemTime::UNIX_EPOCH).ok();
        let ours = ours.and_then(|t| i64::try_from(t.as_millis()).ok());
        let theirs = hello.get_datetime("localTime").ok().map(|t| t.timestamp_millis());
        Ok(MongoProbe {
            namespace: namespace.to_owned(),
            kind: found.kind,
            version: build.get_str("version").unwrap_or("unknown").to_owned(),
            mongos: hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid"),
            replica_set: hello.get_str("setName").ok().map(str::to_owned),
            min_max: None,
            sample: false,
            sample_rate: false,
            hint: false,
            snapshot: false,
            read_concern: self.read_concern.clone(),
            order: ReadOrder::Unsorted,
            clock_skew: ours
                .zip(theirs)
                .map(|(ours, theirs)| (theirs - ours - half, half + 1)),
            type_codes: Vec::new(),
            documents: found.documents,
            average_bytes: found
                .bytes
                .zip(found.documents.filter(|n| *n > 0))
                .map(|(b, n)| b / n),
            degraded: Vec::new(),
        })
    }

    /// The read concern and the hint, on the first record there is.
    async fn first_look(
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

    async fn order(
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
    async fn view_has_ids(&self, coll: &Collection<RawDocumentBuf>, action: &str) -> Result<(), SourceError> {
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
    async fn min_max(
        &self,
        coll: &Collection<RawDocumentBuf>,
        action: &str,
        probe: &MongoProbe,
    ) -> Result<Option<bool>, SourceError> {
        let mut known = self
            .ids(coll, action, doc! {}, self.few(&probe.read_concern, 3))
            .await?;
        known.sort_by(|a, b| compare(a.raw(), b.raw()));
        let Some(last) = known.last() else {
            return Ok(None);
        };
        let first = known.len().checked_sub(2).map(|at| &known[at]);
        let key = |id: &Id| {
            super::filter::Bound::at(id)
                .ok()
                .map(|bound| doc! { "_id": bound.value })
        };
        let mut options = self.few(&probe.read_concern, FEW);
        options.hint = Some(Hint::Keys(doc! { "_id": 1 }));
        (options.min, options.max) = (first.and_then(key), key(last));
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
    /// that look at a condition only when they come to it.
    async fn type_codes(
        &self,
        coll: &Collection<RawDocumentBuf>,
        probe: &MongoProbe,
    ) -> Result<Vec<i32>, SourceError> {
        let codes = CLASSES.into_iter().flatten().copied().chain([127]);
        let known = try_join_all(codes.map(async |code| {
            let filter = doc! { "_id": { "$type": [code], "$in": [0] } };
            let options = self.few(&probe.read_concern, 1);
            Ok::<_, SourceError>(self.accepts(coll, filter, options).await?.map(|_| code))
        }));
        Ok(known.await?.into_iter().flatten().collect())
    }

    /// Whether `$sample` and `$sampleRate` bring as many records as there are.
    async fn samples(
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
        let seen = async {
            let cursor = coll.aggregate(pipeline).max_time(self.options.max_time).await?;
            cursor.try_collect::<Vec<Document>>().await
        };
        Ok(self
            .unless_refused(self.ask("look at what aggregates", seen).await)?
            .map(|seen| seen.len()))
    }

    /// A server that pins its reads says to which time, and has no answer for a time long ago.
    async fn snapshot(&self, namespace: &str) -> Result<bool, SourceError> {
        let (database, name) = self.split_name(namespace)?;
        let database = self.client.database(database);
        let find = async |concern: Document| {
            let command = doc! { "find": name, "limit": 1, "singleBatch": true, "projection": { "_id": 1 },
            "readConcern": concern, "maxTimeMS": 5000 };
            let answer = database.run_command(command);
            self.unless_refused(self.ask("look for snapshots", answer.into_future()).await)
        };
        let Some(answer) = find(doc! { "level": "snapshot" }).await? else {
            return Ok(false);
        };
        let cursor = answer.get_document("cursor").ok();
        let pinned = cursor.is_some_and(|cursor| cursor.contains_key("atClusterTime"));
        let long_ago = Timestamp {
            time: 1,
            increment: 1,
        };
        Ok(pinned
            && find(doc! { "level": "snapshot", "atClusterTime": long_ago })
                .await?
                .is_none())
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
        let seen = async {
            let mut cursor = coll.find(filter).with_options(options).batch().await?;
            let mut seen = Vec::new();
            while let Some(batch) = cursor.next().await.transpose()? {
                for document in batch.doc_slices()? {
                    seen.extend(document?.as_document().map(|d| d.to_owned()));
                }
            }
            Ok(seen)
        };
        self.ask(action, seen).await
    }

    /// A refusal is an observation; every other failure is one of the look itself.
    pub(super) fn unless_refused<T>(&self, answer: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(SourceError::Server {
                failure: Failure::Refused,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
