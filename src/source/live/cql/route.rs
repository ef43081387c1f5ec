//! Sends a request to the replicas of a token. The driver does so by itself only where a whole partition key is bound.

use scylla::cluster::{ClusterState, NodeRef};
use scylla::policies::load_balancing::{FallbackPlan, LoadBalancingPolicy, RoutingInfo};
use scylla::routing::{Shard, Token};
use std::sync::Arc;

/// Asks the replicas of one token first, then the other nodes.
#[derive(Debug)]
pub(super) struct ToReplicas {
    pub token: Token,
    /// The host ids of its replicas, where the token lies in a tablet: the driver learns of these only by single rows.
    pub tablet: Vec<u128>,
    /// Only nodes of this datacentre are asked.
    pub datacenter: Option<Arc<str>>,
    /// How often the request has failed: another replica comes first each time.
    pub attempt: u32,
}

type Target<'a> = (NodeRef<'a>, Option<Shard>);

impl ToReplicas {
    /// The nodes in the order in which they are asked.
    fn plan<'a>(&'a self, request: &RoutingInfo<'_>, cluster: &'a ClusterState) -> Vec<Target<'a>> {
        let replicas = self.replicas(request, cluster);
        let is_replica = |node: &NodeRef<'_>| replicas.iter().any(|(r, _)| r.host_id == node.host_id);
        let others = self.near(cluster).filter(|node| !is_replica(node));
        let others = others.map(|node| (node, None)).collect();
        in_order(self.token.value(), self.attempt, replicas, others, |(node, _)| {
            node.is_connected()
        })
    }

    fn replicas<'a>(&'a self, request: &RoutingInfo<'_>, cluster: &'a ClusterState) -> Vec<Target<'a>> {
        if !self.tablet.is_empty() {
            let near = self.near(cluster);
            let of_tablet = near.filter(|node| self.tablet.contains(&node.host_id.as_u128()));
            return of_tablet.map(|node| (node, None)).collect();
        }
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

    fn near<'a>(&'a self, cluster: &'a ClusterState) -> impl Iterator<Item = NodeRef<'a>> {
        near(cluster, self.datacenter.as_deref()).filter(|node| node.is_enabled())
    }
}

/// The nodes of a datacentre, or of all where none is named.
pub(super) fn near<'a>(
    cluster: &'a ClusterState,
    datacenter: Option<&'a str>,
) -> impl Iterator<Item = NodeRef<'a>> {
    let nodes = cluster.get_nodes_info().iter();
    nodes.filter(move |node| datacenter.is_none() || node.datacenter.as_deref() == datacenter)
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

/// Replicas before others, and each of them those with a connection first. Neighbouring ranges have the same replicas: the
/// token spreads them over these, and each attempt begins with another node. Once all replicas have been tried, or where
/// none is known, it is the others' turn.
fn in_order<T>(
    token: i64,
    attempt: u32,
    mut replicas: Vec<T>,
    mut others: Vec<T>,
    is_connected: impl Fn(&T) -> bool,
) -> Vec<T> {
    // The last tokens of tablets differ in their upper bits alone: the product does so, too, but as by chance.
    let spread = u128::from((token as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let others_first = attempt as usize >= replicas.len();
    for nodes in [&mut replicas, &mut others] {
        let first = ((spread * nodes.len() as u128) >> 64) as usize + attempt as usize;
        let first = first.checked_rem(nodes.len()).unwrap_or_default();
        nodes.rotate_left(first);
        nodes.sort_by_key(|node| !is_connected(node));
    }
    let (mut first, then) = match others_first {
        true => (others, replicas),
        false => (replicas, others),
    };
    first.extend(then);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn order(token: i64, attempt: u32, replicas: &[u8], others: &[u8], gone: u8) -> Vec<u8> {
        in_order(token, attempt, replicas.to_vec(), others.to_vec(), |node| {
            *node != gone
        })
    }

    #[test]
    fn replicas_come_first_and_each_attempt_begins_with_another_node() {
        let firsts = |attempts: std::ops::Range<u32>| -> BTreeSet<u8> {
            attempts.map(|n| order(5, n, &[1, 2, 3], &[4, 5], 0)[0]).collect()
        };
        assert_eq!(firsts(0..3), [1, 2, 3].into());
        assert_eq!(firsts(3..5), [4, 5].into());
        let plan = order(5, 0, &[1, 2, 3], &[4, 5], 0);
        assert_eq!(BTreeSet::from_iter(&plan[..3]), [&1, &2, &3].into());
        assert_eq!(plan.len(), 5);
        assert!(order(5, 0, &[], &[], 0).is_empty());
    }

    #[test]
    fn nodes_without_a_connection_come_last_of_their_kind() {
        for attempt in 0..3 {
            assert_eq!(order(5, attempt, &[1, 2, 3], &[4, 5], 2)[2], 2);
            assert_eq!(order(5, attempt, &[1, 2, 3], &[4, 5], 4)[4], 4);
        }
    }

    #[test]
    fn tablets_whose_replicas_are_unknown_are_spread_over_all_nodes() {
        for nodes in [2, 3, 4, 8] {
            let all: Vec<u8> = (1..=nodes).collect();
            // The last tokens of 64 tablets.
            let tokens = (1..=64).map(|n: i128| (i128::from(i64::MIN) + (n << 58) - 1) as i64);
            let firsts = tokens.map(|token| order(token, 0, &[], &all, 0)[0]);
            assert_eq!(firsts.collect::<BTreeSet<u8>>().len(), all.len(), "{nodes} nodes");
            let firsts = (0..u32::from(nodes)).map(|n| order(-1, n, &[], &all, 0)[0]);
            assert_eq!(firsts.collect::<BTreeSet<u8>>().len(), all.len(), "{nodes} nodes");
        }
    }
}
