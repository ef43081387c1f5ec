//! The merger against a plain account of the same records, and the places where order breaks.

use super::merger::Merger;
use super::order::OF_KEYS;
use super::run::{Entry, Fault, OUT_OF_ORDER, Run, TWICE, Walk};
use crate::digest::RecordHash;
use crate::source::{Chunk, Position};
use crate::{Pair, Side};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A record: key, or none; and value.
type Record = (Option<i64>, u8);

fn text(key: &str) -> Vec<u8> {
    [&[0x20, key.len() as u8], key.as_bytes()].concat()
}

fn key(record: Record) -> Vec<u8> {
    match record.0 {
        // Text of one length lies in the same order by value and by bytes.
        Some(n) => text(&format!("{:05}", n + 5_000)),
        None => vec![0x7f],
    }
}

/// A chunk of one-byte records, the first of which is the one with `number` on its side.
fn chunk(records: &[Record], number: u64) -> Chunk {
    Chunk {
        data: records.iter().map(|r| r.1).collect(),
        ends: (1..=records.len()).collect(),
        part: 0,
        start: Position {
            offset: number,
            record: number,
        },
        file_offset: None,
        resume: None,
    }
}

fn push(walk: &mut Walk<'_>, record: Record, at: usize, number: u64) {
    let entry = Entry::at(RecordHash(record.1.into()), at as u32);
    walk.push(entry, (&[], &key(record)), record.0.is_some(), number + at as u64);
}

/// One run of one-byte records.
fn run(records: &[Record], number: u64) -> Run {
    let chunk = chunk(records, number);
    let mut walk = Walk::over(&chunk, OF_KEYS, None);
    for (i, &record) in records.iter().enumerate() {
        push(&mut walk, record, i, number);
    }
    walk.finish(chunk)
}

/// The runs of two sides, cut into chunks of the given lengths, that are walked two by two: records that are the same and
/// have a key go as twins.
fn walked_together(sides: Pair<&[Record]>, cuts: (&[usize], &[usize])) -> Pair<Vec<Run>> {
    let pieces = |records: &[Record], lengths: &[usize]| {
        let (mut pieces, mut at) = (Vec::new(), 0);
        for length in lengths.iter().chain([&usize::MAX]) {
            let end = at + (*length).min(records.len() - at);
            pieces.push((at as u64, records[at..end].to_vec()));
            at = end;
        }
        pieces
    };
    let (ours, theirs) = (pieces(sides.stable, cuts.0), pieces(sides.candidate, cuts.1));
    let mut runs = Pair::<Vec<Run>>::default();
    for at in 0..ours.len().max(theirs.len()) {
        let (Some((m, a)), Some((n, b))) = (ours.get(at), theirs.get(at)) else {
            runs.stable.extend(ours.get(at).map(|(m, a)| run(a, *m)));
            runs.candidate.extend(theirs.get(at).map(|(n, b)| run(b, *n)));
            continue;
        };
        let (x, y) = (chunk(a, *m), chunk(b, *n));
        let (mut left, mut right) = (Walk::over(&x, OF_KEYS, None), Walk::over(&y, OF_KEYS, None));
        let mut next = 0;
        for (i, &record) in a.iter().enumerate() {
            match b[next..].iter().position(|r| *r == record && r.0.is_some()) {
                Some(skipped) => {
                    (next..next + skipped).for_each(|j| push(&mut right, b[j], j, *n));
                    next += skipped;
                    let twin = |at: usize, number: u64| {
                        (
                            Entry::at(RecordHash(record.1.into()), at as u32),
                            number + at as u64,
                        )
                    };
                    let twins = Pair {
                        stable: twin(i, *m),
                        candidate: twin(next, *n),
                    };
                    left.push_twins(&mut right, twins, (&[], &key(record)), true);
                    next += 1;
                }
                None => push(&mut left, record, i, *m),
            }
        }
        (next..b.len()).for_each(|j| push(&mut right, b[j], j, *n));
        runs.stable.push(left.finish(x));
        runs.candidate.push(right.finish(y));
    }
    runs
}

/// Cuts the records of a side into runs of the given lengths; what is left over is the last run.
fn runs(records: &[Record], lengths: &[usize]) -> Vec<Run> {
    let (mut out, mut at) = (Vec::new(), 0);
    for &length in lengths {
        let end = (at + length).min(records.len());
        out.push(run(&records[at..end], at as u64));
        at = end;
    }
    out.push(run(&records[at..], at as u64));
    out
}

/// What was put aside: numbers of the records, per side, in the order in which they came out.
type Aside = Pair<Vec<u64>>;

fn put(aside: &mut Aside) -> impl FnMut(Side, &Run, &Entry) {
    |side, run, entry| {
        let locator = run.locator(entry);
        assert_eq!(locator.offset, locator.number);
        assert_eq!(u128::from(run.raw(entry)[0]), entry.record.0);
        aside[side].push(locator.number);
    }
}

/// Merges runs that come in an order drawn from `shuffle`; each side's end is told at some time.
fn merge(sides: Pair<Vec<Run>>, shuffle: u64) -> Result<Aside, (Side, Fault)> {
    merge_long(sides, shuffle, usize::MAX)
}

/// The same; runs of at least `long` bytes do not wait for others.
fn merge_long(sides: Pair<Vec<Run>>, mut shuffle: u64, long: usize) -> Result<Aside, (Side, Fault)> {
    let mut aside = Aside::default();
    let mut merger = Merger::new(OF_KEYS, long);
    let ends = sides.as_ref().map(|runs| runs.len() as u64);
    let mut steps: Vec<(Side, Option<(u64, Run)>)> = vec![(Side::Stable, None), (Side::Candidate, None)];
    for (side, runs) in sides.into_sides() {
        steps.extend((0..).zip(runs).map(|run| (side, Some(run))));
    }
    while !steps.is_empty() {
        shuffle = shuffle.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (shuffle >> 33) as usize % steps.len();
        let (side, step) = steps.swap_remove(at);
        let mut put = put(&mut aside);
        match step {
            Some((number, run)) => merger.take(side, number, run, &mut put)?,
            None => merger.end(side, ends[side], &mut put),
        }
    }
    for side in Side::BOTH {
        assert!(merger.ended(side));
        assert_eq!(merger.progress(side), (ends[side], 0));
    }
    Ok(aside)
}

/// Records of which the whole group under a key has to be put aside, counted plainly.
fn plain(sides: Pair<&[Record]>) -> Aside {
    let mut groups: BTreeMap<Record, Pair<Vec<(u64, u8)>>> = BTreeMap::new();
    let mut aside = Aside::default();
    for (side, records) in sides.into_sides() {
        for (number, &record) in (0..).zip(records) {
            match record {
                (None, _) => aside[side].push(number),
                (key, value) => groups.entry((key, 0)).or_default()[side].push((number, value)),
            }
        }
    }
    for group in groups.into_values() {
        let equal = match (&group.stable[..], &group.candidate[..]) {
            ([a], [b]) => a.1 == b.1,
            _ => false,
        };
        for (side, records) in group.into_sides().into_iter().filter(|_| !equal) {
            aside[side].extend(records.into_iter().map(|(number, _)| number));
        }
    }
    aside
}

fn sorted(mut aside: Aside) -> Aside {
    aside.stable.sort();
    aside.candidate.sort();
    aside
}

/// Records in key order, with repeated keys, gaps, and here and there one without a key.
fn side() -> impl Strategy<Value = Vec<Record>> {
    let steps = proptest::collection::vec((0i64..3, 0u8..3, 0u8..12), 0..60);
    steps.prop_map(|steps| {
        let mut last = -20;
        let record = |(step, value, loose): (i64, u8, u8)| {
            last += step;
            ((loose > 0).then_some(last), value)
        };
        steps.into_iter().map(record).collect()
    })
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0usize..9, 0..20)
}

proptest! {
    #[test]
    fn puts_aside_what_a_plain_account_does(
        stable in side(), candidate in side(), cuts in (lengths(), lengths()), shuffle in any::<u64>(),
    ) {
        let wanted = sorted(plain(Pair { stable: &stable, candidate: &candidate }));
        let cut = |a: &[Record], b: &[Record]| Pair { stable: runs(a, &cuts.0), candidate: runs(b, &cuts.1) };
        let found = merge(cut(&stable, &candidate), shuffle).unwrap();
        prop_assert_eq!(sorted(found), wanted.clone());
        let mirrored = merge(cut(&candidate, &stable), shuffle).unwrap();
        prop_assert_eq!(sorted(mirrored), wanted.swap());
    }

    #[test]
    fn long_runs_come_to_the_same_or_to_a_key_that_came_again(
        stable in side(), candidate in side(), cuts in (lengths(), lengths()), shuffle in any::<u64>(),
        long in 0usize..1_000,
    ) {
        let wanted = sorted(plain(Pair { stable: &stable, candidate: &candidate }));
        let sides = Pair { stable: runs(&stable, &cuts.0), candidate: runs(&candidate, &cuts.1) };
        match merge_long(sides, shuffle, long) {
            Ok(found) => prop_assert_eq!(sorted(found), wanted),
            Err((side, fault)) => {
                let records = Pair { stable: &stable, candidate: &candidate }[side];
                let keys: Vec<i64> = records[..=fault.number as usize].iter().filter_map(|r| r.0).collect();
                prop_assert!(fault.what != OUT_OF_ORDER && matches!(keys[..], [.., a, b] if a == b));
            }
        }
    }

    #[test]
    fn twins_that_are_walked_together_come_to_the_same(
        stable in side(), candidate in side(), same in any::<bool>(), cuts in (lengths(), lengths()),
        shuffle in any::<u64>(), broken in proptest::option::of(0i64..60),
    ) {
        let (mut stable, mut candidate) = (stable, candidate);
        if same {
            // Mostly twins, with what the other side had between them.
            candidate.retain(|r| r.0.is_some_and(|key| key % 5 == 0));
            candidate.extend(&stable);
            candidate.sort_by_key(|r| r.0.unwrap_or(i64::MIN));
        }
        if let Some(key) = broken {
            stable.insert(stable.len() / 2, (Some(key), 7));
            candidate.insert(candidate.len() / 3, (Some(key), 7));
        }
        let sides = Pair { stable: &stable[..], candidate: &candidate[..] };
        let alone = Pair { stable: runs(&stable, &cuts.0), candidate: runs(&candidate, &cuts.1) };
        let together = walked_together(sides, (&cuts.0, &cuts.1));
        prop_assert_eq!(merge(together, shuffle).map(sorted), merge(alone, shuffle).map(sorted));
    }

    #[test]
    fn a_side_against_itself_leaves_repeated_keys_only(records in side(), cuts in lengths()) {
        let sides = Pair { stable: runs(&records, &cuts), candidate: runs(&records, &[]) };
        let found = sorted(merge(sides, 1).unwrap());
        let repeated = |n: &u64| {
            let key = records[*n as usize].0;
            key.is_none() || records.iter().filter(|r| r.0 == key).count() > 1
        };
        prop_assert!(found.stable.iter().all(repeated));
        prop_assert_eq!(found.stable, found.candidate);
    }

    #[test]
    fn broken_order_is_noticed_where_it_breaks(
        mut records in side(), other in side(), at in any::<prop::sample::Index>(), cuts in (lengths(), lengths()),
        shuffle in any::<u64>(),
    ) {
        let at = at.index(records.len() + 1);
        records.insert(at, (Some(1_000), 9));
        let next = records[at + 1..].iter().position(|r| r.0.is_some());
        let sides = Pair { stable: runs(&other, &cuts.1), candidate: runs(&records, &cuts.0) };
        match (merge(sides, shuffle), next) {
            (Ok(_), None) => {}
            (Err((side, fault)), Some(next)) => {
                prop_assert_eq!(side, Side::Candidate);
                prop_assert_eq!(fault.number, (at + 1 + next) as u64);
            }
            (found, next) => prop_assert!(false, "{found:?} {next:?}"),
        }
    }
}

#[test]
fn numbers_written_as_text_have_an_order_too() {
    let side = |numbers: &[u32]| {
        let chunk = chunk(&vec![(None, 0); numbers.len()], 0);
        let mut walk = Walk::over(&chunk, OF_KEYS, None);
        for (i, n) in numbers.iter().enumerate() {
            walk.push(
                Entry::at(RecordHash(0), i as u32),
                (&[], &text(&n.to_string())),
                true,
                i as u64,
            );
        }
        vec![walk.finish(chunk)]
    };
    let all: Vec<u32> = (1..1_200).collect();
    let fewer: Vec<u32> = all.iter().copied().filter(|n| *n != 99).collect();
    let aside = merge(
        Pair {
            stable: side(&all),
            candidate: side(&fewer),
        },
        1,
    )
    .unwrap();
    assert_eq!(
        aside,
        Pair {
            stable: vec![98],
            candidate: vec![]
        }
    );
    // Each side has an order, but not the same.
    let mut words = all.clone();
    words.sort_by_key(u32::to_string);
    assert!(
        merge(
            Pair {
                stable: side(&all),
                candidate: side(&words)
            },
            1
        )
        .is_err()
    );
}

#[test]
fn the_side_that_is_ahead_waits() {
    let mut aside = Aside::default();
    let mut merger = Merger::new(OF_KEYS, usize::MAX);
    let ascending: Vec<Record> = (0..10).map(|n| (Some(n), 0)).collect();
    for (number, run) in (0..).zip(runs(&ascending, &[5])) {
        merger
            .take(Side::Stable, number, run, &mut put(&mut aside))
            .unwrap();
    }
    assert_eq!(merger.progress(Side::Stable).0, 0);
    assert!(merger.progress(Side::Stable).1 > 10);
    merger.end(Side::Candidate, 0, &mut put(&mut aside));
    // The last record of a run waits until it is known what follows.
    assert_eq!((merger.progress(Side::Stable).0, aside.stable.len()), (1, 9));
    merger.end(Side::Stable, 2, &mut put(&mut aside));
    assert_eq!((merger.progress(Side::Stable).0, aside.stable.len()), (2, 10));
}

#[test]
fn a_long_run_does_not_wait() {
    let mut merger = Merger::new(OF_KEYS, 0);
    let take = |merger: &mut Merger, side, number: u64, key| {
        let run = run(&[(Some(key), 0)], number);
        merger.take(side, number, run, &mut |_, _, _| panic!("nothing differs"))
    };
    take(&mut merger, Side::Stable, 0, 1).unwrap();
    take(&mut merger, Side::Candidate, 0, 1).unwrap();
    assert_eq!(
        (merger.progress(Side::Stable), merger.progress(Side::Candidate)),
        ((1, 0), (1, 0))
    );
    let (side, fault) = take(&mut merger, Side::Candidate, 1, 1).unwrap_err();
    assert_eq!((side, fault.number, fault.what), (Side::Candidate, 1, TWICE));
}
