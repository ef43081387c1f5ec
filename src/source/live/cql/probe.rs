//! What a cluster is, as far as it shows.

use super::CqlStore;
use super::catalog::{LiveTable, quoted};
use crate::source::{Failure, SourceError};
use scylla::response::PagingState;
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The partitioner whose tokens [`super::ring`] knows.
const PARTITIONER: &str = "org.apache.cassandra.dht.Murmur3Partitioner";

/// What was observed of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct CqlProbe {
    /// The version that the server gives itself. ScyllaDB gives that of the Cassandra it is compatible with.
    pub release_version: String,
    /// The version of the query language.
    pub cql_version: String,
    /// Whether it is ScyllaDB.
    pub scylla: bool,
    /// Whether it has a table of tablets.
    pub tablets: bool,
    /// The partitioner.
    pub partitioner: String,
    /// The names of the datacentres.
    pub datacenters: Vec<String>,
    /// How many nodes are known, and to how many of them there is a connection.
    pub nodes: (usize, usize),
    /// Replication options by keyspace, of those that are read.
    pub replication: BTreeMap<String, BTreeMap<String, String>>,
    /// How far each node's clock is ahead of ours, in milliseconds, as far as the time that the question took lets one say.
    pub clocks: Vec<Clock>,
    /// Tables that cannot be read, and why.
    pub unreadable: Vec<(String, String)>,
    /// The consistency that is asked for.
    pub consistency: Consistency,
    /// The datacentre that is read from, where one is named.
    pub datacenter: Option<String>,
}

/// A node's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    /// The node's address.
    pub node: String,
    /// Milliseconds ahead of ours; negative if behind.
    pub ahead: i64,
    /// By how much that may be wrong, in milliseconds.
    pub give_or_take: i64,
}

impl CqlProbe {
    /// Whether tables can be read in ranges of tokens: those of this partitioner are known.
    pub fn has_known_tokens(&self) -> bool {
        self.partitioner == PARTITIONER
    }
}

impl CqlStore {
    /// Looks at the cluster, and tries to read a row of every table.
    ///
    /// # Errors
    /// A server that refuses to tell about itself, or fails for good.
    pub async fn probe(&self) -> Result<CqlProbe, SourceError> {
        type Row = (String, String, String);
        let text = "SELECT release_version, cql_version, partitioner FROM system.local";
        let mut rows: Vec<Row> = self.system(text).await?;
        let (release_version, cql_version, partitioner) = rows.pop().unwrap_or_default();
        let cluster = self.session.get_cluster_state();
        let nodes = cluster.get_nodes_info();
        let tables = self.catalog().await?.tables;
        Ok(CqlProbe {
            release_version,
            cql_version,
            scylla: self.scylla,
            tablets: self.scylla && self.has_tablets().await?,
            partitioner,
            datacenters: self.datacenters().into_iter().collect(),
            nodes: (nodes.len(), nodes.iter().filter(|n| n.is_connected()).count()),
            replication: self.replication(&tables).await?,
            clocks: self.clocks().await,
            unreadable: self.unreadable(&tables).await?,
            consistency: self.options.consistency,
            datacenter: self.options.datacenter.clone(),
        })
    }

    async fn has_tablets(&self) -> Result<bool, SourceError> {
        let text = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'tablets'";
        let rows: Vec<(String,)> = self.system(text).await?;
        Ok(!rows.is_empty())
    }

    /// Refuses clusters whose tokens have another order.
    pub(super) async fn check_partitioner(&self) -> Result<(), SourceError> {
        let rows: Vec<(String,)> = self.system("SELECT partitioner FROM system.local").await?;
        match rows.first() {
            Some((name,)) if name == PARTITIONER => Ok(()),
            found => {
                let name = found.map_or("unknown", |(name,)| name);
                let problem = format!(
                    "its partitioner is {name}: only the tokens of {PARTITIONER} can be read in ranges"
                );
                Err(SourceError::usage(
                    &self.location,
                    problem,
                    "export the tables, and compare the files",
                ))
            }
        }
    }

    async fn replication(
        &self,
        tables: &[LiveTable],
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, SourceError> {
        type Row = (String, HashMap<String, String>);
        let text = "SELECT keyspace_name, replication FROM system_schema.keyspaces";
        let rows: Vec<Row> = self.system(text).await?;
        let is_read = |keyspace: &str| tables.iter().any(|t| t.table.keyspace == keyspace);
        let read = rows.into_iter().filter(|(keyspace, _)| is_read(keyspace));
        Ok(read
            .map(|(keyspace, options)| (keyspace, options.into_iter().collect()))
            .collect())
    }

    /// The clocks of the nodes that answer.
    async fn clocks(&self) -> Vec<Clock> {
        let mut clocks = Vec::new();
        for node in &self.reached() {
            let text = "SELECT toUnixTimestamp(now()) FROM system.local";
            // The first question opens what has to be opened; the second one is timed.
            if self.system_of::<(i64,)>(text, node).await.is_none() {
                continue;
            }
            let before = now();
            let answer: Option<Vec<(i64,)>> = self.system_of(text, node).await;
            let after = now();
            if let Some([(theirs,)]) = answer.as_deref() {
                let half = (after.saturating_sub(before)).as_micros().div_ceil(2_000) as i64;
                clocks.push(Clock {
                    node: node.address.to_string(),
                    ahead: theirs - (before.as_millis() as i64 + half),
                    give_or_take: half + 1,
                });
            }
        }
        clocks
    }

    /// The tables of which no row can be read, and why.
    async fn unreadable(&self, tables: &[LiveTable]) -> Result<Vec<(String, String)>, SourceError> {
        let mut unreadable = Vec::new();
        for table in tables {
            let (keyspace, name) = (quoted(&table.table.keyspace), quoted(&table.table.name));
            let column = quoted(&table.table.partition_key[0]);
            let text = format!("SELECT {column} FROM {keyspace}.{name} LIMIT 1");
            match self.ask(&Statement::new(text), PagingState::start()).await {
                Ok(_) => {}
                Err(SourceError::Server {
                    problem,
                    failure: Failure::Denied | Failure::Refused | Failure::Overload,
                    ..
                }) => unreadable.push((table.name(), problem)),
                Err(error) => return Err(error),
            }
        }
        Ok(unreadable)
    }
}

/// Time since the epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
