//! Numbers at the edge, through BSON and Extended JSON: equal where they are the same number of the same type.

use crate::bson::{Bson, date, decimal, document, double, int, long, nested, text};
use crate::support::{diff, put, temp, verdict_of};

/// Compares one value as BSON with one as Extended JSON, both ways round.
#[track_caller]
fn across(bson: Bson, ejson: &str) -> String {
    let dir = temp();
    let a = put(
        dir.path().join("a/t.bson"),
        document(&[("_id", int(1)), ("v", bson)]),
    );
    let line = format!("{{\"_id\":{{\"$numberInt\":\"1\"}},\"v\":{ejson}}}\n");
    let b = put(dir.path().join("b/t.ndjson"), line);
    let (there, back) = (diff(&a, &b, &[]), diff(&b, &a, &[]));
    assert_eq!(there.verdict(), back.verdict());
    assert_eq!(there.roots().0, back.roots().1);
    let verdict = there.verdict().expect("a verdict").to_owned();
    assert_eq!(verdict == "GO", there.roots().0 == there.roots().1);
    verdict
}

#[test]
fn the_same_number_is_equal() {
    let cases = [
        (double(f64::NAN), r#"{"$numberDouble":"NaN"}"#),
        (double(-f64::NAN), r#"{"$numberDouble":"NaN"}"#),
        (
            double(f64::from_bits(0x7ff0_0000_0000_0001)),
            r#"{"$numberDouble":"NaN"}"#,
        ),
        (double(f64::INFINITY), r#"{"$numberDouble":"Infinity"}"#),
        (double(-0.0), r#"{"$numberDouble":"-0.0"}"#),
        (double(-0.0), r#"{"$numberDouble":"0.0"}"#),
        (double(5e-324), r#"{"$numberDouble":"5e-324"}"#),
        (double(f64::MAX), r#"{"$numberDouble":"1.7976931348623157e+308"}"#),
        (
            long(9_007_199_254_740_993),
            r#"{"$numberLong":"9007199254740993"}"#,
        ),
        (long(i64::MIN), r#"{"$numberLong":"-9223372036854775808"}"#),
        (
            decimal(0x5fff_ed09_bead_87c0, 0x378d_8e63_ffff_ffff),
            r#"{"$numberDecimal":"9.999999999999999999999999999999999E+6144"}"#,
        ),
        (decimal(0, 1), r#"{"$numberDecimal":"1E-6176"}"#),
        (decimal(0x7c00_0000_0000_0000, 0), r#"{"$numberDecimal":"NaN"}"#),
        (
            decimal(0x7800_0000_0000_0000, 0),
            r#"{"$numberDecimal":"Infinity"}"#,
        ),
        (
            decimal(0xf800_0000_0000_0000, 0),
            r#"{"$numberDecimal":"-Infinity"}"#,
        ),
        (
            decimal(0x3040_0000_0000_0000 + (400 << 49), 1),
            r#"{"$numberDecimal":"1E+400"}"#,
        ),
        (
            date(-62_135_596_800_001),
            r#"{"$date":{"$numberLong":"-62135596800001"}}"#,
        ),
        (
            date(253_402_300_800_000),
            r#"{"$date":{"$numberLong":"253402300800000"}}"#,
        ),
        (text("a\0b"), r#""a\u0000b""#),
        (nested(&[("a", int(1))]), r#"{"a":{"$numberInt":"1"}}"#),
    ];
    for (bson, ejson) in cases {
        assert_eq!(across(bson, ejson), "GO", "{ejson}");
    }
}

#[test]
fn another_number_differs() {
    let cases = [
        (
            long(9_007_199_254_740_993),
            r#"{"$numberLong":"9007199254740992"}"#,
        ),
        (
            double(9_007_199_254_740_992.0),
            r#"{"$numberLong":"9007199254740993"}"#,
        ),
        (double(f64::INFINITY), r#"{"$numberDecimal":"1E+400"}"#),
        (double(f64::INFINITY), r#"{"$numberDouble":"-Infinity"}"#),
        (double(f64::NAN), r#"{"$numberDouble":"0"}"#),
        (decimal(0, 1), r#"{"$numberDecimal":"0"}"#),
        (date(0), r#"{"$date":{"$numberLong":"1"}}"#),
        (date(0), r#"{"$numberLong":"0"}"#),
        (int(0), "null"),
        (text("NaN"), r#"{"$numberDouble":"NaN"}"#),
        (text("1"), r#"{"$numberInt":"1"}"#),
        (int(1), r#"{"$numberLong":"1"}"#),
    ];
    for (bson, ejson) in cases {
        assert_eq!(across(bson, ejson), "NO_GO", "{ejson}");
    }
}

/// A number no double holds must not become equal to another by way of rounding.
#[test]
fn plain_json_numbers_are_not_rounded() {
    let pairs = [
        ("9007199254740993", "9007199254740992"),
        ("1e400", "1e401"),
        ("0.1", "0.10000000000000000001"),
        ("12345678901234567890123", "12345678901234567890124"),
    ];
    for (a, b) in pairs {
        let line = |v: &str| format!("{{\"_id\":\"k\",\"v\":{v}}}\n");
        assert_ne!(
            verdict_of("ndjson", line(a).as_bytes(), line(b).as_bytes(), &[]),
            "GO",
            "{a} {b}"
        );
        let row = |v: &str| format!("id,v\nk,{v}\n");
        let more = ["-k", "id"];
        assert_eq!(
            verdict_of("csv", row(a).as_bytes(), row(b).as_bytes(), &more),
            "NO_GO",
            "{a} {b}"
        );
    }
}
