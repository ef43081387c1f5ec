//! What a mapping's paths lead to on a side with columns.

use super::compile::Input;
use crate::Side;
use crate::canon::Layout;
use crate::canon::cell::{ColumnSpec, ColumnType};
use crate::config::did_you_mean;
use crate::mapping::{ELEMENT, INDEX, Rule, column_path, path_names};

/// The column of a user-defined type that a path leads into, and the path below it. Names may hold dots, so the longest
/// that fits is meant.
pub(super) fn entered<'l, 'p>(layout: &'l Layout, path: &'p str) -> Option<(&'l ColumnSpec, &'p str)> {
    let below = |column: &'l ColumnSpec| {
        let written = [&column.name, &column_path(&column.name)];
        let mut rests = written.iter().filter_map(|name| path.strip_prefix(name.as_str()));
        Some((column, rests.find_map(|rest| rest.strip_prefix('.'))?))
    };
    let columns = layout.columns.iter().filter(|c| !c.fields.is_empty());
    columns.filter_map(below).max_by_key(|(c, _)| c.name.len())
}

/// The path as a projection reads it: the dots of a column's own name lead nowhere.
pub(super) fn resolved(layout: &Layout, path: &str) -> String {
    let is_column = match path.strip_suffix('*') {
        Some(prefix) => layout.columns.iter().any(|c| c.name.starts_with(prefix)),
        None => layout.column(path).is_some(),
    };
    match entered(layout, path) {
        _ if is_column => column_path(path),
        Some((column, rest)) => format!("{}.{rest}", column_path(&column.name)),
        None => path.to_owned(),
    }
}

/// A text file says by its header which columns it has, and its schema which fields their types have: a rule that names
/// others is a mistake.
pub(super) fn refuse_unknown(
    side: Side,
    rule: &Rule,
    exploded: Option<&str>,
    (namespace, layout): Input<'_>,
) -> Result<(), String> {
    let (Some(layout), Some(path)) = (layout, &rule.path) else {
        return Ok(());
    };
    let of_element = exploded.is_some() && [INDEX, ELEMENT].contains(&path.as_str());
    if layout.column(path).is_some() || of_element || rule.default.is_some() {
        return Ok(());
    }
    let some = |prefix: &str| layout.columns.iter().any(|c| c.name.starts_with(prefix));
    if path.strip_suffix('*').is_some_and(some) {
        return Ok(());
    }
    // A column that is taken apart is named by its elements' fields.
    if exploded.is_some_and(|column| {
        path.strip_prefix(column)
            .is_some_and(|rest| rest.starts_with('.'))
    }) {
        return Ok(());
    }
    if let Some((column, below)) = entered(layout, path) {
        return refuse_unknown_field(column, below).map_err(|m| format!("{side}: {path:?}: {m}"));
    }
    if let Some((column, _)) = path.split_once('.')
        && let Some(column) = layout.column(column)
    {
        return Err(format!("{side}: {path:?}: {}", without_fields(column)));
    }
    let file = namespace.parts.first().map_or(&*namespace.name, |p| p.file());
    let columns: Vec<&str> = layout.columns.iter().map(|c| c.name.as_str()).collect();
    Err(format!(
        "{side}: {file} has no column {path:?}; its header names {}{}",
        columns.join(", "),
        did_you_mean(path, columns.iter().copied())
    ))
}

fn refuse_unknown_field(column: &ColumnSpec, below: &str) -> Result<(), String> {
    let mut at = column;
    for name in path_names(below) {
        if at.fields.is_empty() {
            return Err(without_fields(at));
        }
        let names = || at.fields.iter().map(|f| f.name.as_str());
        let prefix = name.strip_suffix('*');
        match at.fields.iter().find(|f| f.name == name) {
            Some(field) => at = field,
            None if prefix.is_some_and(|p| names().any(|n| n.starts_with(p))) => return Ok(()),
            None => {
                let listed: Vec<&str> = names().collect();
                let hint = did_you_mean(&name, names());
                return Err(format!(
                    "{} ({}) has no field {name:?}; it has {}{hint}",
                    at.name,
                    type_of(at),
                    listed.join(", ")
                ));
            }
        }
    }
    Ok(())
}

fn without_fields(column: &ColumnSpec) -> String {
    format!(
        "{:?} ({}) has no fields that a path could name; only user-defined types have, all else is compared as a whole",
        column.name,
        type_of(column)
    )
}

fn type_of(column: &ColumnSpec) -> String {
    match &column.ty {
        ColumnType::Cql(ty) => ty.to_string(),
        _ => "of no known type".to_owned(),
    }
}
