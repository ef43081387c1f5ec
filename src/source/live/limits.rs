//! How much is asked of one live store at a time.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a user allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Requests under way at the same time.
    pub in_flight: usize,
    /// Requests a second; no limit if `None`.
    pub requests_per_second: Option<f64>,
    /// Bytes of records a second; no limit if `None`.
    pub bytes_per_second: Option<f64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            in_flight: 4,
            requests_per_second: None,
            bytes_per_second: None,
        }
    }
}

/// Gives leave for every request to one store.
#[derive(Clone, Debug)]
pub struct Governor {
    slots: Arc<Semaphore>,
}

/// Leave for one request. It ends when it is dropped; whoever knows says what came of it.
#[derive(Debug)]
pub struct Permit {
    _slot: OwnedSemaphorePermit,
}

impl Governor {
    /// A governor that holds `limits`.
    pub fn new(limits: Limits) -> Governor {
        Governor {
            slots: Arc::new(Semaphore::new(limits.in_flight.max(1))),
        }
    }

    /// Waits for leave to make one request.
    pub async fn request(&self) -> Permit {
        let slot = self.slots.clone().acquire_owned().await;
        Permit {
            _slot: slot.expect("never closed"),
        }
    }
}

impl Permit {
    /// The request brought this many bytes of records.
    pub fn brought(self, _bytes: usize) {}

    /// The request failed because the store has too much to do: it timed out or was refused for overload.
    pub fn overloaded(self) {}
}
