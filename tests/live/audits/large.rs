//! Records of many megabytes, compared in little memory. Linux's `/proc` says how much it was.
#![cfg(target_os = "linux")]

use super::tables::side;
use super::{Ran, command};
use crate::measure::watch;
use crate::support::member::{Member, Snapshots, Topology};
use crate::support::{self, block_on};
use mongodb::bson::{Document, doc};
use std::process::Stdio;

/// The most that an audit may take, in MiB: 100 MB. That of small records takes about 35 as it is built for tests.
const MOST: u64 = 95;

/// An audit, and its peak resident memory in MiB.
fn audit(config: &str, strategy: &str) -> (Ran, u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(dir.path(), config, &["--strategy", strategy]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let peak = (watch(&mut child).1 / f64::from(1 << 20)) as u64;
    (Ran::of(&child.wait_with_output().unwrap(), dir), peak)
}

#[test]
fn documents_of_sixteen_megabytes() {
    // No document may be much longer.
    let document = |id: i32, total: i32| -> Document {
        doc! { "_id": id, "text": "large ".repeat(2_790_000), "total": total }
    };
    let sides = [1, 2].map(|_| Member::start(Topology::ReplicaSet, Snapshots::Pinned));
    for side in &sides {
        side.change(|content| content.put("shop.t", (0..12).map(|id| document(id, 1))));
    }
    let [stable, candidate] = sides.each_ref().map(|side| side.uri("shop"));
    let config = format!(
        "[stable]\nlocation = \"{stable}\"\n[candidate]\nlocation = \"{candidate}\"\n[settle]\ndelay_seconds = 0.1\n\
         [[compare]]\nname = \"t\"\nstable = \"shop.t\"\ncandidate = \"shop.t\"\n"
    );
    let (ran, peak) = audit(&config, "merge");
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    assert!(peak < MOST, "{peak} MiB without differences");
    sides[1].change(|content| {
        content.put("shop.t", [3, 4, 10].map(|id| document(id, 2)));
        content.remove("shop.t", |d| d.get_i32("_id").ok() == Some(7));
    });
    let planted = [
        r#"t changed 10 ["total"]"#,
        r#"t changed 3 ["total"]"#,
        r#"t changed 4 ["total"]"#,
        "t missing 7 []",
    ];
    for strategy in ["merge", "sketch", "spill"] {
        let (ran, peak) = audit(&config, strategy);
        let found: Vec<String> = ran.found("confirmed").into_iter().collect();
        assert_eq!(found, planted, "{strategy} {}", ran.said);
        assert!(peak < MOST, "{peak} MiB by {strategy}");
    }
}

#[test]
fn rows_of_a_megabyte() {
    let Some(cql) = support::cql() else { return };
    let keyspaces = [cql.keyspace("large"), cql.keyspace("large")];
    block_on(async {
        let session = cql.session().await.unwrap();
        for keyspace in &keyspaces {
            let name = keyspace.name();
            let table = format!("CREATE TABLE {name}.t (id int PRIMARY KEY, text text)");
            session.query_unpaged(table, ()).await.unwrap();
            let insert = format!("INSERT INTO {name}.t (id, text) VALUES (?, ?)");
            let insert = session.prepare(insert).await.unwrap();
            for id in 0..100_i32 {
                let row = (id, "a row ".repeat(175_000));
                session.execute_unpaged(&insert, row).await.unwrap();
            }
        }
        let [_, candidate] = &keyspaces;
        let drift = format!("UPDATE {}.t SET text = 'short' WHERE id = 17", candidate.name());
        session.query_unpaged(drift, ()).await.unwrap();
    });
    let [stable, candidate] = keyspaces.each_ref().map(|keyspace| keyspace.name());
    let config = format!(
        "{}{}[settle]\ndelay_seconds = 0.1\n[[compare]]\nname = \"t\"\nstable = \"{stable}.t\"\ncandidate = \"{candidate}.t\"\n",
        side(cql, "stable", stable, ""),
        side(cql, "candidate", candidate, "")
    );
    let (ran, peak) = audit(&config, "merge");
    let found: Vec<String> = ran.found("confirmed").into_iter().collect();
    assert_eq!(found, [r#"t changed 17 ["text"]"#], "{}", ran.said);
    assert!(peak < MOST, "{peak} MiB");
}
