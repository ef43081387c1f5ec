//! One compare after its first pass: reconcile, judge, sum up.

use super::first::Scanned;
use super::judge::MappingJudge;
use super::lane::Lane;
use super::pass::Monitor;
use super::reconcile::{fetch, join};
use super::settle::{Patience, Settler, gone_by_now};
use super::summary::{columns, coverage, equality_box, heat, ignored, lossy, notices, precision, tolerances};
use super::suspects::Suspects;
use super::unique::Repeated;
use super::wire::{key_names, wire};
use crate::Pair;
use crate::canon::{Equality, compare_keys};
use crate::config::SideConfig;
use crate::diff::Finding;
use crate::digest::{Hasher, Leaves, count_under, root};
use crate::mapping::Compare;
use crate::report::{Class, CompareResult, Counts, Divergence, FieldCount, Metadata, Sample, State};
use crate::store::{SortBudget, SortError, Sorter};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// A compare made ready: mapping, equality and both lanes.
#[derive(Debug)]
pub struct Prepared {
    /// The mapping.
    pub compare: Compare,
    /// The equality in force.
    pub equality: Equality,
    /// Both sides.
    pub lanes: Pair<Lane>,
    /// Both sides' configuration.
    pub sides: Pair<SideConfig>,
    /// How what stands beside the records compares.
    pub metadata: Metadata,
}

/// What reconciling needs besides the tally.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// Hashes under the run's seed.
    pub hasher: Hasher,
    /// Threads that hash.
    pub threads: usize,
    /// For progress and stopping.
    pub monitor: &'a Monitor,
    /// Where temporary files go.
    pub dir: &'a Path,
    /// How much may be spilled.
    pub budget: &'a SortBudget,
    /// Divergences that the report carries.
    pub samples: usize,
    /// How long and how often suspects of live stores are looked at again.
    pub patience: Patience,
}

/// The findings told so far.
struct Told<'b> {
    counts: Counts,
    /// Fields that differ, by path and class.
    fields: BTreeMap<String, BTreeMap<Class, u64>>,
    /// Fields that differ within a tolerance, by path and reason.
    tolerated: BTreeMap<(String, String), u64>,
    /// Every divergence as JSON, by key.
    sorter: Sorter<'b>,
}

impl Told<'_> {
    fn take(&mut self, finding: &Finding, json: &[u8]) -> Result<(), SortError> {
        self.counts.add(finding.class, finding.state, 1);
        for field in &finding.fields {
            let by_class = count_under(&mut self.fields, &field.path, |others, moved| {
                moved
                    .into_iter()
                    .for_each(|(class, n)| *others.entry(class).or_default() += n);
            });
            *by_class.entry(field.class).or_default() += 1;
            if let Some(reason) = &field.tolerated_by {
                let path_and_reason = (field.path.clone(), reason.clone());
                *self.tolerated.entry(path_and_reason).or_default() += 1;
            }
        }
        self.sorter.push(&finding.key, &[json])
    }
}

/// Reconciles what a first pass left: fetches what differs unless it was put aside already, classifies it, writes every
/// divergence to `sink` (one JSON object a line, in key order) and sums up.
pub(super) fn reconcile(
    prepared: &Prepared,
    scanned: &mut Scanned<'_>,
    means: Means<'_>,
    sink: &mut dyn Write,
) -> Result<CompareResult, SortError> {
    let lanes = prepared.lanes.as_ref();
    let name = &prepared.compare.name;
    let key_names = key_names(prepared);
    let told = Mutex::new(Told {
        counts: Counts::default(),
        fields: BTreeMap::new(),
        tolerated: BTreeMap::new(),
        sorter: Sorter::new(means.dir, compare_keys, 16 << 20, means.budget),
    });
    let mut unread = scanned.tally.unread.clone();
    let aside = scanned.aside.take();
    // Of what was put aside in the first pass both readings are there.
    let fetched = aside.is_none();
    let mut suspected = None;
    let (aside, again) = match aside {
        Some(aside) => (Some(aside), Vec::new()),
        None => {
            let (repeated, mut again) = Repeated::find(lanes, scanned.keys.take(), &means)?;
            let mut suspects = Suspects::find(&scanned.tally, means.hasher);
            if matches!(suspects, Suspects::Leaves(_)) {
                scanned.overflowed();
            }
            suspects.also(repeated);
            // Equal leaves and no key that comes twice end it.
            if suspects.is_empty() {
                (None, again)
            } else {
                let (aside, unread) = fetch(lanes, &suspects, &means)?;
                again.extend(unread);
                suspected = suspects.into_keys();
                (Some(aside), again)
            }
        }
    };
    // Trouble that only a second pass met: what it would have fetched is missing from the findings.
    for other in again {
        if !unread.iter().any(|u| u.side == other.side) {
            unread.push(other);
        }
    }
    // Of what was not read both times nobody knows whether it differed in the first.
    let whole = unread.is_empty();
    if let Some(aside) = aside {
        let tally = &scanned.tally;
        let judge = MappingJudge::new(
            &prepared.compare,
            tally.counts.as_ref().map(|c| c.guessed > 0),
            precision(prepared, tally),
            prepared.sides.as_ref().zip(lanes),
        );
        let unread = Pair::from_fn(|side| unread.iter().any(|u| u.side == side));
        let differed = |key: &[u8]| {
            let suspected = suspected.as_ref().filter(|_| whole);
            suspected.is_some_and(|keys| keys.contains(&means.hasher.key(key)))
        };
        let settler = Settler {
            lanes,
            judge: &judge,
            patience: means.patience,
            monitor: means.monitor,
            since: Instant::now(),
            differed: &differed,
        };
        let tell = |mut finding| {
            doubt(&mut finding, unread);
            let divergence = wire(name, &key_names, &finding);
            let json = serde_json::to_vec(&divergence).expect("a divergence has a JSON form");
            let mut told = told.lock().expect("no worker panics while it holds the lock");
            told.take(&finding, &json)
        };
        join(lanes, aside, &settler, &tell)?;
        let nothing = told.lock().is_ok_and(|told| told.counts.total() == 0);
        if fetched && whole && nothing && settler.live() && !tally.equal() {
            tell(gone_by_now(&tally.leaves))?;
        }
    }
    let Told {
        counts,
        fields,
        tolerated,
        sorter,
    } = told
        .into_inner()
        .expect("no worker panics while it holds the lock");
    let tally = &scanned.tally;
    let total = sorter.len();
    let mut items = Vec::new();
    let mut sorted = sorter.finish()?;
    let broken = |source| SortError::Io {
        dir: means.dir.to_owned(),
        source,
    };
    let compare_json = serde_json::to_string(name).expect("a name has a JSON form");
    while let Some((_, json)) = sorted.next()? {
        write!(sink, "{{\"compare\":{compare_json},\"divergence\":").map_err(broken)?;
        sink.write_all(json).map_err(broken)?;
        sink.write_all(b"}\n").map_err(broken)?;
        if items.len() < means.samples {
            items.push(serde_json::from_slice::<Divergence>(json).expect("written a moment ago"));
        }
    }
    let fields = fields.into_iter().map(|(path, by_class)| FieldCount {
        path,
        total: by_class.values().sum(),
        by_class,
    });
    let mut fields: Vec<FieldCount> = fields.collect();
    fields.sort_by_key(|field| Reverse(field.total));
    Ok(CompareResult {
        name: name.clone(),
        namespaces: lanes.map(|l| Some(l.namespace.name.clone())),
        mapping_digest: prepared.compare.digest(),
        equality: equality_box(prepared),
        coverage: coverage(lanes, tally, &unread),
        roots: roots(&tally.leaves),
        counts,
        fields,
        columns: columns(tally),
        heat: heat(tally),
        divergences: Sample::new(items, total),
        tolerances: tolerances(&prepared.compare, tolerated),
        ignored: ignored(&prepared.compare, tally),
        lossy: lossy(prepared, tally),
        metadata: prepared.metadata.clone(),
        notices: notices(prepared, tally),
    })
}

fn roots(leaves: &Pair<Leaves>) -> Pair<Option<String>> {
    let (stable, candidate) = rayon::join(|| root(&leaves.stable), || root(&leaves.candidate));
    Pair { stable, candidate }.map(|root| Some(root.to_hex().to_string()))
}

/// A record that is not on a side which was not read to its end may stand in the part that was not read.
fn doubt(finding: &mut Finding, unread: Pair<bool>) {
    let doubtful = match finding.class {
        Class::Missing => unread.candidate,
        Class::Extra => unread.stable,
        Class::DuplicateKey => unread.stable || unread.candidate,
        _ => false,
    };
    if doubtful && finding.state == State::Confirmed {
        finding.state = State::Unknown;
        finding
            .detail
            .get_or_insert_with(|| "the other side was not read to its end".to_owned());
    }
}
