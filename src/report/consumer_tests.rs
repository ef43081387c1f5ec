//! The samples as somebody else's program reads them: its own structs, unknown fields denied.
#![expect(clippy::disallowed_methods, reason = "tests read sample files")]

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    compare: String,
    divergence: Divergence,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Divergence {
    id: String,
    class: String,
    state: String,
    key: Vec<KeyPart>,
    fields: Vec<Field>,
    position: Sides<Option<Position>>,
    detail: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    reproduce: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyPart {
    name: String,
    r#type: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    path: String,
    class: String,
    stable: Option<Shown>,
    candidate: Option<Shown>,
    tolerated_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    r#type: String,
    text: String,
    truncated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    file: String,
    offset: u64,
    record: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides<T> {
    stable: T,
    candidate: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    schema: String,
    verdict: String,
    reasons: Vec<Reason>,
    audit_id: String,
    nonce: Option<String>,
    decided_at: String,
    window: Value,
    oldest_evidence: Option<String>,
    expires_at: Option<String>,
    stores: Sides<Value>,
    config_digest: Option<String>,
    policy_digest: String,
    result_digest: String,
    tool_version: String,
    canonical_version: u32,
    compares: Vec<Compare>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    code: String,
    severity: String,
    compare: Option<String>,
    detail: String,
    evidence_ref: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Compare {
    name: String,
    required: bool,
    mapping_digest: String,
    roots: Sides<Option<String>>,
    coverage: Value,
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    suppressions: Vec<Value>,
    tolerances: Vec<Value>,
    allowances: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    compared: bool,
    differences: Vec<MetadataDifference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetadataDifference {
    what: String,
    stable: Option<String>,
    candidate: Option<String>,
    changes_answers: bool,
}

fn sample(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/reports")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn an_on_call_script_reads_the_lines() {
    let lines: Vec<Line> = sample("full.ndjson.golden")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    let Line {
        compare,
        divergence: d,
    } = &lines[1];
    assert_eq!(
        (compare.as_str(), d.class.as_str(), d.state.as_str()),
        ("orders", "changed", "confirmed")
    );
    assert_eq!((d.id.len(), d.reproduce.len(), d.detail.is_none()), (32, 1, true));
    let KeyPart { name, r#type, text } = &d.key[0];
    assert_eq!(
        (name.as_str(), r#type.as_str(), text.as_str()),
        ("order_id", "text", "\"A-2\"")
    );
    assert!(d.first_seen < d.last_seen);
    let Field {
        path,
        class,
        stable,
        candidate,
        tolerated_by,
    } = &d.fields[1];
    assert_eq!(
        (path.as_str(), class.as_str(), tolerated_by.as_deref()),
        ("total", "changed", Some("absolute 0.005"))
    );
    let (Some(stable), Some(candidate)) = (stable, candidate) else {
        panic!("both values are there")
    };
    let Shown {
        r#type,
        text,
        truncated,
    } = stable;
    assert_eq!(
        (r#type.as_str(), text.as_str(), *truncated),
        ("double", "-12.5", false)
    );
    assert_eq!(candidate.text, "-1205");
    let Some(Position { file, offset, record }) = &d.position.candidate else {
        panic!("it has a position")
    };
    assert_eq!((file.as_str(), *offset, *record), ("orders.csv", 77, None));
    assert!(d.position.stable.is_some());
}

#[test]
fn a_gate_reads_the_verdicts_and_their_references() {
    for (name, word) in [("clean", "GO"), ("full", "NO_GO"), ("failed", "HOLD")] {
        let v: Verdict = serde_json::from_str(&sample(&format!("{name}.verdict.json.golden"))).unwrap();
        let report: Value = serde_json::from_str(&sample(&format!("{name}.json.golden"))).unwrap();
        assert_eq!((v.schema.as_str(), v.verdict.as_str()), ("assay.verdict/1", word));
        assert_eq!([v.policy_digest.len(), v.result_digest.len()], [64, 64]);
        assert!(!v.audit_id.is_empty() && v.tool_version == "0.1.0" && v.canonical_version == 1);
        assert_eq!(
            v.oldest_evidence.as_deref(),
            report.pointer("/run/started").and_then(Value::as_str)
        );
        assert_eq!(v.window["started"].as_str(), v.oldest_evidence.as_deref());
        assert!(v.expires_at.is_some() && v.decided_at.ends_with('Z'));
        assert_eq!(v.nonce.is_some(), name == "full");
        assert_eq!(v.config_digest.is_some(), name == "full");
        assert!(v.stores.stable["label"] == "green" && v.stores.candidate["label"] == "blue");
        for reason in &v.reasons {
            assert!(!reason.detail.is_empty() && !reason.code.is_empty() && !reason.severity.is_empty());
            if let Some(compare) = &reason.compare {
                assert!(
                    report
                        .pointer("/result/planned")
                        .unwrap()
                        .as_array()
                        .unwrap()
                        .contains(&compare.as_str().into())
                );
            }
            if let Some(pointer) = &reason.evidence_ref {
                assert!(
                    report.pointer(pointer).is_some(),
                    "{pointer} points nowhere in {name}"
                );
            }
        }
        let orders = &v.compares[0];
        assert!(orders.name == "orders" && orders.required && orders.mapping_digest.len() == 64);
        assert_eq!(orders.roots.stable == orders.roots.candidate, name != "full");
        assert_eq!(orders.coverage["leaves_total"], 65_536);
        let missing = orders
            .counts
            .get("missing")
            .map_or(0, |states| states["confirmed"]);
        assert_eq!(missing, u64::from(name == "full"));
        let declared = [&orders.suppressions, &orders.tolerances, &orders.allowances].map(|list| list.len());
        assert_eq!(declared, if name == "full" { [1, 1, 1] } else { [0, 0, 0] });
    }
}

#[test]
fn a_dashboard_reads_how_indexes_and_options_differ() {
    let report: Value = serde_json::from_str(&sample("full.json.golden")).unwrap();
    let section = report.pointer("/result/compares/0/metadata").unwrap();
    let metadata: Metadata = serde_json::from_value(section.clone()).unwrap();
    assert!(metadata.compared);
    let weighty: Vec<_> = metadata
        .differences
        .iter()
        .filter(|d| d.changes_answers)
        .collect();
    assert_eq!(weighty.len(), 1);
    assert_eq!(weighty[0].what, "index {\"number\":1}");
    assert_eq!(weighty[0].stable.as_deref(), Some("{\"unique\":true}"));
    assert_eq!(metadata.differences[0].candidate, None);
}
