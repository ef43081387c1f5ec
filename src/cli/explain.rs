//! `explain`: one divergence side by side, or the runbook page of a reason code.

use super::args::Explain;
use super::{Failure, output};
use crate::Side;
use crate::config::Config;
use crate::model::Value;
use crate::plan::{Plan, PlannedCompare};
use crate::report::{Class, Divergence, Listed, Shown, sanitise};
use crate::scan::{Choices, Now, Session, with_ranges};
use crate::verdict::{Code, Exit, Policy};
use std::fmt::Write;
use std::path::Path;

/// `assay explain`.
pub(super) fn explain(args: Explain) -> Result<Exit, Failure> {
    let wanted = |code: &&Code| code.name().eq_ignore_ascii_case(&args.subject);
    if let Some(code) = Code::ALL.iter().find(wanted) {
        return output::print(format!("{}\n\n{}\n", code.name(), code.runbook()).as_bytes());
    }
    let run = Path::new(&args.subject);
    if !run.exists() {
        let codes: Vec<&str> = Code::ALL.iter().map(|c| c.name()).collect();
        let message = format!(
            "{:?} is neither a run directory nor a reason code; codes: {}",
            args.subject,
            codes.join(", ")
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let Some(record) = args.record else {
        let message = "say which divergence: its id, or its key (parts joined by commas)";
        return Err(Failure::new(Exit::Usage, message));
    };
    let broken = |e: std::io::Error| Failure::new(Exit::Usage, format!("{}: {e}", run.display()));
    let report = output::load(run)?;
    // As a report writes a key with quotes, backslashes or control characters in it.
    let written = Shown::key(&Value::Text(record.to_owned())).text;
    let mut text = String::new();
    let mut met = Vec::new();
    for listed in output::divergences(run).map_err(broken)? {
        let listed = listed.map_err(broken)?;
        let d = &listed.divergence;
        let key = d
            .key
            .iter()
            .map(|k| k.text.as_str())
            .collect::<Vec<_>>()
            .join(",");
        if d.id == record || key == record || key == written {
            show(&mut text, &listed.compare, d);
            met.push(listed);
        }
    }
    if text.is_empty() {
        let message = format!(
            "{} has no divergence {record:?}; `assay report {} -o ndjson` lists all",
            run.display(),
            run.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let live = report.result.stores.as_ref().map(|store| store.kind != "files");
    match &args.config {
        Some(config) => again(&mut text, run, config, &met)?,
        None if live.stable || live.candidate => {
            text.push_str("whether it is still so: say -c and the configuration of the run\n");
        }
        None => {}
    }
    output::print(text.as_bytes())
}

/// Looks at both stores as they are now, under the run's mapping.
fn again(out: &mut String, run: &Path, config: &Path, met: &[Listed]) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, format!("{}: {message}", config.display()));
    let path = run.join("plan.json");
    let plan = std::fs::read(&path)
        .map_err(|e| e.to_string())
        .and_then(|json| serde_json::from_slice::<Plan>(&json).map_err(|e| e.to_string()))
        .map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", path.display())))?;
    let temp = tempfile::tempdir()
        .map_err(|e| Failure::new(Exit::Unwritable, format!("no temporary directory: {e}")))?;
    let choices = Choices {
        seed: u64::from_str_radix(&plan.seed, 16).ok(),
        slices: None,
        only: met.iter().map(|listed| listed.compare.clone()).collect(),
        again: Some(with_ranges(plan.clone(), run)),
        shared: false,
    };
    let session = Session::open(Config::load(config)?, Policy::strict(), &choices, temp.path())?;
    for compare in &session.plan.compares {
        let of = |c: &PlannedCompare| {
            let places = c
                .inputs
                .as_ref()
                .map(|input| (input.location.clone(), input.namespace.clone()));
            (c.mapping.clone(), places)
        };
        let before = plan.compares.iter().find(|c| c.name == compare.name);
        if before.map(of) != Some(of(compare)) {
            let message = format!(
                "compare {} has another mapping or other stores than in the run; audit again, and explain that run",
                compare.name
            );
            return Err(usage(message));
        }
    }
    for listed in met {
        let Divergence { id, .. } = &listed.divergence;
        match session.now(listed).map_err(|why| usage(format!("{id}: {why}")))? {
            Now::Equal => out.push_str(&format!("now: {id} is equal on both sides\n")),
            Now::Gone => out.push_str(&format!("now: the record of {id} is on neither side\n")),
            Now::Differs(divergence) => {
                out.push_str("now: different\n");
                show(out, &listed.compare, &divergence);
            }
        }
    }
    Ok(())
}

/// The class of what is not on a side.
fn absent(side: Side) -> Class {
    match side {
        Side::Stable => Class::Extra,
        Side::Candidate => Class::Missing,
    }
}

fn show(out: &mut String, compare: &str, d: &Divergence) {
    let mut line =
        |text: String| writeln!(out, "{}", sanitise(&text)).expect("writing to a String cannot fail");
    line(format!("{} {} in {compare} ({})", d.class, d.id, d.state));
    for part in &d.key {
        line(format!("  key {} = {} ({})", part.name, part.text, part.ty));
    }
    for (side, position) in d.position.as_ref().into_sides() {
        match position {
            Some(p) => line(format!(
                "  {side}: {} at byte {}, record {}",
                p.file,
                p.offset,
                p.record.unwrap_or(0)
            )),
            // A record of a live store has no place but its key.
            None if d.class == absent(side) => line(format!("  {side}: not there")),
            None => {}
        }
    }
    let shown = |s: &Option<Shown>| {
        s.as_ref()
            .map_or("(absent)".to_owned(), |s| format!("{} ({})", s.text, s.ty))
    };
    for field in &d.fields {
        line(format!("  {} {}", field.path, field.class));
        line(format!("    stable    {}", shown(&field.stable)));
        line(format!("    candidate {}", shown(&field.candidate)));
        if let Some(reason) = &field.tolerated_by {
            line(format!("    tolerated: {reason}"));
        }
    }
    if let Some(detail) = &d.detail {
        line(format!("  {detail}"));
    }
}
