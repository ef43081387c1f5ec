use super::*;

fn float(v: f32) -> Value {
    Value::Number(Number::double(f64::from(v), NumberType::Float))
}

fn uuid(hex: &str) -> Value {
    let mut bytes = [0; 16];
    hex::decode_to_slice(hex, &mut bytes).unwrap();
    Value::Uuid(bytes)
}

fn ints(items: &[i64]) -> Value {
    Value::List(items.iter().map(|v| int(*v, NumberType::Int32)).collect())
}

fn doc(fields: Vec<(&str, Value)>) -> Value {
    Value::Document(fields.into_iter().map(|(n, v)| (n.to_owned(), v)).collect())
}

/// What was inserted into `shop.types`, row by row; every cell not named here is null.
fn truth() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    use NumberType as T;
    let ip = |s: &str| Value::Inet(s.parse().unwrap());
    let nanos = |ns| Value::Time(ns);
    let months = |months, days, nanos| Value::Duration { months, days, nanos };
    let ms = |ms| Value::Timestamp(Timestamp::from_millis(ms));
    let big: BigInt = "123456789012345678901234567890".parse().unwrap();
    vec![
        ("backslash", vec![("c_text", text(r"c:\temp\n"))]),
        (
            "inf",
            vec![
                ("c_double", double(f64::INFINITY)),
                ("c_float", float(f32::NEG_INFINITY)),
            ],
        ),
        (
            "nan",
            vec![("c_double", double(f64::NAN)), ("c_float", float(f32::NAN))],
        ),
        (
            "negzero",
            vec![("c_double", double(-0.0)), ("c_float", float(-0.0))],
        ),
        ("dec trailing", vec![("c_decimal", decimal(1100, -3))]),
        (
            "min",
            vec![
                ("c_bigint", int(i64::MIN, T::Int64)),
                ("c_date", Value::Date(-2_147_483_648)),
                ("c_decimal", decimal(-1, -30)),
                ("c_double", double(f64::MIN)),
                ("c_duration", months(-1, 0, 0)),
                ("c_float", float(f32::MIN)),
                ("c_inet", ip("::1")),
                ("c_int", int(-2_147_483_648, T::Int32)),
                ("c_smallint", int(-32_768, T::Int16)),
                ("c_time", nanos(0)),
                ("c_timestamp", ms(-62_135_596_800_001)),
                ("c_tinyint", int(-128, T::Int8)),
                ("c_varint", int(-1, T::Varint)),
            ],
        ),
        (
            "empties",
            vec![
                ("c_ascii", text("")),
                (
                    "c_blob",
                    Value::Bytes {
                        subtype: 0,
                        bytes: vec![],
                    },
                ),
                ("c_nested", Value::List(vec![])),
                ("c_text", text("")),
            ],
        ),
        ("comma", vec![("c_text", text(","))]),
        ("nullword", vec![("c_text", text("null"))]),
        (
            "max",
            vec![
                ("c_bigint", int(i64::MAX, T::Int64)),
                ("c_date", Value::Date(106_751)),
                ("c_decimal", decimal(1, 30)),
                ("c_double", double(f64::MAX)),
                ("c_duration", months(12, 3, 0)),
                ("c_float", float(f32::MAX)),
                ("c_inet", ip("2001:db8::8a2e:370:7334")),
                ("c_int", int(2_147_483_647, T::Int32)),
                ("c_smallint", int(32_767, T::Int16)),
                ("c_time", nanos(86_399_999_999_999)),
                ("c_timestamp", ms(253_402_300_800_000)),
                ("c_tinyint", int(127, T::Int8)),
            ],
        ),
        ("NaN word", vec![("c_text", text("NaN"))]),
        ("crlf", vec![("c_text", text("a\r\nb"))]),
        (
            "full",
            vec![
                ("c_ascii", text("ascii")),
                ("c_bigint", int(9_007_199_254_740_993, T::Int64)),
                (
                    "c_blob",
                    Value::Bytes {
                        subtype: 0,
                        bytes: vec![0, 0xff, 0x10],
                    },
                ),
                ("c_boolean", Value::Bool(true)),
                ("c_date", Value::Date(19_782)),
                ("c_decimal", decimal(110, -2)),
                ("c_double", double(0.1)),
                ("c_duration", months(1, 2, 11_045_006_000_000)),
                ("c_float", float(0.1)),
                ("c_fudt", doc(vec![("city", text("東京")), ("zip", Value::Null)])),
                ("c_inet", ip("127.0.0.1")),
                ("c_int", int(-42, T::Int32)),
                ("c_list", ints(&[1, 2, 3])),
                (
                    "c_map",
                    doc(vec![("j", int(2, T::Int32)), ("k", int(1, T::Int32))]),
                ),
                (
                    "c_mapuuid",
                    Value::Map(vec![(
                        uuid("00000000000000000000000000000001"),
                        Value::List(vec![text("x"), text("y,z")]),
                    )]),
                ),
                (
                    "c_nested",
                    Value::List(vec![ints(&[1, 2]), ints(&[]), ints(&[3])]),
                ),
                ("c_set", Value::Set(vec![text("c"), text("a"), text("b")])),
                ("c_smallint", int(-7, T::Int16)),
                ("c_text", text("grüße, \"quoted\" 'x'\n新")),
                ("c_time", nanos(45_296_789_012_345)),
                ("c_timestamp", ms(1_709_210_096_789)),
                ("c_timeuuid", uuid("50554d6e29bb11e5b345feff819cdc9f")),
                ("c_tinyint", int(-1, T::Int8)),
                ("c_tuple", Value::List(vec![int(1, T::Int32), text("t")])),
                (
                    "c_udt",
                    doc(vec![("city", text("Zürich")), ("zip", text("8000"))]),
                ),
                ("c_uuid", uuid("00000000000000000000000000000007")),
                ("c_varint", Value::Number(Number::decimal(big, 0, T::Varint))),
                (
                    "c_vector",
                    Value::List(vec![float(0.5), float(-1.0), float(2.25)]),
                ),
            ],
        ),
        ("nulls", vec![]),
    ]
}

fn expected<'t>(truth: &'t [(&str, Vec<(&str, Value)>)], row: &str, column: &str) -> Value {
    if column == "id" {
        return text(row);
    }
    let cells = &truth.iter().find(|(id, _)| *id == row).unwrap().1;
    let cell: Option<&'t Value> = cells.iter().find(|(c, _)| *c == column).map(|(_, v)| v);
    cell.cloned().unwrap_or(Value::Null)
}

fn row_name(file: &File, row: usize) -> String {
    String::from_utf8_lossy(&file.records[row])
        .split(',')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn every_cell_of_the_exact_export_is_what_was_inserted() {
    let (file, truth) = (types_exact(), truth());
    assert_eq!((file.records.len(), file.columns.len()), (truth.len(), 29));
    for equality in [Equality::default(), typed()] {
        let mut out = Encoder::new(equality);
        file.each(|row, _, cell| {
            let row = row_name(&file, row);
            let wanted = expected(&truth, &row, &cell.column.name);
            out.clear();
            cell.encode(&mut out).unwrap();
            assert_eq!(
                out.bytes(),
                bytes(&wanted, equality),
                "{row}.{} {wanted:?}",
                cell.column.name
            );
            assert_eq!(bytes(&cell.to_value().unwrap(), equality), out.bytes());
        });
    }
}

/// In the default export every cell is either what was inserted, or its loss is explained; and only these are.
#[test]
fn every_difference_of_the_default_export_is_explained() {
    let (file, truth) = (types(), truth());
    let precision = file.losses().precision(None);
    let mut explained = Vec::new();
    file.each(|row, _, cell| {
        let row = row_name(&file, row);
        let wanted = expected(&truth, &row, &cell.column.name);
        let same = bytes(&cell.to_value().unwrap(), typed()) == bytes(&wanted, typed());
        if !same {
            let kind = explains(&cell, Some(&wanted), precision).expect(&row);
            explained.push((row, cell.column.name.clone(), kind));
        }
    });
    explained.sort();
    let rounded = |row: &str, column: &str| (row.to_owned(), column.to_owned(), LossKind::Rounded);
    let empty = |column: &str| ("empties".to_owned(), column.to_owned(), LossKind::NullOrEmpty);
    assert_eq!(
        explained,
        [
            empty("c_ascii"),
            empty("c_text"),
            rounded("max", "c_double"),
            rounded("max", "c_float"),
            rounded("min", "c_double"),
            rounded("min", "c_float"),
        ]
    );
}

#[test]
fn every_other_recorded_cell_can_be_read() {
    for (table, csv, rows) in [
        (
            "hits",
            &include_bytes!("../../../../fixtures/cassandra/hits.csv")[..],
            30,
        ),
        (
            "order_items",
            include_bytes!("../../../../fixtures/cassandra/order_items.csv"),
            3109,
        ),
        (
            "orders_by_id",
            include_bytes!("../../../../fixtures/cassandra/orders_by_id.csv"),
            1999,
        ),
        (
            "wide",
            include_bytes!("../../../../fixtures/cassandra/wide.csv"),
            554,
        ),
    ] {
        let file = File::of(table, csv, "");
        assert_eq!(file.records.len(), rows, "{table}");
        let mut out = Encoder::new(Equality::default());
        file.each(|row, _, cell| {
            out.clear();
            cell.encode(&mut out).unwrap();
            let value = cell.to_value().unwrap();
            assert_eq!(out.bytes(), bytes(&value, Equality::default()));
            let record = &file.records[row];
            let static_only =
                record.starts_with(b"static-only") && matches!(&*cell.column.name, "at" | "seq" | "v");
            let no_zip = record.starts_with(b"65f000000000000000000184") && cell.column.name == "zip";
            assert_eq!(matches!(value, Value::Null), static_only || no_zip, "{value:?}");
        });
    }
}
