//! Cells of user-defined types, walked field by field.

use super::*;

/// The scalar fields of a cell, by path.
fn walked(dialect: &Dialect, ty: &str, record: &str) -> Result<Vec<(String, Value)>, Problem> {
    fn walk(cell: &RawCell<'_>, path: &str, into: &mut Vec<(String, Value)>) -> Result<bool, Problem> {
        cell.walk_fields(&mut |name, field| {
            let path = format!("{path}{}", String::from_utf8_lossy(name));
            if !walk(&field, &format!("{path}."), into)? {
                into.push((path, field.to_value()?));
            }
            Ok(())
        })
    }
    read(dialect, &column(ty), record)?;
    let mut cells = crate::canon::csv::Cells::new();
    dialect.split(record.as_bytes(), &mut cells)?;
    let mut out = Vec::new();
    let column = column(ty);
    walk(
        &RawCell::new(record.as_bytes(), cells[0], &column, dialect),
        "",
        &mut out,
    )?;
    Ok(out)
}

fn shown(fields: &[(String, Value)]) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => text.clone(),
        other => crate::report::Shown::new(other).text,
    };
    fields
        .iter()
        .map(|(path, value)| format!("{path}={}", text(value)))
        .collect()
}

#[test]
fn fields_are_walked_in_the_order_of_the_declaration() {
    let cqlsh = Dialect::cqlsh("NULL");
    let nested = r#""{from: {city: 'a, \"b\" {\\\\', odd: name: 7, zip: ''}, at: '2024-02-29 12:34:56.789+0000', fare: 1.5, to: NULL}""#;
    let expected = [
        "from.city=a, \"b\" {\\",
        "from.odd: name=7",
        "from.zip=",
        "at=2024-02-29T12:34:56.789Z",
        "fare=1.5",
        "to=null",
    ];
    for ty in ["trip", "frozen<trip>"] {
        let fields = walked(&cqlsh, ty, nested).unwrap();
        assert_eq!(shown(&fields), expected);
    }
    // A field that was added to the type later, and nulls as the default export writes them.
    let fields = walked(&Dialect::cqlsh(""), "place", "\"{city: , zip: 'z'}\"").unwrap();
    assert_eq!(shown(&fields), ["city=null", "odd: name=null", "zip=z"]);
    let json = r#""{\"from\":{\"city\":\"a\\\"b\",\"zip\":null},\"fare\":1.5}""#;
    let fields = walked(&Dialect::dsbulk(), "trip", json).unwrap();
    assert_eq!(
        shown(&fields),
        [
            "from.city=a\"b",
            "from.odd: name=null",
            "from.zip=null",
            "at=null",
            "fare=1.5",
            "to=null"
        ]
    );
}

#[test]
fn null_and_other_types_have_no_fields() {
    let cqlsh = Dialect::cqlsh("NULL");
    for (ty, record) in [
        ("place", "NULL"),
        ("place", "{}"),
        ("list<int>", "[1]"),
        ("map<text, text>", "{'city': 'a'}"),
        ("text", "{city: 'a'}"),
    ] {
        assert!(walked(&cqlsh, ty, record).unwrap().is_empty(), "{ty} {record}");
    }
}

#[test]
fn what_is_wrong_inside_is_said_before_any_field() {
    let cqlsh = Dialect::cqlsh("NULL");
    for record in [
        "{city: 'a'",
        "\"{city: 'a', zip: 'b'} x\"",
        "\"{city: 'a', odd: name: x}\"",
        "{town: 'a'}",
        "city",
    ] {
        let column = column("frozen<place>");
        read(&cqlsh, &column, record).unwrap_err();
        let mut cells = crate::canon::csv::Cells::new();
        cqlsh.split(record.as_bytes(), &mut cells).unwrap();
        let cell = RawCell::new(record.as_bytes(), cells[0], &column, &cqlsh);
        let met = cell.walk_fields(&mut |_, _| panic!("a field of {record}"));
        assert_eq!(met.unwrap_err().kind(), crate::model::ProblemKind::Malformed);
    }
}

#[test]
fn a_collection_has_no_element_between_two_commas() {
    for (ty, record) in [
        ("list<int>", "\"[1,,2]\""),
        ("list<int>", "\"[1, 2, ]\""),
        ("list<text>", "\"[, 'a']\""),
        ("set<int>", "\"{1,,2}\""),
        ("map<int, int>", "\"{1: , 2: 3}\""),
        ("map<int, int>", "{: 1}"),
        ("vector<float, 2>", "\"[1, ]\""),
        ("list<frozen<list<int>>>", "\"[[1], , [2]]\""),
    ] {
        let problem = read(&Dialect::cqlsh(""), &column(ty), record).unwrap_err();
        assert!(
            problem.detail().contains("expected an element"),
            "{record} {problem}"
        );
    }
    // A place of a tuple has its null, and an address may begin with colons.
    read(&Dialect::cqlsh(""), &column("tuple<int, text>"), "\"(1, )\"").unwrap();
    read(&Dialect::cqlsh(""), &column("list<inet>"), "['::1']").unwrap();
    read(&Dialect::cqlsh(""), &column("list<inet>"), "[::1]").unwrap();
}

#[test]
fn ascii_is_ascii() {
    for (ty, good, bad) in [
        ("ascii", "Bern", "Zürich"),
        ("list<ascii>", "['Bern']", "['Zürich']"),
    ] {
        read(&Dialect::cqlsh(""), &column(ty), good).unwrap();
        let problem = read(&Dialect::cqlsh(""), &column(ty), bad).unwrap_err();
        assert!(problem.detail().contains("is not ASCII"), "{problem}");
        assert_eq!(problem.kind(), crate::model::ProblemKind::Malformed);
    }
}

#[test]
fn losses_inside_are_explained_as_those_of_collections() {
    let dialect = Dialect::cqlsh("NULL");
    let column = column("frozen<trip>");
    let record = "\"{from: {city: '', zip: NULL}, fare: 46.12346}\"";
    let mut cells = crate::canon::csv::Cells::new();
    dialect.split(record.as_bytes(), &mut cells).unwrap();
    let cell = RawCell::new(record.as_bytes(), cells[0], &column, &dialect);
    let mut met = Vec::new();
    let explain = |cell: &RawCell<'_>, other: Value| explains(cell, Some(&other), Precision::default());
    cell.walk_fields(&mut |name, field| {
        match name {
            b"fare" => {
                met.push(explain(&field, double(46.123_456_789)));
                met.push(explain(&field, double(46.123_556_789)));
            }
            // Between quotes nothing is ambiguous.
            b"from" => {
                field.walk_fields(&mut |_, inner| {
                    assert!(!inner.is_ambiguous());
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(met, [Some(LossKind::Rounded), None]);
}
