//! What stands beside the records: indexes, options and schemas.

use serde::{Deserialize, Serialize};

/// How the indexes, options or schemas of both sides compare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Whether they were compared: both sides are of one engine, and both say what they have.
    pub compared: bool,
    /// What differs, in order of name.
    pub differences: Vec<MetadataDifference>,
}

/// One index, option or column that is not the same on both sides. No record differs by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataDifference {
    /// What it is, such as `index {"email":1}` or `option validator`, under the mapping's names.
    pub what: String,
    /// What stable has; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    /// What the candidate has; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Whether the same requests can be answered in another way because of it, now or later: what is refused, what
    /// expires, what is found.
    pub changes_answers: bool,
}
