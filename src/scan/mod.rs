//! Scanning and reconciling: reads both sides, adds digests up, fetches what differs.

mod check;
mod compare;
mod compile;
mod judge;
mod lane;
mod layout;
mod pass;
mod reconcile;
mod session;
mod tally;

pub use compare::{Means, Prepared, reconcile, scan};
pub use compile::{compile, equality_for};
pub use lane::{Lane, Locator};
pub use pass::{Feed, Monitor, run_pass};
pub use reconcile::{Suspects, fetch, join};
pub use session::{Choices, Session, SessionError};
pub use tally::{Counts, Part, Tally, Unread};
