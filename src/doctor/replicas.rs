//! Whether the copies that a keyspace keeps are enough for the consistency that is asked for, as findings.

use super::finding::{About, Finding};
use crate::Side;
use crate::source::live::cql::{CqlOptions, CqlProbe};
use crate::verdict::Exit;
use scylla::statement::Consistency;
use std::collections::BTreeMap;

/// What the consistency asked for means for every keyspace that is read.
pub(super) fn findings(side: Side, probe: &CqlProbe) -> Vec<Finding> {
    if probe.scylla && probe.consistency == Consistency::EachQuorum {
        let message = "ScyllaDB reads nothing at EACH_QUORUM, which it has for writes only; ask for another `consistency`";
        return vec![Finding::hinders(About::Namespace, side, message, Exit::Hold)];
    }
    let read = probe.replication.iter();
    read.filter_map(|(keyspace, options)| finding(side, probe, keyspace, options))
        .collect()
}

fn finding(
    side: Side,
    probe: &CqlProbe,
    keyspace: &str,
    options: &BTreeMap<String, String>,
) -> Option<Finding> {
    let name = CqlOptions::name_of(probe.consistency);
    let groups = groups(probe, options)?;
    // The group in which the fewest copies may be missing decides.
    let (place, copies, needed) = groups
        .into_iter()
        .min_by_key(|(_, copies, needed)| copies - needed)?;
    let spare = copies - needed;
    let down = i64::try_from(probe.nodes.0.saturating_sub(probe.nodes.1)).unwrap_or(i64::MAX);
    let copies = match copies {
        1 => "1 copy".to_owned(),
        n => format!("{n} copies"),
    };
    let said =
        format!("keyspace {keyspace} keeps {copies} of every row{place}, and {name} reads {needed} of them");
    Some(match () {
        () if spare < 0 => {
            let message = format!("{said}: no read can have that; ask for another `consistency`");
            Finding::hinders(About::Namespace, side, message, Exit::Hold)
        }
        () if down > spare => {
            let message = format!(
                "{said}; with {down} of the nodes not reached, ranges whose copies lie there may be left unread, which is HOLD"
            );
            Finding::warning(About::Namespace, side, message)
        }
        () if spare == 0 => {
            let message = format!("{said}: a node that goes away leaves ranges unread, which is HOLD");
            Finding::note(About::Namespace, side, message)
        }
        () => Finding::ok(About::Namespace, side, said),
    })
}

/// Groups of copies and how many of each have to answer; none where the strategy does not say.
fn groups(probe: &CqlProbe, options: &BTreeMap<String, String>) -> Option<Vec<(String, i64, i64)>> {
    let by_center: Vec<(&str, i64)> = options
        .iter()
        .filter(|(name, _)| *name != "class")
        // A part of them may be transient: `3/1`.
        .filter_map(|(name, factor)| Some((name.as_str(), factor.split('/').next()?.parse().ok()?)))
        .collect();
    if by_center.is_empty() {
        return None;
    }
    let simple = options.contains_key("replication_factor");
    let total: i64 = by_center.iter().map(|(_, copies)| copies).sum();
    let quorum = |copies: i64| copies / 2 + 1;
    let center = probe.datacenter.as_deref().or(match &probe.datacenters[..] {
        [only] => Some(only),
        _ => None,
    });
    let local = || {
        let center = center?;
        let found = by_center.iter().find(|(name, _)| *name == center);
        let copies = if simple {
            total
        } else {
            found.map_or(0, |(_, copies)| *copies)
        };
        Some((format!(" in {center}"), copies))
    };
    let all = |needed| vec![(String::new(), total, needed)];
    Some(match probe.consistency {
        Consistency::One => all(1),
        Consistency::Two => all(2),
        Consistency::Three => all(3),
        Consistency::Quorum => all(quorum(total)),
        Consistency::All => all(total),
        Consistency::LocalOne => local().map(|(place, copies)| vec![(place, copies, 1)])?,
        Consistency::LocalQuorum => local().map(|(place, copies)| vec![(place, copies, quorum(copies))])?,
        Consistency::EachQuorum if !simple => by_center
            .iter()
            .map(|(name, copies)| (format!(" in {name}"), *copies, quorum(*copies)))
            .collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::*;

    fn probe(consistency: Consistency, options: &[(&str, &str)], nodes: (usize, usize)) -> CqlProbe {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        CqlProbe {
            release_version: String::new(),
            cql_version: String::new(),
            scylla: false,
            tablets: false,
            partitioner: String::new(),
            datacenters: vec!["dc1".to_owned()],
            nodes,
            replication: [("shop".to_owned(), options.collect())].into(),
            clocks: Vec::new(),
            unreadable: Vec::new(),
            consistency,
            datacenter: None,
        }
    }

    fn weight(consistency: Consistency, options: &[(&str, &str)], nodes: (usize, usize)) -> Option<Weight> {
        let probe = probe(consistency, options, nodes);
        findings(Side::Stable, &probe).first().map(|f| f.weight)
    }

    #[test]
    fn what_copies_can_bear_is_told() {
        let simple = |n| [("class", "SimpleStrategy"), ("replication_factor", n)];
        let local = |n| [("class", "NetworkTopologyStrategy"), ("dc1", n)];
        let whole = (3, 3);
        for (consistency, options, nodes, expected) in [
            (Consistency::LocalQuorum, simple("3"), whole, Weight::Ok),
            (Consistency::LocalQuorum, local("3"), whole, Weight::Ok),
            (Consistency::LocalQuorum, local("1"), whole, Weight::Note),
            (Consistency::LocalQuorum, local("2"), whole, Weight::Note),
            (Consistency::One, local("1"), whole, Weight::Note),
            (Consistency::All, local("3"), whole, Weight::Note),
            (Consistency::All, local("3"), (3, 2), Weight::Warning),
            (Consistency::LocalQuorum, local("3"), (3, 2), Weight::Ok),
            (Consistency::LocalQuorum, local("3"), (3, 1), Weight::Warning),
            (Consistency::Three, local("2"), whole, Weight::Hinders),
        ] {
            let found = weight(consistency, &options, nodes);
            assert_eq!(found, Some(expected), "{consistency} {options:?} {nodes:?}");
        }
        let elsewhere = [("class", "NetworkTopologyStrategy"), ("dc2", "3")];
        assert_eq!(
            weight(Consistency::LocalOne, &elsewhere, whole),
            Some(Weight::Hinders)
        );
        let both = [("class", "NetworkTopologyStrategy"), ("dc1", "3"), ("dc2", "1")];
        assert_eq!(weight(Consistency::EachQuorum, &both, whole), Some(Weight::Note));
        assert_eq!(
            weight(Consistency::All, &[("class", "LocalStrategy")], whole),
            None
        );
    }

    #[test]
    fn scylladb_reads_nothing_at_each_quorum() {
        let both = [("class", "NetworkTopologyStrategy"), ("dc1", "3"), ("dc2", "3")];
        let mut scylla = probe(Consistency::EachQuorum, &both, (6, 6));
        scylla.scylla = true;
        let found = findings(Side::Stable, &scylla);
        assert_eq!(
            found.iter().map(|f| f.weight).collect::<Vec<_>>(),
            [Weight::Hinders]
        );
    }
}
