//! Reasons as the rules collect them, and the decision that follows from their severities.

use super::code::{Code, Severity};
use super::evidence::CompareEvidence;
use super::wire::{Decision, Reason};

/// The reasons found so far.
#[derive(Default)]
pub(super) struct Reasons(Vec<Reason>);

impl Reasons {
    pub(super) fn push(&mut self, reason: Reason) {
        self.0.push(reason);
    }

    pub(super) fn add(&mut self, code: Code, detail: String) {
        self.0.push(Reason::new(code, detail));
    }

    pub(super) fn add_at(&mut self, code: Code, detail: String, evidence_ref: String) {
        let mut reason = Reason::new(code, detail);
        reason.evidence_ref = Some(evidence_ref);
        self.0.push(reason);
    }

    pub(super) fn about<'a>(&'a mut self, compare: &'a CompareEvidence, index: usize) -> About<'a> {
        About {
            reasons: self,
            compare: &compare.name,
            index,
        }
    }

    pub(super) fn decision(&self) -> Decision {
        // Declared in order of weight.
        match self.0.iter().map(|reason| reason.severity).min() {
            Some(Severity::Failure) => Decision::Hold,
            Some(Severity::NoGo) => Decision::NoGo,
            Some(Severity::Hold) => Decision::Hold,
            Some(Severity::Note) | None => Decision::Go,
        }
    }

    pub(super) fn sorted(mut self) -> Vec<Reason> {
        self.0.sort_by_key(|reason| reason.code);
        self.0
    }
}

/// Reasons about one compare.
pub(super) struct About<'a> {
    reasons: &'a mut Reasons,
    compare: &'a str,
    index: usize,
}

impl About<'_> {
    pub(super) fn add(&mut self, code: Code, detail: String, below: &str) {
        let mut reason = Reason::new(code, detail);
        reason.compare = Some(self.compare.to_owned());
        reason.evidence_ref = Some(format!("/result/compares/{}{below}", self.index));
        self.reasons.0.push(reason);
    }
}

impl Reason {
    /// A reason with its code's severity.
    pub(super) fn new(code: Code, detail: String) -> Reason {
        Reason {
            code,
            severity: code.severity(),
            compare: None,
            detail,
            evidence_ref: None,
        }
    }
}
