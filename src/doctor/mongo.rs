//! What was observed of MongoDB, or of a server that speaks its protocol, as findings.

use super::finding::{About, Finding};
use crate::Side;
use crate::source::live::mongo::{CollectionKind, MongoProbe, MongoServer};
use std::collections::BTreeMap;

/// The product and version, for people.
pub(super) fn title(server: &MongoServer) -> String {
    match (server.product, &server.product_version) {
        (Some(product), Some(own)) => format!("{product} {own}, compatible with MongoDB {}", server.version),
        (Some("FerretDB"), None) => format!("FerretDB, compatible with MongoDB {}", server.version),
        (Some(product), None) => format!("{product} {}", server.version),
        (None, _) => format!(
            "a server that speaks MongoDB's protocol and says it is version {}",
            server.version
        ),
    }
}

/// What the server is and does.
pub(super) fn findings(side: Side, server: &MongoServer, probes: &[&MongoProbe]) -> Vec<Finding> {
    let stands = probes
        .first()
        .map(|probe| match (&probe.replica_set, probe.mongos) {
            (_, true) => ", router of a sharded cluster".to_owned(),
            (Some(name), _) => format!(", replica set {name}"),
            (None, _) => ", no replica set".to_owned(),
        });
    let stands = stands.unwrap_or_default();
    let mut findings = vec![Finding::ok(
        About::Server,
        side,
        format!("{}{stands}", title(server)),
    )];
    // One line for what is the same of several collections.
    let mut degraded: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for probe in probes {
        findings.push(observed(side, probe));
        for sentence in &probe.degraded {
            degraded.entry(sentence).or_default().push(&probe.namespace);
        }
        if probe.kind == CollectionKind::Capped {
            let message = format!(
                "{}: a capped collection drops its oldest documents, which may be read on one side only",
                probe.namespace
            );
            findings.push(Finding::note(About::Degraded, side, message));
        }
    }
    findings.extend(degraded.into_iter().map(|(sentence, names)| {
        Finding::note(About::Degraded, side, format!("{}: {sentence}", names.join(", ")))
    }));
    findings
}

/// What a collection is read by.
fn observed(side: Side, probe: &MongoProbe) -> Finding {
    let bounds = match probe.min_max {
        Some(true) => "bounds of an index hold",
        Some(false) => "bounds of an index do not hold",
        None => "bounds of an index not tried, it has no documents",
    };
    let ranges = match probe.ranges_possible() {
        true => "in ranges of `_id`",
        false => "in one range",
    };
    let message = format!(
        "{}: a {} that can be read, {ranges}, at read concern {}; {bounds}",
        probe.namespace,
        probe.kind.name(),
        probe.read_concern
    );
    Finding::ok(About::Namespace, side, message)
}

/// What the user may do, and what would be enough. `all` says whether every namespace could be read.
pub(super) fn rights(side: Side, server: &MongoServer, databases: &[String], all: bool) -> Finding {
    let commands = role(databases);
    if !all {
        let message =
            "not everything that is to be read can be; a user that can read it, and only read, is made by";
        return Finding::note(About::Rights, side, message).with(commands);
    }
    let Some(rights) = &server.rights else {
        let message = "the server does not say what the user may do; a user that can only read is made by";
        return Finding::note(About::Rights, side, message).with(commands);
    };
    let who = rights.users.join(", ");
    if rights.users.is_empty() {
        let message =
            "nobody is logged in, and the server lets anybody read; a user that can only read is made by";
        return Finding::note(About::Rights, side, message).with(commands);
    }
    let roles = match &rights.roles[..] {
        [] => "no role".to_owned(),
        roles => roles.join(", "),
    };
    if rights.writes.is_empty() {
        let message = format!("the user {who} has {roles}, which changes nothing; that is enough");
        return Finding::ok(About::Rights, side, message);
    }
    let writes: Vec<&str> = rights.writes.iter().map(String::as_str).collect();
    let message = format!(
        "the user {who} has {roles} and so may do more than read ({}); a user that can only read is made by",
        writes.join(", ")
    );
    Finding::note(About::Rights, side, message).with(commands)
}

/// What makes a user that can do all an audit needs: `find`, `listCollections`, `listIndexes` and `collStats`, which the
/// role `read` allows, and nothing that changes anything.
pub(super) fn role(databases: &[String]) -> Vec<String> {
    let read = |db: &String| format!("{{role: \"read\", db: {}}}", text(db));
    let roles: Vec<String> = databases.iter().map(read).collect();
    vec![format!(
        "db.getSiblingDB(\"admin\").createUser({{user: \"assay\", pwd: passwordPrompt(), roles: [{}]}})",
        roles.join(", ")
    )]
}

/// Text as the shell reads it.
pub(super) fn text(text: &str) -> String {
    serde_json::to_string(text).expect("text has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::*;
    use crate::source::live::mongo::{MongoRights, ReadOrder};

    fn probe(namespace: &str) -> MongoProbe {
        MongoProbe {
            namespace: namespace.to_owned(),
            kind: CollectionKind::Collection,
            version: "7.0.5".to_owned(),
            mongos: false,
            replica_set: Some("rs0".to_owned()),
            min_max: Some(true),
            sample: true,
            sample_rate: true,
            hint: true,
            snapshot: true,
            read_concern: "majority".to_owned(),
            order: ReadOrder::ById,
            clock_skew: Some((3, 1)),
            type_codes: vec![16],
            documents: Some(10),
            average_bytes: Some(100),
            degraded: Vec::new(),
        }
    }

    fn server() -> MongoServer {
        MongoServer {
            product: Some("MongoDB"),
            version: "7.0.5".to_owned(),
            ..MongoServer::default()
        }
    }

    #[test]
    fn what_is_the_same_of_several_collections_is_said_once() {
        let mut probes = [probe("shop.a"), probe("shop.b"), probe("shop.c")];
        probes[0].degraded = vec!["No snapshot.".into()];
        probes[2].degraded = vec!["No snapshot.".into(), "Unsorted.".into()];
        let found = findings(Side::Stable, &server(), &probes.iter().collect::<Vec<_>>());
        let said: Vec<&str> = found.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(said[0], "MongoDB 7.0.5, replica set rs0");
        assert!(said.contains(&"shop.a, shop.c: No snapshot."), "{said:?}");
        assert!(said.contains(&"shop.c: Unsorted."), "{said:?}");
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn bounds_that_were_not_seen_are_not_said_to_hold() {
        let mut empty = probe("shop.a");
        empty.min_max = None;
        assert!(observed(Side::Stable, &empty).message.contains("not tried"));
        empty.min_max = Some(false);
        assert!(observed(Side::Stable, &empty).message.contains("do not hold"));
    }

    #[test]
    fn a_user_that_only_reads_is_enough_and_any_other_is_told_what_is() {
        let mut server = server();
        let of = |server: &MongoServer| rights(Side::Stable, server, &["shop".into(), "a\"b".into()], true);
        assert_eq!(of(&server).weight, Weight::Note);
        server.rights = Some(MongoRights::default());
        assert!(of(&server).message.starts_with("nobody is logged in"));
        let reader = MongoRights {
            users: vec!["assay@admin".into()],
            roles: vec!["read@shop".into()],
            ..MongoRights::default()
        };
        server.rights = Some(reader.clone());
        assert_eq!((of(&server).weight, of(&server).commands.len()), (Weight::Ok, 0));
        let denied = rights(Side::Stable, &server, &["shop".into()], false);
        assert_eq!((denied.weight, denied.commands.len()), (Weight::Note, 1));
        let writes = ["insert".to_owned()].into();
        server.rights = Some(MongoRights { writes, ..reader });
        let found = of(&server);
        assert_eq!(found.weight, Weight::Note);
        assert_eq!(
            found.commands,
            [
                r#"db.getSiblingDB("admin").createUser({user: "assay", pwd: passwordPrompt(), roles: [{role: "read", db: "shop"}, {role: "read", db: "a\"b"}]})"#
            ]
        );
    }
}
