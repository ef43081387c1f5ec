//! Everything a user meets, through the real executable.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has to fail")]

mod architecture;
mod bson;
mod check;
mod demo;
mod dsbulk;
mod explode;
mod field_order;
mod files;
mod fuzz;
mod hostile;
mod losses;
mod mapping;
#[cfg(target_os = "linux")]
#[path = "../../benches/figures/measure.rs"]
#[expect(dead_code, reason = "the figures use more of it than the tests do")]
mod measure;
mod namespaces;
mod orders;
mod regressions;
mod resume;
mod schemas;
mod steps;
mod strategies;
mod support;
mod surface;
mod tolerance;
mod types;
mod udt;
mod validator;
mod values;
