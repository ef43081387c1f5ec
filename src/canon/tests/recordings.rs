//! What mongodump and mongoexport really wrote, held against each other.

use super::{TYPED, bson, by_value, json};
use crate::canon::bson::record_len;
use crate::canon::ejson::is_relaxed;

const TYPES: &[u8] = include_bytes!("../../../fixtures/mongo/dump/shop/types.bson");
const TYPES_CANONICAL: &str = include_str!("../../../fixtures/mongo/types.canonical.ndjson");
const TYPES_RELAXED: &str = include_str!("../../../fixtures/mongo/types.relaxed.ndjson");
const IDS: &[u8] = include_bytes!("../../../fixtures/mongo/dump/shop/mixed_ids.bson");
const IDS_CANONICAL: &str = include_str!("../../../fixtures/mongo/mixed_ids.canonical.ndjson");
const IDS_RELAXED: &str = include_str!("../../../fixtures/mongo/mixed_ids.relaxed.ndjson");
const ORDERS: &[u8] = include_bytes!("../../../fixtures/mongo/dump/shop/orders.bson");
const ORDERS_RELAXED: &str = include_str!("../../../fixtures/mongo/orders.relaxed.ndjson");

fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let len = record_len(file).unwrap().unwrap();
        let (record, rest) = file.split_at(len);
        records.push(record);
        file = rest;
    }
    records
}

fn pairs(dump: &'static [u8], export: &'static str, count: usize) -> Vec<(&'static [u8], &'static str)> {
    let (records, lines) = (records(dump), export.lines());
    assert_eq!((records.len(), lines.clone().count()), (count, count));
    records.into_iter().zip(lines).collect()
}

#[test]
fn canonical_exports_equal_the_dump_in_type_too() {
    for (dump, export, count) in [(TYPES, TYPES_CANONICAL, 29), (IDS, IDS_CANONICAL, 12)] {
        for (record, line) in pairs(dump, export, count) {
            let expected = bson(TYPED, record).unwrap();
            assert_eq!(expected, json(TYPED, line.as_bytes()).unwrap(), "{line}");
            assert!(!is_relaxed(line.as_bytes()), "{line}");
        }
    }
}

#[test]
fn relaxed_exports_equal_the_dump_by_value() {
    let all = [
        (TYPES, TYPES_RELAXED, 29),
        (IDS, IDS_RELAXED, 12),
        (ORDERS, ORDERS_RELAXED, 2000),
    ];
    let mut lost = Vec::new();
    for (dump, export, count) in all {
        for (record, line) in pairs(dump, export, count) {
            let text = line.as_bytes();
            assert_eq!(
                bson(by_value(), record).unwrap(),
                json(by_value(), text).unwrap(),
                "{line}"
            );
            if bson(TYPED, record).unwrap() != json(TYPED, text).unwrap() {
                assert!(is_relaxed(text), "{line}");
                lost.push(line);
            }
        }
    }
    // The one documented loss: an int64 that fits an int32 is read as one.
    assert_eq!(lost, [r#"{"_id":2,"n":1}"#]);
}
