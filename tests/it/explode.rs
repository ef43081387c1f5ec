//! One document's array against many rows, in both directions.

use crate::support::{Audited, Mapped};

const ORDERS: &str = r#"{"_id":"a","who":"x","box":{"items":[{"sku":"s1","qty":1},{"sku":"s2","qty":2}]}}
{"_id":"b","who":"y","box":{"items":[]}}
{"_id":"c","who":"z","box":{}}
{"_id":"d","who":"z","box":null}
{"_id":"e","who":"w","box":{"items":null}}
{"_id":"f","who":"w","box":{"items":[{"sku":"s3","qty":3}]}}
"#;
const ROWS: &str = "{\"id\":\"a\",\"n\":0,\"sku\":\"s1\",\"qty\":1,\"who\":\"x\"}\n\
    {\"id\":\"a\",\"n\":1,\"sku\":\"s2\",\"qty\":2,\"who\":\"x\"}\n\
    {\"id\":\"f\",\"n\":0,\"sku\":\"s3\",\"qty\":3,\"who\":\"w\"}\n";

/// The mapping, with the array on the given side.
fn mapping(array: &str) -> String {
    let rows = if array == "stable" { "candidate" } else { "stable" };
    let field = |name: &str, there: &str| {
        format!("[[compare.field]]\nname = \"{name}\"\n{array} = \"{there}\"\n{rows} = \"{name}\"\n")
    };
    format!("key = [\"id\", \"n\"]\nexplode = {{ side = \"{array}\", path = \"box.items\" }}\n")
        + &field("id", "_id")
        + &field("n", "$index")
        + &field("sku", "box.items.sku")
        + &field("qty", "box.items.qty")
        + &field("who", "who")
}

fn explode(orders: &str, rows: &str) -> Audited {
    let there = Mapped::new(("t.ndjson", orders), ("t.ndjson", rows), &mapping("stable")).both_ways();
    let back = Mapped::new(("t.ndjson", rows), ("t.ndjson", orders), &mapping("candidate")).both_ways();
    assert_eq!(
        there.end.code, back.end.code,
        "{:#?}\n{:#?}",
        there.list, back.list
    );
    assert_eq!(there.list.len(), back.list.len());
    there
}

#[test]
fn equal_on_either_side_and_missing_arrays_hold_nothing() {
    let audited = explode(ORDERS, ROWS);
    assert_eq!((audited.end.code, audited.list), (0, vec![]));
    let records = &audited.report["result"]["compares"][0]["coverage"]["records"];
    assert_eq!(
        (&records["stable"], &records["candidate"]),
        (&3.into(), &3.into())
    );
}

#[test]
fn each_element_is_a_record_of_its_own() {
    let rows = ROWS
        .replace("\"qty\":2", "\"qty\":9")
        .replace("\"f\",\"n\":0", "\"f\",\"n\":1");
    let audited = explode(ORDERS, &rows);
    assert_eq!(
        audited.list,
        [
            "confirmed changed a 1 [qty]",
            "confirmed extra f 1 []",
            "confirmed missing f 0 []"
        ]
    );
    // A field of the parent belongs to every element.
    let audited = explode(&ORDERS.replace("\"who\":\"x\"", "\"who\":\"q\""), ROWS);
    assert_eq!(
        audited.list,
        ["confirmed changed a 0 [who]", "confirmed changed a 1 [who]"]
    );
}

#[test]
fn what_is_no_array_is_a_finding() {
    for (bad, path) in [
        ("{\"items\":\"none\"}", "box.items"),
        ("7", "box"),
        ("[1]", "box"),
        ("{\"items\":{}}", "box.items"),
    ] {
        let orders = ORDERS.replace("{\"items\":[]}", bad);
        let audited = explode(&orders, ROWS);
        assert_eq!(audited.end.code, 10, "{bad} {:?}", audited.list);
        assert_eq!(audited.list, ["confirmed unconvertible  []"], "{bad}");
        let detail = &audited.report["result"]["compares"][0]["divergences"]["items"][0]["detail"];
        assert!(detail.as_str().unwrap().contains(path), "{detail}");
    }
}

#[test]
fn a_name_that_comes_twice_hides_no_array() {
    for (twice, path) in [
        ("{\"items\":[]},\"box\":{\"items\":[]}", "box"),
        ("{\"items\":[{\"sku\":\"s\"}]},\"box\":{\"items\":[]}", "box"),
        ("{\"items\":[{\"sku\":\"s\"}]},\"box\":{\"other\":1}", "box"),
        ("{\"items\":[{\"sku\":\"s\"}],\"items\":[]}", "box.items"),
        ("{\"items\":[],\"items\":null}", "box.items"),
    ] {
        let audited = explode(&ORDERS.replace("{\"items\":[]}", twice), ROWS);
        assert_eq!(audited.end.code, 10, "{twice} {:?}", audited.list);
        assert_eq!(audited.list, ["confirmed malformed  []"], "{twice}");
        let detail = &audited.report["result"]["compares"][0]["divergences"]["items"][0]["detail"];
        assert_eq!(
            detail,
            &format!("malformed at {path}: duplicate field name"),
            "{twice}"
        );
    }
}

#[test]
fn scalar_elements() {
    let tags = "{\"_id\":1,\"tags\":[\"a\",\"b\"]}\n{\"_id\":2,\"tags\":[\"c\"]}\n";
    let rows = "id,tag\n1,a\n1,b\n2,d\n";
    let mapping = "key = [\"id\", \"tag\"]\nexplode = { side = \"stable\", path = \"tags\" }\n\
        [[compare.field]]\nname = \"id\"\nstable = \"_id\"\ntype = \"int\"\n\
        [[compare.field]]\nname = \"tag\"\nstable = \"$value\"\n";
    let audited = Mapped::new(("t.ndjson", tags), ("t.csv", rows), mapping).both_ways();
    assert_eq!(
        audited.list,
        ["confirmed extra 2 d []", "confirmed missing 2 c []"]
    );
}

#[test]
fn column_of_a_table_is_taken_apart() {
    let schema = "CREATE TYPE k.item (sku text, qty int);\n\
        CREATE TABLE k.t (id text PRIMARY KEY, items frozen<list<frozen<item>>>, note text);\n";
    let table = "id,items,note\na,\"[{sku: 's1', qty: 1}, {sku: 's2', qty: 2}]\",x\nb,[],y\nc,NULL,z\n";
    let documents = "{\"order\":\"a\",\"n\":0,\"sku\":\"s1\",\"qty\":1}\n{\"order\":\"a\",\"n\":1,\"sku\":\"s2\",\"qty\":3}\n";
    let mapping = "key = [\"order\", \"n\"]\nexplode = { side = \"candidate\", path = \"items\" }\n\
        [[compare.field]]\nname = \"order\"\ncandidate = \"id\"\n\
        [[compare.field]]\nname = \"n\"\ncandidate = \"$index\"\n\
        [[compare.field]]\nname = \"*\"\ncandidate = \"items.*\"\n";
    let mapped =
        Mapped::new(("t.ndjson", documents), ("t.csv", table), mapping).with_schema("candidate", schema);
    assert_eq!(mapped.both_ways().list, ["confirmed changed a 1 [qty]"]);
    let typo = mapping.replace("path = \"items\"", "path = \"itmes\"");
    let mapped =
        Mapped::new(("t.ndjson", documents), ("t.csv", table), &typo).with_schema("candidate", schema);
    mapped
        .check(&[])
        .expect(64)
        .says(&["assay.toml:13:11:", "itmes", "did you mean \"items\"?"]);
}

#[test]
fn names_of_elements_need_an_array() {
    let mapping = mapping("stable").replace("explode = { side = \"stable\", path = \"box.items\" }\n", "");
    let mapped = Mapped::new(("t.ndjson", ORDERS), ("t.ndjson", ROWS), &mapping);
    mapped
        .check(&[])
        .expect(64)
        .says(&["assay.toml:14:1:", "$index", "explode = "]);
}
