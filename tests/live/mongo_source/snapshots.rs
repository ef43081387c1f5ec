//! Reads as of one cluster time, and servers that only say so.

use super::{connect, records};
use crate::support::block_on;
use crate::support::member::{Content, Member, Snapshots, Topology};
use assay::model::{Number, NumberType, Value};
use assay::source::live::mongo::{MongoPoints, MongoStore};
use assay::source::live::{Governor, KeyPart, Limits};
use mongodb::bson::{Document, doc};

/// Keys of three queries.
const KEYS: i32 = 250;

fn numbered(seen: i32) -> impl Iterator<Item = Document> {
    (0..KEYS).map(move |n| doc! { "_id": n, "seen": seen })
}

fn member(topology: Topology, snapshots: Snapshots) -> Member {
    let member = Member::start(topology, snapshots);
    member.change(|content| content.put("shop.things", numbered(0)));
    member
}

/// Asks for all records by their keys.
async fn all(store: &MongoStore) -> MongoPoints {
    let probe = store.probe("shop.things").await.unwrap();
    let key = |n: i32| KeyPart {
        path: "_id".to_owned(),
        value: Value::Number(Number::int(n.into(), NumberType::Int32)),
    };
    let keys: Vec<Vec<KeyPart>> = (0..KEYS).map(|n| vec![key(n)]).collect();
    let governor = Governor::new(Limits::default());
    store
        .points("shop.things", &keys, &probe, &governor)
        .await
        .unwrap()
}

/// What the records saw.
fn seen(points: &MongoPoints) -> Vec<i32> {
    let records = records(&points.page);
    assert_eq!(records.len(), KEYS as usize);
    let seen = |record: &Vec<u8>| {
        Document::from_reader(&record[..])
            .unwrap()
            .get_i32("seen")
            .unwrap()
    };
    records.iter().map(seen).collect()
}

/// Whether a command looks for single records.
fn is_look_up(command: &Document) -> bool {
    let filter = command.get_document("filter").and_then(|f| f.get_document("_id"));
    filter.is_ok_and(|id| id.get_array("$in").is_ok_and(|all| all.len() > 1))
}

#[test]
fn suspects_are_read_as_of_one_time_whatever_is_written_meanwhile() {
    for topology in [Topology::ReplicaSet, Topology::Mongos] {
        let member = member(topology, Snapshots::Pinned);
        let began = member.change(|content| content.time());
        let mut round = 0;
        member.rule(move |command, content| {
            if is_look_up(command) {
                round += 1;
                let begun = command
                    .get_document("readConcern")
                    .unwrap()
                    .contains_key("atClusterTime");
                assert_eq!(begun, round > 1, "{command}");
                if begun {
                    content.put("shop.things", numbered(round));
                }
            }
            None
        });
        let points = block_on(async { all(&connect(&member.uri("shop"), 1000).await).await });
        assert_eq!(seen(&points), [0; KEYS as usize]);
        let at = points.snapshot.first.unwrap();
        assert_eq!((at.seconds, at.increment), (began.time, began.increment));
        assert_eq!((points.snapshot.reads, points.snapshot.begun_anew), (1, 0));
        let looks: Vec<Document> = member.seen("find").into_iter().filter(is_look_up).collect();
        assert_eq!(looks.len(), 3);
        assert!(looks.iter().all(|look| look.contains_key("lsid")));
    }
}

#[test]
fn servers_that_pin_nothing_are_seen_through() {
    for (topology, snapshots) in [
        (Topology::ReplicaSet, Snapshots::Ignored),
        (Topology::ReplicaSet, Snapshots::Pretended),
        (Topology::Standalone, Snapshots::Pinned),
    ] {
        let member = member(topology, snapshots);
        block_on(async {
            let store = connect(&member.uri("shop"), 1000).await;
            let probe = store.probe("shop.things").await.unwrap();
            assert!(!probe.snapshot, "{snapshots:?}");
            assert!(probe.degraded.iter().any(|text| text.contains("snapshot")));
            let points = all(&store).await;
            assert_eq!(seen(&points), [0; KEYS as usize]);
            assert_eq!(points.snapshot, Default::default());
        });
        let levels = member.seen("find").into_iter().filter(is_look_up);
        let mut levels = levels.map(|look| look.get_document("readConcern").unwrap().clone());
        assert!(levels.all(|concern| concern == doc! { "level": "majority" }));
    }
}

#[test]
fn a_weaker_read_concern_of_the_users_is_left_alone() {
    let member = member(Topology::ReplicaSet, Snapshots::Pinned);
    let uri = format!("{}&readConcernLevel=local", member.uri("shop"));
    let points = block_on(async { all(&connect(&uri, 1000).await).await });
    assert_eq!(points.snapshot, Default::default());
}

/// Reads while the server forgets the time it was asked for, so many times.
fn forgetful(times: u32) -> MongoPoints {
    let member = member(Topology::ReplicaSet, Snapshots::Pinned);
    let mut left = times;
    member.rule(move |command, content: &mut Content| {
        let at = command
            .get_document("readConcern")
            .is_ok_and(|c| c.contains_key("atClusterTime"));
        if is_look_up(command) && at && left > 0 {
            left -= 1;
            content.put("shop.things", numbered(1));
            content.forget();
        }
        None
    });
    block_on(async { all(&connect(&member.uri("shop"), 1000).await).await })
}

#[test]
fn a_time_that_the_server_forgets_is_begun_anew_and_given_up_in_the_end() {
    let once = forgetful(1);
    assert_eq!(seen(&once), [1; KEYS as usize]);
    let used = once.snapshot;
    assert_eq!((used.reads, used.begun_anew, used.given_up), (1, 1, 0));
    let always = forgetful(u32::MAX);
    assert_eq!(seen(&always), [1; KEYS as usize]);
    let used = always.snapshot;
    assert_eq!((used.reads, used.begun_anew, used.given_up), (0, 3, 1));
    assert_eq!(used.first, None);
}
