//! Values of every type come as they are.

use super::*;
use assay::canon::Row;
use assay::canon::cell::{ColumnSpec, ColumnType, RawCell};
use assay::canon::csv::{Cells, Dialect};

/// The inserts that the recording was made of.
const RECORDED: &[(&str, &str, &str)] = &[
    ("backslash", "c_text", r"'c:\temp\n'"),
    ("inf", "c_double, c_float", "Infinity, -Infinity"),
    ("dec trailing", "c_decimal", "1.100"),
    (
        "min",
        "c_bigint, c_date, c_decimal, c_double, c_duration, c_float, c_inet, c_int, c_smallint, c_time, c_timestamp, c_tinyint, c_varint",
        "-9223372036854775808, 0, -1E-30, -1.7976931348623157e308, -1mo, -3.4028235e38, '::1', -2147483648, -32768, '00:00:00', -62135596800001, -128, -1",
    ),
    ("nan", "c_double, c_float", "NaN, NaN"),
    ("negzero", "c_double, c_float", "-0.0, -0.0"),
    ("comma", "c_text", "','"),
    ("nullword", "c_text", "'null'"),
    (
        "empties",
        "c_ascii, c_blob, c_nested, c_text, c_list, c_map, c_set",
        "'', 0x, [], '', [], {}, {}",
    ),
    (
        "max",
        "c_bigint, c_date, c_decimal, c_double, c_duration, c_float, c_inet, c_int, c_smallint, c_time, c_timestamp, c_tinyint",
        "9223372036854775807, '2262-04-11', 1E30, 1.7976931348623157e308, 12mo3d, 3.4028235e38, '2001:db8::8a2e:370:7334', 2147483647, 32767, '23:59:59.999999999', 253402300800000, 127",
    ),
    ("crlf", "c_text", "'a\r\nb'"),
    ("NaN word", "c_text", "'NaN'"),
    (
        "full",
        "c_ascii, c_bigint, c_blob, c_boolean, c_date, c_decimal, c_double, c_duration, c_float, c_fudt, c_inet, c_int, c_list, c_map, \
         c_mapuuid, c_nested, c_set, c_smallint, c_text, c_time, c_timestamp, c_timeuuid, c_tinyint, c_tuple, c_udt, c_uuid, c_varint, c_vector",
        "'ascii', 9007199254740993, 0x00ff10, true, '2024-02-29', 1.10, 0.1, 1mo2d3h4m5s6ms, 0.1, {city: '東京'}, '127.0.0.1', -42, \
         [1, 2, 3], {'k': 1, 'j': 2}, {00000000-0000-0000-0000-000000000001: ['x', 'y,z']}, [[1, 2], [], [3]], {'c', 'a', 'b'}, -7, \
         'grüße, \"quoted\" ''x''\n新', '12:34:56.789012345', '2024-02-29T12:34:56.789Z', 50554d6e-29bb-11e5-b345-feff819cdc9f, -1, \
         (1, 't'), {city: 'Zürich', zip: '8000'}, 00000000-0000-0000-0000-000000000007, 123456789012345678901234567890, [0.5, -1, 2.25]",
    ),
    ("nulls", "c_text", "null"),
];

/// `CREATE TYPE` and `CREATE TABLE` of the recording, for the keyspace in use.
fn recorded_schema() -> Vec<String> {
    let schema = include_str!("../../../fixtures/cassandra/schema.cql");
    let statements = schema.split(";\n").map(str::trim);
    let wanted = statements
        .filter(|s| s.starts_with("CREATE TYPE shop.place") || s.starts_with("CREATE TABLE shop.types"));
    let plain = |s: &str| s.split(" WITH ").next().unwrap().replace("shop.", "");
    wanted.map(plain).collect()
}

/// Whether the server knows a type; it may take vectors of some types and not of others. What it should know fails later.
async fn knows(session: &Session, ty: &str) -> bool {
    if !ty.contains("vector") {
        return true;
    }
    let drop = "DROP TABLE IF EXISTS known";
    run(session, drop).await;
    let probe = format!("CREATE TABLE known (id int PRIMARY KEY, v {ty})");
    let refused = session.query_unpaged(probe, ()).await.err();
    run(session, drop).await;
    if let Some(why) = &refused {
        support::say(&format!(
            "live: not exercised, since the server does not know it: {ty}: {why}"
        ));
    }
    refused.is_none()
}

/// The recording, by the rows' ids.
fn recorded(table: &LiveTable) -> BTreeMap<String, Fields> {
    let text = include_bytes!("../../../fixtures/cassandra/types_exact.csv");
    let dialect = Dialect::cqlsh("__null__");
    let mut at = dialect.record_end(text, 0).unwrap();
    let header = dialect.parse_header(&text[..at]).unwrap();
    let layout = Layout::new(header, dialect, Some(&table.table));
    let mut rows = BTreeMap::new();
    while at < text.len() {
        let end = layout.dialect.record_end(text, at).unwrap();
        let row = Row {
            layout: &layout,
            record: &text[at..end],
        };
        at = end;
        let (mut id, mut cells) = (String::new(), BTreeMap::new());
        RawRecord::Row(row)
            .walk_names(|name, value| {
                let name = String::from_utf8(name.to_vec()).unwrap();
                if let (Raw::Cell(cell), "id") = (value, &*name) {
                    id = String::from_utf8(cell.text.to_vec()).unwrap();
                }
                cells.insert(name, canonical(value));
                Ok(true)
            })
            .unwrap();
        rows.insert(id, cells);
    }
    rows
}

#[test]
fn every_type_is_read_live_as_cqlsh_recorded_it() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("types");
    block_on(async {
        let session = session(&keyspace).await;
        let has_vectors = knows(&session, "vector<float, 3>").await;
        let without = |text: &str, last: &str| match has_vectors {
            true => text.to_owned(),
            false => text.replace(last, ""),
        };
        for statement in recorded_schema() {
            run(&session, &without(&statement, "    c_vector vector<float, 3>,\n")).await;
        }
        for (id, columns, values) in RECORDED {
            let columns = without(columns, ", c_vector");
            let values = without(values, ", [0.5, -1, 2.25]");
            run(
                &session,
                &format!("INSERT INTO types (id, {columns}) VALUES ('{id}', {values})"),
            )
            .await;
        }
        let store = connect(&keyspace, &options(cql)).await;
        let table = table(&store, "types").await;
        let mut wanted = recorded(&table);
        if !has_vectors {
            wanted
                .values_mut()
                .for_each(|cells| drop(cells.remove("c_vector")));
        }
        let mut found = BTreeMap::new();
        for record in read_all(&store, &table, 1).await {
            let cells = cells(&table, &record);
            let name = wanted.iter().find(|(_, w)| w["id"] == cells["id"]).unwrap().0;
            assert!(found.insert(name.clone(), cells).is_none(), "{name} twice");
        }
        assert_eq!(found.len(), RECORDED.len());
        for (id, wanted) in &wanted {
            for (column, bytes) in wanted {
                assert_eq!(&found[id][column], bytes, "{id}.{column}");
            }
            assert_eq!(found[id].len(), wanted.len());
        }
    });
}

/// Types, what is inserted, and what cqlsh shows of it (null is the word NULL).
const LITERALS: &[(&str, &str, &str)] = &[
    ("int", "blobasint(0x)", "NULL"),
    (
        "varint",
        "-170141183460469231731687303715884105729",
        "-170141183460469231731687303715884105729",
    ),
    (
        "decimal",
        "-12345678901234567890123456789012345678901234567890.50",
        "-12345678901234567890123456789012345678901234567890.50",
    ),
    (
        "frozen<tuple<int, text, frozen<set<inet>>>>",
        "(1, null, {'::1', '10.0.0.1'})",
        "(1, None, {'10.0.0.1', '::1'})",
    ),
    (
        "frozen<list<frozen<map<date, smallint>>>>",
        "[{'1969-12-31': -1}, {}]",
        "[{1969-12-31: -1}, {}]",
    ),
    ("map<int, duration>", "{2: 1mo, 1: -3s}", "{1: -3s, 2: 1mo}"),
    (
        "set<timestamp>",
        "{0, -1}",
        "{'1969-12-31 23:59:59.999+0000', '1970-01-01 00:00:00.000+0000'}",
    ),
    ("set<int>", "{}", "NULL"),
    ("frozen<set<int>>", "{}", "{}"),
    ("vector<text, 2>", "['', 'ab']", "['', 'ab']"),
    ("vector<smallint, 2>", "[1, -1]", "[1, -1]"),
    ("vector<tinyint, 2>", "[1, -1]", "[1, -1]"),
    ("vector<bigint, 2>", "[1, -1]", "[1, -1]"),
    ("vector<boolean, 2>", "[true, false]", "[True, False]"),
    ("vector<timestamp, 1>", "[0]", "['1970-01-01 00:00:00.000+0000']"),
    ("vector<date, 1>", "['1970-01-02']", "[1970-01-02]"),
    ("vector<time, 1>", "['12:00:00']", "[12:00:00.000000000]"),
    (
        "vector<uuid, 1>",
        "[00000000-0000-0000-0000-000000000007]",
        "[00000000-0000-0000-0000-000000000007]",
    ),
    ("vector<varint, 2>", "[128, -1]", "[128, -1]"),
    ("vector<decimal, 2>", "[1.10, -1]", "[1.10, -1]"),
    ("vector<duration, 1>", "[1mo2d]", "[1mo2d]"),
    ("vector<inet, 2>", "['::1', '10.0.0.1']", "['::1', '10.0.0.1']"),
    (
        "vector<frozen<vector<int, 2>>, 2>",
        "[[1, 2], [3, 4]]",
        "[[1, 2], [3, 4]]",
    ),
    ("vector<frozen<list<int>>, 2>", "[[1], []]", "[[1], []]"),
    ("frozen<place>", "{city: 'x'}", "{city: 'x', \"Odd\": , zip: }"),
    (
        "list<frozen<place>>",
        "[{zip: 'z', \"Odd\": 7}]",
        "[{city: , \"Odd\": 7, zip: 'z'}]",
    ),
    ("place", "{\"Odd\": 7}", "{city: , \"Odd\": 7, zip: }"),
];

fn text_form(table: &LiveTable, column: &str, text: &str) -> Vec<u8> {
    let dialect = Dialect::cqlsh("NULL");
    let spec = ColumnSpec::of_table(&table.table, column).unwrap();
    assert!(matches!(spec.ty, ColumnType::Cql(_)));
    // Names inside a value are printed bare.
    let record = format!("\"{}\"", text.replace('"', ""));
    let mut spans = Cells::new();
    dialect.split(record.as_bytes(), &mut spans).unwrap();
    canonical(Raw::Cell(RawCell::new(
        record.as_bytes(),
        spans[0],
        &spec,
        &dialect,
    )))
}

#[test]
fn nested_types_are_read_live_as_their_text_says() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("nested");
    let column = |n: usize| format!("Column {n}");
    block_on(async {
        let session = session(&keyspace).await;
        let mut literals = Vec::new();
        for literal in LITERALS {
            if knows(&session, literal.0).await {
                literals.push(literal);
            }
        }
        let columns =
            |of: &dyn Fn(usize) -> String| (0..literals.len()).map(of).collect::<Vec<_>>().join(", ");
        let names = columns(&|n| format!("\"{}\"", column(n)));
        let types = columns(&|n| format!("\"{}\" {}", column(n), literals[n].0));
        run(&session, "CREATE TYPE place (city text, \"Odd\" int)").await;
        run(
            &session,
            &format!("CREATE TABLE \"Table\" (id int PRIMARY KEY, {types})"),
        )
        .await;
        // A value from before the type got its last field has fewer fields.
        let early = columns(&|n| {
            if literals[n].1.contains("zip") {
                "null"
            } else {
                literals[n].1
            }
            .into()
        });
        run(
            &session,
            &format!("INSERT INTO \"Table\" (id, {names}) VALUES (1, {early})"),
        )
        .await;
        run(&session, "ALTER TYPE place ADD zip text").await;
        let late = columns(&|n| literals[n].1.into());
        run(
            &session,
            &format!("INSERT INTO \"Table\" (id, {names}) VALUES (2, {late})"),
        )
        .await;
        let store = connect(&keyspace, &options(cql)).await;
        let table = table(&store, "Table").await;
        let rows = read_all(&store, &table, 1).await;
        assert_eq!(rows.len(), 2);
        let two = canonical(Raw::Tree(&Value::Number(Number::int(2, NumberType::Int32))));
        for row in rows {
            let cells = cells(&table, &row);
            for (n, (ty, value, text)) in literals.iter().enumerate() {
                let text = if cells["id"] != two && value.contains("zip") {
                    "NULL"
                } else {
                    text
                };
                assert_eq!(
                    cells[&column(n)],
                    text_form(&table, &column(n), text),
                    "{ty} {value}"
                );
            }
        }
    });
}
