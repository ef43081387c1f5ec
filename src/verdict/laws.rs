//! Laws of the decision, over arbitrary evidence and policies.

use super::*;
use crate::report::sample::{self, now};
use crate::report::{Class, Outcome, State, Unread};
use crate::{Pair, Side};
use jiff::SignedDuration;
use proptest::prelude::*;

/// Evidence around the interesting border: mostly whole, with few divergences.
fn evidence() -> impl Strategy<Value = Evidence> {
    let count = (0..Class::ALL.len(), 0..State::ALL.len(), 0u64..4);
    let compare = (
        proptest::collection::vec(count, 0..3),
        0u64..6,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.9),
    );
    let outcome = prop_oneof![9 => Just(Outcome::Complete), 1 => Just(Outcome::Cancelled)];
    (proptest::collection::vec(compare, 0..4), outcome).prop_map(|(compares, outcome)| {
        let report = sample::clean();
        let mut evidence = Evidence::new(&report.result, &report.run);
        let base = evidence.compares[0].clone();
        evidence.outcome = outcome;
        evidence.compares.clear();
        evidence.planned.clear();
        for (i, (counts, records, uneven, whole)) in compares.into_iter().enumerate() {
            let mut compare = base.clone();
            compare.name = format!("c{i}");
            for (class, state, n) in counts {
                compare.counts.add(Class::ALL[class], State::ALL[state], n);
            }
            compare.coverage.records = Pair {
                stable: records * 1000,
                candidate: records * 1000 + u64::from(uneven),
            };
            compare.coverage.leaves_compared -= u64::from(!whole);
            evidence.planned.push(compare.name.clone());
            evidence.compares.push(compare);
        }
        evidence
    })
}

/// Policies with allowances and either idea of what is required; coverage stays strict.
fn policy() -> impl Strategy<Value = Policy> {
    let limit = prop_oneof![
        (0u64..8).prop_map(Limit::Count),
        (0u64..4000).prop_map(Limit::Ppm)
    ];
    let allowance = (0..Class::ALL.len(), prop::option::of(0usize..3), limit);
    (proptest::collection::vec(allowance, 0..6), any::<bool>()).prop_map(|(allowances, all)| {
        let mut policy = Policy::strict();
        if !all {
            policy.required = Required::Names(["c0".to_owned()].into());
        }
        policy.allowances = allowances
            .into_iter()
            .map(|(class, compare, limit)| Allowance {
                class: Class::ALL[class],
                compare: compare.map(|i| format!("c{i}")),
                limit,
                reason: "known".into(),
                owner: None,
                expires: None,
            })
            .collect();
        policy
    })
}

/// Takes evidence away: afterwards less is known, and nothing else is.
fn weaken(evidence: &mut Evidence, way: u8, which: usize, class: Class) {
    match way {
        0 => evidence.outcome = Outcome::Unfinished,
        1 => evidence.started = None,
        2 => evidence.finished = None,
        3 => evidence.started = evidence.started.map(|at| at - SignedDuration::from_hours(48)),
        _ => {}
    }
    if evidence.compares.is_empty() {
        return;
    }
    let index = which % evidence.compares.len();
    if way == 4 {
        evidence.compares.remove(index);
        return;
    }
    let compare = &mut evidence.compares[index];
    match way {
        5 => compare.coverage.leaves_compared /= 2,
        6 => compare
            .coverage
            .unread
            .push(Unread::of(Side::Stable, "f", "not read")),
        7 => compare.run = None,
        8 => compare.roots.candidate = None,
        9 => compare.namespaces.stable = None,
        10 => {
            if let Some(run) = &mut compare.run {
                run.slices_read.stable = 0;
            }
        }
        // The slice that held the divergences is lost together with what it told.
        11 => {
            compare.coverage.leaves_compared -= compare.coverage.leaves_compared.min(1);
            compare.counts = Default::default();
        }
        // What was confirmed can no longer be said for sure.
        12 | 13 => {
            let unsure = if way == 12 { State::Racing } else { State::Unknown };
            let mut counts = crate::report::Counts::default();
            for (c, state, n) in compare.counts.iter() {
                let moved = c == class && state == State::Confirmed;
                counts.add(c, if moved { unsure } else { state }, n);
            }
            compare.counts = counts;
        }
        14 => compare.counts.add(class, State::Unknown, 1),
        15 => compare.coverage.records.stable /= 2,
        _ => {}
    }
}

fn swap(mut evidence: Evidence) -> Evidence {
    evidence.stores = evidence.stores.swap();
    for compare in &mut evidence.compares {
        compare.namespaces = compare.namespaces.clone().swap();
        compare.roots = compare.roots.clone().swap();
        compare.coverage.records = compare.coverage.records.swap();
        compare.counts = compare.counts.mirrored();
    }
    evidence
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn taking_evidence_away_never_makes_a_go(
        evidence in evidence(),
        policy in policy(),
        steps in proptest::collection::vec((0u8..16, any::<usize>(), 0..Class::ALL.len()), 1..4),
    ) {
        let before = decide(&evidence, &policy, now());
        // Evidence that contradicts itself is no evidence: a further finding may well explain it.
        prop_assume!(before.reasons.iter().all(|reason| reason.code != Code::Contradiction));
        let before = before.verdict;
        let mut less = evidence.clone();
        for (way, which, class) in steps {
            weaken(&mut less, way, which, Class::ALL[class]);
        }
        let after = decide(&less, &policy, now()).verdict;
        prop_assert!(before == Decision::Go || after != Decision::Go, "{before:?} became {after:?}");
    }

    #[test]
    fn the_strict_policy_never_passes_anything_uncertain_or_empty(evidence in evidence()) {
        let verdict = decide(&evidence, &Policy::strict(), now());
        if verdict.verdict == Decision::Go {
            prop_assert!(!evidence.compares.is_empty());
            for compare in &evidence.compares {
                for state in [State::Confirmed, State::Racing, State::Unknown] {
                    prop_assert_eq!(compare.counts.of_state(state), 0);
                }
                prop_assert!(compare.coverage.records != Pair::default());
                prop_assert_eq!(compare.coverage.leaves_compared, compare.coverage.leaves_total);
            }
        }
    }

    #[test]
    fn no_policy_passes_an_audit_without_records(evidence in evidence(), policy in policy()) {
        let mut empty = evidence;
        empty.compares.iter_mut().for_each(|compare| compare.coverage.records = Pair::default());
        prop_assert!(decide(&empty, &policy, now()).verdict != Decision::Go);
    }

    #[test]
    fn sides_mirror(evidence in evidence(), policy in policy()) {
        let mut mirrored_policy = policy.clone();
        mirrored_policy.allowances.iter_mut().for_each(|a| a.class = a.class.mirrored());
        let here = decide(&evidence, &policy, now());
        let there = decide(&swap(evidence), &mirrored_policy, now());
        prop_assert_eq!(here.verdict, there.verdict);
        for (a, b) in here.compares.iter().zip(&there.compares) {
            prop_assert_eq!(a.counts.mirrored(), b.counts.clone());
        }
        let codes = |v: &Verdict| { let mut c: Vec<Code> = v.reasons.iter().map(|r| r.code).collect(); c.sort(); c };
        prop_assert_eq!(codes(&here), codes(&there));
    }

    #[test]
    fn deciding_is_deterministic_and_only_time_s_passing_ends_a_go(
        evidence in evidence(),
        policy in policy(),
        later in 0i64..200_000,
    ) {
        let first = decide(&evidence, &policy, now());
        prop_assert_eq!(&first, &decide(&evidence, &policy, now()));
        let then = now() + SignedDuration::from_secs(later);
        let second = decide(&evidence, &policy, then);
        prop_assert!(first.verdict == Decision::Go || second.verdict != Decision::Go);
        if first.verdict == Decision::Go {
            let end = first.expires_at.expect("a GO ends");
            prop_assert_eq!(second.verdict == Decision::Go, then < end);
        }
    }
}

#[test]
fn the_generators_reach_every_decision() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0u32; 3];
    for _ in 0..500 {
        let (evidence, policy) = (evidence(), policy()).new_tree(&mut runner).unwrap().current();
        match decide(&evidence, &policy, now()).verdict {
            Decision::Go => seen[0] += 1,
            Decision::NoGo => seen[1] += 1,
            Decision::Hold => seen[2] += 1,
        }
    }
    assert!(seen.iter().all(|n| *n > 20), "GO, NO_GO, HOLD: {seen:?}");
}
