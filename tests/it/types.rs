//! Every BSON and CQL type, in all the forms the real tools write.

use crate::support::{Diffed, assay, diff, fixture, json, put, temp};
use std::path::Path;

/// One namespace's root out of a comparison of a dump with itself or another form.
fn root(diffed: &Diffed, name: &str) -> String {
    let report = diffed.report.as_ref().expect("a report");
    let compares = report["result"]["compares"].as_array().expect("compares");
    let found = compares.iter().find(|c| {
        let namespace = c["namespaces"]["stable"].as_str().expect("a name");
        namespace.rsplit_once('.').map_or(namespace, |(_, last)| last) == name
    });
    let roots = &found.expect("the compare")["roots"];
    assert_eq!(roots["stable"], roots["candidate"]);
    roots["stable"].as_str().expect("a root").to_owned()
}

#[test]
fn exact_forms_have_one_root() {
    let dir = temp();
    for name in ["types", "mixed_ids"] {
        let mut roots = Vec::new();
        for form in ["mongo/dump", "mongo/shop.archive", "mongo/shop.archive.gz"] {
            let diffed = diff(fixture("mongo/dump"), fixture(form), &[]);
            assert_eq!(diffed.end.code, 0, "{}", diffed.end.out);
            roots.push(root(&diffed, name));
        }
        let bson = fixture(&format!("mongo/dump/shop/{name}.bson"));
        let text = std::fs::read(fixture(&format!("mongo/{name}.canonical.ndjson"))).expect("an export");
        let text = put(dir.path().join(format!("{name}.ndjson")), text);
        let diffed = diff(bson, text, &[]);
        assert_eq!(diffed.end.code, 0, "{}", diffed.end.out);
        roots.push(diffed.roots().0);
        roots.push(diffed.roots().1);
        roots.dedup();
        assert_eq!(roots.len(), 1, "{name}: {roots:?}");
    }
}

/// Relaxed Extended JSON, against the dump: never GO, says lossy, and claims no divergence that is only a lost type.
#[test]
fn relaxed_form_says_where_it_loses_a_type() {
    let dir = temp();
    for name in ["types", "mixed_ids"] {
        let text = std::fs::read(fixture(&format!("mongo/{name}.relaxed.ndjson"))).expect("an export");
        let text = put(dir.path().join(format!("{name}.ndjson")), text);
        let bson = fixture(&format!("mongo/dump/shop/{name}.bson"));
        for (stable, candidate) in [(&bson, &text), (&text, &bson)] {
            let diffed = diff(stable, candidate, &[]);
            assert_eq!(diffed.verdict(), Some("HOLD"), "{}", diffed.end.out);
            diffed.end.says(&["LOSSY_EXPORT", "number_types", "canonical"]);
            assert!(
                diffed.list().iter().all(|line| line.starts_with("lossy")),
                "{:#?}",
                diffed.list()
            );
        }
    }
}

fn cassandra(dir: &Path, stable: &str, candidate: &str, swap: &[&str]) -> (i32, serde_json::Value) {
    let config = |side: &str, form: &str| {
        let bytes = std::fs::read(fixture(&format!("cassandra/{form}.csv"))).expect("an export");
        let file = put(dir.join(side).join("types.csv"), bytes);
        let exact = match form {
            "types_exact" => "null = \"__null__\"\ndouble_precision = 17\nfloat_precision = 9\n",
            _ => "",
        };
        let schema = fixture("cassandra/schema.cql").display().to_string();
        let file = file.display().to_string();
        format!("[{side}]\nlocation = {file:?}\ndialect = \"cqlsh\"\nschema = {schema:?}\n{exact}\n")
    };
    let text = config("stable", stable) + &config("candidate", candidate);
    let compare =
        "[[compare]]\nname = \"types\"\nstable = \"types\"\ncandidate = \"types\"\nkey = [\"id\"]\n";
    let file = put(dir.join("assay.toml"), text + compare).display().to_string();
    let run = dir.join("run");
    let shown = run.display().to_string();
    let args = ["audit", "-c", &file, "--run-dir", &shown, "--seed", "1"];
    let ended = assay(args.iter().chain(swap));
    let report = run.join("report.json");
    assert!(report.exists(), "{}\n{}", ended.out, ended.err);
    (ended.code, json(report))
}

#[test]
fn default_cqlsh_export_is_lossy_and_not_divergent() {
    for swap in [&[][..], &["--swap"]] {
        let dir = temp();
        let (code, report) = cassandra(dir.path(), "types", "types_exact", swap);
        let result = &report["result"]["compares"][0];
        assert_eq!(code, 20, "{:#}", result["divergences"]);
        assert_eq!(
            result["counts"].get("changed"),
            None,
            "{:#}",
            result["divergences"]
        );
        let columns: Vec<&str> = result["lossy"]
            .as_array()
            .expect("lossy columns")
            .iter()
            .map(|l| l["column"].as_str().expect("a column"))
            .collect();
        for column in ["c_double", "c_float", "c_text", "c_ascii"] {
            assert!(columns.contains(&column), "{columns:?}");
        }
    }
}

#[test]
fn default_cqlsh_export_is_not_equal_to_itself() {
    let dir = temp();
    let (code, report) = cassandra(dir.path(), "types", "types", &[]);
    assert_eq!(code, 20, "{:#}", report["verdict"]["reasons"]);
}

#[test]
fn exact_cqlsh_export_equals_itself() {
    let dir = temp();
    let (code, report) = cassandra(dir.path(), "types_exact", "types_exact", &[]);
    assert_eq!(code, 0, "{:#}", report["verdict"]["reasons"]);
}

#[test]
fn wide_and_counter_tables_read_with_their_schema() {
    let schema = fixture("cassandra/schema.cql").display().to_string();
    for (table, rows) in [("wide", 554), ("hits", 30)] {
        let file = fixture(&format!("cassandra/{table}.csv"));
        let diffed = diff(&file, &file, &["--dialect", "cqlsh", "--schema", &schema]);
        assert!(
            [0, 20].contains(&diffed.end.code),
            "{}{}",
            diffed.end.out,
            diffed.end.err
        );
        assert!(diffed.lines.is_empty(), "{:?}", diffed.list());
        let report = diffed.report.expect("a report");
        let records = &report["result"]["compares"][0]["coverage"]["records"];
        assert_eq!(records["stable"], rows, "{table}");
    }
}

#[test]
fn table_that_the_schema_does_not_know_is_no_divergence() {
    let schema = fixture("cassandra/schema.cql").display().to_string();
    let diffed = diff(
        fixture("cassandra/types.csv"),
        fixture("cassandra/types_exact.csv"),
        &[
            "--dialect",
            "cqlsh",
            "--null",
            "__null__",
            "--schema",
            &schema,
            "-k",
            "id",
        ],
    );
    assert_ne!(diffed.end.code, 10, "{}", diffed.end.out);
    diffed.end.says(&["types_exact"]);
}

#[test]
fn backslashes_of_an_older_python_are_read_as_declared() {
    let dir = temp();
    let schema = "CREATE TABLE k.t (id int PRIMARY KEY, v text);\n";
    for (side, cell) in [("old", r#""c:\\temp""#), ("new", r"c:\\\\temp")] {
        put(dir.path().join(side).join("schema.cql"), schema);
        put(dir.path().join(side).join("t.csv"), format!("id,v\n1,{cell}\n"));
    }
    let audit = |escapes: &str| {
        let config = format!(
            "[stable]\nlocation = \"old\"\ndialect = \"cqlsh\"\n{escapes}\n\
             [candidate]\nlocation = \"new\"\ndialect = \"cqlsh\"\n\
             [[compare]]\nname = \"t\"\nstable = \"t\"\ncandidate = \"t\"\n"
        );
        let config = put(dir.path().join("assay.toml"), config).display().to_string();
        let run = dir
            .path()
            .join(format!("run{}", escapes.len()))
            .display()
            .to_string();
        assay(["audit", "-c", &config, "--run-dir", &run])
    };
    audit("escapes = \"once\"").expect(0);
    audit("").expect(10).says(&["escapes = \"once\""]);
    audit("escapes = \"thrice\"")
        .expect(64)
        .says(&["`twice` or `once`"]);
    let old = dir.path().join("old");
    let same = |more: &[&str]| {
        diff(&old, &old, &[&["--dialect", "cqlsh"], more].concat())
            .end
            .code
    };
    assert_eq!((same(&["--escapes", "once"]), same(&[])), (0, 10));
}
