//! From the declared mapping to the projection of each side.

use super::columns;
use crate::canon::Layout;
use crate::canon::{Absent, Equality, Numbers};
use crate::config::did_you_mean;
use crate::digest::Hasher;
use crate::mapping::{Compare, Conversion, Expect, Field, Literal, Projection, Rule, Spot};
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
/// A sentence about what the mapping lacks, for the user, with the place in the configuration.
pub fn compile(
    compare: &Compare,
    side: Side,
    sides: Pair<Input<'_>>,
    equality: Equality,
    hasher: Hasher,
) -> Result<Projection, String> {
    let at = |spot: Option<&Spot>, message: String| match spot {
        Some(spot) => format!("{spot}: compare {}: {message}", compare.name),
        None => format!("compare {}: {message}", compare.name),
    };
    let key = match &compare.key[..] {
        [] => own_key(sides).map_err(|m| at(compare.spots.of(&[]), m))?,
        key => key.to_vec(),
    };
    if let Some(twice) = (1..key.len()).find(|i| key[..*i].contains(&key[*i])) {
        let message = format!("the key names {:?} twice", key[twice]);
        return Err(at(compare.spots.of(&["key"]), message));
    }
    let explode = compare.explode.as_ref().filter(|e| e.side == side);
    let exploded = explode.map(|e| e.path.as_str());
    if let (Some(column), Some(layout)) = (exploded, sides[side].1)
        && layout.column(column).is_none()
    {
        let columns = layout.columns.iter().map(|c| c.name.as_str());
        let hint = did_you_mean(column, columns);
        let message = format!("{side} has no column {column:?} to explode{hint}");
        return Err(at(compare.spots.of(&["explode"]), message));
    }
    let mut rules = Vec::new();
    for field in &compare.fields {
        let rule = rule(field, side, sides);
        let rule = rule.map_err(|(key, m)| {
            let keys = [format!("{side}_{key}"), key.to_owned()];
            at(
                field.spots.of(&[&keys[0], &keys[1]]),
                format!("field {}: {m}", field.name),
            )
        })?;
        columns::refuse_unknown(side, &rule, exploded, sides[side])
            .map_err(|m| at(field.spots.of(&[side.name(), "name"]), m))?;
        rules.push(rule);
    }
    for name in &key {
        if !rules.iter().any(|r| r.name == *name) {
            let rule = plain(name, false);
            columns::refuse_unknown(side, &rule, exploded, sides[side])
                .map_err(|m| at(compare.spots.of(&["key"]), m))?;
            rules.push(rule);
        }
    }
    // Columns that no rule names, and that the server cannot tell empty from null in, are compared on both sides alike.
    for (of, (_, layout)) in sides.into_sides() {
        let columns = layout.iter().flat_map(|l| l.columns.iter().map(move |c| (l, c)));
        for (layout, column) in columns.filter(|(_, c)| c.non_frozen_collection) {
            let apart = compare.explode.as_ref();
            let apart = apart.is_some_and(|e| e.side == of && e.path == column.name);
            let named = |r: &Rule| r.name == column.name || r.path.as_ref() == Some(&column.name);
            let foreign = compare.fields.iter().any(|f| {
                let entered = f.paths[of].as_ref().and_then(|p| columns::entered(layout, p));
                [&f.paths.stable, &f.paths.candidate].contains(&&Some(column.name.clone()))
                    || entered.is_some_and(|(c, _)| c.name == column.name)
            });
            if !foreign && !apart && !rules.iter().any(named) {
                rules.push(plain(&column.name, true));
            }
        }
    }
    let explode = exploded.map(str::to_owned);
    let layout = sides[side].1;
    if let Some(layout) = layout {
        for path in rules.iter_mut().filter_map(|r| r.path.as_mut()) {
            *path = columns::resolved(layout, path);
        }
    }
    let projection = Projection::new(side, rules, &key, explode, compare.unmapped, equality, hasher)
        .map_err(|p| at(compare.spots.of(&[]), p.to_string()))?;
    Ok(if layout.is_some() {
        projection.of_columns()
    } else {
        projection
    })
}

/// How a declared field is read on one side; else the key of the configuration that is wrong, and why.
fn rule(field: &Field, side: Side, sides: Pair<Input<'_>>) -> Result<Rule, (&'static str, String)> {
    let here = field.only.is_none_or(|only| only == side);
    let convert = field.convert[side].clone();
    // What stands for an absent value stands in for it on the side that can lack it.
    let default = field.default[side].as_ref().filter(|_| here);
    let default = default.map(|d| convert.apply(d.value().clone())).transpose();
    let default = default.map_err(|p| ("default", format!("the default for {side}: {p}")))?;
    let target = |l: &Literal| convert.to_target(l.value().clone());
    let expected = field.expect.as_ref().map(target).transpose();
    let expected = expected.map_err(|p| ("expect", format!("what is expected: {p}")))?;
    let expect = match (&field.only, expected, &field.expect_type, &default) {
        (Some(only), ..) if *only != side => None,
        (None, ..) => None,
        (_, Some(value), ..) => Some(Expect::Value(value)),
        (_, _, Some(ty), _) => Some(Expect::Type(ty.clone())),
        (.., Some(default)) => Some(Expect::Value(default.clone())),
        _ => Some(Expect::Anything),
    };
    let multicell = |(_, layout): Input<'_>, path: &Option<String>| {
        let column = layout.and_then(|l| l.column(path.as_deref()?));
        column.is_some_and(|c| c.non_frozen_collection)
    };
    let paths = sides.zip(field.paths.as_ref()).into_sides();
    let schema_says = || paths.iter().any(|(_, (input, path))| multicell(*input, path));
    Ok(Rule {
        name: field.name.clone(),
        path: if here { field.paths[side].clone() } else { None },
        default,
        convert,
        ignore: field.ignore,
        expect,
        empty_is_null: field.empty_is_null.unwrap_or_else(schema_says),
        moved: field.paths.stable.is_some()
            && field.paths.candidate.is_some()
            && field.paths.stable != field.paths.candidate,
    })
}

/// A field that both sides hold under its own name.
fn plain(name: &str, empty_is_null: bool) -> Rule {
    Rule {
        name: name.to_owned(),
        path: Some(name.to_owned()),
        convert: Conversion::default(),
        default: None,
        ignore: false,
        expect: None,
        empty_is_null,
        moved: false,
    }
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
