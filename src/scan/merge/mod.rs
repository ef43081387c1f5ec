//! Merge order: two sides that come in one order are compared record by record as they are read, in one pass.

mod merger;
mod order;
mod pass;
mod run;
#[cfg(test)]
mod tests;

pub(super) use order::Places;
pub(super) use pass::{Merge, Merged};
pub(super) use run::Walk;
