//! The end of every audit: reconcile, report, decide, and leave it all in the run directory.

use super::{Alone, Session, SessionError};
use crate::canon::VERSION;
use crate::mapping::Compare;
use crate::plan::Plan;
use crate::report::{
    AuditResult, ClusterTime, CompareResult, CompareRun, Outcome, Report, RunFacts, SnapshotReads,
    StoreIdentity, StoreLoad,
};
use crate::scan::beside::{Over, beside};
use crate::scan::compare::{Means, Prepared, reconcile};
use crate::scan::first::Scanned;
use crate::scan::pass::Monitor;
use crate::source::live::{self, SnapshotUse, Usage};
use crate::store::write_atomic;
use crate::verdict::{Evidence, decide};
use crate::{Pair, Side};
use jiff::Timestamp;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Session {
    pub(super) fn conclude(
        &self,
        means: Means<'_>,
        mut scanned: Vec<Scanned<'_>>,
        started: Timestamp,
        clock: Instant,
        resumed: u64,
    ) -> Result<Report, SessionError> {
        let told = means.monitor;
        if told.leaving() {
            return Err(SessionError::Stopped);
        }
        self.look_before(&mut scanned, told);
        let cancelled = told.stopping();
        // What was read is still reconciled after a stop: it is known, and it may be all there is.
        let quiet = Monitor::default();
        // But who stops a run does not want to wait for more.
        quiet.end.store(cancelled, Ordering::Relaxed);
        let dir = means.dir;
        let means = Means {
            monitor: &quiet,
            ..means
        };
        let path = dir.join("divergences.ndjson");
        let mut results: Vec<CompareResult> = Vec::new();
        let mut failed = None;
        let heed = |over: &Over| {
            while !over.is_so() {
                if told.stopping() {
                    quiet.stop.store(told.leaving(), Ordering::Relaxed);
                    quiet.end.store(true, Ordering::Relaxed);
                    return self.hurry();
                }
                over.wait(Monitor::LOOK);
            }
        };
        let write = |out: &mut dyn Write| {
            for (prepared, scanned) in self.prepared.iter().zip(&mut scanned) {
                match reconcile(prepared, scanned, means, out) {
                    Ok(result) => results.push(result),
                    Err(error) => {
                        failed = Some(error);
                        return Err(std::io::Error::other("stopped"));
                    }
                }
            }
            Ok(())
        };
        let written = beside(heed, || write_atomic(&path, write));
        // Its checkpoints are whole: it can be taken up again.
        if told.leaving() {
            return Err(SessionError::Stopped);
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        written.map_err(SessionError::run("write", &path))?;
        self.look_again(&mut results, told);
        if told.leaving() {
            return Err(SessionError::Stopped);
        }
        let cancelled = told.stopping();
        results.extend(self.alone.iter().map(alone));
        let bytes: u64 = scanned
            .iter()
            .map(|s| &s.tally)
            .map(|t| t.counts.stable.bytes + t.counts.candidate.bytes)
            .sum();
        let took = clock.elapsed();
        let run = RunFacts {
            audit_id: audit_id(&self.plan, started),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            canonical_version: VERSION,
            seed: self.plan.seed.clone(),
            threads: self.threads as u64,
            started: Some(started),
            finished: Some(Timestamp::now()),
            duration_ms: took.as_millis() as u64,
            bytes_per_second: (bytes as f64 / took.as_secs_f64().max(1e-6)) as u64,
            compares: self
                .prepared
                .iter()
                .enumerate()
                .map(|(i, p)| self.compare_run(i, p, &scanned[i]))
                .collect(),
            outcome: if cancelled {
                Outcome::Cancelled
            } else {
                Outcome::Complete
            },
            failures: Vec::new(),
            degraded: self
                .sources
                .as_ref()
                .into_sides()
                .iter()
                .flat_map(|(_, s)| s.notices())
                .collect(),
            resumed,
            nonce: None,
            load: self
                .sources
                .as_ref()
                .map(|source| source.live().map(|live| load(live.usage(), live.snapshots()))),
        };
        let result = AuditResult {
            config_digest: self.config.file.as_ref().map(|_| self.config.digest.clone()),
            stores: Pair::from_fn(|side| self.identity(side)),
            planned: {
                let compares = self.prepared.iter().map(|p| &p.compare.name);
                compares
                    .chain(self.alone.iter().map(|a| &a.name))
                    .cloned()
                    .collect()
            },
            left_out: self.left_out.clone(),
            compares: results,
        };
        let verdict = decide(&Evidence::new(&result, &run), &self.policy, Timestamp::now());
        let verdict_path = dir.join("verdict.json");
        write_atomic(&verdict_path, |out| out.write_all(verdict.to_json().as_bytes()))
            .map_err(SessionError::run("write", &verdict_path))?;
        let report = Report {
            result,
            run,
            verdict: Some(verdict),
            ..Report::default()
        };
        let report_path = dir.join("report.json");
        let json = serde_json::to_vec_pretty(&report).expect("a report has a JSON form");
        write_atomic(&report_path, |out| out.write_all(&json))
            .map_err(SessionError::run("write", &report_path))?;
        Ok(report)
    }

    fn compare_run(&self, index: usize, prepared: &Prepared, scanned: &Scanned<'_>) -> CompareRun {
        let planned = Pair::from_fn(|side| {
            self.plan
                .slices
                .iter()
                .filter(|s| s.compare == index && s.side == side)
                .count() as u64
        });
        let unread =
            Pair::from_fn(|side| scanned.tally.unread.iter().filter(|u| u.side == side).count() as u64);
        CompareRun {
            compare: prepared.compare.name.clone(),
            strategy: scanned.way.name().to_owned(),
            why: scanned.why.clone(),
            slices_planned: planned,
            slices_read: planned
                .zip(unread)
                .map(|(planned, unread)| planned.saturating_sub(unread)),
            read_ms: scanned.took.as_millis() as u64,
        }
    }

    fn identity(&self, side: Side) -> StoreIdentity {
        let config = &self.config.sides[side];
        StoreIdentity {
            label: config.label.clone().unwrap_or_else(|| side.name().to_owned()),
            kind: self.sources[side].kind().to_owned(),
            location: config.location.clone(),
            // A live store that does not say how much it holds need not be empty.
            bytes: Some(
                self.sources[side]
                    .namespaces()
                    .iter()
                    .map(|n| n.stored_bytes)
                    .sum(),
            )
            .filter(|bytes| *bytes > 0 || self.sources[side].live().is_none()),
            digest: None,
        }
    }
}

fn load(usage: Usage, snapshots: Option<SnapshotUse>) -> StoreLoad {
    StoreLoad {
        requests: usage.requests,
        bytes: usage.bytes,
        back_offs: usage.back_offs,
        waited_ms: usage.waited.as_millis() as u64,
        most_in_flight: usage.most_in_flight as u64,
        least_allowed: usage.least_allowed.map(|least| least as u64),
        pauses: usage.pauses,
        paused_ms: usage.paused.as_millis() as u64,
        snapshots: snapshots.map(|snapshots| SnapshotReads {
            reads: snapshots.reads,
            first: snapshots.first.map(cluster_time),
            last: snapshots.last.map(cluster_time),
            begun_anew: snapshots.begun_anew,
            given_up: snapshots.given_up,
        }),
    }
}

fn cluster_time(at: live::ClusterTime) -> ClusterTime {
    ClusterTime {
        seconds: at.seconds,
        increment: at.increment,
    }
}

/// The result of a namespace that has no counterpart to compare it with: nothing was compared.
fn alone(alone: &Alone) -> CompareResult {
    let mut names: Pair<String> = Pair::default();
    names[alone.side].clone_from(&alone.name);
    let namespaces = names
        .clone()
        .map(|name| Some(name).filter(|name| !name.is_empty()));
    let notice = format!("{}; its records were not read", alone.why);
    CompareResult {
        name: alone.name.clone(),
        namespaces,
        mapping_digest: Compare::plain(alone.name.clone(), names, Vec::new()).digest(),
        notices: vec![notice],
        ..CompareResult::default()
    }
}

fn audit_id(plan: &Plan, started: Timestamp) -> String {
    blake3::hash(format!("{}{started}", plan.digest()).as_bytes()).to_hex()[..16].to_owned()
}
