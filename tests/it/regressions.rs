//! The false answers that other tools are known for, each as a case of ours; and mirror images.

use crate::bson::{Bson, date, document, int, nested, null, text};
use crate::support::{assay, audited, diff, fixture, found, put, temp, verdict_of};
use std::path::Path;

fn bson(records: &[&[(&str, Bson)]]) -> Vec<u8> {
    records.iter().flat_map(|r| document(r)).collect()
}

/// Joining columns with a bar makes these equal.
#[test]
fn column_borders_count() {
    for (a, b) in [("x|y,z", "x,y|z"), ("\"x,y\",z", "x,\"y,z\""), ("xy,", "x,y")] {
        let row = |v: &str| format!("id,a,b\n1,{v}\n");
        assert_eq!(
            verdict_of("csv", row(a).as_bytes(), row(b).as_bytes(), &["-k", "id"]),
            "NO_GO",
            "{a}"
        );
        let key = |v: &str| format!("a,b,v\n{v},1\n");
        let more = ["-k", "a,b"];
        assert_eq!(
            verdict_of("csv", key(a).as_bytes(), key(b).as_bytes(), &more),
            "NO_GO",
            "{a}"
        );
    }
}

/// Hashing documents without an end mark makes these equal.
#[test]
fn document_borders_count() {
    let a = bson(&[&[("_id", int(1)), ("a", nested(&[("b", int(1))])), ("c", int(2))]]);
    let b = bson(&[&[("_id", int(1)), ("a", nested(&[("b", int(1)), ("c", int(2))]))]]);
    assert_eq!(verdict_of("bson", &a, &b, &[]), "NO_GO");
    let a = bson(&[&[("_id", int(1)), ("a.b", int(1))]]);
    let b = bson(&[&[("_id", int(1)), ("a", nested(&[("b", int(1))]))]]);
    assert_eq!(verdict_of("bson", &a, &b, &[]), "NO_GO");
}

/// XOR of checksums cancels a uniform shift of four timestamps.
#[test]
fn uniform_shift_does_not_cancel() {
    let make = |shift: i64| -> Vec<u8> {
        (0..4)
            .flat_map(|i| document(&[("_id", int(i)), ("at", date(1_700_000_000_000 + shift))]))
            .collect()
    };
    assert_eq!(verdict_of("bson", &make(0), &make(3_600_000), &[]), "NO_GO");
}

/// Equal rows added twice cancel under XOR.
#[test]
fn pairs_of_records_do_not_cancel() {
    let one = document(&[("_id", int(1)), ("v", int(1))]);
    let two = document(&[("_id", int(2)), ("v", int(1))]);
    let more = [one.clone(), two.clone(), two].concat();
    assert_ne!(verdict_of("bson", &one, &more, &[]), "GO");
    let twice = [one.clone(), one.clone()].concat();
    assert_ne!(verdict_of("bson", &one, &twice, &[]), "GO");
}

/// Values that change places between records or fields.
#[test]
fn exchanged_values_are_found() {
    let make = |a: i32, b: i32| {
        bson(&[
            &[("_id", int(1)), ("v", int(a))],
            &[("_id", int(2)), ("v", int(b))],
        ])
    };
    assert_eq!(verdict_of("bson", &make(1, 2), &make(2, 1), &[]), "NO_GO");
    let make = |a: i32, b: i32| bson(&[&[("_id", int(1)), ("v", int(a)), ("w", int(b))]]);
    assert_eq!(verdict_of("bson", &make(1, 2), &make(2, 1), &[]), "NO_GO");
}

/// Null, the word NULL, the empty text and nothing at all are four things between documents.
#[test]
fn null_is_not_a_word() {
    let values = [
        Some(null()),
        Some(text("NULL")),
        Some(text("null")),
        Some(text("")),
        None,
    ];
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            let make = |v: &Option<Bson>| match v {
                Some(v) => bson(&[&[("_id", int(1)), ("v", v.clone())]]),
                None => bson(&[&[("_id", int(1))]]),
            };
            let verdict = verdict_of("bson", &make(a), &make(b), &[]);
            assert_eq!(verdict, if i == j { "GO" } else { "NO_GO" }, "{a:?} {b:?}");
        }
    }
}

#[test]
fn order_of_fields_and_records_is_no_difference() {
    let a = bson(&[
        &[("_id", int(1)), ("v", int(1)), ("w", int(2))],
        &[("_id", int(2))],
    ]);
    let b = bson(&[
        &[("_id", int(2))],
        &[("w", int(2)), ("_id", int(1)), ("v", int(1))],
    ]);
    assert_eq!(verdict_of("bson", &a, &b, &[]), "GO");
}

/// One row too many must not put every later row out of step.
#[test]
fn one_extra_row_is_one_divergence() {
    let dir = temp();
    let row = |i: u32| format!("{i},v{i}\n");
    let all: String = (0..500).map(row).collect();
    let less: String = (0..500).filter(|i| *i != 3).map(row).collect();
    let a = put(dir.path().join("a/t.csv"), format!("id,v\n{less}"));
    let b = put(dir.path().join("b/t.csv"), format!("id,v\n{all}"));
    assert_eq!(diff(&a, &b, &["-k", "id"]).list(), ["extra 3 []"]);
    assert_eq!(diff(&b, &a, &["-k", "id"]).list(), ["missing 3 []"]);
}

/// Ignoring `id` must not hide `identity`.
#[test]
fn ignoring_a_field_hides_no_other() {
    let dir = temp();
    put(dir.path().join("a/t.csv"), "k,id,identity\n1,a,x\n");
    put(dir.path().join("b/t.csv"), "k,id,identity\n1,b,y\n");
    let config = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n[[compare]]\nname = \"t\"\nstable = \"t\"\n\
        candidate = \"t\"\nkey = [\"k\"]\n[[compare.field]]\nname = \"id\"\nignore = true\nreason = \"drawn anew\"\n";
    let config = put(dir.path().join("assay.toml"), config).display().to_string();
    let run = dir.path().join("run");
    assay(["audit", "-c", &config, "--run-dir", &run.display().to_string()]).expect(10);
    let found = found(&run);
    assert_eq!(found["t changed 1"].iter().collect::<Vec<_>>(), ["identity"]);
}

/// f(a, b) and f(b, a) are mirror images, on made-up shops.
#[test]
fn exchanged_sides_mirror() {
    for seed in ["3", "4"] {
        let dir = temp();
        let shop = dir.path().join("shop");
        let shown = shop.display().to_string();
        let args = [
            "demo",
            &shown,
            "--records",
            "1500",
            "--drift",
            "0.05",
            "--seed",
            seed,
            "--only-make",
        ];
        assay(args).expect(0);
        let config = shop.join("assay.toml").display().to_string();
        let run = |name: &str, more: &[&str]| {
            let run = dir.path().join(name);
            let shown = run.display().to_string();
            let args = ["audit", "-c", &config, "--run-dir", &shown, "--seed", "9"];
            assay(args.iter().chain(more)).expect(10);
            found(&run)
        };
        let mirrored: crate::support::Found = run("back", &["--swap"])
            .into_iter()
            .map(|(name, fields)| {
                let parts: Vec<&str> = name.splitn(3, ' ').collect();
                let class = match parts[1] {
                    "missing" => "extra",
                    "extra" => "missing",
                    class => class,
                };
                (format!("{} {class} {}", parts[0], parts[2]), fields)
            })
            .collect();
        assert_eq!(run("there", &[]), mirrored);
    }
}

/// Two recordings given in the wrong order: everything differs, and nothing is called equal.
#[test]
fn exchanged_files_are_not_equal() {
    let name = |n: &str| fixture(&format!("mongo/dump/shop/{n}.bson"));
    let diffed = diff(name("orders"), name("types"), &[]);
    assert_eq!(diffed.verdict(), Some("NO_GO"));
    let missing = diffed.list().iter().filter(|l| l.starts_with("missing")).count();
    assert_eq!((missing, diffed.lines.len()), (2000, 2029));
    let csv = |n: &str| Path::new("cassandra").join(n);
    let wrong = diff(
        fixture(csv("orders_by_id.csv").to_str().unwrap()),
        fixture(csv("order_items.csv").to_str().unwrap()),
        &["-k", "order_id", "--dialect", "cqlsh"],
    );
    assert_ne!(wrong.end.code, 0);
}

/// A field that was not renamed in the migration must not pass for the renamed one.
#[test]
fn a_field_under_its_old_name_is_not_migrated() {
    let rule = "[[compare.field]]\nname = \"status\"\nstable = \"status\"\ncandidate = \"state\"\n";
    let stable = b"{\"_id\":\"a\",\"status\":\"x\"}\n{\"_id\":\"b\",\"status\":\"y\"}\n";
    let candidate = b"{\"_id\":\"a\",\"state\":\"x\"}\n{\"_id\":\"b\",\"status\":\"y\"}\n";
    let found = audited("ndjson", stable, candidate, rule);
    assert_eq!(found.end.code, 10, "{}", found.end.out);
    assert_eq!(found.list(), ["changed b [status status (candidate, unmapped)]"]);
    let migrated = b"{\"_id\":\"a\",\"state\":\"x\"}\n{\"_id\":\"b\",\"state\":\"y\"}\n";
    assert_eq!(audited("ndjson", stable, migrated, rule).end.code, 0);
    // The same where a prefix leads to the name.
    let rules = "[[compare.field]]\nname = \"a.*\"\nstable = \"a.*\"\ncandidate = \"a_*\"\n\
        [[compare.field]]\nname = \"a.city\"\nstable = \"a.city\"\ncandidate = \"town\"\n";
    let stable = b"{\"_id\":\"a\",\"a\":{\"city\":\"x\",\"zip\":\"1\"}}\n";
    let old = b"{\"_id\":\"a\",\"a_city\":\"x\",\"a_zip\":\"1\"}\n";
    let new = b"{\"_id\":\"a\",\"town\":\"x\",\"a_zip\":\"1\"}\n";
    assert_eq!(audited("ndjson", stable, old, rules).end.code, 10);
    assert_eq!(audited("ndjson", stable, new, rules).end.code, 0);
}

/// A field called `a.b` is not the field `b` inside `a`; a column called `a.b` is what it is called.
#[test]
fn dots_in_names_are_no_paths() {
    for rule in ["a.b", "a.c"] {
        let rule =
            format!("[[compare.field]]\nname = \"{rule}\"\nstable = \"{rule}\"\ncandidate = \"{rule}\"\n");
        let dotted = b"{\"_id\":\"a\",\"a.b\":\"x\",\"a\":{\"c\":\"y\"}}\n";
        let nested = b"{\"_id\":\"a\",\"a\":{\"b\":\"x\",\"c\":\"y\"}}\n";
        assert_eq!(audited("ndjson", dotted, nested, &rule).end.code, 10);
        assert_eq!(audited("ndjson", nested, dotted, &rule).end.code, 10);
        assert_eq!(audited("ndjson", dotted, dotted, &rule).end.code, 0);
    }
    let cut = "key = [\"id\"]\n[[compare.field]]\nname = \"a.b\"\nstable = \"a.b\"\ncandidate = \"b\"\nstable_trim = true\n";
    let found = audited("csv", b"id,a.b\n1, x\n", b"id,b\n1,x\n", cut);
    assert_eq!(found.end.code, 0, "{}{}", found.end.out, found.end.err);
}

#[test]
fn a_key_field_named_twice_is_a_mistake() {
    let found = audited("csv", b"id,v\n1,x\n", b"id,v\n1,x\n", "key = [\"id\", \"id\"]\n");
    found.end.expect(64).says(&["id", "twice"]);
}
