//! Values as Assay sees them: one tree form for every BSON and every CQL type.
//!
//! The tree form is for drill-down and for tests. The scan path never builds it (see [`crate::canon`]).
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod cql;
mod cql_lexer;
mod number;
mod problem;
mod schema;
mod value;

pub use cql::{CqlType, MAX_TYPE_DEPTH, Udt};
pub use cql_lexer::SchemaError;
pub use number::{Decimal, Number, NumberRepr, NumberType};
pub use problem::{Problem, ProblemKind};
pub use schema::{Column, Order, Schema, Table, TableIndex};
pub use value::{Timestamp, Value};
