//! Digests: records to 128-bit sums, sums to leaves, leaves to one root, and a sketch that gives differing keys back.
//!
//! Everything that accumulates is a commutative group under wrapping addition, so the result does not depend on
//! slicing, order or thread count. Sums, never XOR: two equal records must not cancel.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod columns;
mod hash;
mod leaf;
mod names;
mod sketch;
mod tree;

pub use columns::{COLUMN_RANGES, Columns};
pub use hash::{Hasher, KeyHash, RecordHash};
pub use leaf::{LEAVES, Leaf, Leaves};
pub use names::count_under;
pub use sketch::{Capsule, Item, Peeled, Sketch};
pub use tree::root;
