//! What to ask for so that exactly the records of a range come back.
//!
//! Comparisons in a filter are bracketed by type: `{_id: {$gt: 5}}` skips every text. A range is therefore either a pair
//! of literal index bounds (`min`, `max`), which know no brackets, or a union of stretches: the rest of the first bound's
//! class of types, the classes between, the beginning of the last bound's class. The last range takes *all* types that
//! are not before it, also those that a server has no name for, and a stretch begins with what is *not greater* than its
//! bound rather than with what is less or equal: so a value that compares with nothing (NaN, on some servers) is in one of
//! the ranges whatever the server thinks of it. Nothing is skipped by construction.

use super::literal::{self, Unusable};
use super::order::{self, BINARY, CLASSES, Id, MAX_KEY, NUMBERS};
use crate::source::live::Range;
use mongodb::bson::spec::ElementType;
use mongodb::bson::{Bson, Document, doc};
use std::cmp::Ordering;

/// A bound in all its forms.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) value: Bson,
    pub(super) id: Id,
}

impl Bound {
    pub(super) fn parse(text: &str) -> Result<Bound, Unusable> {
        let value = literal::parse(text)?;
        Ok(Bound {
            id: literal::id(&value)?,
            value,
        })
    }

    /// The bound at a raw `_id`.
    pub(super) fn at(id: &Id) -> Result<Bound, Unusable> {
        Bound::parse(&literal::text(id.raw())?)
    }

    /// MaxKey, which nothing comes after.
    fn last() -> Bound {
        let (kind, bytes) = (ElementType::MaxKey as u8, Vec::new());
        Bound {
            value: Bson::MaxKey,
            id: Id { kind, bytes },
        }
    }

    fn class(&self) -> usize {
        order::class(self.id.kind)
    }

    fn is_nan(&self) -> bool {
        let nan = || literal::id(&Bson::Double(f64::NAN));
        self.class() == NUMBERS && nan().is_ok_and(|nan| order::compare(nan.raw(), self.id.raw()).is_eq())
    }

    /// Whether the bound's class has no other value that is different from it.
    fn alone(&self) -> bool {
        matches!(self.class(), 0..=2 | MAX_KEY)
    }
}

/// The bounds of a range: what comes after the first, up to and including the second.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    pub(super) after: Option<Bound>,
    pub(super) to: Option<Bound>,
}

impl Bounds {
    pub(super) fn parse(range: &Range) -> Result<Bounds, Unusable> {
        let bound = |text: &Option<String>| text.as_deref().map(Bound::parse).transpose();
        let bounds = Bounds {
            after: bound(&range.after)?,
            to: bound(&range.to)?,
        };
        match (&bounds.after, &bounds.to) {
            (Some(a), Some(b)) if order::compare(a.id.raw(), b.id.raw()) != Ordering::Less => {
                Err("the range ends before it begins".to_owned())
            }
            _ => Ok(bounds),
        }
    }

    /// Says where literal bounds end: a server that is told only where they begin ends before MaxKey.
    pub(super) fn close(&mut self) {
        if self.after.is_some() && !self.are_through() {
            self.to.get_or_insert_with(Bound::last);
        }
    }

    /// Whether nothing can come after the first bound.
    pub(super) fn are_through(&self) -> bool {
        self.after
            .as_ref()
            .is_some_and(|after| after.id.kind == ElementType::MaxKey as u8)
    }

    /// The range as a filter on `_id`, in terms of the type codes that the server knows; if nobody looked which, of all.
    pub(super) fn filter(&self, known: &[i32]) -> Result<Document, Unusable> {
        for bound in [&self.after, &self.to].into_iter().flatten() {
            comparable(bound)?;
        }
        Ok(match (&self.after, &self.to) {
            (None, None) => doc! {},
            (None, Some(to)) => union([is_of(0..to.class(), known), up_to(to, known)]),
            (Some(after), None) => union([
                beyond(after),
                Some(doc! { "_id": { "$not": { "$type": codes(0..after.class() + 1, known) } } }),
            ]),
            (Some(after), Some(to)) if after.class() == to.class() => within(after, to),
            (Some(after), Some(to)) => union([
                beyond(after),
                is_of(after.class() + 1..to.class(), known),
                up_to(to, known),
            ]),
        })
    }
}

/// Whether filters can compare with this value, and the server's word for its type is beyond doubt.
pub(super) fn comparable(bound: &Bound) -> Result<(), Unusable> {
    match bound.id.kind {
        0x04 | 0x06 | 0x0b => {
            Err("arrays, regular expressions and undefined cannot bound a range".to_owned())
        }
        _ => Ok(()),
    }
}

/// Both bounds lie in one class.
fn within(after: &Bound, to: &Bound) -> Document {
    if after.is_nan() {
        return doc! { "_id": { "$gte": f64::NEG_INFINITY, "$lte": &to.value } };
    }
    doc! { "_id": { "$gt": &after.value, "$lte": &to.value } }
}

/// The rest of the bound's class.
fn beyond(after: &Bound) -> Option<Document> {
    if after.alone() {
        return None;
    }
    if after.is_nan() {
        return Some(doc! { "_id": { "$gte": f64::NEG_INFINITY } });
    }
    Some(doc! { "_id": { "$gt": &after.value } })
}

/// The beginning of the bound's class, with the bound.
fn up_to(to: &Bound, known: &[i32]) -> Option<Document> {
    let class = to.class()..to.class() + 1;
    if to.alone() {
        return is_of(class, known);
    }
    let greater = if to.is_nan() {
        doc! { "$gte": f64::NEG_INFINITY }
    } else {
        doc! { "$gt": &to.value }
    };
    Some(doc! { "_id": { "$type": codes(class, known), "$not": greater } })
}

fn is_of(classes: std::ops::Range<usize>, known: &[i32]) -> Option<Document> {
    let codes = codes(classes, known);
    (!codes.is_empty()).then(|| doc! { "_id": { "$type": codes } })
}

/// The codes of the types of these classes, as far as the server knows them. A server refuses a list of none.
fn codes(classes: std::ops::Range<usize>, known: &[i32]) -> Vec<Bson> {
    let all = |class| match class {
        MAX_KEY => &[127][..],
        class => CLASSES[class],
    };
    let codes = classes
        .flat_map(all)
        .filter(|code| known.is_empty() || known.contains(code));
    codes.map(|code| Bson::Int32(*code)).collect()
}

fn union<const N: usize>(stretches: [Option<Document>; N]) -> Document {
    let mut stretches: Vec<Document> = stretches.into_iter().flatten().collect();
    match stretches.len() {
        0 => doc! { "_id": { "$in": [] } },
        1 => stretches.remove(0),
        _ => doc! { "$or": stretches },
    }
}

/// Out of `_id`s in the server's order, at most `wanted - 1` that divide them evenly and are good bounds: strictly
/// rising in our order as well, and for filters comparable, with binaries of one subtype, since there are servers that do not compare subtypes.
pub(super) fn choose(ids: &[Id], wanted: usize, filters: bool) -> Vec<Bound> {
    let mut chosen: Vec<Bound> = Vec::new();
    let mut subtype = None;
    for i in 1..wanted.min(ids.len()) {
        let id = &ids[i * ids.len() / wanted.min(ids.len()) - 1];
        let rises = chosen
            .last()
            .is_none_or(|last| order::compare(last.id.raw(), id.raw()).is_lt());
        // Servers refuse literal bounds with nothing between them.
        let rises = rises && !matches!(order::class(id.kind), 0 | MAX_KEY);
        let Some(bound) = rises.then(|| Bound::at(id).ok()).flatten() else {
            continue;
        };
        if filters {
            let its_subtype = (bound.class() == BINARY).then(|| id.bytes.get(4).copied());
            let other = its_subtype.is_some() && subtype.is_some() && its_subtype != subtype;
            if other || comparable(&bound).is_err() {
                continue;
            }
            subtype = its_subtype.or(subtype);
        }
        chosen.push(bound);
    }
    chosen
}

/// The ranges between bounds, from the beginning to the end of everything.
pub(super) fn tile(bounds: &[Bound]) -> Result<Vec<Range>, Unusable> {
    let texts: Vec<String> = bounds
        .iter()
        .map(|bound| literal::text(bound.id.raw()))
        .collect::<Result<_, _>>()?;
    Ok((0..=texts.len())
        .map(|i| Range {
            after: i.checked_sub(1).map(|before| texts[before].clone()),
            to: texts.get(i).cloned(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[i32] = &[
        -1, 6, 10, 1, 16, 18, 19, 2, 14, 3, 4, 5, 7, 8, 9, 17, 11, 12, 13, 15, 127,
    ];

    fn filter(after: Option<&str>, to: Option<&str>, known: &[i32]) -> String {
        let range = Range {
            after: after.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        let filter = Bounds::parse(&range).unwrap().filter(known).unwrap();
        literal::document_text(&filter)
            .unwrap()
            .replace("$numberInt", "$i")
    }

    #[test]
    fn bounds_of_one_type_are_plain_comparisons() {
        let oid = |n: u8| format!(r#"{{"$oid":"{n:024x}"}}"#);
        assert_eq!(
            filter(Some(&oid(1)), Some(&oid(2)), ALL),
            format!(r#"{{"_id":{{"$gt":{},"$lte":{}}}}}"#, oid(1), oid(2))
        );
        assert_eq!(filter(None, None, ALL), "{}");
    }

    #[test]
    fn bounds_of_two_types_take_the_types_between_whole() {
        assert_eq!(
            filter(
                Some(r#""m""#),
                Some(r#"{"$binary":{"base64":"AA==","subType":"00"}}"#),
                ALL
            ),
            concat!(
                r#"{"$or":[{"_id":{"$gt":"m"}},{"_id":{"$type":[{"$i":"3"},{"$i":"4"}]}},"#,
                r#"{"_id":{"$type":[{"$i":"5"}],"$not":{"$gt":{"$binary":{"base64":"AA==","subType":"00"}}}}}]}"#
            )
        );
    }

    #[test]
    fn the_first_range_begins_before_every_type_and_the_last_takes_what_has_no_name() {
        assert_eq!(
            filter(None, Some(r#"{"$numberInt":"5"}"#), &[10, 1, 16]),
            concat!(
                r#"{"$or":[{"_id":{"$type":[{"$i":"10"}]}},"#,
                r#"{"_id":{"$type":[{"$i":"1"},{"$i":"16"}],"$not":{"$gt":{"$i":"5"}}}}]}"#
            )
        );
        assert_eq!(
            filter(Some(r#"{"$numberInt":"5"}"#), None, &[10, 1, 16, 2]),
            concat!(
                r#"{"$or":[{"_id":{"$gt":{"$i":"5"}}},"#,
                r#"{"_id":{"$not":{"$type":[{"$i":"10"},{"$i":"1"},{"$i":"16"}]}}}]}"#
            )
        );
    }

    #[test]
    fn where_nobody_looked_all_types_are_known() {
        for (after, to) in [
            (Some("5"), None),
            (None, Some("5")),
            (Some("null"), Some("\"m\"")),
        ] {
            assert_eq!(filter(after, to, &[]), filter(after, to, ALL));
        }
    }

    #[test]
    fn nan_null_and_the_keys_at_the_ends_bound_ranges_too() {
        let nan = r#"{"$numberDouble":"NaN"}"#;
        assert_eq!(
            filter(Some(nan), Some(r#"{"$numberInt":"5"}"#), ALL),
            r#"{"_id":{"$gte":{"$numberDouble":"-Infinity"},"$lte":{"$i":"5"}}}"#
        );
        assert_eq!(
            filter(None, Some(r#"{"$minKey":1}"#), ALL),
            r#"{"_id":{"$type":[{"$i":"-1"}]}}"#
        );
        assert_eq!(
            filter(None, Some("null"), ALL),
            r#"{"$or":[{"_id":{"$type":[{"$i":"-1"},{"$i":"6"}]}},{"_id":{"$type":[{"$i":"10"}]}}]}"#
        );
        assert!(filter(Some("null"), Some(nan), ALL).starts_with(r#"{"_id":{"$type":[{"$i":"1"},"#));
        assert!(filter(None, Some(r#"{"$maxKey":1}"#), ALL).contains(r#"{"$type":[{"$i":"127"}]}"#));
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused() {
        for (after, to) in [("true", "false"), ("1", "1.0"), ("\"a\"", "5")] {
            let range = Range {
                after: Some(after.to_owned()),
                to: Some(to.to_owned()),
            };
            assert!(Bounds::parse(&range).is_err(), "{after} {to}");
        }
    }

    #[test]
    fn ranges_tile_everything_and_bounds_that_do_not_rise_are_left_out() {
        let ids: Vec<Id> = ["1", "2", "5", "4", "\"a\"", "\"b\"", "true"]
            .iter()
            .map(|text| Bound::parse(text).unwrap().id)
            .collect();
        let ranges = tile(&choose(&ids, 7, true)).unwrap();
        assert_eq!(
            (ranges[0].after.as_ref(), ranges[ranges.len() - 1].to.as_ref()),
            (None, None)
        );
        assert!(ranges.windows(2).all(|w| w[0].to == w[1].after));
        let bounds: Vec<_> = ranges.iter().filter_map(|r| r.to.clone()).collect();
        let int = |n: u8| format!(r#"{{"$numberInt":"{n}"}}"#);
        assert_eq!(bounds, [&int(1), &int(2), &int(5), "\"a\"", "\"b\""]);
        assert_eq!(tile(&choose(&[], 7, true)).unwrap(), [Range::default()]);
        assert_eq!(tile(&choose(&ids, 1, true)).unwrap(), [Range::default()]);
    }
}
