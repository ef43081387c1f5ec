//! `plan`, `scan` and `merge`: an audit in steps, for several processes.

use super::args::{Chosen, Merge, Plan as PlanArgs, Scan};
use super::audit::{load, policy, take};
use super::progress::{Signals, watch};
use super::{Failure, output, seal};
use crate::config::Config;
use crate::plan::Plan;
use crate::scan::{Choices, Session};
use crate::source::is_stream;
use crate::store::write_atomic;
use crate::verdict::{Exit, Policy};
use std::path::Path;

/// `assay plan`.
pub(super) fn plan(args: PlanArgs) -> Result<Exit, Failure> {
    let _signals = Signals::listen();
    let config = load(&args.chosen, &args.tuning)?;
    refuse_streams(&config)?;
    output::Kept::of(&config, None).refuse(&args.output)?;
    let temp = spool()?;
    let choices = Choices {
        seed: args.tuning.seed,
        slices: args.tuning.slices,
        only: args.chosen.only,
        again: None,
        shared: true,
    };
    let session = Session::open(config, Policy::strict(), &choices, temp.path())?;
    let json = serde_json::to_vec_pretty(&session.plan).expect("a plan has a JSON form");
    write_atomic(&args.output, |out| out.write_all(&json)).map_err(|e| {
        Failure::new(
            Exit::Unwritable,
            format!("cannot write {}: {e}", args.output.display()),
        )
    })?;
    let (slices, compares) = (session.plan.slices.len(), session.plan.compares.len());
    output::print(
        format!(
            "{}: {slices} slices of {compares} compares\n",
            args.output.display()
        )
        .as_bytes(),
    )
}

/// `assay scan`.
pub(super) fn scan(args: Scan) -> Result<Exit, Failure> {
    let signals = Signals::listen();
    let temp = spool()?;
    let config = load(&args.chosen, &args.tuning)?;
    let session = follow(config, &args.chosen, &args.plan, None, temp.path())?;
    let (i, n) = args.share;
    let done = watch(
        session.stored_bytes() / n as u64,
        &signals,
        &|| session.waits_for(),
        |monitor| session.scan_slices(&|id| id % n == i - 1, &args.parts, monitor),
    )?;
    output::print(format!("scanned {done} slices into {}\n", args.parts.display()).as_bytes())
}

/// `assay merge`.
pub(super) fn merge(args: Merge) -> Result<Exit, Failure> {
    let signals = Signals::listen();
    let dir = args
        .tuning
        .run_dir
        .clone()
        .unwrap_or_else(|| args.parts.join("run"));
    let config = load(&args.chosen, &args.tuning)?;
    let _held = take(&dir)?;
    let files = [&args.plan].into_iter().chain(&args.policy);
    let kept = output::Kept::of(&config, Some(&dir)).and(files);
    let sinks = output::open(&args.outputs, &kept)?;
    let temp = spool()?;
    let session = follow(
        config,
        &args.chosen,
        &args.plan,
        args.policy.as_deref(),
        temp.path(),
    )?;
    seal::open(&dir)?;
    let report = watch(
        session.stored_bytes(),
        &signals,
        &|| session.waits_for(),
        |monitor| session.merge(&args.parts, &dir, monitor),
    )?;
    seal::seal(&dir)?;
    output::write(sinks, &report, &dir)?;
    Ok(report.verdict.map_or(Exit::Hold, |v| v.exit()))
}

/// Steps read their input several times, each in its own process.
fn refuse_streams(config: &Config) -> Result<(), Failure> {
    for (side, config) in config.sides.as_ref().into_sides() {
        if is_stream(&config.location) {
            let message = format!(
                "{side}: {} can be read only once, and plan, scan and merge read several times; write it to a file, or use audit",
                config.location
            );
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(())
}

fn follow(
    config: Config,
    chosen: &Chosen,
    plan: &Path,
    policy_file: Option<&Path>,
    spool: &Path,
) -> Result<Session, Failure> {
    refuse_streams(&config)?;
    let policy = policy(policy_file, &config)?;
    let shown = plan.display();
    let text =
        std::fs::read(plan).map_err(|e| Failure::new(Exit::Usage, format!("cannot read {shown}: {e}")))?;
    let plan: Plan = serde_json::from_slice(&text).map_err(|e| {
        Failure::new(
            Exit::Usage,
            format!("{shown} is no plan of this version of assay: {e}"),
        )
    })?;
    Ok(Session::follow(config, policy, plan, chosen.only.clone(), spool)?)
}

fn spool() -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("assay-")
        .tempdir()
        .map_err(|e| Failure::new(Exit::Unwritable, format!("no temporary directory: {e}")))
}
