//! The collections of a deployment, and what describes each: options, indexes, sizes.

use super::{MongoStore, fault, literal};
use crate::source::{Failure, SourceError};
use futures_util::future::join;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mongodb::bson::{Bson, Document, doc, spec::BinarySubtype};
use std::future::IntoFuture;

/// Collections that are described at the same time.
const AT_ONCE: usize = 8;

/// What kind of collection it is, as far as reading it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionKind {
    /// An ordinary collection.
    Collection,
    /// A view: a query under a name.
    View,
    /// A collection of a fixed size, whose oldest documents make place for new ones.
    Capped,
    /// A view over measurements in buckets.
    TimeSeries,
    /// A collection stored in the order of its `_id`.
    Clustered,
}

impl CollectionKind {
    /// The name reports print.
    pub const fn name(self) -> &'static str {
        match self {
            CollectionKind::Collection => "collection",
            CollectionKind::View => "view",
            CollectionKind::Capped => "capped collection",
            CollectionKind::TimeSeries => "time series",
            CollectionKind::Clustered => "clustered collection",
        }
    }

    /// Why collections of this kind cannot be read, if so.
    pub const fn unreadable(self) -> Option<&'static str> {
        match self {
            CollectionKind::TimeSeries => Some("a time series has no order of unique `_id`s to read it by"),
            _ => None,
        }
    }
}

/// A collection of a live deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveCollection {
    /// Its full name, `database.collection`.
    pub namespace: String,
    /// What kind it is.
    pub kind: CollectionKind,
    /// Options and indexes, as mongodump writes them into `….metadata.json`; none if the user may not see them.
    pub metadata: Option<String>,
    /// The server's estimate of the documents' bytes, uncompressed.
    pub bytes: Option<u64>,
    /// The server's estimate of the number of documents.
    pub documents: Option<u64>,
    /// The locale of its default collation, unless that is `simple`; `unknown` if the user may not see it.
    pub collation: Option<String>,
    /// Its UUID in hex; none if the server does not say, or the user may not see it.
    pub uuid: Option<String>,
    /// Of a view, the full name of what it is over, and its options.
    pub over: Option<(String, String)>,
}

/// What there is to read.
#[derive(Clone, Debug, Default)]
pub struct MongoCatalog {
    /// Collections, views among them, in the order of their names.
    pub collections: Vec<LiveCollection>,
    /// Databases whose collections the user may not list, or not all of them, and what the server says to that.
    pub not_listed: Vec<(String, SourceError)>,
}

/// The collections of a database, as they are listed.
#[derive(Default)]
struct Listed {
    collections: Vec<Document>,
    /// Why there may be others, which the user may not see.
    not_all: Option<SourceError>,
}

impl MongoStore {
    /// The collections of the connection string's database, or of all databases but the server's own.
    ///
    /// # Errors
    /// A database that the connection string names and the user may not list.
    pub async fn catalog(&self) -> Result<MongoCatalog, SourceError> {
        let databases = match &self.database {
            Some(database) => vec![database.clone()],
            None => self.databases().await?,
        };
        self.catalog_of(databases).await
    }

    /// The collections of some databases.
    ///
    /// # Errors
    /// See [`MongoStore::catalog`].
    pub async fn catalog_of(&self, databases: Vec<String>) -> Result<MongoCatalog, SourceError> {
        let mut catalog = MongoCatalog::default();
        for database in databases {
            let listed = match self.list(&database, doc! {}).await {
                Err(error) if self.database.is_none() && fault::is_denied(&error) => Listed {
                    not_all: Some(error),
                    ..Listed::default()
                },
                listed => listed?,
            };
            let not_all = listed.not_all.map(|why| (database.clone(), why));
            catalog.not_listed.extend(not_all);
            let (database, listed) = (&database, listed.collections);
            let described =
                stream::iter(listed).map(|listed| async move { self.unless_gone(database, &listed).await });
            let described = described.buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
            catalog.collections.extend(described.into_iter().flatten());
        }
        catalog.collections.sort_by(|a, b| a.namespace.cmp(&b.namespace));
        Ok(catalog)
    }

    /// One collection.
    ///
    /// # Errors
    /// If there is none of this name: the server would answer every query as if it were empty.
    pub(super) async fn find_collection(&self, namespace: &str) -> Result<LiveCollection, SourceError> {
        let (database, collection) = self.split_name(namespace)?;
        let listed = self.list(database, doc! { "name": collection }).await?;
        let found = match listed.collections.first() {
            Some(listed) => self.unless_gone(database, listed).await?,
            None => None,
        };
        match found {
            Some(found) => Ok(found),
            None => Err(self.no_collection(namespace).await),
        }
    }

    /// A collection that was listed, unless it has been dropped since.
    async fn unless_gone(
        &self,
        database: &str,
        listed: &Document,
    ) -> Result<Option<LiveCollection>, SourceError> {
        let named = || doc! { "name": listed.get_str("name").unwrap_or_default() };
        match self.describe(database, listed).await {
            Err(SourceError::Server {
                failure: Failure::Refused,
                ..
            }) if self.list(database, named()).await?.collections.is_empty() => Ok(None),
            described => described.map(Some),
        }
    }

    async fn no_collection(&self, namespace: &str) -> SourceError {
        let database = namespace
            .split_once('.')
            .map_or(namespace, |(database, _)| database);
        let listed = self.list(database, doc! {}).await.unwrap_or_default();
        let mut names: Vec<&str> = listed
            .collections
            .iter()
            .filter_map(|c| c.get_str("name").ok())
            .collect();
        names.sort_unstable();
        let shown = names.iter().take(10).copied().collect::<Vec<_>>().join("`, `");
        SourceError::Namespace {
            location: self.report.location.clone(),
            name: namespace.to_owned(),
            problem: "there is no collection".to_owned(),
            advice: match names.len() {
                0 => format!("the database `{database}` is empty or does not exist; check its name"),
                n => format!("the database `{database}` has {n}: `{shown}`"),
            },
        }
    }

    async fn databases(&self) -> Result<Vec<String>, SourceError> {
        let names = || self.client.list_database_names().into_future();
        let names = self.patiently(|| self.ask("list the databases", names())).await?;
        let own = |name: &String| !["admin", "config", "local"].contains(&name.as_str());
        Ok(names.into_iter().filter(own).collect())
    }

    /// The collections of a database; names and types only, and those that the user may read, where he may not list them all.
    async fn list(&self, database: &str, filter: Document) -> Result<Listed, SourceError> {
        let action = format!("list the collections of `{database}`");
        let mut command = doc! { "listCollections": 1, "filter": filter, "cursor": {} };
        let (mut collections, not_all) = match self.listed(database, &action, command.clone()).await {
            Err(error) if fault::is_denied(&error) => {
                command.extend(doc! { "nameOnly": true, "authorizedCollections": true });
                (self.listed(database, &action, command).await?, Some(error))
            }
            listed => (listed?, None),
        };
        let own = |c: &Document| !c.get_str("name").is_ok_and(|name| name.starts_with("system."));
        collections.retain(own);
        Ok(Listed { collections, not_all })
    }

    async fn describe(&self, database: &str, listed: &Document) -> Result<LiveCollection, SourceError> {
        let name = listed.get_str("name").unwrap_or_default();
        let kind = kind(listed);
        let is_view = matches!(kind, CollectionKind::View | CollectionKind::TimeSeries);
        let (indexes, stats) = match is_view {
            true => (Some(Vec::new()), None),
            false => {
                let (indexes, stats) = join(self.indexes(database, name), self.stats(database, name)).await;
                (indexes?, stats)
            }
        };
        let namespace = format!("{database}.{name}");
        let collation = collation(listed, indexes.as_deref());
        // Of half of it nobody could tell what is missing.
        let indexes = indexes.filter(|_| listed.contains_key("options"));
        let metadata = indexes.map(|indexes| literal::document_text(&metadata(listed, indexes)));
        Ok(LiveCollection {
            uuid: uuid(listed),
            over: over(database, listed),
            metadata: metadata.transpose().map_err(|problem| {
                self.report.refused(
                    format!("read options and indexes of `{namespace}`"),
                    problem,
                    "leave the collection out",
                )
            })?,
            namespace,
            kind,
            bytes: stats.as_ref().and_then(|stats| number(stats, "size")),
            documents: stats.as_ref().and_then(|stats| number(stats, "count")),
            collation,
        })
    }

    /// The indexes of a collection; none if the user may not list them.
    async fn indexes(&self, database: &str, name: &str) -> Result<Option<Vec<Document>>, SourceError> {
        let action = format!("list the indexes of `{database}.{name}`");
        let command = doc! { "listIndexes": name, "cursor": {} };
        match self.listed(database, &action, command).await {
            Err(error) if fault::is_denied(&error) => Ok(None),
            indexes => indexes.map(Some),
        }
    }

    /// All that a command lists.
    async fn listed(
        &self,
        database: &str,
        action: &str,
        command: Document,
    ) -> Result<Vec<Document>, SourceError> {
        let database = self.client.database(database);
        let listed = async || {
            let cursor = database.run_cursor_command(command.clone()).await?;
            cursor.try_collect().await
        };
        self.patiently(|| self.ask(action, listed())).await
    }

    /// Estimates help, but nothing depends on them: a server need not give any.
    async fn stats(&self, database: &str, name: &str) -> Option<Document> {
        let database = self.client.database(database);
        let stats = database.run_command(doc! { "collStats": name });
        self.ask("estimate the size", stats.into_future()).await.ok()
    }
}

/// A count, in whatever type the server sent it.
pub(super) fn number(doc: &Document, name: &str) -> Option<u64> {
    match doc.get(name)? {
        Bson::Int32(n) => u64::try_from(*n).ok(),
        Bson::Int64(n) => u64::try_from(*n).ok(),
        Bson::Double(n) if *n >= 0.0 => Some(*n as u64),
        _ => None,
    }
}

fn kind(listed: &Document) -> CollectionKind {
    let options = listed.get_document("options").ok();
    let has = |name: &str| options.is_some_and(|options| options.contains_key(name));
    match listed.get_str("type") {
        Ok("view") => CollectionKind::View,
        Ok("timeseries") => CollectionKind::TimeSeries,
        _ if has("timeseries") => CollectionKind::TimeSeries,
        _ if has("viewOn") => CollectionKind::View,
        _ if options.is_some_and(|options| options.get_bool("capped").unwrap_or(false)) => {
            CollectionKind::Capped
        }
        _ if has("clusteredIndex") => CollectionKind::Clustered,
        _ => CollectionKind::Collection,
    }
}

/// The collation stands among the options, and with the index on `_id`.
fn collation(listed: &Document, indexes: Option<&[Document]>) -> Option<String> {
    let of_id = |index: &&Document| {
        index.get_str("name").is_ok_and(|name| name == "_id_") || index.contains_key("clustered")
    };
    let options = listed.get_document("options").ok();
    let Some(beside) = options.or_else(|| indexes?.iter().find(of_id)) else {
        return Some("unknown".to_owned());
    };
    let locale = beside.get_document("collation").ok()?.get_str("locale").ok()?;
    (locale != "simple").then(|| locale.to_owned())
}

fn over(database: &str, listed: &Document) -> Option<(String, String)> {
    let options = listed.get_document("options").ok()?;
    let base = options.get_str("viewOn").ok()?;
    Some((format!("{database}.{base}"), options.to_string()))
}

fn uuid(listed: &Document) -> Option<String> {
    match listed.get_document("info").ok()?.get("uuid")? {
        Bson::Binary(uuid) if uuid.subtype == BinarySubtype::Uuid => Some(hex::encode(&uuid.bytes)),
        _ => None,
    }
}

/// What mongodump writes: options, indexes without their namespace, the collection's UUID, name and type.
fn metadata(listed: &Document, indexes: Vec<Document>) -> Document {
    let mut metadata = Document::new();
    if let Ok(options) = listed.get_document("options")
        && !options.is_empty()
    {
        metadata.insert("options", options);
    }
    let without_namespace = |mut index: Document| {
        index.remove("ns");
        index
    };
    metadata.insert(
        "indexes",
        indexes.into_iter().map(without_namespace).collect::<Vec<_>>(),
    );
    if let Some(uuid) = uuid(listed) {
        metadata.insert("uuid", uuid);
    }
    metadata.insert("collectionName", listed.get_str("name").unwrap_or_default());
    metadata.insert("type", listed.get_str("type").unwrap_or("collection"));
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_as_mongodump_writes_it() {
        let listed = doc! {
            "name": "orders", "type": "collection", "options": { "capped": true, "size": 4096_i64 },
            "info": { "readOnly": false, "uuid": mongodb::bson::Uuid::from_bytes([7; 16]) },
        };
        let index = doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_", "ns": "shop.orders" };
        assert_eq!(
            literal::document_text(&metadata(&listed, vec![index])).unwrap(),
            concat!(
                r#"{"options":{"capped":true,"size":{"$numberLong":"4096"}},"#,
                r#""indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"#,
                r#""uuid":"07070707070707070707070707070707","collectionName":"orders","type":"collection"}"#
            )
        );
    }

    #[test]
    fn kinds_and_collations_are_told_from_the_options() {
        let of = |ty: &str, options: Document| doc! { "name": "c", "type": ty, "options": options };
        assert_eq!(kind(&of("collection", doc! {})), CollectionKind::Collection);
        assert_eq!(
            kind(&of("collection", doc! { "capped": true })),
            CollectionKind::Capped
        );
        assert_eq!(
            kind(&of("collection", doc! { "clusteredIndex": {} })),
            CollectionKind::Clustered
        );
        assert_eq!(kind(&of("view", doc! { "viewOn": "x" })), CollectionKind::View);
        assert_eq!(
            kind(&of("timeseries", doc! { "timeseries": {} })),
            CollectionKind::TimeSeries
        );
        let french = of("collection", doc! { "collation": { "locale": "fr" } });
        assert_eq!(collation(&french, None).as_deref(), Some("fr"));
        let (named, index) = (doc! { "name": "c" }, doc! { "name": "_id_", "key": { "_id": 1 } });
        assert_eq!(collation(&named, None).as_deref(), Some("unknown"));
        assert_eq!(collation(&named, Some(std::slice::from_ref(&index))), None);
        let mut folds = index;
        folds.insert("collation", doc! { "locale": "fr" });
        assert_eq!(collation(&named, Some(&[folds])).as_deref(), Some("fr"));
        assert_eq!(
            collation(
                &of("collection", doc! { "collation": { "locale": "simple" } }),
                None
            ),
            None
        );
    }
}
