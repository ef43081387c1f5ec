//! Differences of indexes, options and schemas: what the policy accepts, and the rule.

use super::code::Code;
use super::evidence::CompareEvidence;
use super::policy::{ExpiresEntry, Policy};
use super::reasons::About;
use crate::report::{Expires, MetadataDifference};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Differences of indexes, options and schemas that somebody accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Entry")]
pub struct MetadataAllowance {
    /// The compare; every compare where none.
    pub compare: Option<String>,
    /// What differs, as the report names it.
    pub what: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it ends.
    pub expires: Option<Expires>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    compare: Option<String>,
    what: String,
    reason: String,
    owner: Option<String>,
    expires: Option<ExpiresEntry>,
}

impl TryFrom<Entry> for MetadataAllowance {
    type Error = String;
    fn try_from(entry: Entry) -> Result<MetadataAllowance, String> {
        if entry.reason.trim().is_empty() || entry.what.trim().is_empty() {
            return Err(
                "an allowance needs `what` differs, as the report names it, and a `reason`".to_owned(),
            );
        }
        Ok(MetadataAllowance {
            compare: entry.compare,
            what: entry.what,
            reason: entry.reason,
            owner: entry.owner,
            expires: entry.expires.map(ExpiresEntry::read).transpose()?,
        })
    }
}

impl MetadataAllowance {
    fn covers(&self, compare: &str, difference: &MetadataDifference, now: Timestamp) -> bool {
        let ended = self.expires.as_ref().is_some_and(|expires| expires.passed(now));
        !ended && self.what == difference.what && self.compare.as_deref().is_none_or(|name| name == compare)
    }
}

/// Whether both stores would give the same answers, as far as their indexes, options and schemas tell.
pub(super) fn metadata(compare: &CompareEvidence, policy: &Policy, now: Timestamp, about: &mut About<'_>) {
    for (index, difference) in compare.metadata.differences.iter().enumerate() {
        let at = format!("/metadata/differences/{index}");
        let mut allowances = policy.metadata.iter();
        let allowance = allowances.find(|allowance| allowance.covers(&compare.name, difference, now));
        let what = &difference.what;
        match (difference.changes_answers, allowance) {
            (false, _) => about.add(Code::MetadataNoted, format!("{what} differs"), &at),
            (true, None) => about.add(
                Code::MetadataDiffers,
                format!("{what} differs, which can change answers"),
                &at,
            ),
            (true, Some(allowance)) => about.add(
                Code::MetadataAllowed,
                format!("{what} differs: {}", allowance.reason),
                &at,
            ),
        }
    }
}
