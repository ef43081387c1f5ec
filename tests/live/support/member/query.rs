//! What a filter lets through, as far as Assay asks.

use super::answers::Refusal;
use super::order::{class, compare};
use mongodb::bson::{Bson, Document};
use std::cmp::Ordering;

/// Why a filter is refused, if so: a list of types has at least one.
pub fn refusal(filter: &Document) -> Option<Refusal> {
    let of = |value: &Bson| match value {
        Bson::Document(inner) => refusal(inner),
        Bson::Array(parts) => parts.iter().filter_map(Bson::as_document).find_map(refusal),
        _ => None,
    };
    filter.iter().find_map(|(name, value)| match value {
        Bson::Array(types) if name == "$type" && types.is_empty() => Some(Refusal::new(
            9,
            "FailedToParse",
            "_id must match at least one type",
        )),
        value => of(value),
    })
}

/// Whether a document passes a filter.
pub fn matches(document: &Document, filter: &Document, fold: bool) -> bool {
    let each = |parts: &Bson| -> Vec<bool> {
        let parts = parts
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Bson::as_document);
        parts.map(|part| matches(document, part, fold)).collect()
    };
    filter.iter().all(|(name, wanted)| match &**name {
        "$and" => each(wanted).into_iter().all(|passed| passed),
        "$or" => each(wanted).into_iter().any(|passed| passed),
        path => condition(at(document, path).unwrap_or(&Bson::Null), wanted, fold),
    })
}

fn at<'d>(document: &'d Document, path: &str) -> Option<&'d Bson> {
    match path.split_once('.') {
        Some((head, rest)) => at(document.get_document(head).ok()?, rest),
        None => document.get(path),
    }
}

fn condition(value: &Bson, wanted: &Bson, fold: bool) -> bool {
    let equal = |wanted: &Bson| compare(value, wanted, fold).is_eq();
    let operators = wanted.as_document();
    let Some(operators) = operators.filter(|d| d.keys().next().is_some_and(|k| k.starts_with('$'))) else {
        return equal(wanted);
    };
    // Comparisons are bracketed by type.
    let within = |wanted: &Bson, orders: &[Ordering]| {
        class(value) == class(wanted) && orders.contains(&compare(value, wanted, fold))
    };
    operators.iter().all(|(operator, wanted)| match &**operator {
        "$eq" => equal(wanted),
        "$in" => wanted.as_array().is_some_and(|all| all.iter().any(equal)),
        "$type" => is_of(value, wanted),
        // Asked of `_id` alone, which every document has.
        "$exists" => true,
        "$gt" => within(wanted, &[Ordering::Greater]),
        "$gte" => within(wanted, &[Ordering::Greater, Ordering::Equal]),
        "$lt" => within(wanted, &[Ordering::Less]),
        "$lte" => within(wanted, &[Ordering::Less, Ordering::Equal]),
        "$not" => !condition(value, wanted, fold),
        other => panic!("the stand-in does not know {other}"),
    })
}

fn is_of(value: &Bson, codes: &Bson) -> bool {
    let code = i32::from(value.element_type() as u8 as i8);
    let one = [codes.clone()];
    let codes = codes.as_array().map_or(&one[..], |all| all);
    codes.iter().any(|c| c.as_i32() == Some(code))
}
