//! Tables of live keyspaces are found by name; those that one side lacks are said.

use super::shop::run_all;
use super::tables::side;
use super::{Ran, audit};
use crate::support::{self, Keyspace, block_on};
use std::collections::BTreeSet;
use std::process::Command;

/// Tables of some rows each.
fn fill(keyspace: &Keyspace, tables: &[&str], rows: i32) {
    let name = keyspace.name();
    block_on(async {
        let session = keyspace.cql().session().await.unwrap();
        for table in tables {
            let create = format!("CREATE TABLE {name}.\"{table}\" (id int PRIMARY KEY, v int)");
            session.query_unpaged(create, ()).await.unwrap();
            let row = |id| format!("INSERT INTO {name}.\"{table}\" (id, v) VALUES ({id}, {id})");
            run_all(&session, &(0..rows).map(row).collect::<Vec<_>>()).await;
        }
    });
}

fn names(ran: &Ran) -> Vec<String> {
    let report = ran.report();
    let compares = report["result"]["compares"].as_array().unwrap().iter();
    compares.map(|c| c["name"].as_str().unwrap().to_owned()).collect()
}

fn codes(ran: &Ran) -> Vec<String> {
    let report = ran.report();
    let reasons = report["verdict"]["reasons"].as_array().unwrap().iter();
    reasons.map(|r| r["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tables_are_found_by_globs() {
    let Some(cql) = support::cql() else { return };
    let (stable, candidate) = (cql.keyspace("was"), cql.keyspace("will"));
    fill(&stable, &["a", "Big", "tmp_a", "old"], 5);
    fill(&candidate, &["a", "Big", "tmp_b", "new"], 5);
    let (one, two) = (stable.name(), candidate.name());
    let sides = [side(cql, "stable", one, ""), side(cql, "candidate", two, "")].concat();
    let audit = |sides: &str, namespaces: &str| {
        audit(
            &format!("{sides}[settle]\ndelay_seconds = 0.1\n[namespaces]\n{namespaces}"),
            &[],
        )
    };
    // What one side lacks is said, by name, and holds the verdict.
    let ran = audit(&sides, "exclude = [\"tmp_*\"]\n");
    let (old, new) = (format!("{one}.old"), format!("{two}.new"));
    assert_eq!(
        names(&ran),
        ["Big".to_owned(), "a".to_owned(), old.clone(), new.clone()],
        "{}",
        ran.said
    );
    assert_eq!((ran.verdict().as_str(), ran.code), ("HOLD", 20), "{}", ran.said);
    assert_eq!(
        codes(&ran).iter().filter(|code| *code == "NO_NAMESPACE").count(),
        2
    );
    assert!(
        ran.said.contains(&format!("{old} is in stable only")),
        "{}",
        ran.said
    );
    assert!(
        ran.said.contains(&format!("{new} is in candidate only")),
        "{}",
        ran.said
    );
    // Nothing is left out unless that is said.
    assert_eq!(names(&audit(&sides, "")).len(), 6);
    // Tables of two keyspaces, by their names within them.
    let ran = audit(
        &sides,
        &format!("include = [\"a\", \"{one}.B*\", \"{two}.B*\"]\n"),
    );
    assert_eq!(
        (names(&ran), ran.verdict().as_str()),
        (vec!["Big".to_owned(), "a".to_owned()], "GO"),
        "{}",
        ran.said
    );
    // A difference weighs more than what is missing.
    let change = format!("UPDATE {two}.a SET v = -1 WHERE id = 3");
    block_on(async {
        let session = cql.session().await.unwrap();
        session.query_unpaged(change, ()).await.unwrap();
    });
    let ran = audit(&sides, "");
    assert_eq!(
        ran.found("confirmed"),
        BTreeSet::from(["a changed 3 [\"v\"]".to_owned()]),
        "{}",
        ran.said
    );
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    // The whole cluster on both sides, of which one keyspace is selected.
    let whole = [side(cql, "stable", "", ""), side(cql, "candidate", "", "")].concat();
    let ran = audit(
        &whole,
        &format!("include = [\"{one}.*\"]\nexclude = [\"*.tmp_*\"]\n"),
    );
    let selected = ["Big", "a", "old"].map(|table| format!("{one}.{table}"));
    assert_eq!(
        (names(&ran), ran.verdict().as_str()),
        (selected.to_vec(), "GO"),
        "{}",
        ran.said
    );
    // A glob that selects nothing may be mistyped.
    let ran = audit(&sides, "include = [\"orders*\"]\n");
    assert_eq!(ran.code, 64, "{}", ran.said);
    assert!(
        ran.said.contains("\"orders*\" matches no namespace"),
        "{}",
        ran.said
    );
}

#[test]
fn a_table_that_is_not_understood_fails_only_who_names_it() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("foreign");
    let name = keyspace.name();
    fill(&keyspace, &["plain"], 5);
    // Deeper than types are read.
    let deep = format!("{}int{}", "frozen<list<".repeat(40), ">>".repeat(40));
    let create = format!("CREATE TABLE {name}.odd (id int PRIMARY KEY, v {deep})");
    block_on(async {
        cql.session()
            .await
            .unwrap()
            .query_unpaged(create, ())
            .await
            .map(drop)
    })
    .unwrap();
    let sides = [side(cql, "stable", name, ""), side(cql, "candidate", name, "")].concat();
    let audit = |rest: &str| audit(&format!("{sides}[settle]\ndelay_seconds = 0.1\n{rest}"), &[]);
    let compare = |table: &str| {
        audit(&format!(
            "[[compare]]\nname = \"{table}\"\nstable = \"{name}.{table}\"\ncandidate = \"{name}.{table}\"\n"
        ))
    };
    for ran in [compare("plain"), audit("[namespaces]\nexclude = [\"odd\"]\n")] {
        assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    }
    let problem = format!("read the schema of {name}.odd");
    for ran in [compare("odd"), audit("[namespaces]\n")] {
        assert!(
            ran.code != 0 && ran.said.contains(&problem),
            "{} {}",
            ran.code,
            ran.said
        );
    }
    if cql.login.is_none() {
        let location = format!("cql://{}/{name}", cql.address);
        let doctor = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(["doctor", &location])
            .output()
            .unwrap();
        let said = String::from_utf8([doctor.stdout, doctor.stderr].concat()).unwrap();
        let warning = format!("warning  cql://{}/{name}: cannot {problem}", cql.address);
        assert!(said.contains(&warning), "{said}");
        assert!(
            said.contains(&format!("{name}.plain: a table that can be read")),
            "{said}"
        );
    }
}
