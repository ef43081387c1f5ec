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

    /// Gets ready to read a compare, in the ranges that were kept of it if there are some.
    ///
    /// Where that fails, it is met again by who reads the namespace.
    pub(super) fn get_ready(&self, index: usize, dir: &Path, monitor: &Monitor) {
        let kept = kept(dir, index);
        let ready = both(|side| {
            let lane = &self.prepared[index].lanes[side];
            let before = kept.as_ref().map(|kept| kept[side].clone());
            match lane.source.live() {
                Some(live) => live.get_ready(&lane.namespace, before, || monitor.stopping()),
                None => Ok(()),
            }
        });
        if let Err(why) = ready {
            tracing::debug!(index, %why, "not ready to be read");
        }
    }

    /// Keeps the ranges in which a compare is read. Returns what tells them from others, which is empty if there are none;
    /// nothing while they are not known.
    pub(super) fn keep_ranges(&self, index: usize, dir: &Path) -> Result<Option<String>, SessionError> {
        if !Side::BOTH.iter().any(|side| self.is_live(index, *side)) {
            return Ok(Some(String::new()));
        }
        let known = |side: Side| {
            let lane = &self.prepared[index].lanes[side];
            let live = lane.source.live();
            live.map_or(Some(Vec::new()), |live| live.known_ranges(&lane.namespace))
        };
        let (Some(stable), Some(candidate)) = (known(Side::Stable), known(Side::Candidate)) else {
            return Ok(None);
        };
        let json = serde_json::to_vec(&Pair { stable, candidate }).expect("ranges have a JSON form");
        let path = path(dir, index);
        if std::fs::read(&path).ok().as_ref() != Some(&json) {
            write_atomic(&path, |out| out.write_all(&json)).map_err(SessionError::run("write", &path))?;
        }
        Ok(Some(blake3::hash(&json).to_hex().to_string()))
    }
}
