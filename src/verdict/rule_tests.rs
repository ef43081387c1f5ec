//! Each rule once, from a report that is GO.

use super::*;
use crate::report::sample::{self, now};
use crate::report::{
    Class, Counts, Expires, Failure, FailureKind, IgnoredField, LossyExport, MetadataDifference, Outcome,
    State, ToleranceUsed, Unread,
};
use crate::{Pair, Side};

fn evidence() -> Evidence {
    let report = sample::clean();
    Evidence::new(&report.result, &report.run)
}

/// Decides after a change to evidence and policy; gives the decision and the codes that made it.
fn judged(change: impl FnOnce(&mut Evidence, &mut Policy)) -> (Decision, Vec<Code>) {
    let (mut evidence, mut policy) = (evidence(), Policy::strict());
    change(&mut evidence, &mut policy);
    let verdict = decide(&evidence, &policy, now());
    let codes = verdict
        .reasons
        .iter()
        .filter(|r| r.severity < Severity::Note)
        .map(|r| r.code)
        .collect();
    (verdict.verdict, codes)
}

fn orders(evidence: &mut Evidence) -> &mut CompareEvidence {
    &mut evidence.compares[0]
}

fn allow(policy: &mut Policy, class: Class, limit: Limit, expires: Option<&str>) {
    policy.allowances.push(Allowance {
        class,
        compare: None,
        limit,
        reason: "known".into(),
        owner: None,
        expires: expires.map(|text| Expires::parse(text).unwrap()),
    });
}

#[test]
fn a_clean_report_is_go_with_its_proof_and_its_end() {
    let verdict = decide(&evidence(), &Policy::strict(), now());
    assert_eq!((verdict.verdict, verdict.exit()), (Decision::Go, Exit::Go));
    assert_eq!(
        verdict.reasons.iter().map(|r| r.code).collect::<Vec<_>>(),
        [Code::Proven]
    );
    assert_eq!(verdict.expires_at, Some(sample::at("2026-03-03T09:00:00Z")));
}

#[test]
fn doubt_about_evidence_or_run_comes_first() {
    let divergent = |e: &mut Evidence| orders(e).counts.add(Class::Missing, State::Confirmed, 1);
    let fail = |kind| Failure {
        kind,
        side: Some(Side::Stable),
        detail: "x".into(),
    };
    for (code, change) in [
        (
            Code::Integrity,
            (|e, f| e.failures.push(f(FailureKind::Integrity)))
                as fn(&mut Evidence, &dyn Fn(FailureKind) -> Failure),
        ),
        (Code::RunFailed, |e, f| e.failures.push(f(FailureKind::Run))),
        (Code::RunFailed, |e, _| e.outcome = Outcome::default()),
        (Code::RunCancelled, |e, _| e.outcome = Outcome::Cancelled),
        (Code::Contradiction, |e, _| {
            e.compares[0].coverage.leaves_compared = 65_537
        }),
        (Code::Contradiction, |e, _| {
            std::mem::swap(&mut e.started, &mut e.finished)
        }),
        (Code::Contradiction, |e, _| e.compares.push(e.compares[0].clone())),
    ] {
        let (decision, codes) = judged(|e, _| {
            divergent(e);
            change(e, &fail);
        });
        assert_eq!((decision, codes[0]), (Decision::Hold, code));
    }
    let (decision, codes) = judged(|e, _| orders(e).roots.stable = Some("ff".into()));
    assert_eq!((decision, codes), (Decision::Hold, vec![Code::Contradiction]));
    let (decision, codes) = judged(|e, _| orders(e).coverage.records.candidate += 1);
    assert_eq!((decision, codes), (Decision::Hold, vec![Code::Contradiction]));
}

#[test]
fn divergences_are_no_go_beyond_their_allowance() {
    for class in Class::ALL {
        let one = |e: &mut Evidence| orders(e).counts.add(class, State::Confirmed, 2);
        assert_eq!(judged(|e, _| one(e)), (Decision::NoGo, vec![Code::Divergence]));
        let allowed = |limit, expires| {
            judged(|e, p| {
                one(e);
                allow(p, class, limit, expires);
            })
        };
        assert_eq!(allowed(Limit::Count(2), None), (Decision::Go, vec![]));
        assert_eq!(
            allowed(Limit::Count(1), None),
            (Decision::NoGo, vec![Code::AllowanceExceeded])
        );
        assert_eq!(allowed(Limit::Ppm(200), None), (Decision::Go, vec![]));
        assert_eq!(
            allowed(Limit::Ppm(199), None),
            (Decision::NoGo, vec![Code::AllowanceExceeded])
        );
        let ended = allowed(Limit::Count(2), Some("2026-03-01"));
        assert_eq!(
            ended,
            (Decision::NoGo, vec![Code::Divergence, Code::AllowanceExpired])
        );
    }
    let notes = judged(|e, _| {
        orders(e).counts.add(Class::Changed, State::Tolerated, 5);
        orders(e).counts.add(Class::Changed, State::Transient, 5);
    });
    assert_eq!(notes.0, Decision::Go);
}

#[test]
fn a_compare_s_own_allowance_goes_before_the_general_one() {
    let (decision, codes) = judged(|e, p| {
        orders(e).counts.add(Class::Extra, State::Confirmed, 2);
        allow(p, Class::Extra, Limit::Count(9), None);
        allow(p, Class::Extra, Limit::Count(1), None);
        p.allowances[1].compare = Some("orders".into());
    });
    assert_eq!((decision, codes), (Decision::NoGo, vec![Code::AllowanceExceeded]));
}

#[test]
fn what_is_not_proven_is_hold() {
    type Change = fn(&mut Evidence, &mut Policy);
    let unread = || Unread::of(Side::Stable, "f", "r");
    let cases: &[(Code, Change)] = &[
        (Code::NoCompares, |e, _| {
            (e.planned, e.compares) = Default::default()
        }),
        (Code::CompareAbsent, |e, _| e.planned.push("customers".into())),
        (Code::CompareAbsent, |_, p| {
            p.required = Required::Names(["orders".into(), "typo".into()].into())
        }),
        (Code::NoNamespace, |e, _| orders(e).namespaces.stable = None),
        (Code::NoRoot, |e, _| orders(e).roots.candidate = None),
        (Code::NoRecords, |e, _| {
            orders(e).coverage.records = Pair::default()
        }),
        (Code::Coverage, |e, _| orders(e).coverage.leaves_compared -= 1),
        (Code::Coverage, |e, _| {
            (
                orders(e).coverage.leaves_compared,
                orders(e).coverage.leaves_total,
            ) = (0, 0)
        }),
        (Code::Unread, |e, _| orders(e).run = None),
        (Code::Unread, |e, _| {
            orders(e).run.as_mut().unwrap().slices_read.stable -= 1
        }),
        (Code::Unread, |e, _| {
            let run = orders(e).run.as_mut().unwrap();
            (run.slices_planned, run.slices_read) = Default::default();
        }),
        (Code::Unknown, |e, _| {
            orders(e).counts.add(Class::Changed, State::Unknown, 1)
        }),
        (Code::Racing, |e, _| {
            orders(e).counts.add(Class::Changed, State::Racing, 1)
        }),
        (Code::LossyExport, |e, _| {
            orders(e).counts.add(Class::Lossy, State::Unknown, 1)
        }),
        (Code::Undated, |e, _| e.started = None),
        (Code::Undated, |e, _| e.finished = None),
        (Code::TooOld, |_, p| p.max_age_seconds = 600),
        (Code::FromFuture, |e, _| {
            e.finished = Some(sample::at("2026-03-02T09:15:01Z"))
        }),
        (Code::AllowanceExpired, |_, p| {
            allow(p, Class::Stale, Limit::Count(1), Some("2026-03-01"))
        }),
    ];
    for (i, (code, change)) in cases.iter().enumerate() {
        let (decision, codes) = judged(change);
        assert_eq!(decision, Decision::Hold, "case {i}");
        assert!(codes.contains(code), "case {i}: {code} not in {codes:?}");
        assert!(
            codes.iter().all(|c| c.severity() == Severity::Hold),
            "case {i}: {codes:?}"
        );
    }
    assert_eq!(
        judged(|e, _| orders(e).coverage.unread.push(unread())),
        (Decision::Hold, vec![Code::Unread])
    );
    let lossy = LossyExport {
        side: Side::Stable,
        column: "c".into(),
        kind: "k".into(),
        cells: 3,
        how_to_fix: "h".into(),
    };
    assert_eq!(
        judged(|e, _| orders(e).lossy.push(lossy.clone())),
        (Decision::Hold, vec![Code::LossyExport])
    );
    let allowed = judged(|e, p| {
        orders(e).lossy.push(lossy);
        allow(p, Class::Lossy, Limit::Count(3), None);
    });
    assert_eq!(allowed, (Decision::Go, vec![]));
}

#[test]
fn ended_declarations_are_hold() {
    let expires = |text| Some(Expires::parse(text).unwrap());
    let ignored = |end| IgnoredField {
        path: "f".into(),
        reason: "r".into(),
        owner: None,
        expires: expires(end),
    };
    let used = |end| ToleranceUsed {
        path: "f".into(),
        rule: "r".into(),
        count: 1,
        reason: "r".into(),
        owner: None,
        expires: expires(end),
    };
    assert_eq!(
        judged(|e, _| orders(e).ignored.push(ignored("2026-03-01"))),
        (Decision::Hold, vec![Code::IgnoreExpired])
    );
    assert_eq!(
        judged(|e, _| orders(e).tolerances.push(used("2026-03-01"))),
        (Decision::Hold, vec![Code::ToleranceExpired])
    );
    let mut evidence = evidence();
    orders(&mut evidence).ignored.push(ignored("2026-03-02"));
    let verdict = decide(&evidence, &Policy::strict(), now());
    assert_eq!(verdict.verdict, Decision::Go);
    assert_eq!(
        verdict.expires_at,
        Some(sample::at("2026-03-03T00:00:00Z")),
        "a GO ends with what it relies on"
    );
}

#[test]
fn an_empty_compare_is_a_note_only_where_it_is_not_required() {
    let empty = |e: &mut Evidence| {
        let mut other = e.compares[0].clone();
        other.name = "archive".into();
        other.coverage.records = Pair::default();
        other.counts = Counts::default();
        e.planned.push("archive".into());
        e.compares.push(other);
    };
    assert_eq!(judged(|e, _| empty(e)), (Decision::Hold, vec![Code::NoRecords]));
    let required = |p: &mut Policy| p.required = Required::Names(["orders".into()].into());
    let optional = judged(|e, p| {
        empty(e);
        required(p);
    });
    assert_eq!(optional, (Decision::Go, vec![]));
    // Nothing but empty compares is never GO, whatever is required.
    let nothing = judged(|e, p| {
        empty(e);
        e.compares.remove(0);
        e.planned.remove(0);
        p.required = Required::Names(["archive".into()].into());
    });
    assert_eq!(nothing.0, Decision::Hold);
}

#[test]
fn metadata_that_can_change_answers_is_no_go_unless_it_is_allowed() {
    let differ = |e: &mut Evidence, changes_answers| {
        orders(e).metadata.differences = vec![MetadataDifference {
            what: "option validator".into(),
            stable: Some("{}".into()),
            candidate: None,
            changes_answers,
        }];
    };
    let differs = (Decision::NoGo, vec![Code::MetadataDiffers]);
    assert_eq!(judged(|e, _| differ(e, true)), differs);
    assert_eq!(judged(|e, _| differ(e, false)), (Decision::Go, vec![]));
    let under = |allowance: &str| {
        let text = format!("[[metadata]]\nwhat = \"option validator\"\nreason = \"known\"\n{allowance}");
        let allowed = Policy::parse("p", &text).unwrap();
        judged(|e, policy| {
            differ(e, true);
            *policy = allowed;
        })
    };
    assert_eq!(under(""), (Decision::Go, vec![]));
    assert_eq!(under("compare = \"orders\""), (Decision::Go, vec![]));
    assert_eq!(under("compare = \"others\""), differs);
    let ended = under("expires = \"2026-01-01\"");
    assert_eq!(
        ended,
        (
            Decision::NoGo,
            vec![Code::MetadataDiffers, Code::AllowanceExpired]
        )
    );
    assert!(Policy::parse("p", "[[metadata]]\nwhat = \"x\"\nreason = \" \"").is_err());
}
