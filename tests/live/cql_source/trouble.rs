//! Failures say what they are, and what can be overcome costs no row.

use super::*;
use crate::support::{Mode, Proxy};
use assay::source::Failure;
use assay::source::live::Retry;
use assay::source::live::cql::Tls;
use scylla::routing::Token;
use scylla::statement::Consistency;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::instrument::WithSubscriber;

/// Patience for some milliseconds.
fn briefly(patience: u64, first_wait: u64) -> Retry {
    Retry {
        patience: Duration::from_millis(patience),
        first_wait: Duration::from_millis(first_wait),
    }
}

async fn refused(location: &str, options: &CqlOptions) -> SourceError {
    CqlStore::connect(location, options).await.unwrap_err()
}

fn failure(error: &SourceError) -> Option<Failure> {
    match error {
        SourceError::Server { failure, .. } => Some(*failure),
        _ => None,
    }
}

#[test]
fn failures_say_what_they_are() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("failures");
    block_on(async {
        let quick = CqlOptions {
            retry: briefly(30, 1),
            ..options(cql)
        };
        let error = refused("cql://127.0.0.1:1", &quick).await;
        assert_eq!(failure(&error), Some(Failure::Network), "{error}");
        let wrong = CqlOptions {
            datacenter: Some("nowhere".into()),
            ..quick.clone()
        };
        let here = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
        assert!(refused(&here, &wrong).await.to_string().contains("nowhere"));
        let tls = CqlOptions {
            tls: Some(Tls::default()),
            connect_timeout: Duration::from_secs(2),
            ..quick.clone()
        };
        let error = refused(&here, &tls).await;
        assert_eq!(failure(&error), Some(Failure::Network), "{error}");

        let nowhere = format!("cql://{}/no_such_keyspace", keyspace.cql().address);
        let store = CqlStore::connect(&nowhere, &quick).await.unwrap();
        assert!(matches!(
            store.catalog().await,
            Err(SourceError::Namespace { .. })
        ));

        let session = session(&keyspace).await;
        run(&session, "CREATE TABLE t (id int PRIMARY KEY)").await;
        let demanding = CqlOptions {
            consistency: Consistency::Three,
            ..quick.clone()
        };
        let store = connect(&keyspace, &demanding).await;
        let table = table(&store, "t").await;
        let range = Range {
            after: Some("-5".into()),
            to: Some("99".into()),
        };
        let error = read(&store, &table, &range).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Overload), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("after -5 up to 99") && text.contains("times)"),
            "{text}"
        );
        run(&session, "DROP TABLE t").await;
        let store = connect(&keyspace, &quick).await;
        let error = read(&store, &table, &range).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Refused), "{error}");
    });
}

#[test]
fn a_node_that_asks_who_we_are_is_told_or_denies() {
    let Some(node) = support::PrivateNode::start("Password") else {
        return;
    };
    let keyspace = node.cql().keyspace("rights");
    block_on(async {
        let session = session(&keyspace).await;
        let here = format!("cql://{}/{}", node.cql().address, keyspace.name());
        let stranger = CqlOptions {
            login: Some(("cassandra".into(), Secret::new("hunter2"))),
            ..CqlOptions::default()
        };
        for options in [CqlOptions::default(), stranger] {
            let error = refused(&here, &options).await;
            assert_eq!(failure(&error), Some(Failure::Denied), "{error}");
            assert!(!error.to_string().contains("hunter2"));
        }
        run(&session, "CREATE TABLE open (id int PRIMARY KEY)").await;
        run(&session, "CREATE TABLE closed (id int PRIMARY KEY)").await;
        run(
            &session,
            "CREATE ROLE reader WITH PASSWORD = 'hunter3' AND LOGIN = true",
        )
        .await;
        run(
            &session,
            &format!("GRANT SELECT ON {}.open TO reader", keyspace.name()),
        )
        .await;
        let reader = CqlOptions {
            login: Some(("reader".into(), Secret::new("hunter3"))),
            ..CqlOptions::default()
        };
        let store = connect(&keyspace, &reader).await;
        let (open, closed) = (table(&store, "open").await, table(&store, "closed").await);
        assert!(read_all(&store, &open, 1).await.is_empty());
        let error = read(&store, &closed, &Range::default()).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Denied), "{error}");
        let unreadable = store.probe().await.unwrap().unreadable;
        assert_eq!(unreadable.len(), 1, "{unreadable:?}");
        assert_eq!(unreadable[0].0, closed.name());

        // The driver does not read such a name; nobody else is on this node.
        run(&session, "CREATE TYPE \"Pl ace\" (\"Zip code\" int)").await;
        let _ = session
            .query_unpaged("CREATE TABLE t (id int PRIMARY KEY, v frozen<\"Pl ace\">)", ())
            .await;
        run(&session, "INSERT INTO t (id, v) VALUES (1, {\"Zip code\": 7})").await;
        let store = connect(&keyspace, &options(node.cql())).await;
        let table = table(&store, "t").await;
        let place = Value::Document(vec![(
            "Zip code".into(),
            Value::Number(Number::int(7, NumberType::Int32)),
        )]);
        let rows = read_all(&store, &table, 1).await;
        assert_eq!(cells(&table, &rows[0])["v"], canonical(Raw::Tree(&place)));
        assert!(
            format!("{store:?}").contains("login: Some((\"cassandra\", …))"),
            "{store:?}"
        );
    });
}

#[test]
fn encrypted_connections_show_whom_they_go_to() {
    let Some((node, certificate)) = support::PrivateNode::encrypted() else {
        return;
    };
    let location = format!("cql://{}/", node.cql().address);
    block_on(async {
        let with = |ca_file: Option<PathBuf>, unverified| CqlOptions {
            tls: Some(Tls { ca_file, unverified }),
            ..CqlOptions::default()
        };
        for options in [with(Some(certificate.clone()), false), with(None, true)] {
            let store = CqlStore::connect(&location, &options).await.unwrap();
            assert_eq!(store.probe().await.unwrap().nodes, (1, 1));
        }
        let error = refused(&location, &with(None, false)).await;
        assert_eq!(failure(&error), Some(Failure::Network), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        for file in ["nowhere.pem", "Cargo.toml"] {
            let error = refused(&location, &with(Some(file.into()), false)).await;
            assert!(error.to_string().contains(file), "{error}");
        }
    });
}

#[test]
fn a_node_that_dies_costs_no_row() {
    let Some(mut cluster) = cluster() else { return };
    let keyspace = cluster.cql().keyspace("dying");
    // The others ask a node that has just died until they know of it.
    let quick = |consistency| CqlOptions {
        consistency,
        page_rows: 20,
        retry: briefly(
            if consistency == Consistency::All {
                500
            } else {
                60_000
            },
            50,
        ),
        ..CqlOptions::default()
    };
    let (table, ranges, before) = block_on(async {
        let session = session(&keyspace).await;
        run(&session, "CREATE TABLE t (id int PRIMARY KEY, v text)").await;
        let insert = session
            .prepare("INSERT INTO t (id, v) VALUES (?, 'v')")
            .await
            .unwrap();
        for n in 0..1000i32 {
            session.execute_unpaged(&insert, (n,)).await.unwrap();
        }
        let quorum = connect(&keyspace, &quick(Consistency::LocalQuorum)).await;
        let all = connect(&keyspace, &quick(Consistency::All)).await;
        let table = table(&quorum, "t").await;
        let ranges = quorum.ranges(&table, 12).await.unwrap();
        let before = read_all(&quorum, &table, 12).await;
        assert_eq!(before.len(), 1000);
        assert_eq!(read_all(&all, &table, 12).await, before);
        (table, ranges, before)
    });
    let (half, rest) = ranges.split_at(ranges.len() / 2);
    let location = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
    let node = cluster.node(2);
    block_on(async {
        let quorum = CqlStore::connect(&location, &quick(Consistency::LocalQuorum))
            .await
            .unwrap();
        let all = CqlStore::connect(&location, &quick(Consistency::All))
            .await
            .unwrap();
        let mut rows = Vec::new();
        for range in half {
            rows.extend(read(&quorum, &table, range).await.unwrap());
        }
        node.kill();
        for range in rest {
            rows.extend(read(&quorum, &table, range).await.unwrap());
        }
        assert_eq!(rows, before);
        let error = read(&all, &table, &rest[0]).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Overload), "{error}");
        assert!(error.to_string().contains("read the tokens after"), "{error}");
        // Nobody waits for it who asks every node something.
        let begun = Instant::now();
        let probe = quorum.probe().await.unwrap();
        assert_eq!((probe.nodes, probe.clocks.len()), ((3, 2), 2));
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_connection_that_is_cut_costs_no_row() {
    // Behind the proxy there has to be one address, and nothing but it.
    let Some(node) = support::PrivateNode::start("AllowAll") else {
        return;
    };
    let cql = node.cql();
    let keyspace = cql.keyspace("cut");
    let proxy = Proxy::start(cql.address.parse().expect("a local server"));
    block_on(async {
        let session = session(&keyspace).await;
        run(&session, "CREATE TABLE t (id int PRIMARY KEY, v blob)").await;
        let insert = session
            .prepare("INSERT INTO t (id, v) VALUES (?, ?)")
            .await
            .unwrap();
        for n in 0..300i32 {
            session
                .execute_unpaged(&insert, (n, vec![7u8; 1000]))
                .await
                .unwrap();
        }
        let options = CqlOptions {
            page_rows: 10,
            retry: briefly(10_000, 100),
            request_timeout: Duration::from_secs(2),
            ..options(cql)
        };
        let location = format!("cql://{}/{}", proxy.address(), keyspace.name());
        let store = CqlStore::connect(&location, &options).await.unwrap();
        let table = table(&store, "t").await;
        let whole = read(&store, &table, &Range::default()).await.unwrap();
        assert_eq!(whole.len(), 300);
        let cut = proxy.counts().cut;
        proxy.set(Mode::CutAfter {
            bytes: 50_000,
            once: true,
        });
        assert_eq!(read(&store, &table, &Range::default()).await.unwrap(), whole);
        assert!(proxy.counts().cut > cut, "the proxy has cut nothing");

        let hasty = CqlOptions {
            retry: briefly(200, 100),
            request_timeout: Duration::from_millis(300),
            ..options
        };
        let store = CqlStore::connect(&location, &hasty).await.unwrap();
        let range = Range::default();
        read(&store, &table, &range).await.unwrap();
        proxy.set(Mode::HalfOpen);
        let error = read(&store, &table, &range).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Overload), "{error}");
        assert!(error.to_string().contains("tried 2 times"), "{error}");
    });
}

/// The nodes that answered, as the source tells a subscriber.
#[derive(Clone, Default)]
struct Answered(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Answered {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Answered {
    fn by(&self) -> BTreeSet<String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = String::from_utf8_lossy(&told);
        let nodes = told
            .split("node=")
            .skip(1)
            .filter_map(|rest| rest.split(' ').next());
        nodes.map(str::to_owned).collect()
    }
}

#[test]
fn a_range_is_asked_of_a_replica_of_its_own() {
    let Some(cluster) = cluster() else { return };
    let keyspace = cluster.cql().keyspace("routes");
    block_on(async {
        let session = session(&keyspace).await;
        let name = format!("{}_single", keyspace.name());
        let replication = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}";
        run(
            &session,
            &format!("CREATE KEYSPACE {name} WITH replication = {replication}"),
        )
        .await;
        run(&session, &format!("CREATE TABLE {name}.t (id int PRIMARY KEY)")).await;
        session.refresh_metadata().await.unwrap();
        let store = CqlStore::connect(
            &format!("cql://{}/{name}", cluster.cql().address),
            &CqlOptions::default(),
        )
        .await
        .unwrap();
        let table = table(&store, "t").await;
        // While there is one alone, a line that another test's thread comes to first is taken to be wanted by nobody.
        let unheard = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(std::io::sink)
            .finish();
        let _second = tracing::Dispatch::new(unheard);
        let mut asked = BTreeSet::new();
        for range in store.ranges(&table, 1).await.unwrap() {
            let token: i64 = range.to.as_ref().map_or(i64::MAX, |t| t.parse().unwrap());
            let owners = session
                .get_cluster_state()
                .get_token_endpoints(&name, "t", Token::new(token));
            let owners: BTreeSet<String> = owners.iter().map(|(node, _)| node.address.to_string()).collect();
            let answered = Answered::default();
            let told = answered.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(move || told.clone())
                .finish();
            read(&store, &table, &range)
                .with_subscriber(subscriber)
                .await
                .unwrap();
            assert_eq!(answered.by(), owners, "{range:?}");
            asked.extend(answered.by());
        }
        run(&session, &format!("DROP KEYSPACE {name}")).await;
        assert_eq!(asked.len(), 3);
    });
}
