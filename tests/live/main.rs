//! Against live servers: provided by the suite where the toolchains are there (`tests/servers`), or given by the environment.

mod cql_source;
mod faults;
mod smoke;
mod support;
