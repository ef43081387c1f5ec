use super::*;

fn lossy(file: &File) -> Vec<(String, ColumnVerdict)> {
    file.losses().verdict(None).columns
}

#[test]
fn the_default_export_is_lossy_where_it_is() {
    use ColumnVerdict::{Lossy, Unproven};
    use LossKind::{NullOrEmpty, Rounded};
    let named = |list: &[(&str, ColumnVerdict)]| -> Vec<_> {
        list.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect()
    };
    assert_eq!(
        lossy(&types()),
        named(&[
            ("c_ascii", Lossy(NullOrEmpty)),
            ("c_double", Lossy(Rounded)),
            ("c_float", Lossy(Rounded)),
            ("c_text", Lossy(NullOrEmpty)),
            ("c_vector", Unproven(Rounded)),
        ])
    );
    assert_eq!(lossy(&wide()), named(&[("v", Lossy(Rounded))]));
    let verdict = wide().losses().verdict(None);
    assert!(verdict.is_lossy() && !verdict.is_exact());
    assert!(wide().losses().remedy(Rounded).contains("DOUBLEPRECISION=20"));
}

#[test]
fn an_exact_export_is_exact() {
    assert!(types_exact().losses().verdict(None).is_exact());
    // One order's zip is null or empty, and the file does not say which.
    let zip = ColumnVerdict::Lossy(LossKind::NullOrEmpty);
    for (table, csv, expected) in [
        (
            "orders_by_id",
            &include_bytes!("../../../../fixtures/cassandra/orders_by_id.csv")[..],
            vec![("zip".to_owned(), zip)],
        ),
        (
            "order_items",
            include_bytes!("../../../../fixtures/cassandra/order_items.csv"),
            vec![],
        ),
        (
            "hits",
            include_bytes!("../../../../fixtures/cassandra/hits.csv"),
            vec![],
        ),
    ] {
        let file = File::of(table, csv, "");
        let scan = file.losses();
        let ambiguous = |i| scan.counts(i).unwrap().ambiguous;
        let sum: u64 = (0..file.columns.len()).map(ambiguous).sum();
        assert_eq!((lossy(&file), sum), (expected.clone(), expected.len() as u64));
    }
}

fn scan(ty: &str, cells: &[&str]) -> LossScan {
    let (columns, dialect) = ([column(ty)], Dialect::cqlsh(""));
    let mut scan = LossScan::new(&columns, &dialect);
    for cell in cells {
        let mut spans = crate::canon::csv::Cells::new();
        dialect.split(cell.as_bytes(), &mut spans).unwrap();
        scan.cell(0, &RawCell::new(cell.as_bytes(), spans[0], &columns[0], &dialect));
    }
    scan
}

fn of(scan: &LossScan, declared: Option<Precision>) -> ColumnVerdict {
    let columns = scan.verdict(declared).columns;
    columns.first().map_or(ColumnVerdict::Exact, |(_, v)| *v)
}

#[test]
fn short_numbers_prove_nothing_and_long_ones_do() {
    use ColumnVerdict::{Exact, Lossy, Unproven};
    let rounded = LossKind::Rounded;
    let exact = Some(Precision {
        double: 20,
        float: 20,
    });
    let short = scan("double", &["0.1", "2.5", "-7"]);
    assert_eq!(of(&short, None), Unproven(rounded));
    assert_eq!(of(&short, exact), Exact);
    // From 10,000 on cqlsh's default has 17 digits, below 10^12.
    assert_eq!(
        of(&scan("double", &["12345.678901234567", "0", "NaN"]), None),
        Exact
    );
    assert_eq!(of(&scan("double", &["0.123456789012"]), None), Unproven(rounded));
    assert_eq!(of(&scan("double", &["0.1234567890123"]), None), Lossy(rounded));
    assert_eq!(of(&scan("double", &["0.25", "0.10000000000000001"]), None), Exact);
    // 17 is not enough where the exponent takes digits away.
    assert_eq!(
        of(
            &scan("double", &["0.10000000000000001", "0.0012345678901234"]),
            None
        ),
        Unproven(rounded)
    );
    // Doubles inside collections are written with the precision of floats.
    let nested = scan("list<double>", &["\"[0.12345, 1]\"", "[1.23457]"]);
    assert_eq!(of(&nested, None), Lossy(rounded));
    assert!(nested.remedy(rounded).contains("FLOATPRECISION=20"));
    assert!(nested.remedy(LossKind::FarTimestamp).contains("DSBulk"));
    assert_eq!(
        of(&scan("map<int, float>", &["\"{123456: 0.5, 2: -1}\""]), None),
        Unproven(rounded)
    );
    assert_eq!(
        of(&scan("map<int, float>", &["{123456: 0.100000001}"]), exact),
        Exact
    );
    let counts = nested.counts(0).unwrap();
    assert_eq!((counts.numbers, counts.reaching, counts.exceeding), (3, 1, 0));
}

#[test]
fn scans_of_parts_add_up() {
    let all = ["0.5", "0.1234567890123", "1e+300", "7"];
    let whole = scan("double", &all);
    for cut in 0..all.len() {
        let (a, b) = all.split_at(cut);
        let (mut ab, mut ba) = (scan("double", a), scan("double", b));
        ba.merge(&ab);
        ab.merge(&scan("double", b));
        for merged in [&ab, &ba] {
            assert_eq!(merged.verdict(None), whole.verdict(None));
            assert_eq!(merged.counts(0), whole.counts(0));
        }
    }
}

#[test]
fn only_what_could_have_been_exported_so_is_explained() {
    let dialect = Dialect::cqlsh("");
    let explain = |ty: &str, cell: &str, other: Option<&Value>| {
        let column = column(ty);
        let mut spans = crate::canon::csv::Cells::new();
        dialect.split(cell.as_bytes(), &mut spans).unwrap();
        let cell = RawCell::new(cell.as_bytes(), spans[0], &column, &dialect);
        explains(&cell, other, Precision::default())
    };
    let rounded = Some(LossKind::Rounded);
    assert_eq!(
        explain("double", "0.3333333333333", Some(&double(1.0 / 3.0))),
        rounded
    );
    assert_eq!(
        explain("double", "0.3333333333333", Some(&double(0.333_333_333_334))),
        None
    );
    assert_eq!(explain("double", "0.3333333333333", Some(&Value::Null)), None);
    assert_eq!(explain("double", "", Some(&double(0.1))), None);
    // A float column cannot hold the double 0.1.
    assert_eq!(explain("float", "0.1", Some(&double(0.1))), None);
    assert_eq!(
        explain("float", "0.33333", Some(&double(f64::from(1.0f32 / 3.0)))),
        None
    );
    assert_eq!(
        explain("float", "0.333333", Some(&double(f64::from(1.0f32 / 3.0)))),
        rounded
    );
    let third = || double(1.0 / 3.0);
    let list = Value::List(vec![third(), double(2.0)]);
    assert_eq!(explain("list<double>", "\"[0.333333, 2]\"", Some(&list)), rounded);
    assert_eq!(explain("list<double>", "\"[0.333333, 3]\"", Some(&list)), None);
    let doc = Value::Document(vec![("a".into(), third())]);
    assert_eq!(
        explain("map<text, double>", "{'a': 0.333333}", Some(&doc)),
        rounded
    );
    assert_eq!(explain("map<text, double>", "{'b': 0.333333}", Some(&doc)), None);
    let ambiguous = Some(LossKind::NullOrEmpty);
    for other in [None, Some(&Value::Null), Some(&text(""))] {
        assert_eq!(explain("text", "", other), ambiguous);
    }
    assert_eq!(explain("text", "", Some(&text(" "))), None);
    assert_eq!(explain("text", "x", Some(&text(""))), None);
    // The end of time that many systems store: cqlsh loses its last millisecond.
    let last = |ms| Value::Timestamp(Timestamp::from_millis(ms));
    let cell = "9999-12-31 23:59:59.998+0000";
    assert_eq!(
        explain("timestamp", cell, Some(&last(253_402_300_799_999))),
        Some(LossKind::FarTimestamp)
    );
    assert_eq!(explain("timestamp", cell, Some(&last(253_402_300_799_997))), None);
    assert_eq!(
        explain(
            "timestamp",
            "2024-02-29 12:34:56.789+0000",
            Some(&last(1_709_210_096_790))
        ),
        None
    );
    assert_eq!(
        of(&scan("timestamp", &[cell]), None),
        ColumnVerdict::Unproven(LossKind::FarTimestamp)
    );
    for (ty, nested) in [
        ("list<timestamp>", format!("['{cell}']")),
        ("map<text, timestamp>", format!("{{'a': '{cell}'}}")),
        ("map<timestamp, double>", format!("{{'{cell}': 0.5}}")),
    ] {
        assert_eq!(
            of(&scan(ty, &[&nested]), None),
            ColumnVerdict::Unproven(LossKind::FarTimestamp),
            "{ty}"
        );
        let near = nested.replace("9999", "2024");
        assert_ne!(
            of(&scan(ty, &[&near]), None),
            ColumnVerdict::Unproven(LossKind::FarTimestamp),
            "{ty}"
        );
    }
    for exact in [
        "2024-02-29 12:34:56.789+0000",
        "253402300800000",
        "9999-12-31 00:00:00.000+0000",
    ] {
        assert_eq!(
            of(&scan("timestamp", &[exact]), None),
            ColumnVerdict::Exact,
            "{exact}"
        );
    }
}
