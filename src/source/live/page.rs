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
