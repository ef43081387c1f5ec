//! What drill-down keeps of a field.

use crate::canon::Raw;
use crate::canon::cell::{ColumnSpec, Written};
use crate::model::{Problem, Value};

/// A text cell, kept for drill-down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCell {
    /// The column, or the field of a user-defined type.
    pub column: ColumnSpec,
    /// The bytes between the quotes, escapes still in.
    pub text: Vec<u8>,
    /// How they are written.
    pub written: Written,
}

impl OwnedCell {
    /// The cell behind a raw value, if it is one.
    pub(super) fn of(raw: Raw<'_>) -> Option<OwnedCell> {
        match raw {
            Raw::Cell(cell) => Some(OwnedCell {
                column: cell.column.clone(),
                text: cell.text.to_vec(),
                written: cell.written,
            }),
            _ => None,
        }
    }
}

/// One field of a record, kept for drill-down.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The canonical path.
    pub path: String,
    /// The mapping's rule, if one names the field.
    pub rule: Option<usize>,
    /// Canonical bytes; empty if the value has a problem.
    pub canonical: Vec<u8>,
    /// The value as it is compared, or what is wrong with it.
    pub value: Result<Value, Problem>,
    /// The source's cell, where the source is text, with its column.
    pub cell: Option<OwnedCell>,
    /// A violated expectation on a field of one side only.
    pub unexpected: Option<String>,
    /// A null that the equality in force takes for absent: shown, not counted.
    pub uncounted: bool,
}
