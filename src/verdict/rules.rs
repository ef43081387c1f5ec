//! The rules, one function each. Each looks at evidence and policy, and says what it finds as reasons.

use super::code::Code;
use super::evidence::{CompareEvidence, Evidence};
use super::policy::{Policy, Required};
use super::reasons::{About, Reasons};
use super::wire::{AllowanceUsed, Reason};
use crate::report::{Class, FailureKind, Outcome, State};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How far the clocks of the auditing and the judging machine may be apart.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whether evidence and run can be trusted at all.
pub(super) fn trust(evidence: &Evidence, reasons: &mut Reasons) {
    for (index, failure) in evidence.failures.iter().enumerate() {
        let code = match failure.kind {
            FailureKind::Integrity => Code::Integrity,
            FailureKind::Run => Code::RunFailed,
        };
        let side = failure.side.map_or(String::new(), |side| format!("{side}: "));
        reasons.add_at(
            code,
            format!("{side}{}", failure.detail),
            format!("/run/failures/{index}"),
        );
    }
    let at = || "/run/outcome".to_owned();
    match evidence.outcome {
        Outcome::Complete => {}
        Outcome::Cancelled => reasons.add_at(Code::RunCancelled, "the run was stopped".to_owned(), at()),
        Outcome::Failed => reasons.add_at(Code::RunFailed, "the run failed".to_owned(), at()),
        Outcome::Unfinished => reasons.add_at(Code::RunFailed, "the run has not ended".to_owned(), at()),
    }
    let mut names = BTreeSet::new();
    for compare in &evidence.compares {
        if !names.insert(&compare.name) {
            reasons.add(
                Code::Contradiction,
                format!("compare {} has two results", compare.name),
            );
        }
    }
    if let (Some(started), Some(finished)) = (evidence.started, evidence.finished)
        && finished < started
    {
        reasons.add(
            Code::Contradiction,
            format!("the run finished at {finished}, before it started at {started}"),
        );
    }
}

/// Whether the evidence is young enough.
pub(super) fn age(evidence: &Evidence, policy: &Policy, now: Timestamp, reasons: &mut Reasons) {
    let (Some(started), Some(finished)) = (evidence.started, evidence.finished) else {
        return reasons.add_at(
            Code::Undated,
            "start or end of the run is not known".to_owned(),
            "/run".to_owned(),
        );
    };
    if too_old_at(started, policy).is_none_or(|end| now >= end) {
        let age = now.duration_since(started).as_secs();
        let detail = format!(
            "the oldest evidence is {age} s old, less than {} s is asked for",
            policy.max_age_seconds
        );
        reasons.add_at(Code::TooOld, detail, "/run/started".to_owned());
    }
    if finished.duration_since(now) > CLOCK_SKEW || started.duration_since(now) > CLOCK_SKEW {
        let detail = format!("gathered from {started} to {finished}, judged at {now}");
        reasons.add_at(Code::FromFuture, detail, "/run/finished".to_owned());
    }
}

/// Whether every compare that must be there is.
pub(super) fn presence(evidence: &Evidence, policy: &Policy, reasons: &mut Reasons) {
    if evidence.compares.is_empty() {
        reasons.add_at(
            Code::NoCompares,
            "nothing was compared".to_owned(),
            "/result/compares".to_owned(),
        );
    }
    let mut wanted: BTreeSet<&String> = evidence.planned.iter().collect();
    if let Required::Names(names) = &policy.required {
        wanted.extend(names);
    }
    for name in wanted {
        if !evidence.compares.iter().any(|compare| compare.name == *name) {
            let mut reason = Reason::new(Code::CompareAbsent, format!("compare {name} has no result"));
            reason.compare = Some(name.clone());
            reason.evidence_ref = Some("/result/planned".to_owned());
            reasons.push(reason);
        }
    }
    for name in &evidence.left_out {
        let mut reason = Reason::new(Code::LeftOut, format!("compare {name} was left out (--only)"));
        reason.compare = Some(name.clone());
        reason.evidence_ref = Some("/result/left_out".to_owned());
        reasons.push(reason);
    }
    let records = |c: &CompareEvidence| c.coverage.records.stable > 0 || c.coverage.records.candidate > 0;
    let mut comparable = evidence.compares.iter().filter(|c| has_both(c)).peekable();
    if comparable.peek().is_some() && !comparable.any(records) {
        reasons.add_at(
            Code::NoRecords,
            "no compare has a record".to_owned(),
            "/result/compares".to_owned(),
        );
    }
}

fn has_both(compare: &CompareEvidence) -> bool {
    compare.namespaces.stable.is_some() && compare.namespaces.candidate.is_some()
}

/// Whether the compare was read as completely as the policy asks.
pub(super) fn completeness(compare: &CompareEvidence, policy: &Policy, about: &mut About<'_>) {
    let coverage = &compare.coverage;
    for (side, namespace) in compare.namespaces.as_ref().into_sides() {
        if namespace.is_none() {
            about.add(
                Code::NoNamespace,
                format!("{side} has no namespace"),
                "/namespaces",
            );
        }
    }
    // Of what is not there nothing was read: the rest goes without saying.
    if !has_both(compare) {
        return;
    }
    for (side, root) in compare.roots.as_ref().into_sides() {
        if root.is_none() {
            about.add(Code::NoRoot, format!("{side} has no root"), "/roots");
        }
    }
    if coverage.records.stable == 0 && coverage.records.candidate == 0 {
        let code = if policy.required.includes(&compare.name) {
            Code::NoRecords
        } else {
            Code::EmptyOptional
        };
        about.add(code, "neither side has a record".to_owned(), "/coverage/records");
    }
    if coverage.leaves_compared > coverage.leaves_total {
        let detail = format!(
            "{} of {} leaves compared",
            coverage.leaves_compared, coverage.leaves_total
        );
        about.add(Code::Contradiction, detail, "/coverage");
    }
    let proven = u128::from(coverage.leaves_compared) * 1_000_000;
    if coverage.leaves_total == 0
        || proven < u128::from(coverage.leaves_total) * u128::from(policy.leaves_ppm)
    {
        let (some, all) = (coverage.leaves_compared, coverage.leaves_total);
        about.add(
            Code::Coverage,
            format!("{some} of {all} leaves compared"),
            "/coverage",
        );
    }
    let Some(run) = &compare.run else {
        return about.add(
            Code::Unread,
            "the run does not say which slices it read".to_owned(),
            "",
        );
    };
    let mut unread = coverage.unread.len() as u64;
    for (side, (planned, read)) in run.slices_planned.zip(run.slices_read).into_sides() {
        if planned == 0 {
            about.add(Code::Unread, format!("{side} has no slice"), "");
        }
        // Slices that failed are listed as unread stretches as well where they can be: the larger number counts.
        unread = unread.max(planned.saturating_sub(read));
    }
    if unread > policy.unread {
        let example = coverage.unread.first();
        let example = example.map_or(String::new(), |first| format!("; first: {first}"));
        about.add(
            Code::Unread,
            format!("parts not read: {unread}{example}"),
            "/coverage/unread",
        );
    }
    // Unequal roots and numbers of records are explained by something counted, or the evidence is not whole.
    let nothing_counted =
        unread == 0 && compare.counts.total() == 0 && compare.lossy.iter().all(|lossy| lossy.cells == 0);
    let records = coverage.records;
    if nothing_counted && records.stable != records.candidate {
        let detail = format!(
            "{} stable and {} candidate records",
            records.stable, records.candidate
        );
        about.add(
            Code::Contradiction,
            format!("{detail}, and no divergence is counted"),
            "/coverage/records",
        );
    }
    if let (true, Some(stable), Some(candidate)) =
        (nothing_counted, &compare.roots.stable, &compare.roots.candidate)
        && stable != candidate
    {
        about.add(
            Code::Contradiction,
            "the roots differ and no divergence is counted".to_owned(),
            "/roots",
        );
    }
}

/// Ignores and tolerances: whether they still hold.
pub(super) fn declarations(compare: &CompareEvidence, now: Timestamp, about: &mut About<'_>) {
    for (index, ignored) in compare.ignored.iter().enumerate() {
        let at = format!("/ignored/{index}");
        match &ignored.expires {
            Some(e) if e.passed(now) => {
                about.add(
                    Code::IgnoreExpired,
                    format!("ignore of {} ended {e}", ignored.path),
                    &at,
                );
            }
            _ if ignored.reason.is_empty() => about.add(
                Code::Unmapped,
                format!("{} is named by no rule and was not compared", ignored.path),
                &at,
            ),
            _ => about.add(
                Code::Ignored,
                format!("{} is not compared: {}", ignored.path, ignored.reason),
                &at,
            ),
        }
    }
    for (index, used) in compare.tolerances.iter().enumerate() {
        let at = format!("/tolerances/{index}");
        match &used.expires {
            Some(e) if e.passed(now) => {
                about.add(
                    Code::ToleranceExpired,
                    format!("tolerance of {} ended {e}", used.path),
                    &at,
                );
            }
            _ => about.add(
                Code::Tolerated,
                format!("{} of {} within {}", used.count, used.path, used.rule),
                &at,
            ),
        }
    }
}

/// Divergences against allowances, class by class. What is unknown or racing might be a divergence of its class, and is
/// charged as one.
pub(super) fn divergences(
    compare: &CompareEvidence,
    policy: &Policy,
    now: Timestamp,
    about: &mut About<'_>,
) -> Vec<AllowanceUsed> {
    let mut used = Vec::new();
    for class in Class::ALL {
        let confirmed = compare.counts.get(class, State::Confirmed);
        let racing = compare.counts.get(class, State::Racing);
        let mut unknown = compare.counts.get(class, State::Unknown);
        if class == Class::Lossy {
            unknown = unknown.max(compare.lossy.iter().map(|lossy| lossy.cells).sum());
        }
        let charged = confirmed.saturating_add(racing).saturating_add(unknown);
        if charged == 0 {
            continue;
        }
        let allowance = policy.allowance(class, &compare.name, now);
        let limit = allowance.map_or(0, |allowance| allowance.limit.of(compare.records()));
        let at = if class == Class::Lossy {
            "/lossy".to_owned()
        } else {
            format!("/counts/{class}")
        };
        if confirmed > limit {
            let code = if allowance.is_some() {
                Code::AllowanceExceeded
            } else {
                Code::Divergence
            };
            about.add(
                code,
                format!("{confirmed} {class} confirmed, {limit} allowed"),
                &at,
            );
        }
        if charged > limit {
            if unknown > 0 {
                let code = if class == Class::Lossy {
                    Code::LossyExport
                } else {
                    Code::Unknown
                };
                about.add(code, format!("{unknown} {class} unknown, {limit} allowed"), &at);
            }
            if racing > 0 {
                about.add(
                    Code::Racing,
                    format!("{racing} {class} racing, {limit} allowed"),
                    &at,
                );
            }
        } else if let Some(allowance) = allowance {
            about.add(
                Code::Allowed,
                format!("{charged} {class}, {limit} allowed: {}", allowance.reason),
                &at,
            );
            used.push(AllowanceUsed {
                class,
                count: charged,
                limit,
                reason: allowance.reason.clone(),
                owner: allowance.owner.clone(),
                expires: allowance.expires.clone(),
            });
        }
    }
    used
}

/// When evidence that was begun at `started` becomes too old; none where that is beyond the calendar.
pub(super) fn too_old_at(started: Timestamp, policy: &Policy) -> Option<Timestamp> {
    let seconds = i64::try_from(policy.max_age_seconds).ok()?;
    started.checked_add(SignedDuration::from_secs(seconds)).ok()
}
