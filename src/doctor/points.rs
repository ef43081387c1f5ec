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
    let warn = |why: &str, so: &str| {
        let message = format!("compare {compare}: {why}: {so}");
        (Finding::warning(About::Index, *side, message), None)
    };
    if let Some(why) = &points.problem {
        let so = "differences cannot be looked at again and stay unconfirmed, which is HOLD";
        return warn(why, so);
    }
    if let Some(why) = no_points(points, look).as_ref().or(points.through.as_ref()) {
        let so = format!("each look at differences reads all of {}", points.namespace);
        return warn(why, &so);
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
        let of = |found, took, problem: Option<&str>, through: Option<&str>| {
            let points = Points {
                compare: "orders".to_owned(),
                side: Side::Stable,
                namespace: "shop.orders".to_owned(),
                paths: vec!["_id".to_owned()],
                found,
                took: Duration::from_millis(took),
                through: through.map(str::to_owned),
                problem: problem.map(str::to_owned),
            };
            let (finding, time) = by_key(&points, None, &[]);
            (finding.weight, time.is_some(), finding.message)
        };
        let holds = |message: &str| message.contains("HOLD");
        for (found, took, weight, timed) in [
            ((10, 10), 20, Weight::Ok, true),
            ((10, 10), 2000, Weight::Warning, true),
            ((10, 9), 20, Weight::Warning, true),
            ((10, 0), 20, Weight::Warning, false),
            ((0, 0), 0, Weight::Note, false),
        ] {
            let (is, has_time, message) = of(found, took, None, None);
            assert_eq!(
                (is, has_time, holds(&message)),
                (weight, timed, false),
                "{message}"
            );
        }
        let (weight, _, message) = of((10, 10), 20, Some("no"), Some("odd"));
        assert!(weight == Weight::Warning && holds(&message), "{message}");
        let (weight, _, message) = of((10, 10), 20, None, Some("odd"));
        assert!(
            weight == Weight::Warning
                && message.ends_with("odd: each look at differences reads all of shop.orders")
        );
    }
}
