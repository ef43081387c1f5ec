//! The recorded shop, brought into live stores.

use super::fixture;
use crate::support::{Cql, Keyspace, block_on};
use mongodb::bson::RawDocumentBuf;
use std::path::Path;

/// The documents of a `.bson` file.
pub fn documents(file: &Path) -> Vec<RawDocumentBuf> {
    let bytes = std::fs::read(file).unwrap();
    let mut rest = &bytes[..];
    let mut out = Vec::new();
    while !rest.is_empty() {
        let len = i32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        out.push(RawDocumentBuf::from_bytes(rest[..len].to_vec()).unwrap());
        rest = &rest[len..];
    }
    out
}

pub async fn fill(database: &mongodb::Database, collection: &str, documents: &[RawDocumentBuf]) {
    let collection = database.collection::<RawDocumentBuf>(collection);
    for some in documents.chunks(500) {
        collection.insert_many(some).await.unwrap();
    }
}

/// The recorded orders and their items, in tables of a keyspace.
pub fn tables(keyspace: &Keyspace) {
    let name = keyspace.name();
    let schema = std::fs::read_to_string(fixture("cassandra/schema.cql")).unwrap();
    let statements = schema.split(";\n").filter(|statement| {
        [
            "CREATE TYPE shop.item ",
            "CREATE TABLE shop.orders_by_id ",
            "CREATE TABLE shop.order_items ",
        ]
        .iter()
        .any(|start| statement.contains(start))
    });
    let statements: Vec<String> = statements
        .map(|s| s[s.find("CREATE").unwrap()..].replace("shop.", &format!("{name}.")))
        .collect();
    block_on(async {
        let session = keyspace.cql().session().await.unwrap();
        for statement in &statements {
            // Options that only the recorded version knows are of no account.
            let bare = statement.split(" WITH ").next().unwrap();
            let order = statement
                .split(" WITH ")
                .nth(1)
                .filter(|w| w.starts_with("CLUSTERING"));
            let order = order.map(|w| format!(" WITH {}", w.split("\n").next().unwrap()));
            let text = format!("{bare}{}", order.unwrap_or_default());
            session.query_unpaged(text, ()).await.unwrap();
        }
        for table in ["orders_by_id", "order_items"] {
            let mut rows = csv::Reader::from_path(fixture(&format!("cassandra/{table}.csv"))).unwrap();
            let names = rows.headers().unwrap().clone();
            let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.unwrap()).collect();
            let inserts = rows.iter().map(|row| {
                let cells: Vec<String> = names
                    .iter()
                    .zip(row)
                    .map(|(name, cell)| literal(name, cell))
                    .collect();
                let names = names.iter().collect::<Vec<_>>().join(", ");
                format!(
                    "INSERT INTO {name}.{table} ({names}) VALUES ({})",
                    cells.join(", ")
                )
            });
            let inserts: Vec<String> = inserts.collect();
            run_all(&session, &inserts).await;
        }
    });
}

/// Runs statements, many at a time.
pub async fn run_all(session: &scylla::client::session::Session, statements: &[String]) {
    for some in statements.chunks(64) {
        let each = some.iter().map(|text| session.query_unpaged(text.as_str(), ()));
        for done in futures_util::future::join_all(each).await {
            done.unwrap();
        }
    }
}

/// A recorded cell as CQL writes it.
fn literal(column: &str, cell: &str) -> String {
    match column {
        _ if cell.is_empty() => "null".to_owned(),
        "items" | "total_cents" | "schema_version" | "line" | "qty" | "customer_id" => cell.to_owned(),
        _ => format!("'{}'", cell.replace('\'', "''")),
    }
}

/// The candidate's location, in a keyspace of the shared cluster, and who we are there.
pub fn candidate(cql: &Cql, keyspace: &str) -> String {
    let login = cql.login.as_ref().map_or(String::new(), |(user, _)| {
        format!("[candidate.live]\nuser = \"{user}\"\npassword = \"${{ASSAY_TEST_CQL_PASSWORD}}\"\n")
    });
    format!("location = \"cql://{}/{keyspace}\"\n{login}", cql.address)
}
