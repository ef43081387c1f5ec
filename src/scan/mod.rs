//! Scanning and reconciling: reads both sides, adds digests up, fetches what differs.

mod ages;
mod aside;
mod check;
mod columns;
mod compare;
mod compile;
mod doctor;
mod first;
mod judge;
mod lane;
mod layout;
mod lookup;
mod merge;
mod metadata;
mod now;
mod pass;
mod reconcile;
mod session;
mod settle;
mod summary;
mod tally;
mod twins;
mod unique;
mod wire;

pub use compare::{Means, Prepared};
pub use compile::{compile, equality_for};
pub use doctor::Points;
pub use first::{Scanned, Way};
pub use lane::{Lane, Locator};
pub use layout::opening;
pub use now::Now;
pub use pass::{Feed, Flow, Load, Monitor, run_pass};
pub use session::{Alone, Choices, Session, SessionError};
pub use settle::Patience;
pub use tally::{Counts, Part, Tally, Unread};
