//! Two records with the same key, field by field.

use super::{Drilled, Judge};
use crate::Pair;
use crate::canon::{Encoder, Equality, NULL, without_types};
use crate::mapping::Captured;
use crate::model::{Problem, ProblemKind, Value};
use crate::report::Class;
use std::collections::BTreeMap;

/// A field that differs.
#[derive(Clone, Debug)]
pub struct FieldDiff {
    /// The canonical path.
    pub path: String,
    /// In what way it differs.
    pub class: Class,
    /// Both values; `None` where the field is not there or could not be read.
    pub values: Pair<Option<Value>>,
    /// The reason of the tolerance that covers the difference.
    pub tolerated_by: Option<String>,
    /// What was wrong, where a value could not be read or was not the expected one.
    pub detail: Option<String>,
}

/// The fields in which two records differ, by path.
pub(super) fn compare_fields(records: Pair<&Drilled>, judge: &dyn Judge) -> Vec<FieldDiff> {
    let mut paths: BTreeMap<&str, Pair<Option<&Captured>>> = BTreeMap::new();
    for (side, record) in records.into_sides() {
        for field in &record.fields {
            // Of two fields with one name the one with the problem is kept: it says so.
            let slot = &mut paths.entry(&field.path).or_default()[side];
            if slot.is_none_or(|old| old.value.is_ok()) {
                *slot = Some(field);
            }
        }
    }
    paths
        .into_iter()
        .filter_map(|(path, fields)| compare_field(path, fields, judge))
        .collect()
}

fn compare_field(path: &str, fields: Pair<Option<&Captured>>, judge: &dyn Judge) -> Option<FieldDiff> {
    let captured = || [fields.stable, fields.candidate].into_iter().flatten();
    let value = |side| fields[side].and_then(|f: &Captured| f.value.as_ref().ok());
    let diff = |class, tolerated_by, detail| {
        Some(FieldDiff {
            path: path.to_owned(),
            class,
            values: Pair::from_fn(|side| value(side).cloned()),
            tolerated_by,
            detail,
        })
    };
    if let Some(problem) = captured().find_map(|f| f.value.as_ref().err()) {
        let class = problem_class(problem);
        let lost = (class == Class::Unconvertible)
            .then(|| judge.lost(fields))
            .flatten();
        return match lost {
            Some(lost) => diff(Class::Lossy, None, Some(lost)),
            None => diff(class, None, Some(problem.to_string())),
        };
    }
    if let Some(unexpected) = captured().find_map(|f| f.unexpected.as_ref()) {
        return match judge.lost(fields) {
            Some(lost) => diff(Class::Lossy, None, Some(lost)),
            None => diff(Class::Expectation, None, Some(unexpected.clone())),
        };
    }
    let bytes = fields.map(|f| f.map(|f| &f.canonical[..]));
    if bytes.stable == bytes.candidate {
        return None;
    }
    let values = Pair::from_fn(value);
    if let Pair {
        stable: Some(stable),
        candidate: Some(candidate),
    } = values
    {
        let rule = captured().find_map(|f| f.rule);
        if let Some(reason) = rule.and_then(|rule| judge.tolerated(rule, Pair { stable, candidate })) {
            return diff(Class::Changed, Some(reason), None);
        }
    }
    if let Some(lost) = judge.lost(fields) {
        return diff(Class::Lossy, None, Some(lost));
    }
    let class = match (bytes.stable, bytes.candidate) {
        (Some(a), Some(b)) if without_types(a) == without_types(b) => Class::TypeChanged,
        (Some(_), Some(_)) if reordered(values) => Class::OrderOnly,
        (None, Some(bytes)) | (Some(bytes), None) if dropped(bytes, fields) => return None,
        _ => Class::Changed,
    };
    diff(class, None, None)
}

/// Whether a field stands on one side only, and as a null that the equality in force takes for absent: the capture keeps
/// it for people to see, the digest does not count it.
fn dropped(bytes: &[u8], fields: Pair<Option<&Captured>>) -> bool {
    bytes == NULL
        && [fields.stable, fields.candidate]
            .into_iter()
            .flatten()
            .all(|f| f.uncounted)
}

fn problem_class(problem: &Problem) -> Class {
    match problem.kind() {
        ProblemKind::Malformed => Class::Malformed,
        ProblemKind::Unconvertible => Class::Unconvertible,
        ProblemKind::Unsupported => Class::Unsupported,
    }
}

/// Whether two values hold the same parts in another order: elements of a list, or fields of a document.
fn reordered(values: Pair<Option<&Value>>) -> bool {
    let sorted = |value: &Value| -> Option<Vec<u8>> {
        let mut encoder = Encoder::new(Equality::default());
        match value {
            Value::List(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for item in items {
                    encoder.clear();
                    encoder.value(item).ok()?;
                    parts.push(encoder.bytes().to_vec());
                }
                parts.sort();
                Some(parts.concat())
            }
            Value::Document(_) => {
                encoder.value(value).ok()?;
                Some(encoder.bytes().to_vec())
            }
            _ => None,
        }
    };
    match (values.stable, values.candidate) {
        (Some(a), Some(b)) if a.type_name() == b.type_name() => {
            matches!((sorted(a), sorted(b)), (Some(a), Some(b)) if a == b)
        }
        _ => false,
    }
}
