//! Paths into columns of user-defined types, against sub-documents and against columns.

use crate::bson::{Bson, document, double, int, nested, text};
use crate::mapping::field;
use crate::support::{Audited, Mapped};

const TABLE: &str = "CREATE TYPE k.geo (lat decimal, lon decimal);\n\
    CREATE TYPE k.place (city text, zip text, spot frozen<geo>, floor int);\n\
    CREATE TABLE k.t (id text PRIMARY KEY, place frozen<place>, home place, n int, last text);\n";

const ID: &str = "key = [\"id\"]\n[[compare.field]]\nname = \"id\"\nstable = \"_id\"\n";

const CELL: &str = "\"{city: 'Bern', zip: '3000', spot: {lat: 46.5, lon: 7.25}, floor: 2}\"";

fn spot(lat: f64) -> (&'static str, Bson) {
    ("spot", nested(&[("lat", double(lat)), ("lon", double(7.25))]))
}

fn bern() -> Bson {
    nested(&[
        ("city", text("Bern")),
        ("zip", int(3000)),
        spot(46.5),
        ("floor", int(2)),
    ])
}

/// A document whose `address` is this, against a row with this cell under `column`.
fn pair(address: &[(&str, Bson)], column: &str, cell: &str, fields: &str) -> Mapped {
    pair_of(TABLE, address, column, cell, fields)
}

fn pair_of(table: &str, address: &[(&str, Bson)], column: &str, cell: &str, fields: &str) -> Mapped {
    let stable = document(&[&[("_id", text("1"))], address, &[("last", text("z"))]].concat());
    let rows = format!("id,{column},last\n1,{cell},z\n");
    let compare = format!("{ID}{fields}");
    Mapped::new(("t.bson", &stable), ("t.csv", &rows), &compare).with_schema("candidate", table)
}

fn fields(column: &str) -> String {
    [
        ("city", ""),
        ("zip", "type = \"int\""),
        ("spot.lat", ""),
        ("spot.lon", ""),
        ("floor", ""),
    ]
    .iter()
    .map(|(name, more)| {
        field(
            &format!("place.{name}"),
            &format!("stable = \"address.{name}\"\ncandidate = \"{column}.{name}\"\n{more}"),
        )
    })
    .collect()
}

#[track_caller]
fn found(mapped: &Mapped) -> Vec<String> {
    let Audited { end, list, .. } = mapped.both_ways();
    assert_eq!(end.code == 0, list.is_empty(), "{}", end.out);
    list
}

#[test]
fn fields_of_a_column_are_compared_with_those_of_a_document() {
    for column in ["place", "home"] {
        let run = |cell: &str| found(&pair(&[("address", bern())], column, cell, &fields(column)));
        assert_eq!(run(CELL), [""; 0]);
        for (from, to, list) in [
            ("Bern", "Thun", "confirmed changed 1 [place.city]"),
            ("46.5", "46.25", "confirmed changed 1 [place.spot.lat]"),
            ("3000", "3001", "confirmed changed 1 [place.zip]"),
            ("3000", "x", "confirmed unconvertible 1 [place.zip]"),
            ("floor: 2", "floor: NULL", "confirmed changed 1 [place.floor]"),
            (", floor: 2", "", "confirmed changed 1 [place.floor]"),
            (
                "'Bern', zip: '3000'",
                "'Thun', zip: '3001'",
                "confirmed changed 1 [place.city place.zip]",
            ),
        ] {
            assert_eq!(run(&CELL.replacen(from, to, 1)), [list], "{from} {to}");
        }
        let all = "place.city place.floor place.spot.lat place.spot.lon place.zip";
        assert_eq!(run("NULL"), [format!("confirmed changed 1 [{all}]")]);
        let quoted = CELL.replace("Bern", "B\\\"e, {''r");
        let address = nested(&[
            ("city", text("B\"e, {'r")),
            ("zip", int(3000)),
            spot(46.5),
            ("floor", int(2)),
        ]);
        let mapped = pair(&[("address", address)], column, &quoted, &fields(column));
        assert_eq!(found(&mapped), [""; 0]);
    }
}

#[test]
fn null_is_absent_where_a_side_cannot_tell() {
    let run = |address: &[(&str, Bson)], cell: &str| found(&pair(address, "place", cell, &fields("place")));
    assert_eq!(run(&[], "NULL"), [""; 0]);
    assert_eq!(run(&[("address", Bson(0x0a, vec![]))], "NULL"), [""; 0]);
    let part = [("address", nested(&[("city", text("Bern"))]))];
    assert_eq!(
        run(&part, "\"{city: 'Bern', zip: NULL, spot: NULL, floor: NULL}\""),
        [""; 0]
    );
    assert_eq!(run(&part, "{city: 'Bern'}"), [""; 0]);
    assert_eq!(run(&part, "NULL"), ["confirmed changed 1 [place.city]"]);
    assert_eq!(run(&[], "{city: 'Bern'}"), ["confirmed changed 1 [place.city]"]);
}

#[test]
fn fields_that_no_rule_names_are_compared_under_their_path() {
    let one = field("town", "stable = \"place.city\"\ncandidate = \"place.city\"");
    let same = |zip: &str| {
        nested(&[
            ("city", text("Bern")),
            ("zip", text(zip)),
            spot(46.5),
            ("floor", int(2)),
        ])
    };
    let run = |zip: &str, column: &str, one: &str| found(&pair(&[("place", same(zip))], column, CELL, one));
    assert_eq!(run("3000", "place", &one), [""; 0]);
    assert_eq!(run("3001", "place", &one), ["confirmed changed 1 [place.zip]"]);
    // The whole against a sub-document, without any rule.
    assert_eq!(run("3000", "place", ""), [""; 0]);
    assert_eq!(run("3001", "place", ""), ["confirmed changed 1 [place]"]);
    // A prefix takes them all.
    let all = field("address_*", "stable = \"place.*\"\ncandidate = \"home.*\"");
    assert_eq!(run("3000", "home", &all), [""; 0]);
    assert_eq!(run("3001", "home", &all), ["confirmed changed 1 [address_zip]"]);
}

#[test]
fn a_field_is_a_key() {
    let rows = "place,n\n{city: 'Bern'},1\n{city: 'Thun'},2\n";
    let table = TABLE.replace(
        "id text PRIMARY KEY, place frozen<place>",
        "place frozen<place> PRIMARY KEY",
    );
    let line = |city: &str, n: i32| document(&[("_id", text(city)), ("n", int(n))]);
    let build = |n: i32| {
        let stable = [line("Thun", 2), line("Bern", n)].concat();
        let city = field("city", "stable = \"_id\"\ncandidate = \"place.city\"");
        let compare = format!("key = [\"city\"]\n{city}");
        Mapped::new(("t.bson", &stable), ("t.csv", rows), &compare).with_schema("candidate", &table)
    };
    assert_eq!(found(&build(1)), [""; 0]);
    assert_eq!(found(&build(3)), ["confirmed changed Bern [n]"]);
}

#[test]
fn a_cell_that_cannot_be_read_is_malformed_and_the_rest_is_compared() {
    for more in ["", "unmapped = \"ignore\"\nreason = \"later\"\n"] {
        let id = format!("{more}{ID}");
        let stable = document(&[("_id", text("1")), ("last", text("z"))]);
        let rows = "place,id,last\n{city: 'Bern',1,z\n";
        let compare = format!("{id}{}", fields("place"));
        let mapped =
            Mapped::new(("t.bson", &stable), ("t.csv", rows), &compare).with_schema("candidate", TABLE);
        assert_eq!(found(&mapped), ["confirmed malformed 1 [place]"], "{more}");
    }
}

#[test]
fn what_an_export_rounds_inside_is_lossy_and_no_difference() {
    let table = TABLE.replace("decimal", "double");
    let address = [("address", nested(&[("city", text("Bern")), spot(46.123_456_789)]))];
    let run = |lat: &str| {
        let cell = format!("\"{{city: 'Bern', spot: {{lat: {lat}, lon: 7.25}}}}\"");
        found(&pair_of(&table, &address, "place", &cell, &fields("place")))
    };
    assert_eq!(run("46.12346"), ["unknown lossy 1 [place.spot.lat]"]);
    assert_eq!(run("46.12347"), ["confirmed changed 1 [place.spot.lat]"]);
}

#[test]
fn an_exploded_row_has_the_fields_of_its_parent() {
    let table = "CREATE TYPE k.item (sku text, qty int);\nCREATE TYPE k.place (city text);\n\
        CREATE TABLE k.t (id text PRIMARY KEY, ship frozen<place>, items list<frozen<item>>);\n";
    let rows = "id,ship,items\n1,{city: 'Bern'},\"[{sku: 'a', qty: 1}, {sku: 'b', qty: 2}]\"\n";
    let build = |city: &str| {
        let line = |n: i32, sku: &str, city: &str| {
            document(&[
                ("_id", text("1")),
                ("line", int(n)),
                ("sku", text(sku)),
                ("qty", int(n + 1)),
                ("city", text(city)),
            ])
        };
        let stable = [line(0, "a", "Bern"), line(1, "b", city)].concat();
        let compare = [
            "explode = { side = \"candidate\", path = \"items\" }\nkey = [\"_id\", \"line\"]\n".to_owned(),
            field("_id", "candidate = \"id\""),
            field("line", "candidate = \"$index\""),
            field("sku", "candidate = \"items.sku\""),
            field("qty", "candidate = \"items.qty\""),
            field("city", "candidate = \"ship.city\""),
        ]
        .concat();
        Mapped::new(("t.bson", &stable), ("t.csv", rows), &compare).with_schema("candidate", table)
    };
    assert_eq!(found(&build("Bern")), [""; 0]);
    assert_eq!(found(&build("Thun")), ["confirmed changed 1 1 [city]"]);
}

#[test]
fn the_check_knows_the_fields() {
    let check =
        |fields: &str| pair(&[("address", bern())], "place,n", &format!("{CELL},1"), fields).check(&[]);
    for (path, words) in [
        (
            "place.cty",
            "has no field \"cty\"; it has city, zip, spot, floor; did you mean \"city\"?",
        ),
        (
            "place.spot.lo",
            "spot (frozen<geo>) has no field \"lo\"; it has lat, lon; did you mean \"lon\"?",
        ),
        (
            "place.zip.x",
            "\"zip\" (text) has no fields that a path could name",
        ),
        ("n.x", "\"n\" (int) has no fields that a path could name"),
        ("plce.city", "has no column \"plce.city\""),
    ] {
        let fields = field(
            "city",
            &format!("stable = \"address.city\"\ncandidate = \"{path}\""),
        );
        check(&fields).expect(64).says(&["assay.toml:", words]);
    }
    let none = field("x_*", "stable = \"address.*\"\ncandidate = \"place.x*\"");
    check(&none).expect(64).says(&["has no field \"x*\""]);
    // Types inside are those of the schema.
    let typed = field("zip", "stable = \"address.zip\"\ncandidate = \"place.zip\"");
    check(&typed).expect(64).says(&[
        "field \"zip\": stable int32 and candidate text can never be equal",
        "field \"place.city\" is in candidate only",
    ]);
    let never = field(
        "floor",
        "stable = \"address.floor\"\ncandidate = \"place.floor\"\ncandidate_type = \"uuid\"",
    );
    check(&never)
        .expect(64)
        .says(&["field floor: candidate int can never be converted"]);
    let all = pair(&[("address", bern())], "place", CELL, &fields("place"));
    all.check(&[]).expect(0);
    // Null in place of the whole is no field of its own.
    let line = |id: &str, address| document(&[("_id", text(id)), ("address", address)]);
    let stable = [line("1", bern()), line("2", Bson(0x0a, vec![]))].concat();
    let rows = format!("id,place\n1,{CELL}\n2,NULL\n");
    let compare = format!("{ID}{}", fields("place"));
    let nulls = Mapped::new(("t.bson", &stable), ("t.csv", &rows), &compare).with_schema("candidate", TABLE);
    nulls.check(&[]).expect(0);
}
