//! Evidence: everything a verdict may use, and nothing else.

use crate::pair::Pair;
use crate::report::{
    AuditResult, CompareRun, Counts, Coverage, Failure, IgnoredField, LossyExport, Metadata, Outcome,
    RunFacts, StoreIdentity, ToleranceUsed, result_digest,
};
use jiff::Timestamp;

/// Everything a verdict may use. Built from a report's two parts; samples, heat and values are left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The audit's id.
    pub audit_id: String,
    /// The gate's number, where it gave one.
    pub nonce: Option<String>,
    /// The version of the tool.
    pub tool_version: String,
    /// The version of the canonical byte format.
    pub canonical_version: u32,
    /// When the first byte was read.
    pub started: Option<Timestamp>,
    /// When the last byte was read.
    pub finished: Option<Timestamp>,
    /// How the run ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// The digest of the configuration.
    pub config_digest: Option<String>,
    /// The digest of the report's deterministic part.
    pub result_digest: String,
    /// The two stores.
    pub stores: Pair<StoreIdentity>,
    /// The compares that were asked for.
    pub planned: Vec<String>,
    /// The compares of the configuration that the command line left out.
    pub left_out: Vec<String>,
    /// What is known about each compare.
    pub compares: Vec<CompareEvidence>,
}

/// What is known about one compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompareEvidence {
    /// The compare's name.
    pub name: String,
    /// The namespaces read.
    pub namespaces: Pair<Option<String>>,
    /// The digest of the mapping in force.
    pub mapping_digest: String,
    /// What was looked at, and what was not.
    pub coverage: Coverage,
    /// How it was carried out; none where the run does not say.
    pub run: Option<CompareRun>,
    /// The roots of both trees.
    pub roots: Pair<Option<String>>,
    /// Exact numbers of divergences.
    pub counts: Counts,
    /// Fields not compared.
    pub ignored: Vec<IgnoredField>,
    /// Tolerances used.
    pub tolerances: Vec<ToleranceUsed>,
    /// Columns whose export cannot tell the truth.
    pub lossy: Vec<LossyExport>,
    /// How indexes, options and schemas compare.
    pub metadata: Metadata,
}

impl Evidence {
    /// The evidence that a report holds.
    pub fn new(result: &AuditResult, run: &RunFacts) -> Evidence {
        Evidence {
            audit_id: run.audit_id.clone(),
            nonce: run.nonce.clone(),
            tool_version: run.tool_version.clone(),
            canonical_version: run.canonical_version,
            started: run.started,
            finished: run.finished,
            outcome: run.outcome,
            failures: run.failures.clone(),
            config_digest: result.config_digest.clone(),
            result_digest: result_digest(result),
            stores: result.stores.clone(),
            planned: result.planned.clone(),
            left_out: result.left_out.clone(),
            compares: result
                .compares
                .iter()
                .map(|compare| CompareEvidence {
                    name: compare.name.clone(),
                    namespaces: compare.namespaces.clone(),
                    mapping_digest: compare.mapping_digest.clone(),
                    coverage: compare.coverage.clone(),
                    run: run
                        .compares
                        .iter()
                        .find(|run| run.compare == compare.name)
                        .cloned(),
                    roots: compare.roots.clone(),
                    counts: compare.counts.clone(),
                    ignored: compare.ignored.clone(),
                    tolerances: compare.tolerances.clone(),
                    lossy: compare.lossy.clone(),
                    metadata: compare.metadata.clone(),
                })
                .collect(),
        }
    }
}

impl CompareEvidence {
    /// The records of the side that has fewer: the base of allowances in parts per million.
    pub fn records(&self) -> u64 {
        self.coverage.records.stable.min(self.coverage.records.candidate)
    }
}
