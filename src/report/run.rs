//! The part of a report that differs from run to run: when, how fast, by which way, and what went wrong.

use super::time;
use crate::pair::{Pair, Side};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The facts of one run. Names no host and no person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFacts {
    /// The audit's id.
    pub audit_id: String,
    /// A number a gate asked for, to tie the verdict to its question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The version of the tool.
    pub tool_version: String,
    /// The version of the canonical byte format.
    pub canonical_version: u32,
    /// The seed of all record digests, in hex.
    pub seed: String,
    /// Threads that hashed.
    pub threads: u64,
    /// When the first byte was read: the age of the oldest evidence.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub started: Option<Timestamp>,
    /// When the last byte was read.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub finished: Option<Timestamp>,
    /// Time worked, in milliseconds; less than from start to finish when the run was resumed.
    pub duration_ms: u64,
    /// Bytes read per second of that time, both sides together.
    pub bytes_per_second: u64,
    /// How each compare was carried out.
    pub compares: Vec<CompareRun>,
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What was done in a lesser way than asked, in sentences.
    pub degraded: Vec<String>,
    /// How often the run was resumed.
    pub resumed: u64,
    /// What was asked of live stores by the process that ended the run.
    #[serde(default, skip_serializing_if = "no_load")]
    pub load: Pair<Option<StoreLoad>>,
}

fn no_load(load: &Pair<Option<StoreLoad>>) -> bool {
    load.stable.is_none() && load.candidate.is_none()
}

/// What was asked of a live store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreLoad {
    /// Requests made.
    pub requests: u64,
    /// Bytes of records brought, with what frames them in an answer.
    pub bytes: u64,
    /// How often the store said that it had too much to do.
    pub back_offs: u64,
    /// Milliseconds that requests waited for leave (rates, windows, guards, too many at once), added up.
    pub waited_ms: u64,
    /// The most requests that were under way at the same time.
    pub most_in_flight: u64,
    /// The fewest that were allowed at the same time; none if the store never showed that there were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_allowed: Option<u64>,
    /// How often guards held the store back.
    #[serde(default)]
    pub pauses: u64,
    /// Milliseconds for which they did.
    #[serde(default)]
    pub paused_ms: u64,
    /// How suspects were read as of one cluster time; none if the store was not seen to offer it, or nothing was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<SnapshotReads>,
}

/// How suspects were read as of one cluster time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotReads {
    /// Readings of any number of suspects, each as of one time.
    pub reads: u64,
    /// The first of these times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<ClusterTime>,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ClusterTime>,
    /// How often a reading was begun anew at another time, since the store had not kept the state of the first.
    pub begun_anew: u64,
    /// Readings that were made as of no one time in the end.
    pub given_up: u64,
}

/// A point in a deployment's own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterTime {
    /// Seconds since 1970.
    pub seconds: u32,
    /// The number within the second.
    pub increment: u32,
}

/// How one compare was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareRun {
    /// The compare's name.
    pub compare: String,
    /// How differing records were found: `merge`, `sketch` or `spill`.
    pub strategy: String,
    /// Why it was chosen.
    pub why: String,
    /// Slices planned per side.
    pub slices_planned: Pair<u64>,
    /// Slices read to their end per side.
    pub slices_read: Pair<u64>,
    /// Milliseconds of its first pass: of this process, and without cutting live stores into ranges. 0 where slices were scanned
    /// apart.
    #[serde(default)]
    pub read_ms: u64,
}

/// How a run ended. A run that does not say so has not ended well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It came to its end.
    Complete,
    /// Someone stopped it.
    Cancelled,
    /// Something stopped it; see the failures.
    Failed,
    /// It has not ended, or was killed.
    #[default]
    Unfinished,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What it puts in doubt.
    pub kind: FailureKind,
    /// The side it happened on, where it was one side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// What happened, where.
    pub detail: String,
}

/// What a failure puts in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The evidence itself: a checksum that does not hold, a file that changed while it was read.
    Integrity,
    /// The run: a store that could not be reached, a disk that was full.
    Run,
}
