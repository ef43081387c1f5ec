//! The decision: a pure function of evidence, policy and time.
//!
//! Rules in order: doubt about the evidence or the run → HOLD; a confirmed divergence beyond its allowance → NO_GO;
//! anything required that is not proven → HOLD; else GO. Taking evidence away never makes a GO: what is not known counts
//! against the same allowance as what is known to differ.

use super::code::Code;
use super::evidence::Evidence;
use super::metadata::metadata;
use super::policy::Policy;
use super::reasons::Reasons;
use super::rules::{age, completeness, declarations, divergences, presence, too_old_at, trust};
use super::wire::{CompareVerdict, Decision, Verdict, VerdictSchema, Window};
use jiff::Timestamp;

/// Decides. Deterministic, and total: every evidence gets a verdict.
pub fn decide(evidence: &Evidence, policy: &Policy, now: Timestamp) -> Verdict {
    let mut reasons = Reasons::default();
    trust(evidence, &mut reasons);
    age(evidence, policy, now, &mut reasons);
    presence(evidence, policy, &mut reasons);
    for allowance in &policy.allowances {
        if allowance
            .expires
            .as_ref()
            .is_some_and(|expires| expires.passed(now))
        {
            let where_ = allowance.compare.as_deref().unwrap_or("every compare");
            reasons.add(
                Code::AllowanceExpired,
                format!("the allowance for {} in {where_} has ended", allowance.class),
            );
        }
    }
    for allowance in &policy.metadata {
        if allowance
            .expires
            .as_ref()
            .is_some_and(|expires| expires.passed(now))
        {
            let what = &allowance.what;
            reasons.add(
                Code::AllowanceExpired,
                format!("the allowance for {what} has ended"),
            );
        }
    }
    let mut compares = Vec::with_capacity(evidence.compares.len());
    for (index, compare) in evidence.compares.iter().enumerate() {
        let mut about = reasons.about(compare, index);
        completeness(compare, policy, &mut about);
        declarations(compare, now, &mut about);
        metadata(compare, policy, now, &mut about);
        let allowances = divergences(compare, policy, now, &mut about);
        compares.push(CompareVerdict {
            name: compare.name.clone(),
            required: policy.required.includes(&compare.name),
            mapping_digest: compare.mapping_digest.clone(),
            roots: compare.roots.clone(),
            coverage: compare.coverage.clone(),
            counts: compare.counts.clone(),
            suppressions: compare.ignored.clone(),
            tolerances: compare.tolerances.clone(),
            allowances,
        });
    }
    let decision = reasons.decision();
    if decision == Decision::Go {
        let records = evidence
            .compares
            .iter()
            .map(|c| c.coverage.records.stable)
            .sum::<u64>();
        let n = evidence.compares.len();
        reasons.add(
            Code::Proven,
            format!("compares proven: {n}; stable records: {records}"),
        );
    }
    let expires_at = expires_at(evidence, policy, &compares);
    Verdict {
        schema: VerdictSchema::V1,
        verdict: decision,
        reasons: reasons.sorted(),
        audit_id: evidence.audit_id.clone(),
        nonce: evidence.nonce.clone(),
        decided_at: now,
        window: Window {
            started: evidence.started,
            finished: evidence.finished,
        },
        oldest_evidence: evidence.started,
        expires_at,
        stores: evidence.stores.clone(),
        config_digest: evidence.config_digest.clone(),
        policy_digest: policy.digest(),
        result_digest: evidence.result_digest.clone(),
        tool_version: evidence.tool_version.clone(),
        canonical_version: evidence.canonical_version,
        compares,
    }
}

/// When the decision ends.
fn expires_at(evidence: &Evidence, policy: &Policy, compares: &[CompareVerdict]) -> Option<Timestamp> {
    let too_old = too_old_at(evidence.started?, policy)?;
    let declared = compares.iter().flat_map(|compare| {
        let ignored = compare.suppressions.iter().filter_map(|i| i.expires.as_ref());
        let tolerated = compare.tolerances.iter().filter_map(|t| t.expires.as_ref());
        ignored.chain(tolerated)
    });
    let allowed = policy
        .allowances
        .iter()
        .filter_map(|allowance| allowance.expires.as_ref());
    let metadata = policy
        .metadata
        .iter()
        .filter_map(|allowance| allowance.expires.as_ref());
    declared
        .chain(allowed)
        .chain(metadata)
        .map(|expires| expires.at())
        .chain([too_old])
        .min()
}
