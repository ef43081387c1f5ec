//! The ranges of live stores in an audit: namespaces are cut while others are read, and what they were cut into is kept for
//! a resumption.

use super::together::both;
use super::{Session, SessionError};
use crate::plan::{Plan, Range};
use crate::scan::pass::Monitor;
use crate::source::live::Ahead;
use crate::store::write_atomic;
use crate::{Pair, Side};
use std::path::{Path, PathBuf};

/// The ranges of both sides of a compare; none of files.
type Ranges = Pair<Vec<Range>>;

/// Where the ranges of a compare are kept.
fn path(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("{index}.ranges"))
}

/// What was kept of a run that was begun. What cannot be read is found anew, and so is all that was read by it.
fn kept(dir: &Path, index: usize) -> Option<Ranges> {
    serde_json::from_slice(&std::fs::read(path(dir, index)).ok()?).ok()
}

/// The plan of the audit in `dir` with the ranges that it kept, for who reads its stores once more: they need not be cut anew.
pub fn with_ranges(mut plan: Plan, dir: &Path) -> Plan {
    for (index, compare) in plan.compares.iter_mut().enumerate() {
        let Some(kept) = kept(dir, index) else { continue };
        for (side, ranges) in kept.into_sides() {
            compare.inputs[side].ranges = ranges;
        }
    }
    plan
}

impl Session {
    fn is_live(&self, index: usize, side: Side) -> bool {
        self.prepared[index].lanes[side].source.live().is_some()
    }

    /// Begins to cut the namespaces of all compares into ranges, on each side one after the other.
    pub(super) fn cut_ahead(&self, dir: &Path) -> Pair<Option<Ahead>> {
        Pair::from_fn(|side| {
            let live = self.sources[side].live()?;
            let namespaces = self.prepared.iter().enumerate().map(|(index, prepared)| {
                let ranges = kept(dir, index).map(|kept| kept[side].clone());
                (prepared.lanes[side].namespace.clone(), ranges)
            });
            Some(live.cut_ahead(namespaces.collect()))
        })
    }

    /// Waits until it is known in which ranges a compare is read, and keeps them. Returns what tells them from others; empty
    /// if there are none.
    ///
    /// Where they cannot be found out, that is met again by who reads the namespace.
    pub(super) fn cut(&self, index: usize, dir: &Path, monitor: &Monitor) -> Result<String, SessionError> {
        if !Side::BOTH.iter().any(|side| self.is_live(index, *side)) {
            return Ok(String::new());
        }
        let kept = kept(dir, index);
        let found = both(|side| {
            let lane = &self.prepared[index].lanes[side];
            let Some(live) = lane.source.live() else {
                return Ok(Vec::new());
            };
            let before = kept.as_ref().map(|kept| kept[side].clone());
            match live.reading_until(&lane.namespace, before, || monitor.stopping()) {
                Ok(Some(reading)) => Ok(reading.ranges.clone()),
                Ok(None) => Err("the run is to end".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        let json = |ranges| serde_json::to_vec(ranges).expect("ranges have a JSON form");
        let json = match (kept, found) {
            (Some(kept), _) => json(&kept),
            (None, Ok(found)) => {
                let (path, json) = (path(dir, index), json(&found));
                write_atomic(&path, |out| out.write_all(&json)).map_err(SessionError::run("write", &path))?;
                json
            }
            (None, Err(why)) => {
                tracing::debug!(index, why, "not cut into ranges");
                return Ok("no ranges".to_owned());
            }
        };
        Ok(blake3::hash(&json).to_hex().to_string())
    }
}
