//! What is another thing at the end of an audit than it was at its start: dropped, made again, given another column.

use super::shop::{fill, run_all};
use super::{Ran, audit, command, started};
use crate::support::{self, Database, Keyspace, block_on};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

const RECORDS: i32 = 4000;
/// Bytes a second, of each store: they are read for some seconds.
const SLOWLY: [&str; 2] = ["--max-rate", "200000"];

fn orders() -> Vec<RawDocumentBuf> {
    let order = |id: i32| doc! { "_id": id, "text": format!("{id:0200}") };
    (0..RECORDS)
        .map(|id| RawDocumentBuf::try_from(&order(id)).unwrap())
        .collect()
}

/// Two collections of the same orders, with an index on their text.
fn collections() -> Option<(Database, Database)> {
    let server = support::mongodb()?;
    let pair = (server.database("was"), server.database("was"));
    block_on(async {
        for database in [&pair.0, &pair.1] {
            let open = database.open().await;
            fill(&open, "orders", &orders()).await;
            index(
                &open,
                "createIndexes",
                doc! { "indexes": [{ "key": { "text": 1 }, "name": "text_1" }] },
            )
            .await;
        }
    });
    Some(pair)
}

async fn index(database: &mongodb::Database, command: &str, what: Document) {
    let mut whole = doc! { command: "orders" };
    whole.extend(what);
    database.run_command(whole).await.unwrap();
}

fn of_collections((stable, candidate): &(Database, Database)) -> String {
    let side = |database: &Database| format!("location = \"{}\"\nlive.page = 100\n", database.uri());
    format!(
        "[stable]\n{}[candidate]\n{}[settle]\ndelay_seconds = 0.1\n[[compare]]\nname = \"orders\"\n\
         stable = \"{}.orders\"\ncandidate = \"{}.orders\"\n",
        side(stable),
        side(candidate),
        stable.name(),
        candidate.name()
    )
}

/// An audit that has read some of it.
fn reading(dir: &Path, config: &str) -> Child {
    let mut child = started(dir, config, &SLOWLY, "plan.json");
    std::thread::sleep(Duration::from_millis(1500));
    if child.try_wait().unwrap().is_some() {
        panic!("it has ended: {:?}", child.wait_with_output());
    }
    child
}

fn ended(child: Child, dir: tempfile::TempDir) -> Ran {
    Ran::of(&child.wait_with_output().unwrap(), dir)
}

#[test]
fn collections_that_are_dropped_while_they_are_read_are_no_evidence() {
    let Some(pair) = collections() else { return };
    let config = of_collections(&pair);
    let dir = tempfile::tempdir().unwrap();
    let child = reading(dir.path(), &config);
    block_on(async {
        for database in [&pair.0, &pair.1] {
            let orders = database.open().await.collection::<Document>("orders");
            orders.drop().await.unwrap();
        }
    });
    let ran = ended(child, dir);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    let report = ran.report();
    let unread = report["result"]["compares"][0]["coverage"]["unread"]
        .as_array()
        .unwrap();
    for side in ["stable", "candidate"] {
        let says = |unread: &Value| {
            let reason = unread["reason"].as_str().unwrap();
            unread["side"] == side && reason.contains("dropped while the run went on")
        };
        assert!(unread.iter().any(says), "{side}: {unread:?}");
    }
    assert!(ran.said.contains("dropped"), "{}", ran.said);
}

#[test]
fn nothing_is_missing_from_a_collection_that_was_dropped_while_it_was_read() {
    let Some(pair) = collections() else { return };
    let dir = tempfile::tempdir().unwrap();
    let child = reading(dir.path(), &of_collections(&pair));
    block_on(async {
        let open = pair.1.open().await;
        open.collection::<Document>("orders").drop().await.unwrap();
        fill(&open, "orders", &orders()[..1000]).await;
    });
    let ran = ended(child, dir);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    assert_eq!(ran.found("confirmed"), BTreeSet::new(), "{}", ran.said);
}

#[test]
fn indexes_are_compared_as_they_are_at_the_end() {
    let Some(pair) = collections() else { return };
    let config = of_collections(&pair);
    let dir = tempfile::tempdir().unwrap();
    let child = reading(dir.path(), &config);
    block_on(async {
        index(&pair.1.open().await, "dropIndexes", doc! { "index": "text_1" }).await;
    });
    let ran = ended(child, dir);
    let report = ran.report();
    let differences = &report["result"]["compares"][0]["metadata"]["differences"];
    assert_eq!(differences.as_array().unwrap().len(), 1, "{}", ran.said);
    assert!(
        differences[0]["what"].as_str().unwrap().contains("text"),
        "{differences}"
    );
    assert!(ran.said.contains("METADATA_NOTED"), "{}", ran.said);
}

/// Two tables of the same rows.
fn tables() -> Option<(Keyspace, Keyspace)> {
    let cql = support::cql()?;
    let pair = (cql.keyspace("was"), cql.keyspace("was"));
    block_on(async {
        let session = cql.session().await.unwrap();
        for keyspace in [&pair.0, &pair.1] {
            let table = format!("{}.t", keyspace.name());
            let create = format!("CREATE TABLE {table} (id int PRIMARY KEY, v text)");
            session.query_unpaged(create, ()).await.unwrap();
            let insert = |id: i32| format!("INSERT INTO {table} (id, v) VALUES ({id}, '{id:0200}')");
            let rows: Vec<String> = (0..RECORDS).map(insert).collect();
            run_all(&session, &rows).await;
        }
    });
    Some(pair)
}

fn of_tables((stable, candidate): &(Keyspace, Keyspace)) -> String {
    let address = &stable.cql().address;
    format!(
        "[stable]\nlocation = \"cql://{address}/{}\"\nlive.page = 100\n[candidate]\nlocation = \"cql://{address}/{}\"\nlive.page = 100\n\
         [settle]\ndelay_seconds = 0.1\n[[compare]]\nname = \"t\"\nstable = \"t\"\ncandidate = \"t\"\n",
        stable.name(),
        candidate.name()
    )
}

/// Gives the candidate a column, with a value in every hundredth row.
fn add_column(keyspace: &Keyspace) {
    block_on(async {
        let session = keyspace.cql().session().await.unwrap();
        let table = format!("{}.t", keyspace.name());
        let alter = format!("ALTER TABLE {table} ADD more int");
        session.query_unpaged(alter, ()).await.unwrap();
        let update = |id: i32| format!("UPDATE {table} SET more = 1 WHERE id = {id}");
        let updates: Vec<String> = (0..RECORDS).step_by(100).map(update).collect();
        run_all(&session, &updates).await;
    });
}

#[test]
fn a_column_that_comes_while_its_table_is_read_is_no_evidence() {
    let Some(pair) = tables() else { return };
    let dir = tempfile::tempdir().unwrap();
    let child = reading(dir.path(), &of_tables(&pair));
    add_column(&pair.1);
    let ran = ended(child, dir);
    let report = ran.report();
    let compare = &report["result"]["compares"][0];
    let unread = compare["coverage"]["unread"].as_array().unwrap();
    assert_eq!(
        (unread.len(), &unread[0]["side"]),
        (1, &"candidate".into()),
        "{unread:?}"
    );
    assert!(
        unread[0]["reason"]
            .as_str()
            .unwrap()
            .contains("columns were changed"),
        "{unread:?}"
    );
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
}

#[test]
fn what_was_read_before_a_column_came_is_not_gone_on_with() {
    let Some(pair) = tables() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut child = reading(dir.path(), &of_tables(&pair));
    child.kill().unwrap();
    child.wait().unwrap();
    add_column(&pair.1);
    let output = command(dir.path(), &of_tables(&pair), &[]).output().unwrap();
    let ran = Ran::of(&output, dir);
    assert_eq!(ran.code, 64, "{}", ran.said);
    assert!(
        ran.said.contains("columns") && ran.said.contains("--run-dir"),
        "{}",
        ran.said
    );
}

#[test]
fn what_was_read_of_a_collection_that_was_made_again_is_read_anew() {
    let Some(pair) = collections() else { return };
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{}[scan]\ncheckpoint_seconds = 0.1\n", of_collections(&pair));
    let mut child = reading(dir.path(), &config);
    child.kill().unwrap();
    child.wait().unwrap();
    block_on(async {
        let open = pair.1.open().await;
        open.collection::<Document>("orders").drop().await.unwrap();
        fill(&open, "orders", &orders()[1..]).await;
    });
    let output = command(dir.path(), &config, &[]).output().unwrap();
    let ran = Ran::of(&output, dir);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    assert_eq!(
        ran.found("confirmed"),
        ["orders missing 0 []".to_owned()].into(),
        "{}",
        ran.said
    );
    assert_eq!(ran.report()["run"]["resumed"], 0, "{}", ran.said);
}

#[test]
fn tables_of_one_name_in_two_keyspaces_are_told_apart() {
    let Some(cql) = support::cql() else { return };
    let keyspaces = [cql.keyspace("twin"), cql.keyspace("twin"), cql.keyspace("twin")];
    let [other, stable, candidate] = keyspaces.each_ref().map(Keyspace::name);
    block_on(async {
        let session = cql.session().await.unwrap();
        for (keyspace, columns) in [(other, ["x", "y"]), (stable, ["v", "w"]), (candidate, ["u", "v"])] {
            let table = format!("{keyspace}.t");
            let [one, two] = columns;
            let create = format!("CREATE TABLE {table} (id int PRIMARY KEY, {one} int, {two} int)");
            session.query_unpaged(create, ()).await.unwrap();
            let insert = format!("INSERT INTO {table} (id, {one}, {two}) VALUES (1, 2, 3)");
            session.query_unpaged(insert, ()).await.unwrap();
        }
    });
    let address = &cql.address;
    let config = format!(
        "[stable]\nlocation = \"cql://{address}\"\n[candidate]\nlocation = \"cql://{address}\"\n[settle]\ndelay_seconds = 0.1\n\
         [[compare]]\nname = \"t\"\nstable = \"{stable}.t\"\ncandidate = \"{candidate}.t\"\n",
    );
    let ran = audit(&config, &[]);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    assert_eq!(
        ran.found("confirmed"),
        [r#"t changed 1 ["u", "v", "w"]"#.to_owned()].into(),
        "{}",
        ran.said
    );
}
