//! Everything a user meets, through the real executable.

mod architecture;
mod bson;
mod demo;
mod hostile;
mod orders;
mod regressions;
mod resume;
mod schemas;
mod support;
mod surface;
mod types;
mod values;
