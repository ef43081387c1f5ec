//! The mapping: how both sides' records are brought to the same canonical fields.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod convert;
mod model;
mod project;
mod tolerance;

pub use convert::{Case, Conversion, Encoding, Literal, Step, TimeUnit, Type, TypeError, UuidOrder};
pub use model::{Compare, Declaration, Explode, Field, Spot, Spots};
pub use project::{Captured, Depth, Digester, Expect, OwnedCell, Projection, Rule, Unmapped};
pub use tolerance::Tolerance;
