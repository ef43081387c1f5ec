//! What is older in the candidate is stale, and what a time to live has taken is expired; without ages it is what it looks like.

use super::audit;
use super::shop::run_all;
use super::tables::side;
use crate::support::{self, block_on};
use std::collections::BTreeSet;
use std::time::Duration;

const WHEN: i64 = 1_700_000_000_000_000;

#[test]
fn stale_and_expired_are_told_apart_from_changed_and_missing() {
    let Some(cql) = support::cql() else { return };
    let (stable, candidate) = (cql.keyspace("young"), cql.keyspace("old"));
    let put = |keyspace: &str, table: &str, id: i32, cells: &str, using: &str| {
        let (names, values): (Vec<&str>, Vec<&str>) =
            cells.split(';').map(|c| c.split_once('=').unwrap()).unzip();
        let (names, values) = (names.join(", "), values.join(", "));
        format!("INSERT INTO {keyspace}.{table} (id, {names}) VALUES ({id}, {values}) USING {using}")
    };
    let at = |micros: i64| format!("TIMESTAMP {}", WHEN + micros);
    let (one, two) = (stable.name(), candidate.name());
    let mut statements = Vec::new();
    for (keyspace, brief, long) in [(one, 0, 0), (two, 2, 86_400)] {
        let columns = "id int PRIMARY KEY, v text, w text, tags list<text>";
        for (table, lives) in [("kept", 0), ("brief", brief), ("long", long)] {
            statements.push(format!(
                "CREATE TABLE {keyspace}.{table} ({columns}) WITH default_time_to_live = {lives}"
            ));
        }
    }
    // Younger in stable; younger in the candidate; one of each; without an age.
    let sides = [
        (one, ["'a'", "'a'"], 5, "['a']"),
        (two, ["'b'", "'b'"], 3, "['b']"),
    ];
    let mut rows = Vec::new();
    for (keyspace, [v, w], time, tags) in sides {
        let (v, w, tags) = (format!("v={v}"), format!("w={w}"), format!("tags={tags}"));
        rows.push(put(keyspace, "kept", 1, &v, &at(time)));
        rows.push(put(keyspace, "kept", 2, &v, &at(-time)));
        rows.push(put(keyspace, "kept", 3, &v, &at(time)));
        rows.push(put(keyspace, "kept", 3, &w, &at(-time)));
        rows.push(put(keyspace, "kept", 4, &tags, &at(time)));
    }
    // Written long ago to both; in the candidate it does not live long.
    rows.push(put(one, "brief", 1, "v='a'", &at(0)));
    rows.push(put(two, "brief", 1, "v='a'", "TTL 2"));
    rows.push(put(one, "brief", 2, "v='a';w='a'", &at(0)));
    rows.push(put(two, "brief", 2, "v='a'", "TTL 0"));
    rows.push(put(two, "brief", 2, "w='a'", "TTL 2"));
    // Written just now: it would be there still. Written with an end that is far away.
    rows.push(put(one, "long", 1, "v='a'", "TTL 0"));
    rows.push(put(one, "long", 2, "v='a'", "TTL 80000"));
    block_on(async {
        let session = cql.session().await.unwrap();
        for statement in &statements {
            session.query_unpaged(statement.as_str(), ()).await.unwrap();
        }
        run_all(&session, &rows).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    });
    let config = |live: &str| {
        let compares = ["kept", "brief", "long"].map(|table| {
            format!(
                "[[compare]]\nname = \"{table}\"\nstable = \"{one}.{table}\"\ncandidate = \"{two}.{table}\"\n"
            )
        });
        let sides = [side(cql, "stable", one, live), side(cql, "candidate", two, live)].concat();
        format!("{sides}[settle]\ndelay_seconds = 0.2\n{}", compares.concat())
    };
    let expected = |lines: [&str; 8]| lines.map(str::to_owned).into_iter().collect::<BTreeSet<_>>();
    let ran = audit(&config("write_times = true"), &[]);
    let dated = [
        "kept stale 1 [\"v\"]",
        "kept changed 2 [\"v\"]",
        "kept changed 3 [\"v\", \"w\"]",
        "kept changed 4 [\"tags\"]",
        "brief expired 1 []",
        "brief expired 2 [\"w\"]",
        "long missing 1 []",
        "long missing 2 []",
    ];
    assert_eq!(ran.found("confirmed"), expected(dated), "{}", ran.said);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    let told = ran.told().1;
    assert!(
        told.contains("written in stable 2023-11-14T22:13:20.000005Z, in candidate 2023-"),
        "{told}"
    );
    assert!(told.contains("in candidate it lives for 2 seconds"), "{told}");
    // One of two fields is stale.
    assert_eq!(told.matches("\"class\":\"stale\"").count(), 3, "{told}");
    for strategy in ["merge", "sketch", "spill"] {
        let again = audit(&config("write_times = true"), &["--strategy", strategy]);
        assert_eq!(again.found("confirmed"), expected(dated), "{strategy}");
    }

    let undated = dated.map(|line| line.replace(" stale ", " changed "));
    let undated = undated.map(|line| match line.contains('w') {
        true => line.replace(" expired ", " changed "),
        false => line.replace(" expired ", " missing "),
    });
    let ran = audit(&config(""), &[]);
    assert_eq!(ran.found("confirmed"), undated.into(), "{}", ran.said);
}

#[test]
fn ages_are_asked_of_stores_that_keep_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!(
        "[stable]\nlocation = \"mongodb://127.0.0.1:1/x\"\n[stable.live]\nwrite_times = true\n[candidate]\nlocation = \"{}\"\n[namespaces]\n",
        dir.path().display()
    );
    let ran = audit(&config, &[]);
    assert_eq!(ran.code, 64, "{}", ran.said);
    assert!(
        ran.said.contains("write_times: only Cassandra and ScyllaDB"),
        "{}",
        ran.said
    );
}
