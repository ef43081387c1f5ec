//! Tables are read live as they are: every type, every row once, single rows by key, and failures that say what they are.

use crate::support::{self, Cql, Keyspace, block_on, cluster};
use assay::canon::{Encoder, Equality, FieldOrder, Layout, NativeRow, Numbers, Raw, RawRecord};
use assay::model::{Number, NumberType, Value};
use assay::source::SourceError;
use assay::source::live::Secret;
use assay::source::live::cql::{CqlOptions, CqlStore, LiveTable};
use assay::source::live::{Governor, KeyPart, Limits, Page, Range, Room};
use scylla::client::session::Session;
use std::collections::{BTreeMap, BTreeSet};

mod rows;
mod trouble;
mod types;

/// Canonical bytes by column.
type Fields = BTreeMap<String, Vec<u8>>;

fn typed() -> Equality {
    Equality {
        numbers: Numbers::Typed,
        field_order: FieldOrder::Exact,
        ..Equality::default()
    }
}

fn canonical(raw: Raw<'_>) -> Vec<u8> {
    let mut out = Encoder::new(typed());
    raw.encode(&mut out).unwrap();
    out.bytes().to_vec()
}

fn options(cql: &Cql) -> CqlOptions {
    CqlOptions {
        login: cql
            .login
            .clone()
            .map(|(user, password)| (user, Secret::new(password))),
        ..CqlOptions::default()
    }
}

async fn connect(keyspace: &Keyspace, options: &CqlOptions) -> CqlStore {
    let location = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
    CqlStore::connect(&location, options).await.unwrap()
}

async fn run(session: &Session, statement: &str) {
    let done = session.query_unpaged(statement, ()).await;
    done.unwrap_or_else(|e| panic!("{statement}: {e}"));
}

/// A session that uses the keyspace.
async fn session(keyspace: &Keyspace) -> Session {
    let session = keyspace.cql().session().await.unwrap();
    session.use_keyspace(keyspace.name(), true).await.unwrap();
    session
}

async fn table(store: &CqlStore, name: &str) -> LiveTable {
    let tables = store.catalog().await.unwrap().tables;
    tables.into_iter().find(|t| t.table.name == name).unwrap()
}

fn records(page: &Page) -> Vec<Vec<u8>> {
    let starts = [0].into_iter().chain(page.ends.iter().copied());
    starts
        .zip(&page.ends)
        .map(|(from, &to)| page.data[from..to].to_vec())
        .collect()
}

/// The pages of a range.
async fn pages(store: &CqlStore, table: &LiveTable, range: &Range) -> Result<Vec<Page>, SourceError> {
    pages_within(Limits::default(), store, table, range).await
}

/// The same, within limits.
async fn pages_within(
    limits: Limits,
    store: &CqlStore,
    table: &LiveTable,
    range: &Range,
) -> Result<Vec<Page>, SourceError> {
    let governor = Governor::new(limits);
    let (out, mut sent) = Room::new(usize::MAX).range();
    let mut pages = Vec::new();
    let collect = async {
        while let Some(page) = sent.next().await {
            assert!(!page.ends.is_empty());
            pages.push(page);
        }
    };
    tokio::join!(store.read(table, range, &governor, out), collect).0?;
    Ok(pages)
}

/// The rows of a range.
async fn read(store: &CqlStore, table: &LiveTable, range: &Range) -> Result<Vec<Vec<u8>>, SourceError> {
    let pages = pages(store, table, range).await?;
    Ok(pages.iter().flat_map(records).collect())
}

/// The rows of all ranges.
async fn read_all(store: &CqlStore, table: &LiveTable, wanted: usize) -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for range in store.ranges(table, wanted).await.unwrap() {
        rows.extend(read(store, table, &range).await.unwrap());
    }
    rows
}

fn cells(table: &LiveTable, record: &[u8]) -> Fields {
    let layout = Layout::native(&table.table);
    let row = RawRecord::Native(NativeRow {
        layout: &layout,
        record,
    });
    let mut cells = BTreeMap::new();
    row.walk_names(|name, value| {
        cells.insert(String::from_utf8(name.to_vec()).unwrap(), canonical(value));
        Ok(true)
    })
    .unwrap();
    cells
}

fn key(parts: &[(&str, Value)]) -> Vec<KeyPart> {
    let part = |(path, value): &(&str, Value)| KeyPart {
        path: (*path).into(),
        value: value.clone(),
    };
    parts.iter().map(part).collect()
}

fn int(value: i64) -> Value {
    Value::Number(Number::int(value, NumberType::Untyped))
}
