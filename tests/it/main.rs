//! Everything a user meets, through the real executable.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has to fail")]

mod architecture;
mod bson;
mod demo;
mod files;
mod hostile;
mod orders;
mod regressions;
mod resume;
mod schemas;
mod steps;
mod strategies;
mod support;
mod surface;
mod types;
mod values;
