//! The short way and the long way through a record come to the same.

use super::{Captured, Depth, Digester, Projection, Rule, Unmapped};
use crate::Side;
use crate::canon::{Absent, Equality, Numbers, RawRecord};
use crate::digest::Hasher;
use proptest::prelude::*;

const NAMES: [&str; 9] = ["_id", "a", "a.b", "b", "c", "p_x", "q_x", "nested", "z"];

fn rule(name: &str, path: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        path: Some(path.to_owned()),
        convert: super::Conversion::default(),
        default: None,
        ignore: name == "b",
        expect: None,
        empty_is_null: false,
        moved: false,
    }
}

fn projection(unmapped: Unmapped, numbers: Numbers, absent: Absent) -> Projection {
    let rules = vec![
        rule("key", "_id"),
        rule("a.b", "nested.x"),
        rule("b", "b"),
        rule("q_*", "p_*"),
    ];
    let equality = Equality {
        numbers,
        absent,
        ..Equality::default()
    };
    let key = ["key".to_owned()];
    Projection::new(
        Side::Stable,
        rules,
        &key,
        None,
        unmapped,
        equality,
        Hasher::new(7),
    )
    .unwrap()
}

/// Bytes of a value that is too long to be copied for its hash.
const LONG: i32 = 70_000;

/// A document of int32 fields, nulls, one-field documents, and long texts and binary values.
fn document(fields: &[(usize, i32)]) -> Vec<u8> {
    let mut doc = vec![0; 4];
    for &(name, value) in fields {
        let (kind, content) = match value {
            0 => (0x0a, vec![]),
            7 => (0x03, document(&[(4, 1), (8, 2)])),
            8 => (
                0x03,
                [&[12, 0, 0, 0, 0x10, b'x', 0][..], &[1, 0, 0, 0, 0]].concat(),
            ),
            5 => (
                0x02,
                [&(LONG + 1).to_le_bytes()[..], &[b'x'; LONG as usize], &[0]].concat(),
            ),
            6 => (
                0x05,
                [&LONG.to_le_bytes()[..], &[name as u8; LONG as usize + 1]].concat(),
            ),
            9 => (0x02, vec![2, 0, 0, 0, 0xff, 0]),
            value => (0x10, value.to_le_bytes().to_vec()),
        };
        doc.push(kind);
        doc.extend_from_slice(NAMES[name].as_bytes());
        doc.push(0);
        doc.extend_from_slice(&content);
    }
    doc.push(0);
    let len = (doc.len() as i32).to_le_bytes();
    doc[..4].copy_from_slice(&len);
    doc
}

type Seen = (Vec<u8>, u128, u128, Vec<(u64, u128)>, Option<String>, Vec<String>);

fn digest(p: &Projection, digester: &mut Digester, doc: &[u8]) -> Seen {
    let mut seen = None;
    p.project(RawRecord::Bson(doc), 5, digester, &mut |d| {
        let mut fields = d.fields().to_vec();
        let names = fields.iter().map(|(seed, _)| d.name(*seed).unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        fields.sort();
        names.sort();
        let problem = d.problem().map(ToString::to_string);
        seen = Some((
            d.key().to_vec(),
            d.key_hash().0,
            d.record().0,
            fields,
            problem,
            names,
        ));
    });
    seen.unwrap()
}

fn documents() -> impl Strategy<Value = Vec<Vec<(usize, i32)>>> {
    let sorted = prop::collection::btree_map(0..NAMES.len(), 0..10i32, 0..8);
    let any = prop::collection::vec((0..NAMES.len(), 0..10i32), 0..8);
    let record = prop_oneof![4 => sorted.prop_map(|m| m.into_iter().collect()), 1 => any];
    prop::collection::vec(record, 1..20)
}

proptest! {
    #[test]
    fn what_was_read_before_changes_nothing(
        docs in documents(),
        unmapped in prop::sample::select(vec![Unmapped::Compare, Unmapped::Report, Unmapped::Ignore]),
        typed in any::<bool>(),
        null in any::<bool>(),
    ) {
        let numbers = if typed { Numbers::Typed } else { Numbers::Value };
        let absent = if null { Absent::Null } else { Absent::Distinct };
        let p = projection(unmapped, numbers, absent);
        let mut used = Digester::new(&p, Depth::Digest);
        let mut keys = Digester::new(&p, Depth::Key);
        for doc in docs {
            let doc = document(&doc);
            let fresh = digest(&p, &mut Digester::new(&p, Depth::Digest), &doc);
            prop_assert_eq!(&digest(&p, &mut used, &doc), &fresh);
            prop_assert_eq!(&digest(&p, &mut keys, &doc).0, &fresh.0);
            let tree = digest(&p, &mut Digester::new(&p, Depth::Tree), &doc);
            prop_assert_eq!(&tree, &fresh);
        }
    }
}

proptest! {
    #[test]
    fn only_fields_that_are_to_be_shown_are_kept(docs in documents(), chosen in any::<u16>(), null in any::<bool>()) {
        let absent = if null { Absent::Null } else { Absent::Distinct };
        let p = projection(Unmapped::Compare, Numbers::Value, absent);
        let mut digester = Digester::new(&p, Depth::Tree);
        for doc in docs {
            let doc = document(&doc);
            let mut look = |seeds: Option<Vec<u64>>| {
                digester.show(seeds);
                let mut found = Vec::new();
                p.project(RawRecord::Bson(&doc), 0, &mut digester, &mut |d| found = d.take_captured());
                found
            };
            let all = look(None);
            if all.iter().any(|field| field.value.is_err()) {
                continue;
            }
            let is_chosen = |at: usize| chosen >> (at % 16) & 1 == 1;
            let wanted: Vec<&Captured> =
                all.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, field)| field).collect();
            let seeds = wanted.iter().map(|field| p.hasher.path(field.path.as_bytes())).collect();
            prop_assert_eq!(format!("{:?}", look(Some(seeds))), format!("{wanted:?}"));
        }
    }
}

#[test]
fn prefix_rules_are_compared_when_other_fields_are_only_reported() {
    let p = projection(Unmapped::Report, Numbers::Value, Absent::Distinct);
    let mut digester = Digester::new(&p, Depth::Digest);
    let seen = [1, 2, 1].map(|x| digest(&p, &mut digester, &document(&[(0, 1), (5, x), (4, x)])));
    assert_ne!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert_eq!(seen[0].5, ["q_x"]);
    assert_eq!(digester.take_reported().get("c"), Some(&3));
}

#[test]
fn what_is_only_reported_counts_once_a_record_in_whatever_order() {
    let p = projection(Unmapped::Report, Numbers::Value, Absent::Distinct);
    let mut digester = Digester::new(&p, Depth::Digest);
    for order in [[0, 4, 8], [0, 8, 4], [8, 4, 0], [4, 0, 8], [0, 4, 8]] {
        digest(&p, &mut digester, &document(&order.map(|field| (field, 1))));
    }
    let reported = digester.take_reported();
    assert!(
        !reported.is_empty() && reported.values().all(|n| *n == 5),
        "{reported:?}"
    );
}

#[test]
fn names_are_known_however_many_there_are() {
    let p = projection(Unmapped::Compare, Numbers::Value, Absent::Null);
    let mut digester = Digester::new(&p, Depth::Digest);
    let mut named = 0;
    for n in 0..30_000u32 {
        let name = format!("f{n}");
        let mut doc = [&[0, 0, 0, 0, 0x10][..], b"_id\0", &n.to_le_bytes(), &[0x10]].concat();
        doc.extend_from_slice(name.as_bytes());
        doc.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
        let len = (doc.len() as u32).to_le_bytes();
        doc[..4].copy_from_slice(&len);
        p.project(RawRecord::Bson(&doc), 0, &mut digester, &mut |d| {
            let seed = d.fields()[0].0;
            named += usize::from(d.name(seed) == Some(&*name));
        });
    }
    assert_eq!(named, 30_000);
}

#[test]
fn an_element_is_the_same_record_whatever_stands_before_it() {
    let rules = vec![rule("key", "_id"), rule("a", "a"), rule("x", "items.x")];
    let key = ["key".to_owned(), "x".to_owned()];
    let p = Projection::new(
        Side::Stable,
        rules,
        &key,
        Some("items".to_owned()),
        Unmapped::Compare,
        Equality::default(),
        Hasher::new(7),
    )
    .unwrap();
    let items: Vec<String> = (0..10_000)
        .map(|n| format!("{{\"x\":{n},\"f{n}\":[{n}]}}"))
        .collect();
    for depth in [Depth::Key, Depth::Digest, Depth::Tree] {
        for a in ["1", "null", "{\"$numberInt\":\"x\"}"] {
            let mut digester = Digester::new(&p, depth);
            let mut look = |items: &[String]| {
                let text = format!("{{\"_id\":\"i\",\"a\":{a},\"items\":[{}]}}", items.join(","));
                let mut seen = Vec::new();
                p.project(RawRecord::Json(text.as_bytes()), 5, &mut digester, &mut |d| {
                    let names = d
                        .fields()
                        .iter()
                        .map(|(seed, _)| d.name(*seed).unwrap().to_owned());
                    let names: Vec<String> = names.collect();
                    let problem = d.problem().map(ToString::to_string);
                    let kept = format!("{:?}", d.take_captured());
                    seen.push((d.key().to_vec(), d.record().0, names, problem, kept));
                });
                seen
            };
            let together = look(&items);
            assert_eq!(together.len(), items.len());
            for at in (0..items.len()).step_by(1111) {
                let alone = look(&items[at..=at]);
                assert_eq!(alone, together[at..=at], "{depth:?} {a}");
            }
        }
    }
}
