//! The equality the user declared: what counts as the same value.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization, is_nfc};

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

/// Whether text, and the names of fields, are brought to a Unicode normal form first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// Bytes as stored.
    #[default]
    None,
    /// Unicode normalisation form C.
    Nfc,
}

impl Normalize {
    /// A text in this form.
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Normalize::Nfc if !is_nfc(text) => Cow::Owned(text.nfc().collect()),
            Normalize::Nfc | Normalize::None => Cow::Borrowed(text),
        }
    }

    /// The name of a field in this form; one that is no UTF-8 stays as it is.
    #[inline]
    pub fn name(self, name: &[u8]) -> Cow<'_, [u8]> {
        if self == Normalize::None || name.is_ascii() {
            return Cow::Borrowed(name);
        }
        match std::str::from_utf8(name).map(|text| self.apply(text)) {
            Ok(Cow::Owned(normal)) => Cow::Owned(normal.into_bytes()),
            _ => Cow::Borrowed(name),
        }
    }
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
    /// Unicode normalisation of text and of names.
    pub normalize: Normalize,
}

impl Equality {
    /// The one that keeps most apart.
    pub fn exact() -> Equality {
        Equality {
            numbers: Numbers::Typed,
            field_order: FieldOrder::Exact,
            absent: Absent::Distinct,
            normalize: Normalize::None,
        }
    }
}
