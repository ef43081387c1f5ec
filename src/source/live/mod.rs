//! Live stores: servers that are read over the network, while others write to them.
//!
//! A store divides a namespace into ranges of its own order; a range is read page by page, each page whole records in the
//! form in which the server sent them. Nothing here writes to a server, and nothing decodes a value that is only passed on.

pub mod cql;
mod limits;
pub mod mongo;
mod page;

pub use limits::{Governor, Limits, Permit, Usage, Window};
pub use page::{KeyPart, Page, Range};
