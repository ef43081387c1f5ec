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
    fn lost(&self, path: &str, fields: Pair<Option<&Captured>>) -> Option<String>;
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

/// Compares the records under one key. Equal records pair off; what is left over is a finding.
pub fn classify(mut group: Group, judge: &dyn Judge) -> Option<Finding> {
    let counts = group.records.as_ref().map(Vec::len);
    pair_off(&mut group.records);
    let Group { key, records } = group;
    let places = records.as_ref().map(|r| r.first().map(|d| d.place.clone()));
    let finding = |class, state, fields, detail| {
        let keyed = records.stable.iter().chain(&records.candidate).all(|d| d.keyed);
        Some(Finding {
            key: key.clone(),
            keyed,
            class,
            state,
            fields,
            places: places.clone(),
            detail,
        })
    };
    let one_sided = |side: Side, record: &Drilled| {
        let class = match (&record.problem, record.keyed) {
            (Some(problem), false) => class_of(problem.kind()),
            _ if side == Side::Stable => Class::Missing,
            _ => Class::Extra,
        };
        finding(
            class,
            State::Confirmed,
            Vec::new(),
            record.problem.as_ref().map(Problem::to_string),
        )
    };
    match (&records.stable[..], &records.candidate[..]) {
        ([], []) => None,
        _ if counts.stable > 1 || counts.candidate > 1 => {
            let detail = format!(
                "{} records in stable, {} in candidate",
                counts.stable, counts.candidate
            );
            let fields = match (records.stable.first(), records.candidate.first()) {
                (Some(stable), Some(candidate)) => compare_fields(Pair { stable, candidate }, judge),
                _ => Vec::new(),
            };
            finding(Class::DuplicateKey, State::Confirmed, fields, Some(detail))
        }
        ([record], []) => one_sided(Side::Stable, record),
        ([], [record]) => one_sided(Side::Candidate, record),
        ([stable, ..], [candidate, ..]) => {
            let fields = compare_fields(Pair { stable, candidate }, judge);
            let (class, state) = summarise(&fields);
            let whole = [stable, candidate]
                .iter()
                .find_map(|d| d.problem.as_ref())
                .map(Problem::to_string);
            finding(class, state, fields, whole)
        }
        _ => unreachable!("more than one record on a side was dealt with above"),
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

/// The class and state of a record from those of its fields.
fn summarise(fields: &[FieldDiff]) -> (Class, State) {
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
