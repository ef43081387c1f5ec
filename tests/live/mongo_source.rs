//! MongoDB as a source, against servers that ignore half of what they accept.

use crate::support::{self, Kind, Mode, Mongo, PrivateMongo, Proxy, block_on};
use assay::model::{Number, NumberType, Value};
use assay::source::live::mongo::{CollectionKind, MongoOptions, MongoProbe, MongoStore, ReadOrder};
use assay::source::live::{Governor, KeyPart, Limits, Page, Range, Retry};
use assay::source::{Failure, SourceError};
use futures_util::StreamExt;
use futures_util::future::join;
use mongodb::bson::{self, Binary, Bson, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The records of a page.
fn records(page: &Page) -> Vec<Vec<u8>> {
    let starts = std::iter::once(0).chain(page.ends.iter().copied());
    starts
        .zip(&page.ends)
        .map(|(start, end)| page.data[start..*end].to_vec())
        .collect()
}

async fn read(
    store: &MongoStore,
    namespace: &str,
    range: &Range,
    probe: &MongoProbe,
    governor: &Governor,
) -> Result<Vec<Vec<u8>>, SourceError> {
    let (out, mut pages) = tokio::sync::mpsc::channel(1);
    let take = async {
        let mut all = Vec::new();
        while let Some(page) = pages.recv().await {
            all.extend(records(&page));
        }
        all
    };
    let (done, all) = join(store.read(namespace, range, probe, governor, out), take).await;
    done.map(|()| all)
}

async fn connect(uri: &str, batch: u32) -> MongoStore {
    let options = MongoOptions {
        batch,
        connect_timeout: Duration::from_secs(5),
        ..MongoOptions::default()
    };
    MongoStore::connect(uri, &options).await.unwrap()
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    Bson::Binary(Binary {
        subtype,
        bytes: bytes.to_vec(),
    })
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(bson::Decimal128::from_str(text).unwrap())
}

/// `_id`s of all types that are easily had, several of each.
fn ids() -> Vec<Bson> {
    let mut ids: Vec<Bson> = vec![Bson::Null, true.into(), false.into(), Bson::MinKey, Bson::MaxKey];
    ids.extend([decimal("1.25"), decimal("-7.5E+20"), f64::NAN.into()]);
    for n in 0..24_i32 {
        ids.push((n * 7 - 40).into());
        ids.push((i64::from(n) << 33).wrapping_sub(1 << 36).into());
        ids.push((f64::from(n) * 1.5 - 20.25).into());
        ids.push(format!("text {n:02}").into());
        ids.push(Bson::ObjectId(bson::oid::ObjectId::from_bytes([n as u8 * 9; 12])));
        ids.push(Bson::DateTime(bson::DateTime::from_millis(
            i64::from(n) * 1_000_000_007 - 9_000_000_000,
        )));
        ids.push(doc! { "a": n % 3, "b": n }.into());
        ids.push(binary(BinarySubtype::Generic, &vec![n as u8; 1 + n as usize % 5]));
        ids.push(binary(BinarySubtype::Uuid, &[n as u8 * 10; 16]));
        ids.push(Bson::Timestamp(bson::Timestamp {
            time: n as u32,
            increment: 1,
        }));
    }
    ids
}

/// One value of every type.
fn values() -> Vec<Bson> {
    vec![
        Bson::Null,
        true.into(),
        7_i32.into(),
        (1_i64 << 40).into(),
        0.1_f64.into(),
        (-0.0_f64).into(),
        f64::NAN.into(),
        f64::INFINITY.into(),
        decimal("1.50"),
        "grün\u{1f600}".into(),
        String::new().into(),
        doc! { "b": 1, "a": { "z": Bson::Null } }.into(),
        vec![1_i32, 2].into(),
        vec![Bson::Array(vec![1.into()]), Bson::Array(vec![])].into(),
        binary(BinarySubtype::Generic, b"\0\x01"),
        binary(BinarySubtype::Uuid, &[7; 16]),
        binary(BinarySubtype::UuidOld, &[7; 16]),
        binary(BinarySubtype::UserDefined(0x80), b"own"),
        Bson::ObjectId(bson::oid::ObjectId::from_bytes([3; 12])),
        Bson::DateTime(bson::DateTime::from_millis(-1)),
        Bson::Timestamp(bson::Timestamp {
            time: 9,
            increment: 8,
        }),
        Bson::RegularExpression(bson::Regex {
            pattern: "a/b".try_into().unwrap(),
            options: "i".try_into().unwrap(),
        }),
        Bson::JavaScriptCode("x".into()),
        Bson::MinKey,
        Bson::MaxKey,
    ]
}

/// Inserts documents one by one and gives the bytes of those that the server took and kept as they are.
async fn insert(database: &mongodb::Database, name: &str, documents: Vec<Document>) -> Vec<Vec<u8>> {
    let collection = database.collection::<RawDocumentBuf>(name);
    let mut kept = Vec::new();
    for document in documents {
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        // Servers refuse types that they do not know, or close the connection.
        if collection.insert_one(&raw).await.is_ok() {
            kept.push(raw.as_bytes().to_vec());
        }
    }
    // Some change what they keep, such as the subtype of a binary: what they have then is no witness.
    for held in sorted(database, name).await {
        if !kept.contains(&held) {
            let held = Document::try_from(RawDocumentBuf::from_bytes(held).unwrap()).unwrap();
            eprintln!("changed by the server: {held}");
            let filter = doc! { "_id": held.get("_id").unwrap() };
            assert_eq!(collection.delete_one(filter).await.unwrap().deleted_count, 1);
        }
    }
    let held = sorted(database, name).await;
    kept.retain(|record| held.contains(record));
    kept
}

async fn insert_all(database: &mongodb::Database, name: &str, documents: Vec<Document>) -> Vec<Vec<u8>> {
    let raw: Vec<_> = documents
        .iter()
        .map(|d| RawDocumentBuf::try_from(d).unwrap())
        .collect();
    for some in raw.chunks(1000) {
        database
            .collection::<RawDocumentBuf>(name)
            .insert_many(some)
            .await
            .unwrap();
    }
    raw.into_iter().map(|d| d.as_bytes().to_vec()).collect()
}

/// What the server has, in its own order of `_id`.
async fn sorted(database: &mongodb::Database, name: &str) -> Vec<Vec<u8>> {
    let collection = database.collection::<RawDocumentBuf>(name);
    let cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    cursor.map(|d| d.unwrap().as_bytes().to_vec()).collect().await
}

fn in_any_order(mut records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    records.sort();
    records
}

fn every_type_reads_back(server: &Mongo) {
    let database = server.database("types");
    block_on(async {
        let open = database.open().await;
        let values = values();
        let documents = ids()
            .into_iter()
            .chain((0..values.len()).map(|n| Bson::String(format!("value {n}"))));
        let documents = documents
            .enumerate()
            .map(|(n, id)| doc! { "_id": id, "v": values[n % values.len()].clone() });
        let inserted = insert(&open, "mixed", documents.collect()).await;
        assert!(
            inserted.len() >= 150,
            "only {} documents were taken",
            inserted.len()
        );

        let namespace = format!("{}.mixed", database.name());
        let store = connect(&database.uri(), 17).await;
        let probe = store.probe(&namespace).await.unwrap();
        let expected = sorted(&open, "mixed").await;
        assert!(in_any_order(expected.clone()) == in_any_order(inserted.clone()));
        let governor = Governor::new(Limits::default());
        for wanted in [1, 7, 64] {
            let ranges = store.ranges(&namespace, wanted, &probe).await.unwrap();
            assert!(
                ranges.len() <= wanted && ranges.len() * 2 > wanted,
                "{} of {wanted}",
                ranges.len()
            );
            assert_eq!((&ranges[0].after, &ranges[ranges.len() - 1].to), (&None, &None));
            assert!(ranges.windows(2).all(|w| w[0].to == w[1].after));
            let mut all = Vec::new();
            for range in &ranges {
                let read = read(&store, &namespace, range, &probe, &governor).await.unwrap();
                let mut places = expected.iter();
                assert!(
                    read.iter().all(|r| places.any(|e| e == r)),
                    "{range:?} is out of order"
                );
                all.extend(read);
            }
            if wanted == 1 {
                assert!(all == expected, "not in the server's order");
            }
            assert_eq!(all.len(), inserted.len(), "{wanted} ranges");
            assert!(
                in_any_order(all) == in_any_order(inserted.clone()),
                "{wanted} ranges"
            );
        }
        // Batches of 17 were asked for: the reading above was of several pages.
        assert!(governor.usage().requests as usize > 3 * inserted.len() / 17);
    });
}

#[test]
fn mongodb_reads_back_every_type_whatever_the_ranges() {
    if let Some(server) = support::mongodb() {
        every_type_reads_back(server);
    }
}

#[test]
fn mongodb_2_reads_back_every_type_whatever_the_ranges() {
    if let Some(server) = support::mongodb_2() {
        every_type_reads_back(server);
    }
}

fn numbered(count: i32, padding: usize) -> Vec<Document> {
    (0..count)
        .map(|n| doc! { "_id": n, "text": "x".repeat(padding), "n": n % 10 })
        .collect()
}

#[test]
fn a_server_that_ignores_what_it_accepts_is_seen_through() {
    for (kind, sample) in [(Kind::FerretDb, false), (Kind::MongoJavaServer, true)] {
        let Some(server) = PrivateMongo::start(kind) else {
            return;
        };
        let database = server.database("probe");
        block_on(async {
            let namespace = format!("{}.things", database.name());
            insert_all(&database.open().await, "things", numbered(20, 1)).await;
            let store = connect(&database.uri(), 100).await;
            let probe = store.probe(&namespace).await.unwrap();
            assert_eq!(
                (probe.min_max, probe.sample, probe.sample_rate),
                (Some(false), sample, false)
            );
            assert!(!probe.snapshot && !probe.mongos && probe.hint);
            assert_eq!(
                (probe.order, probe.kind),
                (ReadOrder::ById, CollectionKind::Collection)
            );
            let (skew, doubt) = probe.clock_skew.unwrap();
            assert!(
                skew.abs() <= doubt + 1000,
                "one machine, one clock: {skew} ± {doubt} ms"
            );
            assert!(
                probe.degraded.iter().any(|text| text.contains("`min` and `max`")),
                "{:?}",
                probe.degraded
            );
        });
    }
}

#[test]
fn collections_are_listed_with_what_describes_them() {
    for server in [support::mongodb(), support::mongodb_2()].into_iter().flatten() {
        let database = server.database("list");
        block_on(async {
            let open = database.open().await;
            insert_all(&open, "orders", numbered(3, 1)).await;
            insert_all(&open, "b.dotted", numbered(1, 1)).await;
            let index = mongodb::IndexModel::builder().keys(doc! { "n": -1 }).build();
            open.collection::<Document>("orders")
                .create_index(index)
                .await
                .unwrap();
            let found = connect(&database.uri(), 100).await.collections().await.unwrap();
            let names: Vec<_> = found.iter().map(|c| c.namespace.clone()).collect();
            assert_eq!(
                names,
                ["b.dotted", "orders"].map(|name| format!("{}.{name}", database.name()))
            );
            let metadata: serde_json::Value = serde_json::from_str(&found[1].metadata).unwrap();
            assert_eq!(metadata["collectionName"], "orders");
            assert_eq!(metadata["indexes"].as_array().unwrap().len(), 2);
            assert!(
                found[1].metadata.contains(r#""key":{"n":{"$numberInt":"-1"}}"#),
                "{}",
                found[1].metadata
            );
            assert_eq!(
                (found[1].documents, found[1].kind),
                (Some(3), CollectionKind::Collection)
            );
        });
    }
}

/// Reads all of a collection through a proxy with faults, in some ranges.
fn reads_through(mode: Mode, kind: Kind, wanted: usize) {
    let Some(server) = PrivateMongo::start(kind) else {
        return;
    };
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    let database = server.database("cut");
    block_on(async {
        let inserted = insert_all(&database.open().await, "things", numbered(3000, 1000)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&support::uri(proxy.address().port()), 100).await;
        let probe = store.probe(&namespace).await.unwrap();
        let ranges = store.ranges(&namespace, wanted, &probe).await.unwrap();
        assert_eq!(ranges.len(), wanted);
        let governor = Governor::new(Limits::default());
        let before = proxy.counts().cut;
        proxy.set(mode);
        let mut all = Vec::new();
        for range in &ranges {
            all.extend(read(&store, &namespace, range, &probe, &governor).await.unwrap());
        }
        assert!(proxy.counts().cut > before, "nothing was cut");
        assert_eq!(all.len(), inserted.len());
        assert!(all == inserted, "each record once, in order");
    });
}

#[test]
fn a_scan_that_is_cut_off_is_resumed_without_loss_or_duplicates() {
    reads_through(
        Mode::CutAfter {
            bytes: 1_234_567,
            once: true,
        },
        Kind::FerretDb,
        1,
    );
    reads_through(
        Mode::CutAfter {
            bytes: 432_100,
            once: false,
        },
        Kind::MongoJavaServer,
        3,
    );
}

#[test]
fn a_scan_that_never_gets_on_ends_in_an_error() {
    let Some(server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    let database = server.database("dead");
    block_on(async {
        insert_all(&database.open().await, "things", numbered(1000, 1000)).await;
        let namespace = format!("{}.things", database.name());
        let options = MongoOptions {
            connect_timeout: Duration::from_millis(500),
            answer_timeout: Duration::from_secs(5),
            batch: 100,
            retry: Retry {
                patience: Duration::from_millis(6000),
                first_wait: Duration::from_millis(100),
            },
            ..MongoOptions::default()
        };
        let store = MongoStore::connect(&support::uri(proxy.address().port()), &options)
            .await
            .unwrap();
        let probe = store.probe(&namespace).await.unwrap();
        let governor = Governor::new(Limits::default());
        for mode in [Mode::HalfOpen, Mode::Refuse] {
            proxy.set(mode);
            proxy.cut();
            let error = read(&store, &namespace, &Range::default(), &probe, &governor)
                .await
                .unwrap_err();
            let SourceError::Server { failure, .. } = &error else {
                panic!("{error}")
            };
            assert!(matches!(failure, Failure::Network | Failure::Overload), "{error}");
            assert!(error.to_string().contains("cannot read `dead_"), "{error}");
        }
    });
}

#[test]
fn a_server_that_stops_honouring_bounds_is_found_out() {
    let Some(server) = support::mongodb() else { return };
    let database = server.database("bounds");
    block_on(async {
        insert_all(&database.open().await, "things", numbered(100, 1)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&database.uri(), 10).await;
        let mut probe = store.probe(&namespace).await.unwrap();
        let ranges = store.ranges(&namespace, 4, &probe).await.unwrap();
        let honours = probe.min_max == Some(true);
        probe.min_max = Some(true);
        let governor = Governor::new(Limits::default());
        for range in &ranges {
            let done = read(&store, &namespace, range, &probe, &governor).await;
            match done {
                Ok(some) => assert!(honours && some.len() < 100),
                Err(error) => assert!(
                    !honours && error.to_string().contains("outside of the range"),
                    "{error}"
                ),
            }
        }
    });
}

#[test]
fn a_server_that_is_restarted_in_the_middle_of_a_scan_has_lost_the_cursor_only() {
    let Some(mut server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    let database = server.database("restart");
    block_on(async {
        let inserted = insert_all(&database.open().await, "things", numbered(2000, 200)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&server.uri(), 100).await;
        let probe = store.probe(&namespace).await.unwrap();
        let (governor, whole) = (Governor::new(Limits::default()), Range::default());
        let (out, mut pages) = tokio::sync::mpsc::channel(1);
        let take = async {
            let mut all = records(&pages.recv().await.unwrap());
            assert!(all.len() < inserted.len() / 2);
            server.kill();
            server.restart();
            while let Some(page) = pages.recv().await {
                all.extend(records(&page));
            }
            all
        };
        let (done, all) = join(store.read(&namespace, &whole, &probe, &governor, out), take).await;
        done.unwrap();
        assert_eq!(all.len(), inserted.len());
        assert!(all == inserted, "each record once, in order");
    });
}

fn key(value: Value) -> Vec<KeyPart> {
    vec![KeyPart {
        path: "_id".to_owned(),
        value,
    }]
}

fn points_of(server: &Mongo) {
    let database = server.database("points");
    block_on(async {
        let open = database.open().await;
        let documents = vec![
            doc! { "_id": 7_i32, "a": "x", "b": 1 },
            doc! { "_id": 8.0_f64, "a": "x", "b": 2_i64 },
            doc! { "_id": 9_i64, "a": "y", "b": 1.0 },
            doc! { "_id": "text", "a": "z", "b": Bson::Null },
            doc! { "_id": { "p": 1, "q": "two" }, "a": "w" },
            doc! { "_id": binary(BinarySubtype::Uuid, &[5; 16]) },
            doc! { "_id": 2.5 },
        ];
        let inserted = insert_all(&open, "things", documents).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&database.uri(), 100).await;
        let probe = store.probe(&namespace).await.unwrap();
        let governor = Governor::new(Limits::default());
        let int = |n, ty| Value::Number(Number::int(n, ty));
        let keys = [
            key(int(7, NumberType::Int64)),
            key(int(8, NumberType::Varint)),
            key(Value::Number(Number::decimal(
                900.into(),
                -2,
                NumberType::Decimal,
            ))),
            key(Value::Text("text".into())),
            key(Value::Document(vec![
                ("q".into(), Value::Text("two".into())),
                ("p".into(), int(1, NumberType::Int32)),
            ])),
            key(Value::Uuid([5; 16])),
            key(Value::Number(Number::decimal(
                250.into(),
                -2,
                NumberType::Decimal,
            ))),
            key(Value::Text("nobody".into())),
        ];
        let page = store.points(&namespace, &keys, &probe, &governor).await.unwrap();
        assert!(
            in_any_order(records(&page)) == in_any_order(inserted.clone()),
            "{} records",
            page.ends.len()
        );

        let part = |path: &str, value| KeyPart {
            path: path.to_owned(),
            value,
        };
        let two = [
            vec![
                part("a", Value::Text("x".into())),
                part("b", int(2, NumberType::Int32)),
            ],
            vec![
                part("a", Value::Text("y".into())),
                part("b", int(1, NumberType::Int32)),
            ],
        ];
        let page = store.points(&namespace, &two, &probe, &governor).await.unwrap();
        assert!(
            in_any_order(records(&page)) == in_any_order(inserted[1..3].to_vec()),
            "{}",
            page.ends.len()
        );
        assert_eq!(
            store.points(&namespace, &[], &probe, &governor).await.unwrap(),
            Page::default()
        );
        let date = store
            .points(&namespace, &[key(Value::Date(1))], &probe, &governor)
            .await
            .unwrap_err();
        assert!(date.to_string().contains("date"), "{date}");
    });
}

#[test]
fn points_bring_every_record_that_was_asked_for() {
    for server in [support::mongodb(), support::mongodb_2()].into_iter().flatten() {
        points_of(server);
    }
}

#[test]
fn what_is_not_there_is_an_error_that_names_what_is() {
    let Some(server) = support::mongodb() else { return };
    let database = server.database("wrong");
    block_on(async {
        insert_all(&database.open().await, "orders", numbered(1, 1)).await;
        let store = connect(&database.uri(), 100).await;
        let wrong = store
            .probe(&format!("{}.order", database.name()))
            .await
            .unwrap_err();
        assert!(wrong.to_string().contains("`orders`"), "{wrong}");
        let nowhere = store.probe("no_such_database.orders").await.unwrap_err();
        assert!(
            nowhere.to_string().contains("empty or does not exist"),
            "{nowhere}"
        );
        assert!(
            store
                .probe("orders")
                .await
                .unwrap_err()
                .to_string()
                .contains("`database.collection`")
        );
    });
}

#[test]
fn users_that_are_not_known_are_denied_and_no_secret_is_shown() {
    let Some(server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    block_on(async {
        let at = format!("127.0.0.1:{}", server.port());
        let options = MongoOptions {
            connect_timeout: Duration::from_secs(1),
            ..MongoOptions::default()
        };
        for (uri, failure) in [
            (
                format!("mongodb://auditor:hunter2@{at}/shop?directConnection=true"),
                Failure::Denied,
            ),
            (
                "mongodb://auditor:hunter2@127.0.0.1:1/shop".to_owned(),
                Failure::Network,
            ),
            (
                format!("mongodb://auditor:hunter2@{at}/shop?nonsense"),
                Failure::Refused,
            ),
            (format!("mongodb://auditor:hun/ter2@{at}/shop"), Failure::Refused),
            (
                format!("mongodb://auditor:hunter2@{at}/shop?readConcernLevel=available"),
                Failure::Refused,
            ),
        ] {
            let error = MongoStore::connect(&uri, &options).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            for secret in ["auditor", "hunter2", "ter2"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(
                matches!(&error, SourceError::Server { failure: f, .. } if *f == failure),
                "{error:?}"
            );
        }
        let store =
            MongoStore::connect(&format!("mongodb://{at}/shop?directConnection=true"), &options).await;
        assert!(format!("{:?}", store.unwrap()).contains(&format!("mongodb://{at}/shop")));
    });
}

#[test]
fn bytes_per_second_are_held_while_a_collection_is_read() {
    let Some(server) = support::mongodb_2() else {
        return;
    };
    let database = server.database("rate");
    block_on(async {
        insert_all(&database.open().await, "things", numbered(6000, 500)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&database.uri(), 1000).await;
        let probe = store.probe(&namespace).await.unwrap();
        const RATE: f64 = 1_000_000.0;
        let governor = Governor::new(Limits {
            bytes_per_second: Some(RATE),
            ..Limits::default()
        });
        let began = Instant::now();
        let all = read(&store, &namespace, &Range::default(), &probe, &governor)
            .await
            .unwrap();
        let rate = governor.usage().bytes as f64 / began.elapsed().as_secs_f64();
        assert_eq!(all.len(), 6000);
        assert!(
            (0.95..=1.05).contains(&(rate / RATE)),
            "{rate} bytes/s over {:?}",
            began.elapsed()
        );
        assert!(governor.usage().waited > Duration::from_secs(2));
    });
}
