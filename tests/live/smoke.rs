//! The servers are there, keep what they get, and die and come back as told.

use crate::support::{self, Cql, Kind, Mode, Mongo, PrivateMongo, PrivateNode, Proxy, block_on};
use mongodb::bson::{Document, doc};
use scylla::statement::{Consistency, Statement};
use std::time::Duration;

async fn keep(database: &mongodb::Database) {
    let collection = database.collection::<Document>("things");
    collection
        .insert_one(doc! { "_id": 1, "word": "grün" })
        .await
        .unwrap();
}

async fn kept(database: &mongodb::Database) -> Option<Document> {
    database
        .collection::<Document>("things")
        .find_one(doc! { "_id": 1 })
        .await
        .unwrap()
}

fn names(uri: &str) -> Vec<String> {
    block_on(async {
        mongodb::Client::with_uri_str(uri)
            .await
            .unwrap()
            .list_database_names()
            .await
            .unwrap()
    })
}

fn keeps_a_record(server: &Mongo) {
    let database = server.database("smoke");
    block_on(async {
        let open = database.open().await;
        keep(&open).await;
        assert_eq!(kept(&open).await, Some(doc! { "_id": 1, "word": "grün" }));
    });
    let name = database.name().to_owned();
    assert!(database.uri().contains(&format!("/{name}")));
    assert!(names(server.uri()).contains(&name));
    drop(database);
    assert!(
        !names(server.uri()).contains(&name),
        "the database is dropped with its guard"
    );
}

#[test]
fn mongodb_keeps_a_record() {
    if let Some(server) = support::mongodb() {
        keeps_a_record(server);
    }
}

#[test]
fn mongodb_2_keeps_a_record() {
    if let Some(server) = support::mongodb_2() {
        keeps_a_record(server);
    }
}

#[test]
fn ferretdb_comes_back_with_its_data() {
    let Some(mut server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    let database = server.database("smoke");
    block_on(async { keep(&database.open().await).await });
    let uri = server.uri();
    server.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.restart();
    assert_eq!(server.uri(), uri);
    let found = block_on(async { kept(&database.open().await).await });
    assert_eq!(found, Some(doc! { "_id": 1, "word": "grün" }));
    let log = std::fs::read_to_string(server.log()).unwrap();
    assert!(log.contains("grün"), "the server writes down what it is told");
    assert!(server.abandon(), "it ends with its owner");
}

#[test]
fn mongo_java_server_comes_back_empty() {
    let Some(mut server) = PrivateMongo::start(Kind::MongoJavaServer) else {
        return;
    };
    let database = server.database("smoke");
    block_on(async { keep(&database.open().await).await });
    server.kill();
    server.restart();
    assert_eq!(block_on(async { kept(&database.open().await).await }), None);
    assert!(server.abandon(), "it ends with its owner");
}

#[test]
fn a_driver_reads_through_the_proxy_and_lives_through_a_cut() {
    let Some(server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    block_on(async {
        let client = mongodb::Client::with_uri_str(support::uri(proxy.address().port()))
            .await
            .unwrap();
        let database = client.database("smoke");
        keep(&database).await;
        assert!(kept(&database).await.is_some());
        let before = proxy.counts();
        proxy.cut();
        assert!(
            kept(&database).await.is_some(),
            "the driver reads again over a new connection"
        );
        assert!(proxy.counts().accepted > before.accepted && proxy.counts().cut > 0);
        proxy.set(Mode::HalfOpen);
        let read = tokio::time::timeout(Duration::from_millis(500), kept(&database)).await;
        assert!(read.is_err(), "nobody answers");
    });
}

async fn write_and_read(cql: &Cql, keyspace: &str, consistency: Consistency) -> Result<String, String> {
    let statement = |text: String| {
        let mut statement = Statement::new(text);
        statement.set_consistency(consistency);
        statement
    };
    let session = cql.session().await?;
    let insert = statement(format!(
        "INSERT INTO {keyspace}.things (id, word) VALUES (1, 'grün')"
    ));
    session
        .query_unpaged(insert, ())
        .await
        .map_err(|e| e.to_string())?;
    let select = statement(format!("SELECT word FROM {keyspace}.things WHERE id = 1"));
    let rows = session
        .query_unpaged(select, ())
        .await
        .map_err(|e| e.to_string())?;
    let rows = rows.into_rows_result().map_err(|e| e.to_string())?;
    rows.single_row::<(String,)>()
        .map(|(word,)| word)
        .map_err(|e| e.to_string())
}

async fn create_table(cql: &Cql, keyspace: &str) {
    let create = format!("CREATE TABLE {keyspace}.things (id int PRIMARY KEY, word text)");
    cql.session()
        .await
        .unwrap()
        .query_unpaged(create, ())
        .await
        .unwrap();
}

fn keyspaces(cql: &Cql) -> Vec<String> {
    block_on(async {
        let session = cql.session().await.unwrap();
        let rows = session
            .query_unpaged("SELECT keyspace_name FROM system_schema.keyspaces", ())
            .await
            .unwrap();
        let rows = rows.into_rows_result().unwrap();
        rows.rows::<(String,)>()
            .unwrap()
            .map(|row| row.unwrap().0)
            .collect()
    })
}

#[test]
fn cql_keeps_a_row() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("smoke");
    let name = keyspace.name().to_owned();
    let word = block_on(async {
        create_table(keyspace.cql(), &name).await;
        write_and_read(keyspace.cql(), &name, Consistency::One).await
    });
    assert_eq!(word.as_deref(), Ok("grün"));
    assert!(keyspaces(cql).contains(&name));
    drop(keyspace);
    assert!(
        !keyspaces(cql).contains(&name),
        "the keyspace is dropped with its guard"
    );
}

#[test]
fn cassandra_asks_who_we_are_and_comes_back_with_its_data() {
    let Some(mut node) = PrivateNode::start("Password") else {
        return;
    };
    let keyspace = node.cql().keyspace("smoke");
    block_on(async {
        create_table(node.cql(), keyspace.name()).await;
        write_and_read(node.cql(), keyspace.name(), Consistency::One)
            .await
            .unwrap();
    });
    let mut stranger = node.cql().clone();
    stranger.login = Some(("cassandra".into(), "wrong".into()));
    assert!(block_on(stranger.ping()).is_err());
    // The commit log goes to disk every second; a crash takes along what is younger.
    std::thread::sleep(Duration::from_millis(1500));
    node.kill();
    assert!(block_on(node.cql().ping()).is_err());
    node.restart();
    let select = format!("SELECT word FROM {}.things WHERE id = 1", keyspace.name());
    let rows = block_on(async {
        node.cql()
            .session()
            .await?
            .query_unpaged(select, ())
            .await
            .map_err(|e| e.to_string())
    });
    let rows = rows.unwrap().into_rows_result().unwrap();
    assert_eq!(rows.single_row::<(String,)>().unwrap().0, "grün");
    assert!(node.abandon(), "it ends with its owner");
}

#[test]
fn a_cluster_loses_a_node_and_gets_it_back() {
    let Some(mut cluster) = support::cluster() else {
        return;
    };
    let cql = cluster.cql().clone();
    let keyspace = cql.keyspace("smoke");
    let at = |consistency| block_on(write_and_read(&cql, keyspace.name(), consistency));
    block_on(create_table(&cql, keyspace.name()));
    assert_eq!(at(Consistency::All).as_deref(), Ok("grün"));
    cluster.node(2).kill();
    assert!(!cluster.node(2).is_running());
    assert_eq!(at(Consistency::LocalQuorum).as_deref(), Ok("grün"));
    assert!(at(Consistency::All).is_err(), "one of three is gone");
    cluster.heal();
    assert_eq!(at(Consistency::All).as_deref(), Ok("grün"));
    let log = std::fs::read_to_string(cluster.node(2).log()).unwrap();
    // Other tests may have killed it, too.
    assert!(log.matches("Startup complete").count() >= 2);
}
