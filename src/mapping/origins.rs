//! What a lossy export may have lost, as the mapping has it: whether a store can hold a value that the export says the same
//! of, and that the mapping makes what the other side holds.

use super::capture::Captured;
use super::projection::Projection;
use super::rule::Expect;
use crate::canon::cell::{Exported, LossKind, RawCell};
use crate::canon::{Absent, Encoder, Equality, NULL, Numbers, compare_keys, decode, is_empty_collection};
use crate::model::Value;
use std::cmp::Ordering;

/// A field of a record in an export.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    rule: Option<usize>,
    column: Exported<'a>,
    /// What the export says, before the mapping.
    read: Value,
}

impl<'a> Origin<'a> {
    /// The field with what its cell says; none if that cannot be read.
    pub fn new(field: &Captured, cell: &RawCell<'a>, column: Exported<'a>) -> Option<Origin<'a>> {
        Some(Origin {
            rule: field.rule,
            column,
            read: cell.to_value().ok()?,
        })
    }
}

/// Places beside the one that a search ends at, on which numbers are tried: scaled neighbours may be one.
const BESIDE: i64 = 4;

impl Projection {
    /// Why the field may hold `wanted` (canonical; none stands for nothing) in the store, although the export says otherwise.
    pub fn could_be(&self, origin: &Origin<'_>, wanted: Option<&[u8]>) -> Option<LossKind> {
        let kind = self.loss(origin)?;
        let fits = |held: &Value| {
            let made = self.made(origin, held, self.equality);
            made.is_some_and(|made| made.as_deref() == wanted)
        };
        let value = wanted
            .and_then(|bytes| decode(bytes).ok())
            .map(|(value, _)| value);
        let found = self
            .sources(origin, value.as_ref())
            .iter()
            .any(|held| self.says(origin, held) && fits(held));
        let found = found || wanted.is_some_and(|wanted| self.search(origin, wanted, &fits));
        found.then_some(kind)
    }

    /// Why a field that exists on this side only may be what is expected of it, although the export says otherwise.
    pub fn could_be_expected(&self, origin: &Origin<'_>) -> Option<LossKind> {
        let kind = self.loss(origin)?;
        let rule = origin.rule?;
        let expect = self.rules[rule].expect.as_ref()?;
        let fits = |held: &Value| {
            let made = self.made(origin, held, self.equality);
            made.is_some_and(|made| {
                let value = made.as_deref().and_then(|bytes| decode(bytes).ok());
                self.unexpected(
                    rule,
                    expect,
                    made.as_deref(),
                    value.map(|(value, _)| value).as_ref(),
                )
                .is_none()
            })
        };
        let value = match expect {
            Expect::Value(value) => Some(value),
            _ => None,
        };
        let wanted = self.expected[rule].as_deref();
        let found = self
            .sources(origin, value)
            .iter()
            .any(|held| self.says(origin, held) && fits(held));
        let found = found || wanted.is_some_and(|wanted| self.search(origin, wanted, &fits));
        found.then_some(kind)
    }

    /// What the mapping makes of the values that the export says the same of, as far as they can be listed.
    pub fn could_all_be(&self, origin: &Origin<'_>) -> Vec<Option<Vec<u8>>> {
        let others = origin.column.others(&origin.read);
        let made = others.iter().map(|held| self.made(origin, held, self.equality));
        made.flatten().collect()
    }

    /// What the mapping makes of the least and the greatest number that the export writes like this one.
    pub fn could_span(&self, origin: &Origin<'_>) -> Option<[Vec<u8>; 2]> {
        let span = origin.column.span(&origin.read)?;
        let made = |place| {
            let made = self.made(origin, &span.at(place), self.equality)??;
            is_ordered(&made).then_some(made)
        };
        Some([made(span.first)?, made(span.last)?])
    }

    /// Why records may have another key in the store than the export says, or than it would say of this one: `part` is the
    /// canonical value of the key's field that `rule` reads in `column`. `own`: the record is one of the export.
    pub fn key_could_differ(
        &self,
        rule: usize,
        column: Exported<'_>,
        part: &[u8],
        own: bool,
    ) -> Option<LossKind> {
        let (value, _) = decode(part).ok()?;
        let spec = &self.rules[rule];
        let by_value = Equality {
            numbers: Numbers::Value,
            ..self.equality
        };
        let mut guesses = spec.convert.sources(&value);
        guesses.push(Value::Null);
        let natives = guesses
            .iter()
            .filter_map(|guess| column.nearest(guess))
            .filter(|held| {
                let origin = Origin {
                    rule: Some(rule),
                    column,
                    read: Value::Null,
                };
                let made = self.made(&origin, held, by_value);
                made.is_some_and(|made| made.as_deref().unwrap_or(NULL) == part)
            });
        let mut kinds = natives.filter_map(|held| match own {
            true => column.doubt(&held),
            false => {
                let read = column.read_back(&held);
                let kind = column.doubt(&read).unwrap_or(LossKind::NullOrEmpty);
                (!column.says_the_same(&read, &held)).then_some(kind)
            }
        });
        kinds.next()
    }

    /// The rule of each part of the key, in order.
    pub fn key_rules(&self) -> impl Iterator<Item = Option<usize>> {
        (0..self.key_len).map(|at| self.key_position.iter().position(|p| *p == Some(at)))
    }

    fn loss(&self, origin: &Origin<'_>) -> Option<LossKind> {
        let listed = || !origin.column.others(&origin.read).is_empty();
        let doubt = origin.column.doubt(&origin.read);
        doubt.or_else(|| listed().then_some(LossKind::NullOrEmpty))
    }

    /// Values that the store may hold, with those that the mapping may make `wanted` of.
    fn sources(&self, origin: &Origin<'_>, wanted: Option<&Value>) -> Vec<Value> {
        let mut sources = origin.column.others(&origin.read);
        let guesses = wanted.map(|wanted| match origin.rule {
            Some(rule) => self.rules[rule].convert.sources(wanted),
            None => vec![wanted.clone()],
        });
        let guesses = guesses.into_iter().flatten();
        sources.extend(guesses.filter_map(|guess| origin.column.nearest(&guess)));
        if let Some(span) = origin.column.span(&origin.read) {
            sources.extend([span.at(span.first), span.at(span.last)]);
        }
        sources
    }

    /// Whether the export says of `held` what it says here.
    fn says(&self, origin: &Origin<'_>, held: &Value) -> bool {
        let read = origin.column.read_back(held);
        origin.column.says_the_same(&read, &origin.read)
    }

    /// The canonical bytes that the mapping makes of a value that the store holds in the field, `Some(None)` if it then counts as
    /// absent; none if it makes nothing of it.
    fn made(&self, origin: &Origin<'_>, held: &Value, equality: Equality) -> Option<Option<Vec<u8>>> {
        let spec = origin.rule.map(|rule| &self.rules[rule]);
        let mut encoder = Encoder::new(equality);
        match spec {
            Some(spec) => encoder.value(&spec.convert.apply(held.clone()).ok()?).ok()?,
            None => encoder.value(held).ok()?,
        }
        let mut bytes = encoder.bytes().to_vec();
        let absent = |bytes: &[u8]| equality.absent == Absent::Null && bytes == NULL;
        let default = origin.rule.and_then(|rule| self.defaults[rule].as_ref());
        if let Some(default) = default.filter(|_| absent(&bytes)) {
            bytes.clone_from(default);
        }
        let never_empty =
            origin.column.column().non_frozen_collection || spec.is_some_and(|s| s.empty_is_null);
        if never_empty && is_empty_collection(&bytes) {
            bytes = NULL.to_vec();
        }
        Some(Some(bytes).filter(|bytes| !absent(bytes)))
    }

    /// Looks among the numbers that the export writes like this one for one that fits; conversions keep their order.
    fn search(&self, origin: &Origin<'_>, wanted: &[u8], fits: &dyn Fn(&Value) -> bool) -> bool {
        let Some(span) = origin.column.span(&origin.read) else {
            return false;
        };
        let order = |place| {
            let made = self.made(origin, &span.at(place), self.equality).flatten();
            made.filter(|made| is_ordered(made) && is_ordered(wanted))
                .map(|made| compare_keys(&made, wanted))
        };
        let (mut first, mut last) = (span.first, span.last);
        while first < last {
            let middle = first + (last - first) / 2;
            match order(middle) {
                None => return false,
                Some(Ordering::Less) => first = middle + 1,
                Some(_) => last = middle,
            }
        }
        let beside = (first - BESIDE).max(span.first)..=(first + BESIDE).min(span.last);
        beside.map(|place| span.at(place)).any(|held| fits(&held))
    }
}

/// Whether the bytes are those of a number or a time.
fn is_ordered(bytes: &[u8]) -> bool {
    matches!(decode(bytes), Ok((Value::Number(_) | Value::Timestamp(_), _)))
}
