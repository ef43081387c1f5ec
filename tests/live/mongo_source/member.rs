//! Against the stand-in for a MongoDB member: bounds that are honoured, topologies and kinds of collections.

use super::{connect, numbered, read, records};
use crate::support::block_on;
use crate::support::member::{Content, Fault, Member, Refusal, Shape, Snapshots, Topology};
use assay::source::live::mongo::{CollectionKind, MongoProbe, ReadOrder};
use assay::source::live::{Governor, Limits, Range};
use futures_util::future::join;
use mongodb::bson::{self, Binary, Bson, Document, doc, spec::BinarySubtype};
use std::collections::BTreeMap;

/// A stand-in with documents in `shop.things`.
fn member(topology: Topology, documents: impl IntoIterator<Item = Document>) -> Member {
    let member = Member::start(topology, Snapshots::Pinned);
    member.change(|content| content.put("shop.things", documents));
    member
}

fn bytes(documents: &[Document]) -> Vec<Vec<u8>> {
    documents.iter().map(|d| d.to_vec().unwrap()).collect()
}

async fn probed(member: &Member, name: &str) -> Result<MongoProbe, assay::source::SourceError> {
    let store = connect(&member.uri("shop"), 10).await;
    store.probe(&format!("shop.{name}")).await
}

/// Reads all of `shop.things` in some ranges.
async fn in_ranges(member: &Member, wanted: usize) -> (Vec<Range>, Vec<Vec<u8>>) {
    let store = connect(&member.uri("shop"), 7).await;
    let probe = store.probe("shop.things").await.unwrap();
    let ranges = store.ranges("shop.things", wanted, &probe).await.unwrap();
    let governor = Governor::new(Limits::default());
    let mut all = Vec::new();
    for range in &ranges {
        let some = read(&store, "shop.things", range, &probe, &governor).await;
        all.extend(some.unwrap());
    }
    (ranges, all)
}

#[test]
fn bounds_that_are_honoured_are_used() {
    for topology in [Topology::Standalone, Topology::ReplicaSet, Topology::Mongos] {
        let member = member(topology, numbered(500, 1));
        block_on(async {
            let probe = probed(&member, "things").await.unwrap();
            assert_eq!(probe.min_max, Some(true));
            assert!(probe.hint && probe.sample && probe.sample_rate && probe.ranges_possible());
            assert_eq!(probe.snapshot, topology != Topology::Standalone);
            assert_eq!(probe.mongos, topology == Topology::Mongos);
            // Nobody needs to know them.
            assert!(probe.type_codes.is_empty());
            let set = (topology == Topology::ReplicaSet).then(|| "rs0".to_owned());
            assert_eq!(probe.replica_set, set);
            let lacks = probe.degraded.join(" ");
            assert!(!lacks.contains("`min` and `max`"), "{lacks}");
            assert_eq!(
                lacks.contains("snapshot"),
                topology == Topology::Standalone,
                "{lacks}"
            );

            let (ranges, all) = in_ranges(&member, 9).await;
            assert_eq!(ranges.len(), 9);
            assert!(
                all == bytes(&member.change(|c| c.documents("shop.things"))),
                "each once, in order"
            );
        });
        let finds = member.seen("find");
        let bounded = finds
            .iter()
            .filter(|find| find.contains_key("min") || find.contains_key("max"));
        let hinted = bounded
            .clone()
            .all(|find| find.get_document("hint").unwrap() == &doc! { "_id": 1 });
        assert!(bounded.count() >= 9 && hinted);
        for find in finds {
            let concern = find
                .get_document("readConcern")
                .unwrap()
                .get_str("level")
                .unwrap();
            assert!(["majority", "snapshot"].contains(&concern), "{find}");
        }
        let only = member.names_seen();
        let reads = [
            "aggregate",
            "buildInfo",
            "collStats",
            "endSessions",
            "find",
            "getMore",
            "hello",
            "isMaster",
            "killCursors",
            "listCollections",
            "listIndexes",
            "ping",
        ];
        assert!(only.iter().all(|name| reads.contains(&&**name)), "{only:?}");
    }
}

/// `_id`s of every type that has an order, not in it.
fn mixed() -> Vec<Document> {
    let mut ids: Vec<Bson> = vec![
        Bson::MaxKey,
        true.into(),
        f64::NAN.into(),
        Bson::MinKey,
        Bson::Null,
        false.into(),
    ];
    for n in 0..20_i32 {
        ids.push(format!("text {n:02}").into());
        ids.push((n * 7 - 40).into());
        ids.push((f64::from(n) * 1.5 - 20.25).into());
        ids.push((i64::from(n) << 33).into());
        ids.push(Bson::ObjectId(bson::oid::ObjectId::from_bytes([n as u8 * 9; 12])));
        ids.push(Bson::DateTime(bson::DateTime::from_millis(i64::from(n) - 9)));
        ids.push(doc! { "a": n % 3, "b": n }.into());
        let bytes = vec![n as u8; 1 + n as usize % 5];
        let subtype = [BinarySubtype::Generic, BinarySubtype::UserDefined(0x80)][n as usize % 2];
        ids.push(Bson::Binary(Binary { subtype, bytes }));
        ids.push(Bson::Timestamp(bson::Timestamp {
            time: n as u32,
            increment: 1,
        }));
    }
    // Equal by value to one before.
    ids.retain(|id| *id != Bson::Int64(0));
    ids.into_iter().map(|id| doc! { "_id": id, "v": 1 }).collect()
}

#[test]
fn literal_bounds_divide_ids_of_all_types() {
    let member = member(Topology::ReplicaSet, mixed());
    let expected = bytes(&member.change(|content| content.documents("shop.things")));
    block_on(async {
        for wanted in [1, 3, 17, 64, expected.len()] {
            let (ranges, all) = in_ranges(&member, wanted).await;
            // MinKey bounds nothing.
            assert_eq!(ranges.len(), wanted - usize::from(wanted == expected.len()));
            assert!(all == expected, "{wanted} ranges");
        }
    });
}

#[test]
fn the_keys_at_the_ends_come_once_wherever_a_scan_breaks() {
    let clustered =
        doc! { "clusteredIndex": { "v": 2, "key": { "_id": 1 }, "name": "_id_", "unique": true } };
    // Seven in a page: the last breaks behind MaxKey.
    for (options, nth) in [(doc! {}, 1), (doc! {}, 12), (doc! {}, 24), (clustered, 12)] {
        for wanted in [1, 2] {
            let member = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
            member.change(|content| {
                let (kind, options) = (None, options.clone());
                content.create("shop.things", Shape { kind, options });
                content.put("shop.things", mixed().into_iter().take(24 * 7));
            });
            let mut pages = 0;
            member.rule(move |command, _| {
                pages += usize::from(command.contains_key("getMore"));
                (pages == nth && command.contains_key("getMore")).then_some(Fault::Cut)
            });
            let expected = bytes(&member.change(|content| content.documents("shop.things")));
            let (ranges, all) = block_on(in_ranges(&member, wanted));
            assert_eq!(ranges.len(), wanted);
            assert!(all == expected, "{options}, broken at {nth}, {wanted} ranges");
        }
    }
}

#[test]
fn ids_at_the_ends_only_do_not_show_whether_bounds_are_honoured() {
    for (ids, honoured) in [
        (vec![Bson::MinKey], None),
        (vec![Bson::MaxKey], Some(true)),
        (vec![Bson::MinKey, Bson::MaxKey], Some(true)),
    ] {
        let documents = ids.into_iter().map(|id| doc! { "_id": id });
        let member = member(Topology::ReplicaSet, documents);
        block_on(async {
            assert_eq!(probed(&member, "things").await.unwrap().min_max, honoured);
            let expected = bytes(&member.change(|content| content.documents("shop.things")));
            assert_eq!(in_ranges(&member, 4).await.1, expected);
        });
    }
}

#[test]
fn a_scan_between_literal_bounds_goes_on_where_it_broke() {
    for fault in [43, 11602, 13388, 250, 433, 0] {
        let member = member(Topology::ReplicaSet, numbered(300, 1));
        let mut pages = 0;
        member.rule(move |command, content: &mut Content| {
            pages += usize::from(command.contains_key("getMore"));
            if pages != 3 {
                return None;
            }
            pages += 1;
            // The record that it stopped at has gone meanwhile, and others have come.
            content.remove("shop.things", |d| d.get_i32("_id").unwrap() % 7 == 6);
            content.put("shop.things", [doc! { "_id": 1000 }, doc! { "_id": -1 }]);
            Some(match fault {
                0 => Fault::Cut,
                code => Fault::Refused(Refusal::new(code, "", "as planned")),
            })
        });
        block_on(async {
            let (ranges, all) = in_ranges(&member, 3).await;
            assert_eq!(ranges.len(), 3);
            let ids: Vec<i32> = all
                .iter()
                .map(|d| Document::from_reader(&d[..]).unwrap().get_i32("_id").unwrap())
                .collect();
            assert!(ids.windows(2).all(|w| w[0] < w[1]), "{fault}: {ids:?}");
            let now = member.change(|content| content.documents("shop.things"));
            let stayed = now
                .iter()
                .map(|d| d.get_i32("_id").unwrap())
                .filter(|id| *id != -1);
            for id in stayed {
                assert!(ids.contains(&id), "{fault}: {id} is missing");
            }
        });
    }
}

#[test]
fn a_router_that_has_an_id_twice_brings_both_or_says_why_not() {
    // Seven in a page: the first page ends between the two.
    let twice = numbered(40, 1).into_iter().chain([doc! { "_id": 6 }]);
    let member = member(Topology::Mongos, twice);
    block_on(async {
        let (_, all) = in_ranges(&member, 4).await;
        assert_eq!(all.len(), 41);
        let mut pages = 0;
        member.rule(move |command, _| {
            pages += usize::from(command.contains_key("getMore"));
            (pages == 1).then(|| {
                pages += 1;
                Fault::Cut
            })
        });
        let store = connect(&member.uri("shop"), 7).await;
        let probe = store.probe("shop.things").await.unwrap();
        let governor = Governor::new(Limits::default());
        let cut = read(&store, "shop.things", &Range::default(), &probe, &governor).await;
        let error = cut.unwrap_err().to_string();
        assert!(error.contains("more than once"), "{error}");
    });
}

#[test]
fn a_sharded_cluster_is_never_read_as_available() {
    let member = member(Topology::Mongos, numbered(3, 1));
    block_on(async {
        for concern in ["available", "local", "linearizable"] {
            let uri = format!("{}?readConcernLevel={concern}", member.uri("shop"));
            let store = assay::source::live::mongo::MongoStore::connect(&uri, &Default::default()).await;
            match store {
                Ok(store) => {
                    let probe = store.probe("shop.things").await.unwrap();
                    assert_eq!(probe.read_concern, concern);
                }
                Err(error) => {
                    assert!(concern == "available" && error.to_string().contains("no longer there"))
                }
            }
        }
        let read = member.seen("find").into_iter().chain(member.seen("aggregate"));
        for command in read {
            let concern = command.get_document("readConcern").cloned().unwrap_or_default();
            assert_ne!(concern.get_str("level").ok(), Some("available"));
        }
    });
}

#[test]
fn kinds_of_collections_are_handled_or_refused_with_the_reason() {
    let member = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
    let shapes = [
        ("capped", None, doc! { "capped": true, "size": 1 << 20 }),
        (
            "clustered",
            None,
            doc! { "clusteredIndex": { "v": 2, "key": { "_id": 1 }, "name": "_id_", "unique": true } },
        ),
        (
            "accents",
            None,
            doc! { "collation": { "locale": "en", "strength": 2 } },
        ),
        ("seen", Some("view"), doc! { "viewOn": "things", "pipeline": [] }),
        (
            "without",
            Some("view"),
            doc! { "viewOn": "things", "pipeline": [{ "$project": { "_id": 0 } }] },
        ),
        (
            "weather",
            Some("timeseries"),
            doc! { "timeseries": { "timeField": "t" } },
        ),
    ];
    let texts = ["b", "A", "a", "B", "c"].map(|id| doc! { "_id": id });
    member.change(|content| {
        for (name, kind, options) in shapes {
            content.create(&format!("shop.{name}"), Shape { kind, options });
            let documents: Vec<Document> = match name {
                "accents" => texts.to_vec(),
                "without" => vec![doc! { "v": 1 }],
                _ => numbered(60, 1),
            };
            content.put(&format!("shop.{name}"), documents);
        }
    });
    block_on(async {
        let (store, governor) = (
            connect(&member.uri("shop"), 7).await,
            Governor::new(Limits::default()),
        );
        let listed = store.collections().await.unwrap();
        assert_eq!(listed.len(), 6);
        for (name, kind, order, ranges, told) in [
            ("capped", CollectionKind::Capped, ReadOrder::ById, 1, "capped"),
            ("clustered", CollectionKind::Clustered, ReadOrder::ById, 4, ""),
            (
                "accents",
                CollectionKind::Collection,
                ReadOrder::SimpleCollation,
                1,
                "collation",
            ),
            ("seen", CollectionKind::View, ReadOrder::ById, 1, "view"),
        ] {
            let namespace = format!("shop.{name}");
            let probe = store.probe(&namespace).await.unwrap();
            assert_eq!((probe.kind, probe.order), (kind, order), "{name}");
            let cut = store.ranges(&namespace, 4, &probe).await.unwrap();
            assert_eq!(cut.len(), ranges, "{name}");
            assert!(
                probe.degraded.join(" ").contains(told),
                "{name}: {:?}",
                probe.degraded
            );
            assert_eq!(probe.degraded.is_empty(), told.is_empty(), "{:?}", probe.degraded);
            let mut all = Vec::new();
            for range in &cut {
                all.extend(read(&store, &namespace, range, &probe, &governor).await.unwrap());
            }
            let mut expected = member.change(|content| content.documents(&namespace));
            expected.sort_by(|a, b| a.get_str("_id").ok().cmp(&b.get_str("_id").ok()));
            assert!(all == bytes(&expected), "{name}");
        }
        let scans = member.seen("find").into_iter();
        let scans = scans.filter(|find| find.contains_key("sort") && !find.contains_key("projection"));
        let (mut sorted, mut plain) = (0, 0);
        for scan in scans {
            // The server may sort them, and may need the disk for that.
            let sorts = ["accents", "seen"].contains(&scan.get_str("find").unwrap());
            assert_eq!(scan.get_bool("allowDiskUse").unwrap_or(false), sorts, "{scan}");
            *(if sorts { &mut sorted } else { &mut plain }) += 1;
        }
        assert!(sorted > 1 && plain > 1);
        for (name, why) in [("weather", "time series"), ("without", "`_id`")] {
            let error = store
                .probe(&format!("shop.{name}"))
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(why) && error.contains("dump"), "{error}");
        }
    });
}

#[test]
fn a_router_is_a_server_of_mongodb_s() {
    for topology in [Topology::Standalone, Topology::ReplicaSet, Topology::Mongos] {
        let member = Member::start(topology, Snapshots::Pinned);
        let server = block_on(async { connect(&member.uri("shop"), 10).await.server_says().await });
        let server = server.unwrap();
        assert_eq!(
            (server.product, &*server.version),
            (Some("MongoDB"), "7.0.14"),
            "{topology:?}"
        );
    }
}

#[test]
fn a_collection_that_is_dropped_while_all_are_listed_is_left_out() {
    let member = member(Topology::ReplicaSet, numbered(3, 1));
    member.change(|content| content.put("shop.gone", numbered(3, 1)));
    member.rule(|command, content: &mut Content| {
        if command.get_str("listIndexes").is_ok_and(|name| name == "gone") {
            content.drop("shop.gone");
        }
        None
    });
    block_on(async {
        let store = connect(&member.uri("shop"), 10).await;
        let listed = store.collections().await.unwrap();
        let names: Vec<&str> = listed.iter().map(|c| &*c.namespace).collect();
        assert_eq!(names, ["shop.things"]);
        member.change(|content| content.put("shop.gone", numbered(3, 1)));
        let error = store.probe("shop.gone").await.unwrap_err().to_string();
        assert!(error.contains("there is no collection"), "{error}");
        // A refusal that has another reason is told.
        member.rule(|command, _| {
            let lists = command.contains_key("listIndexes");
            lists.then(|| Fault::Refused(Refusal::new(2, "BadValue", "as planned")))
        });
        let error = store.collections().await.unwrap_err().to_string();
        assert!(error.contains("as planned"), "{error}");
    });
}

#[test]
fn every_look_is_made_again_where_the_server_is_not_reached() {
    let member = member(Topology::ReplicaSet, numbered(20, 1));
    block_on(async {
        let store = connect(&member.uri(""), 10).await;
        let mut times = BTreeMap::new();
        member.rule(move |command, _| {
            let name = command.keys().next()?.clone();
            let concern = command.get_document("readConcern").cloned().unwrap_or_default();
            // The driver greets without a session; estimates of sizes are done without.
            if !command.contains_key("lsid") || name == "collStats" {
                return None;
            }
            // The driver itself makes some requests twice.
            let times = times
                .entry((name, concern.get_str("level").ok().map(str::to_owned)))
                .or_insert(0);
            *times += 1;
            (*times <= 2).then(|| Fault::Refused(Refusal::new(6, "HostUnreachable", "as planned")))
        });
        assert_eq!(store.collections().await.unwrap().len(), 1);
        let probe = store.probe("shop.things").await.unwrap();
        assert_eq!((&*probe.version, probe.min_max), ("7.0.14", Some(true)));
        assert_eq!(probe.replica_set.as_deref(), Some("rs0"));
        assert!(probe.snapshot && probe.hint && probe.sample);
    });
}

#[test]
fn a_scan_whose_content_moves_brings_each_record_once() {
    let member = member(Topology::ReplicaSet, numbered(100, 1));
    block_on(async {
        let store = connect(&member.uri("shop"), 10).await;
        let probe = store.probe("shop.things").await.unwrap();
        let (governor, whole) = (Governor::new(Limits::default()), Range::default());
        let (out, mut pages) = tokio::sync::mpsc::channel(1);
        let take = async {
            let mut all = Vec::new();
            while let Some(page) = pages.recv().await {
                all.extend(records(&page));
                let replaced = (0..100).map(|n| doc! { "_id": n, "seen": all.len() as i32 });
                member.change(|content| content.put("shop.things", replaced));
            }
            all
        };
        let (done, all) = join(store.read("shop.things", &whole, &probe, &governor, out), take).await;
        done.unwrap();
        assert_eq!(all.len(), 100);
    });
}
