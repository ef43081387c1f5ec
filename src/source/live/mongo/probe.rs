//! What a server was seen to do, as against what it accepts. Every look is a read of a few records or of none.

use super::MongoStore;
use super::catalog::{CollectionKind, LiveCollection};
use super::server::is_router;
use crate::source::SourceError;
use futures_util::future::{try_join, try_join4};
use mongodb::bson::doc;
use std::future::IntoFuture;
use std::time::SystemTime;

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
    /// Whether reads at one cluster time say it, keep to it, and are refused rather than answered where it is long ago.
    pub snapshot: bool,
    /// The read concern in force.
    pub read_concern: String,
    /// The order in which records come.
    pub order: ReadOrder,
    /// How far the server's clock is ahead of ours, in milliseconds, and how far off that may be.
    pub clock_skew: Option<(i64, i64)>,
    /// The codes of the types that the server knows by `$type`; none where literal bounds make them needless, and of a view,
    /// where each look may cost all of it.
    pub type_codes: Vec<i32>,
    /// The server's estimate of the number of records.
    pub documents: Option<u64>,
    /// The average size of a record in bytes, as the server estimates it.
    pub average_bytes: Option<u64>,
    /// What is done in another way than it should be, and why: whole sentences for reports.
    pub degraded: Vec<String>,
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
            self.kind != CollectionKind::Capped,
            "The collection is capped and read in one range: what it lets go of during the audit may be missing on this side.",
        );
        say(
            self.kind != CollectionKind::View,
            "This is a view, read in one range: the server may sort all of it, and what it leaves out is not compared.",
        );
        say(
            self.min_max != Some(false),
            "The server ignores or refuses `min` and `max`: ranges are filters by type, and each may cost a whole scan.",
        );
        say(
            // Where there is nothing to divide, nobody looked.
            self.min_max.is_none() || self.sample || self.sample_rate,
            "The server has neither `$sample` nor `$sampleRate`: bounds are found by walking all `_id`s once.",
        );
        say(
            self.snapshot,
            "The server pins no snapshot to one time: suspects are looked at again as they are when their turn comes.",
        );
        say(
            self.order != ReadOrder::SimpleCollation,
            "The collection has, or may have, a collation of its own: the server sorts all of it under the simple one, in one range.",
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
        if let Some(problem) = found.kind.unreadable() {
            return Err(self
                .report
                .refused(action, problem, "compare dumps of it, made with mongodump"));
        }
        // The clock is asked first, over the connection that is there already.
        let looks = try_join4(
            self.server(collection, &found),
            self.first_look(&coll, &action, found.kind),
            self.order(&coll, &found),
            self.pins(&coll),
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
            let looks = try_join(self.min_max(&coll, &action, &probe), self.samples(&coll, &probe));
            (probe.min_max, (probe.sample, probe.sample_rate)) = looks.await?;
        }
        // A scan that broke off goes on by them, too.
        if probe.min_max != Some(true) && found.kind != CollectionKind::View {
            probe.type_codes = self.type_codes(&coll, &probe).await?;
        }
        if found.metadata.is_none() && found.kind != CollectionKind::View {
            let unseen = "The user may not see its options or indexes: they are not compared.";
            probe.degraded.push(unseen.to_owned());
        }
        probe.degrade();
        Ok(probe)
    }

    /// What the server says of itself.
    async fn server(&self, namespace: &str, found: &LiveCollection) -> Result<MongoProbe, SourceError> {
        let admin = self.client.database("admin");
        let action = "ask what the server is";
        let greet = async |greeting: &str| {
            let before = SystemTime::now();
            let hello = admin.run_command(doc! { greeting: 1 });
            let hello = self.ask(action, hello.into_future()).await?;
            Ok((hello, before, before.elapsed().unwrap_or_default()))
        };
        let hello = self.patiently(|| greet("hello")).await;
        let (hello, before, took) = match self.unless_refused(hello)? {
            Some(hello) => hello,
            None => self.patiently(|| greet("isMaster")).await?,
        };
        let build = || admin.run_command(doc! { "buildInfo": 1 }).into_future();
        let build = self.patiently(|| self.ask(action, build())).await;
        let build = self.unless_refused(build)?.unwrap_or_default();
        let half = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
        let ours = before.duration_since(SystemTime::UNIX_EPOCH).ok();
        let ours = ours.and_then(|t| i64::try_from(t.as_millis()).ok());
        let theirs = hello.get_datetime("localTime").ok().map(|t| t.timestamp_millis());
        Ok(MongoProbe {
            namespace: namespace.to_owned(),
            kind: found.kind,
            version: build.get_str("version").unwrap_or("unknown").to_owned(),
            mongos: is_router(&hello),
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
}
