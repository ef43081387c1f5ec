//! MongoDB over encrypted connections, as the connection string asks for them.

use crate::support::{self, PrivateMongo, block_on};
use assay::source::SourceError;
use assay::source::live::mongo::{MongoOptions, MongoStore};
use mongodb::bson::doc;
use std::time::Duration;

async fn connect(uri: &str) -> Result<MongoStore, SourceError> {
    let options = MongoOptions {
        connect_timeout: Duration::from_secs(5),
        ..MongoOptions::default()
    };
    MongoStore::connect(uri, &options).await
}

#[test]
fn encrypted_connections_show_whom_they_go_to() {
    let Some(server) = PrivateMongo::encrypted() else {
        return;
    };
    let database = server.database("encrypted");
    let plain = support::uri(server.port());
    block_on(async {
        let things = database.open().await.collection("things");
        things.insert_one(doc! { "_id": 1 }).await.unwrap();
        let unverified = format!("{plain}&tls=true&tlsAllowInvalidCertificates=true");
        for uri in [server.uri(), unverified] {
            let store = connect(&uri).await.unwrap();
            let probe = store.probe(&format!("{}.things", database.name())).await;
            assert_eq!(probe.unwrap().documents, Some(1));
        }
        // Whom it is shown is not trusted.
        let error = connect(&format!("{plain}&tls=true"))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("certificate"), "{error}");
        connect(&plain).await.unwrap_err();
        let nowhere = format!("{plain}&tls=true&tlsCAFile=nowhere.pem");
        let error = connect(&nowhere).await.unwrap_err().to_string();
        assert!(
            error.contains("nowhere.pem") || error.contains("No such file"),
            "{error}"
        );
    });
}
