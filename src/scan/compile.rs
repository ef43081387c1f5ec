//! From the declared mapping to the projection of each side.

use crate::canon::Layout;
use crate::canon::{Absent, Equality, Numbers};
use crate::digest::Hasher;
use crate::mapping::{Compare, Expect, Projection, Rule, column_path};
use crate::model::{Problem, Value};
use crate::source::{Engine, Format, Namespace};
use std::sync::Arc;

/// A namespace with the layout it has if it is text.
pub type Input<'a> = (&'a Namespace, Option<&'a Arc<Layout>>);
use crate::{Pair, Side};

/// The equality in force for a compare of two namespaces.
///
/// Unless the mapping says otherwise: numbers are compared with their types where both sides come from the same engine,
/// and absent equals null where a side is text or CQL, which cannot tell them apart.
pub fn equality_for(compare: &Compare, sides: Pair<&Namespace>) -> Equality {
    let same = sides.stable.engine == sides.candidate.engine && sides.stable.engine != Engine::Unknown;
    let text = |n: &Namespace| matches!(n.format, Format::Csv { .. }) || n.engine == Engine::Cassandra;
    let absent = if text(sides.stable) || text(sides.candidate) {
        Absent::Null
    } else {
        Absent::Distinct
    };
    Equality {
        numbers: compare
            .numbers
            .unwrap_or(if same { Numbers::Typed } else { Numbers::Value }),
        field_order: compare.field_order,
        absent: compare.absent.unwrap_or(absent),
        normalize: compare.normalize,
    }
}

/// Compiles a compare for one side.
///
/// # Errors
/// A sentence about what the mapping lacks, for the user.
pub fn compile(
    compare: &Compare,
    side: Side,
    sides: Pair<Input<'_>>,
    equality: Equality,
    hasher: Hasher,
) -> Result<Projection, String> {
    let key = match &compare.key[..] {
        [] => own_key(sides)?,
        key => key.to_vec(),
    };
    if let Some(twice) = (1..key.len()).find(|i| key[..*i].contains(&key[*i])) {
        return Err(format!("the key names {:?} twice", key[twice]));
    }
    let mut rules = Vec::new();
    for field in &compare.fields {
        let here = field.only.is_none_or(|only| only == side);
        let convert = field.convert[side].clone();
        let text = |text: &String| -> Result<Value, Problem> { convert.apply(literal(text)) };
        let default = field.default[side].as_ref().map(text).transpose();
        let expect = match (&field.only, &field.expect, &field.expect_type) {
            (Some(only), ..) if *only != side => None,
            (None, ..) => None,
            (_, Some(value), _) => Some(Expect::Value(literal(value))),
            (_, _, Some(ty)) => Some(Expect::Type(ty.clone())),
            _ => Some(Expect::Anything),
        };
        let schema_says = || {
            let column = |(_, layout): Input<'_>, path: &Option<String>| {
                let layout = layout?;
                Some(layout.column(path.as_deref()?)?.non_frozen_collection)
            };
            sides
                .zip(field.paths.as_ref())
                .into_sides()
                .iter()
                .any(|(_, (n, path))| column(*n, path) == Some(true))
        };
        rules.push(Rule {
            name: field.name.clone(),
            path: if here { field.paths[side].clone() } else { None },
            default: default.map_err(|p| format!("field {}: the default for {side}: {p}", field.name))?,
            convert,
            ignore: field.ignore,
            expect,
            empty_is_null: field.empty_is_null.unwrap_or_else(schema_says),
        });
    }
    for name in &key {
        if !rules.iter().any(|r| r.name == *name) {
            rules.push(Rule {
                name: name.clone(),
                path: Some(name.clone()),
                convert: Default::default(),
                default: None,
                ignore: false,
                expect: None,
                empty_is_null: false,
            });
        }
    }
    refuse_unknown_columns(side, &rules, sides[side])?;
    // Columns that no rule names, and that the server cannot tell empty from null in, are compared on both sides alike.
    for column in sides
        .into_sides()
        .iter()
        .filter_map(|(_, (_, layout))| *layout)
        .flat_map(|l| &l.columns)
    {
        let named = |r: &Rule| r.name == column.name || r.path.as_ref() == Some(&column.name);
        let foreign = compare
            .fields
            .iter()
            .any(|f| [&f.paths.stable, &f.paths.candidate].contains(&&Some(column.name.clone())));
        if column.non_frozen_collection && !foreign && !rules.iter().any(named) {
            rules.push(Rule {
                name: column.name.clone(),
                path: Some(column.name.clone()),
                convert: Default::default(),
                default: None,
                ignore: false,
                expect: None,
                empty_is_null: true,
            });
        }
    }
    let explode = compare
        .explode
        .as_ref()
        .filter(|e| e.side == side)
        .map(|e| e.path.clone());
    let flat = sides[side].1.is_some();
    if flat {
        let path = |r: &mut Rule| r.path = r.path.take().map(|p| column_path(&p));
        rules.iter_mut().for_each(path);
    }
    let projection = Projection::new(side, rules, &key, explode, compare.unmapped, equality, hasher);
    let projection = projection.map_err(|p| p.to_string())?;
    Ok(if flat { projection.of_columns() } else { projection })
}

/// The key the stores themselves have: `_id`, or the primary key of the schema.
fn own_key(sides: Pair<Input<'_>>) -> Result<Vec<String>, String> {
    let key = |(n, layout): Input<'_>| match (layout, n.engine) {
        (None, _) => Some(vec!["_id".to_owned()]),
        (Some(layout), _) if !layout.key.is_empty() => Some(layout.key.clone()),
        _ => None,
    };
    match (key(sides.stable), key(sides.candidate)) {
        (Some(a), Some(b)) if a == b => Ok(a),
        (Some(a), Some(b)) => Err(format!(
            "the sides have different keys ({} and {}); say key = [...] and map its fields",
            a.join(", "),
            b.join(", ")
        )),
        (Some(key), None) | (None, Some(key)) => Ok(key),
        (None, None) => {
            Err("no key is known; say which columns make it with --key or key = [...]".to_owned())
        }
    }
}

/// A value written in the configuration: JSON where it is JSON, else text.
fn literal(text: &str) -> Value {
    let json = crate::canon::ejson::RawJson {
        bytes: text.trim().as_bytes(),
    };
    json.to_value().unwrap_or_else(|_| Value::Text(text.to_owned()))
}

/// A text file says by its header which columns it has: a rule that names another one is a mistake.
fn refuse_unknown_columns(side: Side, rules: &[Rule], (namespace, layout): Input<'_>) -> Result<(), String> {
    let Some(layout) = layout else { return Ok(()) };
    let file = namespace.parts.first().map_or(&*namespace.name, |p| p.file());
    for rule in rules {
        if let Some(path) = &rule.path
            && !path.ends_with('*')
            && !path.starts_with('$')
            && layout.column(path).is_none()
            && rule.default.is_none()
        {
            let columns: Vec<&str> = layout.columns.iter().map(|c| c.name.as_str()).collect();
            return Err(format!(
                "{side}: {file} has no column {path:?}; its header names {}",
                columns.join(", ")
            ));
        }
    }
    Ok(())
}
