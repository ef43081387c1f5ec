//! The report for a terminal: the verdict first, then what was looked at, what was found, and what to do next.

mod compare;
mod page;

use super::class::State;
use super::model::Report;
use super::render::{Divergences, Render};
use super::run::{ClusterTime, Outcome, SnapshotReads, StoreLoad};
use crate::Side;
use crate::verdict::{Decision, Severity, Verdict};
use jiff::Timestamp;
use page::{Page, grouped};
use std::io;

/// The terminal renderer. Everything that came from data or configuration is sanitised.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Whether to colour.
    pub colour: bool,
    /// Columns to wrap at; at least 40 are used.
    pub width: usize,
    /// How many divergences to show per compare.
    pub divergences: usize,
}

impl Default for Text {
    fn default() -> Text {
        Text {
            colour: false,
            width: 100,
            divergences: 5,
        }
    }
}

impl Render for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn render(
        &self,
        report: &Report,
        _all: &mut Divergences<'_>,
        out: &mut dyn io::Write,
    ) -> io::Result<u64> {
        let mut page = Page::new(out, self.width.max(40), self.colour);
        headline(report, &mut page)?;
        let mut shown = 0;
        for compare in &report.result.compares {
            page.blank()?;
            shown += compare::render(compare, self.divergences, &mut page)?;
        }
        page.blank()?;
        run(report, &mut page)?;
        next(report, shown, &mut page)?;
        Ok(shown)
    }
}

fn headline(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let Some(verdict) = &report.verdict else {
        return page.line(page::BOLD, "no verdict: this run has not been judged");
    };
    let style = match verdict.verdict {
        Decision::Go => page::GREEN,
        Decision::NoGo => page::RED,
        Decision::Hold => page::YELLOW,
    };
    let found: Vec<String> = State::ALL
        .into_iter()
        .map(|state| {
            (
                state,
                verdict
                    .compares
                    .iter()
                    .map(|compare| compare.counts.of_state(state))
                    .sum(),
            )
        })
        .filter(|(_, n)| *n > 0)
        .map(|(state, n)| format!("{} {state}", grouped(n)))
        .collect();
    let found = if found.is_empty() {
        "no divergence found".to_owned()
    } else {
        found.join(", ")
    };
    let compares = count(verdict.compares.len() as u64, "compare");
    let summary = format!("{}  {found} in {compares}", verdict.verdict.name());
    page.line(style, &summary)?;
    for (side, store) in report.result.stores.as_ref().into_sides() {
        let size = store
            .bytes
            .map_or(String::new(), |bytes| format!(", {} bytes", grouped(bytes)));
        page.item(
            side.name(),
            &format!("{} ({}), {}{size}", store.label, store.kind, store.location),
        )?;
    }
    for reason in &verdict.reasons {
        let style = match reason.severity {
            Severity::Failure | Severity::NoGo => page::RED,
            Severity::Hold => page::YELLOW,
            Severity::Note => page::DIM,
        };
        let compare = reason
            .compare
            .as_ref()
            .map_or(String::new(), |name| format!("{name}: "));
        page.styled_item(style, reason.code.name(), &format!("{compare}{}", reason.detail))?;
    }
    if let (Decision::Go, Some(at)) = (verdict.verdict, verdict.expires_at) {
        page.item("valid until", &at.to_string())?;
    }
    Ok(())
}

fn run(report: &Report, page: &mut Page<'_>) -> io::Result<()> {
    let run = &report.run;
    let outcome = match run.outcome {
        Outcome::Complete => "complete",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed => "failed",
        Outcome::Unfinished => "unfinished",
    };
    page.line(page::BOLD, &format!("run {}", run.audit_id))?;
    let started = run.started.map_or("unknown".to_owned(), |at| at.to_string());
    let resumed = if run.resumed > 0 {
        format!(", resumed {}", count(run.resumed, "time"))
    } else {
        String::new()
    };
    let (seconds, ms) = (run.duration_ms / 1000, run.duration_ms % 1000);
    page.item(
        "outcome",
        &format!("{outcome}, started {started}, {seconds}.{ms:03} s{resumed}"),
    )?;
    page.item(
        "speed",
        &format!(
            "{} bytes/s on {}",
            grouped(run.bytes_per_second),
            count(run.threads, "thread")
        ),
    )?;
    for (side, load) in run.load.into_sides() {
        if let Some(load) = load {
            let since = if run.resumed > 0 {
                "since it was taken up again: "
            } else {
                ""
            };
            page.item("load", &format!("{since}{}", asked(side, load)))?;
            if let Some(snapshots) = load.snapshots {
                page.item("snapshots", &pinned(side, snapshots))?;
            }
        }
    }
    for compare in &run.compares {
        page.item(
            "strategy",
            &format!("{}: {} ({})", compare.compare, compare.strategy, compare.why),
        )?;
    }
    page.item(
        "versions",
        &format!(
            "assay {}, canonical form {}",
            run.tool_version, run.canonical_version
        ),
    )?;
    page.item("seed", &run.seed)?;
    for note in &run.degraded {
        page.styled_item(page::YELLOW, "degraded", note)?;
    }
    Ok(())
}

/// What was asked of a live store, in a line.
fn asked(side: Side, load: StoreLoad) -> String {
    let seconds = |ms: u64| format!("{}.{:03} s", ms / 1000, ms % 1000);
    let slower = load
        .least_allowed
        .map_or(String::new(), |least| format!(", down to {least} at once"));
    let paused = match load.pauses {
        0 => String::new(),
        n => format!(
            ", held back by its guard {} for {}",
            count(n, "time"),
            seconds(load.paused_ms)
        ),
    };
    format!(
        "{side}: {} with {} bytes, at most {} at once, waited {}, backed off {}{slower}{paused}",
        count(load.requests, "request"),
        grouped(load.bytes),
        load.most_in_flight,
        seconds(load.waited_ms),
        count(load.back_offs, "time")
    )
}

/// How suspects were read as of one cluster time, in a line.
fn pinned(side: Side, snapshots: SnapshotReads) -> String {
    let shown = |at: ClusterTime| match Timestamp::from_second(at.seconds.into()) {
        Ok(second) => format!("{second} ({})", at.increment),
        Err(_) => format!("{} ({})", at.seconds, at.increment),
    };
    let times = match (snapshots.first, snapshots.last) {
        (Some(first), Some(last)) if first != last => format!(", {} to {}", shown(first), shown(last)),
        (Some(at), _) => format!(", {}", shown(at)),
        _ => String::new(),
    };
    format!(
        "{side}: suspects read {} as of one cluster time{times}; begun anew {}, given up {}",
        count(snapshots.reads, "time"),
        count(snapshots.begun_anew, "time"),
        count(snapshots.given_up, "time"),
    )
}

/// What to do next: the pages of the codes that decide, and where the rest of the divergences is.
fn next(report: &Report, shown: u64, page: &mut Page<'_>) -> io::Result<()> {
    let total = report.total();
    let codes = report.verdict.as_ref().map_or(Vec::new(), deciding_codes);
    if shown >= total && codes.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.line(page::BOLD, "next")?;
    for code in codes {
        page.item("explain", &format!("assay explain {code}"))?;
    }
    if shown < total {
        let detail = format!(
            "{} of {} divergences are shown here; -o ndjson=FILE lists all",
            grouped(shown),
            grouped(total)
        );
        page.item("list", &detail)?;
    }
    Ok(())
}

fn deciding_codes(verdict: &Verdict) -> Vec<&'static str> {
    let deciding = verdict
        .reasons
        .iter()
        .filter(|reason| reason.severity < Severity::Note);
    let mut codes: Vec<&str> = deciding.map(|reason| reason.code.name()).collect();
    codes.dedup();
    codes
}

/// `1 divergence`, `2 divergences`.
fn count(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}
