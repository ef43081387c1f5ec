//! The plan: which namespaces are read on which side, in which slices, under which seed and equality.
//!
//! A plan is a file that several processes can share: `assay plan` writes it, `assay scan` works off some of its slices,
//! `assay merge` puts the parts together. `assay audit` makes one for itself, with one slice a side.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod range;

pub use range::Range;

use crate::digest::Sketch;
use crate::{Pair, Side};
use serde::{Deserialize, Serialize};

/// Version of the plan's wire format.
pub const SCHEMA: &str = "assay.plan/1";

/// How differing records are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Merge where both sides begin in key order; else the sketch, and the spill where it cannot hold the differences.
    #[default]
    Auto,
    /// Merge both sides as they are read: one pass for files in key order. Where the order breaks, spill after all.
    Merge,
    /// Sketch the difference, then read again what it names: hash order, for files in no order.
    Sketch,
    /// Spill every record as it is read: for stores that are known to differ grossly.
    Spill,
}

/// A range of a namespace's record stream, in bytes; without an end it goes to the end of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// First byte.
    pub from: u64,
    /// Number of the record that starts there, from 0.
    pub record: u64,
    /// One past the last byte.
    pub to: Option<u64>,
}

impl Span {
    /// The whole stream.
    pub const ALL: Span = Span {
        from: 0,
        record: 0,
        to: None,
    };
}

/// A unit of reading on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Number within the plan, from 0.
    pub id: usize,
    /// The compare, by its place in the plan.
    pub compare: usize,
    /// The side.
    pub side: Side,
    /// What is read.
    pub span: Span,
}

/// One side of one planned compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The store, without secrets.
    pub location: String,
    /// The namespace.
    pub namespace: String,
    /// Its size as stored, in bytes. A file that has changed since is refused; of a live store it is an estimate.
    pub stored_bytes: u64,
    /// Digest of how its records are read, hex: format, dialect, types of columns, consistency.
    pub reading: String,
    /// The ranges of a live store; positions in its spans number them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
}

/// One planned compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCompare {
    /// Its name.
    pub name: String,
    /// Digest of its mapping, hex.
    pub mapping: String,
    /// Cells of its sketch.
    pub sketch_cells: usize,
    /// What is read.
    pub inputs: Pair<Input>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Version of the canonical bytes.
    pub canonical: u32,
    /// The seed all hashes are made under, as 16 hex digits.
    pub seed: String,
    /// The compares.
    pub compares: Vec<PlannedCompare>,
    /// The slices, which tile every input.
    pub slices: Vec<Slice>,
}

impl Plan {
    /// BLAKE3 of the plan's content, hex. Parts made under another plan do not fit.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("a plan holds nothing that JSON cannot");
        blake3::hash(&json).to_hex().to_string()
    }

    /// Digest of what the plan asks without how it is cut: two plans with the same question give the same answer.
    pub fn question(&self) -> String {
        Plan {
            slices: Vec::new(),
            ..self.clone()
        }
        .digest()
    }

    /// Whether the slices are numbered in order and tile every input, each byte in one of them. A plan that leaves out a
    /// stretch would prove nothing about it.
    ///
    /// # Errors
    /// A sentence about the first slice that does not fit.
    pub fn check(&self) -> Result<(), String> {
        for (number, slice) in self.slices.iter().enumerate() {
            if slice.id != number || slice.compare >= self.compares.len() {
                return Err(format!(
                    "slice {} of compare {} stands at place {number} of the plan's slices",
                    slice.id, slice.compare
                ));
            }
        }
        for (index, compare) in self.compares.iter().enumerate() {
            for side in Side::BOTH {
                let mut expected = Some(0);
                for span in self.spans(index, side, |_| true) {
                    if expected != Some(span.from) || span.to.is_some_and(|to| to <= span.from) {
                        let name = &compare.name;
                        return Err(format!(
                            "the slices of compare {name} leave a gap or overlap in {side} at byte {}",
                            expected.unwrap_or(span.from).min(span.from)
                        ));
                    }
                    expected = span.to;
                }
                if let Some(end) = expected {
                    return Err(format!(
                        "the slices of compare {} leave out {side} from byte {end} on",
                        compare.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// The spans of one compare and side that `wanted` picks, in stream order.
    pub fn spans(&self, compare: usize, side: Side, wanted: impl Fn(usize) -> bool) -> Vec<Span> {
        let mine = |s: &&Slice| s.compare == compare && s.side == side && wanted(s.id);
        let mut spans: Vec<Span> = self.slices.iter().filter(mine).map(|s| s.span).collect();
        spans.sort_by_key(|s| s.from);
        spans
    }
}

/// Cells of a sketch for inputs of `bytes` bytes in all: enough for one changed record in a hundred of 500 bytes, and
/// never more than 6 MiB, whatever the size of the stores: a larger one would not stay in a processor's cache.
pub fn sketch_cells(bytes: u64) -> usize {
    const MOST: u64 = 98_304;
    (bytes / 1024).clamp(Sketch::MIN_CELLS as u64, MOST) as usize
}

/// Cuts one stream of `end` bytes into at most `n` spans, about even, at `boundaries`: offsets of records with their
/// numbers, in order.
pub fn cut(boundaries: &[(u64, u64)], end: u64, n: usize) -> Vec<Span> {
    let n = n.min(boundaries.len() + 1);
    let mut starts = vec![(0, 0)];
    for i in 1..n as u64 {
        let aim = end / n as u64 * i;
        let found = boundaries.get(boundaries.partition_point(|(offset, _)| *offset < aim));
        starts.extend(found.filter(|(offset, _)| *offset > 0 && *offset < end));
    }
    starts.dedup();
    let ends = starts[1..]
        .iter()
        .map(|(offset, _)| Some(*offset))
        .chain(std::iter::once(None));
    starts
        .iter()
        .zip(ends)
        .map(|(&(from, record), to)| Span { from, record, to })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(spans: Pair<Vec<Span>>) -> Plan {
        let slices = spans.into_sides().into_iter().flat_map(|(side, spans)| {
            spans.into_iter().map(move |span| Slice {
                id: 0,
                compare: 0,
                side,
                span,
            })
        });
        let slices = slices.enumerate().map(|(id, slice)| Slice { id, ..slice });
        let input = Input {
            location: "x".into(),
            namespace: "x".into(),
            stored_bytes: 9,
            reading: String::new(),
            ranges: Vec::new(),
        };
        Plan {
            schema: SCHEMA.into(),
            canonical: 1,
            seed: "7".into(),
            compares: vec![PlannedCompare {
                name: "x".into(),
                mapping: String::new(),
                sketch_cells: 4096,
                inputs: Pair {
                    stable: input.clone(),
                    candidate: input,
                },
            }],
            slices: slices.collect(),
        }
    }

    #[test]
    fn only_plans_that_tile_are_followed() {
        let span = |from, to| Span { from, record: 0, to };
        let both = |spans: &[Span]| {
            plan(Pair {
                stable: vec![Span::ALL],
                candidate: spans.to_vec(),
            })
        };
        assert_eq!(both(&[Span::ALL]).check(), Ok(()));
        assert_eq!(both(&[span(0, Some(5)), span(5, None)]).check(), Ok(()));
        for (spans, words) in [
            (&[][..], "candidate from byte 0"),
            (&[span(0, Some(5))], "candidate from byte 5"),
            (&[span(0, Some(5)), span(6, None)], "candidate at byte 5"),
            (&[span(0, Some(5)), span(4, None)], "candidate at byte 4"),
            (&[span(0, Some(5)), span(5, Some(5))], "candidate at byte 5"),
            (&[span(3, None)], "candidate at byte 0"),
            (&[span(0, None), span(5, None)], "candidate at byte 5"),
        ] {
            let error = both(spans).check().unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let mut wrong = both(&[Span::ALL]);
        wrong.slices[1].id = 7;
        assert!(wrong.check().is_err());
        wrong.slices[1] = Slice {
            id: 1,
            compare: 1,
            ..wrong.slices[1].clone()
        };
        assert!(wrong.check().is_err());
    }

    proptest! {
        #[test]
        fn cuts_tile(mut lens in proptest::collection::vec(1u64..1000, 0..200), n in 1usize..70) {
            lens.insert(0, 0);
            let ends: Vec<u64> = lens.iter().scan(0, |at, len| { *at += len; Some(*at) }).collect();
            let end = *ends.last().unwrap();
            let boundaries: Vec<(u64, u64)> = ends.iter().copied().zip(0..).collect();
            let spans = cut(&boundaries, end, n);
            prop_assert!(spans.len() <= n);
            prop_assert_eq!(spans[0].from, 0);
            prop_assert_eq!(spans.last().unwrap().to, None);
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].to, Some(pair[1].from));
                prop_assert!(pair[0].from < pair[1].from);
                prop_assert!(boundaries.contains(&(pair[1].from, pair[1].record)));
            }
        }
    }
}
