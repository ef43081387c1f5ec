//! MongoDB, and servers that speak its protocol.
//!
//! Compatible servers accept what they do not do, so nothing is taken from a version number: [`MongoStore::probe`] looks at
//! what a server answers, and everything else goes by that. Documents are copied from the server's batches as bytes.
//!
//! Map: `location` and `fault` say where and why something failed, `catalog` lists collections, `probe` is what was observed
//! of one and `looks` how, `filter` and `order` know ranges of `_id`, `split` finds their bounds, `read` scans them,
//! `head` the first of them while the bounds are being found, `receive` takes what comes, `points` looks up keys, at one cluster time where `snapshot` can; `server` is what a server
//! says of itself, `lag` how far a replica set is behind.

mod catalog;
mod fault;
mod filter;
mod head;
mod lag;
mod literal;
mod location;
mod looks;
mod order;
mod points;
mod probe;
mod read;
mod receive;
mod server;
mod snapshot;
mod split;

pub use catalog::{CollectionKind, LiveCollection, MongoCatalog};
pub use head::Head;
pub use points::MongoPoints;
pub use probe::{MongoProbe, ReadOrder};
pub use server::{MongoRights, MongoServer};

use super::super::SourceError;
use super::{Failures, Retry};
use fault::Reporter;
use location::Secrets;
use mongodb::bson::{Bson, RawDocumentBuf, doc};
use mongodb::options::{ClientOptions, FindOptions, ReadConcern, ReadConcernLevel};
use mongodb::{Client, Collection};
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// How a MongoDB server is read. What the connection string says about read preference, tags and TLS holds as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct MongoOptions {
    /// Documents in a batch, at most; a server's batch also ends at 16 MiB.
    pub batch: u32,
    /// How long to look for a server that can be reached.
    pub connect_timeout: Duration,
    /// How long the server may work on one query (`maxTimeMS`), all its batches together; a scan goes on with a new one.
    pub max_time: Duration,
    /// How long to wait for one answer.
    pub answer_timeout: Duration,
    /// How long a scan that makes no progress is resumed.
    pub retry: Retry,
    /// The read concern; without it that of the connection string, else `majority`.
    pub read_concern: Option<String>,
    /// What stands in the server's logs and profiles beside every query.
    pub comment: String,
    /// Whether single records are read from the primary, whatever the read preference.
    pub points_from_primary: bool,
    /// Whether a UUID may be held as binary of the old subtype 3, in any of its byte orders.
    pub legacy_uuids: bool,
}

impl Default for MongoOptions {
    fn default() -> MongoOptions {
        MongoOptions {
            batch: 1000,
            connect_timeout: Duration::from_secs(10),
            max_time: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(75),
            retry: Retry::default(),
            read_concern: None,
            comment: "assay".to_owned(),
            points_from_primary: true,
            legacy_uuids: false,
        }
    }
}

/// A MongoDB deployment, or one of a server that speaks its protocol. Nothing here writes to it.
#[derive(Clone)]
pub struct MongoStore {
    client: Client,
    database: Option<String>,
    read_concern: String,
    options: MongoOptions,
    report: Reporter,
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore")
            .field("location", &self.report.location)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl MongoStore {
    /// Connects, and makes sure that the server answers.
    ///
    /// # Errors
    /// If `uri` is no connection string, the server cannot be reached, or it does not know the user.
    pub async fn connect(uri: &str, options: &MongoOptions) -> Result<MongoStore, SourceError> {
        let mut report = Reporter {
            location: "MongoDB".into(),
            secrets: Secrets::of(uri),
        };
        let parsed = ClientOptions::parse(uri).await;
        let mut client = parsed.map_err(|e| report.driver("read the connection string", &e))?;
        report.location = location::shown(&client);
        client.app_name.get_or_insert_with(|| "assay".to_owned());
        client.connect_timeout.get_or_insert(options.connect_timeout);
        client
            .server_selection_timeout
            .get_or_insert(options.connect_timeout);
        // Connections are made as they are needed: the governor decides how many.
        client.max_pool_size.get_or_insert(256);
        let from_uri = client.read_concern.as_ref().map(|concern| level(&concern.level));
        let read_concern = options.read_concern.clone().or(from_uri);
        let read_concern = read_concern.unwrap_or_else(|| "majority".to_owned());
        if read_concern == "available" {
            return Err(report.refused(
                "read with read concern `available`",
                "through a sharded cluster it returns documents that are no longer there",
                "use `majority` or `local`",
            ));
        }
        let database = client.default_database.clone();
        let connected = Client::with_options(client);
        let store = MongoStore {
            client: connected.map_err(|e| report.driver("connect", &e))?,
            database,
            read_concern,
            options: options.clone(),
            report,
        };
        let admin = store.client.database("admin");
        store
            .ask("connect", admin.run_command(doc! { "ping": 1 }).into_future())
            .await?;
        Ok(store)
    }

    /// Hosts and database, without secrets.
    pub fn location(&self) -> &str {
        &self.report.location
    }

    /// Waits for an answer, but not forever.
    async fn ask<T>(
        &self,
        action: &str,
        answer: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, SourceError> {
        self.ask_within(self.options.answer_timeout, action, answer).await
    }

    async fn ask_within<T>(
        &self,
        timeout: Duration,
        action: &str,
        answer: impl Future<Output = mongodb::error::Result<T>>,
    ) -> Result<T, SourceError> {
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer.map_err(|e| self.report.driver(action, &e)),
            Err(_) => Err(self.report.silence(action, timeout)),
        }
    }

    /// Makes an attempt again for as long as the server cannot be reached or has too much to do.
    pub(super) async fn patiently<T, A: Future<Output = Result<T, SourceError>>>(
        &self,
        attempt: impl Fn() -> A,
    ) -> Result<T, SourceError> {
        let mut failures = Failures::default();
        loop {
            match attempt().await {
                Err(error) if fault::passes(&error) && self.options.retry.wait(&mut failures).await => {
                    tracing::debug!(failures = failures.before, %error, "trying again");
                }
                answer => return answer,
            }
        }
    }

    /// Database and collection of `shop.orders`.
    fn split_name<'n>(&self, namespace: &'n str) -> Result<(&'n str, &'n str), SourceError> {
        namespace
            .split_once('.')
            .filter(|(database, collection)| !database.is_empty() && !collection.is_empty())
            .ok_or_else(|| SourceError::Namespace {
                location: self.report.location.clone(),
                name: namespace.to_owned(),
                problem: "this is not the name of a collection:".to_owned(),
                advice: "write it as `database.collection`".to_owned(),
            })
    }

    fn collection(&self, namespace: &str) -> Result<Collection<RawDocumentBuf>, SourceError> {
        let (database, collection) = self.split_name(namespace)?;
        Ok(self.client.database(database).collection(collection))
    }

    /// What all queries have in common.
    fn find_options(&self, read_concern: &str) -> FindOptions {
        let mut options = FindOptions::default();
        options.comment = Some(Bson::String(self.options.comment.clone()));
        options.max_time = Some(self.options.max_time);
        options.batch_size = Some(self.options.batch.max(1));
        options.read_concern = Some(ReadConcern::custom(read_concern));
        options
    }
}

/// The name of a read concern.
fn level(level: &ReadConcernLevel) -> String {
    match level {
        ReadConcernLevel::Local => "local",
        ReadConcernLevel::Majority => "majority",
        ReadConcernLevel::Linearizable => "linearizable",
        ReadConcernLevel::Available => "available",
        ReadConcernLevel::Snapshot => "snapshot",
        ReadConcernLevel::Custom(name) => name,
        _ => "majority",
    }
    .to_owned()
}
