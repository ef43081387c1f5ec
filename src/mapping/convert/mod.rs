//! Conversions: declared steps that bring a value of one side to the form both sides are compared in.

mod back;
mod exact;
mod literal;
mod steps;
mod text;
mod typed;
mod types;

pub use literal::Literal;
pub use steps::{Case, Conversion, Encoding, Step, TimeUnit, UuidOrder};
pub use types::{Type, TypeError};

pub(super) use exact::{decimal, exact, within};
