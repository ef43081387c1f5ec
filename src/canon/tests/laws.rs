//! Laws: what a reader streams is what its tree encodes to; the same value has the same bytes in both formats; nothing
//! distinct collides; decoding loses nothing.

use super::generate::{self, document, number, value};
use super::{TYPED, bson, by_value, json, tree};
use crate::canon::bson::{RawBson, walk};
use crate::canon::ejson::RawJson;
use crate::canon::{
    Absent, Encoder, Equality, FieldOrder, Flat, Normalize, Numbers, Raw, RawNative, compare_keys,
    compare_rows, decode,
};
use crate::model::{CqlType, Number, NumberRepr, Value};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cmp::Ordering;

fn equality() -> BoxedStrategy<Equality> {
    any::<(bool, bool, bool, bool)>()
        .prop_map(|(typed, exact, null, nfc)| Equality {
            numbers: if typed { Numbers::Typed } else { Numbers::Value },
            field_order: if exact {
                FieldOrder::Exact
            } else {
                FieldOrder::Ignore
            },
            absent: if null { Absent::Null } else { Absent::Distinct },
            normalize: if nfc { Normalize::Nfc } else { Normalize::None },
        })
        .boxed()
}

fn fields(document: &Value) -> &[(String, Value)] {
    match document {
        Value::Document(fields) => fields,
        other => panic!("a document, not {}", other.type_name()),
    }
}

/// A second opinion on `numbers = value`: equal as rational numbers, computed with big fractions.
fn same_number(a: &Number, b: &Number) -> bool {
    /// `n / d` with `d > 0`, or a name for what is no real number.
    fn fraction(n: &Number) -> Result<(BigInt, BigInt), String> {
        let one = BigInt::from(1);
        Ok(match &n.repr {
            NumberRepr::Int(v) => (BigInt::from(*v), one),
            NumberRepr::Double(v) if !v.is_finite() => return Err(v.to_string()),
            NumberRepr::Double(v) => {
                let bits = v.to_bits();
                let biased = (bits >> 52 & 0x7ff) as i32;
                let fraction = bits & ((1 << 52) - 1);
                let (mantissa, exponent) = match biased {
                    0 => (fraction, -1074),
                    _ => (fraction | 1 << 52, biased - 1075),
                };
                let mantissa = BigInt::from_u64(mantissa).unwrap() * if *v < 0.0 { -1 } else { 1 };
                let power = BigInt::from(2).pow(exponent.unsigned_abs());
                if exponent < 0 {
                    (mantissa, power)
                } else {
                    (mantissa * power, one)
                }
            }
            NumberRepr::Decimal(d) => {
                let power = BigInt::from(10).pow(d.exponent.unsigned_abs() as u32);
                if d.exponent.is_negative() {
                    (d.unscaled.clone(), power)
                } else {
                    (&d.unscaled * power, one)
                }
            }
        })
    }
    match (fraction(a), fraction(b)) {
        (Ok((n, d)), Ok((m, e))) => {
            assert!(d.is_positive() && e.is_positive());
            n * e == m * d
        }
        (Err(a), Err(b)) => a == b,
        _ => false,
    }
}

#[test]
fn long_values_end_in_their_own_bytes_or_are_left_to_the_encoder() {
    let len = 100_000;
    let text = |c: &str| c.repeat(len / c.len()).into_bytes();
    let prefixed = |head: &[u8], content: &[u8], end: &[u8]| {
        let counted = (content.len() + end.len()) as i32;
        [&counted.to_le_bytes(), head, content, end].concat()
    };
    let old = prefixed(&[], &text("b"), &[]);
    let nfc = Equality {
        normalize: Normalize::Nfc,
        ..Equality::default()
    };
    for (equality, kind, bytes, long) in [
        (Equality::default(), 0x02, prefixed(&[], &text("a"), &[0]), true),
        (
            Equality::default(),
            0x02,
            prefixed(&[], &text("\u{e9}"), &[0]),
            true,
        ),
        (
            Equality::default(),
            0x02,
            prefixed(&[], &text("a")[..9], &[0]),
            false,
        ),
        (nfc, 0x02, prefixed(&[], &text("a"), &[0]), true),
        (nfc, 0x02, prefixed(&[], &text("e\u{301}"), &[0]), false),
        (
            Equality::default(),
            0x02,
            prefixed(&[], &[0xff; 100_000], &[0]),
            false,
        ),
        (Equality::default(), 0x05, prefixed(&[0], &text("b"), &[]), true),
        (Equality::default(), 0x05, prefixed(&[4], &text("b"), &[]), true),
        (Equality::default(), 0x05, prefixed(&[2], &old, &[]), true),
        (Equality::default(), 0x0e, prefixed(&[], &text("a"), &[0]), false),
    ] {
        let raw = Raw::Bson(RawBson { kind, bytes: &bytes });
        let [mut parts, mut whole] = [(); 2].map(|()| Encoder::new(equality));
        let end = raw.encode_long(&mut parts);
        assert_eq!(end.is_some(), long, "{kind} {:?}", &bytes[..9]);
        match end {
            Some(end) => {
                raw.encode(&mut whole).unwrap();
                assert!(
                    [parts.bytes(), end].concat() == whole.bytes(),
                    "{kind} {:?}",
                    &bytes[..9]
                );
            }
            None => assert!(parts.bytes().is_empty()),
        }
    }
    for (ty, long) in [
        ("text", true),
        ("ascii", true),
        ("blob", true),
        ("varint", false),
        ("frozen<list<int>>", false),
    ] {
        let ty = CqlType::parse(ty).unwrap();
        let raw = Raw::Native(RawNative {
            ty: &ty,
            bytes: Some(&text("a")),
            non_frozen_collection: false,
        });
        let [mut parts, mut whole] = [(); 2].map(|()| Encoder::new(Equality::default()));
        let end = raw.encode_long(&mut parts);
        assert_eq!(end.is_some(), long, "{ty}");
        if let Some(end) = end {
            raw.encode(&mut whole).unwrap();
            assert!([parts.bytes(), end].concat() == whole.bytes(), "{ty}");
        }
    }
}

#[test]
fn flat_text_is_what_the_encoder_writes_whatever_its_length_and_wherever_it_leaves_ascii() {
    let at_every_place = |len: usize| (0..len).map(move |at| "a".repeat(at) + "é" + &"b".repeat(len - at));
    let texts = (0..140).flat_map(|len| at_every_place(len).chain(["c".repeat(len)]));
    let fields: Vec<(String, Value)> = texts.map(|text| ("t".to_owned(), Value::Text(text))).collect();
    // All that take 127 bytes at most.
    let short = (0..=125).sum::<usize>() + 128;
    assert_eq!(written_flat(Equality::default(), &fields), short);
}

/// How many of the fields are written flat, each of them as the encoder writes it.
fn written_flat(equality: Equality, fields: &[(String, Value)]) -> usize {
    let (mut flat, mut written) = (Flat::new(&equality), 0);
    walk(&generate::bson(fields), |_, value| {
        if value.flat(&mut flat) {
            let mut encoder = Encoder::new(equality);
            value.encode(&mut encoder).unwrap();
            assert_eq!(flat.bytes(), encoder.bytes());
            written += 1;
        }
        Ok(())
    })
    .unwrap();
    written
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bson_streams_what_its_tree_says(doc in document(), equality in equality()) {
        let bytes = generate::bson(fields(&doc));
        let back = RawBson::document(&bytes).to_value().unwrap();
        let streamed = bson(equality, &bytes);
        prop_assert_eq!(&streamed, &tree(equality, &back));
        prop_assert_eq!(&streamed, &tree(equality, &doc));
    }

    #[test]
    fn flat_values_are_what_the_encoder_writes(doc in document(), numbers in vec(number(), 1..8), equality in equality()) {
        let numbers = numbers.into_iter().enumerate().map(|(i, n)| (format!("n{i}"), n));
        let fields: Vec<(String, Value)> = fields(&doc).iter().cloned().chain(numbers).collect();
        written_flat(equality, &fields);
    }

    #[test]
    fn json_streams_what_its_tree_says(doc in document(), equality in equality()) {
        let text = generate::ejson(&doc);
        let back = RawJson { bytes: text.as_bytes() }.to_value().unwrap();
        let streamed = json(equality, text.as_bytes());
        prop_assert_eq!(&streamed, &tree(equality, &back));
        prop_assert_eq!(&streamed, &tree(equality, &doc), "{}", text);
    }

    #[test]
    fn both_formats_give_the_same_bytes(doc in document(), equality in equality()) {
        let text = generate::ejson(&doc);
        prop_assert_eq!(bson(equality, &generate::bson(fields(&doc))), json(equality, text.as_bytes()));
    }

    #[test]
    fn decoding_loses_nothing(v in value(), equality in equality()) {
        if let Ok(bytes) = tree(equality, &v) {
            let (back, rest) = decode(&bytes).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(tree(equality, &back).unwrap(), bytes);
        }
    }

    #[test]
    fn no_value_is_the_beginning_of_another(a in value(), b in value(), equality in equality()) {
        if let (Ok(a), Ok(b)) = (tree(equality, &a), tree(equality, &b)) {
            prop_assert!(a == b || !(a.starts_with(&b) || b.starts_with(&a)));
        }
    }

    #[test]
    fn numbers_are_equal_exactly_when_their_values_are(a in number(), b in number()) {
        let (Value::Number(x), Value::Number(y)) = (&a, &b) else { unreachable!() };
        let same = tree(by_value(), &a).unwrap() == tree(by_value(), &b).unwrap();
        prop_assert_eq!(same, same_number(x, y), "{} {}", x, y);
        let typed = tree(TYPED, &a).unwrap() == tree(TYPED, &b).unwrap();
        let scale = |n: &Number| match &n.repr {
            NumberRepr::Decimal(d) => d.exponent,
            _ => 0,
        };
        prop_assert_eq!(typed, same && x.ty == y.ty && scale(x) == scale(y), "{} {}", x, y);
    }

    #[test]
    fn near_values_have_distinct_bytes(a in near(), b in near()) {
        let same = tree(EXACT, &a).unwrap() == tree(EXACT, &b).unwrap();
        prop_assert_eq!(same, format!("{a:?}") == format!("{b:?}"));
    }

    #[test]
    fn distinct_values_have_distinct_bytes(a in value(), b in value()) {
        // Debug output names every variant and field, so it tells values apart without canonical bytes' help. The two
        // only disagree where canonical equality means them to: order of fields and −0, which canonical JSON keeps.
        let same = tree(EXACT, &a).unwrap() == tree(EXACT, &b).unwrap();
        prop_assert_eq!(same, plain_zero(&a) == plain_zero(&b));
    }

    #[test]
    fn comparing_keys_is_a_total_order(a in number(), b in number(), c in number()) {
        let [a, b, c] = [a, b, c].map(|v| tree(by_value(), &v).unwrap());
        prop_assert_eq!(compare_keys(&a, &b), compare_keys(&b, &a).reverse());
        prop_assert_eq!(compare_keys(&a, &b) == Ordering::Equal, a == b);
        if compare_keys(&a, &b).is_le() && compare_keys(&b, &c).is_le() {
            prop_assert!(compare_keys(&a, &c).is_le());
        }
    }

    #[test]
    fn comparing_rows_is_a_total_order(
        keys in proptest::array::uniform3((uuid(), -2i64..2)), descending in 0u64..4,
    ) {
        let [a, b, c] = keys.map(|(uuid, n)| {
            let number = Value::Number(crate::model::Number::int(n, crate::model::NumberType::Int64));
            [tree(by_value(), &Value::Uuid(uuid)).unwrap(), tree(by_value(), &number).unwrap()].concat()
        });
        let compare = |a: &[u8], b: &[u8]| compare_rows(a, b, descending);
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
        if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
            prop_assert!(compare(&a, &c).is_le());
        }
        if a[..17] != b[..17] {
            prop_assert_eq!(compare(&a, &b), match descending & 1 {
                0 => compare_rows(&a, &b, 0),
                _ => compare_rows(&a, &b, 0).reverse(),
            });
        }
    }
}

/// UUIDs of few bytes, of which one is the version.
fn uuid() -> impl Strategy<Value = [u8; 16]> {
    proptest::array::uniform4(prop_oneof![Just(0u8), Just(0x10), Just(0x40), Just(0x91)]).prop_map(|bytes| {
        let mut uuid = [0; 16];
        [uuid[0], uuid[6], uuid[7], uuid[15]] = bytes;
        uuid
    })
}

#[test]
fn rows_lie_as_cassandra_lays_them() {
    let order = |a: &str, b: &str, descending| {
        let key = |text: &str| {
            let bytes = hex::decode(text.replace('-', "")).unwrap();
            tree(by_value(), &Value::Uuid(bytes.try_into().unwrap())).unwrap()
        };
        compare_rows(&key(a), &key(b), descending)
    };
    // The later one begins with the smaller bytes.
    let (early, late) = (
        "ffffffff-29bb-11e5-b345-feff819cdc9f",
        "00000000-29bc-11e5-b345-feff819cdc9f",
    );
    assert_eq!(order(early, late, 0), Ordering::Less);
    assert_eq!(order(early, late, 1), Ordering::Greater);
    assert_eq!(
        order(late, "00000000-0000-4000-8000-000000000000", 0),
        Ordering::Less
    );
    // Of one time: by bytes with a sign.
    let signed = "00000000-29bc-11e5-7345-feff819cdc9f";
    assert_eq!(order(late, signed, 0), Ordering::Less);
}

/// Values from an alphabet so small that two of them are often nearly, and sometimes quite, the same.
fn near() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        "[a\0]{0,2}".prop_map(Value::Text),
        Just(Value::Bool(true))
    ];
    leaf.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            proptest::option::of(inner.clone())
                .prop_map(|v| { Value::Document(v.into_iter().map(|v| ("a".to_owned(), v)).collect()) }),
            (inner.clone(), inner)
                .prop_map(|(a, b)| { Value::Document(vec![("a".to_owned(), a), ("b".to_owned(), b)]) }),
        ]
    })
    .boxed()
}

const EXACT: Equality = Equality {
    field_order: FieldOrder::Exact,
    ..TYPED
};

fn plain_zero(v: &Value) -> String {
    format!("{v:?}")
        .replace("Double(-0.0)", "Double(0.0)")
        .replace("Double(-NaN)", "Double(NaN)")
}
