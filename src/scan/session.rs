//! A session: sources opened, mapping compiled, plan made, run directory chosen; and the work that follows from it.

use super::compare::{Means, Prepared, reconcile, scan};
use super::compile::{compile, equality_for};
use super::lane::Lane;
use super::layout::{layout, open_options};
use super::pass::Monitor;
use super::tally::{Tally, Unread};
use crate::canon::VERSION;
use crate::config::{Config, ConfigError};
use crate::digest::Hasher;
use crate::mapping::Compare;
use crate::plan::{Input, Plan, PlannedCompare, SCHEMA, Slice, Span, Strategy, cut, sketch_cells};
use crate::report::{AuditResult, CompareResult, CompareRun, Outcome, Report, RunFacts, StoreIdentity};
use crate::source::{FileSource, Record, SourceError, SourceErrorKind};
use crate::store::{
    PartHeader, SortBudget, SortError, create_private_dir, read_part, write_atomic, write_part,
};
use crate::verdict::{Evidence, Exit, Policy, PolicyError, decide};
use crate::{Pair, Side};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Why the work could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The command line, the mapping or a run directory does not fit.
    #[error("{0}")]
    Usage(String),
    /// A side cannot be read.
    #[error("{side}: {source}")]
    Source {
        /// The side.
        side: Side,
        /// What happened.
        source: SourceError,
    },
    /// The header of a text file, or the schema beside it, cannot be used.
    #[error("{side}: {message}")]
    Layout {
        /// The side.
        side: Side,
        /// File, place and what was expected.
        message: String,
    },
    /// The disk did not take the spill.
    #[error(transparent)]
    Spill(#[from] SortError),
    /// A file of the run could not be written or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Run {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The run was told to end; it can be taken up again.
    #[error("stopped; run the same command again to go on")]
    Stopped,
}

impl SessionError {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            SessionError::Config(_)
            | SessionError::Policy(_)
            | SessionError::Usage(_)
            | SessionError::Layout { .. }
            | SessionError::Run {
                action: "read" | "list",
                ..
            } => Exit::Usage,
            SessionError::Source { source, .. } => match source.kind() {
                SourceErrorKind::Usage => Exit::Usage,
                SourceErrorKind::NotFound
                | SourceErrorKind::Permission
                | SourceErrorKind::Corrupt
                | SourceErrorKind::Io => Exit::Unreachable,
            },
            SessionError::Spill(SortError::Limit { .. }) => Exit::Hold,
            SessionError::Spill(SortError::Io { .. }) | SessionError::Run { .. } => Exit::Unwritable,
            SessionError::Stopped => Exit::Temporary,
        }
    }

    pub(crate) fn run(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SessionError {
        let path = path.to_owned();
        move |source| SessionError::Run { action, path, source }
    }
}

/// Everything needed to audit.
#[derive(Debug)]
pub struct Session {
    config: Config,
    policy: Policy,
    sources: Pair<Arc<FileSource>>,
    prepared: Vec<Prepared>,
    /// The plan.
    pub plan: Plan,
    hasher: Hasher,
    threads: usize,
}

/// What the configuration does not say.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The seed; drawn if there is none.
    pub seed: Option<u64>,
    /// Slices per side and compare.
    pub slices: Option<usize>,
    /// Names of the compares wanted; all if there are none.
    pub only: Vec<String>,
}

impl Session {
    /// Opens both sides, compiles the mapping and makes the plan.
    pub fn open(
        config: Config,
        policy: Policy,
        choices: &Choices,
        spool: &Path,
    ) -> Result<Session, SessionError> {
        let sources = Pair::try_from_fn(|side| {
            let side_config = &config.sides[side];
            let options =
                open_options(side_config).map_err(|m| SessionError::Usage(format!("{side}: {m}")))?;
            FileSource::open(&side_config.location, &options, spool)
                .map(Arc::new)
                .map_err(|source| SessionError::Source { side, source })
        })?;
        let compares: Vec<Compare> = match &config.compares[..] {
            [] => discover(&sources, &config.default_key)?,
            compares => compares.to_vec(),
        };
        if let Some(unknown) = choices
            .only
            .iter()
            .find(|o| !compares.iter().any(|c| c.name == **o))
        {
            let known: Vec<&str> = compares.iter().map(|c| c.name.as_str()).collect();
            return Err(SessionError::Usage(format!(
                "no compare is called {unknown:?}; there are {}",
                known.join(", ")
            )));
        }
        let compares = compares
            .into_iter()
            .filter(|c| choices.only.is_empty() || choices.only.contains(&c.name));
        let seed = match choices.seed {
            Some(seed) => seed,
            None => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes)
                    .map_err(|e| SessionError::Usage(format!("no randomness: {e}; say --seed")))?;
                u64::from_le_bytes(bytes)
            }
        };
        let hasher = Hasher::new(seed);
        let prepared = compares
            .map(|c| prepare(&config, &sources, c, hasher))
            .collect::<Result<Vec<_>, SessionError>>()?;
        let threads = match config.scan.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        let plan = Plan {
            schema: SCHEMA.to_owned(),
            canonical: VERSION,
            seed: format!("{seed:016x}"),
            compares: prepared.iter().map(planned).collect(),
            slices: slices(&prepared, choices.slices.unwrap_or(1))?,
        };
        Ok(Session {
            config,
            policy,
            sources,
            prepared,
            plan,
            hasher,
            threads,
        })
    }

    /// Bytes that will be read in the first pass, as stored.
    pub fn stored_bytes(&self) -> u64 {
        self.plan
            .compares
            .iter()
            .map(|c| c.inputs.stable.stored_bytes + c.inputs.candidate.stored_bytes)
            .sum()
    }

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

    fn conclude(
        &self,
        dir: &Path,
        monitor: &Monitor,
        tallies: Vec<Tally>,
        started: Timestamp,
        clock: Instant,
        resumed: u64,
    ) -> Result<Report, SessionError> {
        let budget = SortBudget::new(self.config.scan.spill_limit);
        let cancelled = monitor.stopping();
        // What was read is still reconciled after a stop: it is known, and it may be all there is.
        let quiet = Monitor::default();
        let path = dir.join("divergences.ndjson");
        let mut results: Vec<CompareResult> = Vec::new();
        let mut failed = None;
        let written = write_atomic(&path, |out| {
            for (prepared, tally) in self.prepared.iter().zip(&tallies) {
                let means = Means {
                    hasher: self.hasher,
                    threads: self.threads,
                    monitor: &quiet,
                    dir,
                    budget: &budget,
                    strategy: self.config.scan.strategy,
                    samples: self.config.scan.samples,
                };
                match reconcile(prepared, tally, means, out) {
                    Ok(result) => results.push(result),
                    Err(error) => {
                        failed = Some(error);
                        return Err(std::io::Error::other("stopped"));
                    }
                }
            }
            Ok(())
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        written.map_err(SessionError::run("write", &path))?;
        let bytes: u64 = tallies
            .iter()
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
                .map(|(i, p)| self.compare_run(i, p, &tallies[i]))
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
                .flat_map(|(_, s)| s.notices().to_vec())
                .collect(),
            resumed,
            nonce: None,
        };
        let result = AuditResult {
            config_digest: self.config.file.as_ref().map(|_| self.config.digest.clone()),
            stores: Pair::from_fn(|side| self.identity(side)),
            planned: self.prepared.iter().map(|p| p.compare.name.clone()).collect(),
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

    /// The compares, made ready.
    pub(super) fn prepared_compares(&self) -> impl Iterator<Item = &Prepared> {
        self.prepared.iter()
    }

    /// Checks that a plan fits this session, and works under it from now on.
    pub fn follow(self, plan: Plan, choices: &Choices, spool: &Path) -> Result<Session, SessionError> {
        let seed = u64::from_str_radix(&plan.seed, 16)
            .map_err(|_| SessionError::Usage("the plan's seed is no hex number".to_owned()))?;
        let choices = Choices {
            seed: Some(seed),
            slices: None,
            only: choices.only.clone(),
        };
        let mut session = Session::open(self.config, self.policy, &choices, spool)?;
        if session.plan.question() != plan.question() {
            let message = "the plan was made for another configuration, mapping or pair of stores (or they have changed since)";
            return Err(SessionError::Usage(message.to_owned()));
        }
        plan.check()
            .map_err(|m| SessionError::Usage(format!("the plan was changed since it was made: {m}")))?;
        session.plan = plan;
        Ok(session)
    }

    fn compare_run(&self, index: usize, prepared: &Prepared, tally: &Tally) -> CompareRun {
        let planned = Pair::from_fn(|side| {
            self.plan
                .slices
                .iter()
                .filter(|s| s.compare == index && s.side == side)
                .count() as u64
        });
        let unread = Pair::from_fn(|side| tally.unread.iter().filter(|u| u.side == side).count() as u64);
        CompareRun {
            compare: prepared.compare.name.clone(),
            strategy: match self.config.scan.strategy {
                Strategy::Auto => "sketch".to_owned(),
                Strategy::Spill => "spill".to_owned(),
            },
            why: "hash order serves any two stores".to_owned(),
            slices_planned: planned,
            slices_read: planned
                .zip(unread)
                .map(|(planned, unread)| planned.saturating_sub(unread)),
        }
    }

    fn identity(&self, side: Side) -> StoreIdentity {
        let config = &self.config.sides[side];
        StoreIdentity {
            label: config.label.clone().unwrap_or_else(|| side.name().to_owned()),
            kind: "files".to_owned(),
            location: config.location.clone(),
            bytes: Some(
                self.sources[side]
                    .namespaces()
                    .iter()
                    .map(|n| n.stored_bytes)
                    .sum(),
            ),
            digest: None,
        }
    }
}

fn audit_id(plan: &Plan, started: Timestamp) -> String {
    blake3::hash(format!("{}{started}", plan.digest()).as_bytes()).to_hex()[..16].to_owned()
}

/// Without configuration: namespaces of the same name, or the only one of each side.
fn discover(sources: &Pair<Arc<FileSource>>, key: &[String]) -> Result<Vec<Compare>, SessionError> {
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

fn prepare(
    config: &Config,
    sources: &Pair<Arc<FileSource>>,
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
    let inputs = namespaces.as_ref().zip(layouts.as_ref().map(Option::as_ref));
    let lanes = Pair::try_from_fn(|side| {
        let projection = compile(&compare, side, inputs, equality, hasher)
            .map_err(|message| SessionError::Usage(format!("compare {}: {message}", compare.name)))?;
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
    })
}

fn planned(prepared: &Prepared) -> PlannedCompare {
    let inputs = prepared.lanes.as_ref().map(|lane| Input {
        location: prepared.sides[lane.side].location.clone(),
        namespace: lane.namespace.name.clone(),
        stored_bytes: lane.namespace.stored_bytes,
    });
    PlannedCompare {
        name: prepared.compare.name.clone(),
        mapping: prepared.compare.digest(),
        sketch_cells: sketch_cells(inputs.stable.stored_bytes + inputs.candidate.stored_bytes),
        inputs,
    }
}

/// Cuts every input into `n` slices at record boundaries. One slice needs no look at the data.
fn slices(prepared: &[Prepared], n: usize) -> Result<Vec<Slice>, SessionError> {
    let mut out = Vec::new();
    for (compare, prepared) in prepared.iter().enumerate() {
        for (side, lane) in prepared.lanes.as_ref().into_sides() {
            let spans = match n {
                0 | 1 => vec![Span::ALL],
                n => {
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
        while let Ok(Some(chunk)) = stream.next() {
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
