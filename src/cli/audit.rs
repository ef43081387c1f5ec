//! `diff`, `audit`, `init` and `config`.

use super::args::{Audit, Chosen, Config as ConfigCommand, Diff, Init, Tuning};
use super::progress::{Signals, watch};
use super::{Failure, output, seal};
use crate::Pair;
use crate::config::{Config, MAPPING, RunConfig, ScanConfig, SettleConfig, SideConfig, TEMPLATE, expand};
use crate::mapping::Compare;
use crate::plan::{Plan, PlannedCompare};
use crate::scan::{Choices, Session};
use crate::source::live::{holds_password, shown};
use crate::source::{Source, is_stream};
use crate::store::{create_private_dir, hold_dir, write_atomic};
use crate::verdict::{DEFAULT_POLICY, Exit, Policy};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Reads the configuration and puts the command line's wishes over it.
pub(super) fn load(chosen: &Chosen, tuning: &Tuning) -> Result<Config, Failure> {
    let mut config = Config::load(&chosen.config)?;
    if chosen.swap {
        config.swap();
    }
    tune(&mut config, tuning)?;
    Ok(config)
}

/// Threads beyond which more of them are a mistake.
const MOST_THREADS: usize = 1024;

pub(super) fn tune(config: &mut Config, tuning: &Tuning) -> Result<(), Failure> {
    for (_, side) in config.sides.as_mut().into_sides() {
        side.live.max_rate = tuning.max_rate.or(side.live.max_rate);
    }
    let delay = &mut config.settle.delay_seconds;
    *delay = tuning.settle_delay.unwrap_or(*delay);
    if delay.is_nan() || *delay < 0.0 {
        let message = format!("a delay of {delay} s: expected a number from 0 up");
        return Err(Failure::new(Exit::Usage, message));
    }
    let scan = &mut config.scan;
    scan.threads = tuning.threads.unwrap_or(scan.threads);
    scan.strategy = tuning.strategy.unwrap_or(scan.strategy);
    scan.samples = tuning.samples.unwrap_or(scan.samples);
    scan.spill_limit = tuning.spill_limit.unwrap_or(scan.spill_limit);
    scan.checkpoint_seconds = tuning.checkpoint_seconds.unwrap_or(scan.checkpoint_seconds);
    if scan.threads > MOST_THREADS {
        let message = format!(
            "{} threads: at most {MOST_THREADS}; 0 means one a core",
            scan.threads
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    if scan.checkpoint_seconds.is_nan() || scan.checkpoint_seconds < 0.0 {
        let message = format!(
            "checkpoints every {} s: expected a number from 0 up",
            scan.checkpoint_seconds
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

/// The policy: the file given, else the configuration's section, else the strict one.
pub(super) fn policy(file: Option<&Path>, config: &Config) -> Result<Policy, Failure> {
    let Some(file) = file else {
        return Ok(config.policy.clone().unwrap_or_else(Policy::strict));
    };
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {shown}: {e}")))?;
    Policy::parse(&shown, &text).map_err(|e| Failure::new(Exit::Usage, e.to_string()))
}

/// `assay audit`.
pub(super) fn audit(args: Audit) -> Result<Exit, Failure> {
    let config = load(&args.chosen, &args.tuning)?;
    if config.compares.is_empty() && config.namespaces.is_none() {
        let message = format!(
            "{}: no [[compare]] and no [namespaces]; an audit of nothing proves nothing",
            args.chosen.config.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let policy = policy(args.policy.as_deref(), &config)?;
    let kept = output::Kept::of(&config, args.tuning.run_dir.as_deref()).and(&args.policy);
    let sinks = output::open(&args.outputs, &kept)?;
    conduct(config, policy, args.chosen.only, &args.tuning, sinks)
}

/// `assay diff`.
pub(super) fn diff(args: Diff) -> Result<Exit, Failure> {
    let side = |location: &String| {
        let mut side = SideConfig {
            format: args.format.clone(),
            dialect: args.dialect,
            null: args.null.clone(),
            escapes: args.escapes,
            schema: args.schema.clone(),
            ..SideConfig::at(location_of(location)?)
        };
        side.keep_secret();
        Ok::<_, Failure>(side)
    };
    let mut config = Config {
        file: None,
        sides: Pair {
            stable: side(&args.stable)?,
            candidate: side(&args.candidate)?,
        },
        compares: Vec::new(),
        namespaces: None,
        scan: ScanConfig::default(),
        settle: SettleConfig::default(),
        run: RunConfig::default(),
        default_key: args.key.clone(),
        policy: None,
        digest: String::new(),
    };
    tune(&mut config, &args.tuning)?;
    if args.tuning.run_dir.is_none() {
        // A directory that goes at the end holds nothing to be taken up again.
        config.scan.checkpoint_seconds = f64::INFINITY;
    }
    let temp = tempfile::Builder::new().prefix("assay-diff-").tempdir();
    let temp = temp.map_err(|e| Failure::new(Exit::Unwritable, format!("no temporary directory: {e}")))?;
    let tuning = Tuning {
        run_dir: args.tuning.run_dir.or(Some(temp.path().to_owned())),
        ..args.tuning
    };
    let kept = output::Kept::of(&config, tuning.run_dir.as_deref());
    let sinks = output::open(&args.outputs, &kept)?;
    conduct(config, Policy::strict(), Vec::new(), &tuning, sinks)
}

/// A location from the command line, which everybody on the machine can see.
pub(super) fn location_of(location: &str) -> Result<String, Failure> {
    if !Source::is_live(location) {
        return Ok(location.to_owned());
    }
    if holds_password(location) && !location.contains("${") {
        let message = format!(
            "{}: a password on the command line is seen by everybody on this machine; put it into the environment and \
             write '${{NAME}}' in its place, in single quotes",
            shown(location)
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    expand(location).map_err(|m| Failure::new(Exit::Usage, format!("{}: {m}", shown(location))))
}

fn refuse_streams_twice(config: &Config) -> Result<(), Failure> {
    let sides = config.sides.as_ref().map(|s| s.location == "-");
    if sides.stable && sides.candidate {
        return Err(Failure::new(Exit::Usage, "only one side can be standard input"));
    }
    Ok(())
}

/// The way every audit goes.
pub(super) fn conduct(
    config: Config,
    policy: Policy,
    only: Vec<String>,
    tuning: &Tuning,
    sinks: Vec<output::Sink>,
) -> Result<Exit, Failure> {
    let signals = Signals::listen();
    refuse_streams_twice(&config)?;
    let base = tuning.run_dir.clone().unwrap_or_else(|| config.run.dir.clone());
    create_private_dir(&base).map_err(|e| {
        Failure::new(
            Exit::Unwritable,
            format!("cannot create the run directory {}: {e}", base.display()),
        )
    })?;
    let choices = Choices {
        seed: tuning.seed,
        slices: tuning.slices,
        only,
        again: None,
        shared: false,
    };
    let (session, place) = begin(config, policy, choices, tuning.run_dir.as_deref(), &base)?;
    let dir = &place.dir;
    let report = watch(
        session.stored_bytes(),
        &signals,
        &|| session.waits_for(),
        |monitor| session.audit(dir, monitor),
    )?;
    seal::seal(dir)?;
    output::write(sinks, &report, dir)?;
    Ok(report.verdict.map_or(Exit::Hold, |v| v.exit()))
}

/// Takes a run directory for this process.
///
/// # Errors
/// Another process works in it, or it holds a finished run, which is never overwritten.
pub(super) fn take(dir: &Path) -> Result<File, Failure> {
    let held = create_private_dir(dir).and_then(|()| hold_dir(dir));
    let held = held.map_err(|e| {
        let message = format!("cannot begin a run in {}: {e}", dir.display());
        Failure::new(Exit::Unwritable, message)
    })?;
    let held = held.ok_or_else(|| {
        let message = format!(
            "another assay works in {}; wait for its end, or choose another --run-dir",
            dir.display()
        );
        Failure::new(Exit::Temporary, message)
    })?;
    if seal::is_finished(dir) {
        let message = format!(
            "{} holds a finished run already; choose another --run-dir",
            dir.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(held)
}

/// A run directory of this process.
struct Place {
    dir: PathBuf,
    _held: File,
}

/// The runs below `base` that can be taken up again, the latest last. One that was begun so long ago that its evidence would
/// be too old is left alone.
fn unfinished(base: &Path, max_age: Duration) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(base).into_iter().flatten();
    let mut dirs: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    let begun = |dir: &PathBuf| std::fs::metadata(dir.join("plan.json")).and_then(|plan| plan.modified());
    // A clock that was set back makes nothing too old.
    let fresh = |at: SystemTime| at.elapsed().is_ok_and(|age| age < max_age) || at > SystemTime::now();
    dirs.retain(|dir| begun(dir).is_ok_and(fresh) && !seal::is_finished(dir));
    dirs.sort();
    dirs
}

/// Whether a plan may ask the same question, as far as that can be told without a look at the stores.
fn may_be_of(plan: &Plan, config: &Config, only: &[String]) -> bool {
    let wanted = |name: &String| only.is_empty() || only.contains(name);
    let declared = config.compares.iter().filter(|compare| wanted(&compare.name));
    let mappings = plan.compares.iter().map(|compare| &compare.mapping);
    let locations = config.sides.as_ref().map(|side| &side.location);
    let stores = |compare: &PlannedCompare| compare.inputs.as_ref().map(|input| &input.location) == locations;
    // Without declared compares they are what the stores have.
    (config.compares.is_empty() || declared.map(Compare::digest).eq(mappings.cloned()))
        && plan.compares.iter().all(stores)
}

/// Opens the session and its run directory: an unfinished run of the same question is taken up again, under its seed.
fn begin(
    config: Config,
    policy: Policy,
    mut choices: Choices,
    explicit: Option<&Path>,
    base: &Path,
) -> Result<(Session, Place), Failure> {
    let mut held = explicit.map(take).transpose()?;
    explicit.map_or(Ok(()), seal::refuse_foreign)?;
    // What comes through a pipe comes once: there is no second look at it, and no run to take up.
    let streams = config.sides.as_ref().map(|s| is_stream(&s.location));
    let candidates: Vec<PathBuf> = match explicit {
        _ if streams.stable || streams.candidate => Vec::new(),
        Some(dir) => vec![dir.to_owned()],
        None => unfinished(base, Duration::from_secs(policy.max_age_seconds)),
    };
    for dir in candidates.into_iter().rev() {
        let plan = std::fs::read(dir.join("plan.json")).ok();
        let Some(plan) = plan.and_then(|text| serde_json::from_slice::<Plan>(&text).ok()) else {
            continue;
        };
        let shown = dir.display();
        let seed = u64::from_str_radix(&plan.seed, 16).ok();
        if choices.seed.is_some() && choices.seed != seed {
            if explicit.is_some() {
                let message = format!(
                    "{shown} was begun under seed {}; use it or another --run-dir",
                    plan.seed
                );
                return Err(Failure::new(Exit::Usage, message));
            }
            continue;
        }
        if explicit.is_none() && !may_be_of(&plan, &config, &choices.only) {
            continue;
        }
        // One that another process works in is not unfinished.
        let Some(held) = held.take().or_else(|| take(&dir).ok()) else {
            continue;
        };
        let again = Choices {
            seed,
            again: Some(plan.clone()),
            ..choices.clone()
        };
        let session = Session::open(config.clone(), policy.clone(), &again, base)?;
        match difference(&plan, &session.plan) {
            None => {
                tracing::info!("taking up the unfinished run in {shown}");
                seal::open(&dir)?;
                return Ok((session, Place { dir, _held: held }));
            }
            Some(what) if explicit.is_some() => {
                let message = format!("{shown} was begun with another {what}; choose another --run-dir");
                return Err(Failure::new(Exit::Usage, message));
            }
            Some(_) => {}
        }
    }
    choices.slices.get_or_insert(1);
    let session = Session::open(config, policy, &choices, base)?;
    let dir = explicit.map_or_else(|| base.join(run_name(&session.plan)), Path::to_owned);
    let held = held.map_or_else(|| take(&dir), Ok)?;
    // Of a run that was interrupted and is not taken up.
    seal::open(&dir)?;
    let json = serde_json::to_vec_pretty(&session.plan).expect("a plan has a JSON form");
    write_atomic(&dir.join("plan.json"), |out| out.write_all(&json)).map_err(|e| {
        let message = format!("cannot begin a run in {}: {e}", dir.display());
        Failure::new(Exit::Unwritable, message)
    })?;
    Ok((session, Place { dir, _held: held }))
}

/// How a plan's inputs are read.
fn readings(plan: &Plan) -> impl Iterator<Item = Pair<&str>> {
    plan.compares
        .iter()
        .map(|c| c.inputs.as_ref().map(|input| input.reading.as_str()))
}

/// What the plan of a run that was begun has different from the plan at hand.
fn difference(old: &Plan, new: &Plan) -> Option<&'static str> {
    if old.digest() == new.digest() {
        return None;
    }
    Some(match () {
        () if old.canonical != new.canonical || old.schema != new.schema => "encoding version",
        () if old
            .compares
            .iter()
            .map(|c| &c.mapping)
            .ne(new.compares.iter().map(|c| &c.mapping)) =>
        {
            "mapping"
        }
        () if readings(old).ne(readings(new)) => {
            "way of reading its stores (format, dialect, columns, types or consistency)"
        }
        () if old.compares != new.compares => "pair of stores (or they have changed since)",
        () if old.seed != new.seed => "seed",
        () => "number of slices",
    })
}

fn run_name(plan: &Plan) -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{}", &plan.digest()[..8])
}

/// `assay init`.
pub(super) fn init(args: Init) -> Result<Exit, Failure> {
    use std::io::Write as _;
    let shown = args.file.display();
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file);
    file.and_then(|mut f| f.write_all(TEMPLATE.as_bytes()))
        .map_err(|e| Failure::new(Exit::Unwritable, format!("cannot create {shown}: {e}")))?;
    output::print(format!("wrote {shown}; next: edit it, then `assay config check -c {shown}`\n").as_bytes())
}

/// `assay config …`.
pub(super) fn config(command: ConfigCommand) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::ExitCodes => {
            let row = |e: &Exit| format!("{:>3}  {:<12} {}\n", e.code(), e.name(), e.meaning());
            output::print(Exit::ALL.iter().map(row).collect::<String>().as_bytes())
        }
        ConfigCommand::Policy => output::print(DEFAULT_POLICY.as_bytes()),
        ConfigCommand::Mapping => output::print(MAPPING.as_bytes()),
        ConfigCommand::Check { chosen } => {
            let mut config = Config::load(&chosen.config)?;
            if chosen.swap {
                config.swap();
            }
            let policy = policy(None, &config)?;
            let temp = tempfile::tempdir()
                .map_err(|e| Failure::new(Exit::Unwritable, format!("no temporary directory: {e}")))?;
            let choices = Choices {
                seed: Some(0),
                slices: None,
                only: chosen.only,
                again: None,
                shared: false,
            };
            let session = Session::open(config, policy, &choices, temp.path())?;
            let mut out = String::new();
            let mut serious = false;
            for finding in session.check() {
                serious |= finding.serious;
                out.push_str(&crate::report::sanitise(&finding.to_string()));
                out.push('\n');
            }
            out.push_str(if serious {
                "the mapping does not fit the stores\n"
            } else {
                "the mapping fits the stores\n"
            });
            output::print(out.as_bytes())?;
            Ok(if serious { Exit::Usage } else { Exit::Go })
        }
    }
}
