//! The recordings against what was inserted, cells of every dialect, hostile cells, and the two forms against each other.

mod fields;
mod hostile;
mod loss;
mod recorded;
mod written;

use super::*;
use crate::canon::{Equality, Numbers};
use crate::model::{Number, Schema};
use num_bigint::BigInt;

const SCHEMA: &str = include_str!("../../../fixtures/cassandra/schema.cql");

/// Why a store can hold `other` although its export says what this cell does.
fn explains(cell: &RawCell<'_>, other: Option<&Value>, precision: Precision) -> Option<LossKind> {
    let column = Exported::of(cell, precision);
    let read = cell.to_value().ok()?;
    let other = other.unwrap_or(&Value::Null);
    let held = column.nearest(other)?;
    let exported = column.says_the_same(&column.read_back(&held), &read);
    let explained = exported && column.says_the_same(&held, other);
    explained.then(|| column.doubt(&read)).flatten()
}

/// A recorded file: its columns and its records.
struct File {
    dialect: Dialect,
    columns: Vec<ColumnSpec>,
    records: Vec<Vec<u8>>,
}

impl File {
    fn of(table: &str, text: &[u8], null: &str) -> File {
        let schema = Schema::parse(SCHEMA).unwrap();
        let table = schema.table(Some("shop"), table).unwrap();
        let dialect = Dialect::cqlsh(null);
        let mut records = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let end = dialect.record_end(text, at).unwrap();
            records.push(text[at..end].to_vec());
            at = end;
        }
        let header = dialect.parse_header(&records.remove(0)).unwrap();
        let columns = header
            .iter()
            .map(|c| ColumnSpec::of_table(table, c).unwrap())
            .collect();
        File {
            dialect,
            columns,
            records,
        }
    }

    fn each(&self, mut visit: impl FnMut(usize, usize, RawCell<'_>)) {
        let mut cells = crate::canon::csv::Cells::new();
        for (row, record) in self.records.iter().enumerate() {
            self.dialect.split(record, &mut cells).unwrap();
            self.dialect.check_width(cells.len(), self.columns.len()).unwrap();
            for (i, span) in cells.iter().enumerate() {
                visit(
                    row,
                    i,
                    RawCell::new(record, *span, &self.columns[i], &self.dialect),
                );
            }
        }
    }

    fn losses(&self) -> LossScan {
        let mut scan = LossScan::new(&self.columns, &self.dialect);
        self.each(|_, i, cell| scan.cell(i, &cell));
        scan
    }
}

fn wide() -> File {
    File::of("wide", include_bytes!("../../../fixtures/cassandra/wide.csv"), "")
}

fn types() -> File {
    File::of(
        "types",
        include_bytes!("../../../fixtures/cassandra/types.csv"),
        "",
    )
}

fn types_exact() -> File {
    File::of(
        "types",
        include_bytes!("../../../fixtures/cassandra/types_exact.csv"),
        "__null__",
    )
}

fn bytes(value: &Value, equality: Equality) -> Vec<u8> {
    let mut out = Encoder::new(equality);
    out.value(value).unwrap();
    out.bytes().to_vec()
}

fn typed() -> Equality {
    Equality {
        numbers: Numbers::Typed,
        ..Equality::default()
    }
}

fn text(s: &str) -> Value {
    Value::Text(s.into())
}

fn int(v: i64, ty: NumberType) -> Value {
    Value::Number(Number::int(v, ty))
}

fn double(v: f64) -> Value {
    Value::Number(Number::double(v, NumberType::Double))
}

fn decimal(unscaled: i64, exponent: i64) -> Value {
    Value::Number(Number::decimal(
        BigInt::from(unscaled),
        exponent,
        NumberType::Decimal,
    ))
}

/// Reads one cell as the only cell of its record.
fn read(dialect: &Dialect, column: &ColumnSpec, record: &str) -> Result<Value, Problem> {
    let mut cells = crate::canon::csv::Cells::new();
    dialect.split(record.as_bytes(), &mut cells)?;
    assert_eq!(cells.len(), 1, "{record}");
    let cell = RawCell::new(record.as_bytes(), cells[0], column, dialect);
    let value = cell.to_value();
    let mut out = Encoder::new(typed());
    let encoded = cell.encode(&mut out);
    assert_eq!(encoded.as_ref().err(), value.as_ref().err());
    if let Ok(value) = &value {
        assert_eq!(out.bytes(), bytes(value, typed()));
    }
    walks_as_it_reads(&cell, &value);
    value
}

/// What a walk shows is what the whole says, and a walk is refused if and only if the whole is.
fn walks_as_it_reads(cell: &RawCell<'_>, value: &Result<Value, Problem>) {
    let mut fields = Vec::new();
    let walked = cell.walk_fields(&mut |name, field| {
        let name = std::str::from_utf8(name).expect("a declared name");
        assert!(field.inner() && field.column.name == name);
        let value = field.to_value();
        walks_as_it_reads(&field, &value);
        fields.push((name.to_owned(), value?));
        Ok(())
    });
    match (walked, value) {
        (Ok(true), Ok(value)) => {
            assert_eq!(bytes(&Value::Document(fields), typed()), bytes(value, typed()))
        }
        (Ok(false), value) => assert!(
            fields.is_empty() && (cell.column.fields.is_empty() || matches!(value, Ok(Value::Null))),
            "{cell:?}"
        ),
        (Err(_), value) => assert!(value.is_err(), "{cell:?}"),
        (Ok(true), Err(problem)) => panic!("{problem}: {cell:?}"),
    }
}

fn column(ty: &str) -> ColumnSpec {
    let Ok(ty) = CqlType::parse_with(ty, &mut |_, name| Some(udt(name))) else {
        panic!("{ty}");
    };
    ColumnSpec::new("c", ColumnType::Cql(ty))
}

/// `place`, and `trip` with two of them inside.
fn udt(name: &str) -> std::sync::Arc<crate::model::Udt> {
    let place = std::sync::Arc::new(crate::model::Udt {
        name: "place".into(),
        fields: vec![
            ("city".into(), CqlType::Text),
            ("odd: name".into(), CqlType::Int),
            ("zip".into(), CqlType::Text),
        ],
    });
    if name == "place" {
        return place;
    }
    let nested = CqlType::Frozen(Box::new(CqlType::Udt(place)));
    std::sync::Arc::new(crate::model::Udt {
        name: name.into(),
        fields: vec![
            ("from".into(), nested.clone()),
            ("at".into(), CqlType::Timestamp),
            ("fare".into(), CqlType::Double),
            ("to".into(), nested),
        ],
    })
}
