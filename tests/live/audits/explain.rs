//! Whether what a run found is still so.

use super::shop::{candidate, fill, run_all};
use super::{Ran, audit};
use crate::support::{self, block_on};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use std::process::Command;

/// Explains a key of a run; the exit code and what was said on both outputs.
pub fn explain(ran: &Ran, more: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    let run = ran.dir.path().join("run");
    let output = command.arg("explain").arg(run).args(more).output().unwrap();
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code().unwrap_or(-1), said.concat())
}

#[test]
fn explain_reads_both_live_stores_again() {
    let (Some(server), Some(cql)) = (support::mongodb(), support::cql()) else {
        return;
    };
    let (database, keyspace) = (server.database("explain"), cql.keyspace("explain"));
    let table = format!("{}.orders", keyspace.name());
    let insert = |id: i32, total: i32| format!("INSERT INTO {table} (id, total) VALUES ('o\"{id}', {total})");
    let run = |statements: Vec<String>| {
        block_on(async { run_all(&cql.session().await.unwrap(), &statements).await });
    };
    block_on(async {
        let order = |id: i32| doc! { "_id": format!("o\"{id}"), "total": id };
        let orders: Vec<_> = (0..20)
            .map(|id| RawDocumentBuf::try_from(&order(id)).unwrap())
            .collect();
        fill(&database.open().await, "orders", &orders).await;
    });
    run(vec![format!(
        "CREATE TABLE {table} (id text PRIMARY KEY, total int)"
    )]);
    // 3 differs, 5 is missing, 20 is extra.
    let rows = (0..21)
        .filter(|id| *id != 5)
        .map(|id| insert(id, if id == 3 { -1 } else { id }));
    run(rows.collect());
    let compare = "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\n";
    let config = format!(
        "[stable]\nlocation = \"{}\"\n[candidate]\n{}\n[settle]\ndelay_seconds = 0.1\n\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"{table}\"\n{compare}",
        database.uri(),
        candidate(cql, keyspace.name()),
        database.name()
    );
    let ran = audit(&config, &[]);
    assert_eq!(ran.found("confirmed").len(), 3, "{}", ran.said);
    let file = ran.dir.path().join("assay.toml");
    let again = ["-c", file.to_str().unwrap()];
    let now = |key: &str| explain(&ran, &[&[key], &again[..]].concat());

    let (code, said) = explain(&ran, &["o\\\"3"]);
    assert!(
        code == 0 && said.contains("say -c") && !said.contains("not there"),
        "{said}"
    );
    for (key, what) in [
        ("o\\\"3", "candidate -1 (int32)"),
        ("o\\\"5", "candidate: not there"),
        ("o\\\"20", "stable: not there"),
    ] {
        let (code, said) = now(key);
        let (before, after) = said
            .split_once("now: different\n")
            .unwrap_or_else(|| panic!("{said}"));
        assert!(
            code == 0 && before.contains(what) && after.contains(what),
            "{said}"
        );
    }
    // One is set right, one becomes different in another way, and one goes.
    run(vec![
        insert(3, 3),
        insert(5, 50),
        format!("DELETE FROM {table} WHERE id = 'o\"20'"),
    ]);
    let (_, said) = now("o\\\"3");
    assert!(said.contains("is equal on both sides"), "{said}");
    let (_, said) = now("o\\\"5");
    let after = said
        .split_once("now: different\n")
        .unwrap_or_else(|| panic!("{said}"))
        .1;
    assert!(
        after.contains("changed") && after.contains("candidate 50"),
        "{said}"
    );
    let (_, said) = now("o\\\"20");
    assert!(said.contains("is on neither side"), "{said}");
    block_on(async {
        let orders = database.open().await.collection::<Document>("orders");
        assert_eq!(
            orders.count_documents(doc! {}).await.unwrap(),
            20,
            "nothing was written"
        );
    });

    std::fs::write(
        &file,
        config.replace("name = \"id\"\n", "name = \"id\"\ntype = \"text\"\n"),
    )
    .unwrap();
    let (code, said) = now("o\\\"3");
    assert!(code == 64 && said.contains("another mapping"), "{said}");
}
