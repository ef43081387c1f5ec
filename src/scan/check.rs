//! `config check`: holds a mapping against what both sides really have, on a sample of their records.

use super::compare::Prepared;
use super::session::Session;
use crate::Side;
use crate::mapping::{Captured, Depth};
use crate::plan::Span;
use std::collections::{BTreeMap, BTreeSet};

/// Records looked at per side.
const SAMPLE: usize = 1000;

/// What a check has to say about one compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckFinding {
    /// The compare.
    pub compare: String,
    /// Whether the audit cannot succeed with it.
    pub serious: bool,
    /// What was seen.
    pub message: String,
}

/// Types met per canonical path, and problems per path.
#[derive(Default)]
struct Shape {
    types: BTreeMap<String, BTreeSet<&'static str>>,
    problems: BTreeMap<String, (u64, String)>,
    rules: BTreeSet<usize>,
    records: u64,
}

impl Session {
    /// Checks every compare's mapping against a sample of both sides.
    pub fn check(&self) -> Vec<CheckFinding> {
        self.prepared_compares().flat_map(check).collect()
    }
}

fn check(prepared: &Prepared) -> Vec<CheckFinding> {
    let shapes = prepared.lanes.as_ref().map(|lane| {
        let mut shape = Shape::default();
        let mut digester = lane.digester(Depth::Tree);
        let first = lane.chunks(Span::ALL).and_then(|mut s| s.next());
        if let Ok(Some(chunk)) = first {
            lane.each_record(&chunk, &mut digester, |d, _, _| {
                if shape.records < SAMPLE as u64 {
                    shape.records += 1;
                    d.take_captured().iter().for_each(|field| shape.add(field));
                    if let Some(problem) = d.problem() {
                        let entry = shape.problems.entry(problem.path().to_owned()).or_default();
                        *entry = (entry.0 + 1, problem.to_string());
                    }
                }
            });
        }
        shape
    });
    let mut out = Vec::new();
    let name = &prepared.compare.name;
    let mut say = |serious: bool, message: String| {
        out.push(CheckFinding {
            compare: name.clone(),
            serious,
            message,
        });
    };
    for side in Side::BOTH {
        let shape = &shapes[side];
        if shape.records == 0 {
            say(false, format!("{side} has no records; the verdict will be HOLD"));
            continue;
        }
        for (rule, spec) in prepared.lanes[side].projection.rules().iter().enumerate() {
            let Some(path) = &spec.path else { continue };
            let is_key = prepared.lanes[side]
                .projection
                .key_names()
                .any(|k| k == spec.name);
            if !shape.rules.contains(&rule) && !spec.ignore && spec.expect.is_none() && !is_key {
                say(
                    true,
                    format!(
                        "field {}: no record of {side} has {path:?} (of {} looked at)",
                        spec.name, shape.records
                    ),
                );
            }
        }
        for (path, (n, example)) in &shape.problems {
            say(
                true,
                format!(
                    "{side}: {n} of {} records: {example} (field {path:?})",
                    shape.records
                ),
            );
        }
    }
    for (path, stable) in &shapes.stable.types {
        match shapes.candidate.types.get(path) {
            None if shapes.candidate.records > 0 && !one_sided(prepared, path) => {
                say(
                    true,
                    format!("field {path:?} is in stable only; map it, or ignore it with a reason"),
                );
            }
            None => {}
            Some(candidate) => lossy(stable, candidate).into_iter().for_each(|what| {
                say(false, format!("field {path:?}: {what}"));
            }),
        }
    }
    for path in shapes.candidate.types.keys() {
        if !shapes.stable.types.contains_key(path) && shapes.stable.records > 0 && !one_sided(prepared, path)
        {
            say(
                true,
                format!("field {path:?} is in candidate only; map it, or say only = \"candidate\""),
            );
        }
    }
    out
}

fn one_sided(prepared: &Prepared, path: &str) -> bool {
    prepared
        .compare
        .fields
        .iter()
        .any(|f| f.name == path && (f.only.is_some() || f.ignore))
}

impl Shape {
    fn add(&mut self, field: &Captured) {
        self.rules.extend(field.rule);
        if let (Ok(value), false) = (&field.value, field.uncounted) {
            let types = self.types.entry(field.path.clone()).or_default();
            if !matches!(value, crate::model::Value::Null) {
                types.insert(value.type_name());
            }
        }
    }
}

/// Pairs of types between which something is lost, or that will never be equal.
fn lossy(stable: &BTreeSet<&str>, candidate: &BTreeSet<&str>) -> Vec<String> {
    let mut out = Vec::new();
    for (side, types) in [("stable", stable), ("candidate", candidate)] {
        if types.len() > 1 {
            out.push(format!(
                "{side} mixes {}",
                types.iter().copied().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    let exact = ["decimal", "decimal128", "varint"];
    for (from, to) in stable
        .iter()
        .flat_map(|a| candidate.iter().map(move |b| (*a, *b)))
    {
        let what = match (from, to) {
            ("double", "float") => "float keeps 24 of a double's 53 bits",
            (d, "double" | "float") if exact.contains(&d) => {
                "binary floating point cannot hold most decimals"
            }
            ("int64" | "varint", "double" | "float") => "integers beyond 2^53 lose digits",
            ("list", "set") => "a set forgets order and duplicates",
            ("timestamp", "date") => "a date forgets the time of day",
            _ => continue,
        };
        out.push(format!("{from} to {to} is lossy: {what}"));
    }
    out
}
