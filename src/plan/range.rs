//! Ranges of a live store.

use serde::{Deserialize, Serialize};

/// A stretch of a namespace in the store's own order: what comes after `after`, up to and including `to`. Without a bound
/// it is open on that side. Bounds are text that people can read: for MongoDB canonical Extended JSON of the `_id`, for
/// Cassandra and ScyllaDB a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The last place before it.
    pub after: Option<String>,
    /// The last place in it.
    pub to: Option<String>,
}
