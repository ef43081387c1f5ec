//! Whether the records of live stores are found again by their keys, as settling needs it: tried on a few.

use super::lane::Lane;
use super::lookup::{Asked, ask};
use super::session::Session;
use crate::Side;
use crate::mapping::Depth;
use crate::plan::Span;
use crate::source::SourceError;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Keys that are tried, at most.
const FEW: usize = 10;

/// How a few records of a live side were looked up by their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// The compare.
    pub compare: String,
    /// The side.
    pub side: Side,
    /// The namespace.
    pub namespace: String,
    /// Where the records hold the key; parts inside the elements of an array are left out, since none is looked up by them.
    pub paths: Vec<String>,
    /// How many keys were tried, and how many of them brought a record.
    pub found: (usize, usize),
    /// How long that took.
    pub took: Duration,
    /// Why some are looked for by reading all of it, if they are.
    pub through: Option<String>,
    /// Why records cannot be looked up, if they cannot.
    pub problem: Option<String>,
}

impl Session {
    /// Looks up a few records of every live side by their keys.
    pub fn points(&self) -> Vec<Points> {
        let lanes = self.prepared_compares().flat_map(|prepared| {
            let lanes = prepared.lanes.as_ref().into_sides();
            lanes.map(|(_, lane)| (&prepared.compare.name, lane))
        });
        let live = lanes.filter(|(_, lane)| lane.source.live().is_some());
        live.map(|(compare, lane)| points(compare, lane)).collect()
    }
}

fn points(compare: &str, lane: &Lane) -> Points {
    let mut points = Points {
        compare: compare.to_owned(),
        side: lane.side,
        namespace: lane.namespace.name.clone(),
        paths: lane.projection.key_paths(),
        found: (0, 0),
        took: Duration::ZERO,
        through: None,
        problem: None,
    };
    let keys = match few(lane) {
        Ok(keys) => keys,
        Err(error) => {
            points.problem = Some(error.to_string());
            return points;
        }
    };
    let asked: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let started = Instant::now();
    let Asked { found, doubtful } = ask(lane, &asked);
    points.took = started.elapsed();
    let failed = found.values().find_map(|records| records.as_ref().err());
    points.problem = failed.cloned();
    points.through = doubtful.values().min().cloned();
    let brought = found.values().filter(|r| r.as_ref().is_ok_and(|r| !r.is_empty()));
    points.found = (keys.len(), brought.count());
    points
}

/// A few keys of records that are there.
fn few(lane: &Lane) -> Result<BTreeSet<Vec<u8>>, SourceError> {
    let mut keys = BTreeSet::new();
    let mut chunks = lane.chunks(Span::ALL)?;
    let mut digester = lane.digester(Depth::Tree);
    while keys.len() < FEW
        && let Some(chunk) = chunks.next_chunk()?
    {
        lane.each_record(&chunk, &mut digester, |d, _, _| {
            d.take_captured();
            if d.keyed() && keys.len() < FEW {
                keys.insert(d.key().to_vec());
            }
        });
    }
    Ok(keys)
}
