//! Merge order: two sides that come in one key order are compared record by record as they are read, in one pass.

mod merger;
mod pass;
mod run;
#[cfg(test)]
mod tests;

pub(super) use pass::{Merge, Merged};
pub(super) use run::Walk;
