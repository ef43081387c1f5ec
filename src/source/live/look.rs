//! A look at a live store and some of its namespaces, without reading them.

use super::cql::{CqlProbe, CqlRights, CqlStore, LiveTable};
use super::door::{LiveSource, Store};
use super::mongo::{MongoProbe, MongoServer, MongoStore};
use super::runtime;
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

impl LiveSource {
    /// Looks at the store and at the namespaces with these names.
    ///
    /// # Errors
    /// A store that is not reached any more, or refuses to tell about itself.
    pub fn look(&self, names: &[String]) -> Result<Look, SourceError> {
        runtime().block_on(async {
            match &*self.store {
                Store::Mongo(store, _) => mongo(store, names).await,
                Store::Cql(store, tables) => cql(store, tables, names).await,
            }
        })
    }
}

async fn mongo(store: &MongoStore, names: &[String]) -> Result<Look, SourceError> {
    let mut namespaces = Vec::new();
    for name in names {
        namespaces.push((name.clone(), store.probe(name).await));
    }
    let server = store.server_says().await?;
    Ok(Look::Mongo { server, namespaces })
}

async fn cql(store: &CqlStore, tables: &[LiveTable], names: &[String]) -> Result<Look, SourceError> {
    let wanted = tables.iter().filter(|table| names.contains(&table.name()));
    Ok(Look::Cql {
        probe: store.probe().await?,
        rights: store.rights().await?,
        tables: wanted.cloned().collect(),
    })
}
