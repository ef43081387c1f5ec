//! Sends a request to the replicas of a token. The driver does so by itself only where a whole partition key is bound.

use scylla::cluster::{ClusterState, NodeRef};
use scylla::policies::load_balancing::{FallbackPlan, LoadBalancingPolicy, RoutingInfo};
use scylla::routing::{Shard, Token};
use std::sync::Arc;

/// Asks the replicas of one token first, then the other nodes.
#[derive(Debug)]
pub(super) struct ToReplicas {
    pub token: Token,
    /// Only nodes of this datacentre are asked.
    pub datacenter: Option<Arc<str>>,
    /// How often the request has failed: another replica comes first each time.
    pub attempt: u32,
}

type Target<'a> = (NodeRef<'a>, Option<Shard>);

impl ToReplicas {
    /// The nodes in the order in which they are asked: replicas before others, those with a connection first.
    fn plan<'a>(&'a self, request: &RoutingInfo<'_>, cluster: &'a ClusterState) -> Vec<Target<'a>> {
        let mut plan = self.replicas(request, cluster);
        if !plan.is_empty() {
            // Neighbouring ranges have the same replicas: the token spreads them over these.
            let first =
                (self.token.value() as u64 >> 8).wrapping_add(self.attempt.into()) % plan.len() as u64;
            plan.rotate_left(first as usize);
        }
        plan.sort_by_key(|(node, _)| !node.is_connected());
        let others = cluster.get_nodes_info().iter().filter(|node| self.is_near(node));
        let known = plan.len();
        for node in others {
            if !plan[..known]
                .iter()
                .any(|(replica, _)| replica.host_id == node.host_id)
            {
                plan.push((node, None));
            }
        }
        plan[known..].sort_by_key(|(node, _)| !node.is_connected());
        plan
    }

    fn replicas<'a>(&'a self, request: &RoutingInfo<'_>, cluster: &'a ClusterState) -> Vec<Target<'a>> {
        let Some(table) = request.table else {
            return Vec::new();
        };
        let Some(keyspace) = cluster.get_keyspace(table.ks_name()) else {
            return Vec::new();
        };
        let datacenter = self.datacenter.as_deref();
        let replicas =
            cluster
                .replica_locator()
                .replicas_for_token(self.token, &keyspace.strategy, datacenter, table);
        let shard = |(node, shard): (NodeRef<'a>, Shard)| (node, node.sharder().map(|_| shard));
        replicas.into_iter().map(shard).collect()
    }

    fn is_near(&self, node: NodeRef<'_>) -> bool {
        node.is_enabled()
            && (self.datacenter.is_none() || node.datacenter.as_deref() == self.datacenter.as_deref())
    }
}

impl LoadBalancingPolicy for ToReplicas {
    fn pick<'a>(&'a self, request: &'a RoutingInfo<'_>, cluster: &'a ClusterState) -> Option<Target<'a>> {
        self.plan(request, cluster).into_iter().next()
    }

    fn fallback<'a>(&'a self, request: &'a RoutingInfo<'_>, cluster: &'a ClusterState) -> FallbackPlan<'a> {
        Box::new(self.plan(request, cluster).into_iter())
    }

    fn name(&self) -> String {
        "replicas of a range".to_owned()
    }
}
