//! What kind of value canonical bytes hold, from their first byte.

use super::tag;

/// The kinds a conversion can accept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the kind of its name")]
pub enum Kind {
    Null,
    Bool,
    Int,
    Double,
    Decimal,
    Text,
    Uuid,
    ObjectId,
    Timestamp,
    Other,
}

/// The kind of the value in `bytes`.
pub fn kind(bytes: &[u8]) -> Kind {
    match bytes.first() {
        Some(&tag::NULL) => Kind::Null,
        Some(&(tag::TRUE | tag::FALSE)) => Kind::Bool,
        Some(&tag::INT) => Kind::Int,
        Some(&tag::DOUBLE) => Kind::Double,
        Some(&tag::DECIMAL) => Kind::Decimal,
        Some(&tag::TEXT) => Kind::Text,
        Some(&tag::UUID) => Kind::Uuid,
        Some(&tag::OBJECT_ID) => Kind::ObjectId,
        Some(&tag::TIMESTAMP) => Kind::Timestamp,
        _ => Kind::Other,
    }
}
