//! What is seen of servers and collections before they are read.

use super::{connect, insert_all, numbered};
use crate::support::{self, Kind, PrivateMongo, block_on};
use assay::source::live::mongo::{CollectionKind, MongoOptions, MongoStore, ReadOrder};
use assay::source::{Failure, SourceError};
use mongodb::bson::{Document, doc};
use std::time::Duration;

#[test]
fn a_server_that_ignores_what_it_accepts_is_seen_through() {
    for (kind, sample) in [(Kind::FerretDb, false), (Kind::MongoJavaServer, true)] {
        let Some(server) = PrivateMongo::start(kind) else {
            return;
        };
        let database = server.database("probe");
        block_on(async {
            let namespace = format!("{}.things", database.name());
            insert_all(&database.open().await, "things", numbered(20, 1)).await;
            let store = connect(&database.uri(), 100).await;
            let probe = store.probe(&namespace).await.unwrap();
            assert_eq!(
                (probe.min_max, probe.sample, probe.sample_rate),
                (Some(false), sample, false)
            );
            assert!(!probe.snapshot && !probe.mongos && probe.hint);
            assert_eq!(
                (probe.order, probe.kind),
                (ReadOrder::ById, CollectionKind::Collection)
            );
            let (skew, doubt) = probe.clock_skew.unwrap();
            assert!(
                skew.abs() <= doubt + 1000,
                "one machine, one clock: {skew} ± {doubt} ms"
            );
            assert!(
                probe.degraded.iter().any(|text| text.contains("`min` and `max`")),
                "{:?}",
                probe.degraded
            );
        });
    }
}

#[test]
fn collections_are_listed_with_what_describes_them() {
    for server in [support::mongodb(), support::mongodb_2()].into_iter().flatten() {
        let database = server.database("list");
        block_on(async {
            let open = database.open().await;
            insert_all(&open, "orders", numbered(3, 1)).await;
            insert_all(&open, "b.dotted", numbered(1, 1)).await;
            let index = mongodb::IndexModel::builder().keys(doc! { "n": -1 }).build();
            open.collection::<Document>("orders")
                .create_index(index)
                .await
                .unwrap();
            let found = connect(&database.uri(), 100)
                .await
                .catalog()
                .await
                .unwrap()
                .collections;
            let names: Vec<_> = found.iter().map(|c| c.namespace.clone()).collect();
            assert_eq!(
                names,
                ["b.dotted", "orders"].map(|name| format!("{}.{name}", database.name()))
            );
            let text = found[1].metadata.as_deref().unwrap();
            let metadata: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(metadata["collectionName"], "orders");
            assert_eq!(metadata["indexes"].as_array().unwrap().len(), 2);
            assert!(text.contains(r#""key":{"n":{"$numberInt":"-1"}}"#), "{text}");
            assert_eq!(
                (found[1].documents, found[1].kind),
                (Some(3), CollectionKind::Collection)
            );
        });
    }
}

#[test]
fn what_is_not_there_is_an_error_that_names_what_is() {
    let Some(server) = support::mongodb() else { return };
    let database = server.database("wrong");
    block_on(async {
        insert_all(&database.open().await, "orders", numbered(1, 1)).await;
        let store = connect(&database.uri(), 100).await;
        let wrong = store
            .probe(&format!("{}.order", database.name()))
            .await
            .unwrap_err();
        assert!(wrong.to_string().contains("`orders`"), "{wrong}");
        let nowhere = store.probe("no_such_database.orders").await.unwrap_err();
        assert!(
            nowhere.to_string().contains("empty or does not exist"),
            "{nowhere}"
        );
        assert!(
            store
                .probe("orders")
                .await
                .unwrap_err()
                .to_string()
                .contains("`database.collection`")
        );
    });
}

#[test]
fn users_that_are_not_known_are_denied_and_no_secret_is_shown() {
    let Some(server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    block_on(async {
        let at = format!("127.0.0.1:{}", server.port());
        let options = MongoOptions {
            connect_timeout: Duration::from_secs(1),
            ..MongoOptions::default()
        };
        for (uri, failure) in [
            (
                format!("mongodb://auditor:hunter2@{at}/shop?directConnection=true"),
                Failure::Denied,
            ),
            (
                "mongodb://auditor:hunter2@127.0.0.1:1/shop".to_owned(),
                Failure::Network,
            ),
            (
                format!("mongodb://auditor:hunter2@{at}/shop?nonsense"),
                Failure::Refused,
            ),
            (format!("mongodb://auditor:hun/ter2@{at}/shop"), Failure::Refused),
            (
                format!("mongodb://auditor:hunter2@{at}/shop?readConcernLevel=available"),
                Failure::Refused,
            ),
        ] {
            let error = MongoStore::connect(&uri, &options).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            for secret in ["auditor", "hunter2", "ter2"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(
                matches!(&error, SourceError::Server { failure: f, .. } if *f == failure),
                "{error:?}"
            );
        }
        let store =
            MongoStore::connect(&format!("mongodb://{at}/shop?directConnection=true"), &options).await;
        assert!(format!("{:?}", store.unwrap()).contains(&format!("mongodb://{at}/shop")));
    });
}
