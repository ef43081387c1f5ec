//! What a cqlsh export loses, weighed as the mapping has it: never a divergence of its own, and never an excuse for one.

use crate::bson::{Bson, date, document, double, int, nested, null, text};
use crate::support::Mapped;

const SHORT: f64 = 1.234_567_890_123_456_7;
const LONG: f64 = 1_234.567_890_123_456_7;

fn list(items: &[Bson]) -> Bson {
    let names: Vec<String> = (0..items.len()).map(|i| i.to_string()).collect();
    let fields: Vec<(&str, Bson)> = names
        .iter()
        .map(String::as_str)
        .zip(items.iter().cloned())
        .collect();
    Bson(0x04, nested(&fields).1)
}

fn compare(keys: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, keys)| format!("[[compare.field]]\nname = \"{name}\"\n{keys}\n"));
    format!("{keys}\n{}", fields.collect::<String>())
}

/// A document with this under `v`, against a cell of this type under the mapping of `v`, both ways round.
#[track_caller]
fn found(stable: Option<Bson>, ty: &str, cell: &str, mapping: &str) -> Vec<String> {
    let fields: Vec<(&str, Bson)> = [Some(("_id", int(1))), stable.map(|v| ("v", v))]
        .into_iter()
        .flatten()
        .collect();
    let compare = compare("key = [\"id\"]", &[("id", "stable = \"_id\""), ("v", mapping)]);
    let rows = format!("id,v\n1,{cell}\n");
    let mapped = Mapped::new(("t.bson", &document(&fields)), ("t.csv", &rows), &compare)
        .with_schema(
            "candidate",
            &format!("CREATE TABLE k.t (id int PRIMARY KEY, v {ty});\n"),
        )
        .with_blank_null();
    mapped.both_ways().list
}

#[test]
fn a_loss_is_weighed_through_the_mapping() {
    let lossy = ["unknown lossy 1 [v]"];
    let last = 253_402_300_799_999;
    for (stable, ty, cell, mapping) in [
        (double(LONG), "double", "1234.567890123457", ""),
        (double(LONG), "double", "1234.567890123457", "type = \"double\""),
        (
            double(SHORT),
            "double",
            "1234.567890123457",
            "candidate_scale = -3\ntype = \"decimal\"",
        ),
        (
            double(SHORT),
            "double",
            "1234.567890123457",
            "candidate_scale = -3\ntype = \"double\"",
        ),
        (
            double(1.000_000_178_813_9),
            "double",
            "1.000000178814",
            "type = \"float\"",
        ),
        (
            text("1234.5678901234567"),
            "double",
            "1234.567890123457",
            "type = \"text\"",
        ),
        (
            text("1234.5678901234567"),
            "double",
            "1234.567890123457",
            "type = \"double\"",
        ),
        (
            text("long"),
            "double",
            "1234.567890123457",
            "candidate_lookup = { \"1234.5678901234567\" = \"long\" }",
        ),
        (
            date(1_700_000_000_123),
            "double",
            "1.70000000012e+15",
            "candidate_epoch = \"us\"",
        ),
        (list(&[double(SHORT)]), "frozen<list<double>>", "[1.23457]", ""),
        (
            list(&[double(SHORT)]),
            "frozen<list<double>>",
            "[1.23457]",
            "type = \"list<double>\"",
        ),
        (
            list(&[double(SHORT)]),
            "frozen<set<double>>",
            "{1.23457}",
            "type = \"list<double>\"",
        ),
        (
            text("1.2345678901234567,2.5"),
            "frozen<list<double>>",
            "\"[1.23457, 2.5]\"",
            "candidate_join = \",\"",
        ),
        (
            nested(&[("a", double(SHORT))]),
            "frozen<map<text, double>>",
            "{'a': 1.23457}",
            "",
        ),
        (list(&[]), "text", "", "candidate_split = \",\""),
        (text(""), "text", "", ""),
        (text(""), "text", "", "candidate_default = \"n/a\""),
        (
            Bson(0x05, vec![0, 0, 0, 0, 0]),
            "text",
            "",
            "candidate_encoding = \"hex\"",
        ),
        (
            text("none"),
            "text",
            "",
            "candidate_lookup = { \"\" = \"none\", a = \"b\" }",
        ),
        (date(last), "timestamp", "9999-12-31 23:59:59.998+0000", ""),
        (
            double(253_402_300_799.999),
            "timestamp",
            "9999-12-31 23:59:59.998+0000",
            "stable_epoch = \"s\"",
        ),
        (
            text("9999-12-31T23:59:59.999Z"),
            "timestamp",
            "9999-12-31 23:59:59.998+0000",
            "type = \"text\"",
        ),
    ] {
        let said = found(Some(stable), ty, cell, mapping);
        assert_eq!(said, lossy, "{ty} {cell} {mapping}");
    }
}

#[test]
fn a_difference_that_no_loss_explains_is_one() {
    let changed = ["confirmed changed 1 [v]"];
    for (stable, ty, cell, mapping) in [
        (double(1999.0), "double", "1999", "candidate_scale = -2"),
        (
            double(19.99),
            "double",
            "1999",
            "candidate_scale = -1\ntype = \"decimal\"",
        ),
        (double(1999.0), "double", "1999", "stable_scale = -2"),
        (int(1), "float", "1", "candidate_lookup = { 1 = \"one\" }"),
        (
            date(1_700_000_000_500),
            "timestamp",
            "2023-11-14 22:13:20.500+0000",
            "candidate_truncate = \"s\"",
        ),
        (
            double(SHORT),
            "double",
            "1234.567890123",
            "candidate_scale = -3\ntype = \"double\"",
        ),
        (
            text("1234.5678901234567"),
            "double",
            "1234.567890123",
            "type = \"text\"",
        ),
        (text("x"), "text", "", "candidate_default = \"n/a\""),
        (null(), "text", "", "candidate_default = \"n/a\""),
        (
            list(&[double(SHORT)]),
            "frozen<list<double>>",
            "[1.23458]",
            "type = \"list<double>\"",
        ),
        (
            date(253_402_300_799_997),
            "timestamp",
            "9999-12-31 23:59:59.998+0000",
            "",
        ),
    ] {
        let said = found(Some(stable), ty, cell, mapping);
        assert_eq!(said, changed, "{ty} {cell} {mapping}");
    }
    assert_eq!(
        found(Some(int(1)), "double", "1.5", "type = \"int\""),
        ["confirmed unconvertible 1 [v]"]
    );
}

#[test]
fn what_is_expected_of_one_side_is_weighed_too() {
    let only = "only = \"candidate\"\nexpect = ";
    for (ty, cell, expect, list) in [
        ("text", "", "\"\"", "unknown lossy 1 [v]"),
        ("text", "", "\"x\"", "confirmed changed 1 [v]"),
        (
            "double",
            "0.3333333333333",
            "0.33333333333333333",
            "unknown lossy 1 [v]",
        ),
        (
            "double",
            "0.3333333333333",
            "0.333333333334",
            "confirmed changed 1 [v]",
        ),
        ("double", "0.5", "0.25", "confirmed changed 1 [v]"),
    ] {
        let said = found(None, ty, cell, &format!("{only}{expect}"));
        assert_eq!(said, [list], "{ty} {cell} {expect}");
    }
}

/// A document with this key, against a row of this table.
#[track_caller]
fn keyed(stable: Option<&[Bson]>, columns: &str, more: &str, rows: &[&str]) -> Vec<String> {
    let one = |k: &Bson| document(&[("_id", int(1)), ("k", k.clone()), ("v", int(7))]);
    let stable: Vec<u8> = stable.unwrap_or(&[]).iter().flat_map(one).collect();
    let fields = [("id", "stable = \"_id\""), ("k", more)];
    let compare = compare("key = [\"id\", \"k\"]", &fields);
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let rows = format!("id,k,v\n{rows}");
    let schema = format!("CREATE TABLE k.t (id int, {columns}, v int, PRIMARY KEY (id, k));\n");
    let mapped = Mapped::new(("t.bson", &stable), ("t.csv", &rows), &compare)
        .with_schema("candidate", &schema)
        .with_blank_null();
    mapped.both_ways().list
}

#[test]
fn a_key_that_an_export_rounds_proves_nothing() {
    let rounded = |key: f64, row: &str| keyed(Some(&[double(key)]), "k double", "", &[row]);
    let pair = |key: f64, row: &str| {
        rounded(key, &format!("1,{row},7"))
            .iter()
            .map(|line| line.split(" 1 ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(pair(SHORT, "1.234567890123"), ["unknown lossy", "unknown lossy"]);
    assert_eq!(pair(0.5, "0.5"), [""; 0]);
    // Nothing that is written otherwise is 0.5; the export would have said so.
    assert_eq!(pair(0.5, "0.25"), ["confirmed missing", "unknown lossy"]);
    // So many digits show that nothing was rounded.
    assert_eq!(
        pair(0.5, "0.10000000000000000555"),
        ["confirmed extra", "confirmed missing"]
    );
    let last = [date(253_402_300_799_999)];
    let cell = "1,9999-12-31 23:59:59.998+0000,7";
    let said = keyed(Some(&last), "k timestamp", "", &[cell]);
    assert!(
        said.len() == 2 && said.iter().all(|line| line.starts_with("unknown lossy")),
        "{said:?}"
    );
    // Two keys that are written alike are no two records of one key.
    let said = keyed(
        None,
        "k double",
        "",
        &["1,0.3333333333333,7", "1,0.3333333333333,8"],
    );
    assert_eq!(said, ["unknown duplicate_key 1 0.3333333333333 []"]);
}

#[test]
fn an_empty_clustering_text_is_a_key() {
    let stable = [text(""), text("x")];
    let rows = ["1,,7", "1,x,7"];
    assert_eq!(keyed(Some(&stable), "k text", "", &rows), [""; 0]);
    assert_eq!(
        keyed(Some(&stable[1..]), "k text", "", &rows),
        ["confirmed extra 1  []"]
    );
    // A partition without rows has no key either.
    let said = keyed(Some(&stable), "k text, s int static", "", &rows);
    assert_eq!(said, ["unknown lossy 1  []", "unknown lossy 1 null []"]);
}

#[test]
fn losses_in_elements_that_are_records_are_weighed() {
    let item = |lat: f64| {
        document(&[
            ("_id", int(1)),
            ("n", int(0)),
            ("lat", double(lat)),
            ("tags", list(&[])),
        ])
    };
    let compare = compare(
        "key = [\"_id\", \"n\"]\nexplode = { side = \"candidate\", path = \"items\" }",
        &[
            ("_id", "candidate = \"id\""),
            ("n", "candidate = \"$index\""),
            ("lat", "candidate = \"items.lat\""),
            ("tags", "candidate = \"items.tags\""),
        ],
    );
    let schema = "CREATE TYPE k.item (lat double, tags list<int>);\n\
        CREATE TABLE k.t (id int PRIMARY KEY, items list<frozen<item>>);\n";
    let run = |lat: f64, cell: &str| {
        let rows = format!("id,items\n1,\"[{{lat: {cell}, tags: []}}]\"\n");
        let mapped =
            Mapped::new(("t.bson", &item(lat)), ("t.csv", &rows), &compare).with_schema("candidate", schema);
        mapped.both_ways().list
    };
    assert_eq!(run(46.123_456_789, "46.12346"), ["unknown lossy 1 0 [lat]"]);
    assert_eq!(run(46.123_456_789, "46.12347"), ["confirmed changed 1 0 [lat]"]);
    assert_eq!(run(46.5, "46.5"), [""; 0]);
}
