//! The demo on live servers: it finds what it planted, and leaves nothing behind.

use crate::support::{self, Cql, Mongo, block_on};
use std::collections::BTreeSet;
use std::process::{Command, Output};

/// Names of databases and keyspaces that a demo made.
fn left(mongo: &Mongo, cql: &Cql) -> BTreeSet<String> {
    block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.uri()).await.unwrap();
        let mut names: BTreeSet<String> = client.list_database_names().await.unwrap().into_iter().collect();
        let session = cql.session().await.unwrap();
        let keyspaces = session
            .query_unpaged("SELECT keyspace_name FROM system_schema.keyspaces", ())
            .await
            .unwrap();
        let keyspaces = keyspaces.into_rows_result().unwrap();
        names.extend(keyspaces.rows::<(String,)>().unwrap().map(|row| row.unwrap().0));
        names.retain(|name| name.starts_with("assay_demo_"));
        names
    })
}

fn demo(mongo: &Mongo, cql: &Cql, more: &[&str]) -> (Output, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let (stable, login) = support::login_apart(mongo.uri());
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .arg("demo")
        .arg(dir.path().join("shop"))
        .args(["--live", "--stable", &stable])
        .args(["--candidate", &format!("cql://{}", cql.address)])
        .env("ASSAY_TEST_LOGIN", login);
    if let Some((user, password)) = &cql.login {
        command
            .args(["--candidate-user", user])
            .env("ASSAY_DEMO_PASSWORD", password);
    }
    (command.args(more).output().unwrap(), dir)
}

/// Code, and all that was said.
fn ended(output: &Output) -> (i32, String) {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code().unwrap_or(-1), said.concat())
}

#[test]
fn the_demo_finds_what_it_planted_and_leaves_nothing() {
    let (Some(mongo), Some(cql)) = (support::mongodb_2(), support::cql()) else {
        return;
    };
    let before = left(mongo, cql);
    let (output, dir) = demo(mongo, cql, &["--records", "600", "--drift", "0.05"]);
    let (code, said) = ended(&output);
    assert_eq!(code, 0, "{said}");
    for what in [
        "exactly what was planted",
        "its own verdict is NO_GO",
        "are dropped again",
    ] {
        assert!(said.contains(what), "{said}");
    }
    let planted = std::fs::read_to_string(dir.path().join("shop/planted.json")).unwrap();
    for class in [
        "missing",
        "extra",
        "changed",
        "order_only",
        "type_changed",
        "unconvertible",
    ] {
        assert!(planted.contains(&format!("\"{class}\"")), "no {class} is planted");
    }
    let report = std::fs::read_to_string(dir.path().join("shop/run/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["result"]["stores"]["stable"]["kind"], "mongodb");
    assert_eq!(report["result"]["stores"]["candidate"]["kind"], "cassandra");
    let (output, _dir) = demo(mongo, cql, &["--records", "50", "--drift", "0"]);
    let (code, said) = ended(&output);
    assert!(code == 0 && said.contains("its own verdict is GO"), "{said}");
    assert_eq!(left(mongo, cql), before, "it drops what it made");
}

#[test]
fn the_demo_touches_nothing_that_is_there() {
    let (Some(mongo), Some(cql)) = (support::mongodb_2(), support::cql()) else {
        return;
    };
    let (database, keyspace) = (mongo.database("taken"), cql.keyspace("taken"));
    block_on(async {
        let things = database
            .open()
            .await
            .collection::<mongodb::bson::Document>("things");
        things.insert_one(mongodb::bson::doc! { "_id": 1 }).await.unwrap();
    });
    for name in [database.name(), keyspace.name()] {
        let (code, said) = ended(&demo(mongo, cql, &["--records", "10", "--name", name]).0);
        assert_eq!(code, 69, "{said}");
        assert!(said.contains(name), "{said}");
    }
    let things = block_on(async {
        let things = database
            .open()
            .await
            .collection::<mongodb::bson::Document>("things");
        let session = cql.session().await.unwrap();
        session.use_keyspace(keyspace.name(), false).await.unwrap();
        things.estimated_document_count().await.unwrap()
    });
    assert_eq!(things, 1, "what was there is there");
    for wrong in [["--name", "Shop"], ["--name", "a.b"]] {
        assert_eq!(ended(&demo(mongo, cql, &wrong).0).0, 64);
    }
}
