//! Literal bounds of the index on `_id`, as the query planner takes them.

use super::answers::Refusal;
use super::content::Collection;
use super::order::compare;
use mongodb::bson::{Bson, Document, doc};

/// `min` and `max` want the index to be named, and to be in its order.
pub fn can_be_used(command: &Document, collection: Option<&Collection>) -> Result<(), Refusal> {
    let bounds = ["min", "max"].map(|name| command.get_document(name).ok());
    let hint = command.get_document("hint").ok();
    if hint.is_some_and(|hint| *hint != doc! { "_id": 1 }) {
        let text = "error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index";
        return Err(Refusal::new(2, "BadValue", text));
    }
    if bounds == [None, None] {
        return Ok(());
    }
    if collection.is_some_and(Collection::derived) {
        let text = "Option min not supported in aggregation.";
        return Err(Refusal::new(168, "InvalidPipelineOperator", text));
    }
    if hint.is_none() {
        let text = "When using min()/max() a hint of which index to use must be provided";
        return Err(Refusal::new(51173, "Location51173", text));
    }
    if bounds.iter().flatten().any(|bound| bound.keys().ne(["_id"])) {
        let text = "The index chosen is not compatible with min/max";
        return Err(Refusal::new(51174, "Location51174", text));
    }
    match filled(command, collection) {
        [Some(min), Some(max)] if compare(&min, &max, false).is_ge() => {
            let text = "The value provided for min() does not come before the value provided for max() in the hinted index";
            Err(Refusal::new(51175, "Location51175", text))
        }
        _ => Ok(()),
    }
}

/// The bounds of a query. One that is not given is filled in, which leaves MaxKey out, except in clustered collections.
pub fn filled(command: &Document, collection: Option<&Collection>) -> [Option<Bson>; 2] {
    let given = |name: &str| command.get_document(name).ok()?.get("_id").cloned();
    match [given("min"), given("max")] {
        [None, None] => [None, None],
        bounds if collection.is_some_and(Collection::clustered) => bounds,
        [min, max] => [min.or(Some(Bson::MinKey)), max.or(Some(Bson::MaxKey))],
    }
}
