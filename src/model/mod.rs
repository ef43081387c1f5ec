//! Values as Assay sees them: one tree form for every BSON and every CQL type.
//!
//! The tree form is for drill-down and for tests. The scan path never builds it (see [`crate::canon`]).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod cql;
mod number;
mod problem;
mod value;

pub use cql::{CqlColumn, CqlTable, CqlType, Schema, SchemaError};
pub use number::{Decimal, Number, NumberRepr, NumberType};
pub use problem::{Problem, ProblemKind};
pub use value::{Timestamp, Value};
