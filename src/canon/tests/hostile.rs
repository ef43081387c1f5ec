//! Hostile input: no bytes make a reader panic or read beyond them, and tree and stream refuse the same.

use super::generate::{self, document};
use super::{TYPED, by_value, encoded};
use crate::canon::bson::{self, RawBson};
use crate::canon::cell::number::MAX_DIGITS;
use crate::canon::ejson::{self, RawJson};
use crate::canon::{MAX_DEPTH, Raw};
use crate::model::{ProblemKind, Value};
use proptest::prelude::*;

/// Reads a value in every way there is, and holds the ways to each other.
fn exercise(raw: Raw<'_>) {
    for equality in [by_value(), TYPED] {
        let streamed = encoded(equality, |e| raw.encode(e));
        let tree = raw.to_value().and_then(|v| super::tree(equality, &v));
        assert_eq!(streamed, tree, "{raw:?}");
    }
    let descend = &mut |_: &[u8], v: Raw<'_>| {
        let _ = encoded(TYPED, |e| v.encode(e));
        Ok(())
    };
    let _ = raw.walk_document(descend);
    let _ = raw.walk_list(&mut |_, v| descend(b"", v));
}

fn exercise_bson(bytes: &[u8]) {
    for kind in [0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0f, 0x13] {
        exercise(Raw::Bson(RawBson { kind, bytes }));
    }
    let _ = bson::record_len(bytes);
    let _ = bson::walk(bytes, |_, v| {
        exercise(Raw::Bson(v));
        Ok(())
    });
}

fn exercise_json(bytes: &[u8]) {
    exercise(Raw::Json(RawJson { bytes }));
    ejson::is_relaxed(bytes);
    let _ = ejson::walk(bytes, |_, v| {
        exercise(Raw::Json(v));
        Ok(())
    });
}

#[test]
fn a_number_has_no_more_digits_than_a_cell_may_have() {
    let refused = |text: &str| {
        let raw = Raw::Json(RawJson {
            bytes: text.as_bytes(),
        });
        encoded(TYPED, |e| raw.encode(e))
            .err()
            .map(|problem| problem.kind())
    };
    let (most, more) = ("7".repeat(MAX_DIGITS), "7".repeat(2_000_000));
    assert_eq!(refused(&most), None);
    for text in [
        &more,
        &format!("-{more}"),
        &format!("1.{more}"),
        &format!("{more}e9"),
    ] {
        assert_eq!(refused(text), Some(ProblemKind::Unsupported));
    }
}

fn mutate(bytes: &mut Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) {
    for (at, how, byte) in edits {
        if bytes.is_empty() {
            return;
        }
        let at = at.index(bytes.len());
        match how % 4 {
            0 => bytes[at] = *byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, *byte),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes(kind: u8, bytes: Vec<u8>) {
        exercise(Raw::Bson(RawBson { kind, bytes: &bytes }));
        exercise_bson(&bytes);
        exercise_json(&bytes);
    }

    #[test]
    fn any_json_like_text(text in r#"(\{|\}|\[|\]|,|:|"a"|"\$oid"|"\$date"|1|-|0\.5|e9|null|\\|"| ){0,12}"#) {
        exercise_json(text.as_bytes());
    }

    #[test]
    fn mutations(doc in document(), edits: Vec<(prop::sample::Index, u8, u8)>) {
        let Value::Document(fields) = &doc else { unreachable!() };
        let mut bytes = generate::bson(fields);
        mutate(&mut bytes, &edits);
        exercise_bson(&bytes);
        let mut text = generate::ejson(&doc).into_bytes();
        mutate(&mut text, &edits);
        exercise_json(&text);
    }

    #[test]
    fn every_truncation_is_malformed(doc in document(), cut: prop::sample::Index) {
        let Value::Document(fields) = &doc else { unreachable!() };
        let bytes = generate::bson(fields);
        prop_assert!(super::bson(by_value(), &bytes[..cut.index(bytes.len())]).is_err());
        let text = generate::ejson(&doc).into_bytes();
        prop_assert!(super::json(by_value(), &text[..cut.index(text.len())]).is_err());
    }
}

fn nested_lists(levels: usize) -> (Vec<u8>, String) {
    let mut list = vec![5, 0, 0, 0, 0];
    for _ in 1..levels {
        let len = (list.len() + 8) as i32;
        list = [&len.to_le_bytes()[..], &[0x04, b'0', 0], &list, &[0]].concat();
    }
    (list, format!("{}{}", "[".repeat(levels), "]".repeat(levels)))
}

#[test]
fn nesting_is_compared_to_the_bound_and_unsupported_beyond() {
    for (levels, fine) in [
        (200, true),
        (MAX_DEPTH, true),
        (MAX_DEPTH + 1, false),
        (20_000, false),
    ] {
        let (list, text) = nested_lists(levels);
        let values = [
            Raw::Bson(RawBson {
                kind: 0x04,
                bytes: &list,
            }),
            Raw::Json(RawJson {
                bytes: text.as_bytes(),
            }),
        ];
        for raw in values {
            let streamed = encoded(TYPED, |e| raw.encode(e));
            let tree = raw.to_value().and_then(|v| super::tree(TYPED, &v));
            assert_eq!(streamed, tree);
            match streamed {
                Ok(bytes) => {
                    assert!(fine);
                    assert!(crate::canon::decode(&bytes).is_ok());
                }
                Err(p) => {
                    assert!(!fine, "{p}");
                    assert_eq!(p.kind(), ProblemKind::Unsupported);
                }
            }
        }
    }
}

#[test]
fn a_typed_number_at_the_bound_decodes() {
    let text = format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    let bytes = super::json(TYPED, text.as_bytes()).unwrap();
    assert!(crate::canon::decode(&bytes).is_ok());
}
