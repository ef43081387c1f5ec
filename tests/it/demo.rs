//! The demo: what it found is what it planted.

use crate::support::{assay, found, json, temp};

fn demo(more: &[&str]) -> (crate::support::Ended, tempfile::TempDir) {
    let dir = temp();
    let shop = dir.path().join("shop").display().to_string();
    let args = ["demo", shop.as_str()];
    (assay(args.iter().chain(more)), dir)
}

#[test]
fn finds_exactly_what_was_planted() {
    let (ended, dir) = demo(&[]);
    let ended = ended.expect(0);
    ended.says(&[
        "exactly what was planted",
        "its own verdict is NO_GO (exit code 10)",
        "Try next",
    ]);
    let planted = json(dir.path().join("shop/planted.json"));
    let found = found(&dir.path().join("shop/run"));
    let planted = planted.as_array().unwrap();
    assert!(planted.len() > 20);
    assert_eq!(found.len(), planted.len());
    for class in ["missing", "extra", "changed", "order_only", "type_changed"] {
        assert!(
            planted.iter().any(|p| p["class"] == class),
            "no {class} is planted"
        );
    }
    for p in planted {
        let text = |name: &str| p[name].as_str().unwrap();
        let name = format!("{} {} {}", text("compare"), text("class"), text("key"));
        let fields: Vec<&str> = p["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f.as_str().unwrap())
            .collect();
        let listed: Vec<&str> = found[&name].iter().map(String::as_str).collect();
        assert_eq!(fields, listed, "{name}");
    }
    // The commands that it proposes work.
    let run = dir.path().join("shop/run").display().to_string();
    let key = planted[0]["key"].as_str().unwrap();
    assay(["explain", &run, key]).expect(0).says(&[key]);
    let config = dir.path().join("shop/assay.toml").display().to_string();
    let again = assay(["explain", &run, key, "-c", &config]).expect(0);
    again.says(&["now: different"]);
    assay(["report", &run, "-o", "csv"]).expect(10);
}

#[test]
fn without_drift_its_own_verdict_is_go() {
    let (ended, dir) = demo(&["--drift", "0"]);
    ended.expect(0).says(&["its own verdict is GO (exit code 0)"]);
    assert!(found(&dir.path().join("shop/run")).is_empty());
}

#[test]
fn scales_and_repeats() {
    let (one, a) = demo(&["--records", "20000", "--drift", "0.01", "--seed", "5"]);
    let (two, b) = demo(&["--records", "20000", "--drift", "0.01", "--seed", "5"]);
    one.expect(0);
    two.expect(0);
    let read =
        |dir: &tempfile::TempDir, name: &str| std::fs::read(dir.path().join("shop").join(name)).unwrap();
    for name in ["planted.json", "green/shop/orders.bson", "blue/orders_by_id.csv"] {
        assert!(read(&a, name) == read(&b, name), "{name}");
    }
    assert!(json(a.path().join("shop/planted.json")).as_array().unwrap().len() > 150);
}

#[test]
fn refuses_senseless_sizes() {
    for args in [["--drift", "1.5"], ["--records", "0"], ["--drift", "nan"]] {
        demo(&args).0.expect(64);
    }
}
