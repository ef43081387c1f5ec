//! Canonical bytes: one byte string per value, the same for every source that can hold the value.
//!
//! [`Encoder`] is the format's only writer. [`Raw`] values of each source drive it without building a tree;
//! [`crate::model::Value`] trees drive it too, and property tests hold the two equal.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bson;
pub mod cell;
pub mod csv;
mod decimal;
mod decode;
pub mod ejson;
mod encode;
mod equality;
mod flat;
pub mod kind;
pub mod literal;
pub mod native;
mod order;
mod raw;
mod row;
mod scalar;
mod tag;
pub mod temporal;
mod untyped;

#[cfg(test)]
pub(crate) mod tests;

pub use decode::decode;
use decode::tree;
pub use encode::{Encoder, MAX_DEPTH};
pub use equality::{Absent, Equality, FieldOrder, Normalize, Numbers};
pub use flat::Flat;
pub use native::{NativeRow, RawNative};
pub use order::{compare_keys, compare_rows};
pub use raw::{Expect, FieldReader, Raw, RawRecord, VisitField, VisitItem};
pub use row::{Layout, Row};
pub use untyped::{NULL, is_empty_collection, without_types};

/// Version of the canonical byte format. Evidence made under another version is not comparable.
pub const VERSION: u32 = 1;
