//! The report as a whole: what was found, how the run went, what follows from it.

use super::divergence::Listed;
use super::result::AuditResult;
use super::run::RunFacts;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// The version of the report's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportSchema {
    /// Version 1.
    #[default]
    #[serde(rename = "assay.report/1")]
    V1,
}

/// One audit's report. Schema: `reports/report.schema.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The format's version.
    pub schema: ReportSchema,
    /// What was found: the deterministic part.
    pub result: AuditResult,
    /// How the run went.
    pub run: RunFacts,
    /// What follows from both; none before it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl Report {
    /// Reads a report as [`super::Json`] writes it.
    ///
    /// # Errors
    /// The bytes are not a report of a version this build knows; the message has line and column.
    pub fn read(bytes: &[u8]) -> Result<Report, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The divergences that the report itself carries, compare by compare.
    pub fn sampled(&self) -> impl Iterator<Item = Listed> + '_ {
        self.result.compares.iter().flat_map(|compare| {
            compare.divergences.items.iter().map(|divergence| Listed {
                compare: compare.name.clone(),
                divergence: divergence.clone(),
            })
        })
    }

    /// How many divergences there are in all, exactly.
    pub fn total(&self) -> u64 {
        self.result
            .compares
            .iter()
            .map(|compare| compare.divergences.total)
            .sum()
    }
}

/// The deterministic part's bytes: JSON without the times at which a history saw divergences. Two runs over equal data
/// under one seed give equal bytes.
pub fn deterministic_bytes(result: &AuditResult) -> Vec<u8> {
    let mut result = result.clone();
    for divergence in result
        .compares
        .iter_mut()
        .flat_map(|compare| &mut compare.divergences.items)
    {
        divergence.first_seen = None;
        divergence.last_seen = None;
    }
    serde_json::to_vec(&result).expect("a result has a JSON form")
}

/// BLAKE3 of [`deterministic_bytes`], in hex.
pub fn result_digest(result: &AuditResult) -> String {
    blake3::hash(&deterministic_bytes(result)).to_hex().to_string()
}
