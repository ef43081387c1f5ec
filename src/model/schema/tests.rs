use super::*;
use proptest::prelude::*;

const RECORDED: &str = include_str!("../../../fixtures/cassandra/schema.cql");

#[test]
fn a_recorded_schema_is_read_whole() {
    let schema = Schema::parse(RECORDED).unwrap();
    let names: Vec<_> = schema.tables().iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["hits", "order_items", "orders_by_id", "types", "wide"]);
    let wide = schema.table(Some("shop"), "wide").unwrap();
    assert_eq!(wide.partition_key, ["tenant", "bucket"]);
    assert_eq!(
        wide.clustering,
        [("at".to_owned(), Order::Desc), ("seq".to_owned(), Order::Asc)]
    );
    let statics: Vec<_> = wide
        .columns
        .iter()
        .filter(|c| c.is_static)
        .map(|c| &c.name)
        .collect();
    assert_eq!(statics, ["note"]);
    let orders = schema.table(None, "orders_by_id").unwrap();
    assert_eq!(orders.partition_key, ["order_id"]);
    let items = &orders.column("items").unwrap().ty;
    assert_eq!(items.to_string(), "frozen<list<frozen<item>>>");
    assert!(!items.is_multicell());
    assert!(items.contains(&|t| matches!(t, CqlType::Udt(u) if u.fields[1] == ("qty".into(), CqlType::Int))));
    let types = schema.table(None, "types").unwrap();
    assert_eq!(types.columns.len(), 29);
    assert!(types.column("c_udt").unwrap().ty.is_multicell());
    assert_eq!(
        types.column("c_vector").unwrap().ty.to_string(),
        "vector<float, 3>"
    );
    assert!(schema.table(Some("other"), "wide").is_none());
}

#[test]
fn hand_written_cql_is_read() {
    let schema = Schema::parse(
        "it's a warning with a quote\n\
         USE \"Shop\";\n\
         -- types in any order\n\
         CREATE TYPE IF NOT EXISTS outer_t (inner frozen<\"In\"\"ner\">, \"Na me\" text);\n\
         CREATE TYPE \"In\"\"ner\" (n int);\n\
         /* CREATE TABLE ghost (a int PRIMARY KEY); */\n\
         CREATE TABLE t (\"Key\" int, primary text MASKED WITH DEFAULT, v frozen<outer_t>, PRIMARY KEY (\"Key\", primary));\n\
         CREATE INDEX i ON t (v);\n\
         CREATE MATERIALIZED VIEW mv AS SELECT * FROM t WHERE v IS NOT NULL PRIMARY KEY (v, \"Key\");\n\
         CREATE FUNCTION f (a int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS $$ return 'x;'; $$;\n\
         create table other.t (a text static, b int, primary key (b))",
    )
    .unwrap();
    assert_eq!(schema.tables().len(), 2);
    assert!(schema.table(None, "t").is_none(), "two keyspaces have it");
    let t = schema.table(Some("Shop"), "t").unwrap();
    assert_eq!(t.partition_key, ["Key"]);
    assert_eq!(t.clustering, [("primary".to_owned(), Order::Asc)]);
    assert_eq!(t.columns[2].ty.to_string(), "frozen<outer_t>");
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_place() {
    for (text, line, word) in [
        ("CREATE TABLE t (\n a thing PRIMARY KEY)", 2, "unknown type"),
        (
            "CREATE TYPE r (x frozen<r>); CREATE TABLE t (a r PRIMARY KEY)",
            1,
            "unknown type",
        ),
        ("\nCREATE TABLE t (a int)", 2, "no primary key"),
        ("CREATE TABLE t (a int, PRIMARY KEY (b))", 1, "not among"),
        ("CREATE TABLE t (a int PRIMARY KEY, a text)", 1, "twice"),
        ("CREATE TABLE t (a int PRIMARY KEY", 1, "closing"),
        ("ALTER TABLE t ADD b int;", 1, "DESCRIBE"),
        (
            "CREATE TABLE t (a int PRIMARY KEY) WITH comment = 'x",
            1,
            "closing",
        ),
    ] {
        let error = Schema::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
}

/// Forty lines of text that stand for a type of a trillion parts.
#[test]
fn a_type_that_doubles_with_every_line_is_refused() {
    let mut text = "CREATE TYPE a0 (x int, y int);\n".to_owned();
    for i in 1..40 {
        let inner = i - 1;
        text.push_str(&format!(
            "CREATE TYPE a{i} (x frozen<a{inner}>, y frozen<a{inner}>);\n"
        ));
    }
    text.push_str("CREATE TABLE t (id int PRIMARY KEY, v frozen<a39>);");
    let error = Schema::parse(&text).unwrap_err();
    assert!(error.message.contains("written out") && error.line > 5, "{error}");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}", cut in 0usize..6000) {
        drop(Schema::parse(&text));
        let mut mangled: String = RECORDED.chars().take(cut).collect();
        mangled.push_str(&text);
        drop(Schema::parse(&mangled));
    }
}
