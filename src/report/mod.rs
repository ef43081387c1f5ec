//! Report model (in the making).
mod class;
mod divergence;
mod result;
mod run;
mod sanitise;
mod show;
pub(crate) mod time;
pub use class::{Class, Counts, State};
pub use divergence::{Divergence, FieldDifference, KeyPart, Listed, Position, Subject, divergence_id};
pub use result::*;
pub use run::*;
pub use sanitise::sanitise;
pub use show::{SHOWN_CHARS, Shown};
pub use time::Expires;
