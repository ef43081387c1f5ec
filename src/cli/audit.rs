//! `diff`, `audit`, `init` and `config`.

use super::args::{Audit, Chosen, Config as ConfigCommand, Diff, Init, Outputs, Tuning};
use super::progress::{Signals, watch};
use super::{Failure, output, seal};
use crate::Pair;
use crate::config::{Config, MAPPING, RunConfig, ScanConfig, SettleConfig, SideConfig, TEMPLATE, expand};
use crate::plan::Plan;
use crate::scan::{Choices, Session};
use crate::source::live::{holds_password, shown};
use crate::source::{Source, is_stream};
use crate::store::{create_private_dir, write_atomic};
use crate::verdict::{DEFAULT_POLICY, Exit, Policy};
use std::path::{Path, PathBuf};

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
    let parsed = match (file, &config.policy) {
        (Some(file), _) => {
            let shown = file.display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {shown}: {e}")))?;
            Policy::parse(&shown, &text)
        }
        (None, Some(section)) => Policy::parse("[policy]", section),
        (None, None) => Ok(Policy::strict()),
    };
    parsed.map_err(|e| Failure::new(Exit::Usage, e.to_string()))
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
    conduct(config, policy, args.chosen.only, &args.tuning, &args.outputs)
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
    conduct(config, Policy::strict(), Vec::new(), &tuning, &args.outputs)
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
    outputs: &Outputs,
) -> Result<Exit, Failure> {
    let signals = Signals::listen();
    refuse_streams_twice(&config)?;
    let sinks = output::open(outputs, &output::Kept::of(&config, tuning.run_dir.as_deref()))?;
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
    let (session, dir) = begin(config, policy, choices, tuning.run_dir.as_deref(), &base)?;
    let report = watch(
        session.stored_bytes(),
        &signals,
        &|| session.waits_for(),
        |monitor| session.audit(&dir, monitor, &|| signals.stop_is_final()),
    )?;
    seal::seal(&dir)?;
    output::write(sinks, &report, &dir)?;
    Ok(report.verdict.map_or(Exit::Hold, |v| v.exit()))
}

/// A finished run is never overwritten.
pub(super) fn refuse_finished(dir: &Path) -> Result<(), Failure> {
    if !dir.join("report.json").exists() {
        return Ok(());
    }
    let message = format!(
        "{} holds a finished run already; choose another --run-dir",
        dir.display()
    );
    Err(Failure::new(Exit::Usage, message))
}

/// Opens the session and its run directory: an unfinished run of the same question is taken up again, under its seed.
fn begin(
    config: Config,
    policy: Policy,
    mut choices: Choices,
    explicit: Option<&Path>,
    base: &Path,
) -> Result<(Session, PathBuf), Failure> {
    let unfinished = |dir: &Path| -> Option<Plan> {
        let text = std::fs::read(dir.join("plan.json")).ok()?;
        (!dir.join("report.json").exists()).then_some(serde_json::from_slice(&text).ok()?)
    };
    // What comes through a pipe comes once: there is no second look at it, and no run to take up.
    let streams = config.sides.as_ref().map(|s| is_stream(&s.location));
    let candidates: Vec<PathBuf> = match explicit {
        _ if streams.stable || streams.candidate => Vec::new(),
        Some(dir) => vec![dir.to_owned()],
        None => {
            let entries = std::fs::read_dir(base).into_iter().flatten();
            let mut dirs: Vec<PathBuf> = entries
                .filter_map(|e| Some(e.ok()?.path()))
                .filter(|p| p.is_dir())
                .collect();
            dirs.sort();
            dirs
        }
    };
    if let Some(dir) = explicit {
        refuse_finished(dir)?;
    }
    for dir in candidates.iter().rev() {
        let Some(plan) = unfinished(dir) else { continue };
        let seed = u64::from_str_radix(&plan.seed, 16).ok();
        if choices.seed.is_some() && choices.seed != seed {
            if explicit.is_some() {
                let message = format!(
                    "{} was begun under seed {}; use it or another --run-dir",
                    dir.display(),
                    plan.seed
                );
                return Err(Failure::new(Exit::Usage, message));
            }
            continue;
        }
        let again = Choices {
            seed,
            again: Some(plan.clone()),
            ..choices.clone()
        };
        let session = Session::open(config.clone(), policy.clone(), &again, base)?;
        match difference(&plan, &session.plan) {
            None => {
                tracing::info!("taking up the unfinished run in {}", dir.display());
                return Ok((session, dir.clone()));
            }
            Some(what) if explicit.is_some() => {
                let message = format!(
                    "{} was begun with another {what}; choose another --run-dir",
                    dir.display()
                );
                return Err(Failure::new(Exit::Usage, message));
            }
            Some(_) => {}
        }
    }
    choices.slices.get_or_insert(1);
    let session = Session::open(config, policy, &choices, base)?;
    let dir = explicit.map_or_else(|| base.join(run_name(&session.plan)), Path::to_owned);
    let json = serde_json::to_vec_pretty(&session.plan).expect("a plan has a JSON form");
    create_private_dir(&dir)
        .and_then(|()| write_atomic(&dir.join("plan.json"), |out| out.write_all(&json)))
        .map_err(|e| {
            Failure::new(
                Exit::Unwritable,
                format!("cannot begin a run in {}: {e}", dir.display()),
            )
        })?;
    Ok((session, dir))
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
