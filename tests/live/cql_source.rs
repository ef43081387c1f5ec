//! Tables are read live as they are: every type, every row once, single rows by key, and failures that say what they are.

use crate::support::{self, Cql, Keyspace, block_on, cluster};
use assay::canon::cell::{ColumnSpec, ColumnType, RawCell};
use assay::canon::csv::{Cells, Dialect};
use assay::canon::{Encoder, Equality, FieldOrder, Layout, NativeRow, Numbers, Raw, RawRecord, Row};
use assay::model::{Number, NumberType, Value};
use assay::source::live::cql::{CqlOptions, CqlStore, LiveTable, Secret, TableKind, Tls};
use assay::source::live::{Governor, KeyPart, Limits, Page, Range};
use assay::source::{Failure, SourceError};
use scylla::client::session::Session;
use scylla::statement::Consistency;
use std::collections::{BTreeMap, BTreeSet};

/// Canonical bytes by column.
type Fields = BTreeMap<String, Vec<u8>>;

fn typed() -> Equality {
    Equality {
        numbers: Numbers::Typed,
        field_order: FieldOrder::Exact,
        ..Equality::default()
    }
}

fn canonical(raw: Raw<'_>) -> Vec<u8> {
    let mut out = Encoder::new(typed());
    raw.encode(&mut out).unwrap();
    out.bytes().to_vec()
}

fn options(cql: &Cql) -> CqlOptions {
    CqlOptions {
        login: cql
            .login
            .clone()
            .map(|(user, password)| (user, Secret::new(password))),
        ..CqlOptions::default()
    }
}

async fn connect(keyspace: &Keyspace, options: &CqlOptions) -> CqlStore {
    let location = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
    CqlStore::connect(&location, options).await.unwrap()
}

async fn run(session: &Session, statement: &str) {
    let done = session.query_unpaged(statement, ()).await;
    done.unwrap_or_else(|e| panic!("{statement}: {e}"));
}

/// A session that uses the keyspace.
async fn session(keyspace: &Keyspace) -> Session {
    let session = keyspace.cql().session().await.unwrap();
    session.use_keyspace(keyspace.name(), true).await.unwrap();
    session
}

async fn table(store: &CqlStore, name: &str) -> LiveTable {
    let tables = store.tables().await.unwrap();
    tables.into_iter().find(|t| t.table.name == name).unwrap()
}

fn records(page: &Page) -> Vec<Vec<u8>> {
    let starts = [0].into_iter().chain(page.ends.iter().copied());
    starts
        .zip(&page.ends)
        .map(|(from, &to)| page.data[from..to].to_vec())
        .collect()
}

/// The rows of a range.
async fn read(store: &CqlStore, table: &LiveTable, range: &Range) -> Result<Vec<Vec<u8>>, SourceError> {
    let governor = Governor::new(Limits::default());
    let (out, mut pages) = tokio::sync::mpsc::channel::<Page>(1);
    let mut rows = Vec::new();
    let collect = async {
        while let Some(page) = pages.recv().await {
            assert!(!page.ends.is_empty());
            rows.extend(records(&page));
        }
    };
    tokio::join!(store.read(table, range, &governor, out), collect).0?;
    Ok(rows)
}

/// The rows of all ranges.
async fn read_all(store: &CqlStore, table: &LiveTable, wanted: usize) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for range in store.ranges(table, wanted).await.unwrap() {
        rows.extend(read(store, table, &range).await.unwrap());
    }
    rows
}

fn cells(table: &LiveTable, record: &[u8]) -> Fields {
    let layout = Layout::native(&table.table);
    let row = RawRecord::Native(NativeRow {
        layout: &layout,
        record,
    });
    let mut cells = BTreeMap::new();
    row.walk_names(|name, value| {
        cells.insert(String::from_utf8(name.to_vec()).unwrap(), canonical(value));
        Ok(true)
    })
    .unwrap();
    cells
}

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
    let schema = include_str!("../../fixtures/cassandra/schema.cql");
    let statements = schema.split(";\n").map(str::trim);
    let wanted = statements
        .filter(|s| s.starts_with("CREATE TYPE shop.place") || s.starts_with("CREATE TABLE shop.types"));
    let plain = |s: &str| s.split(" WITH ").next().unwrap().replace("shop.", "");
    wanted.map(plain).collect()
}

/// The recording, by the rows' ids.
fn recorded(table: &LiveTable) -> BTreeMap<String, Fields> {
    let text = include_bytes!("../../fixtures/cassandra/types_exact.csv");
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
        for statement in recorded_schema() {
            run(&session, &statement).await;
        }
        for (id, columns, values) in RECORDED {
            run(
                &session,
                &format!("INSERT INTO types (id, {columns}) VALUES ('{id}', {values})"),
            )
            .await;
        }
        let store = connect(&keyspace, &options(cql)).await;
        let table = table(&store, "types").await;
        let wanted = recorded(&table);
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
        let columns =
            |of: &dyn Fn(usize) -> String| (0..LITERALS.len()).map(of).collect::<Vec<_>>().join(", ");
        let names = columns(&|n| format!("\"{}\"", column(n)));
        let types = columns(&|n| format!("\"{}\" {}", column(n), LITERALS[n].0));
        run(&session, "CREATE TYPE place (city text, \"Odd\" int)").await;
        run(
            &session,
            &format!("CREATE TABLE \"Table\" (id int PRIMARY KEY, {types})"),
        )
        .await;
        // A value from before the type got its last field has fewer fields.
        let early = columns(&|n| {
            if LITERALS[n].1.contains("zip") {
                "null"
            } else {
                LITERALS[n].1
            }
            .into()
        });
        run(
            &session,
            &format!("INSERT INTO \"Table\" (id, {names}) VALUES (1, {early})"),
        )
        .await;
        run(&session, "ALTER TYPE place ADD zip text").await;
        let late = columns(&|n| LITERALS[n].1.into());
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
            for (n, (ty, value, text)) in LITERALS.iter().enumerate() {
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

fn key(parts: &[(&str, Value)]) -> Vec<KeyPart> {
    let part = |(path, value): &(&str, Value)| KeyPart {
        path: (*path).into(),
        value: value.clone(),
    };
    parts.iter().map(part).collect()
}

fn int(value: i64) -> Value {
    Value::Number(Number::int(value, NumberType::Untyped))
}

#[test]
fn every_row_is_read_once_whatever_the_ranges() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("ranges");
    block_on(async {
        let session = session(&keyspace).await;
        run(&session, "CREATE TABLE t (\"Part\" text, bucket int, at int, s text static, v blob, PRIMARY KEY ((\"Part\", bucket), at)) WITH CLUSTERING ORDER BY (at DESC)").await;
        let insert = session
            .prepare("INSERT INTO t (\"Part\", bucket, at, s, v) VALUES (?, ?, ?, ?, ?)")
            .await
            .unwrap();
        for n in 0..3000i32 {
            let values = (
                format!("p{}", n / 3),
                n % 2,
                n,
                format!("s{}", n / 3),
                vec![0u8; 20],
            );
            session.execute_unpaged(&insert, values).await.unwrap();
        }
        run(
            &session,
            "INSERT INTO t (\"Part\", bucket, s) VALUES ('only static', 0, 'x')",
        )
        .await;
        let options = CqlOptions {
            page_rows: 7,
            ..options(cql)
        };
        let store = connect(&keyspace, &options).await;
        let table = table(&store, "t").await;
        let whole = read(&store, &table, &Range::default()).await.unwrap();
        assert_eq!(whole.len(), 3001);
        let distinct: BTreeSet<_> = whole.iter().collect();
        assert_eq!(distinct.len(), 3001);
        for wanted in [1, 64] {
            let ranges = store.ranges(&table, wanted).await.unwrap();
            assert!(ranges.len() >= wanted);
            // In token order, the ranges one after the other are the whole.
            assert_eq!(read_all(&store, &table, wanted).await, whole, "{wanted}");
        }
        points(&store, &table).await;
    });
}

async fn points(store: &CqlStore, table: &LiveTable) {
    let governor = Governor::new(Limits::default());
    let text = |t: &str| Value::Text(t.into());
    let key_at = |part: &str, bucket, at| key(&[("bucket", bucket), ("Part", text(part)), ("at", at)]);
    let keys = [
        key_at("p2", int(0), int(6)),
        key_at("p2", int(0), int(7)),
        key_at("p2", int(1), int(7)),
        key_at("only static", int(0), Value::Null),
        key_at("p2", int(0), Value::Null),
        key_at("p2", text("0"), int(6)),
        key_at("p2", int(1 << 40), int(6)),
        key_at("p2", Value::Null, int(6)),
    ];
    let page = store.points(table, &keys, &governor).await.unwrap();
    let found: Vec<Fields> = records(&page).iter().map(|r| cells(table, r)).collect();
    let seen: Vec<_> = found
        .iter()
        .map(|c| (c["Part"].clone(), c["at"].clone()))
        .collect();
    let bytes = |value: Value| canonical(Raw::Tree(&value));
    let stored = |n| bytes(Value::Number(Number::int(n, NumberType::Int32)));
    let wanted = [
        ("p2", stored(6)),
        ("p2", stored(7)),
        ("only static", bytes(Value::Null)),
    ];
    assert_eq!(seen, wanted.map(|(part, at)| (bytes(text(part)), at)));
    let part_only = store
        .points(table, &[key(&[("Part", text("p2"))])], &governor)
        .await;
    assert!(part_only.unwrap_err().to_string().contains("bucket"));
}

/// The values of all columns, as keys that went through canonical bytes.
fn key_of(table: &LiveTable, record: &[u8]) -> Vec<KeyPart> {
    let layout = Layout::native(&table.table);
    let mut parts = Vec::new();
    let row = NativeRow {
        layout: &layout,
        record,
    };
    RawRecord::Native(row)
        .walk_names(|name, value| {
            let mut out = Encoder::new(Equality::default());
            value.encode(&mut out)?;
            parts.push(KeyPart {
                path: String::from_utf8(name.to_vec()).unwrap(),
                value: assay::canon::decode(out.bytes())?.0,
            });
            Ok(true)
        })
        .unwrap();
    parts
}

/// Key-able types, and a key of each as it is inserted.
const KEYS: &[(&str, &str)] = &[
    ("ascii", "'a'"),
    ("bigint", "-1"),
    ("blob", "0x00ff"),
    ("boolean", "true"),
    ("date", "'2024-02-29'"),
    ("double", "-0.0"),
    ("float", "0.1"),
    ("inet", "'::1'"),
    ("int", "7"),
    ("smallint", "-7"),
    ("text", "'grün'"),
    ("time", "'12:34:56.789012345'"),
    ("timestamp", "-1"),
    ("timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc9f"),
    ("tinyint", "-128"),
    ("uuid", "00000000-0000-0000-0000-000000000007"),
    ("varint", "-170141183460469231731687303715884105729"),
    ("frozen<list<int>>", "[2, 1]"),
    ("frozen<set<text>>", "{'b', 'a', 'it'}"),
    ("frozen<map<text, int>>", "{'zz': 1, 'a': 2}"),
    ("frozen<map<int, frozen<list<text>>>>", "{2: [], 1: ['x']}"),
    ("frozen<tuple<int, text>>", "(1, null)"),
];

#[test]
fn rows_are_found_by_keys_of_every_type() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("keys");
    block_on(async {
        let session = session(&keyspace).await;
        let columns = |of: &dyn Fn(usize) -> String| (0..KEYS.len()).map(of).collect::<Vec<_>>().join(", ");
        let (k, c) = (columns(&|n| format!("k{n}")), columns(&|n| format!("c{n}")));
        let types = columns(&|n| format!("k{n} {0}, c{n} {0}", KEYS[n].0));
        let values = columns(&|n| KEYS[n].1.into());
        run(
            &session,
            &format!("CREATE TABLE t ({types}, PRIMARY KEY (({k}), {c}))"),
        )
        .await;
        run(
            &session,
            &format!("INSERT INTO t ({k}, {c}) VALUES ({values}, {values})"),
        )
        .await;
        run(&session, "CREATE TABLE decimals (k decimal PRIMARY KEY)").await;
        run(
            &session,
            "CREATE TABLE clustered (k int, c decimal, PRIMARY KEY (k, c))",
        )
        .await;
        run(&session, "INSERT INTO clustered (k, c) VALUES (1, 1.10)").await;
        let store = connect(&keyspace, &options(cql)).await;
        let governor = Governor::new(Limits::default());
        let all = table(&store, "t").await;
        let rows = read_all(&store, &all, 1).await;
        let found = store
            .points(&all, &[key_of(&all, &rows[0])], &governor)
            .await
            .unwrap();
        assert_eq!(records(&found), rows);
        let decimals = table(&store, "decimals").await;
        let refused = store.points(&decimals, &[key(&[("k", int(1))])], &governor).await;
        assert!(refused.unwrap_err().to_string().contains("can be different keys"));
        let clustered = table(&store, "clustered").await;
        let tenth = Value::Number(Number::decimal(11.into(), -1, NumberType::Decimal));
        let found = store
            .points(&clustered, &[key(&[("k", int(1)), ("c", tenth)])], &governor)
            .await
            .unwrap();
        assert_eq!(found.ends.len(), 1);
    });
}

#[test]
fn the_catalogue_and_the_probe_say_what_is_there() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("catalogue");
    block_on(async {
        let session = session(&keyspace).await;
        run(
            &session,
            "CREATE TABLE hits (page text, n counter, PRIMARY KEY (page))",
        )
        .await;
        run(&session, "UPDATE hits SET n = n + 3 WHERE page = 'a'").await;
        run(&session, "CREATE TABLE \"primary\" (\"static\" int, \"Key\" text, \"token\" int static, PRIMARY KEY (\"static\", \"Key\"))").await;
        let view = "CREATE MATERIALIZED VIEW seen AS SELECT * FROM base WHERE v IS NOT NULL AND id IS NOT NULL PRIMARY KEY (v, id)";
        run(&session, "CREATE TABLE base (id int PRIMARY KEY, v int)").await;
        // A server may have views switched off.
        let has_view = session.query_unpaged(view, ()).await.is_ok();
        let store = connect(&keyspace, &options(cql)).await;
        let tables = store.tables().await.unwrap();
        let names: Vec<&str> = tables.iter().map(|t| t.table.name.as_str()).collect();
        assert_eq!(names[..3], ["base", "hits", "primary"]);
        let view = tables.iter().find(|t| t.table.name == "seen");
        assert_eq!(
            view.map(|t| t.kind.clone()),
            has_view.then(|| TableKind::View("base".into()))
        );
        let odd = &tables[2].table;
        assert_eq!(
            odd.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
            ["static", "Key", "token"]
        );
        assert!(odd.columns[2].is_static && tables[2].ddl.contains("\"primary\""));
        let rows = read_all(&store, &tables[1], 1).await;
        let three = Value::Number(Number::int(3, NumberType::Int64));
        assert_eq!(cells(&tables[1], &rows[0])["n"], canonical(Raw::Tree(&three)));

        let probe = store.probe().await.unwrap();
        assert!(
            !probe.release_version.is_empty() && probe.partitioner.ends_with("Murmur3Partitioner"),
            "{probe:?}"
        );
        assert!(
            probe.replication.contains_key(keyspace.name()) && probe.unreadable.is_empty(),
            "{probe:?}"
        );
        assert_eq!(probe.clocks.len(), probe.nodes.0);
        assert!(!probe.datacenters.is_empty());
    });
}

async fn refused(location: &str, options: &CqlOptions) -> SourceError {
    CqlStore::connect(location, options).await.unwrap_err()
}

fn failure(error: &SourceError) -> Option<Failure> {
    match error {
        SourceError::Server { failure, .. } => Some(*failure),
        _ => None,
    }
}

#[test]
fn failures_say_what_they_are() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("failures");
    block_on(async {
        let quick = CqlOptions {
            retries: 1,
            back_off: std::time::Duration::from_millis(1),
            ..options(cql)
        };
        let error = refused("cql://127.0.0.1:1", &quick).await;
        assert_eq!(failure(&error), Some(Failure::Network), "{error}");
        let wrong = CqlOptions {
            datacenter: Some("nowhere".into()),
            ..quick.clone()
        };
        let here = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
        assert!(refused(&here, &wrong).await.to_string().contains("nowhere"));
        let tls = CqlOptions {
            tls: Some(Tls::default()),
            connect_timeout: std::time::Duration::from_secs(2),
            ..quick.clone()
        };
        let error = refused(&here, &tls).await;
        assert_eq!(failure(&error), Some(Failure::Network), "{error}");

        let nowhere = format!("cql://{}/no_such_keyspace", keyspace.cql().address);
        let store = CqlStore::connect(&nowhere, &quick).await.unwrap();
        assert!(matches!(store.tables().await, Err(SourceError::Namespace { .. })));

        let session = session(&keyspace).await;
        run(&session, "CREATE TABLE t (id int PRIMARY KEY)").await;
        let demanding = CqlOptions {
            consistency: Consistency::Three,
            ..quick.clone()
        };
        let store = connect(&keyspace, &demanding).await;
        let table = table(&store, "t").await;
        let range = Range {
            after: Some("-5".into()),
            to: Some("99".into()),
        };
        let error = read(&store, &table, &range).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Overload), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("after -5 up to 99") && text.contains("tried 2 times"),
            "{text}"
        );
        run(&session, "DROP TABLE t").await;
        let store = connect(&keyspace, &quick).await;
        let error = read(&store, &table, &range).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Refused), "{error}");
    });
}

#[test]
fn a_node_that_asks_who_we_are_is_told_or_denies() {
    let Some(node) = support::PrivateNode::start("Password") else {
        return;
    };
    let keyspace = node.cql().keyspace("rights");
    block_on(async {
        let session = session(&keyspace).await;
        let here = format!("cql://{}/{}", node.cql().address, keyspace.name());
        let stranger = CqlOptions {
            login: Some(("cassandra".into(), Secret::new("hunter2"))),
            ..CqlOptions::default()
        };
        for options in [CqlOptions::default(), stranger] {
            let error = refused(&here, &options).await;
            assert_eq!(failure(&error), Some(Failure::Denied), "{error}");
            assert!(!error.to_string().contains("hunter2"));
        }
        // The driver does not read such a name; nobody else is on this node.
        run(&session, "CREATE TYPE \"Pl ace\" (\"Zip code\" int)").await;
        let _ = session
            .query_unpaged("CREATE TABLE t (id int PRIMARY KEY, v frozen<\"Pl ace\">)", ())
            .await;
        run(&session, "INSERT INTO t (id, v) VALUES (1, {\"Zip code\": 7})").await;
        let store = connect(&keyspace, &options(node.cql())).await;
        let table = table(&store, "t").await;
        let place = Value::Document(vec![(
            "Zip code".into(),
            Value::Number(Number::int(7, NumberType::Int32)),
        )]);
        let rows = read_all(&store, &table, 1).await;
        assert_eq!(cells(&table, &rows[0])["v"], canonical(Raw::Tree(&place)));
        assert!(
            format!("{store:?}").contains("login: Some((\"cassandra\", …))"),
            "{store:?}"
        );
    });
}

#[test]
fn a_node_that_dies_costs_no_row() {
    let Some(mut cluster) = cluster() else { return };
    let keyspace = cluster.cql().keyspace("dying");
    let quick = |consistency| CqlOptions {
        consistency,
        page_rows: 20,
        retries: 3,
        back_off: std::time::Duration::from_millis(50),
        ..CqlOptions::default()
    };
    let (table, ranges, before) = block_on(async {
        let session = session(&keyspace).await;
        run(&session, "CREATE TABLE t (id int PRIMARY KEY, v text)").await;
        let insert = session
            .prepare("INSERT INTO t (id, v) VALUES (?, 'v')")
            .await
            .unwrap();
        for n in 0..1000i32 {
            session.execute_unpaged(&insert, (n,)).await.unwrap();
        }
        let quorum = connect(&keyspace, &quick(Consistency::LocalQuorum)).await;
        let all = connect(&keyspace, &quick(Consistency::All)).await;
        let table = table(&quorum, "t").await;
        let ranges = quorum.ranges(&table, 12).await.unwrap();
        let before = read_all(&quorum, &table, 12).await;
        assert_eq!(before.len(), 1000);
        assert_eq!(read_all(&all, &table, 12).await, before);
        (table, ranges, before)
    });
    let (half, rest) = ranges.split_at(ranges.len() / 2);
    let location = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
    let node = cluster.node(2);
    block_on(async {
        let quorum = CqlStore::connect(&location, &quick(Consistency::LocalQuorum))
            .await
            .unwrap();
        let all = CqlStore::connect(&location, &quick(Consistency::All))
            .await
            .unwrap();
        let mut rows = Vec::new();
        for range in half {
            rows.extend(read(&quorum, &table, range).await.unwrap());
        }
        node.kill();
        for range in rest {
            rows.extend(read(&quorum, &table, range).await.unwrap());
        }
        assert_eq!(rows, before);
        let error = read(&all, &table, &rest[0]).await.unwrap_err();
        assert_eq!(failure(&error), Some(Failure::Overload), "{error}");
        assert!(error.to_string().contains("read the tokens after"), "{error}");
    });
}
