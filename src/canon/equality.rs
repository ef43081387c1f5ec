//! The equality the user declared: what counts as the same value.

use serde::{Deserialize, Serialize};

/// When numbers are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// By value alone: int32 1, double 1.0 and decimal 1.00 are equal.
    #[default]
    Value,
    /// By value and source type; decimals keep their trailing zeros.
    Typed,
}

/// Whether the order of a document's fields counts inside a value. A record's own fields have none: each is compared by
/// itself, as are those of a document that rules enter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldOrder {
    /// Documents with the same fields in another order are equal.
    #[default]
    Ignore,
    /// Order counts.
    Exact,
}

/// Whether a field that is not there equals one that is null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absent {
    /// Missing and null differ.
    #[default]
    Distinct,
    /// Missing and null are the same, at every depth of a document.
    Null,
}

/// Whether text is brought to a Unicode normal form first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// Bytes as stored.
    #[default]
    None,
    /// Unicode normalisation form C.
    Nfc,
}

/// The equality in force. Printed in every report, and part of the mapping digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equality {
    /// When numbers are equal.
    pub numbers: Numbers,
    /// Whether the order of a document's fields counts.
    pub field_order: FieldOrder,
    /// Whether missing equals null.
    pub absent: Absent,
    /// Unicode normalisation of text.
    pub normalize: Normalize,
}
