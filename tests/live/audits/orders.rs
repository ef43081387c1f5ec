//! The recorded shop, live: what an audit finds is the recorded truth.

use super::shop::{candidate, documents, fill, tables};
use super::{Ran, audit, fixture};
use crate::support::{self, Keyspace, block_on};
use std::collections::BTreeSet;

/// The fixtures' mapping, with other sides.
fn config(stable: &str, candidate: &str) -> String {
    let text = std::fs::read_to_string(fixture("mapping/orders.toml")).unwrap();
    let compares = &text[text.find("[[compare]]").unwrap()..];
    format!("[stable]\n{stable}\n[candidate]\n{candidate}\n[settle]\ndelay_seconds = 0.2\n{compares}")
}

fn truth() -> BTreeSet<String> {
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixture("orders_truth.json")).unwrap()).unwrap();
    let mut out = BTreeSet::new();
    for (key, fields) in truth["changed"].as_object().unwrap() {
        let fields: BTreeSet<&str> = fields
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f.as_str().unwrap())
            .collect();
        out.insert(format!(
            "orders changed {key} {:?}",
            fields.into_iter().collect::<Vec<_>>()
        ));
    }
    for class in ["missing", "extra"] {
        for key in truth[class].as_array().unwrap() {
            out.insert(format!("orders {class} {} []", key.as_str().unwrap()));
        }
        for item in truth["order_items"][class].as_array().unwrap() {
            out.insert(format!(
                "order_items {class} {},{} []",
                item[0].as_str().unwrap(),
                item[1]
            ));
        }
    }
    out
}

fn holds_the_truth(ran: &Ran) {
    assert_eq!(ran.found("confirmed"), truth(), "{}", ran.said);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    for state in ["transient", "racing", "unknown"] {
        assert_eq!(ran.found(state), BTreeSet::new());
    }
}

/// MongoDB, Cassandra, and the dumps of both, in every combination that has a live side.
#[test]
fn orders_live_and_dumped() {
    let (Some(mongo), Some(cql)) = (support::mongodb_2(), support::cql()) else {
        return;
    };
    let database = mongo.database("shop");
    block_on(async {
        let orders = documents(&fixture("mongo/dump/shop/orders.bson"));
        fill(&database.open().await, "orders", &orders).await;
    });
    let keyspace: Keyspace = cql.keyspace("shop");
    tables(&keyspace);
    let live = format!("location = \"{}\"", database.uri());
    let dump = format!("location = \"{}\"", fixture("mongo/dump").display());
    let rows = candidate(cql, keyspace.name());
    let csv = format!(
        "location = \"{}\"\ndialect = \"cqlsh\"",
        fixture("cassandra").display()
    );
    let named = |config: String, live: bool| match live {
        true => config.replace("\"shop.orders\"", &format!("\"{}.orders\"", database.name())),
        false => config,
    };
    let mut roots = BTreeSet::new();
    for (stable, other, is_live) in [(&live, &rows, true), (&dump, &rows, false), (&live, &csv, true)] {
        let ran = audit(&named(config(stable, other), is_live), &[]);
        holds_the_truth(&ran);
        roots.insert(ran.roots());
    }
    assert_eq!(
        roots.len(),
        1,
        "the same facts have the same roots, however they are read"
    );
    let clean = format!(
        "[stable]\n{live}\n[candidate]\n{dump}\n[settle]\ndelay_seconds = 0.1\n[[compare]]\nname = \"orders\"\n\
         stable = \"{}.orders\"\ncandidate = \"shop.orders\"\n",
        database.name()
    );
    let ran = audit(&clean, &[]);
    assert_eq!((ran.code, ran.verdict().as_str()), (0, "GO"), "{}", ran.said);
}
