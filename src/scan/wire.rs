//! Findings in the form in which reports and lists carry them.

use super::compare::Prepared;
use crate::Pair;
use crate::canon::decode;
use crate::diff::{Finding, Place};
use crate::report::{Divergence, FieldDifference, KeyPart, Position, Shown, Subject, divergence_id};

/// The names of the key's fields, in order.
pub(super) fn key_names(prepared: &Prepared) -> Vec<String> {
    prepared
        .lanes
        .stable
        .projection
        .key_names()
        .map(str::to_owned)
        .collect()
}

/// A finding in its wire form.
pub(super) fn wire(compare: &str, key_names: &[String], finding: &Finding) -> Divergence {
    let mut key = Vec::new();
    let mut rest = &finding.key[..];
    let mut names = key_names.iter();
    while finding.keyed
        && !rest.is_empty()
        && let (Ok((value, tail)), Some(name)) = (decode(rest), names.next())
    {
        let Shown { ty, text, .. } = Shown::key(&value);
        key.push(KeyPart {
            name: name.clone(),
            ty,
            text,
        });
        rest = tail;
    }
    let place = |p: &Place| Position {
        file: p.file.clone(),
        offset: p.offset,
        record: Some(p.number),
    };
    let position = finding.places.as_ref().map(|p| p.as_ref().map(place));
    let first = finding
        .places
        .as_ref()
        .into_sides()
        .into_iter()
        .find_map(|(s, p)| p.as_ref().map(|p| (s, p)));
    let subject = match (finding.keyed, first) {
        (false, Some((side, place))) => Subject::Place(side, &place.file, place.offset),
        _ => Subject::Key(&finding.key),
    };
    let paths = finding.fields.iter().map(|f| f.path.as_str());
    let id = divergence_id(compare, subject, finding.class, paths);
    let fields = finding.fields.iter().map(|f| {
        let (stable, candidate) = match (&f.values.stable, &f.values.candidate) {
            (Some(stable), Some(candidate)) => {
                let shown = Shown::pair(Pair { stable, candidate });
                (Some(shown.stable), Some(shown.candidate))
            }
            (stable, candidate) => (
                stable.as_ref().map(Shown::new),
                candidate.as_ref().map(Shown::new),
            ),
        };
        FieldDifference {
            path: f.path.clone(),
            class: f.class,
            stable,
            candidate,
            tolerated_by: f.tolerated_by.clone(),
        }
    });
    Divergence {
        fields: fields.collect(),
        reproduce: vec![format!("assay explain RUN {id}")],
        id,
        class: finding.class,
        state: finding.state,
        key,
        position,
        detail: finding.detail.clone(),
        first_seen: None,
        last_seen: None,
    }
}
