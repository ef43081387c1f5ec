//! Whether differences can be looked at again: what came of reading a few records by their keys, as a finding.

use super::finding::{About, Finding};
use super::{cql, index};
use crate::scan::Points;
use crate::source::Namespace;
use crate::source::live::Look;
use std::time::Duration;

/// Single records that take longer than this to be read are looked for by walking through all of them.
const SLOW: Duration = Duration::from_millis(500);

/// Whether the differences that a first reading shows can be looked at again, and how long it takes to read a few records.
pub(super) fn by_key(
    points: &Points,
    look: Option<&Look>,
    namespaces: &[Namespace],
) -> (Finding, Option<Duration>) {
    let Points { compare, side, .. } = points;
    let (asked, found) = points.found;
    let unconfirmed = "differences cannot be looked at again and stay unconfirmed, which is HOLD";
    let warn = |why: &str| {
        let message = format!("compare {compare}: {why}: {unconfirmed}");
        (Finding::warning(About::Index, *side, message), None)
    };
    if let Some(why) = no_points(points, look) {
        return warn(&why);
    }
    if let Some(why) = &points.problem {
        return warn(why);
    }
    let keys = points.paths.join(", ");
    let took = format!(
        "{found} of {asked} records were found by {keys} in {} ms",
        points.took.as_millis()
    );
    let time = (found > 0).then_some(points.took);
    if let Some(create) = no_index(points, look, namespaces) {
        let message = format!(
            "compare {compare}: {took}, but no index of {} serves that: each look at differences reads the whole collection",
            points.namespace
        );
        let finding = Finding::warning(About::Index, *side, message).with(vec![create]);
        return (finding, time);
    }
    let finding = match (asked, found) {
        (0, _) => Finding::note(
            About::Index,
            *side,
            format!("compare {compare}: no record to be found by {keys}, so it was not tried"),
        ),
        _ if found < asked => Finding::warning(
            About::Index,
            *side,
            format!(
                "compare {compare}: only {took}; the others were deleted meanwhile, or are not found by their key"
            ),
        ),
        _ if points.took > SLOW => Finding::warning(
            About::Index,
            *side,
            format!("compare {compare}: {took}, which is slow for so few"),
        ),
        _ => Finding::ok(About::Index, *side, format!("compare {compare}: {took}")),
    };
    (finding, time)
}

fn no_points(points: &Points, look: Option<&Look>) -> Option<String> {
    let Some(Look::Cql { tables, .. }) = look else {
        return None;
    };
    let table = tables.iter().find(|table| table.name() == points.namespace)?;
    cql::no_points(&table.table, &points.paths)
}

fn no_index(points: &Points, look: Option<&Look>, namespaces: &[Namespace]) -> Option<String> {
    let Some(Look::Mongo { .. }) = look else {
        return None;
    };
    let namespace = namespaces.iter().find(|n| n.name == points.namespace)?;
    index::missing(&namespace.name, namespace.metadata.as_deref(), &points.paths)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::*;
    use crate::Side;

    #[test]
    fn only_what_was_found_in_time_is_fine() {
        let of = |found, took, problem: Option<&str>| {
            let points = Points {
                compare: "orders".to_owned(),
                side: Side::Stable,
                namespace: "shop.orders".to_owned(),
                paths: vec!["_id".to_owned()],
                found,
                took: Duration::from_millis(took),
                problem: problem.map(str::to_owned),
            };
            let (finding, time) = by_key(&points, None, &[]);
            (finding.weight, time.is_some())
        };
        assert_eq!(of((10, 10), 20, None), (Weight::Ok, true));
        assert_eq!(of((10, 10), 2000, None), (Weight::Warning, true));
        assert_eq!(of((10, 9), 20, None), (Weight::Warning, true));
        assert_eq!(of((10, 0), 20, None), (Weight::Warning, false));
        assert_eq!(of((0, 0), 0, None), (Weight::Note, false));
        assert_eq!(of((10, 10), 20, Some("no")), (Weight::Warning, false));
    }
}
