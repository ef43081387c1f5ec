//! What a run leaves on disk: atomic files, the external sorter, part files and the run directory.

mod atomic;
mod budget;
mod extsort;
mod keys;
mod part;

pub use atomic::{create_private_dir, hold_dir, write_atomic};
pub use budget::{SortBudget, SortError};
pub use extsort::{Sorted, Sorter};
pub use keys::KeyRuns;
pub use part::{PartHeader, read_part, write_part};
