//! MongoDB against a server that speaks its protocol: clean, and with planted drift.

use super::audit;
use super::shop::fill;
use crate::support::{self, block_on};
use mongodb::bson::{RawDocumentBuf, doc};
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
    for strategy in ["auto", "merge", "sketch", "spill"] {
        let ran = audit(&config, &["--strategy", strategy]);
        assert_eq!(ran.found("confirmed"), planted, "{strategy} {}", ran.said);
        assert_eq!(ran.verdict(), "NO_GO");
        assert_eq!(ran.roots()[0].0, clean[0].0, "stable has not moved");
    }
}
