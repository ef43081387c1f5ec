//! Tables against tables: however differences are found, the report is the same; in token order one reading is enough.

use super::shop::run_all;
use super::{Ran, audit};
use crate::support::{self, Cql, Keyspace, block_on};
use serde_json::Value;
use std::collections::BTreeSet;

const PARTITIONS: u32 = 300;
const LINES: u32 = 7;

/// What is planted in a row of the candidate.
#[derive(Clone, Copy, PartialEq)]
enum Drift {
    None,
    Gone,
    Changed,
    Reordered,
    Unknown,
}

fn drift(id: u32, line: u32) -> Drift {
    match (id % 60, line) {
        (7, 3) => Drift::Gone,
        (8, 0) | (8, 6) => Drift::Changed,
        (9, 2) => Drift::Reordered,
        (10, 5) => Drift::Unknown,
        _ => Drift::None,
    }
}

/// A version 1 UUID; those with a greater `n` are younger, and not the greater ones by their bytes.
fn timeuuid(n: u32) -> String {
    format!(
        "{:08x}-5c4c-11e5-b345-feff819cdc9f",
        n.wrapping_mul(0x0100_0193) & 0xffff_fffe
    )
}

/// Tables with a partition key of two columns, a static one, and rows from the youngest to the oldest.
fn fill(keyspace: &Keyspace, area: &str, plant: bool) {
    let name = keyspace.name();
    let mut statements = Vec::new();
    for id in 0..PARTITIONS {
        let key = format!("'r{}', {id}", id % 5);
        let note = if plant && id == 222 { "other" } else { "note" };
        statements.push(format!(
            "INSERT INTO {name}.t ({area}, id, note) VALUES ({key}, '{note} {id}')"
        ));
        // Some partitions have nothing but that.
        let lines = if id % 60 == 59 { 0 } else { LINES };
        for line in 0..lines {
            let drift = if plant { drift(id, line) } else { Drift::None };
            if drift == Drift::Gone {
                continue;
            }
            let total = if drift == Drift::Changed {
                999_999
            } else {
                id * line
            };
            let tags = if drift == Drift::Reordered {
                "['b', 'a']"
            } else {
                "['a', 'b']"
            };
            let state = if drift == Drift::Unknown { "lost" } else { "A" };
            let at = timeuuid(id + line / 2);
            let cells = format!("{key}, {at}, {line}, {total}, {tags}, '{state}', '{id:040}'");
            let columns = format!("{area}, id, at, line, total, tags, state, text");
            statements.push(format!("INSERT INTO {name}.t ({columns}) VALUES ({cells})"));
        }
    }
    if plant {
        let columns = format!("{area}, id, at, line, total");
        statements.push(format!(
            "INSERT INTO {name}.t ({columns}) VALUES ('new', 1, {}, 0, 1)",
            timeuuid(1)
        ));
    }
    block_on(async {
        let session = keyspace.cql().session().await.unwrap();
        let table = format!(
            "CREATE TABLE {name}.t ({area} text, id int, at timeuuid, line int, note text static, total int, \
             tags list<text>, state text, text text, PRIMARY KEY (({area}, id), at, line)) \
             WITH CLUSTERING ORDER BY (at DESC, line ASC)"
        );
        session.query_unpaged(table, ()).await.unwrap();
        run_all(&session, &statements).await;
    });
}

/// A side: its location, and who we are there.
pub fn side(cql: &Cql, side: &str, keyspace: &str, live: &str) -> String {
    let login = cql.login.as_ref().map_or(String::new(), |(user, _)| {
        format!("user = \"{user}\"\npassword = \"${{ASSAY_TEST_CQL_PASSWORD}}\"\n")
    });
    format!(
        "[{side}]\nlocation = \"cql://{}/{keyspace}\"\n[{side}.live]\n{login}{live}\n",
        cql.address
    )
}

/// The same tables, by their whole key, and by the partition's alone, under which many rows lie.
fn config(cql: &Cql, stable: &str, candidate: &str) -> String {
    let live = "page = 100\n";
    let compare = |name: &str, key: &str| {
        format!(
            "[[compare]]\nname = \"{name}\"\nstable = \"{stable}.t\"\ncandidate = \"{candidate}.t\"\nkey = [{key}]\n\
             [[compare.field]]\nname = \"region\"\nstable = \"region\"\ncandidate = \"area\"\n\
             [[compare.field]]\nname = \"state\"\nlookup = {{ A = \"active\" }}\n"
        )
    };
    format!(
        "{}{}[settle]\ndelay_seconds = 0.1\n{}{}",
        side(cql, "stable", stable, live),
        side(cql, "candidate", candidate, live),
        compare("rows", r#""region", "id", "at", "line""#),
        compare("partitions", r#""region", "id""#)
    )
}

fn ways(ran: &Ran) -> Vec<String> {
    let report = ran.report();
    let compares = report["run"]["compares"].as_array().unwrap();
    let way = |c: &Value| c["strategy"].as_str().unwrap().to_owned();
    compares.iter().map(way).collect()
}

fn bytes(ran: &Ran, side: &str) -> u64 {
    ran.report()["run"]["load"][side]["bytes"].as_u64().unwrap()
}

#[test]
fn all_strategies_tell_the_same_of_two_tables() {
    let Some(cql) = support::cql() else { return };
    let (stable, candidate) = (cql.keyspace("blue"), cql.keyspace("green"));
    fill(&stable, "region", false);
    fill(&candidate, "area", true);
    let config = config(cql, stable.name(), candidate.name());
    let merged = audit(&config, &["--strategy", "merge"]);
    assert_eq!(ways(&merged), ["merge", "merge"], "{}", merged.said);
    assert_eq!(merged.verdict(), "NO_GO", "{}", merged.said);
    let found = merged.found("confirmed");
    let classes: BTreeSet<&str> = found.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    let planted = [
        "changed",
        "duplicate_key",
        "extra",
        "missing",
        "order_only",
        "unconvertible",
    ];
    assert_eq!(classes, planted.into(), "{}", merged.said);
    let of = |class: &str| {
        let line = format!("rows {class} ");
        found.iter().filter(|found| found.starts_with(&line)).count() as u32
    };
    let periods = PARTITIONS / 60;
    assert_eq!(
        (of("missing"), of("extra"), of("order_only"), of("unconvertible")),
        (periods, 1, periods, periods)
    );
    assert_eq!(
        of("changed"),
        2 * periods + LINES,
        "a static column is in every row"
    );
    for strategy in ["auto", "sketch", "spill"] {
        let ran = audit(&config, &["--strategy", strategy]);
        assert_eq!(ran.told(), merged.told(), "{strategy}");
        let way = if strategy == "auto" { "merge" } else { strategy };
        assert_eq!(ways(&ran)[0], way, "{}", ran.said);
        if strategy == "sketch" {
            // One reading, against two of each compare.
            for side in ["stable", "candidate"] {
                let (one, two) = (bytes(&merged, side), bytes(&ran, side));
                assert!(one * 10 < two * 7, "{side}: {one} {two}\n{}", merged.said);
            }
        }
    }
    let clean = config_of_clean(cql, candidate.name());
    let ran = audit(&clean, &[]);
    assert_eq!(
        (ran.verdict().as_str(), &ways(&ran)[..]),
        ("GO", &["merge".to_owned()][..]),
        "{}",
        ran.said
    );
}

/// A keyspace against itself.
fn config_of_clean(cql: &Cql, keyspace: &str) -> String {
    format!(
        "{}{}[settle]\ndelay_seconds = 0.1\n[[compare]]\nname = \"t\"\nstable = \"{keyspace}.t\"\ncandidate = \"{keyspace}.t\"\n",
        side(cql, "stable", keyspace, ""),
        side(cql, "candidate", keyspace, "")
    )
}

#[test]
fn tables_without_a_common_order_are_compared_by_hash_and_told_why() {
    let Some(cql) = support::cql() else { return };
    let (stable, candidate) = (cql.keyspace("one"), cql.keyspace("two"));
    let tables = [
        (
            "turned",
            "id int, at int",
            "PRIMARY KEY (id, at)",
            "WITH CLUSTERING ORDER BY (at DESC)",
            "different clustering orders",
        ),
        (
            "tenths",
            "id decimal, at int",
            "PRIMARY KEY (id, at)",
            "",
            "may have different tokens",
        ),
        ("spread", "id int, at int", "PRIMARY KEY ((id, at))", "", "id"),
    ];
    block_on(async {
        let session = cql.session().await.unwrap();
        for (keyspace, more) in [(&stable, false), (&candidate, true)] {
            let name = keyspace.name();
            for (table, columns, key, with, _) in tables {
                let with = if more { with } else { "" };
                let text = format!("CREATE TABLE {name}.{table} ({columns}, v int, {key}) {with}");
                session.query_unpaged(text, ()).await.unwrap();
                let row = |n| {
                    format!(
                        "INSERT INTO {name}.{table} (id, at, v) VALUES ({}, {}, {n})",
                        n % 7,
                        n
                    )
                };
                run_all(&session, &(0..200).map(row).collect::<Vec<_>>()).await;
            }
        }
    });
    let compare = |name: &str| {
        let key = if name == "spread" { "key = [\"at\"]\n" } else { "" };
        format!(
            "[[compare]]\nname = \"{name}\"\nstable = \"{}.{name}\"\ncandidate = \"{}.{name}\"\n{key}",
            stable.name(),
            candidate.name()
        )
    };
    let config = format!(
        "{}{}[settle]\ndelay_seconds = 0.1\n{}",
        side(cql, "stable", stable.name(), ""),
        side(cql, "candidate", candidate.name(), ""),
        tables.map(|(name, ..)| compare(name)).concat()
    );
    let ran = audit(&config, &["--strategy", "merge"]);
    assert_eq!(ran.found("confirmed"), BTreeSet::new(), "{}", ran.said);
    assert_eq!(ways(&ran), ["sketch"; 3], "{}", ran.said);
    let report = ran.report();
    for (number, (.., why)) in tables.iter().enumerate() {
        let told = report["run"]["compares"][number]["why"].as_str().unwrap();
        assert!(told.contains("no common order") && told.contains(why), "{told}");
    }
}
