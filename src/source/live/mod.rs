//! Live stores: servers that are read over the network, while others write to them.
//!
//! A store divides a namespace into ranges of its own order; a range is read page by page, each page whole records in the
//! form in which the server sent them. Nothing here writes to a server, and nothing decodes a value that is only passed on.
//!
//! Map: `mongo` and `cql` speak to servers, `limits` says how much is asked of one and `guard` whether it
//! may be asked, [`LiveSource`] is the door, `listing` what is behind it, `reading` how one of these
//! is read, `pages` how it comes, [`LiveStream`] what it delivers, `retry` how often one is asked again, `secret` keeps connection strings.

pub mod cql;
mod door;
mod guard;
mod limits;
mod listing;
mod look;
pub mod mongo;
mod page;
mod pages;
mod reading;
mod retry;
mod secret;
mod stream;

pub use crate::plan::Range;
pub use door::{Ahead, LiveOptions, LiveSource};
pub use guard::Guard;
pub use limits::{Governor, Limits, Permit, Refusal, Usage, Window};
pub use listing::Listing;
pub use look::Look;
pub use page::{ClusterTime, KeyPart, Page, SnapshotUse};
pub use pages::{Gone, PageReceiver, PageSender, Place, Room};
pub use retry::{Failures, Retry};
pub use secret::{Protocol, Secret, holds_password, shown};
pub use stream::LiveStream;

use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};

/// The runtime that waits for servers. Nothing is computed on it.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("assay-io")
            .enable_all()
            .build();
        runtime.expect("threads can be started")
    })
}
