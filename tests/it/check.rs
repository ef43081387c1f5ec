//! `assay config check`: what the schemas and a sample say about a mapping.

use crate::mapping::{field, one};
use crate::support::{Mapped, assay, fixture};

const KEY: &str = "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\ntype = \"text\"\n";

/// A document of field `v` against a table with a column `v` of this type.
fn pair(value: &str, ty: &str, cell: &str, field: &str) -> Mapped {
    let document = format!("{{\"_id\":1,\"v\":{value}}}\n");
    let rows = format!("id,v\n1,{cell}\n");
    let table = format!(
        "CREATE TYPE k.item (sku text, qty float);\nCREATE TABLE k.t (id text PRIMARY KEY, v {ty});\n"
    );
    let compare = match field {
        "" => KEY.to_owned(),
        field => format!("{KEY}[[compare.field]]\nname = \"v\"\n{field}\n"),
    };
    Mapped::new(("t.ndjson", &document), ("t.csv", &rows), &compare).with_schema("candidate", &table)
}

#[test]
fn lossy_pairs_are_named_with_both_types_and_what_to_write() {
    let double = "{\"$numberDouble\":\"0.1\"}";
    let decimal = "{\"$numberDecimal\":\"0.1\"}";
    let long = "{\"$numberLong\":\"5\"}";
    for (value, ty, cell, words) in [
        (
            double,
            "float",
            "0.1",
            [
                "stable double to candidate float",
                "24 of a double's 53 bits",
                "write type = \"float\"",
            ],
        ),
        (
            decimal,
            "double",
            "0.1",
            [
                "stable decimal128 to candidate double",
                "most decimals",
                "write type = \"double\"",
            ],
        ),
        (
            decimal,
            "float",
            "0.1",
            [
                "stable decimal128 to candidate float",
                "most decimals",
                "write type = \"float\"",
            ],
        ),
        (
            long,
            "int",
            "5",
            [
                "stable int64 to candidate int",
                "do not fit",
                "write type = \"int\"",
            ],
        ),
        (
            long,
            "double",
            "5",
            ["stable int64 to candidate double", "2^53", "write type = \"int\""],
        ),
        (
            double,
            "bigint",
            "5",
            [
                "stable double to candidate bigint",
                "no fraction",
                "write type = \"int\"",
            ],
        ),
        (
            "\"x\"",
            "ascii",
            "x",
            ["stable text to candidate ascii", "US-ASCII", "no mapping"],
        ),
        (
            "[0.1]",
            "list<float>",
            "[0.1]",
            [
                "field \"v[]\"",
                "stable double to candidate float",
                "inside the field's type",
            ],
        ),
        (
            "[{\"sku\":\"a\",\"qty\":0.1}]",
            "frozen<list<frozen<item>>>",
            "\"[{sku: 'a', qty: 0.1}]\"",
            [
                "field \"v[].qty\"",
                "stable double to candidate float",
                "inside the field's type",
            ],
        ),
    ] {
        pair(value, ty, cell, "").check(&[]).expect(0).says(&words);
    }
    let honest = pair(double, "float", "0.1", "type = \"float\"")
        .check(&[])
        .expect(0);
    honest.says(&[
        "assay.toml:18:1:",
        "field \"v\": stable double to candidate float",
        "brings both sides to what is left",
    ]);
    // The way back loses nothing.
    let back = pair(double, "float", "0.1", "").check(&["--swap"]).expect(0);
    assert!(!back.out.contains("lossy"), "{}", back.out);
}

#[test]
fn types_that_can_never_be_equal_are_errors_with_a_way_out() {
    let uuid = "{\"$binary\":{\"base64\":\"ABEiM0RVZneImaq7zN3u/w==\",\"subType\":\"03\"}}";
    for (value, ty, cell, write) in [
        ("\"1\"", "int", "1", "write type = \"decimal\""),
        ("[1]", "set<int>", "{1}", "write type = \"set\""),
        ("\"{}\"", "map<text, int>", "{}", "write stable_json = true"),
        ("\"a,b\"", "list<text>", "\"['a', 'b']\"", "write stable_split"),
        (
            "{\"$oid\":\"65f000000000000000000001\"}",
            "text",
            "65f000000000000000000001",
            "write type = \"text\"",
        ),
        (
            "{\"$numberLong\":\"5\"}",
            "timestamp",
            "2024-02-29 12:34:56.789+0000",
            "write stable_epoch = \"ms\"",
        ),
        (
            "{\"$date\":0}",
            "date",
            "1970-01-01",
            "write stable_truncate = \"d\" and type = \"date\"",
        ),
        (
            uuid,
            "uuid",
            "77665544-3322-1100-ffee-ddccbbaa9988",
            "write stable_uuid = \"java-legacy\"",
        ),
        (
            "{\"a\":1}",
            "map<int, int>",
            "{1: 1}",
            "write type = \"map<int, …>\"",
        ),
        ("true", "inet", "127.0.0.1", "no conversion leads"),
    ] {
        let ended = pair(value, ty, cell, "").check(&[]).expect(64);
        ended.says(&[
            "error: compare t: field \"v\": stable ",
            "can never be equal",
            write,
        ]);
    }
    let nested = pair("[\"1\"]", "list<int>", "[1]", "").check(&[]).expect(64);
    nested.says(&["field \"v[]\": stable text and candidate int can never be equal"]);
    pair("[\"1\"]", "list<int>", "[1]", "type = \"list<int>\"")
        .check(&[])
        .expect(0);
}

#[test]
fn a_document_against_json_text_is_read_on_the_side_of_the_text() {
    let run = |keys: &str| pair("{\"a\":[1,null]}", "text", "\"{\\\"a\\\": [1, null]}\"", keys);
    // Nothing makes text of a document, which has many texts; each way of asking for it names the way that works.
    for keys in ["type = \"text\"", "stable_json = true", ""] {
        let ended = run(keys).check(&[]).expect(64);
        let way = match keys {
            "type = \"text\"" => "say json = true on the side that holds the text",
            _ => "write candidate_json = true if the text is JSON",
        };
        ended.says(&["v", way]);
    }
    for keys in ["candidate_json = true", "json = true"] {
        run(keys).check(&[]).expect(0);
        let audited = run(keys).both_ways();
        assert_eq!(audited.list, [""; 0], "{keys} {}", audited.end.out);
    }
}

#[test]
fn conversions_that_no_value_of_the_column_survives_are_errors() {
    let ended = pair(
        "{\"$uuid\":\"00112233-4455-6677-8899-aabbccddeeff\"}",
        "int",
        "NULL",
        "type = \"uuid\"",
    )
    .check(&[]);
    ended.expect(64).says(&[
        "assay.toml:19:1:",
        "field v: candidate int can never be converted",
        "cannot become uuid",
    ]);
    let lookup = "candidate_lookup = { 1 = \"a\" }";
    pair("\"a\"", "int", "1", lookup).check(&[]).expect(0);
    pair("\"a\"", "uuid", "NULL", "candidate_lookup = { 1 = \"a\" }")
        .check(&[])
        .expect(64)
        .says(&["can never be converted"]);
}

#[test]
fn times_finer_than_the_coarser_store_need_truncation() {
    let stable = "{\"_id\":1,\"v\":1709210096789123}\n";
    let candidate = "id,v\n1,2024-02-29 12:34:56.789+0000\n";
    let table = "CREATE TABLE k.t (id text PRIMARY KEY, v timestamp);\n";
    let run = |more: &str| {
        let compare = format!("{KEY}[[compare.field]]\nname = \"v\"\nstable_epoch = \"us\"\n{more}\n");
        Mapped::new(("t.ndjson", stable), ("t.csv", candidate), &compare)
            .with_schema("candidate", table)
            .check(&[])
            .expect(0)
    };
    run("").says(&[
        "stable has times finer than a millisecond",
        "write truncate = \"ms\"",
    ]);
    assert!(!run("truncate = \"ms\"").out.contains("finer"));
}

#[test]
fn fields_and_columns_that_do_not_correspond() {
    let documents =
        "{\"_id\":1,\"total\":1,\"left\":2}\n{\"_id\":{\"$oid\":\"65f000000000000000000001\"},\"total\":1}\n";
    let rows = "id,total,right\n1,1,3\n65f000000000000000000001,1,4\n";
    let table = "CREATE TABLE k.t (id text, line int, total int, PRIMARY KEY (id, line));\n";
    let fields = "[[compare.field]]\nname = \"sum\"\nstable = \"totl\"\ncandidate = \"total\"\n";
    let mapped = Mapped::new(
        ("t.ndjson", documents),
        ("t.csv", rows),
        &format!("{KEY}{fields}"),
    )
    .with_schema("candidate", table);
    mapped.check(&[]).expect(64).says(&[
        "error: ",
        "assay.toml:19:1: compare t: field sum: no record of stable has \"totl\" (of 2 looked at); did you mean \"total\"?",
        "field \"left\" is in stable only; map it, or ignore it with a reason",
        "field \"right\" is in candidate only; map it, or say only = \"candidate\"",
        "key field \"id\": stable mixes int32, objectid",
        "the primary key of candidate is id, line, so several records may have the same key",
        "column \"right\" is not in the schema's table",
        "column \"line\" of the table is not in the export",
        "the mapping does not fit the stores",
    ]);
}

#[test]
fn a_name_that_is_taken_is_an_error() {
    let documents = "{\"_id\":1,\"v\":1,\"old\":2}\n";
    let rows = "{\"_id\":1,\"v\":2}\n";
    let fields = "[[compare.field]]\nname = \"v\"\nstable = \"old\"\n";
    let mapped = Mapped::new(("t.ndjson", documents), ("t.ndjson", rows), fields);
    let ended = mapped.check(&[]).expect(64);
    ended.says(&[
        "assay.toml:10:1:",
        "field \"v\": stable has a field of that name besides \"old\"",
    ]);
}

#[test]
fn unique_indexes_of_a_dump_are_looked_at() {
    let dir = crate::support::temp();
    let dump = fixture("mongo/dump").display().to_string();
    let check = |key: &str| {
        let text = format!(
            "[stable]\nlocation = {dump:?}\n[candidate]\nlocation = {dump:?}\n[[compare]]\nname = \"o\"\n\
             stable = \"shop.orders\"\ncandidate = \"shop.orders\"\nkey = [\"{key}\"]\n"
        );
        let file = crate::support::put(dir.path().join("assay.toml"), text)
            .display()
            .to_string();
        assay(["config", "check", "-c", &file]).expect(0)
    };
    assert!(!check("_id").out.contains("unique"));
    check("customer_id").says(&[
        "assay.toml:9:8:",
        "no unique index of stable",
        "several records may have the same key",
    ]);
}

#[test]
fn the_reference_of_the_mapping_is_printed() {
    let text = assay(["config", "mapping"]).expect(0).out;
    for key in [
        "type",
        "scale",
        "epoch",
        "truncate",
        "lookup",
        "constant",
        "default",
        "trim",
        "case",
        "encoding",
        "json",
        "uuid",
        "split",
        "join",
        "explode",
        "ignore",
        "only",
        "expect",
        "expect_type",
        "tolerance",
        "unmapped",
        "reason",
        "owner",
        "expires",
        "numbers",
        "field_order",
        "absent",
        "normalize",
        "empty",
    ] {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn rules_that_contradict_one_another_are_refused_where_they_stand() {
    let check = |fields: &str| one("\"a\":\"x\"", "a,b", "x,1", fields).check(&[]).expect(64);
    for (fields, place, message) in [
        (
            field("a", "type = \"txet\""),
            "19:8:",
            "unknown type \"txet\"; did you mean \"text\"?",
        ),
        (
            field("a", "type = \"list<itn>\""),
            "19:8:",
            "unknown type \"itn\" in \"list<itn>\"; did you mean \"int\"?",
        ),
        (
            field("a", "type = \"list<int\""),
            "19:8:",
            "expected '>', found the end in \"list<int\"",
        ),
        (
            field("a", "tpye = \"text\""),
            "19:1:",
            "unknown key \"tpye\"; did you mean \"type\"?",
        ),
        (
            field("a", "stable_scal = 2"),
            "19:1:",
            "did you mean \"stable_scale\"?",
        ),
        (field("a", "case = \"uper\""), "19:8:", "did you mean \"upper\"?"),
        (
            field("a", "epoch = \"min\""),
            "19:9:",
            "epoch: expected one of d, h, m, s, ms, us, ns",
        ),
        (field("a", "split = \"\""), "19:9:", "split: expected a separator"),
        (
            field("a", "type = \"int\"\nstable_type = \"text\""),
            "19:1:",
            "both speak of stable; keep one",
        ),
        (
            field("a", "stable = \"x\"\nstable_constant = 1"),
            "20:1:",
            "it has neither path nor default",
        ),
        (
            field("a", "constant = 1"),
            "19:1:",
            "a constant on both sides compares nothing",
        ),
        (
            field("a", "only = \"candidate\"\nstable_scale = 2"),
            "20:1:",
            "the field exists in candidate only",
        ),
        (field("a", "expect = 1"), "19:1:", "expect needs only"),
        (
            field("a", "only = \"candidate\"\nexpect_type = \"itn\""),
            "20:15:",
            "did you mean \"int\"?",
        ),
        (field("a_*", "type = \"int\""), "18:1:", "only renamed"),
        (field("a_*", "stable = \"a\""), "19:1:", "a `*` stands at the end"),
        (field("a", "stable = \"x..y\""), "19:1:", "has an empty part"),
        (
            field("a", "") + &field("b", "stable = \"a\""),
            "20:1:",
            "fields \"a\" and \"b\" both read stable \"a\"",
        ),
        (
            field("a", "") + &field("a", ""),
            "20:1:",
            "field \"a\" is declared twice",
        ),
        (
            field("a", "candidate = \"adress\""),
            "19:1:",
            "has no column \"adress\"",
        ),
        (field("a", "candidate = \"bb\""), "19:1:", "has no column \"bb\""),
    ] {
        let ended = check(&fields);
        let at = format!("assay.toml:{place}");
        assert!(
            ended.err.contains(&at) && ended.err.contains(message),
            "{at} {message}\n{}\n{fields}",
            ended.err
        );
    }
}
