//! `assay doctor` before real servers: what it sees, what it advises, and that the advice is enough.

use crate::support::{self, Cql, Kind, PrivateMongo, PrivateNode, block_on};
use assay::demo::with_database;
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A password that must not be seen.
const SECRET: &str = "s3cret-hush";

/// Runs the doctor; gives its exit code and what it said on both outputs.
fn run(arguments: &[&str]) -> (i32, String) {
    let (arguments, logins): (Vec<_>, Vec<_>) = arguments.iter().map(|a| support::login_apart(a)).unzip();
    let output = Command::new(env!("CARGO_BIN_EXE_assay"))
        .arg("doctor")
        .args(arguments)
        // All of one command are of one server.
        .env(
            "ASSAY_TEST_LOGIN",
            logins
                .into_iter()
                .find(|login| !login.is_empty())
                .unwrap_or_default(),
        )
        .env("ASSAY_PW", SECRET)
        .env("ASSAY_ROOT", "cassandra")
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains(SECRET), "{said}");
    (output.status.code().unwrap_or(-1), said)
}

/// The same as JSON.
fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, said) = run(&[arguments, &["-o", "json"]].concat());
    let json: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}\n{said}"));
    assert_eq!(json["exit"], code);
    let schema = include_str!("../../reports/doctor.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let wrong: Vec<String> = schema.iter_errors(&json).map(|e| format!("{e}")).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{json:#}");
    (code, json)
}

/// The findings of a weight about something.
fn findings<'j>(json: &'j Value, weight: &str, about: &str) -> Vec<&'j Value> {
    let all = json["findings"].as_array().unwrap();
    let of = |f: &&Value| f["weight"] == weight && f["about"] == about;
    all.iter().filter(of).collect()
}

#[track_caller]
fn only<'j>(json: &'j Value, weight: &str, about: &str) -> &'j Value {
    let found = findings(json, weight, about);
    assert_eq!(found.len(), 1, "{weight} {about} in {json:#}");
    found[0]
}

fn config(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("assay.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn orders(n: i32) -> Vec<Document> {
    let order = |i| doc! { "_id": i, "number": format!("n{i}"), "total": i };
    (0..n).map(order).collect()
}

async fn fill(database: &mongodb::Database, n: i32) {
    let collection = database.collection::<Document>("orders");
    collection.insert_many(orders(n)).await.unwrap();
}

#[test]
fn a_missing_index_is_seen_and_what_it_advises_is_enough() {
    let (Some(first), Some(second)) = (support::mongodb(), support::mongodb_2()) else {
        return;
    };
    let (a, b) = (first.database("doctor"), second.database("doctor"));
    block_on(async {
        fill(&a.open().await, 30).await;
        fill(&b.open().await, 30).await;
    });
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[stable]\nlocation = {:?}\n[candidate]\nlocation = {:?}\n[candidate.live]\nmax_rate = 100000.0\n\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"{}.orders\"\nkey = [\"number\"]\n",
        a.uri(),
        b.uri(),
        a.name(),
        b.name()
    );
    let path = config(dir.path(), &text);
    let path = path.to_str().unwrap();
    let (code, seen) = json(&["-c", path]);
    assert_eq!(code, 0, "{seen:#}");
    let missing = findings(&seen, "warning", "index");
    assert_eq!(missing.len(), 2, "{seen:#}");
    for (finding, database) in missing.iter().zip([a.name(), b.name()]) {
        assert_eq!(
            finding["commands"][0],
            format!(
                "db.getSiblingDB(\"{database}\").getCollection(\"orders\").createIndex({{\"number\": 1}})"
            )
        );
        assert!(finding["message"].as_str().unwrap().contains("10 of 10 records"));
    }
    assert_eq!(seen["sides"]["candidate"]["kind"], "mongodb");
    assert_eq!(seen["sides"]["stable"]["namespaces"][0]["records"], 30);
    let (_, text) = run(&["-c", path]);
    assert!(text.contains("nothing hinders an audit"), "{text}");
    block_on(async {
        for database in [&a, &b] {
            let index = IndexModel::builder().keys(doc! { "number": 1 }).build();
            let database = database.open().await;
            let orders = database.collection::<Document>("orders");
            orders.create_index(index).await.unwrap();
        }
    });
    let (_, seen) = json(&["-c", path]);
    assert!(findings(&seen, "warning", "index").is_empty(), "{seen:#}");
    assert_eq!(findings(&seen, "ok", "index").len(), 2);
}

#[test]
fn a_settle_delay_that_is_too_short_is_a_warning() {
    let Some(server) = support::mongodb() else { return };
    let (a, b) = (server.database("doctor"), server.database("doctor"));
    block_on(async {
        fill(&a.open().await, 3).await;
        fill(&b.open().await, 3).await;
    });
    // The databases' names differ, so only files or a configuration could bring more collections together.
    let (code, seen) = json(&[&a.uri(), &b.uri(), "--settle-delay", "0"]);
    assert_eq!(code, 0, "{seen:#}");
    only(&seen, "warning", "clock");
    let (_, seen) = json(&[&a.uri(), &b.uri(), "--settle-delay", "30"]);
    assert!(findings(&seen, "warning", "clock").is_empty(), "{seen:#}");
    // Two own clocks, and both together.
    assert_eq!(findings(&seen, "ok", "clock").len(), 3);
}

#[test]
fn a_wrong_name_and_a_server_that_is_not_there_hinder() {
    let Some(server) = support::mongodb() else { return };
    let database = server.database("doctor");
    block_on(async { fill(&database.open().await, 3).await });
    let dir = tempfile::tempdir().unwrap();
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let gone = format!("mongodb://u:${{ASSAY_PW}}@127.0.0.1:{port}/shop?serverSelectionTimeoutMS=500");
    let compare = format!(
        "[[compare]]\nname = \"o\"\nstable = \"{0}.ordres\"\ncandidate = \"{0}.orders\"\n",
        database.name()
    );
    let sides = |candidate: &str| {
        format!(
            "[stable]\nlocation = {:?}\n[candidate]\nlocation = {candidate:?}\n{compare}",
            database.uri()
        )
    };
    let path = config(dir.path(), &sides(&database.uri()));
    let (code, seen) = json(&["-c", path.to_str().unwrap()]);
    assert_eq!(code, 69);
    let wrong = only(&seen, "hinders", "namespace");
    assert!(wrong["message"].as_str().unwrap().contains("ordres"), "{wrong}");
    assert_eq!(wrong["side"], "stable");
    let path = config(dir.path(), &sides(&gone));
    let (code, seen) = json(&["-c", path.to_str().unwrap()]);
    assert_eq!(code, 69);
    assert_eq!(only(&seen, "hinders", "server")["side"], "candidate");
    // The other side is looked at all the same.
    only(&seen, "hinders", "namespace");
    assert_eq!(only(&seen, "ok", "server")["side"], "stable");
}

#[test]
fn one_server_by_itself() {
    let Some(server) = support::mongodb_2() else {
        return;
    };
    let database = server.database("doctor");
    block_on(async { fill(&database.open().await, 3).await });
    let (code, text) = run(&[&database.uri(), "--max-rate", "10"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("{role: \"read\", db: \"doctor_"), "{text}");
    assert!(
        text.contains("records to read, at most 10 bytes a second"),
        "{text}"
    );
    assert!(!text.contains("stable"), "{text}");
    let nothing = database.name().replace("doctor", "nothing");
    let empty = with_database(server.uri(), &nothing);
    let (code, text) = run(&[&empty]);
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("hinders  there is nothing to read"), "{text}");
    assert!(text.contains("{role: \"read\", db: \"nothing_"), "{text}");
}

#[test]
fn namespaces_of_live_stores_are_found_by_name() {
    let Some(server) = support::mongodb() else { return };
    let (a, b) = (server.database("doctor"), server.database("doctor"));
    block_on(async {
        fill(&a.open().await, 12).await;
        fill(&b.open().await, 12).await;
        let tags = a.open().await.collection::<Document>("tags");
        tags.insert_one(doc! { "_id": 1 }).await.unwrap();
    });
    let dir = tempfile::tempdir().unwrap();
    let text = |more: &str| {
        format!(
            "[stable]\nlocation = {:?}\n[candidate]\nlocation = {:?}\n[settle]\ndelay_seconds = 0.1\n[namespaces]\n{more}",
            a.uri(),
            b.uri()
        )
    };
    let audit = |more: &str| {
        let run = tempfile::tempdir().unwrap();
        let path = config(dir.path(), &text(more));
        let output = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(["audit", "-c", path.to_str().unwrap(), "--run-dir"])
            .arg(run.path())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap_or(-1), said)
    };
    let (code, said) = audit("");
    assert_eq!(code, 20, "{said}");
    let alone = format!("{}.tags is in stable only", a.name());
    assert!(said.contains(&alone), "{said}");
    let (code, said) = audit("exclude = [\"tags\"]\n");
    assert_eq!(code, 0, "{said}");
}

fn execute(cql: &Cql, statements: &[String]) {
    block_on(async {
        let session = cql.session().await.unwrap();
        for statement in statements {
            let done = session.query_unpaged(statement.as_str(), ()).await;
            done.unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
    });
}

#[test]
fn the_role_that_it_advises_for_cassandra_is_enough() {
    let Some(node) = PrivateNode::start("Password") else {
        return;
    };
    let keyspace = node.cql().keyspace("doctor");
    let table = format!("{}.orders", keyspace.name());
    execute(
        node.cql(),
        &[
            format!("CREATE TABLE {table} (id int PRIMARY KEY, number text)"),
            format!("INSERT INTO {table} (id, number) VALUES (1, 'a')"),
            format!("INSERT INTO {table} (id, number) VALUES (2, 'b')"),
            format!("CREATE ROLE nobody WITH LOGIN = true AND PASSWORD = '{SECRET}'"),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let with = |user: &str, password: &str, key: &str| {
        let side = |name: &str| {
            format!(
                "[{name}]\nlocation = \"cql://{}/{}\"\n[{name}.live]\nuser = \"{user}\"\npassword = \"${{{password}}}\"\n",
                node.cql().address,
                keyspace.name()
            )
        };
        let compare =
            format!("[[compare]]\nname = \"o\"\nstable = \"{table}\"\ncandidate = \"{table}\"\n{key}");
        let path = config(dir.path(), &(side("stable") + &side("candidate") + &compare));
        json(&["-c", path.to_str().unwrap()])
    };
    let (code, seen) = with("cassandra", "ASSAY_ROOT", "");
    assert_eq!(code, 0, "{seen:#}");
    let advice = findings(&seen, "note", "rights");
    assert!(
        advice[0]["message"].as_str().unwrap().contains("superuser"),
        "{seen:#}"
    );
    assert_eq!(seen["sides"]["stable"]["product"], "Cassandra");
    // Most ranges of so few rows are empty, and the sample looks beyond them.
    assert!(findings(&seen, "note", "mapping").is_empty(), "{seen:#}");
    assert_eq!(findings(&seen, "ok", "index").len(), 2, "{seen:#}");
    let commands = advice[0]["commands"].as_array().unwrap();
    let commands = commands.iter().map(|c| c.as_str().unwrap());
    let commands: Vec<String> = commands
        .map(|c| c.trim_end_matches(';').replace("<password>", SECRET))
        .collect();
    let first = advice[0]["commands"][0].clone();
    execute(node.cql(), &commands);
    let (code, seen) = with("assay", "ASSAY_PW", "");
    assert_eq!(code, 0, "{seen:#}");
    assert_eq!(findings(&seen, "ok", "rights").len(), 2, "{seen:#}");
    assert_eq!(findings(&seen, "ok", "namespace").len(), 2, "{seen:#}");

    let (code, seen) = with("assay", "ASSAY_PW", "key = [\"number\"]\n");
    assert_eq!(code, 0, "{seen:#}");
    let short = findings(&seen, "warning", "index");
    assert!(
        short[0]["message"].as_str().unwrap().contains("lacks id"),
        "{seen:#}"
    );

    let (code, seen) = with("nobody", "ASSAY_PW", "");
    assert_eq!(code, 69, "{seen:#}");
    assert!(!findings(&seen, "hinders", "namespace").is_empty(), "{seen:#}");
    assert!(findings(&seen, "ok", "rights").is_empty(), "{seen:#}");
    assert_eq!(findings(&seen, "note", "rights")[0]["commands"][0], first);

    let (code, seen) = with("cassandra", "ASSAY_PW", "");
    assert_eq!(code, 69, "{seen:#}");
    let refused = findings(&seen, "hinders", "server");
    assert_eq!(refused.len(), 2, "{seen:#}");
    assert_eq!(refused[0]["commands"][0], first, "{seen:#}");
}

/// What FerretDB says that it was asked, and what a keyspace holds before and after.
#[test]
fn nothing_is_written_and_each_side_is_connected_to_once() {
    let (Some(server), Some(cql)) = (PrivateMongo::start(Kind::FerretDb), support::cql()) else {
        return;
    };
    let (database, keyspace) = (server.database("doctor"), cql.keyspace("doctor"));
    block_on(async { fill(&database.open().await, 30).await });
    let table = format!("{}.orders", keyspace.name());
    let insert = |n| format!("INSERT INTO {table} (id, number, total) VALUES ({n}, 'n{n}', {n})");
    let create = format!("CREATE TABLE {table} (id int PRIMARY KEY, number text, total int)");
    execute(cql, &[vec![create], (0..30).map(insert).collect()].concat());
    let dir = tempfile::tempdir().unwrap();
    let login = cql.login.as_ref().map_or(String::new(), |(user, _)| {
        format!("[candidate.live]\nuser = \"{user}\"\npassword = \"${{ASSAY_TEST_CQL_PASSWORD}}\"\n")
    });
    let text = format!(
        "[stable]\nlocation = {:?}\n[candidate]\nlocation = \"cql://{}/{}\"\n{login}\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"orders\"\nkey = [\"id\"]\n\
         [[compare.field]]\nname = \"id\"\nstable = \"_id\"\n",
        database.uri(),
        cql.address,
        keyspace.name(),
        database.name()
    );
    let path = config(dir.path(), &text);
    let before = block_on(content(cql, keyspace.name()));
    assert_eq!(before.len(), 31, "30 rows and a table");
    let from = std::fs::read(server.log()).unwrap().len();
    let (code, seen) = json(&["-c", path.to_str().unwrap()]);
    assert_eq!(code, 0, "{seen:#}");
    assert_eq!(findings(&seen, "ok", "index").len(), 2, "{seen:#}");
    assert_eq!(block_on(content(cql, keyspace.name())), before);
    let log = std::fs::read(server.log()).unwrap();
    let log = String::from_utf8_lossy(&log[from..]).into_owned();
    assert!(
        support::asked(&log, "find") > 0,
        "the log shows what was asked: {log}"
    );
    for write in support::WRITES {
        assert_eq!(support::asked(&log, write), 0, "{write} was asked for");
    }
    let connected = log.lines().filter(|line| line.contains("\"ping\"")).count();
    assert_eq!(connected, 1, "each connection begins with a ping: {log}");
}

/// Rows and tables of a keyspace, as text.
async fn content(cql: &Cql, keyspace: &str) -> Vec<String> {
    let mut content = Vec::new();
    for text in [
        format!("SELECT JSON * FROM {keyspace}.orders"),
        format!("SELECT JSON * FROM system_schema.tables WHERE keyspace_name = '{keyspace}'"),
    ] {
        content.extend(cql.json(&text).await);
    }
    content.sort();
    content
}

#[test]
fn copies_are_held_against_the_consistency_asked_for() {
    let Some(mut cluster) = support::cluster() else {
        return;
    };
    let cql = cluster.cql().clone();
    let keyspace = cql.keyspace("copies");
    let table = format!("{}.orders", keyspace.name());
    let single = format!("{}_single", keyspace.name());
    execute(
        &cql,
        &[
            format!("CREATE TABLE {table} (id int PRIMARY KEY)"),
            format!(
                "CREATE KEYSPACE {single} WITH replication = {{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}}"
            ),
            format!("CREATE TABLE {single}.orders (id int PRIMARY KEY)"),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let look = |keyspace: &str, consistency: &str| {
        let side = |name: &str| {
            format!(
                "[{name}]\nlocation = \"cql://{}/{keyspace}\"\n[{name}.live]\nconsistency = \"{consistency}\"\nretry_seconds = 1\n",
                cql.address
            )
        };
        let compare = "[[compare]]\nname = \"o\"\nstable = \"orders\"\ncandidate = \"orders\"\n";
        let path = config(dir.path(), &(side("stable") + &side("candidate") + compare));
        json(&["-c", path.to_str().unwrap()]).1
    };
    let told = |seen: &Value, weight: &str, what: &str| {
        let found = findings(seen, weight, "namespace");
        let told = found
            .iter()
            .any(|f| f["message"].as_str().unwrap().contains(what));
        assert!(told, "{weight} {what}: {seen:#}");
    };
    let name = keyspace.name();
    told(
        &look(name, "LOCAL_QUORUM"),
        "ok",
        "and LOCAL_QUORUM reads 2 of them",
    );
    told(
        &look(name, "ALL"),
        "note",
        "ALL reads 3 of them: a node that goes away",
    );
    told(
        &look(&single, "LOCAL_QUORUM"),
        "note",
        "keeps 1 copy of every row",
    );
    told(&look(&single, "THREE"), "hinders", "no read can have that");
    cluster.node(2).kill();
    let seen = look(name, "ALL");
    let warned = [
        findings(&seen, "warning", "namespace"),
        findings(&seen, "hinders", "namespace"),
    ]
    .concat();
    assert!(!warned.is_empty(), "{seen:#}");
    execute(&cql, &[format!("DROP KEYSPACE {single}")]);
}
