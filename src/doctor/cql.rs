//! What was observed of Cassandra or ScyllaDB, as findings.

use super::finding::{About, Finding};
use super::replicas;
use crate::Side;
use crate::model::Table;
use crate::source::live::cql::{CqlProbe, CqlRights, LiveTable, TableKind, point_reads};
use crate::verdict::Exit;
use std::collections::BTreeMap;

/// Milliseconds by which the clocks of a cluster's nodes may lie apart before one node's writes hide another's.
const APART: i64 = 500;

/// The product and version, for people.
pub(super) fn title(probe: &CqlProbe) -> String {
    let version = &probe.release_version;
    match probe.scylla {
        true => format!("ScyllaDB, compatible with Cassandra {version}"),
        false => format!("Cassandra {version}"),
    }
}

/// What the cluster is and does.
pub(super) fn findings(side: Side, probe: &CqlProbe, tables: &[LiveTable]) -> Vec<Finding> {
    let (known, connected) = probe.nodes;
    let mut findings = vec![Finding::ok(
        About::Server,
        side,
        format!(
            "{}, CQL {}; datacentre {}; {connected} of {known} nodes reached",
            title(probe),
            probe.cql_version,
            probe.datacenters.join(", ")
        ),
    )];
    if !probe.has_known_tokens() {
        let message = format!(
            "its partitioner is {}, whose tokens cannot be read in ranges; export the tables, and compare the files",
            probe.partitioner
        );
        findings.push(Finding::hinders(About::Server, side, message, Exit::Usage));
    }
    if connected < known {
        let message = format!(
            "{} of {known} nodes are not reached from here: what the others have no replicas enough of cannot be read, \
             and their clocks were not looked at",
            known - connected
        );
        findings.push(Finding::warning(About::Server, side, message));
    }
    findings.extend(tables.iter().map(|table| namespace(side, probe, table)));
    findings.extend(replicas::findings(side, probe));
    findings.extend(spread(side, probe));
    findings
}

fn namespace(side: Side, probe: &CqlProbe, table: &LiveTable) -> Finding {
    let name = table.name();
    if let Some((_, why)) = probe.unreadable.iter().find(|(other, _)| *other == name) {
        let message = format!("{name}: cannot be read: {why}");
        return Finding::hinders(About::Namespace, side, message, Exit::Unreachable);
    }
    let kind = match &table.kind {
        TableKind::Table => "a table".to_owned(),
        TableKind::View(base) => format!("a materialised view of {base}, which may lag behind it,"),
    };
    let replication = probe.replication.get(&table.table.keyspace);
    let replication = replication.map_or("unknown".to_owned(), shown);
    let message = format!("{name}: {kind} that can be read; replication {replication}");
    Finding::ok(About::Namespace, side, message)
}

/// `NetworkTopologyStrategy dc1: 3`.
fn shown(options: &BTreeMap<String, String>) -> String {
    let class = options
        .get("class")
        .map_or("", |class| class.rsplit('.').next().unwrap_or(class));
    let others = options.iter().filter(|(name, _)| *name != "class");
    let others: Vec<String> = others.map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{class} {}", others.join(", "))
}

/// The last write wins by the clock of whoever took it.
fn spread(side: Side, probe: &CqlProbe) -> Option<Finding> {
    let first = probe.clocks.iter().min_by_key(|c| c.ahead)?;
    let last = probe.clocks.iter().max_by_key(|c| c.ahead)?;
    let apart = last.ahead - first.ahead - last.give_or_take - first.give_or_take;
    (apart > APART).then(|| {
        let message = format!(
            "the clocks of {} and {} lie at least {apart} ms apart: a later write by the one may lose against an \
             earlier one by the other",
            first.node, last.node
        );
        Finding::warning(About::Clock, side, message)
    })
}

/// What the role may do, and what would be enough. `all` says whether every table could be read.
pub(super) fn rights(
    side: Side,
    rights: &CqlRights,
    probe: &CqlProbe,
    keyspaces: &[String],
    all: bool,
) -> Finding {
    let commands = role(keyspaces, probe.tablets);
    if !all {
        let message =
            "not everything that is to be read can be; a role that can read it, and only read, is made by";
        return Finding::note(About::Rights, side, message).with(commands);
    }
    let Some(role) = &rights.role else {
        let message =
            "nobody is logged in, and the cluster lets anybody read; a role that can only read is made by";
        return Finding::note(About::Rights, side, message).with(commands);
    };
    if rights.superuser {
        let message = format!("{role} is a superuser; a role that can only read is made by");
        return Finding::note(About::Rights, side, message).with(commands);
    }
    if !rights.writes.is_empty() {
        let writes: Vec<&str> = rights.writes.iter().map(String::as_str).collect();
        let message = format!(
            "{role} may do more than read ({}); a role that can only read is made by",
            writes.join(", ")
        );
        return Finding::note(About::Rights, side, message).with(commands);
    }
    match &rights.reads {
        None => {
            let message =
                format!("the cluster does not say what {role} may do; a role that can only read is made by");
            Finding::note(About::Rights, side, message).with(commands)
        }
        Some(reads) => {
            let message = format!(
                "{role} may SELECT on {}, and change nothing; that is enough",
                reads.join(", ")
            );
            Finding::ok(About::Rights, side, message)
        }
    }
}

/// What makes a role that can do all an audit needs. The schema and the nodes can be read by every role; estimates of size,
/// and ScyllaDB's tablets, by those that may.
pub(super) fn role(keyspaces: &[String], tablets: bool) -> Vec<String> {
    let own: &[&str] = match tablets {
        true => &["system.size_estimates", "system.tablets"],
        false => &["system.size_estimates"],
    };
    let create = "CREATE ROLE assay WITH LOGIN = true AND PASSWORD = '<password>';".to_owned();
    let keyspaces = keyspaces.iter().map(|name| {
        let name = name.replace('"', "\"\"");
        format!("GRANT SELECT ON KEYSPACE \"{name}\" TO assay;")
    });
    let own = own
        .iter()
        .map(|table| format!("GRANT SELECT ON TABLE {table} TO assay;"));
    std::iter::once(create).chain(keyspaces).chain(own).collect()
}

/// Why single rows of a table cannot be read by the columns `key`, if they cannot.
pub(super) fn no_points(table: &Table, key: &[String]) -> Option<String> {
    let clustering = table.clustering.iter().map(|(name, _)| name);
    let columns: Vec<&String> = table.partition_key.iter().chain(clustering).collect();
    let missing: Vec<&str> = columns
        .iter()
        .filter(|column| !key.contains(column))
        .map(|column| column.as_str())
        .collect();
    match missing.is_empty() {
        true => point_reads(table).err(),
        false => Some(format!(
            "the compare's key lacks {} of the primary key; make the whole primary key the key",
            missing.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::*;
    use crate::model::Schema;
    use crate::source::live::cql::Clock;

    fn table(ddl: &str) -> Table {
        let schema = Schema::parse(ddl).unwrap();
        schema.table(Some("shop"), "t").unwrap().clone()
    }

    fn live() -> LiveTable {
        let ddl = "CREATE TABLE shop.t (id int PRIMARY KEY, v text);";
        LiveTable {
            table: table(ddl),
            made: String::new(),
            ddl: ddl.to_owned(),
            kind: TableKind::Table,
            made_for: None,
            estimated_bytes: None,
        }
    }

    fn probe() -> CqlProbe {
        let options = [
            ("class", "org.apache.cassandra.locator.SimpleStrategy"),
            ("replication_factor", "3"),
        ];
        let options = options.map(|(k, v)| (k.to_owned(), v.to_owned()));
        CqlProbe {
            release_version: "5.0.4".to_owned(),
            cql_version: "3.4.7".to_owned(),
            scylla: false,
            tablets: false,
            partitioner: "org.apache.cassandra.dht.Murmur3Partitioner".to_owned(),
            datacenters: vec!["dc1".to_owned()],
            nodes: (3, 3),
            replication: [("shop".to_owned(), options.into())].into(),
            clocks: Vec::new(),
            unreadable: Vec::new(),
            consistency: scylla::statement::Consistency::LocalQuorum,
            datacenter: None,
        }
    }

    fn weights(probe: &CqlProbe) -> Vec<Weight> {
        let found = findings(Side::Candidate, probe, &[live()]);
        found.iter().map(|f| f.weight).collect()
    }

    #[test]
    fn a_sound_cluster_is_fine() {
        assert_eq!(weights(&probe()), [Weight::Ok; 3]);
        let found = findings(Side::Candidate, &probe(), &[live()]);
        let replication = "replication SimpleStrategy replication_factor: 3";
        assert!(found[1].message.ends_with(replication), "{found:?}");
    }

    #[test]
    fn what_hinders_is_named() {
        let mut odd = probe();
        odd.partitioner = "org.apache.cassandra.dht.RandomPartitioner".to_owned();
        assert!(weights(&odd).contains(&Weight::Hinders));
        let mut denied = probe();
        denied.unreadable = vec![("shop.t".into(), "no SELECT permission".into())];
        let found = findings(Side::Candidate, &denied, &[live()]);
        assert_eq!(found[1].exit, Some(Exit::Unreachable));
        assert!(found[1].message.contains("no SELECT permission"));
        let mut gone = probe();
        gone.nodes = (3, 2);
        assert!(weights(&gone).contains(&Weight::Warning));
    }

    #[test]
    fn clocks_apart_are_a_warning_only_beyond_doubt() {
        let clock = |node: &str, ahead, give_or_take| Clock {
            node: node.to_owned(),
            ahead,
            give_or_take,
        };
        let mut apart = probe();
        apart.clocks = vec![clock("a", -400, 10), clock("b", 400, 10)];
        assert!(weights(&apart).contains(&Weight::Warning));
        apart.clocks = vec![clock("a", -400, 200), clock("b", 400, 200)];
        assert!(!weights(&apart).contains(&Weight::Warning));
    }

    #[test]
    fn a_role_that_only_reads_is_enough_and_any_other_is_told_what_is() {
        let of = |r: &CqlRights| rights(Side::Stable, r, &probe(), &["shop".into()], true);
        assert!(of(&CqlRights::default()).message.starts_with("nobody"));
        let reader = CqlRights {
            role: Some("assay".into()),
            reads: Some(vec!["<keyspace shop>".into()]),
            ..CqlRights::default()
        };
        assert_eq!(of(&reader).weight, Weight::Ok);
        let denied = rights(Side::Stable, &reader, &probe(), &["shop".into()], false);
        assert_eq!((denied.weight, denied.commands.len()), (Weight::Note, 3));
        let mut root = reader.clone();
        root.superuser = true;
        assert_eq!((of(&root).weight, of(&root).commands.len()), (Weight::Note, 3));
        let mut writer = reader.clone();
        writer.writes.insert("MODIFY on <keyspace shop>".into());
        assert_eq!(of(&writer).weight, Weight::Note);
        let mut silent = reader;
        silent.reads = None;
        assert_eq!(of(&silent).weight, Weight::Note);
        assert_eq!(role(&["shop".into()], true).len(), 4);
    }

    #[test]
    fn rows_are_found_by_the_whole_primary_key_of_unambiguous_types() {
        let wide = table("CREATE TABLE shop.t (a int, b int, c text, PRIMARY KEY (a, b));");
        let key = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(no_points(&wide, &key(&["b", "a"])), None);
        assert_eq!(no_points(&wide, &key(&["c", "b", "a"])), None);
        assert!(no_points(&wide, &key(&["a"])).unwrap().contains("lacks b"));
        let ambiguous = table("CREATE TABLE shop.t (a decimal PRIMARY KEY);");
        assert!(no_points(&ambiguous, &key(&["a"])).is_some());
    }
}
