use super::*;

fn cqlsh(ty: &str, record: &str) -> Result<Value, Problem> {
    read(&Dialect::cqlsh(""), &column(ty), record)
}

fn same(a: &Value, b: &Value) {
    assert_eq!(bytes(a, typed()), bytes(b, typed()), "{a:?} {b:?}");
}

#[test]
fn cqlsh_literals() {
    let t = |s: &str| text(s);
    same(
        &cqlsh(
            "list<text>",
            r#""['it''s', 'a\\\\b', 'x, y', '\"', 'tab\\t\\x00\\x85', '']""#,
        )
        .unwrap(),
        &Value::List(vec![
            t("it's"),
            t("a\\b"),
            t("x, y"),
            t("\""),
            t("tab\t\0\u{85}"),
            t(""),
        ]),
    );
    let place = |zip| {
        Value::Document(vec![
            ("city".into(), t("a, zip: 'b'")),
            ("odd: name".into(), Value::Null),
            ("zip".into(), zip),
        ])
    };
    same(
        &cqlsh("frozen<place>", "\"{city: 'a, zip: ''b''', odd: name: , zip: }\"").unwrap(),
        &place(Value::Null),
    );
    // A field that was added to the type later is not there in older values.
    same(
        &cqlsh("frozen<place>", "\"{city: 'a, zip: ''b''', zip: 'z'}\"").unwrap(),
        &place(t("z")),
    );
    same(
        &cqlsh("map<time, frozen<set<inet>>>", "{12:00:00.000000001: {'::1'}}").unwrap(),
        &Value::Map(vec![(
            Value::Time(43_200_000_000_001),
            Value::Set(vec![Value::Inet("::1".parse().unwrap())]),
        )]),
    );
    same(
        &cqlsh(
            "map<timestamp, duration>",
            "{'2024-02-29 12:34:56.789+0000': 1y2d}",
        )
        .unwrap(),
        &Value::Map(vec![(
            Value::Timestamp(Timestamp::from_millis(1_709_210_096_789)),
            Value::Duration {
                months: 12,
                days: 2,
                nanos: 0,
            },
        )]),
    );
    same(
        &cqlsh("tuple<int, text, frozen<list<int>>>", "\"(None, , )\"").unwrap(),
        &Value::List(vec![Value::Null, Value::Null, Value::Null]),
    );
}

#[test]
fn empty_collections_are_null_unless_frozen() {
    same(&cqlsh("list<int>", "[]").unwrap(), &Value::Null);
    same(&cqlsh("map<int, int>", "{}").unwrap(), &Value::Null);
    same(&cqlsh("frozen<list<int>>", "[]").unwrap(), &Value::List(vec![]));
    same(
        &cqlsh("frozen<map<int, int>>", "{}").unwrap(),
        &Value::Map(vec![]),
    );
}

#[test]
fn null_in_each_dialect() {
    let (rfc, dsbulk) = (Dialect::rfc4180(), Dialect::dsbulk());
    for (dialect, record, null) in [
        (&rfc, "", true),
        (&rfc, "\"\"", false),
        (&dsbulk, "", true),
        (&dsbulk, "\"\"", false),
        (&Dialect::cqlsh(""), "", true),
        (&Dialect::cqlsh("NULL"), "NULL", true),
        (&Dialect::cqlsh("a,b"), "\"a,b\"", true),
        (&Dialect::cqlsh("\\N"), "\\\\\\\\N", true),
        (&Dialect::cqlsh("NULL"), "", false),
    ] {
        let value = read(dialect, &column("text"), record).unwrap();
        same(&value, &if null { Value::Null } else { text("") });
    }
    let key = ColumnSpec {
        never_null: true,
        ..column("text")
    };
    same(&read(&Dialect::cqlsh(""), &key, "").unwrap(), &text(""));
    let none = Dialect { null: None, ..rfc };
    same(&read(&none, &column("text"), "").unwrap(), &text(""));
    assert!(read(&none, &column("int"), "").is_err());
}

#[test]
fn dsbulk_values() {
    let ds = |ty: &str, record: &str| read(&Dialect::dsbulk(), &column(ty), record).unwrap();
    same(&ds("boolean", "1"), &Value::Bool(true));
    same(
        &ds("blob", "AP8Q"),
        &Value::Bytes {
            subtype: 0,
            bytes: vec![0, 255, 16],
        },
    );
    same(
        &ds("timestamp", "2024-02-29T12:34:56.789Z"),
        &Value::Timestamp(Timestamp::from_millis(1_709_210_096_789)),
    );
    same(
        &ds("list<text>", r#""[\"a\\\"b\",\"x, \\u00e9\"]""#),
        &Value::List(vec![text("a\"b"), text("x, é")]),
    );
    same(
        &ds(
            "map<frozen<tuple<int, text>>, blob>",
            r#""{\"[1,\\\"k\\\"]\":\"AP8Q\"}""#,
        ),
        &Value::Map(vec![(
            Value::List(vec![int(1, NumberType::Int32), text("k")]),
            Value::Bytes {
                subtype: 0,
                bytes: vec![0, 255, 16],
            },
        )]),
    );
    same(
        &ds(
            "frozen<place>",
            r#""{\"city\":\"c\",\"odd: name\":7,\"zip\":null}""#,
        ),
        &Value::Document(vec![
            ("city".into(), text("c")),
            ("odd: name".into(), int(7, NumberType::Int32)),
            ("zip".into(), Value::Null),
        ]),
    );
    same(&ds("double", "1.7976931348623157E308"), &double(f64::MAX));
    same(&ds("text", "c:\\temp"), &text("c:\\temp"));
}

#[test]
fn older_python_is_read_when_declared_and_refused_when_not() {
    let twice = Dialect::cqlsh("");
    let once = Dialect {
        escapes: Escapes::Once,
        ..twice.clone()
    };
    same(
        &read(&once, &column("text"), r#""c:\\temp\n""#).unwrap(),
        &text("c:\\temp\n"),
    );
    for record in [r#""c:\\temp""#, r#""a\nb, c""#] {
        let problem = read(&twice, &column("text"), record).unwrap_err();
        assert!(problem.detail().contains("escapes = \"once\""), "{problem}");
    }
}

#[test]
fn plain_types() {
    let rfc = |ty, record: &str| read(&Dialect::rfc4180(), &ColumnSpec::new("c", ty), record);
    same(&rfc(ColumnType::Text, "\"a\"\"b\"").unwrap(), &text("a\"b"));
    same(&rfc(ColumnType::Text, "\\n").unwrap(), &text("\\n"));
    same(
        &rfc(ColumnType::Int, "-5").unwrap(),
        &int(-5, NumberType::Untyped),
    );
    same(&rfc(ColumnType::Bool, "TRUE").unwrap(), &Value::Bool(true));
    same(
        &rfc(ColumnType::Date, "2024-02-29").unwrap(),
        &Value::Date(19_782),
    );
    same(
        &rfc(ColumnType::ObjectId, "65f00000000000000000028d").unwrap(),
        &Value::ObjectId([0x65, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x8d]),
    );
    let bytes = Value::Bytes {
        subtype: 0,
        bytes: vec![0, 255, 16],
    };
    same(&rfc(ColumnType::Bytes(BytesText::Hex), "00FF10").unwrap(), &bytes);
    same(
        &rfc(ColumnType::Bytes(BytesText::Base64), "AP8Q").unwrap(),
        &bytes,
    );
    for (form, record) in [
        (TimeText::Iso, "2024-02-29T12:34:56.789Z"),
        (TimeText::IsoUtc, "2024-02-29 12:34:56.789"),
        (TimeText::Seconds, "1709210096.789"),
        (TimeText::Millis, "1709210096789"),
        (TimeText::Micros, "1709210096789000"),
        (TimeText::Nanos, "1709210096789000000"),
    ] {
        let at = Value::Timestamp(Timestamp::from_millis(1_709_210_096_789));
        same(&rfc(ColumnType::Timestamp(form), record).unwrap(), &at);
    }
    let early = Value::Timestamp(Timestamp::from_millis(-500));
    same(
        &rfc(ColumnType::Timestamp(TimeText::Seconds), "-0.5").unwrap(),
        &early,
    );
    for bad in ["", "x", "1.0000000001", "1.", "."] {
        let column = ColumnType::Timestamp(TimeText::Seconds);
        assert!(rfc(column, &format!("\"{bad}\"")).is_err(), "{bad}");
    }
}
