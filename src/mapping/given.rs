//! What the parent of exploded elements gives to each of them.

use super::capture::Captured;
use super::digester::Digester;
use crate::model::Problem;

/// What a record's fields have come to so far, to begin others with.
pub(super) struct Given {
    key_parts: Vec<Vec<u8>>,
    seen: Vec<u64>,
    sum: u128,
    null_in_key: bool,
    problem: Option<Problem>,
    fields: Vec<(u64, u128)>,
    captured: Vec<Captured>,
}

impl Digester {
    /// What the fields put in since the record was started have come to.
    pub(super) fn given(&self) -> Given {
        Given {
            key_parts: self.key_parts.clone(),
            seen: self.seen.clone(),
            sum: self.sum,
            null_in_key: self.null_in_key,
            problem: self.problem.clone(),
            fields: self.fields.clone(),
            captured: self.captured.clone(),
        }
    }

    /// Begins a record that was just started as if the same fields had been put in again.
    pub(super) fn begin_with(&mut self, given: &Given) {
        self.key_parts.clone_from(&given.key_parts);
        self.seen.clone_from(&given.seen);
        self.sum = given.sum;
        self.null_in_key = given.null_in_key;
        self.problem.clone_from(&given.problem);
        self.fields.clone_from(&given.fields);
        self.captured.clone_from(&given.captured);
    }
}
