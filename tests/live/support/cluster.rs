//! Three Cassandra nodes on this machine, for consistency levels and nodes that die.

use super::cql::{Cql, PrivateNode};
use super::toolchain::{Kind, say, skipped};
use super::{block_on, locked, workspace};
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::{Consistency, Statement};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

const HOSTS: [&str; 3] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

/// How long the nodes may take to see each other.
const PATIENCE: Duration = Duration::from_secs(120);

/// Three nodes on 127.0.0.1, .2 and .3, one datacenter. Keyspaces made through it have three copies of everything.
pub struct Cluster {
    nodes: Vec<PrivateNode>,
}

/// The cluster, all three nodes up, for this test alone: it may kill nodes. Started at most once a run; `None` if it cannot be
/// built here, which has been said then.
pub fn cluster() -> Option<ClusterGuard> {
    static SHARED: Mutex<Option<Cluster>> = Mutex::new(None);
    if !Kind::Cassandra.is_built() {
        return None;
    }
    // Not every system has all of 127.0.0.0/8.
    if HOSTS
        .iter()
        .any(|host| std::net::TcpListener::bind((*host, 0)).is_err())
    {
        skipped("the loopback addresses 127.0.0.1 to 127.0.0.3");
        return None;
    }
    let mut shared = locked(&SHARED);
    shared.get_or_insert_with(Cluster::new).heal();
    Some(ClusterGuard(shared))
}

/// The cluster as long as a test has it.
pub struct ClusterGuard(MutexGuard<'static, Option<Cluster>>);

impl std::ops::Deref for ClusterGuard {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        self.0.as_ref().expect("it is made before it is handed out")
    }
}

impl std::ops::DerefMut for ClusterGuard {
    fn deref_mut(&mut self) -> &mut Cluster {
        self.0.as_mut().expect("it is made before it is handed out")
    }
}

impl Cluster {
    fn new() -> Cluster {
        let (port, storage_port) = (workspace::port(), workspace::port());
        let nodes = HOSTS
            .map(|host| PrivateNode::of_cluster(host, port, storage_port))
            .into();
        say(&format!("live: cassandra, three nodes on port {port}"));
        Cluster { nodes }
    }

    /// The first node, which also knows the others.
    pub fn cql(&self) -> &Cql {
        self.nodes[0].cql()
    }

    /// One of the nodes, by its number from 0.
    pub fn node(&mut self, number: usize) -> &mut PrivateNode {
        &mut self.nodes[number]
    }

    /// Starts the nodes that do not run, and waits until every node sees every other.
    pub fn heal(&mut self) {
        let dead: Vec<&mut PrivateNode> = self
            .nodes
            .iter_mut()
            .filter_map(|n| (!n.is_running()).then_some(n))
            .collect();
        if dead.is_empty() {
            return;
        }
        dead.into_iter().for_each(PrivateNode::restart);
        let keyspace = self.cql().keyspace("assay_ready");
        for node in &self.nodes {
            let began = Instant::now();
            while let Err(why) = block_on(sees_all(node.cql(), keyspace.name())) {
                assert!(
                    began.elapsed() < PATIENCE,
                    "{}: not all nodes are up: {why}",
                    node.cql().address
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

/// Whether a write that this node coordinates reaches all three.
async fn sees_all(cql: &Cql, keyspace: &str) -> Result<(), String> {
    let session = cql.session().await?;
    session
        .query_unpaged(
            format!("CREATE TABLE IF NOT EXISTS {keyspace}.t (k int PRIMARY KEY)"),
            (),
        )
        .await
        .map_err(text)?;
    let mut write = Statement::new(format!("INSERT INTO {keyspace}.t (k) VALUES (1)"));
    write.set_consistency(Consistency::All);
    let address = cql.address.parse().map_err(text)?;
    let node = NodeIdentifier::NodeAddress(address);
    write.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(node, None)));
    session.query_unpaged(write, ()).await.map(|_| ()).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
