//! From a configuration to compares that can be read: what belongs together, compiled mappings, slices.

use super::together::both;
use super::{Choices, SessionError};
use crate::config::Config;
use crate::digest::Hasher;
use crate::mapping::Compare;
use crate::plan::{Input, PlannedCompare, Slice, Span, cut, sketch_cells};
use crate::scan::compare::Prepared;
use crate::scan::compile::{compile, equality_for};
use crate::scan::lane::Lane;
use crate::scan::layout::layout;
use crate::scan::metadata;
use crate::source::{Record, Source};
use crate::{Pair, Side};
use std::sync::Arc;

/// Without configuration: namespaces of the same name, or the only one of each side.
pub(super) fn discover(sources: &Pair<Arc<Source>>, key: &[String]) -> Result<Vec<Compare>, SessionError> {
    for (side, source) in sources.as_ref().into_sides() {
        source
            .whole()
            .map_err(|source| SessionError::Source { side, source })?;
    }
    let names = sources
        .as_ref()
        .map(|s| s.namespaces().iter().map(|n| n.name.clone()).collect::<Vec<_>>());
    if let ([stable], [candidate]) = (&names.stable[..], &names.candidate[..]) {
        let namespaces = Pair {
            stable: stable.clone(),
            candidate: candidate.clone(),
        };
        return Ok(vec![Compare::plain(stable.clone(), namespaces, key.to_vec())]);
    }
    let shared: Vec<Compare> = names
        .stable
        .iter()
        .filter(|n| names.candidate.contains(n))
        .map(|n| {
            Compare::plain(
                n.clone(),
                Pair {
                    stable: n.clone(),
                    candidate: n.clone(),
                },
                key.to_vec(),
            )
        })
        .collect();
    let alone = |side: Side| {
        let other = &names[side.other()];
        names[side]
            .iter()
            .filter(|n| !other.contains(n))
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (alone(Side::Stable), alone(Side::Candidate)) {
        (a, b) if a.is_empty() && b.is_empty() && !shared.is_empty() => Ok(shared),
        (a, b) => Err(SessionError::Usage(format!(
            "the sides' namespaces do not match (only in stable: {}; only in candidate: {}); say in a configuration which belong together",
            if a.is_empty() { "none" } else { &a },
            if b.is_empty() { "none" } else { &b },
        ))),
    }
}

pub(super) fn prepare(
    config: &Config,
    sources: &Pair<Arc<Source>>,
    compare: Compare,
    hasher: Hasher,
) -> Result<Prepared, SessionError> {
    let namespaces = Pair::try_from_fn(|side| {
        let found = sources[side].find(&compare.namespaces[side]).cloned();
        found.map_err(|source| SessionError::Source { side, source })
    })?;
    let equality = equality_for(&compare, namespaces.as_ref());
    let layouts = Pair::try_from_fn(|side| {
        let found = layout(&sources[side], &namespaces[side], &config.sides[side]);
        found.map_err(|message| SessionError::Layout { side, message })
    })?;
    let metadata = metadata::compare(
        &compare,
        sources.as_ref().map(|source| source.schemas()),
        namespaces.as_ref(),
        config.sides.as_ref(),
    )
    .map_err(SessionError::Usage)?;
    let inputs = namespaces.as_ref().zip(layouts.as_ref().map(Option::as_ref));
    let lanes = Pair::try_from_fn(|side| {
        let projection = compile(&compare, side, inputs, equality, hasher).map_err(SessionError::Usage)?;
        let (source, namespace) = (sources[side].clone(), namespaces[side].clone());
        Ok::<_, SessionError>(Lane {
            layout: layouts[side].clone(),
            side,
            source,
            namespace,
            projection,
        })
    })?;
    Ok(Prepared {
        compare,
        equality,
        lanes,
        sides: config.sides.clone(),
        metadata,
    })
}

/// Digest of how a side's records are read: what was read in another way is no evidence of the same.
fn reading(prepared: &Prepared, side: Side) -> String {
    let (lane, config) = (&prepared.lanes[side], &prepared.sides[side]);
    let text = lane.layout.as_ref();
    let text = text.map(|layout| (&layout.columns, &layout.dialect, &layout.key));
    let precision = (config.double_precision, config.float_precision);
    let live = (&config.live.consistency, &config.live.read_concern);
    let all = format!("{:?} {text:?} {precision:?} {live:?}", lane.namespace.format);
    blake3::hash(all.as_bytes()).to_hex().to_string()
}

/// The plan of a compare; of a live store, the ranges of the run that is to go on, if there is one that has them.
pub(super) fn planned(prepared: &Prepared, choices: &Choices) -> Result<PlannedCompare, SessionError> {
    let name = &prepared.compare.name;
    let cut = choices.shared || choices.slices.is_some_and(|n| n > 1);
    let before = choices.again.as_ref();
    let before = before.and_then(|plan| plan.compares.iter().find(|c| c.name == *name));
    let inputs = both(|side| {
        let lane = &prepared.lanes[side];
        let mut input = Input {
            location: prepared.sides[side].location.clone(),
            namespace: lane.namespace.name.clone(),
            stored_bytes: lane.namespace.stored_bytes,
            reading: reading(prepared, side),
            ranges: Vec::new(),
        };
        let Some(live) = lane.source.live() else {
            return Ok(input);
        };
        let failed = |source| SessionError::Source { side, source };
        let before = before.map(|before| &before.inputs[side]);
        let before = before.filter(|before| before.namespace == input.namespace);
        if let Some(before) = before {
            // An estimate, which is another each time.
            input.stored_bytes = before.stored_bytes;
        }
        let ranges = before.map(|before| before.ranges.clone()).unwrap_or_default();
        if !ranges.is_empty() {
            live.read_by(&lane.namespace, ranges.clone()).map_err(failed)?;
            input.ranges = ranges;
        } else if cut {
            input.ranges = live.ranges(&lane.namespace).map_err(failed)?;
        }
        Ok::<_, SessionError>(input)
    })?;
    Ok(PlannedCompare {
        name: name.clone(),
        mapping: prepared.compare.digest(),
        sketch_cells: sketch_cells(inputs.stable.stored_bytes + inputs.candidate.stored_bytes),
        inputs,
    })
}

/// Cuts every input into `n` slices at record boundaries. One slice needs no look at the data.
pub(super) fn slices(prepared: &[Prepared], n: usize) -> Result<Vec<Slice>, SessionError> {
    let mut out = Vec::new();
    for (compare, prepared) in prepared.iter().enumerate() {
        for (side, lane) in prepared.lanes.as_ref().into_sides() {
            let spans = match (n, lane.source.live()) {
                (0 | 1, _) => vec![Span::ALL],
                (n, Some(live)) => {
                    let ranges = live.ranges(&lane.namespace);
                    let ranges = ranges
                        .map_err(|source| SessionError::Source { side, source })?
                        .len() as u64;
                    let starts: Vec<(u64, u64)> = (0..ranges).map(|range| (range, 0)).collect();
                    cut(&starts, ranges, n)
                }
                (n, None) => {
                    let (boundaries, end) = boundaries(lane);
                    cut(&boundaries, end, n)
                }
            };
            for span in spans {
                out.push(Slice {
                    id: out.len(),
                    compare,
                    side,
                    span,
                });
            }
        }
    }
    Ok(out)
}

/// The offsets at which records start, thinned out, and the end of what can be read. Trouble ends the list early: the
/// scan will meet it again and say so.
fn boundaries(lane: &Lane) -> (Vec<(u64, u64)>, u64) {
    let (mut offsets, mut end) = (Vec::<(u64, u64)>::new(), 0);
    if let Ok(mut stream) = lane.chunks(Span::ALL) {
        while let Ok(Some(chunk)) = stream.next_chunk() {
            for Record { at, .. } in chunk.records() {
                if offsets.len() < 4096 || offsets.last().is_none_or(|(last, _)| at.offset >= last + 4096) {
                    offsets.push((at.offset, at.record));
                }
            }
            end = chunk.end().offset;
            offsets.push((end, chunk.end().record));
        }
    }
    offsets.dedup();
    (offsets, end)
}
