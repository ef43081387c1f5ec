//! Literal bounds, against the stand-in for a MongoDB member, which has them as MongoDB does.

use super::member::{bytes, head, in_range, in_ranges, member, probed};
use super::numbered;
use crate::support::block_on;
use crate::support::member::{Content, Fault, Member, Refusal, Shape, Snapshots, Topology};
use mongodb::bson::{self, Binary, Bson, Document, doc, spec::BinarySubtype};
use std::sync::OnceLock;

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

/// Has the connection end at the `nth` request for another page.
fn break_at(member: &Member, nth: usize) {
    let mut pages = 0;
    member.rule(move |command, _| {
        pages += usize::from(command.contains_key("getMore"));
        (pages == nth && command.contains_key("getMore")).then_some(Fault::Cut)
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
            break_at(&member, nth);
            let expected = bytes(&member.change(|content| content.documents("shop.things")));
            let (ranges, all) = block_on(in_ranges(&member, wanted));
            assert_eq!(ranges.len(), wanted);
            assert!(all == expected, "{options}, broken at {nth}, {wanted} ranges");
        }
    }
}

#[test]
fn a_beginning_and_the_ranges_behind_it_are_the_whole() {
    let member = member(Topology::ReplicaSet, mixed());
    let expected = bytes(&member.change(|content| content.documents("shop.things")));
    let last = expected.len().div_ceil(7) - 1;
    block_on(async {
        for nth in [0, 1, 12, last] {
            break_at(&member, nth);
            let (next, all) = head(&member, &OnceLock::new()).await;
            assert_eq!(next, None);
            assert!(all == expected, "broken at {nth}");
        }
        for wanted in [2, 17, 64, 1] {
            let (ranges, _) = in_ranges(&member, wanted).await;
            for nth in [0, 1, 2] {
                break_at(&member, nth);
                let (next, mut all) = head(&member, &OnceLock::from(ranges.clone())).await;
                assert_eq!((next.is_none(), all.len() >= 7), (wanted == 1, true));
                for range in &ranges[next.unwrap_or(1)..] {
                    all.extend(in_range(&member, range).await);
                }
                assert!(all == expected, "{wanted} ranges, broken at {nth}");
            }
        }
    });
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
