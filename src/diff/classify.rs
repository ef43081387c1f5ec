//! From the records under one key to findings.

use super::fields::{FieldDiff, compare_fields};
use crate::digest::RecordHash;
use crate::mapping::Captured;
use crate::model::{Problem, ProblemKind, Value};
use crate::report::{Class, State};
use crate::{Pair, Side};

/// Where a record stands in its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// Byte offset in the (decompressed) file.
    pub offset: u64,
    /// Number of the record in its namespace, from 1.
    pub number: u64,
}

/// A record that was looked at in full.
#[derive(Clone, Debug)]
pub struct Drilled {
    /// The record's hash.
    pub record: RecordHash,
    /// All its fields.
    pub fields: Vec<Captured>,
    /// Whether its key could be read.
    pub keyed: bool,
    /// The first thing wrong with it.
    pub problem: Option<Problem>,
    /// Where it stands.
    pub place: Place,
}

/// All records under one key, on both sides.
#[derive(Clone, Debug)]
pub struct Group {
    /// The canonical key.
    pub key: Vec<u8>,
    /// The records, each side's in the order of its source.
    pub records: Pair<Vec<Drilled>>,
}

/// Judgements that need more than the two values.
pub trait Judge {
    /// Whether the mapping tolerates this difference of a rule's field; the reason if so.
    fn tolerated(&self, rule: usize, values: Pair<&Value>) -> Option<String>;
    /// Whether a lossy export explains the difference; what it lost if so. `None` stands for a field that is not there.
    fn lost(&self, fields: Pair<Option<&Captured>>) -> Option<String>;
    /// Whether a record may have this key in one place and another in the other, because the export of side `of` loses
    /// something of it; what it lost if so. `own`: the record is one of that export.
    fn key_lost(&self, of: Side, key: &[u8], own: bool) -> Option<String>;
}

/// One confirmed divergence, or one difference that is tolerated or explained.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The canonical key.
    pub key: Vec<u8>,
    /// Whether the key is the mapping's; else it stands for a record without one.
    pub keyed: bool,
    /// What kind of divergence.
    pub class: Class,
    /// How sure it is.
    pub state: State,
    /// The fields that differ, by path.
    pub fields: Vec<FieldDiff>,
    /// Where the first record of each side stands.
    pub places: Pair<Option<Place>>,
    /// More, where class and fields do not say it all.
    pub detail: Option<String>,
}

/// Compares the records under one key. Equal records pair off; what is left over is a finding, and so is a key under
/// which a side holds more than one record: it identifies none.
pub fn classify(mut group: Group, judge: &dyn Judge) -> Option<Finding> {
    let counts = group.records.as_ref().map(|r| r.len() as u64);
    if counts.stable > 1 || counts.candidate > 1 {
        let first = group.records.as_ref().map(|r| r.first().cloned());
        pair_off(&mut group.records);
        let same = group.records.stable.is_empty() && group.records.candidate.is_empty();
        let mut records = group.records;
        if same {
            records = first.map(|r| r.into_iter().collect());
        }
        return duplicate(group.key, counts, same, records, judge);
    }
    pair_off(&mut group.records);
    let Group { key, records } = group;
    match (
        records.stable.into_iter().next(),
        records.candidate.into_iter().next(),
    ) {
        (None, None) => None,
        (Some(record), None) => Some(one_sided(key, Side::Stable, &record, judge)),
        (None, Some(record)) => Some(one_sided(key, Side::Candidate, &record, judge)),
        (Some(stable), Some(candidate)) => {
            let pair = Pair {
                stable: &stable,
                candidate: &candidate,
            };
            let fields = compare_fields(pair, judge);
            let (class, state) = summarise(&fields);
            let problem = [&stable, &candidate].iter().find_map(|d| d.problem.as_ref());
            let unnamed = fields.is_empty().then(|| UNNAMED.to_owned());
            Some(Finding {
                keyed: stable.keyed && candidate.keyed,
                key,
                class,
                state,
                fields,
                detail: problem.map(Problem::to_string).or(unnamed),
                places: pair.map(|d| Some(d.place.clone())),
            })
        }
    }
}

/// The same for more records than are looked at together: of each side their number and the first few, and whether all
/// of them are the same on both sides.
pub fn classify_many(
    key: Vec<u8>,
    counts: Pair<u64>,
    same: bool,
    mut first: Pair<Vec<Drilled>>,
    judge: &dyn Judge,
) -> Option<Finding> {
    if !same {
        pair_off(&mut first);
    }
    duplicate(key, counts, same, first, judge)
}

/// A key that is not unique; `records` are some of those that have it.
fn duplicate(
    key: Vec<u8>,
    counts: Pair<u64>,
    same: bool,
    records: Pair<Vec<Drilled>>,
    judge: &dyn Judge,
) -> Option<Finding> {
    let fields = match (records.stable.first(), records.candidate.first()) {
        (Some(stable), Some(candidate)) if !same => compare_fields(Pair { stable, candidate }, judge),
        _ => Vec::new(),
    };
    let end = if same { ", the same on both sides" } else { "" };
    let many = [(Side::Stable, counts.stable), (Side::Candidate, counts.candidate)];
    let lost = many
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .find_map(|(side, _)| judge.key_lost(side, &key, true));
    let (state, end) = match lost {
        Some(lost) => (State::Unknown, format!("{end}; {lost}")),
        None => (State::Confirmed, end.to_owned()),
    };
    Some(Finding {
        keyed: records.stable.iter().chain(&records.candidate).all(|d| d.keyed),
        key,
        class: Class::DuplicateKey,
        state,
        fields,
        places: records.as_ref().map(|r| r.first().map(|d| d.place.clone())),
        detail: Some(format!(
            "{} records in stable, {} in candidate{end}",
            counts.stable, counts.candidate
        )),
    })
}

fn one_sided(key: Vec<u8>, side: Side, record: &Drilled, judge: &dyn Judge) -> Finding {
    let lost = || {
        Side::BOTH
            .into_iter()
            .find_map(|of| judge.key_lost(of, &key, of == side))
    };
    let lost = record.keyed.then(lost).flatten();
    let (class, state) = match (&record.problem, record.keyed) {
        (Some(problem), false) => (class_of(problem.kind()), State::Confirmed),
        _ if lost.is_some() => (Class::Lossy, State::Unknown),
        _ if side == Side::Stable => (Class::Missing, State::Confirmed),
        _ => (Class::Extra, State::Confirmed),
    };
    let mut places = Pair::default();
    places[side] = Some(record.place.clone());
    Finding {
        key,
        keyed: record.keyed,
        class,
        state,
        fields: Vec::new(),
        places,
        detail: lost.or(record.problem.as_ref().map(Problem::to_string)),
    }
}

/// Takes away records that are equal on both sides, one against one.
fn pair_off(records: &mut Pair<Vec<Drilled>>) {
    let Pair { stable, candidate } = records;
    stable.retain(
        |record| match candidate.iter().position(|c| c.record == record.record) {
            Some(twin) => {
                candidate.remove(twin);
                false
            }
            None => true,
        },
    );
}

fn class_of(kind: ProblemKind) -> Class {
    match kind {
        ProblemKind::Malformed => Class::Malformed,
        ProblemKind::Unconvertible => Class::Unconvertible,
        ProblemKind::Unsupported => Class::Unsupported,
    }
}

/// What is said of two records whose digests differ, and none of their fields.
const UNNAMED: &str = "the digests of the two records differ, and no field was found that does: a fault of this tool, \
    worth a report; compare the two records by hand";

/// The class and state of a record from those of its fields.
fn summarise(fields: &[FieldDiff]) -> (Class, State) {
    if fields.is_empty() {
        return (Class::Changed, State::Unknown);
    }
    let open = || fields.iter().filter(|f| f.tolerated_by.is_none());
    let firm = || open().filter(|f| f.class != Class::Lossy);
    if firm().next().is_none() {
        return match open().next() {
            Some(_) => (Class::Lossy, State::Unknown),
            None => (Class::Changed, State::Tolerated),
        };
    }
    for class in [Class::Malformed, Class::Unconvertible, Class::Unsupported] {
        if firm().any(|f| f.class == class) {
            return (class, State::Confirmed);
        }
    }
    for class in [Class::TypeChanged, Class::OrderOnly] {
        if firm().all(|f| f.class == class) {
            return (class, State::Confirmed);
        }
    }
    (Class::Changed, State::Confirmed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tolerates everything.
    struct Lenient;

    impl Judge for Lenient {
        fn tolerated(&self, _: usize, _: Pair<&Value>) -> Option<String> {
            Some("whatever".to_owned())
        }

        fn key_lost(&self, _: Side, _: &[u8], _: bool) -> Option<String> {
            None
        }

        fn lost(&self, _: Pair<Option<&Captured>>) -> Option<String> {
            Some("everything".to_owned())
        }
    }

    fn record(hash: u128, fields: Vec<Captured>) -> Vec<Drilled> {
        vec![Drilled {
            record: RecordHash(hash),
            fields,
            keyed: true,
            problem: None,
            place: Place {
                file: "t.bson".to_owned(),
                offset: 0,
                number: 1,
            },
        }]
    }

    fn field(text: &str) -> Captured {
        Captured {
            path: "v".to_owned(),
            rule: Some(0),
            canonical: text.as_bytes().to_vec(),
            value: Ok(Value::Text(text.to_owned())),
            cell: None,
            unexpected: None,
            uncounted: false,
        }
    }

    fn classified(stable: Vec<Drilled>, candidate: Vec<Drilled>) -> Option<Finding> {
        let records = Pair { stable, candidate };
        classify(
            Group {
                key: vec![1],
                records,
            },
            &Lenient,
        )
    }

    #[test]
    fn a_difference_that_no_field_shows_is_unknown_and_never_tolerated() {
        for fields in [vec![], vec![field("same")]] {
            let finding = classified(record(1, fields.clone()), record(2, fields)).unwrap();
            assert_eq!((finding.class, finding.state), (Class::Changed, State::Unknown));
            assert!(finding.fields.is_empty());
            assert!(finding.detail.unwrap().contains("no field was found"));
        }
        let tolerated = classified(record(1, vec![field("a")]), record(2, vec![field("b")])).unwrap();
        assert_eq!(tolerated.state, State::Tolerated);
        assert_eq!(tolerated.detail, None);
        assert!(classified(record(1, vec![]), record(1, vec![])).is_none());
    }
}
