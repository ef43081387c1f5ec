//! Cassandra and ScyllaDB, read over the native protocol.
//!
//! A table is read by token range, each range within one node's or tablet's stretch of the ring and asked of its
//! replicas, page by page; the cells stay as the server sent them. Reads have the consistency asked for or fail: it is
//! never lowered.

mod ages;
mod catalog;
mod ddl;
mod failure;
mod made;
mod options;
mod points;
mod probe;
mod read;
mod request;
mod rights;
mod ring;
mod route;
mod system;
mod tablets;
mod tls;
mod token;

pub use ages::{Age, Ages};
pub use catalog::{Catalog, LiveTable, TableKind};
pub use options::{CqlOptions, Tls};
pub use points::point_reads;
pub use probe::{Clock, CqlProbe};
pub use rights::CqlRights;
pub use token::Tokens;

pub(super) use ages::time_to_live;

use super::Range;
use crate::source::{Failure, SourceError};
use options::Location;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use tablets::Tablets;
use tokio::sync::{Mutex, OnceCell};

/// A cluster, connected to.
pub struct CqlStore {
    session: Session,
    /// For messages.
    location: Arc<str>,
    keyspace: Option<String>,
    options: CqlOptions,
    datacenter: Option<Arc<str>>,
    /// Whether the cluster is ScyllaDB: its nodes have shards.
    scylla: bool,
    /// Statements by their text.
    prepared: Mutex<HashMap<String, Arc<OnceCell<PreparedStatement>>>>,
    /// About how many bytes a row of a table takes, as read last.
    row_bytes: std::sync::Mutex<HashMap<String, usize>>,
    /// The tablets of tables that have some, by the tables' names.
    tablets: Mutex<HashMap<String, Option<Arc<Tablets>>>>,
}

impl fmt::Debug for CqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CqlStore")
            .field("location", &self.location)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl CqlStore {
    /// Connects to the cluster at `location`, `cql://host[:port][,host…]/[keyspace]` (or `cassandra://`, `scylla://`).
    ///
    /// # Errors
    /// A location that is none, a cluster that is not reached or does not let us in, or a `LOCAL_…` consistency in a cluster
    /// of several datacentres none of which is named.
    pub async fn connect(location: &str, options: &CqlOptions) -> Result<CqlStore, SourceError> {
        let location = Location::parse(location)?;
        let shown: Arc<str> = location.to_string().into();
        let mut builder = SessionBuilder::new()
            .known_nodes(&location.hosts)
            .connection_timeout(options.connect_timeout)
            .fetch_full_schema_metadata(false)
            .driver_config_reporting(false)
            .default_execution_profile_handle(profile(options).into_handle());
        if let Some((user, password)) = &options.login {
            builder = builder.user(user, password.reveal());
        }
        if let Some(tls) = &options.tls {
            builder = builder.tls_context(Some(tls::config(tls)?));
        }
        let session = builder.build().await.map_err(|e| {
            let failure = failure::of_session(&e);
            server(&shown, "connect", e.to_string(), failure)
        })?;
        let cluster = session.get_cluster_state();
        let mut nodes = cluster.get_nodes_info().iter();
        let store = CqlStore {
            scylla: nodes.any(|node| node.sharder().is_some()),
            session,
            location: shown,
            keyspace: location.keyspace,
            options: options.clone(),
            datacenter: options.datacenter.as_deref().map(Arc::from),
            prepared: Mutex::default(),
            row_bytes: std::sync::Mutex::default(),
            tablets: Mutex::default(),
        };
        store.check_datacenter()?;
        Ok(store)
    }

    /// The names of the cluster's datacentres.
    fn datacenters(&self) -> BTreeSet<String> {
        let cluster = self.session.get_cluster_state();
        let nodes = cluster.get_nodes_info().iter();
        nodes.filter_map(|node| node.datacenter.clone()).collect()
    }

    fn check_datacenter(&self) -> Result<(), SourceError> {
        let found = self.datacenters();
        let names = found.iter().cloned().collect::<Vec<_>>().join(", ");
        let local = matches!(
            self.options.consistency,
            Consistency::LocalOne | Consistency::LocalQuorum
        );
        let problem = match &self.options.datacenter {
            Some(name) if !found.contains(name) => format!("there is no datacentre `{name}`"),
            None if local && found.len() > 1 => {
                format!(
                    "{} depends on the datacentre, and there are several",
                    self.options.consistency
                )
            }
            _ => return Ok(()),
        };
        Err(SourceError::usage(
            &self.location,
            problem,
            format!("name the one to read from: {names}"),
        ))
    }

    /// About `wanted` token ranges that cover the table once, in token order, each with one set of replicas.
    ///
    /// # Errors
    /// A partitioner whose tokens are not known here.
    pub async fn ranges(&self, table: &LiveTable, wanted: usize) -> Result<Vec<Range>, SourceError> {
        self.check_partitioner().await?;
        let tokens = match self.tablets(table).await {
            Some(tablets) => tablets.last_tokens(),
            None => self.node_tokens(),
        };
        Ok(ring::ranges(&tokens, wanted))
    }

    fn node_tokens(&self) -> Vec<i64> {
        let cluster = self.session.get_cluster_state();
        let ring = cluster.replica_locator().ring();
        ring.iter().map(|(token, _)| token.value()).collect()
    }

    /// Contact points and keyspace, without secrets.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Errors of this cluster.
    fn failed(&self, action: impl Into<String>, problem: impl Into<String>, failure: Failure) -> SourceError {
        server(&self.location, action, problem, failure)
    }
}

fn server(
    location: &Arc<str>,
    action: impl Into<String>,
    problem: impl Into<String>,
    failure: Failure,
) -> SourceError {
    SourceError::Server {
        location: location.clone(),
        action: action.into(),
        problem: problem.into(),
        advice: failure::advice(failure).into(),
        failure,
    }
}

/// One try, one consistency, one datacentre: repeating is our own affair.
fn profile(options: &CqlOptions) -> ExecutionProfile {
    let balancing = match &options.datacenter {
        Some(name) => DefaultPolicy::builder()
            .prefer_datacenter(name.clone())
            .permit_dc_failover(false),
        None => DefaultPolicy::builder(),
    };
    ExecutionProfile::builder()
        .consistency(options.consistency)
        .serial_consistency(None)
        .request_timeout(Some(options.request_timeout))
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .load_balancing_policy(balancing.build())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::live::{Governor, Room};

    /// What a store does can be done on any thread.
    #[expect(dead_code, reason = "it only has to compile")]
    fn everything_can_be_spawned(store: &CqlStore, table: &LiveTable, governor: &Governor) {
        fn spawned<F: Future + Send>(_: F) {}
        let (out, _) = Room::new(1).range();
        spawned(store.read(table, &Range::default(), governor, out));
        spawned(store.points(table, &[], governor));
        spawned(store.ranges(table, 1));
        spawned(store.catalog());
        spawned(store.probe());
        spawned(CqlStore::connect("", &store.options));
    }
}
