//! Comparing what one key holds on both sides: which fields differ, in what way, and whether that is tolerated.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod classify;
mod fields;

pub use classify::{Drilled, Finding, Group, Judge, Place, classify, classify_many};
pub use fields::FieldDiff;
