//! What kind of divergence a finding is, how sure we are of it, and exact counts of both.

use crate::model::ProblemKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kind of a divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The record exists on the stable side only.
    Missing,
    /// The record exists on the candidate side only.
    Extra,
    /// The record exists on both sides with other field values.
    Changed,
    /// The values are equal as numbers, but held by other types, and types were asked to count.
    TypeChanged,
    /// The same fields or elements in another order, where order was asked to count.
    OrderOnly,
    /// More than one record of one side has this key.
    DuplicateKey,
    /// The record's bytes do not form a record.
    Malformed,
    /// A value cannot be brought to the type, table or range the mapping asks for.
    Unconvertible,
    /// A value of a type Assay does not know how to compare.
    Unsupported,
    /// A time to live explains why one side no longer has the record.
    Expired,
    /// The candidate holds an older version of the record, as a version or write time says.
    Stale,
    /// An export that cannot tell the truth explains the difference: neither equal nor divergent.
    Lossy,
    /// A namespace that exists on one side only.
    OneSided,
    /// A field that one side alone has does not hold what the mapping expects of it.
    Expectation,
}

impl Class {
    /// Every class, in the order reports list them.
    pub const ALL: [Class; 14] = [
        Class::Missing,
        Class::Extra,
        Class::Changed,
        Class::TypeChanged,
        Class::OrderOnly,
        Class::DuplicateKey,
        Class::Malformed,
        Class::Unconvertible,
        Class::Unsupported,
        Class::Expired,
        Class::Stale,
        Class::Lossy,
        Class::OneSided,
        Class::Expectation,
    ];

    /// The word used on the wire, in policies and in terminal reports.
    pub const fn name(self) -> &'static str {
        match self {
            Class::Missing => "missing",
            Class::Extra => "extra",
            Class::Changed => "changed",
            Class::TypeChanged => "type_changed",
            Class::OrderOnly => "order_only",
            Class::DuplicateKey => "duplicate_key",
            Class::Malformed => "malformed",
            Class::Unconvertible => "unconvertible",
            Class::Unsupported => "unsupported",
            Class::Expired => "expired",
            Class::Stale => "stale",
            Class::Lossy => "lossy",
            Class::OneSided => "one_sided",
            Class::Expectation => "expectation",
        }
    }

    /// The class of the same finding with the two sides exchanged.
    #[must_use]
    pub const fn mirrored(self) -> Class {
        match self {
            Class::Missing => Class::Extra,
            Class::Extra => Class::Missing,
            same => same,
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl From<ProblemKind> for Class {
    fn from(kind: ProblemKind) -> Class {
        match kind {
            ProblemKind::Malformed => Class::Malformed,
            ProblemKind::Unconvertible => Class::Unconvertible,
            ProblemKind::Unsupported => Class::Unsupported,
        }
    }
}

/// How sure we are of a divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Looked at again, unchanged on both sides, still different. Files do not move: what differs in them is confirmed.
    Confirmed,
    /// Healed while we watched.
    Transient,
    /// Still changing when we stopped watching: unknown.
    Racing,
    /// Different, and within a tolerance the mapping declares.
    Tolerated,
    /// Could not be decided: unknown, and so never equal.
    Unknown,
}

impl State {
    /// Every state, in the order reports list them.
    pub const ALL: [State; 5] = [
        State::Confirmed,
        State::Transient,
        State::Racing,
        State::Tolerated,
        State::Unknown,
    ];

    /// The word used on the wire and in terminal reports.
    pub const fn name(self) -> &'static str {
        match self {
            State::Confirmed => "confirmed",
            State::Transient => "transient",
            State::Racing => "racing",
            State::Tolerated => "tolerated",
            State::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Exact numbers of divergences by class and state. Only numbers above zero are kept, so equal counts have equal form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Class, BTreeMap<State, u64>>);

impl Counts {
    /// Counts `n` more divergences.
    pub fn add(&mut self, class: Class, state: State, n: u64) {
        if n > 0 {
            *self.0.entry(class).or_default().entry(state).or_default() += n;
        }
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Counts) {
        for (class, state, n) in other.iter() {
            self.add(class, state, n);
        }
    }

    /// The number of divergences of this class and state.
    pub fn get(&self, class: Class, state: State) -> u64 {
        self.0
            .get(&class)
            .and_then(|states| states.get(&state))
            .copied()
            .unwrap_or(0)
    }

    /// The number of divergences of this class, whatever their state.
    pub fn of_class(&self, class: Class) -> u64 {
        self.0.get(&class).map_or(0, |states| states.values().sum())
    }

    /// The number of divergences in this state, whatever their class.
    pub fn of_state(&self, state: State) -> u64 {
        self.0.values().filter_map(|states| states.get(&state)).sum()
    }

    /// The number of divergences.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, _, n)| n).sum()
    }

    /// Every number above zero, by class, then state.
    pub fn iter(&self) -> impl Iterator<Item = (Class, State, u64)> + '_ {
        self.0
            .iter()
            .flat_map(|(class, states)| states.iter().map(|(state, n)| (*class, *state, *n)))
            .filter(|(_, _, n)| *n > 0)
    }

    /// The counts of the same comparison with the two sides exchanged.
    #[must_use]
    pub fn mirrored(&self) -> Counts {
        let mut out = Counts::default();
        for (class, state, n) in self.iter() {
            out.add(class.mirrored(), state, n);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_wire_words() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
            assert_eq!(class.mirrored().mirrored(), class);
        }
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }

    #[test]
    fn counts_add_up_and_keep_no_zeros() {
        let mut counts = Counts::default();
        counts.add(Class::Missing, State::Confirmed, 2);
        counts.add(Class::Missing, State::Racing, 1);
        counts.add(Class::Extra, State::Confirmed, 0);
        assert_eq!(
            serde_json::to_string(&counts).unwrap(),
            r#"{"missing":{"confirmed":2,"racing":1}}"#
        );
        assert_eq!(
            (
                counts.total(),
                counts.of_class(Class::Missing),
                counts.of_state(State::Confirmed)
            ),
            (3, 3, 2)
        );
        assert_eq!(counts.mirrored().get(Class::Extra, State::Racing), 1);
        assert_eq!(counts.mirrored().mirrored(), counts);
    }
}
