//! The demo's stores on live servers: a database of MongoDB and a keyspace of Cassandra under one new name, filled with the
//! shop, and dropped again. The only place that writes to a server, and only into what it has made itself.

use super::shop::SCHEMA;
use crate::source::live::{Secret, shown};
use futures_util::future::try_join_all;
use mongodb::bson::RawDocumentBuf;
use mongodb::options::{ClientOptions, WriteConcern};
use mongodb::{Client, Database};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;
use tokio::runtime::Runtime;

/// Documents in one insertion, and rows that are under way at once.
const AT_ONCE: usize = 100;

/// Columns whose cells stand in quotes in CQL.
const QUOTED: [&str; 9] = [
    "order_id",
    "city",
    "created_at",
    "status",
    "zip",
    "name",
    "email",
    "since",
    "sku",
];

/// Where the stores are made.
#[derive(Clone, Debug)]
pub struct Servers {
    /// The connection string of MongoDB, whatever database it names.
    pub stable: Secret,
    /// The contact point of Cassandra or ScyllaDB, `cql://host[:port]`.
    pub candidate: String,
    /// Who we are at the candidate.
    pub login: Option<(String, Secret)>,
    /// The database and the keyspace; neither may exist.
    pub name: String,
}

/// The stores that were made.
#[derive(Debug)]
pub struct Stores {
    runtime: Runtime,
    database: Database,
    session: Session,
    name: String,
}

impl Stores {
    /// Makes the database and the keyspace, with tables in it and nothing else.
    ///
    /// # Errors
    /// A sentence that says where it failed: a server that is not reached, a name that is taken.
    pub fn make(servers: &Servers) -> Result<Stores, String> {
        let runtime = Runtime::new().map_err(|e| format!("no thread can be started: {e}"))?;
        let (stable, candidate) = (shown(servers.stable.reveal()), shown(&servers.candidate));
        let failed = |place: &str, what: &str, e: &dyn Display| format!("{place}: cannot {what}: {e}");
        let name = &servers.name;
        let (database, session) = runtime.block_on(async {
            let client = client(servers.stable.reveal()).await;
            // The driver's sentence may quote the connection string.
            let client = client
                .map_err(|_| format!("stable: {stable}: cannot connect: this is no connection string"))?;
            let database = client.database(name);
            let there = database.list_collection_names().await;
            let there = there.map_err(|e| failed("stable", "list collections", &e.kind))?;
            if !there.is_empty() {
                return Err(format!(
                    "stable: {stable}: there is a database {name} already; choose another name"
                ));
            }
            let mut builder = SessionBuilder::new()
                .known_node(node(&servers.candidate))
                .fetch_full_schema_metadata(false);
            if let Some((user, password)) = &servers.login {
                builder = builder.user(user, password.reveal());
            }
            let session = builder
                .build()
                .await
                .map_err(|e| failed(&format!("candidate: {candidate}"), "connect", &e))?;
            let keyspace = format!(
                "CREATE KEYSPACE {name} WITH replication = {}",
                replication(&session)
            );
            // It fails if the keyspace is there.
            let made = session.query_unpaged(keyspace, ()).await;
            made.map_err(|e| {
                failed(
                    &format!("candidate: {candidate}"),
                    &format!("make the keyspace {name}"),
                    &e,
                )
            })?;
            Ok((database, session))
        })?;
        Ok(Stores {
            runtime,
            database,
            session,
            name: name.clone(),
        })
    }

    /// Fills both stores with the shop whose files are under `dir`.
    ///
    /// # Errors
    /// A sentence that says what could not be written where.
    pub fn fill(&self, dir: &Path) -> Result<(), String> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
        for collection in ["customers", "orders"] {
            let bytes = read(&dir.join(format!("green/shop/{collection}.bson")))?;
            self.runtime
                .block_on(self.insert(collection, &bytes))
                .map_err(|e| format!("stable: cannot fill {}.{collection}: {e}", self.name))?;
        }
        let mut statements: Vec<String> = SCHEMA.split(';').map(|s| s.trim().to_owned()).collect();
        statements.retain(|s| !s.is_empty() && !s.starts_with("CREATE KEYSPACE"));
        for statement in statements {
            let statement = statement.replace("shop.", &format!("{}.", self.name));
            self.runtime
                .block_on(self.session.query_unpaged(statement, ()))
                .map_err(|e| format!("candidate: cannot make the tables of {}: {e}", self.name))?;
        }
        for table in ["customers", "orders_by_id", "order_items"] {
            let rows = read(&dir.join(format!("blue/{table}.csv")))?;
            let rows = inserts(&format!("{}.{table}", self.name), &rows)?;
            for some in rows.chunks(AT_ONCE) {
                let each = some
                    .iter()
                    .map(|row| self.session.query_unpaged(row.as_str(), ()));
                self.runtime
                    .block_on(try_join_all(each))
                    .map_err(|e| format!("candidate: cannot fill {}.{table}: {e}", self.name))?;
            }
        }
        Ok(())
    }

    /// Drops what was made.
    ///
    /// # Errors
    /// A sentence that says what is left.
    pub fn remove(&self) -> Result<(), String> {
        let Stores {
            name,
            database,
            session,
            runtime,
        } = self;
        let left = |side: &str, what: &str, e: &dyn Display| {
            format!("{side}: {what} {name} is left: it cannot be dropped: {e}")
        };
        let database = runtime.block_on(async { database.drop().await });
        let keyspace = runtime.block_on(session.query_unpaged(format!("DROP KEYSPACE {name}"), ()));
        database.map_err(|e| left("stable", "the database", &e.kind))?;
        keyspace.map_err(|e| left("candidate", "the keyspace", &e))?;
        Ok(())
    }

    async fn insert(&self, collection: &str, bytes: &[u8]) -> Result<(), String> {
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        let mut documents = Vec::new();
        let mut rest = bytes;
        while let Some(head) = rest.first_chunk() {
            let len = u32::from_le_bytes(*head) as usize;
            let (document, more) = rest.split_at_checked(len).ok_or("a document is cut off")?;
            documents.push(RawDocumentBuf::from_bytes(document.to_vec()).map_err(|e| e.to_string())?);
            rest = more;
        }
        for some in documents.chunks(AT_ONCE) {
            collection
                .insert_many(some)
                .await
                .map_err(|e| e.kind.to_string())?;
        }
        Ok(())
    }
}

impl Drop for Stores {
    /// Takes leave of MongoDB: the driver would do so by itself, and panic if the runtime ends meanwhile.
    fn drop(&mut self) {
        let client = self.database.client().clone();
        self.runtime
            .block_on(async { client.shutdown().immediate(true).await });
    }
}

/// `host[:port]` of a contact point.
fn node(candidate: &str) -> &str {
    let rest = candidate.split_once("://").map_or(candidate, |(_, rest)| rest);
    rest.split(['/', ',']).next().unwrap_or(rest)
}

/// One copy in each datacentre, by their names: Cassandra 3 does not know `replication_factor` here.
fn replication(session: &Session) -> String {
    let cluster = session.get_cluster_state();
    let nodes = cluster.get_nodes_info().iter();
    let names: BTreeSet<&str> = nodes.filter_map(|node| node.datacenter.as_deref()).collect();
    let copies = names
        .into_iter()
        .map(|name| format!(", '{}': 1", name.replace('\'', "''")));
    format!(
        "{{'class': 'NetworkTopologyStrategy'{}}}",
        copies.collect::<String>()
    )
}

/// One statement for each row of the shop's CSV.
fn inserts(table: &str, csv: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new();
    let mut rows = reader.escape(Some(b'\\')).double_quote(false).from_reader(csv);
    let broken = |e: csv::Error| format!("the rows of {table} cannot be read again: {e}");
    let names = rows.headers().map_err(broken)?.clone();
    let columns = names.iter().collect::<Vec<_>>().join(", ");
    let row = |row: csv::StringRecord| {
        let cells: Vec<String> = names
            .iter()
            .zip(&row)
            .map(|(name, cell)| literal(name, cell))
            .collect();
        format!("INSERT INTO {table} ({columns}) VALUES ({})", cells.join(", "))
    };
    rows.records().map(|r| r.map(row).map_err(broken)).collect()
}

fn literal(column: &str, cell: &str) -> String {
    match QUOTED.contains(&column) {
        true => format!("'{}'", cell.replace('\'', "''")),
        false => cell.to_owned(),
    }
}

/// A client whose writes are waited for until most members have them: so many have what is read.
async fn client(uri: &str) -> mongodb::error::Result<Client> {
    let mut options = ClientOptions::parse(uri).await?;
    options.write_concern = Some(WriteConcern::majority());
    Client::with_options(options)
}

/// The connection string of MongoDB with this database in the place of the one it names, whom users then log in to by name.
pub fn with_database(uri: &str, name: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("mongodb", uri));
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, named) = place.split_once('/').unwrap_or((place, ""));
    let mut options: Vec<String> = options
        .split('&')
        .filter(|o| !o.is_empty())
        .map(str::to_owned)
        .collect();
    let login = hosts.contains('@')
        && !options
            .iter()
            .any(|o| o.to_lowercase().starts_with("authsource="));
    if login {
        let source = if named.is_empty() { "admin" } else { named };
        options.push(format!("authSource={source}"));
    }
    let options = match options.is_empty() {
        true => String::new(),
        false => format!("?{}", options.join("&")),
    };
    format!("{scheme}://{hosts}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_gets_the_demo_s_database_and_keeps_who_we_are() {
        let with = |uri| with_database(uri, "d");
        assert_eq!(with("mongodb://h:1"), "mongodb://h:1/d");
        assert_eq!(with("mongodb://h:1/?tls=true"), "mongodb://h:1/d?tls=true");
        assert_eq!(
            with("mongodb://u:${P}@h/"),
            "mongodb://u:${P}@h/d?authSource=admin"
        );
        assert_eq!(
            with("mongodb+srv://u:p@h/x?w=1"),
            "mongodb+srv://u:p@h/d?w=1&authSource=x"
        );
        assert_eq!(
            with("mongodb://u:p@h/x?authSource=y"),
            "mongodb://u:p@h/d?authSource=y"
        );
    }

    #[test]
    fn cells_become_literals() {
        let csv = b"order_id,line,sku\n\"a\\\"b\",1,\"it's, that\"\n";
        let rows = inserts("t", csv).unwrap();
        assert_eq!(
            rows,
            ["INSERT INTO t (order_id, line, sku) VALUES ('a\"b', 1, 'it''s, that')"]
        );
        assert_eq!(node("cql://h:9042/shop"), "h:9042");
    }
}
