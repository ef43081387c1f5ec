//! Cases by name: false answers that other tools give, corners of numbers, and what each reader accepts and refuses.

use super::{TYPED, by_value, json, tree};
use crate::canon::ejson::{RawJson, is_relaxed, walk};
use crate::canon::{Absent, Equality, Normalize, bson};
use crate::model::{ProblemKind, Value};

fn value(text: &str) -> Vec<u8> {
    json(by_value(), text.as_bytes()).unwrap_or_else(|p| panic!("{text}: {p}"))
}

fn typed(text: &str) -> Vec<u8> {
    json(TYPED, text.as_bytes()).unwrap_or_else(|p| panic!("{text}: {p}"))
}

#[test]
fn the_false_equals_of_others_differ() {
    for (a, b) in [
        (r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":1,"c":2}}"#),
        (r#"["x|y","z"]"#, r#"["x","y|z"]"#),
        (r#"["ab",""]"#, r#"["a","b"]"#),
        (r#"[[1],2]"#, r#"[[1,2]]"#),
        (r#"{"a":null}"#, r#"{"a":"NULL"}"#),
        (r#"{"a":null}"#, r#"{"a":"null"}"#),
        (r#"{"a":null}"#, r#"{"a":""}"#),
        (r#"{"a":null}"#, r#"{}"#),
        (r#"{"a":null}"#, r#"{"a":{"$undefined":true}}"#),
        (r#"{"a":1}"#, r#"{"a":"1"}"#),
        (r#"{"a":true}"#, r#"{"a":1}"#),
        (r#"{"a":[]}"#, r#"{"a":{}}"#),
        (r#"{"a":"x"}"#, r#"{"a":{"$symbol":"x"}}"#),
        (r#"{"a":"x"}"#, r#"{"a":{"$code":"x"}}"#),
        (r#"{"$code":"x"}"#, r#"{"$code":"x","$scope":{}}"#),
        (r#"{"$date":0}"#, r#"{"$timestamp":{"t":0,"i":0}}"#),
        (r#""\u00e9""#, r#""e\u0301""#),
        (
            r#"{"$binary":{"base64":"","subType":"00"}}"#,
            r#"{"$binary":{"base64":"","subType":"80"}}"#,
        ),
        (
            r#"{"$oid":"65f000000000000000000001"}"#,
            r#""65f000000000000000000001""#,
        ),
    ] {
        assert_ne!(value(a), value(b), "{a} {b}");
    }
}

#[test]
fn numbers_equal_by_value() {
    for (a, b) in [
        ("1", "1.0"),
        ("1", r#"{"$numberDecimal":"1.00"}"#),
        ("1", r#"{"$numberLong":"1"}"#),
        ("0.5", r#"{"$numberDecimal":"0.50"}"#),
        ("-0.0", "0"),
        ("-0.0", r#"{"$numberDecimal":"-0E+10"}"#),
        ("100", "1e2"),
        ("1e20", "100000000000000000000"),
        ("9223372036854775808", "9223372036854775808.0"),
        (
            r#"{"$numberDecimal":"1E+6144"}"#,
            r#"{"$numberDecimal":"10E+6143"}"#,
        ),
        (r#"{"$numberDouble":"NaN"}"#, r#"{"$numberDecimal":"NaN"}"#),
        (
            r#"{"$numberDouble":"-Infinity"}"#,
            r#"{"$numberDecimal":"-Infinity"}"#,
        ),
        ("1e400", "10e399"),
        // More digits than a double is named by: the exact value of the double 0.1.
        ("0.1000000000000000055511151231257827021181583404541015625", "0.1"),
    ] {
        assert_eq!(value(a), value(b), "{a} {b}");
    }
}

#[test]
fn numbers_that_only_look_equal_differ() {
    for (a, b) in [
        ("0.1", r#"{"$numberDecimal":"0.1"}"#),
        ("9007199254740993", "9007199254740992.0"),
        ("9007199254740993", "9007199254740992"),
        ("1e300", r#"{"$numberDecimal":"1E+300"}"#),
        ("1e400", r#"{"$numberDouble":"Infinity"}"#),
        ("-1e400", r#"{"$numberDouble":"-Infinity"}"#),
        ("1e-400", "0"),
        ("1e-400", "1e-401"),
        ("18446744073709551616", "18446744073709551617"),
        ("0.30000000000000000000001", "0.3"),
        (
            r#"{"$numberDecimal":"9.999999999999999999999999999999999E+6144"}"#,
            r#"{"$numberDecimal":"Infinity"}"#,
        ),
        (r#"{"$numberDecimal":"1E-6176"}"#, r#"{"$numberDecimal":"0"}"#),
    ] {
        assert_ne!(value(a), value(b), "{a} {b}");
    }
}

#[test]
fn typed_tells_types_and_trailing_zeros_apart() {
    let same = [
        "1",
        "1.0",
        r#"{"$numberLong":"1"}"#,
        r#"{"$numberDecimal":"1"}"#,
        r#"{"$numberDecimal":"1.0"}"#,
    ];
    for (i, a) in same.iter().enumerate() {
        for b in &same[i + 1..] {
            assert_eq!(value(a), value(b));
            assert_ne!(typed(a), typed(b), "{a} {b}");
        }
    }
    assert_ne!(
        typed(r#"{"$numberDecimal":"1.10"}"#),
        typed(r#"{"$numberDecimal":"1.1"}"#)
    );
    assert_eq!(typed("2147483648"), typed(r#"{"$numberLong":"2147483648"}"#));
    assert_eq!(typed("-2147483648"), typed(r#"{"$numberInt":"-2147483648"}"#));
    assert_eq!(typed("-0.0"), typed(r#"{"$numberDouble":"-0.0"}"#));
}

#[test]
fn wrappers_in_their_other_forms() {
    let uuid = r#"{"$binary":{"base64":"AAAAAAAAAAAAAAAAAAAABw==","subType":"04"}}"#;
    let noon = r#"{"$date":{"$numberLong":"1709208000123"}}"#;
    for (a, b) in [
        (r#"{"$uuid":"00000000-0000-0000-0000-000000000007"}"#, uuid),
        (r#"{"$binary":"AAAAAAAAAAAAAAAAAAAABw==","$type":"04"}"#, uuid),
        (r#"{"$type":"4","$binary":"AAAAAAAAAAAAAAAAAAAABw=="}"#, uuid),
        (r#" { "\u0024date" : "2024-02-29T12:00:00.123Z" } "#, noon),
        (r#"{"$date":"2024-02-29T14:30:00.123+02:30"}"#, noon),
        (r#"{"$date":"2024-02-29T07:00:00.123-0500"}"#, noon),
        (r#"{"$date":1709208000123}"#, noon),
        (
            r#"{"$date":"9999-12-31T23:59:59.999Z"}"#,
            r#"{"$date":{"$numberLong":"253402300799999"}}"#,
        ),
        (
            r#"{"$date":"0001-01-01T00:00:00Z"}"#,
            r#"{"$date":{"$numberLong":"-62135596800000"}}"#,
        ),
        (
            r#"{"$options":"i","$regex":"^a"}"#,
            r#"{"$regularExpression":{"options":"i","pattern":"^a"}}"#,
        ),
        (
            r#"{"$timestamp":{"i":1,"t":2}}"#,
            r#"{"$timestamp":{"t":2,"i":1}}"#,
        ),
    ] {
        assert_eq!(typed(a), typed(b), "{a} {b}");
    }
}

#[test]
fn objects_that_are_no_wrapper_are_documents() {
    for text in [
        r#"{"$ref":"o","$id":1}"#,
        r#"{"$oid":"65f000000000000000000001","x":1}"#,
        r#"{"$oid":"zz","$date":0}"#,
        r#"{"$oid":"zz","$code":"","$x":0}"#,
        r#"{"$gt":5}"#,
        r#"{"$type":"string"}"#,
        r#"{"$regex":"a"}"#,
        r#"{"$regex":{"$regularExpression":{"pattern":"a","options":""}},"$options":"i"}"#,
        r#"{"x":1,"$oid":"zz"}"#,
        "{}",
    ] {
        let raw = RawJson {
            bytes: text.as_bytes(),
        };
        assert!(matches!(raw.to_value(), Ok(Value::Document(_))), "{text}");
        assert!(raw.walk_document(&mut |_, _| Ok(())).unwrap(), "{text}");
    }
    let oid = RawJson {
        bytes: br#"{"$oid":"65f000000000000000000001"}"#,
    };
    assert!(!oid.walk_document(&mut |_, _| Ok(())).unwrap());
}

#[test]
fn bad_text_is_malformed_and_says_where() {
    for bad in [
        r#"{"$oid":"zz"}"#,
        r#"{"$oid":5}"#,
        r#"{"$numberInt":"2147483648"}"#,
        r#"{"$numberInt":"+1"}"#,
        r#"{"$numberInt":1}"#,
        r#"{"$numberLong":""}"#,
        r#"{"$numberDouble":"1e400"}"#,
        r#"{"$numberDouble":"inf"}"#,
        r#"{"$numberDecimal":"1.2.3"}"#,
        r#"{"$numberDecimal":"--1"}"#,
        r#"{"$numberDecimal":"12345678901234567890123456789012345"}"#,
        r#"{"$numberDecimal":"1E+6145"}"#,
        r#"{"$binary":{"base64":"!","subType":"00"}}"#,
        r#"{"$binary":{"base64":"AA==","subType":"xyz"}}"#,
        r#"{"$binary":"AA=="}"#,
        r#"{"$date":"2024-02-30T00:00:00Z"}"#,
        r#"{"$date":"2024-02-29T00:00:00"}"#,
        r#"{"$date":"2016-12-31T23:59:60Z"}"#,
        r#"{"$date":1.5}"#,
        r#"{"$timestamp":{"t":-1,"i":0}}"#,
        r#"{"$timestamp":{"t":4294967296,"i":0}}"#,
        r#"{"$minKey":2}"#,
        r#"{"$undefined":false}"#,
        r#"{"$uuid":"0"}"#,
        r#"{"$code":"x","$scope":1}"#,
        r#""\x""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud800\u0041""#,
        r#""\u12""#,
        "\"\n\"",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "0x10",
        "NaN",
        "nul",
        "[1,]",
        "[1 2]",
        "[1}",
        r#"{"a":1,}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        "{a:1}",
        "1",
        "",
    ] {
        let text = format!(r#"{{"p":{{"q":[0,{bad}]}}}}"#);
        let Err(problem) = json(TYPED, text.as_bytes()) else {
            assert_eq!(bad, "1", "{text}");
            continue;
        };
        assert_eq!(problem.kind(), ProblemKind::Malformed, "{text}");
        if bad != "[1 2]" && !bad.is_empty() && problem.path() != "p.q" {
            assert!(problem.path().starts_with("p.q[1]"), "{text}: {problem}");
        }
    }
    for whole in ["1 2", "{} x", "[]]", "", " "] {
        assert!(json(TYPED, whole.as_bytes()).is_err(), "{whole}");
    }
    for bytes in [&b"\"\xff\""[..], b"{\"\xc3\":1}", b"[\"\xed\xa0\x80\"]"] {
        assert!(json(TYPED, bytes).is_err());
    }
}

#[test]
fn names_come_unescaped() {
    let mut names = Vec::new();
    walk(br#" {"a\u00e9\n":1 ,"$oid" : [ {"x":"]}"} ]} "#, |name, v| {
        names.push((
            String::from_utf8(name.to_vec()).unwrap(),
            String::from_utf8(v.bytes.to_vec()).unwrap(),
        ));
        Ok(())
    })
    .unwrap();
    let expected = [("aé\n", "1"), ("$oid", r#"[ {"x":"]}"} ]"#)];
    assert_eq!(names, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn relaxed_text_is_told_by_its_bare_numbers() {
    for (text, relaxed) in [
        (r#"{"a":1}"#, true),
        (r#"{"a":["x",-1.5]}"#, true),
        (r#"{"t":1}"#, true),
        (r#"{"a":{"$timestamp":{"t":1,"i":2}},"t":1}"#, true),
        (r#"{"a":{"$timestamp":{"t":1,"i":2}},"b":"1"}"#, false),
        (r#"{"a":{"$minKey":1},"b":{"$maxKey":1},"c":{"$date":5}}"#, false),
        (r#"{"a":{"$numberInt":"1"},"b":null,"c":[true]}"#, false),
        ("{}", false),
    ] {
        assert_eq!(is_relaxed(text.as_bytes()), relaxed, "{text}");
    }
}

#[test]
fn missing_is_null_only_on_request_and_duplicates_count_even_then() {
    let null = Equality {
        absent: Absent::Null,
        ..by_value()
    };
    let of = |text: &str| json(null, text.as_bytes());
    assert_eq!(
        of(r#"{"a":null,"b":{"c":null}}"#).unwrap(),
        of(r#"{"b":{}}"#).unwrap()
    );
    assert!(of(r#"{"a":null,"a":1}"#).is_err());
    let map = Value::Map(vec![
        (Value::Text("a".into()), Value::Null),
        (Value::Text("a".into()), Value::Bool(true)),
    ]);
    assert!(tree(null, &map).is_err());
}

#[test]
fn names_that_normalise_to_one_are_duplicates() {
    let nfc = Equality {
        normalize: Normalize::Nfc,
        ..by_value()
    };
    let text = "{\"\u{e9}\":1,\"e\u{301}\":2}".as_bytes();
    assert!(json(by_value(), text).is_ok());
    assert!(json(nfc, text).is_err());
}

#[test]
fn bson_that_is_framed_but_wrong_is_malformed() {
    let doc = |element: &[u8]| {
        let len = element.len() as i32 + 5;
        [&len.to_le_bytes()[..], element, &[0]].concat()
    };
    for element in [
        &b"\x08a\0\x02"[..],
        b"\x02a\0\x01\0\0\0x",
        b"\x02a\0\0\0\0\0",
        b"\x02a\0\x02\0\0\0xy",
        b"\x02a\0\xff\xff\xff\xff",
        b"\x02a\0\x02\0\0\0\xff\0",
        b"\x05a\0\x04\0\0\0\x02\x01\0\0\0",
        b"\x05a\0\x01\0\0\0\x02\0",
        b"\x10a\0\0\0\0",
        b"\x10a",
        b"\x03a\0\x05\0\0\0\x01",
        b"\x0aa\0\x0aa\0",
        b"\x0a\xff\0",
        b"\x0fa\0\x0e\0\0\0\x01\0\0\0\0\x04\0\0\0\0",
        b"\x00a\0",
    ] {
        let problem = super::bson(by_value(), &doc(element)).unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::Malformed, "{element:?}: {problem}");
    }
    let unknown = super::bson(by_value(), &doc(b"\x20a\0")).unwrap_err();
    assert_eq!((unknown.kind(), unknown.path()), (ProblemKind::Unsupported, "a"));
}

#[test]
fn a_wide_decimal128_coefficient_is_zero() {
    let of = |bits: u128| {
        let mut out = crate::canon::Encoder::new(TYPED);
        let bytes = bits.to_le_bytes();
        bson::RawBson {
            kind: 0x13,
            bytes: &bytes,
        }
        .encode(&mut out)
        .unwrap();
        out.bytes().to_vec()
    };
    let zero = 6176u128 << 113;
    assert_eq!(of(zero | 10u128.pow(34)), of(zero));
    assert_eq!(of(3 << 125 | 6176 << 111 | 5), of(zero));
    assert_ne!(of(zero | (10u128.pow(34) - 1)), of(zero));
}

#[test]
fn record_lengths_out_of_bounds_are_malformed() {
    let of = |len: i32| bson::record_len(&len.to_le_bytes());
    assert_eq!(bson::record_len(&[5, 0, 0]), Ok(None));
    assert_eq!(of(5), Ok(Some(5)));
    assert_eq!(of(bson::MAX_RECORD_LEN as i32), Ok(Some(bson::MAX_RECORD_LEN)));
    for len in [0, 4, -1, i32::MAX, bson::MAX_RECORD_LEN as i32 + 1] {
        let problem = of(len).unwrap_err();
        assert!(problem.detail().contains(&len.to_string()));
    }
}
