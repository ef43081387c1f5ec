//! The mapping's ways of bringing two schemas together, on whole stores.

use crate::support::{Audited, Mapped};

const TABLE: &str = "CREATE TABLE k.t (id text PRIMARY KEY, a text, b int, c decimal, d timestamp, e blob, f boolean, \
    g uuid, h list<text>, i map<int, text>, j set<int>, address_city text, address_zip text, extra int);\n";

/// One document against one row of these columns.
pub fn one(document: &str, columns: &str, cells: &str, fields: &str) -> Mapped {
    let compare = format!(
        "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\ntype = \"text\"\n{fields}"
    );
    let rows = format!("id,{columns}\n1,{cells}\n");
    let document = format!("{{\"_id\":1,{document}}}\n");
    Mapped::new(("t.ndjson", &document), ("t.csv", &rows), &compare).with_schema("candidate", TABLE)
}

/// A field with these keys.
pub fn field(name: &str, keys: &str) -> String {
    format!("[[compare.field]]\nname = \"{name}\"\n{keys}\n")
}

#[track_caller]
fn equal(mapped: &Mapped) {
    let audited = mapped.both_ways();
    assert_eq!(
        (audited.end.code, audited.list),
        (0, vec![]),
        "{}",
        audited.end.out
    );
}

#[track_caller]
fn differs(mapped: &Mapped, line: &str) -> Audited {
    let audited = mapped.both_ways();
    assert_eq!(
        (audited.end.code, &audited.list),
        (10, &vec![line.to_owned()]),
        "{}",
        audited.end.out
    );
    audited
}

/// Per conversion: a document, a row, the field's keys; equal with them, and not with the second value of the row.
#[test]
fn each_conversion_brings_two_stores_together() {
    let cases = [
        ("\"x\":\"v\"", "a", "v", "w", "stable = \"x\""),
        ("\"x\":{\"y\":\"v\"}", "a", "v", "w", "stable = \"x.y\""),
        (
            "\"a\":{\"$numberDouble\":\"853.19\"}",
            "b",
            "85319",
            "85318",
            "stable = \"a\"\ncandidate = \"b\"\nstable_scale = 2",
        ),
        ("\"b\":\"7\"", "b", "7", "8", "type = \"int\""),
        (
            "\"d\":{\"$numberLong\":\"1709210096789\"}",
            "d",
            "2024-02-29 12:34:56.789+0000",
            "2024-02-29 12:34:56.788+0000",
            "stable_epoch = \"ms\"",
        ),
        (
            "\"d\":\"2024-02-29T12:34:56.789123Z\"",
            "d",
            "2024-02-29 12:34:56.789+0000",
            "2024-02-29 12:34:56.788+0000",
            "type = \"timestamp\"\ntruncate = \"ms\"",
        ),
        (
            "\"a\":\"A\"",
            "a",
            "active",
            "closed",
            "stable_lookup = { A = \"active\", C = \"closed\" }",
        ),
        (
            "\"a\":\" Xy \"",
            "a",
            "xY",
            "xz",
            "stable_trim = true\ncase = \"lower\"",
        ),
        (
            "\"e\":\"AP8=\"",
            "e",
            "0x00ff",
            "0x00fe",
            "stable_encoding = \"base64\"",
        ),
        (
            "\"a\":{\"$binary\":{\"base64\":\"AP8=\",\"subType\":\"00\"}}",
            "a",
            "00FF",
            "00fe",
            "encoding = \"hex\"\ntype = \"text\"",
        ),
        (
            "\"i\":\"{\\\"1\\\": \\\"x\\\"}\"",
            "i",
            "{1: 'x'}",
            "{1: 'y'}",
            "stable_json = true\ntype = \"map<int, text>\"",
        ),
        (
            "\"a\":{\"n\":[1,null]}",
            "a",
            "\"{\\\"n\\\": [1, null]}\"",
            "\"{\\\"n\\\": [2, null]}\"",
            "candidate_json = true",
        ),
        (
            "\"g\":{\"$binary\":{\"base64\":\"ABEiM0RVZneImaq7zN3u/w==\",\"subType\":\"03\"}}",
            "g",
            "77665544-3322-1100-ffee-ddccbbaa9988",
            "00112233-4455-6677-8899-aabbccddeeff",
            "stable_uuid = \"java-legacy\"",
        ),
        (
            "\"h\":\"p;q\"",
            "h",
            "\"['p', 'q']\"",
            "\"['p', 'r']\"",
            "stable_split = \";\"",
        ),
        ("\"a\":[\"p\",\"q\"]", "a", "p;q", "q;p", "stable_join = \";\""),
        (
            "\"j\":[3,1,3]",
            "j",
            "\"{1, 3}\"",
            "\"{1, 2}\"",
            "type = \"set<int>\"",
        ),
        (
            "\"i\":{\"1\":\"x\",\"2\":\"y\"}",
            "i",
            "\"{1: 'x', 2: 'y'}\"",
            "\"{1: 'x', 2: 'z'}\"",
            "type = \"map<int, text>\"",
        ),
        (
            "\"f\":{\"$numberDouble\":\"1.0\"}",
            "f",
            "True",
            "False",
            "type = \"bool\"",
        ),
    ];
    for (document, column, same, other, keys) in cases {
        let name = if keys.contains("stable = \"x") {
            "a"
        } else {
            column
        };
        let fields = field(name, keys);
        equal(&one(document, column, same, &fields));
        differs(
            &one(document, column, other, &fields),
            &format!("confirmed changed 1 [{name}]"),
        );
    }
}

#[test]
fn what_cannot_be_converted_is_a_finding_with_its_place() {
    let cases = [
        (
            "\"a\":\"Z\"",
            "a",
            "active",
            "stable_lookup = { A = \"active\" }",
            "unconvertible at a: text \"Z\"",
        ),
        (
            "\"b\":\"7.5\"",
            "b",
            "7",
            "type = \"int\"",
            "unconvertible at b: text \"7.5\" cannot become int",
        ),
        (
            "\"h\":[\"p\",{\"n\":1}]",
            "h",
            "\"['p', 'q']\"",
            "type = \"list<text>\"",
            "unconvertible at h[1]: document",
        ),
        (
            "\"i\":{\"one\":\"x\"}",
            "i",
            "\"{1: 'x'}\"",
            "type = \"map<int, text>\"",
            "unconvertible at i.one: text \"one\" cannot become int",
        ),
        (
            "\"e\":\"zz\"",
            "e",
            "0x00",
            "stable_encoding = \"hex\"",
            "unconvertible at e: text \"zz\" cannot become bytes",
        ),
    ];
    for (document, column, cells, keys, detail) in cases {
        let mapped = one(document, column, cells, &field(column, keys));
        let audited = differs(&mapped, &format!("confirmed unconvertible 1 [{column}]"));
        let found = &audited.report["result"]["compares"][0]["divergences"]["items"][0]["detail"];
        assert!(found.as_str().unwrap().starts_with(detail), "{found}\n{detail}");
    }
}

#[test]
fn prefixes_are_flattened() {
    let document = "\"address\":{\"city\":\"Bern\",\"zip\":\"3000\"}";
    let columns = "address_city,address_zip";
    for fields in [
        field("address_*", "stable = \"address.*\""),
        field("address.*", "candidate = \"address_*\""),
        "unmapped = \"report\"\n".to_owned() + &field("address_*", "stable = \"address.*\""),
    ] {
        let (head, fields) = match fields.strip_prefix("unmapped = \"report\"\n") {
            Some(rest) => ("unmapped = \"report\"\n", rest.to_owned()),
            None => ("", fields),
        };
        let build = |cells: &str| {
            let compare = format!(
                "{head}key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\ntype = \"text\"\n{fields}"
            );
            let document = format!("{{\"_id\":1,{document}}}\n");
            let rows = format!("id,{columns}\n1,{cells}\n");
            Mapped::new(("t.ndjson", &document), ("t.csv", &rows), &compare).with_schema("candidate", TABLE)
        };
        equal(&build("Bern,3000"));
        let audited = build("Bern,3001").both_ways();
        assert_eq!(audited.end.code, 10);
        assert!(audited.list[0].ends_with("zip]"), "{:?}", audited.list);
    }
    let ignored = field(
        "address_*",
        "ignore = true\nreason = \"moves later\"\nstable = \"address.*\"",
    );
    equal(&one(document, columns, "x,y", &ignored));
}

#[test]
fn defaults_and_constants_stand_for_what_is_not_there() {
    // Absent in the document.
    equal(&one("\"z\":null", "b", "7", &field("b", "stable_default = 7")));
    differs(
        &one("\"z\":null", "b", "8", &field("b", "stable_default = 7")),
        "confirmed changed 1 [b]",
    );
    // Null in the row, which cannot say absent.
    equal(&one("\"b\":7", "b", "NULL", &field("b", "candidate_default = 7")));
    differs(
        &one("\"b\":8", "b", "NULL", &field("b", "candidate_default = 7")),
        "confirmed changed 1 [b]",
    );
    // A text that looks like a number stays a text.
    equal(&one(
        "\"z\":null",
        "a",
        "5",
        &field("a", "stable_default = \"5\""),
    ));
    // A default is converted like a value.
    equal(&one(
        "\"z\":null",
        "a",
        "active",
        &field("a", "stable_lookup = { A = \"active\" }\nstable_default = \"A\""),
    ));
    equal(&one("\"z\":null", "b", "7", &field("b", "stable_constant = 7")));
    differs(
        &one(
            "\"b\":7",
            "b",
            "7",
            &field("a", "stable_constant = \"x\"\ncandidate = \"b\""),
        ),
        "confirmed changed 1 [a b]",
    );
    let wrong = one(
        "\"z\":null",
        "b",
        "7",
        &field("b", "stable_default = \"x\"\ntype = \"int\""),
    );
    wrong
        .check(&[])
        .expect(64)
        .says(&["assay.toml:19:1:", "field b: the default for stable"]);
}

#[test]
fn fields_of_one_side_are_held_to_what_is_expected() {
    let run = |cells: &str, keys: &str| {
        one(
            "\"a\":\"x\"",
            "a,extra",
            &format!("x,{cells}"),
            &field("extra", keys),
        )
    };
    let expected = "confirmed expectation 1 [extra]";
    let only = "only = \"candidate\"\n";
    equal(&run("5", only));
    equal(&run("2", &format!("{only}expect = 2")));
    equal(&run("2", &format!("{only}expect = \"2\"\ntype = \"int\"")));
    equal(&run("2", &format!("{only}expect_type = \"int\"")));
    equal(&run("NULL", &format!("{only}default = 2")));
    equal(&run("2", &format!("{only}default = 2")));
    for (cells, keys) in [
        ("3", "expect = 2"),
        ("NULL", "expect = 2"),
        ("3", "expect_type = \"text\""),
        ("NULL", "expect_type = \"int\""),
        ("3", "default = 2"),
        ("NULL", "default = 2\nexpect = 3"),
    ] {
        let audited = run(cells, &format!("{only}{keys}")).both_ways();
        assert_eq!(audited.end.code, 10, "{cells} {keys}");
        assert!(
            audited.list.iter().all(|l| l.ends_with("[extra]")),
            "{keys} {:?} {expected}",
            audited.list
        );
    }
}

/// A field of one side of which nothing is expected is not compared, and so it is listed, and ends when it says so.
#[test]
fn fields_of_one_side_are_listed_and_end() {
    let run = |keys: &str| {
        let keys = format!("only = \"candidate\"\n{keys}");
        one("\"a\":\"x\"", "a,extra", "x,5", &field("extra", &keys))
    };
    let listed = |keys: &str| {
        let ignored = run(keys).audit(&[]).report["result"]["compares"][0]["ignored"].clone();
        (
            ignored[0]["path"] == "extra",
            ignored[0]["reason"].as_str().unwrap_or("?").to_owned(),
        )
    };
    assert_eq!(listed(""), (true, "only candidate has it".to_owned()));
    assert_eq!(listed("reason = \"new\""), (true, "new".to_owned()));
    assert!(!listed("expect = 5").0);
    let ended = "reason = \"gone by spring\"\nexpires = \"2025-01-01\"";
    let audited = run(ended).audit(&[]);
    assert_eq!(audited.end.code, 20);
    audited.end.says(&["IGNORE_EXPIRED"]);
    run(&format!("expect = 5\n{ended}"))
        .check(&[])
        .expect(64)
        .says(&["ends nothing"]);
}

/// The columns that differ most come first.
#[test]
fn fields_are_listed_by_how_often_they_differ() {
    let lines = |v: [[i32; 2]; 3]| -> String {
        let line = |(i, [a, b]): (usize, [i32; 2])| format!("{{\"_id\":{i},\"a\":{a},\"b\":{b}}}\n");
        v.into_iter().enumerate().map(line).collect()
    };
    let (stable, candidate) = (lines([[0, 0], [0, 0], [0, 0]]), lines([[1, 1], [0, 1], [0, 1]]));
    let audited = Mapped::new(("t.ndjson", &stable), ("t.ndjson", &candidate), "").audit(&[]);
    let fields = &audited.report["result"]["compares"][0]["fields"];
    assert_eq!(
        (&fields[0]["path"], &fields[0]["total"]),
        (&"b".into(), &3.into())
    );
    assert_eq!(
        (&fields[1]["path"], &fields[1]["total"]),
        (&"a".into(), &1.into())
    );
}

#[test]
fn a_float_column_is_compared_as_float() {
    let table = "CREATE TABLE k.t (id text PRIMARY KEY, v float, w list<float>);\n";
    let document = "{\"_id\":\"1\",\"v\":0.1,\"w\":[0.1,0.25]}\n";
    let rows = "id,v,w\n1,0.1,\"[0.1, 0.25]\"\n";
    let id = "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\n";
    let with = |fields: String| {
        Mapped::new(
            ("t.ndjson", document),
            ("t.csv", rows),
            &(id.to_owned() + &fields),
        )
        .with_schema("candidate", table)
        .audit(&[])
    };
    let typed = with(field("v", "type = \"float\"") + &field("w", "type = \"list<float>\""));
    assert!(typed.list.is_empty(), "{:?}", typed.list);
    let plain = with(String::new());
    assert_eq!(plain.list.len(), 1, "{:?}", plain.list);
}

/// A document without a field is there, and is not the same as none, whether or not rules name fields inside it.
#[test]
fn an_empty_document_is_not_a_missing_one() {
    let records = [
        r#"{"_id":1,"v":{}}"#,
        r#"{"_id":1}"#,
        r#"{"_id":1,"v":null}"#,
        r#"{"_id":1,"v":{"w":{}}}"#,
        r#"{"_id":1,"v":{"w":null}}"#,
    ]
    .map(|record| format!("{record}\n"));
    for rules in [
        String::new(),
        field("x", "stable = \"v.w.x\"\ncandidate = \"v.w.x\""),
    ] {
        for (a, b) in [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (3, 4), (1, 4)] {
            let mapped = |absent| {
                let compare = format!("absent = \"{absent}\"\n{rules}");
                Mapped::new(("t.ndjson", &records[a]), ("t.ndjson", &records[b]), &compare).both_ways()
            };
            let audited = mapped("distinct");
            assert_eq!(audited.end.code, 10, "{a} {b} {rules} {}", audited.end.out);
        }
        equal(&Mapped::new(
            ("t.ndjson", &records[0]),
            ("t.ndjson", &records[0]),
            &rules,
        ));
    }
}

/// Where the sides hold the fields of a document in different places, an empty one cannot be told from none on both.
#[test]
fn an_empty_document_whose_fields_move_is_as_it_is_mapped() {
    for (stable, candidate, rule) in [
        (
            r#"{"_id":1,"old":{}}"#,
            r#"{"_id":1,"new":{}}"#,
            field("new.x", "stable = \"old.x\""),
        ),
        (
            r#"{"_id":1,"address":{}}"#,
            r#"{"_id":1}"#,
            field("address_zip", "stable = \"address.zip\""),
        ),
        (
            r#"{"_id":1,"address":{}}"#,
            r#"{"_id":1}"#,
            field("address_*", "stable = \"address.*\""),
        ),
    ] {
        let compare = format!("absent = \"distinct\"\n{rule}");
        equal(&Mapped::new(
            ("t.ndjson", &format!("{stable}\n")),
            ("t.ndjson", &format!("{candidate}\n")),
            &compare,
        ));
    }
}

#[test]
fn names_are_brought_to_the_normal_form_that_is_asked_for() {
    let (composed, apart) = ("\u{e9}", "e\u{301}");
    let document = |n: &str| format!("{{\"_id\":1,\"{n}\":{{\"{n}\":1}},\"v\":{{\"{n}\":2}}}}\n");
    let stores = |a: &str, b: &str, compare: &str| Mapped::new(("t.ndjson", a), ("t.ndjson", b), compare);
    for rules in [
        String::new(),
        field(&format!("{apart}.{apart}"), ""),
        field(
            "w",
            &format!("stable = \"v.{composed}\"\ncandidate = \"v.{composed}\""),
        ),
    ] {
        let mapped = |normalize: &str| {
            let compare = format!("normalize = \"{normalize}\"\n{rules}");
            stores(&document(composed), &document(apart), &compare).both_ways()
        };
        assert_eq!(
            (mapped("none").end.code, mapped("nfc").end.code),
            (10, 0),
            "{rules}"
        );
    }
    let twice = format!("{{\"_id\":1,\"{composed}\":1,\"{apart}\":1}}\n");
    let audited = stores(&twice, &twice, "normalize = \"nfc\"\n").both_ways();
    assert_eq!(audited.list.len(), 1, "{:?}", audited.list);
    assert!(
        audited.list[0].starts_with("confirmed malformed 1"),
        "{:?}",
        audited.list
    );

    let orders = format!("{{\"_id\":1,\"v\":{{\"{apart}\":[{{\"{apart}\":7}}]}}}}\n");
    let rows = "{\"id\":1,\"n\":0,\"q\":7}\n";
    let exploded = format!(
        "key = [\"id\", \"n\"]\nnormalize = \"nfc\"\nexplode = {{ side = \"stable\", path = \"v.{composed}\" }}\n"
    ) + &field("id", "stable = \"_id\"\ncandidate = \"id\"")
        + &field("n", "stable = \"$index\"\ncandidate = \"n\"\ntype = \"int\"")
        + &field(
            "q",
            &format!("stable = \"v.{composed}.{composed}\"\ncandidate = \"q\""),
        );
    equal(&stores(&orders, rows, &exploded));
}
