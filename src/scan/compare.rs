//! One compare from start to end: scan both sides, reconcile, tell.

use super::judge::MappingJudge;
use super::lane::Lane;
use super::pass::{Feed, Monitor, run_pass};
use super::reconcile::{Suspects, fetch, join};
use super::tally::{Part, Tally, Unread};
use crate::canon::cell::{ColumnVerdict, LossKind};
use crate::canon::{Absent, Equality, Numbers, compare_keys, decode};
use crate::config::SideConfig;
use crate::diff::{Finding, Place};
use crate::digest::{Hasher, root};
use crate::mapping::{Compare, Depth, Digester};
use crate::plan::{Span, Strategy};
use crate::report::{
    Class, ColumnHeat, CompareResult, Counts, Coverage, Divergence, EqualityInForce, Expires, FieldCount,
    FieldDifference, IgnoredField, KeyPart, LossyExport, Position, Sample, Shown, State, Subject,
    ToleranceUsed, divergence_id,
};
use crate::source::Format;
use crate::store::{SortBudget, SortError, Sorter};
use crate::{Pair, Side};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A compare made ready: mapping, equality and both lanes.
#[derive(Debug)]
pub struct Prepared {
    /// The mapping.
    pub compare: Compare,
    /// The equality in force.
    pub equality: Equality,
    /// Both sides.
    pub lanes: Pair<Lane>,
    /// Both sides' configuration.
    pub sides: Pair<SideConfig>,
}

/// Scans the given spans of both sides into a tally. `checkpoint` is called every `interval` with what is still to be
/// read, and once at the end.
pub fn scan<E>(
    prepared: &Prepared,
    spans: Pair<Vec<Span>>,
    mut tally: Tally,
    threads: usize,
    monitor: &Monitor,
    interval: Duration,
    mut checkpoint: impl FnMut(&Tally, Pair<Vec<Span>>) -> Result<(), E>,
) -> Result<(Tally, Pair<Vec<Span>>), E> {
    let lanes = prepared.lanes.as_ref();
    let mut feeds = spans.zip(lanes).map(|(spans, lane)| Feed::new(lane, spans));
    let mut workers: Vec<(Pair<Digester>, Pair<Part>)> = (0..threads)
        .map(|_| (lanes.map(|l| l.digester(Depth::Digest)), Pair::default()))
        .collect();
    let typed = prepared.equality.numbers == Numbers::Typed;
    loop {
        let until = Instant::now() + interval;
        let shared = Mutex::new(tally);
        run_pass(
            &mut feeds,
            &mut workers,
            monitor,
            Some(until),
            |(digesters, parts), side, chunk| {
                let part = &mut parts[side];
                lanes[side].each_record(&chunk, &mut digesters[side], |digester, _, _| part.add(digester));
                part.count_loss(lanes[side], &chunk, typed);
                part.flush(
                    side,
                    chunk.data.len() as u64,
                    &mut shared.lock().expect("no worker panics here"),
                    true,
                );
            },
        );
        tally = shared.into_inner().expect("no worker panics here");
        for (digesters, parts) in &mut workers {
            for side in Side::BOTH {
                parts[side].drain(side, &mut digesters[side], &mut tally);
            }
        }
        for (_, feed) in feeds.as_mut().into_sides() {
            tally.unread.extend(feed.unread.take());
        }
        let remaining = feeds.as_ref().map(|f| f.remaining().to_vec());
        checkpoint(&tally, remaining.clone())?;
        if monitor.stopping() || feeds.stable.ended() && feeds.candidate.ended() {
            tally.unread.sort();
            return Ok((tally, remaining));
        }
    }
}

/// What reconciling needs besides the tally.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// Hashes under the run's seed.
    pub hasher: Hasher,
    /// Threads that hash.
    pub threads: usize,
    /// For progress and stopping.
    pub monitor: &'a Monitor,
    /// Where temporary files go.
    pub dir: &'a Path,
    /// How much may be spilled.
    pub budget: &'a SortBudget,
    /// How differing records are found.
    pub strategy: Strategy,
    /// Divergences that the report carries.
    pub samples: usize,
}

/// Reconciles a tally: fetches what differs, classifies it, writes every divergence to `sink` (one JSON object a line, in
/// key order) and sums up.
pub fn reconcile(
    prepared: &Prepared,
    tally: &Tally,
    means: Means<'_>,
    sink: &mut dyn Write,
) -> Result<CompareResult, SortError> {
    let lanes = prepared.lanes.as_ref();
    let name = &prepared.compare.name;
    let key_names = key_names(prepared);
    let mut sorter = Sorter::new(means.dir, compare_keys, 16 << 20, means.budget);
    let (mut counts, mut fields) = (Counts::default(), BTreeMap::<String, BTreeMap<Class, u64>>::new());
    let mut tolerated = BTreeMap::<(String, String), u64>::new();
    let mut unread = tally.unread.clone();
    if !tally.equal() {
        let suspects = Suspects::find(tally, means.hasher, means.strategy);
        let (aside, again) = fetch(
            lanes,
            &suspects,
            means.threads,
            means.monitor,
            means.dir,
            means.budget,
        )?;
        let judge = MappingJudge::new(
            &prepared.compare,
            prepared.equality,
            tally.counts.as_ref().map(|c| c.guessed > 0),
            prepared.sides.as_ref().zip(lanes),
        );
        // Trouble that only the second pass met: what it would have fetched is missing from the findings.
        unread.extend(
            again
                .into_iter()
                .filter(|a| !tally.unread.iter().any(|u| u.side == a.side)),
        );
        let unread = Pair::from_fn(|side| unread.iter().any(|u| u.side == side));
        join(lanes, aside, &judge, &mut |mut finding| {
            doubt(&mut finding, unread);
            counts.add(finding.class, finding.state, 1);
            for field in &finding.fields {
                *fields
                    .entry(field.path.clone())
                    .or_default()
                    .entry(field.class)
                    .or_default() += 1;
                if let Some(reason) = &field.tolerated_by {
                    *tolerated.entry((field.path.clone(), reason.clone())).or_default() += 1;
                }
            }
            let divergence = wire(name, &key_names, &finding);
            let json = serde_json::to_vec(&divergence).expect("a divergence has a JSON form");
            sorter.push(&finding.key, &json)
        })?;
    }
    let total = sorter.len();
    let mut items = Vec::new();
    let mut sorted = sorter.finish()?;
    let broken = |source| SortError::Io {
        dir: means.dir.to_owned(),
        source,
    };
    let compare_json = serde_json::to_string(name).expect("a name has a JSON form");
    while let Some((_, json)) = sorted.next()? {
        write!(sink, "{{\"compare\":{compare_json},\"divergence\":").map_err(broken)?;
        sink.write_all(json).map_err(broken)?;
        sink.write_all(b"}\n").map_err(broken)?;
        if items.len() < means.samples {
            items.push(serde_json::from_slice::<Divergence>(json).expect("written a moment ago"));
        }
    }
    let fields = fields.into_iter().map(|(path, by_class)| FieldCount {
        path,
        total: by_class.values().sum(),
        by_class,
    });
    Ok(CompareResult {
        name: name.clone(),
        namespaces: lanes.map(|l| Some(l.namespace.name.clone())),
        mapping_digest: prepared.compare.digest(),
        equality: equality_box(prepared),
        coverage: coverage(tally, &unread),
        roots: tally.leaves.as_ref().map(|l| Some(root(l).to_hex().to_string())),
        counts,
        fields: fields.collect(),
        columns: columns(tally),
        heat: heat(tally),
        divergences: Sample::new(items, total),
        tolerances: tolerances(&prepared.compare, tolerated),
        ignored: ignored(&prepared.compare),
        lossy: lossy(prepared, tally),
        notices: notices(prepared, tally),
    })
}

/// A record that is not on a side which was not read to its end may stand in the part that was not read.
fn doubt(finding: &mut Finding, unread: Pair<bool>) {
    let doubtful = match finding.class {
        Class::Missing => unread.candidate,
        Class::Extra => unread.stable,
        Class::DuplicateKey => unread.stable || unread.candidate,
        _ => false,
    };
    if doubtful && finding.state == State::Confirmed {
        finding.state = State::Unknown;
        finding
            .detail
            .get_or_insert_with(|| "the other side was not read to its end".to_owned());
    }
}

fn key_names(prepared: &Prepared) -> Vec<String> {
    prepared
        .lanes
        .stable
        .projection
        .key_names()
        .map(str::to_owned)
        .collect()
}

/// A finding in its wire form.
fn wire(compare: &str, key_names: &[String], finding: &Finding) -> Divergence {
    let mut key = Vec::new();
    let mut rest = &finding.key[..];
    let mut names = key_names.iter();
    while finding.keyed
        && !rest.is_empty()
        && let (Ok((value, tail)), Some(name)) = (decode(rest), names.next())
    {
        let Shown { ty, text, .. } = Shown::new(&value);
        let text = match value {
            crate::model::Value::Text(_) => text.trim_matches('"').to_owned(),
            _ => text,
        };
        key.push(KeyPart {
            name: name.clone(),
            ty,
            text,
        });
        rest = tail;
    }
    let place = |p: &Place| Position {
        file: p.file.clone(),
        offset: p.offset,
        record: Some(p.number),
    };
    let position = finding.places.as_ref().map(|p| p.as_ref().map(place));
    let first = finding
        .places
        .as_ref()
        .into_sides()
        .into_iter()
        .find_map(|(s, p)| p.as_ref().map(|p| (s, p)));
    let subject = match (finding.keyed, first) {
        (false, Some((side, place))) => Subject::Place(side, &place.file, place.offset),
        _ => Subject::Key(&finding.key),
    };
    let paths = finding.fields.iter().map(|f| f.path.as_str());
    let id = divergence_id(compare, subject, finding.class, paths);
    let fields = finding.fields.iter().map(|f| {
        let (stable, candidate) = match (&f.values.stable, &f.values.candidate) {
            (Some(stable), Some(candidate)) => {
                let shown = Shown::pair(Pair { stable, candidate });
                (Some(shown.stable), Some(shown.candidate))
            }
            (stable, candidate) => (
                stable.as_ref().map(Shown::new),
                candidate.as_ref().map(Shown::new),
            ),
        };
        FieldDifference {
            path: f.path.clone(),
            class: f.class,
            stable,
            candidate,
            tolerated_by: f.tolerated_by.clone(),
        }
    });
    Divergence {
        fields: fields.collect(),
        reproduce: vec![format!("assay explain RUN {id}")],
        id,
        class: finding.class,
        state: finding.state,
        key,
        position,
        detail: finding.detail.clone(),
        first_seen: None,
        last_seen: None,
    }
}

fn coverage(tally: &Tally, unread: &[Unread]) -> Coverage {
    let leaves = crate::digest::LEAVES as u64;
    let complete = unread.is_empty();
    let unread = unread.iter().map(|u: &Unread| crate::report::Unread {
        side: u.side,
        file: u.file.clone(),
        offset: u.offset,
        end: None,
        bytes: None,
        reason: u.reason.clone(),
    });
    Coverage {
        leaves_total: leaves,
        leaves_compared: if complete { leaves } else { 0 },
        records: tally.counts.as_ref().map(|c| c.records),
        bytes_read: tally.counts.as_ref().map(|c| c.bytes),
        unread: unread.collect(),
    }
}

fn equality_box(prepared: &Prepared) -> EqualityInForce {
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

fn columns(tally: &Tally) -> Vec<ColumnHeat> {
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

fn heat(tally: &Tally) -> Vec<u64> {
    let flags = tally.unequal_leaves();
    flags
        .chunks(flags.len() / crate::report::HEAT_RANGES)
        .map(|c| c.iter().filter(|f| **f).count() as u64)
        .collect()
}

fn expiry(text: Option<&String>) -> Option<Expires> {
    text.and_then(|t| Expires::parse(t).ok())
}

fn tolerances(compare: &Compare, used: BTreeMap<(String, String), u64>) -> Vec<ToleranceUsed> {
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

fn ignored(compare: &Compare) -> Vec<IgnoredField> {
    let of = |(name, declared): (&str, &crate::mapping::Declaration)| IgnoredField {
        path: name.to_owned(),
        reason: declared.reason.clone(),
        owner: declared.owner.clone(),
        expires: expiry(declared.expires.as_ref()),
    };
    compare.ignored().map(of).collect()
}

fn lossy(prepared: &Prepared, tally: &Tally) -> Vec<LossyExport> {
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
        let Some(mut scan) = lane.loss_scan() else {
            continue;
        };
        scan.restore(&counts.loss);
        let verdict = scan.verdict(prepared.sides[side].precision());
        let remedy = verdict.remedy;
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

fn notices(prepared: &Prepared, tally: &Tally) -> Vec<String> {
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
        if lane.namespace.metadata.is_none() && lane.namespace.format == Format::Bson {
            out.push(format!(
                "{side}: no metadata.json beside the dump; indexes and options were not compared"
            ));
        }
    }
    out
}
