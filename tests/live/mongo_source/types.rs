//! Every type, read back whatever the ranges.

use super::{binary, connect, in_any_order, read, sorted};
use crate::support::{self, Mongo, block_on};
use assay::source::live::{Governor, Limits};
use mongodb::bson::{self, Bson, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use std::str::FromStr;

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
