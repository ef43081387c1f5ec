//! The verdict: a pure function of evidence, policy and time, and the exit codes that say it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod code;
mod decide;
mod evidence;
mod exit;
mod metadata;
mod policy;
mod reasons;
mod rules;
mod runbook;
mod wire;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod rule_tests;

pub use code::{Code, Severity};
pub use decide::decide;
pub use evidence::{CompareEvidence, Evidence};
pub use exit::Exit;
pub use metadata::MetadataAllowance;
pub use policy::{Allowance, DEFAULT_POLICY, Limit, Policy, PolicyError, Required};
pub use wire::{AllowanceUsed, CompareVerdict, Decision, Reason, Verdict, VerdictSchema, Window};
