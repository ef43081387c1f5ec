//! Assay proves, during a blue-green NoSQL schema migration, that the candidate store holds the same facts
//! as the stable store, and turns the evidence into a verdict that gates can trust.
//!
//! See `ARCHITECTURE.md` for the map. The pure core ([`model`], [`canon`], [`mapping`], [`digest`], [`diff`],
//! [`plan`], [`report`], [`verdict`]) does no I/O and knows no clock; the edges ([`source`], [`scan`],
//! [`store`], [`config`], [`doctor`], [`cli`], [`observe`]) do.

pub mod canon;
pub mod cli;
pub mod config;
pub mod demo;
pub mod diff;
pub mod digest;
pub mod doctor;
pub mod mapping;
pub mod model;
pub mod observe;
pub mod pair;
pub mod plan;
pub mod report;
pub mod scan;
pub mod source;
pub mod store;
pub mod verdict;

pub use pair::{Pair, Side};
