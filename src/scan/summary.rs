//! What a report says of a compare as a whole: coverage, the equality in force, drifting columns, lossy exports, notices.

use super::compare::Prepared;
use super::lane::Lane;
use super::tally::{Tally, Unread};
use crate::Pair;
use crate::canon::cell::{ColumnVerdict, LossKind, LossScan, Precision};
use crate::canon::{Absent, Numbers};
use crate::mapping::Compare;
use crate::report::{
    ColumnHeat, Coverage, EqualityInForce, Expires, IgnoredField, LossyExport, ToleranceUsed,
};
use crate::source::Format;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn coverage(lanes: Pair<&Lane>, tally: &Tally, unread: &[Unread]) -> Coverage {
    let leaves = crate::digest::LEAVES as u64;
    let complete = unread.is_empty();
    let unread = unread.iter().map(|u: &Unread| {
        let whole = crate::report::Unread::of(u.side, &u.file, &u.reason);
        match lanes[u.side].source.live() {
            Some(_) => crate::report::Unread {
                range: Some(u.offset),
                ..whole
            },
            None => crate::report::Unread {
                offset: u.offset,
                ..whole
            },
        }
    });
    Coverage {
        leaves_total: leaves,
        leaves_compared: if complete { leaves } else { 0 },
        records: tally.counts.as_ref().map(|c| c.records),
        bytes_read: tally.counts.as_ref().map(|c| c.bytes),
        unread: unread.collect(),
    }
}

pub(super) fn equality_box(prepared: &Prepared) -> EqualityInForce {
    let any_empty = prepared
        .lanes
        .stable
        .projection
        .rules()
        .iter()
        .any(|r| r.empty_is_null);
    let mut notes = Vec::new();
    if prepared.compare.numbers.is_none() {
        notes.push(match prepared.equality.numbers {
            Numbers::Typed => "numbers are typed because both sides come from the same engine".to_owned(),
            Numbers::Value => {
                "numbers are compared by value because the engines differ or are not known".to_owned()
            }
        });
    }
    if prepared.compare.absent.is_none() && prepared.equality.absent == Absent::Null {
        notes.push("absent equals null because a side cannot tell them apart".to_owned());
    }
    let empty = if any_empty { Absent::Null } else { Absent::Distinct };
    EqualityInForce {
        notes,
        ..EqualityInForce::new(prepared.equality, empty)
    }
}

pub(super) fn columns(tally: &Tally) -> Vec<ColumnHeat> {
    let differing = tally
        .columns
        .stable
        .differing(&tally.columns.candidate)
        .into_iter();
    differing
        .filter(|(_, ranges)| *ranges > 0)
        .map(|(path, ranges)| ColumnHeat {
            path,
            ranges_differing: ranges.into(),
        })
        .collect()
}

pub(super) fn heat(tally: &Tally) -> Vec<u64> {
    let flags = tally.unequal_leaves();
    flags
        .chunks(flags.len() / crate::report::HEAT_RANGES)
        .map(|c| c.iter().filter(|f| **f).count() as u64)
        .collect()
}

fn expiry(text: Option<&String>) -> Option<Expires> {
    text.and_then(|t| Expires::parse(t).ok())
}

pub(super) fn tolerances(compare: &Compare, used: BTreeMap<(String, String), u64>) -> Vec<ToleranceUsed> {
    let of = |f: &crate::mapping::Field| {
        let rule = serde_json::to_string(f.tolerance.as_ref()?).expect("a tolerance has a JSON form");
        let declared = f.declaration.clone().unwrap_or_default();
        let place = (f.name.clone(), declared.reason.clone());
        Some(ToleranceUsed {
            path: f.name.clone(),
            rule,
            count: used.get(&place).copied().unwrap_or(0),
            reason: declared.reason,
            owner: declared.owner,
            expires: expiry(declared.expires.as_ref()),
        })
    };
    compare.fields.iter().filter_map(of).collect()
}

pub(super) fn ignored(compare: &Compare, tally: &Tally) -> Vec<IgnoredField> {
    let of = |(name, declared): (&str, crate::mapping::Declaration)| IgnoredField {
        path: name.to_owned(),
        expires: expiry(declared.expires.as_ref()),
        reason: declared.reason,
        owner: declared.owner,
    };
    let mut out: Vec<IgnoredField> = compare.ignored().map(of).collect();
    if compare.unmapped_reason.is_none() {
        let counts = tally.counts.as_ref().into_sides();
        let met = counts.iter().flat_map(|(_, c)| c.unmapped.keys());
        let met: BTreeSet<&String> = met.collect();
        out.extend(met.into_iter().map(|path| IgnoredField {
            path: path.clone(),
            reason: String::new(),
            owner: None,
            expires: None,
        }));
    }
    out
}

/// What the cells of a side showed of what its export loses.
fn losses(lane: &Lane, tally: &Tally) -> Option<LossScan> {
    let mut scan = lane.loss_scan()?;
    scan.restore(&tally.counts[lane.side].loss);
    Some(scan)
}

/// How precisely each side's export writes numbers, if it is one that rounds them.
pub(super) fn precision(prepared: &Prepared, tally: &Tally) -> Pair<Option<Precision>> {
    Pair::from_fn(|side| {
        let scan = losses(&prepared.lanes[side], tally)?;
        Some(scan.precision(prepared.sides[side].precision()))
    })
}

pub(super) fn lossy(prepared: &Prepared, tally: &Tally) -> Vec<LossyExport> {
    let mut out = Vec::new();
    for (side, counts) in tally.counts.as_ref().into_sides() {
        if counts.guessed > 0 {
            out.push(LossyExport {
                side,
                column: "(all numbers)".to_owned(),
                kind: "number_types".to_owned(),
                cells: counts.guessed,
                how_to_fix: "export again with mongoexport --jsonFormat=canonical".to_owned(),
            });
        }
        let lane = &prepared.lanes[side];
        let Some(scan) = losses(lane, tally) else {
            continue;
        };
        let verdict = scan.verdict(prepared.sides[side].precision());
        for (column, verdict) in verdict.columns {
            let index = lane
                .layout
                .as_ref()
                .and_then(|l| l.columns.iter().position(|c| c.name == column));
            let seen = index.and_then(|i| scan.counts(i)).unwrap_or_default();
            let (word, kind) = match verdict {
                ColumnVerdict::Exact => continue,
                ColumnVerdict::Unproven(kind) => ("unproven ", kind),
                ColumnVerdict::Lossy(kind) => ("", kind),
            };
            let remedy = scan.remedy(kind);
            let (kind, cells) = match kind {
                LossKind::NullOrEmpty => ("null_or_empty", seen.ambiguous),
                LossKind::Rounded => ("rounded", seen.numbers),
                LossKind::FarTimestamp => ("far_timestamp", seen.far),
            };
            out.push(LossyExport {
                side,
                column,
                kind: format!("{word}{kind}"),
                cells,
                how_to_fix: format!("export again with {remedy}"),
            });
        }
    }
    out
}

pub(super) fn notices(prepared: &Prepared, tally: &Tally) -> Vec<String> {
    let mut out = Vec::new();
    for (side, counts) in tally.counts.as_ref().into_sides() {
        if counts.null_keys > 0 {
            out.push(format!(
                "{side}: {} records have a null in their key",
                counts.null_keys
            ));
        }
        for (kind, n) in &counts.problems {
            out.push(format!("{side}: {n} records are {kind}"));
        }
        for (path, n) in &counts.unmapped {
            out.push(format!(
                "{side}: field {path} is not mapped and was not compared ({n} records)"
            ));
        }
        let lane = &prepared.lanes[side];
        let other = &prepared.lanes[side.other()].namespace;
        let comparable = lane.namespace.engine == other.engine;
        let dump = lane.source.live().is_none() && lane.namespace.format == Format::Bson;
        if comparable && dump && lane.namespace.metadata.is_none() {
            out.push(format!(
                "{side}: no metadata.json beside the dump; indexes and options were not compared"
            ));
        }
    }
    out
}
