//! `[namespaces]`: what belongs together is found by name, and what one side lacks is said.

use crate::bson::{document, int};
use crate::support::{Ended, assay, json, put, temp};
use serde_json::Value;
use std::path::Path;

/// A dump of some collections of one database, each with its number of records.
fn dump(root: &Path, database: &str, collections: &[(&str, i32)]) {
    for (name, n) in collections {
        let records = (0..*n).flat_map(|i| document(&[("_id", int(i)), ("v", int(i))]));
        put(
            root.join(database).join(format!("{name}.bson")),
            records.collect::<Vec<u8>>(),
        );
    }
}

/// Two dumps of databases of different names: `a` and `b` on both, `old` only on stable, `new` only on the candidate.
fn stores(config: &str) -> tempfile::TempDir {
    let dir = temp();
    dump(&dir.path().join("s"), "shop", &[("a", 5), ("b", 6), ("old", 1)]);
    dump(&dir.path().join("c"), "neu", &[("a", 5), ("b", 6), ("new", 1)]);
    let sides = "[stable]\nlocation = \"s\"\n[candidate]\nlocation = \"c\"\n";
    put(dir.path().join("assay.toml"), format!("{sides}{config}"));
    dir
}

fn run(dir: &Path, command: &str, more: &[&str]) -> Ended {
    let config = dir.join("assay.toml").display().to_string();
    assay([&[command, "-c", &config], more].concat())
}

fn audit(dir: &Path, more: &[&str]) -> Ended {
    let to = dir.join("run").display().to_string();
    run(dir, "audit", &[&["--run-dir", &to], more].concat())
}

fn report(dir: &Path) -> Value {
    json(dir.join("run/report.json"))
}

#[test]
fn all_that_both_sides_have_is_audited_and_what_one_lacks_holds() {
    let dir = stores("[namespaces]\n");
    let said = audit(dir.path(), &[]).expect(20);
    said.says(&[
        "HOLD",
        "shop.old is in stable only",
        "neu.new is in candidate only",
    ]);
    let report = report(dir.path());
    let schema = json(Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/report.schema.json"));
    let schema = jsonschema::options().build(&schema).unwrap();
    let wrong: Vec<String> = schema.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let compares = report["result"]["compares"].as_array().unwrap();
    let names: Vec<&str> = compares.iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "shop.old", "neu.new"]);
    assert_eq!(compares[1]["coverage"]["records"]["stable"], 6);
    assert_eq!(compares[2]["namespaces"]["candidate"], Value::Null);
    let reasons = report["verdict"]["reasons"].as_array().unwrap();
    let missing = reasons.iter().filter(|r| r["code"] == "NO_NAMESPACE").count();
    assert_eq!(missing, 2, "{reasons:#?}");
    // Rendered again, it is the same.
    let again = assay([Path::new("report"), &dir.path().join("run")]).expect(20);
    again.says(&["shop.old is in stable only"]);
}

#[test]
fn what_is_left_out_on_purpose_holds_nothing() {
    let dir = stores("[namespaces]\ninclude = [\"shop.*\", \"neu.*\"]\nexclude = [\"old\", \"n*.new\"]\n");
    audit(dir.path(), &[]).expect(0).says(&["GO"]);
    let only = stores("[namespaces]\n");
    audit(only.path(), &["--only", "b"]).expect(0).says(&["LEFT_OUT"]);
    let alone = stores("[namespaces]\n");
    audit(alone.path(), &["--only", "shop.old"]).expect(20);
    audit(stores("[namespaces]\n").path(), &["--only", "x"])
        .expect(64)
        .says(&["shop.old"]);
}

#[test]
fn a_difference_weighs_more_than_a_missing_namespace() {
    let dir = stores("[namespaces]\n");
    dump(&dir.path().join("c"), "neu", &[("a", 4)]);
    audit(dir.path(), &[]).expect(10).says(&["NO_GO"]);
}

#[test]
fn a_glob_that_selects_nothing_is_refused() {
    for (config, word) in [
        ("[namespaces]\ninclude = [\"shpo.*\"]\n", "shpo.*"),
        ("[namespaces]\nexclude = [\"tmp\"]\n", "tmp"),
        ("[namespaces]\nincldue = []\n", "incldue"),
        (
            "[namespaces]\n[[compare]]\nname = \"a\"\nstable = \"a\"\ncandidate = \"a\"\n",
            "assay.toml:5:1: [namespaces] beside [[compare]]",
        ),
        ("", "no [namespaces]"),
    ] {
        audit(stores(config).path(), &[]).expect(64).says(&[word]);
    }
}

#[test]
fn the_doctor_warns_of_what_one_side_lacks() {
    let dir = stores("[namespaces]\n");
    run(dir.path(), "doctor", &[]).expect(0).says(&[
        "warning  stable: shop.old is in stable only: the verdict will be HOLD",
        "warning  candidate: neu.new is in candidate only: the verdict will be HOLD",
    ]);
}

#[test]
fn steps_come_to_the_same() {
    let dir = stores("[namespaces]\n");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (plan, parts, to) = (at("plan.json"), at("parts"), at("run"));
    run(dir.path(), "plan", &["--slices", "2", "-o", &plan]).expect(0);
    run(dir.path(), "scan", &["--plan", &plan, "--parts", &parts]).expect(0);
    let merged = run(
        dir.path(),
        "merge",
        &["--plan", &plan, "--parts", &parts, "--run-dir", &to],
    );
    merged.expect(20).says(&["neu.new is in candidate only"]);
}

#[test]
fn indexes_and_options_of_dumps_are_compared() {
    let dir = stores("[namespaces]\ninclude = [\"a\"]\n");
    let write = |side: &str, indexes: &str, options: &str| {
        let id = r#"{"v":2,"key":{"_id":1},"name":"_id_"}"#;
        let text = format!(
            r#"{{"options":{{{options}}},"indexes":[{id}{indexes}],"collectionName":"a","type":"collection"}}"#
        );
        put(dir.path().join(side).join("a.metadata.json"), text);
    };
    let (plain, unique) = (
        r#",{"v":2,"key":{"v":1},"name":"v_1"}"#,
        r#",{"v":2,"key":{"v":1},"name":"v_1","unique":true}"#,
    );
    let audit = |more: &[&str]| {
        drop(std::fs::remove_dir_all(dir.path().join("run")));
        audit(dir.path(), more)
    };
    write("s/shop", unique, "");
    write("c/neu", unique, "");
    audit(&[])
        .expect(0)
        .says(&["indexes, options and schema are the same"]);
    write("s/shop", "", "");
    write("c/neu", plain, "");
    audit(&[]).expect(0).says(&["METADATA_NOTED", "index {\"v\":1}"]);
    write("s/shop", unique, r#""validator":{"v":{"$gte":0}}"#);
    let said = audit(&[]).expect(10);
    said.says(&[
        "METADATA_DIFFERS",
        "option validator",
        "stable {\"unique\":true}, candidate {}",
    ]);
    let report = report(dir.path());
    let compare = &report["result"]["compares"][0];
    assert_eq!(compare["roots"]["stable"], compare["roots"]["candidate"]);
    assert_eq!(compare["metadata"]["differences"].as_array().unwrap().len(), 2);
    let policy = "[[metadata]]\nwhat = 'index {\"v\":1}'\nreason = \"r\"\n\
                  [[metadata]]\nwhat = \"option validator\"\ncompare = \"a\"\nreason = \"r\"\n";
    put(dir.path().join("policy.toml"), policy);
    let file = dir.path().join("policy.toml").display().to_string();
    audit(&["--policy", &file]).expect(0).says(&["METADATA_ALLOWED"]);
}

#[test]
fn tables_of_exports_are_compared_by_their_schemas() {
    let dir = temp();
    let write = |side: &str, schema: &str| {
        put(dir.path().join(side).join("t.csv"), "id,v\n1,2\n");
        put(dir.path().join(side).join("schema.cql"), schema);
    };
    let table = "CREATE TABLE k.t (id int PRIMARY KEY, v int) WITH default_time_to_live = 0;";
    write("s", table);
    write("c", &table.replace("= 0", "= 60"));
    let text = "[stable]\nlocation = \"s\"\n[candidate]\nlocation = \"c\"\n\
                [[compare]]\nname = \"t\"\nstable = \"t\"\ncandidate = \"t\"\n";
    put(dir.path().join("assay.toml"), text);
    audit(dir.path(), &[])
        .expect(10)
        .says(&["option default_time_to_live: stable 0, candidate 60"]);
}
