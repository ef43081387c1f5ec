//! Live servers for the tests, faults between them and us, and names that are dropped again.
//!
//! A test asks for what it needs and ends early where it is not to be had:
//!
//! ```ignore
//! let Some(mongo) = support::mongodb() else { return };
//! let database = mongo.database("orders");
//! ```
//!
//! | asked for | without environment | replaced by |
//! |---|---|---|
//! | [`mongodb`] | FerretDB | `ASSAY_TEST_MONGODB_URI` |
//! | [`mongodb_2`] | mongo-java-server | `ASSAY_TEST_MONGODB_URI_2` |
//! | [`cql`] | one Cassandra node | `ASSAY_TEST_CQL`, `ASSAY_TEST_CQL_USER`, `ASSAY_TEST_CQL_PASSWORD` |
//! | [`member::Member`] | a stand-in within the test process | – |
//! | [`PrivateMongo`], [`PrivateNode`], [`cluster`] | own processes, which a test may kill | – |

mod cluster;
mod cql;
pub mod member;
mod mongo;
mod process;
mod proxy;
mod toolchain;
mod workspace;

pub use cluster::cluster;
pub use cql::{Cql, Keyspace, PrivateNode, cql};
pub use mongo::{Database, Mongo, PrivateMongo, WRITES, asked, login_apart, mongodb, mongodb_2, uri};
pub use proxy::{Mode, Proxy};
pub use toolchain::{Kind, say};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs a future to its end on a runtime of its own.
///
/// It does so on a thread of its own, so that it may be called from anywhere, a destructor within a runtime included.
pub fn block_on<F>(future: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build();
            runtime.expect("a runtime starts").block_on(future)
        });
        run.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Locks what stays sound when another test has panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of an environment variable, if it says something.
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
