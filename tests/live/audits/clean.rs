//! MongoDB against a server that speaks its protocol: clean, and with planted drift.

use super::audit;
use super::shop::{candidate as candidate_at, fill};
use crate::support::{self, block_on};
use mongodb::IndexModel;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::IndexOptions;
use std::collections::BTreeSet;

fn order(id: i32, total: i32) -> RawDocumentBuf {
    let items = doc! { "sku": format!("s{}", id % 97), "qty": id % 5 };
    RawDocumentBuf::try_from(&doc! {
        "_id": id, "total": total, "name": format!("customer {id}"), "item": items, "paid": id % 2 == 0,
    })
    .unwrap()
}

#[test]
fn mongodb_against_a_compatible_server() {
    let (Some(one), Some(two)) = (support::mongodb(), support::mongodb_2()) else {
        return;
    };
    let (stable, candidate) = (one.database("pair"), two.database("pair"));
    let config = format!(
        "[stable]\nlocation = \"{}\"\n[candidate]\nlocation = \"{}\"\n[settle]\ndelay_seconds = 0.2\n\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"{}.orders\"\n",
        stable.uri(),
        candidate.uri(),
        stable.name(),
        candidate.name()
    );
    let orders: Vec<RawDocumentBuf> = (0..3000).map(|id| order(id, id * 3)).collect();
    block_on(async {
        fill(&stable.open().await, "orders", &orders).await;
        fill(&candidate.open().await, "orders", &orders).await;
    });
    let ran = audit(&config, &[]);
    assert_eq!((ran.code, ran.verdict().as_str()), (0, "GO"), "{}", ran.said);
    let clean = ran.roots();
    block_on(async {
        let collection = candidate.open().await.collection::<RawDocumentBuf>("orders");
        collection.delete_one(doc! { "_id": 17 }).await.unwrap();
        collection.insert_one(order(9001, 1)).await.unwrap();
        let changed = doc! { "$set": { "total": -1 } };
        collection
            .update_one(doc! { "_id": 1500 }, changed)
            .await
            .unwrap();
    });
    let planted: BTreeSet<String> = [
        "orders changed 1500 [\"total\"]",
        "orders extra 9001 []",
        "orders missing 17 []",
    ]
    .map(str::to_owned)
    .into();
    let mut told = Vec::new();
    for strategy in ["auto", "merge", "sketch", "spill"] {
        let ran = audit(&config, &["--strategy", strategy]);
        assert_eq!(ran.found("confirmed"), planted, "{strategy} {}", ran.said);
        assert_eq!(ran.verdict(), "NO_GO");
        assert_eq!(ran.roots()[0].0, clean[0].0, "stable has not moved");
        told.push(ran.told());
    }
    assert!(told.windows(2).all(|two| two[0] == two[1]), "{told:?}");
}

/// What differs beside the records, and whether it can change answers.
fn metadata(ran: &super::Ran) -> Vec<(String, bool)> {
    let report = ran.report();
    let metadata = &report["result"]["compares"][0]["metadata"];
    assert_eq!(metadata["compared"], true, "{}", ran.said);
    let differences = metadata["differences"].as_array().unwrap().iter();
    differences
        .map(|d| {
            (
                d["what"].as_str().unwrap().to_owned(),
                d["changes_answers"] == true,
            )
        })
        .collect()
}

#[test]
fn indexes_of_live_collections_are_compared() {
    let (Some(one), Some(two)) = (support::mongodb(), support::mongodb_2()) else {
        return;
    };
    let (stable, candidate) = (one.database("meta"), two.database("meta"));
    let config = format!(
        "[stable]\nlocation = \"{}\"\n[candidate]\nlocation = \"{}\"\n[settle]\ndelay_seconds = 0.1\n\
         [[compare]]\nname = \"orders\"\nstable = \"{}.orders\"\ncandidate = \"{}.orders\"\n",
        stable.uri(),
        candidate.uri(),
        stable.name(),
        candidate.name()
    );
    let index = |unique| {
        let options = IndexOptions::builder().unique(unique).build();
        IndexModel::builder()
            .keys(doc! { "name": 1 })
            .options(options)
            .build()
    };
    let orders: Vec<RawDocumentBuf> = (0..20).map(|id| order(id, id)).collect();
    block_on(async {
        for database in [&stable, &candidate] {
            fill(&database.open().await, "orders", &orders).await;
        }
        let collection = stable.open().await.collection::<RawDocumentBuf>("orders");
        collection.create_index(index(true)).await.unwrap();
    });
    let ran = audit(&config, &[]);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    assert_eq!(metadata(&ran), [(r#"index {"name":1}"#.to_owned(), true)]);
    block_on(async {
        let collection = candidate.open().await.collection::<RawDocumentBuf>("orders");
        collection.create_index(index(true)).await.unwrap();
    });
    let ran = audit(&config, &[]);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    assert_eq!(metadata(&ran), []);
}

#[test]
fn tables_of_live_keyspaces_are_compared() {
    let Some(cql) = support::cql() else { return };
    let keyspace = || cql.keyspace_without_tablets("meta");
    let (one, two) = (keyspace(), keyspace());
    let execute = |statement: String| {
        block_on(async {
            let session = cql.session().await.unwrap();
            let done = session.query_unpaged(statement.as_str(), ()).await;
            done.unwrap_or_else(|e| panic!("{statement}: {e}"));
        });
    };
    for name in [one.name(), two.name()] {
        execute(format!(
            "CREATE TABLE {name}.t (a int, b int, v text, PRIMARY KEY (a, b))"
        ));
        execute(format!("INSERT INTO {name}.t (a, b, v) VALUES (1, 2, 'x')"));
    }
    let config = format!(
        "[stable]\n{}[candidate]\n{}[settle]\ndelay_seconds = 0.1\n\
         [[compare]]\nname = \"t\"\nstable = \"{}.t\"\ncandidate = \"{}.t\"\n",
        candidate_at(cql, one.name()).replace("[candidate", "[stable"),
        candidate_at(cql, two.name()),
        one.name(),
        two.name()
    );
    let ran = audit(&config, &[]);
    assert_eq!(
        (ran.verdict().as_str(), metadata(&ran)),
        ("GO", Vec::new()),
        "{}",
        ran.said
    );
    let index = format!("CREATE INDEX by_v ON {}.t (v)", one.name());
    let has_index = block_on(async {
        let session = cql.session().await.unwrap();
        session.query_unpaged(index, ()).await.is_ok()
    });
    if !has_index {
        support::say("live: not exercised, since the server refuses them: indexes");
    }
    execute(format!(
        "ALTER TABLE {}.t WITH default_time_to_live = 3600",
        two.name()
    ));
    let ran = audit(&config, &[]);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    let expected = ["index on v", "option default_time_to_live"].map(|what| (what.to_owned(), true));
    let expected = &expected[usize::from(!has_index)..];
    assert_eq!(metadata(&ran), expected);
}
