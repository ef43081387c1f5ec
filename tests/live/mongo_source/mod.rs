//! MongoDB as a source, against servers that ignore half of what they accept, and a stand-in that does not.

mod bounds;
mod looks;
mod member;
mod points;
mod snapshots;
mod trouble;
mod types;

use assay::source::SourceError;
use assay::source::live::mongo::{MongoOptions, MongoProbe, MongoStore};
use assay::source::live::{Governor, Page, Range, Room};
use futures_util::StreamExt;
use futures_util::future::join;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc, spec::BinarySubtype};
use std::time::Duration;

/// The records of a page.
fn records(page: &Page) -> Vec<Vec<u8>> {
    let starts = std::iter::once(0).chain(page.ends.iter().copied());
    starts
        .zip(&page.ends)
        .map(|(start, end)| page.data[start..*end].to_vec())
        .collect()
}

async fn read(
    store: &MongoStore,
    namespace: &str,
    range: &Range,
    probe: &MongoProbe,
    governor: &Governor,
) -> Result<Vec<Vec<u8>>, SourceError> {
    let (out, mut pages) = Room::new(usize::MAX).range();
    let take = async {
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(records(&page));
        }
        all
    };
    let (done, all) = join(store.read(namespace, range, probe, governor, out), take).await;
    done.map(|()| all)
}

async fn connect(uri: &str, batch: u32) -> MongoStore {
    let options = MongoOptions {
        batch,
        connect_timeout: Duration::from_secs(5),
        ..MongoOptions::default()
    };
    MongoStore::connect(uri, &options).await.unwrap()
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    Bson::Binary(Binary {
        subtype,
        bytes: bytes.to_vec(),
    })
}

async fn insert_all(database: &mongodb::Database, name: &str, documents: Vec<Document>) -> Vec<Vec<u8>> {
    let raw: Vec<_> = documents
        .iter()
        .map(|d| RawDocumentBuf::try_from(d).unwrap())
        .collect();
    for some in raw.chunks(1000) {
        database
            .collection::<RawDocumentBuf>(name)
            .insert_many(some)
            .await
            .unwrap();
    }
    raw.into_iter().map(|d| d.as_bytes().to_vec()).collect()
}

/// What the server has, in its own order of `_id`.
async fn sorted(database: &mongodb::Database, name: &str) -> Vec<Vec<u8>> {
    let collection = database.collection::<RawDocumentBuf>(name);
    let cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    cursor.map(|d| d.unwrap().as_bytes().to_vec()).collect().await
}

fn in_any_order(mut records: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    records.sort();
    records
}

fn numbered(count: i32, padding: usize) -> Vec<Document> {
    (0..count)
        .map(|n| doc! { "_id": n, "text": "x".repeat(padding), "n": n % 10 })
        .collect()
}
