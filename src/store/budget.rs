//! How much may lie on disk, spilled, at one time.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

/// Disk space that all sorters of a run share.
#[derive(Debug)]
pub struct SortBudget {
    limit: u64,
    used: AtomicU64,
}

impl SortBudget {
    /// A budget of `limit` bytes on disk.
    pub fn new(limit: u64) -> SortBudget {
        SortBudget {
            limit,
            used: AtomicU64::new(0),
        }
    }

    /// Bytes that may lie on disk at one time.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that lie on disk now.
    pub fn used(&self) -> u64 {
        self.used.load(Atomic::Relaxed)
    }
}

/// What one sorter has of the budget; given back when its files go.
#[derive(Debug)]
pub(super) struct Claim<'b> {
    budget: &'b SortBudget,
    bytes: u64,
}

impl<'b> Claim<'b> {
    /// Nothing yet.
    pub(super) fn on(budget: &'b SortBudget) -> Claim<'b> {
        Claim { budget, bytes: 0 }
    }

    /// A claim on the same budget, with nothing yet.
    pub(super) fn beside(&self) -> Claim<'b> {
        Claim::on(self.budget)
    }

    /// Claims `bytes` more.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), SortError> {
        self.bytes += bytes;
        let used = self.budget.used.fetch_add(bytes, Atomic::Relaxed) + bytes;
        let limit = self.budget.limit;
        if used > limit {
            Err(SortError::Limit { limit })
        } else {
            Ok(())
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Atomic::Relaxed);
    }
}

/// Why sorting failed.
#[derive(Debug, thiserror::Error)]
pub enum SortError {
    /// The spill limit is reached.
    #[error(
        "the spill limit of {limit} bytes is reached; raise --spill-limit, or free the stores of gross differences first"
    )]
    Limit {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The disk did not take or give the data.
    #[error("cannot spill to {}: {source}; choose another run directory with --run-dir", dir.display())]
    Io {
        /// Where the temporary files lie.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
