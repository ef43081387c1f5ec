//! Every row once, single rows by key, and what there is to read.

use super::*;
use assay::source::live::cql::TableKind;

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

        let short = CqlOptions {
            page_rows: 5_000,
            page_bytes: 5_000,
            ..options
        };
        let store = connect(&keyspace, &short).await;
        let pages = pages(&store, &table, &Range::default()).await.unwrap();
        let (first, others) = pages.split_first().expect("there are rows");
        assert!(first.ends.len() <= 500 && others.iter().all(|p| p.data.len() <= 5_500));
        assert_eq!(pages.iter().flat_map(records).collect::<Vec<_>>(), whole);

        // Where bytes are limited, a page is a small part of what a second may bring, and ranges to come begin with such.
        let limits = Limits {
            bytes_per_second: Some(200_000.0),
            ..Limits::default()
        };
        let pages = pages_within(limits, &store, &table, &Range::default())
            .await
            .unwrap();
        assert!(pages.iter().all(|p| p.data.len() <= 5_500));
        assert_eq!(pages.iter().flat_map(records).collect::<Vec<_>>(), whole);
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
fn what_compact_storage_hides_is_not_read() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace("compact");
    block_on(async {
        let session = session(&keyspace).await;
        let create = "CREATE TABLE t (id int PRIMARY KEY, a int, b text) WITH COMPACT STORAGE";
        if session.query_unpaged(create, ()).await.is_err() {
            support::say("live: not exercised, since the server refuses it: compact storage");
            return;
        }
        run(&session, "INSERT INTO t (id, a, b) VALUES (1, 2, 'x')").await;
        let store = connect(&keyspace, &options(cql)).await;
        let table = table(&store, "t").await;
        let rows = read_all(&store, &table, 1).await;
        assert_eq!(rows.len(), 1);
        let names: Vec<String> = cells(&table, &rows[0]).into_keys().collect();
        assert_eq!(names, ["a", "b", "id"]);
        let governor = Governor::new(Limits::default());
        let found = store
            .points(&table, &[key(&[("id", int(1))])], &governor)
            .await
            .unwrap();
        assert_eq!(records(&found), rows);
    });
}

#[test]
fn the_catalogue_and_the_probe_say_what_is_there() {
    let Some(cql) = support::cql() else { return };
    let keyspace = cql.keyspace_without_tablets("catalogue");
    block_on(async {
        let session = session(&keyspace).await;
        let hits = "CREATE TABLE hits (page text, n counter, PRIMARY KEY (page))";
        let has_counters = session.query_unpaged(hits, ()).await.is_ok();
        if has_counters {
            run(&session, "UPDATE hits SET n = n + 3 WHERE page = 'a'").await;
        } else {
            support::say("live: not exercised, since the server refuses them: counters");
        }
        run(&session, "CREATE TABLE \"primary\" (\"static\" int, \"Key\" text, \"token\" int static, PRIMARY KEY (\"static\", \"Key\"))").await;
        let view = "CREATE MATERIALIZED VIEW seen AS SELECT * FROM base WHERE v IS NOT NULL AND id IS NOT NULL PRIMARY KEY (v, id)";
        run(&session, "CREATE TABLE base (id int PRIMARY KEY, v int)").await;
        // A server may have views switched off.
        let has_view = session.query_unpaged(view, ()).await.is_ok();
        if !has_view {
            support::say("live: not exercised, since the server refuses them: materialised views");
        }
        let store = connect(&keyspace, &options(cql)).await;
        let tables = store.catalog().await.unwrap().tables;
        let names: Vec<&str> = tables.iter().map(|t| t.table.name.as_str()).collect();
        let made = [
            ("base", true),
            ("hits", has_counters),
            ("primary", true),
            ("seen", has_view),
        ];
        let made = made.into_iter().filter_map(|(name, made)| made.then_some(name));
        assert_eq!(names, made.collect::<Vec<_>>());
        let named = |name: &str| tables.iter().find(|t| t.table.name == name);
        let view = named("seen");
        assert_eq!(
            view.map(|t| t.kind.clone()),
            has_view.then(|| TableKind::View("base".into()))
        );
        let primary = named("primary").unwrap();
        let odd = &primary.table;
        assert_eq!(
            odd.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
            ["static", "Key", "token"]
        );
        assert!(odd.columns[2].is_static && primary.ddl.contains("\"primary\""));
        if let Some(hits) = named("hits") {
            let rows = read_all(&store, hits, 1).await;
            let three = Value::Number(Number::int(3, NumberType::Int64));
            assert_eq!(cells(hits, &rows[0])["n"], canonical(Raw::Tree(&three)));
        }

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
