//! The work that follows from a plan: an audit in one go, or slices of one and their putting together.

use super::{Session, SessionError};
use crate::Pair;
use crate::plan::{Span, Strategy};
use crate::report::Report;
use crate::scan::compare::Means;
use crate::scan::compare::Prepared;
use crate::scan::first::{Scanned, Start, scan};
use crate::scan::pass::Monitor;
use crate::scan::tally::{Tally, Unread};
use crate::store::{PartHeader, create_private_dir, read_part, write_part};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The first pass over one compare, or over some of its slices.
struct Share<'a> {
    scanned: Scanned<'a>,
    /// How often it was taken up again.
    resumed: u32,
    /// When its first byte was read.
    began: Timestamp,
}

/// What tells this state of both sides' files from a later one.
fn stamp(prepared: &Prepared) -> String {
    let stamps = prepared.lanes.as_ref().map(|lane| lane.namespace.stamp());
    format!("{}; {}", stamps.stable, stamps.candidate)
}

impl Session {
    /// Scans the slices that `wanted` picks and writes one part per compare into `dir`.
    pub fn scan_slices(
        &self,
        wanted: &dyn Fn(usize) -> bool,
        dir: &Path,
        monitor: &Monitor,
    ) -> Result<u64, SessionError> {
        create_private_dir(dir).map_err(SessionError::run("create", dir))?;
        let plan = self.plan.digest();
        let budget = self.budget();
        let means = self.means(dir, &budget, monitor);
        let mut done = 0;
        for (index, prepared) in self.prepared.iter().enumerate() {
            let ids: Vec<usize> = self
                .plan
                .slices
                .iter()
                .filter(|s| s.compare == index && wanted(s.id))
                .map(|s| s.id)
                .collect();
            if ids.is_empty() {
                continue;
            }
            let name = blake3::hash(format!("{ids:?}").as_bytes()).to_hex();
            let path = dir.join(format!("{index}-{}.part", &name[..16]));
            let spans = Pair::from_fn(|side| self.plan.spans(index, side, wanted));
            let start = Start::slices(
                spans,
                self.plan.compares[index].sketch_cells,
                self.config.scan.strategy,
            );
            done += ids.len() as u64;
            let plan = || Ok(Some(plan.clone()));
            self.scan_one(prepared, index, ids, start, Some(&path), &plan, &means)?;
            if monitor.stopping() {
                return Err(SessionError::Stopped);
            }
        }
        Ok(done)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, from two places, of one long-running step"
    )]
    fn scan_one<'a>(
        &self,
        prepared: &'a Prepared,
        index: usize,
        slices: Vec<usize>,
        mut start: Start<'a>,
        path: Option<&Path>,
        plan: &dyn Fn() -> Result<Option<String>, SessionError>,
        means: &Means<'a>,
    ) -> Result<Share<'a>, SessionError> {
        let (mut resumed, mut began) = (0, Timestamp::now());
        let known = plan()?;
        let stamp = stamp(prepared);
        match path.map(read_part) {
            // Of files that have changed since, nothing is taken up: what was read of them is of another state.
            Some(Ok((header, tally)))
                if known.as_ref() == Some(&header.plan)
                    && header.stamp == stamp
                    && header.compare == index
                    && header.slices == slices =>
            {
                (resumed, began) = (header.resumed + 1, header.began);
                means.monitor.bytes.fetch_add(
                    tally.counts.stable.bytes + tally.counts.candidate.bytes,
                    Ordering::Relaxed,
                );
                start = Start::again(header.remaining, tally);
            }
            Some(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                tracing::warn!("{error}: beginning anew");
            }
            _ => {}
        }
        let interval = Duration::from_secs_f64(self.config.scan.checkpoint_seconds.clamp(0.01, 86_400.0));
        let checkpoint = |tally: &Tally, remaining: Pair<Vec<Span>>| {
            // What was read is of no use to others before they can know by which ranges.
            let (Some(plan), Some(path)) = (plan()?, path) else {
                return Ok(());
            };
            let header = PartHeader {
                plan,
                stamp: stamp.clone(),
                began,
                compare: index,
                slices: slices.clone(),
                remaining,
                resumed,
            };
            write_part(path, &header, tally).map_err(SessionError::run("write", path))
        };
        let begun = Instant::now();
        let (mut scanned, remaining) = scan(prepared, start, means, interval, checkpoint)?;
        scanned.took = begun.elapsed();
        for (side, spans) in remaining.into_sides() {
            let file = prepared.lanes[side].namespace.name.clone();
            scanned.tally.unread.extend(spans.into_iter().map(|s| Unread {
                side,
                file: file.clone(),
                offset: s.from,
                reason: "stopped before it was read".to_owned(),
            }));
        }
        Ok(Share {
            scanned,
            resumed,
            began,
        })
    }

    /// Audits in one go, with checkpoints in `dir`, and leaves report, verdict and all divergences there.
    pub fn audit(&self, dir: &Path, monitor: &Monitor) -> Result<Report, SessionError> {
        let plan = self.plan.digest();
        let (mut started, clock) = (Timestamp::now(), Instant::now());
        let budget = self.budget();
        let means = self.means(dir, &budget, monitor);
        let mut scanned = Vec::new();
        let mut resumed = 0;
        let _ahead = self.cut_ahead(dir);
        for (index, prepared) in self.prepared.iter().enumerate() {
            self.get_ready(index, dir, monitor);
            if monitor.leaving() {
                return Err(SessionError::Stopped);
            }
            let ids = self
                .plan
                .slices
                .iter()
                .filter(|s| s.compare == index)
                .map(|s| s.id)
                .collect();
            let spans = Pair::from_fn(|side| self.plan.spans(index, side, |_| true));
            let lasting = self.config.scan.checkpoint_seconds.is_finite();
            let path = lasting.then(|| dir.join(format!("{index}.part")));
            let cells = self.plan.compares[index].sketch_cells;
            let start = Start::whole(prepared, spans, cells, self.config.scan.strategy, &means);
            let plan = || {
                let ranges = self.keep_ranges(index, dir)?;
                Ok(ranges.map(|ranges| format!("{plan} in {ranges}")))
            };
            let share = self.scan_one(prepared, index, ids, start, path.as_deref(), &plan, &means)?;
            resumed = resumed.max(share.resumed);
            started = started.min(share.began);
            if monitor.leaving() {
                return Err(SessionError::Stopped);
            }
            scanned.push(share.scanned);
        }
        self.conclude(means, scanned, started, clock, resumed.into())
    }

    /// Puts parts of the plan together that `assay scan` left in `parts`, and concludes like an audit.
    pub fn merge(&self, parts: &Path, dir: &Path, monitor: &Monitor) -> Result<Report, SessionError> {
        let (mut started, clock) = (Timestamp::now(), Instant::now());
        let plan = self.plan.digest();
        let mut tallies: Vec<Tally> = self
            .plan
            .compares
            .iter()
            .map(|c| Tally::new(c.sketch_cells))
            .collect();
        let mut done = vec![false; self.plan.slices.len()];
        let entries = std::fs::read_dir(parts).map_err(SessionError::run("list", parts))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort();
        for path in paths
            .iter()
            .filter(|p| p.extension().is_some_and(|e| e == "part"))
        {
            let (header, tally) = read_part(path).map_err(SessionError::run("read", path))?;
            let shown = path.display();
            if header.plan != plan {
                return Err(SessionError::Usage(format!(
                    "{shown} belongs to another plan; scan again under this one"
                )));
            }
            if header.remaining.stable.len() + header.remaining.candidate.len() > 0 {
                continue;
            }
            if header.stamp != stamp(&self.prepared[header.compare]) {
                return Err(SessionError::Usage(format!(
                    "{shown} was read of files, collections or tables that are not as they are now; remove it and scan its \
                     slices again (a copy counts as the same file if it keeps the time of change: `cp -p`, `rsync -t`)"
                )));
            }
            started = started.min(header.began);
            for id in header.slices {
                if std::mem::replace(&mut done[id], true) {
                    return Err(SessionError::Usage(format!(
                        "{shown} holds slice {id}, which another part holds too"
                    )));
                }
            }
            tallies[header.compare].merge(&tally);
        }
        for slice in self.plan.slices.iter().filter(|s| !done[s.id]) {
            tallies[slice.compare].unread.push(Unread {
                side: slice.side,
                file: self.prepared[slice.compare].lanes[slice.side]
                    .namespace
                    .name
                    .clone(),
                offset: slice.span.from,
                reason: format!("slice {} was not scanned", slice.id),
            });
        }
        let budget = self.budget();
        let means = self.means(dir, &budget, monitor);
        let by_hash = |mut tally: Tally| {
            if self.config.scan.strategy == Strategy::Spill {
                tally.sketch = None;
            }
            Scanned::by_hash(tally, "slices were scanned apart")
        };
        let scanned = tallies.into_iter().map(by_hash).collect();
        self.conclude(means, scanned, started, clock, 0)
    }
}
