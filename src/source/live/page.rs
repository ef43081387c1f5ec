//! What is asked of a live store, and what it answers.

use crate::model::Value;

/// Whole records in the order in which the server sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records' bytes, end to end: BSON documents, or rows of native CQL cells.
    pub data: Vec<u8>,
    /// Where each record ends in `data`.
    pub ends: Vec<usize>,
}

/// One part of a key, as a side holds it: the path of the field, and its value.
#[derive(Clone, Debug)]
pub struct KeyPart {
    /// The field's path on this side: `_id`, a column's name.
    pub path: String,
    /// Its value.
    pub value: Value,
}

/// A point in a deployment's own time: seconds since 1970, and a number within the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterTime {
    /// Seconds since 1970.
    pub seconds: u32,
    /// The number within the second, from 1.
    pub increment: u32,
}

/// How single records were read as of one cluster time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotUse {
    /// Readings of any number of keys, each as of one time.
    pub reads: u64,
    /// The first of these times.
    pub first: Option<ClusterTime>,
    /// The last of them.
    pub last: Option<ClusterTime>,
    /// How often a reading was begun anew, at another time, since the store had not kept the state of the first.
    pub begun_anew: u64,
    /// Readings that were made as of no one time in the end.
    pub given_up: u64,
}

impl SnapshotUse {
    /// Adds what came of further readings.
    pub fn add(&mut self, other: SnapshotUse) {
        self.reads += other.reads;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.begun_anew += other.begun_anew;
        self.given_up += other.given_up;
    }
}
