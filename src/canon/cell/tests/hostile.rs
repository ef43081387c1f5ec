use super::*;
use crate::model::ProblemKind;
use proptest::prelude::*;

const TYPES: &[&str] = &[
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varint",
    "list<int>",
    "set<text>",
    "map<text, double>",
    "map<time, frozen<list<uuid>>>",
    "tuple<int, text>",
    "vector<float, 2>",
    "place",
    "frozen<list<frozen<place>>>",
    "map<frozen<place>, frozen<tuple<text, timestamp>>>",
    "'org.Custom'",
];

fn dialects() -> [Dialect; 5] {
    [
        Dialect::rfc4180(),
        Dialect::cqlsh(""),
        Dialect::cqlsh("__null__"),
        Dialect {
            escapes: Escapes::Once,
            ..Dialect::cqlsh("")
        },
        Dialect::dsbulk(),
    ]
}

fn plain_types() -> Vec<ColumnType> {
    use ColumnType as T;
    let times = [
        TimeText::Iso,
        TimeText::IsoUtc,
        TimeText::Seconds,
        TimeText::Millis,
        TimeText::Nanos,
    ];
    let mut all = vec![
        T::Text,
        T::Int,
        T::Double,
        T::Float,
        T::Decimal,
        T::Bool,
        T::Date,
        T::Time,
        T::Uuid,
        T::ObjectId,
        T::Bytes(BytesText::Hex),
        T::Bytes(BytesText::Base64),
    ];
    all.extend(times.map(T::Timestamp));
    all
}

#[test]
fn values_that_are_none_are_refused() {
    let cases = [
        ("int", "2147483648"),
        ("int", "1.0"),
        ("int", "-"),
        ("int", "0x1"),
        ("tinyint", "-129"),
        ("bigint", "9223372036854775808"),
        ("varint", "12a"),
        ("varint", "123456789012345678901234567890x"),
        ("decimal", "1e99999999999"),
        ("decimal", "."),
        ("decimal", "1e"),
        ("decimal", "NaN"),
        ("double", "1e400"),
        ("float", "1e39"),
        ("double", "infinity"),
        ("double", "0x1p3"),
        ("double", "1_0"),
        ("boolean", "yes"),
        ("uuid", "00000000-0000-0000-0000-00000000000g"),
        ("blob", "00ff"),
        ("blob", "0x0"),
        ("date", "2147483648"),
        ("date", "2024-02-30"),
        ("time", "24:00"),
        ("timestamp", "2024-02-29 12:34:56"),
        ("inet", "1.2.3"),
        ("duration", "1d2"),
        ("list<int>", "[1"),
        ("list<int>", "[1]]"),
        ("list<int>", "{1}"),
        ("set<text>", "{a}"),
        ("set<text>", "{'a}"),
        ("map<text, int>", "{'a' 1}"),
        ("vector<float, 2>", "[1]"),
        ("place", "{town: 'x'}"),
        ("tuple<int>", "\"(1, 2)\""),
        ("list<text>", "['a\\\\q']"),
        ("map<text, int>", "\"{'a': 1, 'a': 2}\""),
        ("map<int, int>", "\"{1: 1, 1: 2}\""),
    ];
    for (ty, record) in cases {
        let problem = read(&Dialect::cqlsh(""), &column(ty), record).expect_err(record);
        assert_eq!(problem.kind(), ProblemKind::Malformed, "{ty} {record}");
    }
    let custom = read(&Dialect::cqlsh(""), &column("'org.Custom'"), "x").unwrap_err();
    assert_eq!(custom.kind(), ProblemKind::Unsupported);
    let problem = read(
        &Dialect::cqlsh(""),
        &column("list<frozen<place>>"),
        "\"[{city: 'a'}, {city: 5}]\"",
    );
    assert_eq!(problem.unwrap_err().path(), "[1].city");
}

#[test]
fn invalid_utf8_is_malformed() {
    let (column, dialect) = (column("text"), Dialect::cqlsh(""));
    let span = CellSpan {
        start: 0,
        end: 2,
        quoted: false,
        escaped: false,
    };
    let cell = RawCell::new(b"a\xff", span, &column, &dialect);
    assert_eq!(cell.to_value().unwrap_err().kind(), ProblemKind::Malformed);
}

#[test]
fn nesting_follows_the_type_not_the_text() {
    let deep = "[".repeat(100_000);
    for ty in ["list<int>", "int", "frozen<list<frozen<list<int>>>>"] {
        assert!(read(&Dialect::cqlsh(""), &column(ty), &deep).is_err());
        assert!(read(&Dialect::dsbulk(), &column(ty), &deep).is_err());
    }
    let ty = format!("{}int{}", "list<".repeat(60), ">".repeat(60));
    let text = format!("{}7{}", "[".repeat(60), "]".repeat(60));
    read(&Dialect::cqlsh(""), &column(&ty), &text).unwrap();
}

#[test]
fn huge_numbers_cost_little() {
    let dialect = Dialect::cqlsh("");
    for (ty, text) in [
        ("decimal", "1e2147483647".to_owned()),
        ("decimal", "-1.5E-2147483647".to_owned()),
        ("double", "9".repeat(300)),
        ("double", format!("0.{}", "1234567890".repeat(100_000))),
        ("varint", "7".repeat(number::MAX_DIGITS)),
        ("decimal", format!("0.{}1", "0".repeat(10_000))),
    ] {
        read(&dialect, &column(ty), &text).unwrap();
    }
    let long = "7".repeat(2_000_000);
    for ty in ["varint", "decimal"] {
        let problem = read(&dialect, &column(ty), &long).unwrap_err();
        assert_eq!(problem.kind(), ProblemKind::Unsupported);
    }
    assert!(read(&dialect, &column("int"), &long).is_err());
}

#[test]
fn what_follows_a_value_in_quotes_is_refused_field_by_field_too() {
    let (place, dialects) = (column("place"), dialects());
    for text in [&br#""{}"""#[..], br#""{}" x"#, b"{} x"] {
        for dialect in &dialects {
            let column = &place;
            let cell = RawCell {
                text,
                written: Written::as_cell(false, false),
                column,
                dialect,
            };
            walks_as_it_reads(&cell, &cell.to_value());
        }
    }
}

proptest! {
    /// No bytes bring any type of any dialect down, and the two forms of a value agree.
    #[test]
    fn any_bytes_are_read_or_refused(
        noise in prop::collection::vec(any::<u8>(), 0..40),
        likely in r#"[\[\](){}':,"\\0-9a-fA-FxPTZ. e+\-é]{0,40}"#,
        quoted: bool, escaped: bool,
    ) {
        let cql = TYPES.iter().map(|t| column(t));
        let plain = plain_types().into_iter().map(|t| ColumnSpec::new("c", t));
        for column in cql.chain(plain) {
            for dialect in dialects() {
                let mut scan = LossScan::new(std::slice::from_ref(&column), &dialect);
                for text in [&noise[..], likely.as_bytes()] {
                    let cell = RawCell { text, written: Written::as_cell(quoted, escaped), column: &column, dialect: &dialect };
                    let value = cell.to_value();
                    let mut out = Encoder::new(typed());
                    prop_assert_eq!(cell.encode(&mut out).is_ok(), value.is_ok());
                    let mut flat = Flat::new(&typed());
                    // What holds an escape is known to.
                    if (escaped || !text.contains(&b'\\')) && cell.flat(&mut flat) {
                        prop_assert!(value.is_ok());
                        prop_assert_eq!(flat.bytes(), out.bytes());
                    }
                    if let Ok(value) = &value {
                        prop_assert_eq!(out.bytes(), bytes(value, typed()));
                    }
                    walks_as_it_reads(&cell, &value);
                    scan.cell(0, &cell);
                    let _ = explains(&cell, value.as_ref().ok(), Precision::default());
                    if let Ok(value) = &value {
                        let column = Exported::of(&cell, Precision::default());
                        let _ = (column.doubt(value), column.others(value), column.span(value));
                    }
                }
                scan.verdict(None);
            }
        }
    }

    #[test]
    fn numbers_mean_what_they_say(i: i64, d: f64, f: f32, unscaled: i64, scale in -400i64..400) {
        let dialect = Dialect::cqlsh("");
        let cell = |ty: &str, text: String| bytes(&read(&dialect, &column(ty), &text).unwrap(), typed());
        prop_assert_eq!(cell("bigint", i.to_string()), bytes(&int(i, NumberType::Int64), typed()));
        if d.is_finite() {
            prop_assert_eq!(cell("double", d.to_string()), bytes(&double(d), typed()));
            // What cqlsh writes with enough digits is the number itself.
            prop_assert_eq!(exported::exported(d, 20, false).to_bits(), d.to_bits());
        }
        if f.is_finite() {
            let wide = f64::from(f);
            let value = Value::Number(Number::double(wide, NumberType::Float));
            prop_assert_eq!(cell("float", format!("{wide:e}")), bytes(&value, typed()));
            prop_assert_eq!(exported::exported(wide, 12, true).to_bits(), wide.to_bits());
        }
        let text = format!("{unscaled}e{scale}");
        prop_assert_eq!(cell("decimal", text), bytes(&decimal(unscaled, scale), typed()));
    }

    #[test]
    fn uuids_and_times_mean_what_they_say(id: [u8; 16], ms in -62_135_596_800_000i64..253_402_300_800_000) {
        let hex = hex::encode(id);
        let dashed = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        let dialect = Dialect::cqlsh("");
        let read = |ty: &str, text: &str| bytes(&read(&dialect, &column(ty), text).unwrap(), typed());
        prop_assert_eq!(read("uuid", &dashed), bytes(&Value::Uuid(id), typed()));
        let at = jiff::Timestamp::from_millisecond(ms).unwrap();
        let value = bytes(&Value::Timestamp(Timestamp::from_millis(ms)), typed());
        prop_assert_eq!(read("timestamp", &at.to_string()), &value[..]);
        prop_assert_eq!(read("timestamp", &ms.to_string()), &value[..]);
        // Near 1970 cqlsh loses nothing, far from it a millisecond at most.
        let back = exported::exported_millis(ms);
        prop_assert!((ms - back).abs() <= 1 && (ms.abs() >= 1000 << 33 || back == ms));
    }
}
