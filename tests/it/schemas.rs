//! Reports as their consumers get them: each validates against the published schema.

use crate::support::{assay, diff, fixture, json, put, temp};
use serde_json::Value;
use std::path::Path;

fn validator(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports").join(name);
    jsonschema::options().build(&json(path)).unwrap()
}

#[track_caller]
fn valid(schema: &jsonschema::Validator, value: &Value) {
    let errors: Vec<String> = schema
        .iter_errors(value)
        .map(|e| format!("{e} at {}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

#[test]
fn reports_follow_their_schemas() {
    let dir = temp();
    let (a, b) = (dir.path().join("a.csv"), dir.path().join("b.csv"));
    put(&a, "id,v\n1,a\n1,b\n2,c\n");
    put(&b, "id,v\n2,d\n,e\n3,f,g\n");
    let lossy = fixture("mongo/types.relaxed.ndjson");
    let cases = [
        diff(fixture("mongo/dump"), fixture("mongo/shop.archive"), &[]),
        diff(fixture("mongo/dump/shop/types.bson"), lossy, &[]),
        diff(
            fixture("mongo/dump/shop/types.bson"),
            fixture("mongo/dump/shop/orders.bson"),
            &[],
        ),
        diff(&a, &b, &["-k", "id"]),
    ];
    let (report, verdict, line) = (
        validator("report.schema.json"),
        validator("verdict.schema.json"),
        validator("divergence.schema.json"),
    );
    for case in cases {
        let value = case.report.as_ref().expect("a report");
        valid(&report, value);
        valid(&verdict, &value["verdict"]);
        case.lines.iter().for_each(|l| valid(&line, l));
    }
}

#[test]
fn every_format_tells_the_same_run() {
    let dir = temp();
    let shop = dir.path().join("shop").display().to_string();
    assay(["demo", &shop]).expect(0);
    let run = format!("{shop}/run");
    let stored = json(format!("{run}/report.json"));
    let shown: Value = serde_json::from_str(&assay(["report", &run, "-o", "json"]).expect(10).out).unwrap();
    assert_eq!(stored, shown);
    let lines = assay(["report", &run, "-o", "ndjson"]).expect(10).out;
    assert_eq!(
        lines,
        std::fs::read_to_string(format!("{run}/divergences.ndjson")).unwrap()
    );
    let schema = validator("divergence.schema.json");
    lines
        .lines()
        .for_each(|l| valid(&schema, &serde_json::from_str(l).unwrap()));
    valid(
        &validator("verdict.schema.json"),
        &json(format!("{run}/verdict.json")),
    );
    valid(&validator("report.schema.json"), &stored);
    let csv = assay(["report", &run, "-o", "csv"]).expect(10).out;
    let rows = csv.lines().count() - 1;
    assert!(rows >= lines.lines().count(), "{csv}");
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let id = first["divergence"]["id"].as_str().unwrap();
    assay(["explain", &run, id]).expect(0).says(&[id, "key"]);
    assay(["explain", &run, "no such record"])
        .expect(64)
        .says(&["no such record"]);
}

#[test]
fn what_the_doctor_says_follows_its_schema() {
    let dir = temp();
    let shop = dir.path().join("shop").display().to_string();
    assay(["demo", &shop, "--only-make"]).expect(0);
    let config = format!("{shop}/assay.toml");
    let schema = validator("doctor.schema.json");
    let green = format!("{shop}/green");
    let looks = [
        assay(["doctor", "-o", "json", "-c", &config]),
        assay(["doctor", "-o", "json", &green]),
        assay(["doctor", "-o", "json", &green, "/no/such/place"]),
    ];
    for look in looks {
        valid(&schema, &serde_json::from_str(&look.out).unwrap());
    }
    let other: Value = serde_json::json!({ "schema": "assay.doctor/2" });
    assert!(!schema.is_valid(&other));
}
