//! What a run leaves on disk: atomic files, the external sorter, checkpoints and the run directory.

mod atomic;
mod extsort;

pub use atomic::{create_private_dir, write_atomic};
pub use extsort::{SortBudget, SortError, Sorted, Sorter};
