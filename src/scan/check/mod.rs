//! `config check`: holds a mapping against what both sides have: the schema where there is one, and a sample of records.

mod key;
mod loss;
mod possible;
mod sample;
mod seen;
mod validator;

use super::compare::Prepared;
use super::session::Session;
use crate::config::did_you_mean;
use crate::mapping::{Field, INDEX, Spot, strayed};
use crate::{Pair, Side};
use sample::{Sample, Shape};
use std::fmt;
use validator::Said;

/// What a check has to say about one compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFinding {
    /// The compare.
    pub compare: String,
    /// Where the configuration says what this is about, if it says it anywhere.
    pub spot: Option<Spot>,
    /// Whether the audit cannot succeed with it.
    pub serious: bool,
    /// What was seen.
    pub message: String,
}

impl fmt::Display for CheckFinding {
    /// `error` or `note`, place, compare, message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.serious { "error: " } else { "note: " })?;
        if let Some(spot) = &self.spot {
            write!(f, "{spot}: ")?;
        }
        write!(f, "compare {}: {}", self.compare, self.message)
    }
}

impl Session {
    /// Checks every compare's mapping against both sides. Serious findings come first.
    pub fn check(&self) -> Vec<CheckFinding> {
        let mut findings: Vec<CheckFinding> = self.prepared_compares().flat_map(check).collect();
        findings.sort_by_key(|f| !f.serious);
        findings
    }
}

/// Collects findings of one compare.
struct Findings<'a> {
    prepared: &'a Prepared,
    list: Vec<CheckFinding>,
}

impl Findings<'_> {
    fn say(&mut self, spot: Option<&Spot>, serious: bool, message: String) {
        self.list.push(CheckFinding {
            compare: self.prepared.compare.name.clone(),
            spot: spot.cloned(),
            serious,
            message,
        });
    }
}

fn check(prepared: &Prepared) -> Vec<CheckFinding> {
    let mut findings = Findings {
        prepared,
        list: Vec::new(),
    };
    let samples = prepared.lanes.as_ref().map(|lane| Sample::take(prepared, lane));
    for (side, sample) in samples.as_ref().into_sides() {
        one_side(&mut findings, side, sample);
        key::check(&mut findings, side, sample);
    }
    if samples.stable.records > 0 && samples.candidate.records > 0 {
        both_sides(&mut findings, samples.as_ref());
    }
    findings.list
}

fn one_side(findings: &mut Findings<'_>, side: Side, sample: &Sample) {
    let prepared = findings.prepared;
    if sample.records == 0 {
        findings.say(
            None,
            false,
            format!("{side} has no records; the verdict will be HOLD"),
        );
        return;
    }
    for field in &prepared.compare.fields {
        let Some(path) = field.paths[side].as_ref().filter(|_| !field.ignore) else {
            continue;
        };
        let spot = field.spots.of(&[side.name(), "name"]);
        let shape = sample.shapes.get(&field.name);
        let met = match path.strip_suffix('*') {
            Some(_) => sample
                .shapes
                .keys()
                .any(|k| k.starts_with(field.name.trim_end_matches('*'))),
            None => shape.is_some(),
        };
        let said = sample.validator.as_ref().map(|v| v.find(path));
        if let Some(Said::Refused(name, allowed)) = &said {
            let message = format!(
                "field {}: the validator of {side} allows no {name:?} in {path:?}{}",
                field.name,
                did_you_mean(name, allowed.iter().copied())
            );
            findings.say(spot, !met && field.only.is_none(), message);
        } else if !met && field.only.is_none() {
            let names = || sample.raw_names.iter().map(String::as_str);
            let head = path.split('.').next().unwrap_or_default();
            let hint = match did_you_mean(path, names()) {
                hint if hint.is_empty() && head != path => did_you_mean(head, names()),
                hint => hint,
            };
            // Where not all records were seen, a field may stand in those that were not.
            let possible = !sample.all && hint.is_empty() || matches!(said, Some(Said::Schema(_)));
            let records = sample.records;
            let message = format!(
                "field {}: no record of {side} has {path:?} (of {records} looked at){hint}",
                field.name
            );
            findings.say(spot, !possible, message);
        }
        let convert = &field.convert[side];
        let (declared, validated) = (
            shape.and_then(|s| s.declared.as_ref()),
            sample.validator.as_ref().and_then(|v| v.types(path)),
        );
        let impossible = match (declared, validated) {
            _ if convert.is_identity() => None,
            (Some(ty), _) => possible::impossible(ty, convert).map(|p| (ty.to_string(), p)),
            (None, Some(seen)) => possible::none_of(&seen, convert).map(|p| (seen.shown(), p)),
            (None, None) => None,
        };
        if let Some((ty, problem)) = impossible {
            let keys = [format!("{side}_type"), "type".to_owned(), side.name().to_owned()];
            let spot = field.spots.of(&[&keys[0], &keys[1], &keys[2]]);
            let message = format!(
                "field {}: {side} {ty} can never be converted: {}",
                field.name,
                problem.detail()
            );
            findings.say(spot, true, message);
        }
    }
    for (path, problem) in &sample.problems {
        let field = prepared
            .compare
            .fields
            .iter()
            .find(|f| path.starts_with(f.name.as_str()));
        let example: String = problem.example.chars().take(300).collect();
        let (n, of) = (problem.records, sample.records);
        let message = format!("{side}: {n} of {of} records: {example}");
        findings.say(field.and_then(|f| f.spots.of(&["name"])), true, message);
    }
    for column in &sample.unknown_to_schema {
        findings.say(
            None,
            false,
            format!("{side}: column {column:?} is not in the schema's table, so it is read as text"),
        );
    }
    for column in &sample.not_exported {
        findings.say(
            None,
            false,
            format!("{side}: column {column:?} of the table is not in the export, and is not compared"),
        );
    }
}

fn both_sides(findings: &mut Findings<'_>, samples: Pair<&Sample>) {
    let compare = &findings.prepared.compare;
    let field_of = |path: &str| compare.fields.iter().find(|f| f.name == path);
    let spot_of = |field: Option<&Field>| field.and_then(|f| f.spots.of(&["name"])).cloned();
    let covered = |path: &str| {
        let named =
            |f: &&Field| f.name == path || f.name.strip_suffix('*').is_some_and(|p| path.starts_with(p));
        let field = compare.fields.iter().find(named);
        field.is_some_and(|f| {
            f.only.is_some() || f.ignore || f.default.stable.is_some() || f.default.candidate.is_some()
        })
    };
    for (side, sample) in samples.into_sides() {
        for (path, shape) in &sample.shapes {
            let strayed = strayed(path, side);
            let field = field_of(strayed.unwrap_or(path));
            if let (Some(field), true) = (field, shape.unmapped) {
                let message = format!(
                    "field {:?}: {side} has a field of that name besides {:?}, which is mapped to it; name one of them otherwise",
                    field.name,
                    field.paths[side].as_deref().unwrap_or("the constant")
                );
                findings.say(field.spots.of(&["name"]), true, message);
            }
            let other = samples[side.other()];
            if other.shapes.contains_key(path) || covered(path) || field.is_some() {
                continue;
            }
            let near = did_you_mean(path, other.shapes.keys().map(String::as_str));
            let advice = match side {
                Side::Stable => "map it, or ignore it with a reason",
                Side::Candidate => "map it, or say only = \"candidate\"",
            };
            findings.say(
                None,
                true,
                format!("field {path:?} is in {side} only; {advice}{near}"),
            );
        }
    }
    let plain = crate::mapping::Conversion::default();
    for (path, stable) in &samples.stable.shapes {
        let Some(candidate) = samples.candidate.shapes.get(path) else {
            continue;
        };
        let field = field_of(path);
        let position = |f: &Field| {
            f.paths
                .as_ref()
                .into_sides()
                .iter()
                .any(|(_, p)| p.as_deref() == Some(INDEX))
        };
        if field.is_some_and(|f| f.ignore || position(f)) {
            continue;
        }
        let shapes = Pair { stable, candidate };
        let spot = spot_of(field);
        for (side, shape) in shapes.into_sides() {
            if shape.seen.kinds.len() > 1 {
                let message = format!("field {path:?}: {side} mixes {}", shape.seen.shown());
                findings.say(spot.as_ref(), false, message);
            }
        }
        let convert = Pair::from_fn(|side| field.map_or(&plain, |f| &f.convert[side]));
        for remark in loss::remarks(shapes.map(|s| &s.seen), convert) {
            let path = format!("{path}{}", remark.inside);
            findings.say(
                spot.as_ref(),
                remark.never,
                format!("field {path:?}: {}", remark.message),
            );
        }
        for (side, shape) in shapes.into_sides() {
            let other: &Shape = shapes[side.other()];
            if shape.finer_than_ms && other.seen.kinds.contains_key("timestamp") && !other.finer_than_ms {
                let message = format!(
                    "field {path:?}: {side} has times finer than a millisecond, and {} keeps milliseconds; \
                     write truncate = \"ms\" to compare what is left",
                    side.other()
                );
                findings.say(spot.as_ref(), false, message);
            }
        }
    }
}
