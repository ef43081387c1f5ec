//! The work that follows from a plan: an audit in one go, or slices of one and their putting together.

use super::{Session, SessionError};
use crate::Pair;
use crate::plan::Span;
use crate::report::Report;
use crate::scan::compare::Prepared;
use crate::scan::first::scan;
use crate::scan::pass::Monitor;
use crate::scan::tally::{Tally, Unread};
use crate::store::{PartHeader, create_private_dir, read_part, write_part};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

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
            let tally = self
                .scan_one(prepared, index, ids.clone(), spans, &path, &plan, monitor)?
                .0;
            if monitor.stopping() {
                return Err(SessionError::Stopped);
            }
            drop(tally);
            done += ids.len() as u64;
        }
        Ok(done)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call, from two places, of one long-running step"
    )]
    fn scan_one(
        &self,
        prepared: &Prepared,
        index: usize,
        slices: Vec<usize>,
        mut spans: Pair<Vec<Span>>,
        path: &Path,
        plan: &str,
        monitor: &Monitor,
    ) -> Result<(Tally, u32), SessionError> {
        let mut tally = Tally::new(self.plan.compares[index].sketch_cells);
        let mut resumed = 0;
        if let Ok((header, stored)) = read_part(path)
            && header.plan == plan
            && header.compare == index
            && header.slices == slices
        {
            (spans, tally, resumed) = (header.remaining, stored, header.resumed + 1);
            monitor.bytes.fetch_add(
                tally.counts.stable.bytes + tally.counts.candidate.bytes,
                Ordering::Relaxed,
            );
        }
        let plan = plan.to_owned();
        let interval = Duration::from_secs_f64(self.config.scan.checkpoint_seconds.clamp(0.01, 86_400.0));
        let checkpoint = |tally: &Tally, remaining: Pair<Vec<Span>>| {
            let slices = slices.clone();
            let header = PartHeader {
                plan: plan.clone(),
                compare: index,
                slices,
                remaining,
                resumed,
            };
            write_part(path, &header, tally).map_err(SessionError::run("write", path))
        };
        let (mut tally, remaining) = scan(
            prepared,
            spans,
            tally,
            self.threads,
            monitor,
            interval,
            checkpoint,
        )?;
        for (side, spans) in remaining.into_sides() {
            let file = prepared.lanes[side].namespace.name.clone();
            tally.unread.extend(spans.into_iter().map(|s| Unread {
                side,
                file: file.clone(),
                offset: s.from,
                reason: "stopped before it was read".to_owned(),
            }));
        }
        Ok((tally, resumed))
    }

    /// Audits in one go, with checkpoints in `dir`, and leaves report, verdict and all divergences there.
    pub fn audit(
        &self,
        dir: &Path,
        monitor: &Monitor,
        stop_is_final: &dyn Fn() -> bool,
    ) -> Result<Report, SessionError> {
        let plan = self.plan.digest();
        let started = Timestamp::now();
        let clock = Instant::now();
        let mut tallies = Vec::new();
        let mut resumed = 0;
        for (index, prepared) in self.prepared.iter().enumerate() {
            let ids = self
                .plan
                .slices
                .iter()
                .filter(|s| s.compare == index)
                .map(|s| s.id)
                .collect();
            let spans = Pair::from_fn(|side| self.plan.spans(index, side, |_| true));
            let path = dir.join(format!("{index}.part"));
            let (tally, times) = self.scan_one(prepared, index, ids, spans, &path, &plan, monitor)?;
            resumed = resumed.max(times);
            if monitor.stopping() && !stop_is_final() {
                return Err(SessionError::Stopped);
            }
            tallies.push(tally);
        }
        self.conclude(dir, monitor, tallies, started, clock, resumed.into())
    }

    /// Puts parts of the plan together that `assay scan` left in `parts`, and concludes like an audit.
    pub fn merge(&self, parts: &Path, dir: &Path, monitor: &Monitor) -> Result<Report, SessionError> {
        let (started, clock) = (Timestamp::now(), Instant::now());
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
        self.conclude(dir, monitor, tallies, started, clock, 0)
    }
}
