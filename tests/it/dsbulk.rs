//! What DSBulk 1.10 unloaded from Cassandra 5.0 is what cqlsh exported of the same tables, as far as it can say so.

use crate::support::*;
use std::path::Path;

/// Compares the two exports; the exit code and the compare's result.
fn exports(dir: &Path, table: &str, unload: &Path, swap: &[&str]) -> (i32, serde_json::Value) {
    let schema = fixture("cassandra/dsbulk/schema.cql");
    let config = format!(
        "[stable]\nlocation = {:?}\nschema = {schema:?}\ndialect = \"cqlsh\"\nnull = \"__null__\"\n\
         double_precision = 20\nfloat_precision = 20\n\
         [candidate]\nlocation = {unload:?}\nschema = {schema:?}\n\
         [[compare]]\nname = {table:?}\nstable = {table:?}\ncandidate = {table:?}\n",
        fixture("cassandra/dsbulk/cqlsh"),
    );
    let file = put(dir.join("assay.toml"), config).display().to_string();
    let run = dir.join("run").display().to_string();
    let args = ["audit", "-c", &file, "--run-dir", &run, "--seed", "1"];
    let ended = assay(args.iter().chain(swap));
    let report = json(dir.join("run/report.json"));
    (ended.code, report["result"]["compares"][0].clone())
}

fn lossy(result: &serde_json::Value) -> Vec<(String, u64)> {
    let columns = result["lossy"].as_array().into_iter().flatten();
    columns
        .map(|l| {
            assert!(l["how_to_fix"].as_str().unwrap().contains("cqlsh"), "{l}");
            assert_eq!(l["kind"], "null_or_empty");
            (
                l["column"].as_str().unwrap().to_owned(),
                l["cells"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn what_dsbulk_unloads_is_what_cqlsh_exports_but_for_null_and_empty() {
    let columns = |wanted: &[(&str, u64)]| -> Vec<(String, u64)> {
        wanted.iter().map(|(c, n)| ((*c).to_owned(), *n)).collect()
    };
    // Columns with the cells in which a collection is null or empty, and the unload does not say which.
    for (table, records, wanted) in [
        ("types", 15, columns(&[("c_nested", 14)])),
        (
            "packs",
            6,
            columns(&[("fm", 5), ("ft", 5), ("l", 6), ("p", 4), ("q", 1), ("t", 1)]),
        ),
    ] {
        for swap in [&[][..], &["--swap"]] {
            let dir = temp();
            let unload = fixture(&format!("cassandra/dsbulk/unload/{table}"));
            let (code, result) = exports(dir.path(), table, &unload, swap);
            assert_eq!(code, 20, "{table}: {:#}", result["divergences"]);
            assert_eq!(
                result["counts"].get("changed"),
                None,
                "{table}: {:#}",
                result["divergences"]
            );
            assert_eq!(result["coverage"]["records"]["stable"], records);
            assert_eq!(lossy(&result), wanted, "{table}");
        }
    }
}

#[test]
fn what_differs_in_an_unload_is_found_all_the_same() {
    let dir = temp();
    let recorded = std::fs::read_to_string(fixture("cassandra/dsbulk/unload/packs/output-000001.csv"));
    let recorded = recorded.expect("the recording is text");
    // An element too many where a collection is empty, and another value beside one.
    let changed = recorded.replace("[1,[]]", "[1,[7]]").replace(
        r#"\"label\":\"y\",\"sizes\":[]"#,
        r#"\"label\":\"z\",\"sizes\":[]"#,
    );
    assert_ne!(recorded, changed);
    put(dir.path().join("unload/packs/output-000001.csv"), changed);
    let (code, result) = exports(dir.path(), "packs", &dir.path().join("unload/packs"), &[]);
    assert_eq!(code, 10, "{result:#}");
    assert_eq!(
        result["counts"]["changed"]["confirmed"], 2,
        "{:#}",
        result["counts"]
    );
}
