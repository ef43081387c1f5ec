//! The verdict file.

use super::code::{Code, Severity};
use super::exit::Exit;
use crate::pair::Pair;
use crate::report::time;
use crate::report::{Class, Counts, Coverage, Expires, IgnoredField, StoreIdentity, ToleranceUsed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// GO, NO_GO or HOLD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Decision {
    /// Every requirement positively proven.
    #[serde(rename = "GO")]
    Go,
    /// A divergence or breached limit beyond what the policy allows.
    #[serde(rename = "NO_GO")]
    NoGo,
    /// Not proven.
    #[serde(rename = "HOLD")]
    Hold,
}

impl Decision {
    /// The exit code that says so.
    pub const fn exit(self) -> Exit {
        match self {
            Decision::Go => Exit::Go,
            Decision::NoGo => Exit::NoGo,
            Decision::Hold => Exit::Hold,
        }
    }

    /// The word used on the wire.
    pub const fn name(self) -> &'static str {
        self.exit().name()
    }
}

/// The version of the verdict file's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerdictSchema {
    /// Version 1.
    #[default]
    #[serde(rename = "assay.verdict/1")]
    V1,
}

/// A decision with its reasons and everything it rests on. Schema: `reports/verdict.schema.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The format's version.
    pub schema: VerdictSchema,
    /// The decision.
    pub verdict: Decision,
    /// Why, weightiest first.
    pub reasons: Vec<Reason>,
    /// The audit's id.
    pub audit_id: String,
    /// The gate's number, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// When it was decided.
    #[serde(with = "time::instant")]
    pub decided_at: Timestamp,
    /// The time in which the evidence was gathered.
    pub window: Window,
    /// When the oldest evidence was gathered.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub oldest_evidence: Option<Timestamp>,
    /// When the decision ends: the evidence too old, or something it relies on expired, whichever comes first.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub expires_at: Option<Timestamp>,
    /// The two stores.
    pub stores: Pair<StoreIdentity>,
    /// The digest of the configuration, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_digest: Option<String>,
    /// The digest of the policy in force.
    pub policy_digest: String,
    /// The digest of the report's deterministic part.
    pub result_digest: String,
    /// The version of the tool.
    pub tool_version: String,
    /// The version of the canonical byte format.
    pub canonical_version: u32,
    /// What was compared.
    pub compares: Vec<CompareVerdict>,
}

/// The time in which evidence was gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First byte read.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub started: Option<Timestamp>,
    /// Last byte read.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub finished: Option<Timestamp>,
}

/// Why the decision is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The stable word; `assay explain CODE` has a page for each.
    pub code: Code,
    /// What it does to the verdict.
    pub severity: Severity,
    /// The compare it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<String>,
    /// The facts, with exact numbers.
    pub detail: String,
    /// Where the report holds them: a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_ref: Option<String>,
}

/// What was compared, and under which terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareVerdict {
    /// The compare's name.
    pub name: String,
    /// Whether the policy requires it.
    pub required: bool,
    /// The digest of the mapping in force.
    pub mapping_digest: String,
    /// The roots of both trees.
    pub roots: Pair<Option<String>>,
    /// What was looked at, and what was not.
    pub coverage: Coverage,
    /// Exact numbers of divergences.
    pub counts: Counts,
    /// Fields not compared.
    pub suppressions: Vec<IgnoredField>,
    /// Tolerances used.
    pub tolerances: Vec<ToleranceUsed>,
    /// Allowances used.
    pub allowances: Vec<AllowanceUsed>,
}

/// An allowance that covered at least one divergence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowanceUsed {
    /// The class.
    pub class: Class,
    /// Divergences it covered.
    pub count: u64,
    /// How many it allows here.
    pub limit: u64,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expires>,
}

impl Verdict {
    /// The exit code of a program whose only outcome is this verdict.
    pub const fn exit(&self) -> Exit {
        self.verdict.exit()
    }

    /// The verdict file's bytes: indented JSON with a newline at the end.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a verdict has a JSON form") + "\n"
    }
}
