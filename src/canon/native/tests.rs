use super::write::{one_form, put_vint};
use super::*;
use crate::canon::cell::{ColumnSpec, ColumnType, RawCell};
use crate::canon::csv::{Cells, Dialect};
use crate::canon::{Equality, FieldOrder, Layout, Numbers, RawRecord, compare_keys};
use crate::model::{Schema, Udt};
use proptest::prelude::*;
use std::sync::Arc;

/// Types of every kind, nested ones too.
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
    "varchar",
    "varint",
    "list<int>",
    "set<text>",
    "map<text, int>",
    "map<uuid, frozen<list<text>>>",
    "frozen<list<frozen<set<decimal>>>>",
    "frozen<map<int, frozen<tuple<int, text>>>>",
    "tuple<int, text, frozen<list<varint>>>",
    "place",
    "frozen<place>",
    "vector<float, 3>",
    "vector<text, 2>",
    "vector<smallint, 2>",
    "vector<vector<int, 2>, 2>",
    "vector<frozen<place>, 1>",
    "'org.apache.cassandra.db.marshal.Foo'",
];

fn ty(text: &str) -> CqlType {
    let place = Arc::new(Udt {
        name: "place".into(),
        fields: vec![
            ("city".into(), CqlType::Text),
            ("odd: name".into(), CqlType::Int),
            ("zip".into(), CqlType::Text),
        ],
    });
    CqlType::parse_with(text, &mut |_, _| Some(place.clone())).unwrap()
}

fn typed() -> Equality {
    Equality {
        numbers: Numbers::Typed,
        field_order: FieldOrder::Exact,
        ..Equality::default()
    }
}

fn encoded(raw: crate::canon::Raw<'_>, equality: Equality) -> Result<Vec<u8>, Problem> {
    let mut out = Encoder::new(equality);
    raw.encode(&mut out)?;
    Ok(out.bytes().to_vec())
}

/// A native column's cell.
fn native<'a>(ty: &'a CqlType, bytes: Option<&'a [u8]>) -> RawNative<'a> {
    RawNative {
        ty,
        bytes,
        non_frozen_collection: ty.is_multicell(),
    }
}

/// The canonical bytes of what cqlsh writes for a cell (null is the word NULL).
fn text_form(ty: &CqlType, text: &str, equality: Equality) -> Vec<u8> {
    let dialect = Dialect::cqlsh("NULL");
    let column = ColumnSpec::new("c", ColumnType::Cql(ty.clone()));
    let mut cells = Cells::new();
    let record = format!("\"{text}\"");
    dialect.split(record.as_bytes(), &mut cells).unwrap();
    assert_eq!(cells.len(), 1, "{record}");
    let cell = RawCell::new(record.as_bytes(), cells[0], &column, &dialect);
    encoded(crate::canon::Raw::Cell(cell), equality).unwrap()
}

/// Lengths and values of a collection's elements, after their number if there is one.
fn parts(count: Option<i32>, parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut out: Vec<u8> = count.iter().flat_map(|n| n.to_be_bytes()).collect();
    parts.iter().for_each(|p| assert!(put_cell(&mut out, *p)));
    out
}

fn list(items: &[&[u8]]) -> Vec<u8> {
    let items: Vec<_> = items.iter().map(|i| Some(*i)).collect();
    parts(Some(items.len() as i32), &items)
}

fn entries(items: &[(&[u8], &[u8])]) -> Vec<u8> {
    let flat: Vec<_> = items.iter().flat_map(|(k, v)| [Some(*k), Some(*v)]).collect();
    parts(Some(items.len() as i32), &flat)
}

/// A signed integer of variable length.
fn vint(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_vint((value << 1 ^ value >> 63) as u64, &mut out);
    out
}

fn duration(months: i64, days: i64, nanos: i64) -> Vec<u8> {
    [vint(months), vint(days), vint(nanos)].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text.replace('-', "")).unwrap()
}

/// Type, what cqlsh writes, and what the server sends.
fn cases() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let i32s = |v: i32| v.to_be_bytes();
    let (one, two, three) = (i32s(1), i32s(2), i32s(3));
    let decimal = |scale: i32, unscaled: &[u8]| [&scale.to_be_bytes()[..], unscaled].concat();
    let id = "50554d6e-29bb-11e5-b345-feff819cdc9f";
    vec![
        ("ascii", "plain", b"plain".to_vec()),
        ("ascii", "", vec![]),
        ("text", "grüße, 新", "grüße, 新".into()),
        ("varchar", "", vec![]),
        ("text", "null", b"null".to_vec()),
        ("blob", "0x00ff10", vec![0, 255, 16]),
        ("blob", "0x", vec![]),
        ("boolean", "True", vec![1]),
        ("boolean", "False", vec![0]),
        ("bigint", "-9223372036854775808", i64::MIN.to_be_bytes().to_vec()),
        (
            "bigint",
            "9007199254740993",
            9_007_199_254_740_993i64.to_be_bytes().to_vec(),
        ),
        ("counter", "-7", (-7i64).to_be_bytes().to_vec()),
        ("int", "-2147483648", i32::MIN.to_be_bytes().to_vec()),
        ("int", "NULL", vec![]),
        ("smallint", "-32768", i16::MIN.to_be_bytes().to_vec()),
        ("tinyint", "-128", vec![0x80]),
        ("tinyint", "127", vec![0x7f]),
        ("varint", "0", vec![0]),
        ("varint", "-1", vec![0xff]),
        ("varint", "-129", vec![0xff, 0x7f]),
        ("varint", "128", vec![0, 0x80]),
        (
            "varint",
            "123456789012345678901234567890",
            unhex("018ee90ff6c373e0ee4e3f0ad2"),
        ),
        (
            "varint",
            "-1000000000000000000000000000000000000000000000000",
            num_bigint::BigInt::from(10)
                .pow(48)
                .checked_mul(&(-1).into())
                .unwrap()
                .to_signed_bytes_be(),
        ),
        ("decimal", "1.10", decimal(2, &[110])),
        ("decimal", "1.1", decimal(1, &[11])),
        ("decimal", "0.00", decimal(2, &[0])),
        ("decimal", "1E+30", decimal(-30, &[1])),
        ("decimal", "-1E-30", decimal(30, &[0xff])),
        (
            "decimal",
            "-12345678901234567890.5",
            decimal(1, &(-123_456_789_012_345_678_905i128).to_be_bytes()),
        ),
        ("double", "0.1", 0.1f64.to_be_bytes().to_vec()),
        ("double", "-0", (-0.0f64).to_be_bytes().to_vec()),
        ("double", "NaN", f64::NAN.to_be_bytes().to_vec()),
        ("double", "-Infinity", f64::NEG_INFINITY.to_be_bytes().to_vec()),
        (
            "double",
            "1.7976931348623157e+308",
            f64::MAX.to_be_bytes().to_vec(),
        ),
        ("float", "0.1", 0.1f32.to_be_bytes().to_vec()),
        ("float", "16777216", 16_777_216f32.to_be_bytes().to_vec()),
        ("date", "1970-01-01", vec![0x80, 0, 0, 0]),
        (
            "date",
            "2024-02-29",
            (0x8000_0000u32 + 19_782).to_be_bytes().to_vec(),
        ),
        ("date", "-2147483648", vec![0; 4]),
        (
            "time",
            "12:34:56.789012345",
            45_296_789_012_345i64.to_be_bytes().to_vec(),
        ),
        ("time", "23:59:59.999999999", (DAY - 1).to_be_bytes().to_vec()),
        (
            "timestamp",
            "2024-02-29 12:34:56.789+0000",
            1_709_210_096_789i64.to_be_bytes().to_vec(),
        ),
        (
            "timestamp",
            "-62135596800001",
            (-62_135_596_800_001i64).to_be_bytes().to_vec(),
        ),
        ("duration", "1mo2d3h4m5s6ms", duration(1, 2, 11_045_006_000_000)),
        ("duration", "-1mo", duration(-1, 0, 0)),
        ("duration", "1y3d", duration(12, 3, 0)),
        ("inet", "127.0.0.1", vec![127, 0, 0, 1]),
        (
            "inet",
            "2001:db8::8a2e:370:7334",
            unhex("20010db8000000000000-8a2e03707334"),
        ),
        (
            "inet",
            "::ffff:127.0.0.1",
            unhex("00000000000000000000ffff7f000001"),
        ),
        ("uuid", id, unhex(id)),
        ("timeuuid", id, unhex(id)),
        ("list<int>", "[1, 2, 3]", list(&[&one, &two, &three])),
        ("list<int>", "[]", list(&[])),
        ("frozen<list<int>>", "[]", list(&[])),
        ("set<text>", "{'a', 'b', 'it''s'}", list(&[b"b", b"a", b"it's"])),
        ("set<text>", "{''}", list(&[b""])),
        (
            "map<text, int>",
            "{'j': 2, 'k': 1}",
            entries(&[(b"k", &one), (b"j", &two)]),
        ),
        ("map<text, int>", "{}", entries(&[])),
        ("frozen<map<int, int>>", "{}", entries(&[])),
        (
            "map<int, int>",
            "{2: 1, 1: 3}",
            entries(&[(&two, &one), (&one, &three)]),
        ),
        (
            "frozen<list<frozen<list<int>>>>",
            "[[1, 2], [], [3]]",
            list(&[&list(&[&one, &two]), &list(&[]), &list(&[&three])]),
        ),
        (
            "frozen<tuple<int, text>>",
            "(1, 't')",
            parts(None, &[Some(&one), Some(b"t")]),
        ),
        (
            "tuple<int, text>",
            "(None, 't')",
            parts(None, &[None, Some(b"t")]),
        ),
        ("tuple<int, text>", "(1)", parts(None, &[Some(&one)])),
        ("tuple<int, text>", "NULL", vec![]),
        (
            "place",
            "{city: 'x', odd: name: 1, zip: ''}",
            parts(None, &[Some(b"x"), Some(&one), Some(b"")]),
        ),
        (
            "frozen<place>",
            "{city: 'x', odd: name: , zip: }",
            parts(None, &[Some(b"x"), None, None]),
        ),
        ("frozen<place>", "{city: 'x'}", parts(None, &[Some(b"x")])),
        (
            "vector<float, 3>",
            "[0.5, -1, 2.25]",
            [0.5f32, -1.0, 2.25].map(f32::to_be_bytes).concat(),
        ),
        ("vector<text, 2>", "['', 'ab']", vec![0, 2, b'a', b'b']),
        ("vector<smallint, 2>", "[1, -1]", vec![2, 0, 1, 2, 255, 255]),
        (
            "vector<vector<int, 2>, 2>",
            "[[1, 2], [3, 1]]",
            [one, two, three, one].concat(),
        ),
    ]
}

const DAY: i64 = 86_400_000_000_000;

#[test]
fn every_type_has_the_bytes_of_its_text_form() {
    for (name, text, bytes) in cases() {
        let ty = ty(name);
        let cell = native(&ty, Some(&bytes));
        for equality in [Equality::default(), typed()] {
            let wanted = text_form(&ty, text, equality);
            let raw = crate::canon::Raw::Native(cell);
            assert_eq!(encoded(raw, equality).unwrap(), wanted, "{name} {text}");
            let mut flat = Flat::new(&equality);
            assert!(!cell.flat(&mut flat) || flat.bytes() == wanted, "{name} {text}");
        }
        assert_eq!(
            text_form(&ty, "NULL", typed()),
            encoded(crate::canon::Raw::Native(native(&ty, None)), typed()).unwrap()
        );
    }
}

#[test]
fn the_recorded_cells_come_back_from_native_bytes() {
    let schema = Schema::parse(include_str!("../../../fixtures/cassandra/schema.cql")).unwrap();
    let dialect = Dialect::cqlsh("__null__");
    let text = include_bytes!("../../../fixtures/cassandra/types_exact.csv");
    let end = dialect.record_end(text, 0).unwrap();
    let header = dialect.parse_header(&text[..end]).unwrap();
    let table = schema.table(Some("shop"), "types");
    let layout = Layout::new(header, dialect, table);
    let (mut at, mut compared) = (end, 0);
    while at < text.len() {
        let end = layout.dialect.record_end(text, at).unwrap();
        let row = crate::canon::Row {
            layout: &layout,
            record: &text[at..end],
        };
        at = end;
        row.walk_while(&mut crate::canon::raw::Nothing, |_, _, cell| {
            let ColumnType::Cql(ty) = &cell.column.ty else {
                panic!("a typed file")
            };
            let value = cell.to_value()?;
            let bytes = match &value {
                Value::Null => None,
                Value::Duration { months, days, nanos } => {
                    Some(duration((*months).into(), (*days).into(), *nanos))
                }
                value => Some(one_form(ty, value).unwrap_or_else(|| panic!("{ty} {value:?}"))),
            };
            let raw = native(ty, bytes.as_deref());
            let wanted = encoded(crate::canon::Raw::Cell(cell), typed())?;
            assert_eq!(
                encoded(crate::canon::Raw::Native(raw), typed())?,
                wanted,
                "{ty} {value:?}"
            );
            compared += 1;
            Ok(true)
        })
        .unwrap();
    }
    assert_eq!(compared, 14 * 29);
}

#[test]
fn what_is_no_value_is_a_problem() {
    let (one, minus) = (1i32.to_be_bytes(), (-2i32).to_be_bytes());
    for (name, bytes) in [
        ("int", vec![0; 3]),
        ("int", vec![0; 5]),
        ("boolean", vec![0, 0]),
        ("text", vec![0xff]),
        ("decimal", vec![0; 4]),
        ("time", DAY.to_be_bytes().to_vec()),
        ("time", vec![0xff; 8]),
        ("inet", vec![0; 5]),
        ("duration", vec![0; 2]),
        ("duration", vec![0; 4]),
        ("duration", [vint(1 << 40), vint(0), vint(0)].concat()),
        ("list<int>", vec![0; 3]),
        ("list<int>", minus.to_vec()),
        ("list<int>", [&one[..], &minus].concat()),
        ("list<int>", [list(&[&one]), vec![0]].concat()),
        ("map<int, int>", list(&[&one])),
        ("map<text, int>", entries(&[(b"a", &one), (b"a", &one)])),
        ("tuple<int, text>", parts(None, &[None, None, None])),
        ("place", parts(None, &[None, None, None, None])),
        ("vector<float, 3>", vec![0; 8]),
        ("vector<float, 3>", vec![0; 16]),
        ("vector<text, 2>", vec![0, 9]),
        ("vector<text, 2>", [vec![0], vec![0xff; 9]].concat()),
        ("'org.apache.cassandra.db.marshal.Foo'", vec![]),
        ("varint", vec![1; 9_000]),
    ] {
        let ty = ty(name);
        let cell = native(&ty, Some(&bytes));
        assert!(
            encoded(crate::canon::Raw::Native(cell), typed()).is_err(),
            "{name} {bytes:?}"
        );
        assert!(cell.to_value().is_err());
    }
    let ty = ty("place");
    let bytes = parts(None, &[Some(b"x"), Some(b"y")]);
    let problem = native(&ty, Some(&bytes)).to_value().unwrap_err();
    assert_eq!(problem.path(), "odd: name");
}

#[test]
fn a_user_defined_type_is_walked_like_a_document() {
    let ty = ty("frozen<place>");
    let bytes = parts(None, &[Some(b"x")]);
    let mut seen = Vec::new();
    let walked = native(&ty, Some(&bytes)).walk_document(&mut |name, value| {
        seen.push((
            String::from_utf8_lossy(name).into_owned(),
            value.to_value()?.type_name(),
        ));
        Ok(())
    });
    assert!(walked.unwrap());
    assert_eq!(
        seen,
        [
            ("city".into(), "text"),
            ("odd: name".into(), "null"),
            ("zip".into(), "null")
        ]
    );
    assert!(
        !native(&ty, None)
            .walk_document(&mut |_, _| panic!("null"))
            .unwrap()
    );
}

#[test]
fn rows_are_walked_cell_by_cell() {
    let schema = Schema::parse("CREATE TABLE k.t (id int PRIMARY KEY, l list<int>, \"T\" text);").unwrap();
    let layout = Layout::native(&schema.tables()[0]);
    let mut record = Vec::new();
    for cell in [Some(&[0, 0, 0, 7][..]), Some(&[0; 4]), None] {
        assert!(put_cell(&mut record, cell));
    }
    let walk = |record: &[u8]| {
        let mut seen = Vec::new();
        let row = RawRecord::Native(NativeRow {
            layout: &layout,
            record,
        });
        row.walk_names(|name, value| {
            seen.push((
                String::from_utf8_lossy(name).into_owned(),
                value.to_value()?.type_name(),
            ));
            Ok(true)
        })
        .map(|()| seen)
    };
    let seen = walk(&record).unwrap();
    assert_eq!(
        seen,
        [("id".into(), "int32"), ("l".into(), "null"), ("T".into(), "null")]
    );
    for end in 0..record.len() {
        assert!(walk(&record[..end]).is_err(), "{end}");
    }
    record.push(0);
    assert!(walk(&record).is_err());
    record.truncate(8);
    record.extend_from_slice(&(-2i32).to_be_bytes());
    assert!(walk(&record).unwrap_err().detail().contains("length -2"));
}

#[test]
fn keys_have_the_forms_that_the_store_may_hold() {
    let number =
        |text: &str| Value::Number(crate::canon::literal::decimal(text, NumberType::Decimal).unwrap());
    let forms = |name: &str, value: &Value| key_forms(&ty(name), value);
    assert_eq!(forms("int", &number("7.0")), [7i32.to_be_bytes().to_vec()]);
    assert_eq!(forms("varint", &number("1e3")), [vec![3, 0xe8]]);
    assert_eq!(forms("decimal", &number("1.10")), [vec![0, 0, 0, 2, 110]]);
    assert_eq!(forms("float", &number("0.5")), [0.5f32.to_be_bytes().to_vec()]);
    let zeros = [0.0f64, -0.0].map(|z| z.to_be_bytes().to_vec());
    assert_eq!(forms("double", &number("0.00")), zeros);
    let half = Value::Number(crate::model::Number::double(-0.375, NumberType::Double));
    assert_eq!(forms("decimal", &half), [vec![0, 0, 0, 3, 0xfe, 0x89]]);
    for (name, value) in [
        ("int", number("7.5")),
        ("int", number("2147483648")),
        ("float", number("0.1")),
        ("double", number("9007199254740993")),
        ("varint", number("1e2000000000")),
        ("bigint", Value::Text("7".into())),
        ("ascii", Value::Text("é".into())),
        ("timeuuid", Value::Uuid([7; 16])),
        ("timestamp", Value::Timestamp(Timestamp(1))),
        ("date", Value::Date(i64::MAX)),
        ("tuple<int, text>", Value::List(vec![number("1")])),
        (
            "frozen<place>",
            Value::Document(vec![("nowhere".into(), Value::Null)]),
        ),
        ("frozen<list<int>>", Value::List(vec![Value::Null])),
        ("int", Value::Null),
    ] {
        assert_eq!(forms(name, &value), Vec::<Vec<u8>>::new(), "{name} {value:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(index in 0..TYPES.len(), bytes in prop::collection::vec(prop_oneof![Just(0u8), 0..4u8, any::<u8>()], 0..60)) {
        let ty = ty(TYPES[index]);
        let cell = native(&ty, Some(&bytes));
        for equality in [Equality::default(), typed()] {
            let streamed = encoded(crate::canon::Raw::Native(cell), equality);
            let mut flat = Flat::new(&equality);
            if cell.flat(&mut flat) {
                prop_assert_eq!(Ok(flat.bytes()), streamed.as_deref());
            }
            match (cell.to_value(), streamed) {
                (Ok(value), Ok(bytes)) => {
                    prop_assert_eq!(encoded(crate::canon::Raw::Tree(&value), equality).unwrap(), bytes);
                }
                (tree, streamed) => prop_assert!(tree.is_err() && streamed.is_err()),
            }
        }
        let _ = cell.walk_document(&mut |_, value| value.to_value().map(drop));
        let _ = cell.walk_list(&mut |_, value| value.to_value().map(drop));
    }

    #[test]
    fn variable_lengths_come_back(value in any::<u64>(), shift in 0..64u32) {
        let value = value >> shift;
        let mut out = Vec::new();
        put_vint(value, &mut out);
        let mut bytes = Bytes::new(&out);
        prop_assert_eq!(bytes.unsigned_vint().unwrap(), value);
        prop_assert!(bytes.is_empty());
        prop_assert!(out.len() == 1 || out[0].leading_ones() as usize == out.len() - 1);
    }

    /// A native key that is read and written again is the same key, up to the forms of equal numbers.
    #[test]
    fn keys_come_back(index in 0..TYPES.len(), bytes in prop::collection::vec(prop_oneof![Just(0u8), 0..4u8, any::<u8>()], 0..40)) {
        let ty = ty(TYPES[index]);
        if let Ok(value) = native(&ty, Some(&bytes)).to_value()
            && let Some(back) = one_form(&ty, &value)
        {
            let again = native(&ty, Some(&back)).to_value().unwrap();
            let forms = [&value, &again].map(|v| encoded(crate::canon::Raw::Tree(v), Equality::default()).unwrap());
            prop_assert_eq!(compare_keys(&forms[0], &forms[1]), std::cmp::Ordering::Equal);
        }
    }
}
