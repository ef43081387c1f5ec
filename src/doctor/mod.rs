//! `doctor`: what hinders, slows or degrades an audit of two stores, seen before it is begun.
//!
//! `examine` looks at the stores; `mongo`, `cql`, `replicas`, `index`, `points` and `cost` make findings of what was seen, without looking at
//! anything themselves.

mod cost;
mod cql;
mod examine;
mod finding;
mod index;
mod mongo;
mod points;
mod replicas;

pub use examine::{both, one};
pub use finding::{About, Clock, Diagnosis, Finding, SCHEMA, SideFacts, Size, Weight};
