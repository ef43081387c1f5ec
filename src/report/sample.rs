//! Reports for tests: one clean, one with every optional part filled, one that could not be read.

use super::*;
use crate::canon::{Absent, Equality};
use crate::model::{Number, NumberType, Value};
use crate::pair::{Pair, Side};
use crate::verdict::{Evidence, Policy, decide};
use jiff::Timestamp;

/// A fixed instant in the samples' week.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The moment at which the samples are judged.
pub(crate) fn now() -> Timestamp {
    at("2026-03-02T09:10:00Z")
}

/// A policy that allows a little, so that verdicts have allowances to show.
pub(crate) fn policy() -> Policy {
    let text = r#"
        [[allowance]]
        class = "extra"
        compare = "orders"
        count = 3
        reason = "test orders written by the smoke test"
        owner = "team-shop"
        expires = "2026-12-31"
    "#;
    Policy::parse("policy.toml", text).unwrap()
}

/// A report whose verdict under the strict policy is GO.
pub(crate) fn clean() -> Report {
    let mut report = Report {
        result: AuditResult {
            config_digest: None,
            stores: Pair {
                stable: store("green", "mongodump directory", "dump/shop", 4_194_304),
                candidate: store("blue", "cqlsh csv directory", "export/shop", 3_145_728),
            },
            planned: vec!["orders".into()],
            left_out: Vec::new(),
            compares: vec![compare("orders")],
        },
        run: RunFacts {
            audit_id: "20260302-090000-5f3a".into(),
            tool_version: "0.1.0".into(),
            canonical_version: 1,
            seed: "00000000000000000000000000000001".into(),
            threads: 2,
            started: Some(at("2026-03-02T09:00:00Z")),
            finished: Some(at("2026-03-02T09:00:02.5Z")),
            duration_ms: 2500,
            bytes_per_second: 2_936_012,
            compares: vec![CompareRun {
                compare: "orders".into(),
                strategy: "sketch".into(),
                why: "the two sides are not in one key order".into(),
                slices_planned: Pair {
                    stable: 2,
                    candidate: 1,
                },
                slices_read: Pair {
                    stable: 2,
                    candidate: 1,
                },
                read_ms: 1840,
            }],
            outcome: Outcome::Complete,
            ..RunFacts::default()
        },
        ..Report::default()
    };
    judge(&mut report, &Policy::strict());
    report
}

fn cluster_time(increment: u32) -> ClusterTime {
    ClusterTime {
        seconds: 1_790_000_000,
        increment,
    }
}

/// A report with every class of trouble a reader must see, and every optional part filled: NO_GO.
pub(crate) fn full() -> Report {
    let mut report = clean();
    report.result.config_digest = Some("c0".repeat(32));
    report.result.planned.push("customers".into());
    report.run.nonce = Some("build-4711".into());
    report.run.degraded = vec!["spill directory is on a slow disk".into()];
    report.run.resumed = 1;
    report.run.load.candidate = Some(StoreLoad {
        requests: 1_204,
        bytes: 48_000_000,
        back_offs: 3,
        waited_ms: 12_500,
        most_in_flight: 4,
        least_allowed: Some(2),
        pauses: 2,
        paused_ms: 31_400,
        snapshots: Some(SnapshotReads {
            reads: 3,
            first: Some(cluster_time(1)),
            last: Some(cluster_time(20)),
            begun_anew: 1,
            given_up: 0,
        }),
    });
    let orders = &mut report.result.compares[0];
    orders.roots.candidate = Some("b1".repeat(32));
    orders.coverage.records.candidate = 10_001;
    orders.coverage.leaves_compared = 65_535;
    orders.coverage.unread.push(Unread {
        offset: 3_145_000,
        end: Some(3_145_728),
        bytes: Some(728),
        ..Unread::of(Side::Candidate, "orders.csv", "row with 8 of 9 columns")
    });
    let live = Unread::of(Side::Stable, "shop.orders", "the server went away");
    orders.coverage.unread.push(Unread {
        range: Some(4),
        ..live
    });
    for (class, state, n) in [
        (Class::Missing, State::Confirmed, 1),
        (Class::Extra, State::Confirmed, 2),
        (Class::Changed, State::Confirmed, 1_204),
        (Class::Changed, State::Tolerated, 17),
        (Class::Unconvertible, State::Unknown, 1),
    ] {
        orders.counts.add(class, state, n);
    }
    orders.fields = vec![FieldCount {
        path: "total".into(),
        total: 1_221,
        by_class: [(Class::Changed, 1_221)].into(),
    }];
    orders.columns = vec![ColumnHeat {
        path: "total".into(),
        ranges_differing: 3,
    }];
    orders.heat = (0..HEAT_RANGES as u64)
        .map(|i| {
            if (40..48).contains(&i) {
                i - 39
            } else {
                u64::from(i == 200)
            }
        })
        .collect();
    orders.divergences = Sample::new(vec![missing(), changed(), unreadable()], 1_225);
    orders.equality.notes = vec!["timestamps cut to milliseconds".into()];
    orders.tolerances = vec![ToleranceUsed {
        path: "total".into(),
        rule: "absolute 0.005".into(),
        count: 17,
        reason: "cents are rounded on the way".into(),
        owner: Some("team-shop".into()),
        expires: Some(Expires::parse("2026-06-30").unwrap()),
    }];
    orders.ignored = vec![IgnoredField {
        path: "updated_at".into(),
        reason: "set by the migration".into(),
        owner: Some("team-shop".into()),
        expires: Some(Expires::parse("2026-04-30T12:00:00Z").unwrap()),
    }];
    orders.lossy = vec![LossyExport {
        side: Side::Candidate,
        column: "rate".into(),
        kind: "rounded float".into(),
        cells: 12,
        how_to_fix: "export with `COPY … WITH DOUBLEPRECISION = 17`".into(),
    }];
    orders.metadata.differences = vec![
        MetadataDifference {
            what: "index {\"created_at\":1}".into(),
            stable: Some("{}".into()),
            candidate: None,
            changes_answers: false,
        },
        MetadataDifference {
            what: "index {\"number\":1}".into(),
            stable: Some("{\"unique\":true}".into()),
            candidate: Some("{}".into()),
            changes_answers: true,
        },
    ];
    orders.notices = vec!["the file has no final newline".into()];
    report.run.failures = Vec::new();
    judge(&mut report, &policy());
    report
}

/// A report of a run that failed: HOLD.
pub(crate) fn failed() -> Report {
    let mut report = clean();
    report.run.outcome = Outcome::Failed;
    report.run.finished = None;
    report.run.failures = vec![Failure {
        kind: FailureKind::Integrity,
        side: Some(Side::Stable),
        detail: "orders.bson changed while it was read".into(),
    }];
    report.result.compares[0].roots = Pair::default();
    report.result.compares[0].coverage = Coverage {
        leaves_total: 65_536,
        ..Coverage::default()
    };
    report.run.compares[0].slices_read = Pair::default();
    judge(&mut report, &Policy::strict());
    report
}

/// Judges the report at [`now`].
pub(crate) fn judge(report: &mut Report, policy: &Policy) {
    report.verdict = Some(decide(&Evidence::new(&report.result, &report.run), policy, now()));
}

fn store(label: &str, kind: &str, location: &str, bytes: u64) -> StoreIdentity {
    StoreIdentity {
        label: label.into(),
        kind: kind.into(),
        location: location.into(),
        bytes: Some(bytes),
        digest: Some("5e".repeat(32)),
    }
}

/// A compare without divergences.
pub(crate) fn compare(name: &str) -> CompareResult {
    CompareResult {
        name: name.into(),
        namespaces: Pair {
            stable: Some("shop.orders".into()),
            candidate: Some("shop.orders_by_id".into()),
        },
        mapping_digest: "3a".repeat(32),
        equality: EqualityInForce::new(
            Equality {
                absent: Absent::Null,
                ..Equality::default()
            },
            Absent::Null,
        ),
        coverage: Coverage {
            leaves_total: 65_536,
            leaves_compared: 65_536,
            records: Pair {
                stable: 10_000,
                candidate: 10_000,
            },
            bytes_read: Pair {
                stable: 4_194_304,
                candidate: 3_145_728,
            },
            unread: Vec::new(),
        },
        roots: Pair {
            stable: Some("a0".repeat(32)),
            candidate: Some("a0".repeat(32)),
        },
        heat: vec![0; HEAT_RANGES],
        metadata: Metadata {
            compared: true,
            differences: Vec::new(),
        },
        ..CompareResult::default()
    }
}

fn divergence(class: Class, state: State, key: &[u8], fields: Vec<FieldDifference>) -> Divergence {
    Divergence {
        id: divergence_id(
            "orders",
            Subject::Key(key),
            class,
            fields.iter().map(|field| field.path.as_str()),
        ),
        class,
        state,
        key: vec![KeyPart {
            name: "order_id".into(),
            ty: "text".into(),
            text: Shown::new(&Value::Text(String::from_utf8(key.to_vec()).unwrap())).text,
        }],
        fields,
        position: Pair::default(),
        detail: None,
        first_seen: None,
        last_seen: None,
        reproduce: vec![format!(
            "assay explain runs/20260302 'order_id={}'",
            String::from_utf8_lossy(key)
        )],
    }
}

fn missing() -> Divergence {
    let mut d = divergence(Class::Missing, State::Confirmed, b"A-1", Vec::new());
    d.position.stable = Some(Position {
        file: "orders.bson".into(),
        offset: 1_048_576,
        record: Some(2_501),
    });
    d
}

fn changed() -> Divergence {
    let total = Shown::pair(Pair {
        stable: &Value::Number(Number::double(-12.5, NumberType::Double)),
        candidate: &Value::Number(Number::int(-1_205, NumberType::Int64)),
    });
    let note = Shown::new(&Value::Text("gift\u{202e}\u{1b}[31m \"=1+1\"".into()));
    let fields = vec![
        FieldDifference {
            path: "note".into(),
            class: Class::Changed,
            stable: Some(note),
            candidate: None,
            tolerated_by: None,
        },
        FieldDifference {
            path: "total".into(),
            class: Class::Changed,
            stable: Some(total.stable),
            candidate: Some(total.candidate),
            tolerated_by: Some("absolute 0.005".into()),
        },
    ];
    let mut d = divergence(Class::Changed, State::Confirmed, b"A-2", fields);
    d.position = Pair {
        stable: Some(Position {
            file: "orders.bson".into(),
            offset: 1_049_066,
            record: Some(2_502),
        }),
        candidate: Some(Position {
            file: "orders.csv".into(),
            offset: 77,
            record: None,
        }),
    };
    d.first_seen = Some(at("2026-02-28T09:00:00Z"));
    d.last_seen = Some(at("2026-03-02T09:00:00Z"));
    d
}

fn unreadable() -> Divergence {
    let mut d = divergence(Class::Unconvertible, State::Unknown, b"A-3", Vec::new());
    d.key.clear();
    d.reproduce.clear();
    d.id = divergence_id(
        "orders",
        Subject::Place(Side::Candidate, "orders.csv", 3_145_000),
        d.class,
        [],
    );
    d.detail = Some("=cmd at row 9: expected 9 columns".into());
    d
}
