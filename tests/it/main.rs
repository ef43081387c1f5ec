//! Everything a user meets, through the real executable.

mod architecture;
mod bson;
mod orders;
mod support;
