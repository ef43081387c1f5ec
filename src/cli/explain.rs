//! `explain`: one divergence side by side, or the runbook page of a reason code.

use super::args::Explain;
use super::{Failure, output};
use crate::report::{Divergence, Shown, sanitise};
use crate::verdict::{Code, Exit};
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
    output::load(run)?;
    let mut text = String::new();
    for listed in output::divergences(run).map_err(broken)? {
        let listed = listed.map_err(broken)?;
        let d = &listed.divergence;
        let key = d
            .key
            .iter()
            .map(|k| k.text.as_str())
            .collect::<Vec<_>>()
            .join(",");
        if d.id == record || key == record {
            show(&mut text, &listed.compare, d);
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
    output::print(text.as_bytes())
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
            None => line(format!("  {side}: not there")),
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
