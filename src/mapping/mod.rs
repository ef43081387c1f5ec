//! The mapping: how both sides' records are brought to the same canonical fields.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod capture;
mod convert;
mod digester;
mod fields;
mod given;
mod inverse;
mod model;
mod names;
mod origins;
mod projection;
mod rule;
mod shape;
mod tolerance;
mod walk;

pub use capture::{Captured, OwnedCell};
pub use convert::{Case, Conversion, Encoding, Literal, Step, TimeUnit, Type, TypeError, UuidOrder};
pub use digester::{Depth, Digester};
pub use inverse::{NativeKey, NativeKeys};
pub use model::{Compare, Declaration, Explode, Field, Spot, Spots};
pub use names::{column_path, path_names};
pub use origins::Origin;
pub use projection::{Projection, strayed};
pub use rule::{ELEMENT, Expect, INDEX, Rule, Unmapped};
pub use tolerance::Tolerance;

#[cfg(test)]
mod tests;
