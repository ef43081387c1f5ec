//! Against the stand-in for a MongoDB member: topologies, kinds of collections, and looks that fail.

use super::{connect, numbered, read, records};
use crate::support::block_on;
use crate::support::member::{Content, Fault, Member, Refusal, Shape, Snapshots, Topology};
use assay::source::live::mongo::{CollectionKind, MongoOptions, MongoProbe, MongoStore, ReadOrder};
use assay::source::live::{Governor, Limits, Range, Room};
use futures_util::future::join;
use mongodb::bson::{Document, doc};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

/// A stand-in with documents in `shop.things`.
pub(super) fn member(topology: Topology, documents: impl IntoIterator<Item = Document>) -> Member {
    let member = Member::start(topology, Snapshots::Pinned);
    member.change(|content| content.put("shop.things", documents));
    member
}

pub(super) fn bytes(documents: &[Document]) -> Vec<Vec<u8>> {
    documents.iter().map(|d| d.to_vec().unwrap()).collect()
}

pub(super) async fn probed(member: &Member, name: &str) -> Result<MongoProbe, assay::source::SourceError> {
    let store = connect(&member.uri("shop"), 10).await;
    store.probe(&format!("shop.{name}")).await
}

/// What reads `shop.things`, seven documents in a page.
async fn opened(member: &Member) -> (MongoStore, MongoProbe, Governor) {
    let store = connect(&member.uri("shop"), 7).await;
    let probe = store.probe("shop.things").await.unwrap();
    (store, probe, Governor::new(Limits::default()))
}

/// Reads all of `shop.things` in some ranges.
pub(super) async fn in_ranges(member: &Member, wanted: usize) -> (Vec<Range>, Vec<Vec<u8>>) {
    let (store, probe, governor) = opened(member).await;
    let ranges = store.ranges("shop.things", wanted, &probe).await.unwrap();
    let mut all = Vec::new();
    for range in &ranges {
        let some = read(&store, "shop.things", range, &probe, &governor).await;
        all.extend(some.unwrap());
    }
    (ranges, all)
}

/// Reads one range of `shop.things`.
pub(super) async fn in_range(member: &Member, range: &Range) -> Vec<Vec<u8>> {
    let (store, probe, governor) = opened(member).await;
    read(&store, "shop.things", range, &probe, &governor)
        .await
        .unwrap()
}

/// Reads `shop.things` from its beginning: up to the end of a range of those that are known, else to the end. Returns the
/// range that comes next.
pub(super) async fn head(member: &Member, ranges: &OnceLock<Vec<Range>>) -> (Option<usize>, Vec<Vec<u8>>) {
    let (store, probe, governor) = opened(member).await;
    let (out, mut pages) = Room::new(usize::MAX).range();
    let read = async move {
        let mut head = store.head("shop.things", &probe, &governor, &out).unwrap();
        let reached = head.read_until_known(ranges).await.unwrap();
        if let Some(range) = reached {
            head.read_to_end_of(&ranges.get().unwrap()[range]).await.unwrap();
        }
        reached.map(|range| range + 1)
    };
    let take = async {
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(records(&page));
        }
        all
    };
    join(read, take).await
}

#[test]
fn a_router_that_has_an_id_twice_brings_both_or_says_why_not() {
    // Seven in a page: the first page ends between the two.
    let twice = numbered(40, 1).into_iter().chain([doc! { "_id": 6 }]);
    let member = member(Topology::Mongos, twice);
    block_on(async {
        let (ranges, all) = in_ranges(&member, 4).await;
        assert_eq!(all.len(), 41);
        // A beginning ends neither between them nor behind both: it is read to the end.
        let (next, all) = head(&member, &OnceLock::from(ranges)).await;
        assert_eq!((next, all.len()), (None, 41));
        let mut pages = 0;
        member.rule(move |command, _| {
            pages += usize::from(command.contains_key("getMore"));
            (pages == 1).then(|| {
                pages += 1;
                Fault::Cut
            })
        });
        let (store, probe, governor) = opened(&member).await;
        let cut = read(&store, "shop.things", &Range::default(), &probe, &governor).await;
        let error = cut.unwrap_err().to_string();
        assert!(error.contains("more than once"), "{error}");
    });
}

#[test]
fn batches_of_long_documents_take_no_more_room_than_others() {
    let documents = numbered(60, 100_000);
    let member = member(Topology::ReplicaSet, documents.clone());
    block_on(async {
        let store = connect(&member.uri("shop"), 1000).await;
        let probe = store.probe("shop.things").await.unwrap();
        let governor = Governor::new(Limits::default());
        let all = read(&store, "shop.things", &Range::default(), &probe, &governor).await;
        assert_eq!(all.unwrap(), bytes(&documents));
        let more = member.seen("getMore");
        assert!(more.len() >= 5, "{}", more.len());
        assert!(
            more.iter().all(|m| m.get_i32("batchSize").unwrap() == 10),
            "{more:?}"
        );
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
        let listed = store.catalog().await.unwrap().collections;
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
fn a_scan_that_breaks_off_goes_on_whatever_kind_of_collection_it_is_of() {
    let member = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
    let shapes = [
        ("capped", None, doc! { "capped": true, "size": 1 << 20 }, 1),
        ("accents", None, doc! { "collation": { "locale": "en" } }, 20),
        (
            "seen",
            Some("view"),
            doc! { "viewOn": "things", "pipeline": [] },
            20,
        ),
    ];
    let mixed = |n: i32| match n % 3 {
        0 => doc! { "_id": format!("{}{n}", ["a", "A"][n as usize % 2]) },
        1 => doc! { "_id": n },
        _ => doc! { "_id": { "n": n } },
    };
    let mut pages = BTreeMap::new();
    member.rule(move |command, _| {
        let pages = pages
            .entry(command.get_str("collection").ok()?.to_owned())
            .or_insert(0);
        *pages += 1;
        // Once among texts, once among numbers, once among documents.
        (*pages % 3 == 0).then(|| Fault::Refused(Refusal::new(50, "MaxTimeMSExpired", "as planned")))
    });
    block_on(async {
        for (name, kind, options, patience) in shapes {
            let namespace = format!("shop.{name}");
            let expected = member.change(|content| {
                content.create(&namespace, Shape { kind, options });
                content.put(&namespace, (0..80).map(mixed));
                content.documents(&namespace)
            });
            let store = connect(&member.uri("shop"), 7).await;
            let (probe, governor) = (
                store.probe(&namespace).await.unwrap(),
                Governor::new(Limits::default()),
            );
            let all = read(&store, &namespace, &Range::default(), &probe, &governor).await;
            assert!(all.unwrap() == bytes(&expected), "{name}");
            let scans = member
                .seen("find")
                .into_iter()
                .filter(|find| find.get_str("find").ok() == Some(name) && find.contains_key("sort"));
            let times: Vec<_> = scans.map(|find| find.get_i32("maxTimeMS").unwrap()).collect();
            assert!(times.len() >= 4, "{name}: {times:?}");
            // What may have to be sorted before its first record comes is given the time for it.
            assert!(
                times.iter().all(|time| *time == 60_000 * patience),
                "{name}: {times:?}"
            );
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
        let listed = store.catalog().await.unwrap().collections;
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
        let error = store.catalog().await.unwrap_err().to_string();
        assert!(error.contains("as planned"), "{error}");
    });
}

/// Refuses what is not for this user.
fn unauthorized() -> Fault {
    Fault::Refused(Refusal::new(13, "Unauthorized", "not authorized"))
}

#[test]
fn what_the_user_may_not_list_is_not_known_and_the_rest_is() {
    let member = member(Topology::ReplicaSet, numbered(60, 1));
    member.change(|content| {
        content.put("shop.secret", numbered(3, 1));
        content.put("closed.things", numbered(3, 1));
    });
    block_on(async {
        // The indexes of one collection.
        member.rule(|command, _| {
            command
                .get_str("listIndexes")
                .is_ok_and(|name| name == "secret")
                .then(unauthorized)
        });
        let store = connect(&member.uri("shop"), 10).await;
        let listed = store.catalog().await.unwrap().collections;
        let metadata: Vec<bool> = listed.iter().map(|c| c.metadata.is_some()).collect();
        assert_eq!(metadata, [false, true]);
        let degraded = store.probe("shop.secret").await.unwrap().degraded;
        assert!(
            degraded.iter().any(|told| told.contains("not compared")),
            "{degraded:?}"
        );
        // The collections of a database, but for those that are the user's.
        let lists = |command: &Document| command.contains_key("listCollections");
        let own = |command: &Document| command.get_bool("authorizedCollections").unwrap_or(false);
        let closed = |command: &Document| command.get_str("$db").is_ok_and(|name| name == "closed");
        member.rule(move |command, _| {
            let refused = lists(command) && !own(command) || closed(command);
            refused.then(unauthorized)
        });
        let listed = store.catalog().await.unwrap().collections;
        let kinds: Vec<_> = listed
            .iter()
            .map(|c| (c.kind, c.collation.clone(), c.metadata.clone()))
            .collect();
        // The index says that there is no collation, and of the options nothing is known.
        assert_eq!(
            kinds,
            [
                (CollectionKind::Collection, None, None),
                (CollectionKind::Collection, None, None)
            ]
        );
        let (ranges, all) = in_ranges(&member, 4).await;
        assert_eq!((ranges.len(), all.len()), (4, 60));
        // A database that nobody named is left out, one that is named is not.
        let catalog = connect(&member.uri(""), 10).await.catalog().await.unwrap();
        assert_eq!(
            (catalog.collections.len(), &*catalog.not_listed[0].0),
            (2, "closed")
        );
        let named = connect(&member.uri("closed"), 10)
            .await
            .catalog()
            .await
            .unwrap_err();
        assert!(
            named.to_string().contains("list the collections of `closed`"),
            "{named}"
        );
        // Without the indexes there may be a collation.
        member.rule(move |command, _| {
            let refused = lists(command) && !own(command) || command.contains_key("listIndexes");
            refused.then(unauthorized)
        });
        assert_eq!(
            store.probe("shop.things").await.unwrap().order,
            ReadOrder::SimpleCollation
        );
        let (ranges, all) = in_ranges(&member, 4).await;
        assert_eq!((ranges.len(), all.len()), (1, 60));
    });
}

#[test]
fn a_sample_that_takes_too_long_is_drawn_in_another_way() {
    let member = member(Topology::ReplicaSet, numbered(2000, 1));
    let options = MongoOptions {
        max_time: Duration::from_millis(300),
        ..MongoOptions::default()
    };
    let stage = |command: &Document| command.get_array("pipeline").map(|p| p[0].to_string());
    block_on(async {
        let store = MongoStore::connect(&member.uri("shop"), &options).await.unwrap();
        let probe = store.probe("shop.things").await.unwrap();
        let before = member.seen("aggregate").len();
        for slow in [&["$sample\""][..], &["$sample\"", "$sampleRate"]] {
            member.rule(move |command, _| {
                let stage = stage(command).ok()?;
                slow.iter().any(|way| stage.contains(way)).then(|| {
                    std::thread::sleep(Duration::from_millis(310));
                    Fault::Refused(Refusal::new(50, "MaxTimeMSExpired", "as planned"))
                })
            });
            let ranges = store.ranges("shop.things", 8, &probe).await.unwrap();
            assert_eq!(ranges.len(), 8, "{slow:?}");
        }
        let drawn = member.seen("aggregate").split_off(before);
        assert_eq!(drawn.len(), 4, "{drawn:?}");
        for drawn in drawn {
            // Whoever names an index gets no random cursor.
            let by_rate = stage(&drawn).unwrap().contains("$sampleRate");
            assert_eq!(drawn.contains_key("hint"), by_rate, "{drawn}");
            assert!(by_rate || drawn.to_string().contains("\"size\": 80"), "{drawn}");
        }
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
        assert_eq!(store.catalog().await.unwrap().collections.len(), 1);
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
        let (out, mut pages) = Room::new(usize::MAX).range();
        let take = async {
            let mut all = Vec::new();
            while let Some(page) = pages.next().await {
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
