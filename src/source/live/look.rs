//! A look at a live store and some of its namespaces, without reading them.

use super::cql::{CqlProbe, CqlRights, CqlStore, LiveTable};
use super::mongo::{MongoProbe, MongoServer, MongoStore};
use super::secret::{Protocol, shown};
use super::{LiveOptions, runtime};
use crate::source::SourceError;

/// What a look showed.
#[derive(Debug)]
pub enum Look {
    /// MongoDB, or a server that speaks its protocol.
    Mongo {
        /// What the server says it is.
        server: MongoServer,
        /// What was observed of each namespace, or why it cannot be read.
        namespaces: Vec<(String, Result<MongoProbe, SourceError>)>,
    },
    /// Cassandra or ScyllaDB.
    Cql {
        /// What was observed of the cluster.
        probe: CqlProbe,
        /// What the role may do.
        rights: CqlRights,
        /// The tables looked at.
        tables: Vec<LiveTable>,
    },
}

/// Looks at a store and at the namespaces with these names.
///
/// # Errors
/// A store that is not reached, or does not let us in.
pub fn look(options: &LiveOptions, names: &[String]) -> Result<Look, SourceError> {
    let uri = options.uri.reveal();
    match Protocol::of(uri) {
        Some(Protocol::Mongo) => runtime().block_on(mongo(uri, options, names)),
        Some(Protocol::Cql) => runtime().block_on(cql(uri, options, names)),
        None => Err(SourceError::usage(
            shown(uri),
            "this is no live store",
            "begin it with mongodb://, mongodb+srv:// or cql://",
        )),
    }
}

async fn mongo(uri: &str, options: &LiveOptions, names: &[String]) -> Result<Look, SourceError> {
    let store = MongoStore::connect(uri, &options.mongo).await?;
    let mut namespaces = Vec::new();
    for name in names {
        namespaces.push((name.clone(), store.probe(name).await));
    }
    let server = store.server_says().await?;
    Ok(Look::Mongo { server, namespaces })
}

async fn cql(uri: &str, options: &LiveOptions, names: &[String]) -> Result<Look, SourceError> {
    let store = CqlStore::connect(uri, &options.cql).await?;
    let mut tables = store.tables().await?;
    tables.retain(|table| names.contains(&table.name()));
    Ok(Look::Cql {
        probe: store.probe().await?,
        rights: store.rights().await?,
        tables,
    })
}
