//! The report model, which every output is made from, and the renderers, one file each.
//!
//! Renderers write into what the caller gives them and know no clock. Values reach a report as bounded, escaped text
//! only (see [`Shown`]).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod class;
mod csv;
mod divergence;
mod json;
mod metadata;
mod model;
mod ndjson;
mod render;
mod result;
mod run;
mod sanitise;
mod show;
mod text;
pub(crate) mod time;

#[cfg(test)]
mod consumer_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod schema_tests;

pub use class::{Class, Counts, State};
pub use csv::Csv;
pub use divergence::{Divergence, FieldDifference, KeyPart, Listed, Position, Subject, divergence_id};
pub use json::Json;
pub use metadata::{Metadata, MetadataDifference};
pub use model::{Report, ReportSchema, deterministic_bytes, result_digest};
pub use ndjson::Ndjson;
pub use render::{Divergences, Render};
pub use result::{
    AuditResult, ColumnHeat, CompareResult, Coverage, EqualityInForce, FieldCount, HEAT_RANGES, IgnoredField,
    LossyExport, Sample, StoreIdentity, ToleranceUsed, Unread,
};
pub use run::{ClusterTime, CompareRun, Failure, FailureKind, Outcome, RunFacts, SnapshotReads, StoreLoad};
pub use sanitise::sanitise;
pub use show::{SHOWN_CHARS, Shown};
pub use text::Text;
pub use time::Expires;
