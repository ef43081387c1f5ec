//! Input that is broken or odd: a documented exit code, a message that says where, and never GO.

use crate::bson::{Bson, document, int, nested, null, text};
use crate::support::{Diffed, audited, diff, put, temp, verdict_of};
use std::io::Write;

/// Compares `bad` with `good` both ways; neither may be GO, end in a panic, or leave out where the trouble is.
#[track_caller]
fn refused(extension: &str, bad: &[u8], good: &[u8], codes: &[i32], words: &[&str], more: &[&str]) {
    let dir = temp();
    let a = put(dir.path().join(format!("bad/t.{extension}")), bad);
    let b = put(
        dir.path()
            .join(format!("good/t.{}", extension.trim_end_matches(".gz"))),
        good,
    );
    for (side, stable, candidate) in [("stable", &a, &b), ("candidate", &b, &a)] {
        let diffed = diff(stable, candidate, more);
        let said = format!("{}\n{}", diffed.end.out, diffed.end.err);
        assert!(
            codes.contains(&diffed.end.code),
            "{} as {side}\n{said}",
            diffed.end.code
        );
        let listed: String = diffed.lines.iter().map(ToString::to_string).collect();
        let report = diffed.report.map(|r| r.to_string()).unwrap_or_default();
        for word in words.iter().chain(&[side]) {
            let all = said.contains(word) || listed.contains(word) || report.contains(word);
            assert!(all, "{word:?} is not said\n{said}");
        }
        assert!(said.contains("bad/t."), "the file is not named\n{said}");
    }
}

fn one(fields: &[(&str, Bson)]) -> Vec<u8> {
    document(&[&[("_id", int(1))], fields].concat())
}

fn good() -> Vec<u8> {
    one(&[("v", int(1))])
}

/// A second record behind a good one, so that a reader which stops early would see equal sides.
fn after_good(bytes: &[u8]) -> Vec<u8> {
    [&good()[..], bytes].concat()
}

#[test]
fn empty_files_prove_nothing() {
    for extension in ["bson", "ndjson"] {
        assert_eq!(verdict_of(extension, b"", b"", &[]), "HOLD");
    }
    assert_eq!(verdict_of("csv", b"id,v\n", b"id,v\n", &["-k", "id"]), "HOLD");
    assert_eq!(verdict_of("bson", b"", &good(), &[]), "NO_GO");
    assert_eq!(
        verdict_of("csv", b"id,v\n", b"id,v\n1,a\n", &["-k", "id"]),
        "NO_GO"
    );
    refused(
        "csv",
        b"",
        b"id,v\n1,a\n",
        &[69],
        &["empty", "header"],
        &["-k", "id"],
    );
}

#[test]
fn lying_lengths_are_not_followed() {
    let lies = [
        i32::MAX,
        i32::MIN,
        -1,
        0,
        4,
        17 << 20,
        100,
        good().len() as i32 + 1,
        good().len() as i32 - 1,
    ];
    for lie in lies {
        let mut bytes = good();
        bytes[..4].copy_from_slice(&lie.to_le_bytes());
        refused(
            "bson",
            &after_good(&bytes),
            &good(),
            &[10, 20, 69],
            &["byte"],
            &[],
        );
    }
}

#[test]
fn lying_lengths_inside_are_malformed() {
    for lie in [0, -1, 1000, i32::MAX, 1] {
        let mut bytes = document(&[("_id", int(2)), ("v", text("abc"))]);
        let at = bytes.len() - 4 - 4 - 1;
        assert_eq!(bytes[at..at + 4], 4i32.to_le_bytes());
        bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes());
        let sound = after_good(&document(&[("_id", int(2)), ("v", text("abc"))]));
        refused(
            "bson",
            &after_good(&bytes),
            &sound,
            &[10],
            &["malformed", "byte", "v"],
            &[],
        );
        // The same harm on both sides is not agreement.
        assert_ne!(
            verdict_of("bson", &after_good(&bytes), &after_good(&bytes), &[]),
            "GO"
        );
    }
}

#[test]
fn files_cut_short_are_never_equal() {
    let whole = after_good(&document(&[("_id", int(2)), ("v", int(2))]));
    for cut in 1..good().len() {
        let bytes = &whole[..whole.len() - cut];
        refused("bson", bytes, &good(), &[10, 20, 69], &["byte"], &[]);
    }
    let zip = |bytes: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let zipped = zip(&whole);
    for cut in [1, 4, 8, 9, 12, zipped.len() - 3] {
        refused(
            "bson.gz",
            &zipped[..zipped.len() - cut],
            &whole,
            &[10, 20, 69],
            &[],
            &[],
        );
    }
    let mut wrong = zipped.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 0xff;
    refused("bson.gz", &wrong, &whole, &[20, 69], &[], &[]);
}

#[test]
fn archives_cut_short_or_flipped_are_never_equal() {
    let whole = std::fs::read(crate::support::fixture("mongo/shop.archive")).unwrap();
    let dump = crate::support::fixture("mongo/dump");
    let dir = temp();
    for cut in [1, 4, 30, 100, whole.len() / 2, whole.len() - 10] {
        let file = put(dir.path().join("cut.archive"), &whole[..whole.len() - cut]);
        let diffed = diff(&dump, &file, &[]);
        assert!(
            ![0, 70].contains(&diffed.end.code),
            "cut {cut}\n{}",
            diffed.end.out
        );
        diffed.end.says(&["cut.archive"]);
    }
    for at in (1000..whole.len()).step_by(whole.len() / 23) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        let file = put(dir.path().join("flipped.archive"), &bytes);
        let diffed = diff(&dump, &file, &[]);
        assert!(
            ![0, 70].contains(&diffed.end.code),
            "flipped at {at}\n{}",
            diffed.end.out
        );
    }
}

#[test]
fn large_documents_are_compared() {
    let make = |last: char| {
        let long: String = std::iter::repeat_n('x', (16 << 20) - 100).chain([last]).collect();
        document(&[("_id", int(1)), ("v", text(long))])
    };
    assert_eq!(verdict_of("bson", &make('a'), &make('a'), &[]), "GO");
    assert_eq!(verdict_of("bson", &make('a'), &make('b'), &[]), "NO_GO");
}

fn deep(levels: usize, end: Bson) -> Vec<u8> {
    let value = (0..levels).fold(end, |inner, _| nested(&[("d", inner)]));
    document(&[("_id", int(1)), ("v", value)])
}

#[test]
fn deep_documents_are_compared_or_refused() {
    for levels in [90, 200] {
        let (a, b) = (deep(levels, int(1)), deep(levels, int(2)));
        assert_ne!(verdict_of("bson", &a, &b, &[]), "GO");
    }
    assert_eq!(
        verdict_of("bson", &deep(90, int(1)), &deep(90, int(1)), &[]),
        "GO"
    );
    for levels in [5000, 100_000] {
        assert_ne!(
            verdict_of("bson", &deep(levels, int(1)), &deep(levels, int(2)), &[]),
            "GO"
        );
    }
    let json =
        |n: usize, v: u8| format!("{{\"_id\":1,\"v\":{}{v}{}}}\n", "[".repeat(n), "]".repeat(n)).into_bytes();
    for levels in [200, 100_000] {
        assert_ne!(
            verdict_of("ndjson", &json(levels, 1), &json(levels, 2), &[]),
            "GO"
        );
    }
}

fn counts(diffed: &Diffed) -> String {
    diffed.report.as_ref().unwrap()["result"]["compares"][0]["counts"].to_string()
}

#[test]
fn duplicate_keys_are_said() {
    let dir = temp();
    let cases = [
        ("1,a\n1,a\n", "1,a\n", false),
        ("1,a\n1,b\n", "1,a\n", false),
        ("1,a\n1,a\n", "1,a\n1,b\n", false),
    ];
    for (a, b, go) in cases {
        let a = put(dir.path().join("a.csv"), format!("id,v\n{a}2,z\n"));
        let b = put(dir.path().join("b.csv"), format!("id,v\n{b}2,z\n"));
        let diffed = diff(&a, &b, &["-k", "id"]);
        assert_eq!(diffed.end.code == 0, go, "{}", diffed.end.out);
        assert!(
            counts(&diffed).contains("duplicate"),
            "{} {}",
            counts(&diffed),
            diffed.end.out
        );
    }
}

#[test]
fn records_without_a_key_are_said() {
    let without = after_good(&document(&[("v", int(2))]));
    refused("bson", &without, &good(), &[10, 20], &["key"], &[]);
    assert_ne!(verdict_of("bson", &without, &without, &[]), "GO");
    let with_null = after_good(&document(&[("_id", null()), ("v", int(2))]));
    refused("bson", &with_null, &good(), &[10, 20], &["null"], &[]);
    let row = b"id,v\n1,a\n,b\n";
    refused("csv", row, b"id,v\n1,a\n", &[10, 20], &["key"], &["-k", "id"]);
    refused(
        "csv",
        b"other,v\n1,a\n",
        b"id,v\n1,a\n",
        &[10, 20, 64, 69],
        &["id"],
        &["-k", "id"],
    );
}

#[test]
fn names_are_read_as_they_are() {
    let bad = after_good(&document(&[("_id", int(2)), ("v", text(b"\xff\xfe"))]));
    let sound = after_good(&document(&[("_id", int(2)), ("v", text("\u{fffd}"))]));
    refused("bson", &bad, &sound, &[10], &["malformed", "UTF-8"], &[]);
    assert_ne!(verdict_of("bson", &bad, &bad, &[]), "GO");
    let twice = after_good(&document(&[("_id", int(2)), ("v", int(1)), ("v", int(2))]));
    let once = after_good(&document(&[("_id", int(2)), ("v", int(2))]));
    refused("bson", &twice, &once, &[10], &["malformed", "v"], &[]);
    // A NUL in a name ends it early, and what follows is no element.
    let cut = after_good(&document(&[("_id", int(2)), ("a\0b", int(1))]));
    refused("bson", &cut, &once, &[10, 20], &[], &[]);
}

#[test]
fn tables_are_read_by_their_dialect() {
    let more = ["-k", "id"];
    let same = |a: &[u8], b: &[u8]| verdict_of("csv", a, b, &more);
    // CRLF between rows is no data; within quotes it is.
    assert_eq!(same(b"id,v\r\n1,\"a\r\nb\"\r\n", b"id,v\n1,\"a\r\nb\"\n"), "GO");
    assert_eq!(same(b"id,v\n1,\"a\r\nb\"\n", b"id,v\n1,\"a\nb\"\n"), "NO_GO");
    // A byte order mark belongs to the file, not to the first column's name.
    assert_eq!(same(b"\xef\xbb\xbfid,v\n1,a\n", b"id,v\n1,a\n"), "GO");
    assert_eq!(same(b"id,v\n1,a", b"id,v\n1,a\n"), "GO");
    assert_eq!(same(b"v,id\na,1\n", b"id,v\n1,a\n"), "GO");
    assert_eq!(same(b"id,v\n1,\"a\"\"b\"\n", b"id,v\n1,a\"\"b\n"), "NO_GO");
}

#[test]
fn ragged_and_broken_rows_are_said() {
    let sound = b"id,v\n1,a\n2,b\n";
    let more = ["-k", "id"];
    for row in ["2,b,c\n", "2\n", "2,\"b\n", "2,\"b\"c\n", "2,b\n\n3\n"] {
        let bad = format!("id,v\n1,a\n{row}");
        refused("csv", bad.as_bytes(), sound, &[10, 20, 69], &["byte"], &more);
        assert_ne!(
            verdict_of("csv", bad.as_bytes(), bad.as_bytes(), &more),
            "GO",
            "{row}"
        );
    }
    refused(
        "csv",
        b"id,v\n1,a\n2,\xff\n",
        sound,
        &[10, 20, 69],
        &["UTF-8"],
        &more,
    );
    refused("csv", b"id,id\n1,a\n", sound, &[10, 20, 64, 69], &["id"], &more);
    for line in [
        "{\"_id\":2,\"v\":",
        "nonsense",
        "[1]",
        "{\"_id\":2}}",
        "{\"_id\":2,\"_id\":2}",
    ] {
        let bad = format!("{{\"_id\":\"a\"}}\n{line}\n");
        refused(
            "ndjson",
            bad.as_bytes(),
            b"{\"_id\":\"a\"}\n",
            &[10, 20, 69],
            &["byte"],
            &[],
        );
        assert_ne!(
            verdict_of("ndjson", bad.as_bytes(), bad.as_bytes(), &[]),
            "GO",
            "{line}"
        );
    }
}

/// Work that grows with the square of a record's fields, or with its nesting, would stop an audit.
#[test]
fn wide_and_wrapped_records_take_no_longer_than_they_are_long() {
    let wide = |last: i32| {
        let names: Vec<String> = (0..40_000).map(|i| format!("f{i}")).collect();
        let mut fields: Vec<(&str, Bson)> = vec![("_id", int(1))];
        fields.extend(names.iter().map(|n| (n.as_str(), int(last))));
        document(&fields)
    };
    assert_eq!(verdict_of("bson", &wide(1), &wide(2), &[]), "NO_GO");
    let columns = |last: &str| {
        let mut text = "id".to_owned();
        (0..20_000).for_each(|i| text.push_str(&format!(",c{i}")));
        text.push_str("\n1");
        (0..20_000).for_each(|_| text.push_str(last));
        text + "\n"
    };
    let more = ["-k", "id"];
    assert_eq!(
        verdict_of("csv", columns(",x").as_bytes(), columns(",y").as_bytes(), &more),
        "NO_GO"
    );
    let wrapped = |v: u8| {
        let (open, close) = ("{\"$ref\":\"a\",\"$id\":".repeat(30_000), "}".repeat(30_000));
        format!("{{\"_id\":\"a\",\"v\":{open}{v}{close}}}\n").into_bytes()
    };
    assert_eq!(verdict_of("ndjson", &wrapped(1), &wrapped(2), &[]), "NO_GO");
}

#[test]
fn files_of_another_kind_are_said_to_be() {
    let record = good();
    refused(
        "csv",
        &record,
        b"id,v\n1,a\n",
        &[64],
        &["zero bytes"],
        &["-k", "id"],
    );
    let pretty = b"{ \"_id\": 1,\n  \"v\": 1 }\n";
    refused(
        "ndjson",
        pretty,
        b"{\"_id\":1}\n",
        &[64],
        &["several lines", "jq"],
        &[],
    );
    for array in [&b"[{\"_id\":1}]\n"[..], b"[\n{\"_id\":1},\n{\"_id\":2}\n]\n"] {
        refused("ndjson", array, b"{\"_id\":1}\n", &[64], &["array", "jq"], &[]);
    }
    refused("bson", b"id,v\n1,a\n", &record, &[20], &["length"], &[]);
    refused("ndjson", &record, b"{\"_id\":1}\n", &[10], &["malformed"], &[]);
}

const STRATEGIES: [&str; 4] = ["auto", "sketch", "merge", "spill"];

/// A key that is not unique identifies nothing, even where both sides hold the same records under it.
#[test]
fn the_same_duplicates_on_both_sides_are_said() {
    let dir = temp();
    let orders = [
        "1,a\n1,a\n2,z\n3,y\n",
        "3,y\n1,a\n2,z\n1,a\n",
        "1,a\n1,b\n2,z\n3,y\n",
    ];
    for (i, rows) in orders.iter().enumerate() {
        let reversed: String = rows.lines().rev().map(|l| format!("{l}\n")).collect();
        let a = put(dir.path().join(format!("{i}/a/t.csv")), format!("id,v\n{rows}"));
        for other in [*rows, &reversed] {
            let b = put(dir.path().join(format!("{i}/b/t.csv")), format!("id,v\n{other}"));
            for strategy in STRATEGIES {
                let diffed = diff(&a, &b, &["-k", "id", "--strategy", strategy]);
                assert_eq!(diffed.list(), ["duplicate_key 1 []"], "{i} {strategy} {other:?}");
                assert_eq!(diffed.verdict(), Some("NO_GO"));
                let detail = diffed.lines[0]["divergence"]["detail"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                assert_eq!(
                    detail,
                    "2 records in stable, 2 in candidate, the same on both sides"
                );
            }
        }
    }
    let twice = after_good(&good());
    assert_eq!(verdict_of("bson", &twice, &twice, &[]), "NO_GO");
    // Null is a value of a key like any other.
    assert_eq!(
        verdict_of("csv", b"id,v\n,a\n,b\n", b"id,v\n,a\n,b\n", &["-k", "id"]),
        "NO_GO"
    );
    // Keys that are too long for the sketch, with one beginning.
    let long = |i: u32| format!("\"{}{i}\",v\n", "key ".repeat(20));
    let rows: String = (0..500).chain([77]).map(long).collect();
    let rows = format!("id,v\n{rows}");
    for strategy in STRATEGIES {
        let more = ["-k", "id", "--strategy", strategy];
        assert_eq!(
            verdict_of("csv", rows.as_bytes(), rows.as_bytes(), &more),
            "NO_GO"
        );
    }
}

/// A key that comes very often is one finding, found in bounded time and memory.
#[test]
fn a_key_that_comes_very_often_is_one_finding() {
    let dir = temp();
    let rows = |from: u32| -> String {
        let rows = (from..from + 20_000).map(|i| format!("1,{i}\n"));
        "id,v\n0,x\n".to_owned() + &rows.collect::<String>() + "2,y\n"
    };
    let a = put(dir.path().join("a.csv"), rows(0));
    for (b, same) in [(rows(0), true), (rows(1), false)] {
        let b = put(dir.path().join("b.csv"), b);
        for strategy in STRATEGIES {
            let diffed = diff(&a, &b, &["-k", "id", "--strategy", strategy]);
            assert_eq!(diffed.lines.len(), 1, "{strategy}");
            let divergence = &diffed.lines[0]["divergence"];
            let detail = divergence["detail"].as_str().unwrap();
            assert!(
                detail.starts_with("20000 records in stable, 20000 in candidate"),
                "{detail}"
            );
            assert_eq!(detail.ends_with("the same on both sides"), same);
            assert_eq!(
                (divergence["class"].as_str(), diffed.end.code),
                (Some("duplicate_key"), 10)
            );
        }
    }
}

/// Fields that were only counted are not equal, unless somebody says why they do not matter.
#[test]
fn fields_that_are_only_reported_prove_nothing() {
    let (a, b) = (b"id,v,w\n1,x,p\n", b"id,v,w\n1,x,q\n");
    let found = audited("csv", a, b, "key = [\"id\"]\nunmapped = \"report\"\n");
    found.end.expect(20).says(&["UNMAPPED", "w"]);
    let reason = "key = [\"id\"]\nunmapped = \"report\"\nreason = \"counted elsewhere\"\n";
    audited("csv", a, b, reason)
        .end
        .expect(0)
        .says(&["w", "counted elsewhere"]);
    let ignored = "key = [\"id\"]\nunmapped = \"ignore\"\nreason = \"counted elsewhere\"\n";
    audited("csv", a, b, ignored)
        .end
        .expect(0)
        .says(&["IGNORED", "counted elsewhere"]);
    // Data used as field names makes no report without end.
    let wide = |v: &str| {
        let fields: String = (0..3000).map(|i| format!(",\"f{i:04}\":{v}")).collect();
        format!("{{\"_id\":\"a\"{fields}}}\n")
    };
    let found = audited("ndjson", wide("\"a\"").as_bytes(), wide("\"b\"").as_bytes(), "");
    let fields = &found.report.unwrap()["result"]["compares"][0]["fields"];
    assert_eq!(fields.as_array().unwrap().len(), 1025);
}
