//! What is known of one side: its schema, and a sample of its records, both as they are and as they are compared.

use super::super::compare::Prepared;
use super::super::compile::compile;
use super::super::lane::Lane;
use super::super::layout::table;
use super::seen::Seen;
use super::validator::Validator;
use crate::Side;
use crate::canon::cell::{ColumnSpec, ColumnType};
use crate::digest::Hasher;
use crate::mapping::{Captured, Compare, Conversion, Depth, Digester, Field, Literal, Unmapped, column_path};
use crate::model::{CqlType, Value};
use crate::plan::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Records looked at per side.
const SAMPLE: u64 = 1000;

/// Bytes of records that are enough of a sample, however few records they are.
const ENOUGH: usize = 128 << 10;

/// The field that stands for the key while the raw values of all other fields are looked at.
const NO_KEY: &str = "\u{0}";

/// What is known of one field, by its canonical name.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// The types before any conversion.
    pub(super) seen: Seen,
    /// The type that a schema declares.
    pub(super) declared: Option<CqlType>,
    /// Whether a field that no rule names was met here.
    pub(super) unmapped: bool,
    /// Whether what is compared has times finer than a millisecond.
    pub(super) finer_than_ms: bool,
}

/// Records that cannot be compared.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) records: u64,
    pub(super) example: String,
}

/// One side.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Records looked at.
    pub(super) records: u64,
    /// Whether these are all there are.
    pub(super) all: bool,
    /// What fields there are, by canonical name.
    pub(super) shapes: BTreeMap<String, Shape>,
    /// The names of the fields that no rule names: what a mistyped path may have meant.
    pub(super) raw_names: BTreeSet<String>,
    /// Problems of the records as they are compared, by path.
    pub(super) problems: BTreeMap<String, Problems>,
    /// Columns of the file that the schema's table does not have.
    pub(super) unknown_to_schema: Vec<String>,
    /// Columns of the table that the file does not have.
    pub(super) not_exported: Vec<String>,
    /// What the collection demands of its documents.
    pub(super) validator: Option<Validator>,
}

impl Sample {
    /// Looks at one side.
    pub(super) fn take(prepared: &Prepared, lane: &Lane) -> Sample {
        let mut sample = Sample::default();
        let side = lane.side;
        sample.declared(prepared, lane);
        let mut digester = lane.digester(Depth::Tree);
        let (records, all) = each(lane, &mut digester, |d| {
            for field in d.take_captured() {
                if let Ok(value) = &field.value {
                    let mut seen = Seen::default();
                    seen.add(value);
                    let shape = sample.shapes.get_mut(&field.path);
                    if let (Some(shape), true) = (shape, seen.finer_than_ms) {
                        shape.finer_than_ms = true;
                    } else if seen.finer_than_ms {
                        sample.shapes.entry(field.path).or_default().finer_than_ms = true;
                    }
                }
            }
            if let Some(problem) = d.problem() {
                let entry = sample.problems.entry(problem.path().to_owned()).or_default();
                entry.records += 1;
                entry.example = problem.to_string();
            }
        });
        (sample.records, sample.all) = (records, all);
        if let Some(bare) = bare_lane(prepared, lane, side) {
            let mut digester = bare.digester(Depth::Tree);
            each(&bare, &mut digester, |d| {
                let fields = d.take_captured();
                fields
                    .iter()
                    .for_each(|field| sample.add(&prepared.compare, side, field));
            });
        }
        let metadata = lane.namespace.metadata.as_deref();
        sample.validator = metadata.and_then(Validator::of);
        sample.validated(&prepared.compare, side);
        sample
    }

    fn add(&mut self, compare: &Compare, side: Side, field: &Captured) {
        let (Ok(value), false) = (&field.value, field.path == NO_KEY) else {
            return;
        };
        if field.rule.is_none() {
            // Null in place of what rules lead into is no field of its own.
            let below = field.path.clone() + ".";
            let leads = |f: &Field| f.paths[side].as_ref().is_some_and(|p| p.starts_with(&below));
            if matches!(value, Value::Null) && compare.fields.iter().any(leads) {
                return;
            }
            self.raw_names.insert(field.path.clone());
            let prefix = |f: &Field| {
                f.name
                    .strip_suffix('*')
                    .is_some_and(|p| field.path.starts_with(p))
            };
            if compare.unmapped != Unmapped::Compare && !compare.fields.iter().any(prefix) {
                return;
            }
        }
        let shape = self.shapes.entry(field.path.clone()).or_default();
        shape.unmapped |= field.rule.is_none();
        if shape.declared.is_none() {
            shape.seen.add(value);
        }
    }

    /// Adds the types that the validator allows to those that the sample has shown.
    fn validated(&mut self, compare: &Compare, side: Side) {
        let Some(validator) = &self.validator else { return };
        for (name, shape) in &mut self.shapes {
            let field = compare.fields.iter().find(|f| f.name == *name);
            let path = field.map_or(Some(name), |f| f.paths[side].as_ref());
            if let Some(seen) = path.and_then(|p| validator.types(p)) {
                shape.seen.join(seen);
            }
        }
    }

    /// What the schema says, under canonical names.
    fn declared(&mut self, prepared: &Prepared, lane: &Lane) {
        let Some(layout) = &lane.layout else { return };
        let found = table(lane.source.schemas(), &lane.namespace, &prepared.sides[lane.side]);
        if let Ok((Some(table), _)) = found {
            let names = |t: &[String], in_there: &dyn Fn(&str) -> bool| -> Vec<String> {
                t.iter().filter(|n| !in_there(n)).cloned().collect()
            };
            let header: Vec<String> = layout.columns.iter().map(|c| c.name.clone()).collect();
            let columns: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
            self.unknown_to_schema = names(&header, &|n| columns.iter().any(|c| c == n));
            self.not_exported = names(&columns, &|n| header.iter().any(|c| c == n));
        }
        let compare = &prepared.compare;
        if compare.explode.as_ref().is_some_and(|e| e.side == lane.side) {
            return;
        }
        for column in &layout.columns {
            self.declare(compare, lane.side, column.name.clone(), column);
        }
    }

    /// Takes the type of a column or, where rules lead into it, those of its fields; `path` leads there.
    fn declare(&mut self, compare: &Compare, side: Side, path: String, column: &ColumnSpec) {
        let paths = || {
            compare
                .fields
                .iter()
                .filter_map(|f| Some((f, f.paths[side].as_deref()?)))
        };
        let named = paths().find(|(_, p)| *p == path).map(|(f, _)| f);
        let below = format!("{path}.");
        let entered = !column.fields.is_empty() && paths().any(|(_, p)| p.starts_with(&below));
        if entered {
            for field in &column.fields {
                self.declare(compare, side, below.clone() + &column_path(&field.name), field);
            }
        }
        let name = match named {
            Some(field) => Some(field.name.clone()),
            None if entered => None,
            None => renamed(compare, side, &path),
        };
        let Some(name) = name else { return };
        let shape = self.shapes.entry(name).or_default();
        shape.unmapped |= named.is_none();
        if let ColumnType::Cql(ty) = &column.ty {
            shape.seen = Seen::of_cql(ty);
            shape.declared = Some(ty.clone());
        }
    }
}

/// The canonical name of a column that no rule names by itself; none if it is not compared.
fn renamed(compare: &Compare, side: Side, column: &str) -> Option<String> {
    let prefix = |f: &Field| f.paths[side].as_deref()?.strip_suffix('*').map(str::to_owned);
    let matching = compare.fields.iter().filter_map(|f| Some((prefix(f)?, f)));
    let longest = matching
        .filter(|(prefix, _)| column.starts_with(prefix.as_str()))
        .max_by_key(|(prefix, _)| prefix.len());
    match longest {
        Some((_, f)) if f.ignore || f.only.is_some() => None,
        Some((prefix, f)) => Some(f.name.trim_end_matches('*').to_owned() + &column[prefix.len()..]),
        None => (compare.unmapped == Unmapped::Compare).then(|| column.to_owned()),
    }
}

/// Calls `visit` for the first records; how many these were, and whether they are all.
fn each(lane: &Lane, digester: &mut Digester, mut visit: impl FnMut(&mut Digester)) -> (u64, bool) {
    let mut records = 0;
    let Ok(mut chunks) = lane.chunks(Span::ALL) else {
        return (0, false);
    };
    let (mut met, mut bytes) = (0, 0);
    // A live store's ranges may be small, or empty.
    while records < SAMPLE && bytes < ENOUGH {
        let chunk = match chunks.next_chunk() {
            Ok(Some(chunk)) => chunk,
            end => return (records, end.is_ok() && met == records),
        };
        bytes += chunk.data.len();
        lane.each_record(&chunk, digester, |d, _, _| {
            met += 1;
            if records < SAMPLE {
                records += 1;
                visit(d);
            } else {
                d.take_captured();
            }
        });
    }
    let more = !matches!(chunks.next_chunk(), Ok(None));
    (records, met == records && !more)
}

/// The same lane without any conversion: what the records hold.
fn bare_lane(prepared: &Prepared, lane: &Lane, side: Side) -> Option<Lane> {
    let mut compare = prepared.compare.clone();
    for field in &mut compare.fields {
        if let Some(only) = field.only.take() {
            field.paths[only.other()] = None;
        }
        field.convert = Default::default();
        field.default = Default::default();
        (field.expect, field.expect_type, field.tolerance) = (None, None, None);
    }
    let no_key = Field {
        name: NO_KEY.to_owned(),
        paths: Default::default(),
        convert: crate::Pair::from_fn(|_| Conversion::default()),
        default: crate::Pair::from_fn(|_| Some(Literal::text(""))),
        ignore: false,
        only: None,
        expect: None,
        expect_type: None,
        tolerance: None,
        empty_is_null: None,
        declaration: None,
        spots: Default::default(),
    };
    compare.unmapped = Unmapped::Compare;
    compare.key = vec![NO_KEY.to_owned()];
    compare.fields.push(no_key);
    let inputs = prepared.lanes.as_ref().map(|l| (&l.namespace, l.layout.as_ref()));
    let projection = compile(&compare, side, inputs, prepared.equality, Hasher::new(0)).ok()?;
    Some(Lane {
        layout: lane.layout.clone(),
        side,
        source: lane.source.clone(),
        namespace: lane.namespace.clone(),
        projection,
    })
}
