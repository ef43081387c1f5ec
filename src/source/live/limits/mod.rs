//! How much is asked of one live store at a time.
//!
//! What to do next is decided by small pure rules over a time that is passed in: [`pace`] spreads requests and bytes
//! evenly, [`adapt`] finds how many requests at once the store bears, [`window`] says when it may be asked at all. The
//! [`Governor`] gives them a clock and makes callers wait.

mod adapt;
mod governor;
mod pace;
mod window;

pub use governor::{Governor, Permit, Refusal, Usage};
pub use window::Window;

use super::Guard;

/// What a user allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Requests under way at the same time, at most; fewer while the store shows that they are too many.
    pub in_flight: usize,
    /// Requests a second; no limit if `None`.
    pub requests_per_second: Option<f64>,
    /// Bytes of records a second; no limit if `None`.
    pub bytes_per_second: Option<f64>,
    /// The times of day at which the store may be read; at any time if there is none.
    pub windows: Vec<Window>,
    /// Who is asked besides whether it may be read.
    pub guard: Option<Guard>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            in_flight: 4,
            requests_per_second: None,
            bytes_per_second: None,
            windows: Vec::new(),
            guard: None,
        }
    }
}
