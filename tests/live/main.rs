//! Against live servers: provided by the suite where the toolchains are there (`tests/servers`), or given by the environment.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has to fail")]

mod audits;
mod cql_source;
mod doctor;
mod faults;
#[cfg(target_os = "linux")]
#[path = "../../benches/figures/measure.rs"]
#[expect(dead_code, reason = "the figures use more of it than the tests do")]
mod measure;
mod mongo_source;
mod mongo_tls;
mod smoke;
mod support;
