//! Scanning and reconciling: reads both sides, adds digests up, fetches what differs.

mod check;
mod compare;
mod compile;
mod first;
mod judge;
mod lane;
mod layout;
mod pass;
mod reconcile;
mod session;
mod summary;
mod tally;
mod wire;

pub use compare::{Means, Prepared, reconcile};
pub use compile::{compile, equality_for};
pub use first::scan;
pub use lane::{Lane, Locator};
pub use pass::{Feed, Monitor, run_pass};
pub use reconcile::{Suspects, fetch, join};
pub use session::{Choices, Session, SessionError};
pub use tally::{Counts, Part, Tally, Unread};
