//! What a live store holds, as it is listed.

use super::door::{Store, table};
use super::mongo::{CollectionKind, LiveCollection};
use crate::source::{Engine, Format, Namespace, Schema};
use std::path::PathBuf;

impl Store {
    /// Its tables or collections: those that hold something of their own, or those that are left aside.
    pub(super) fn namespaces(&self, aside: bool) -> Vec<Namespace> {
        match self {
            Store::Mongo(_, collections) => {
                let is_view = |c: &LiveCollection| c.kind == CollectionKind::View;
                let wanted = collections.iter().filter(|c| is_view(c) == aside);
                wanted
                    .map(|c| {
                        // Indexes and options of a view are those of what it is over.
                        let metadata = c.metadata.clone().filter(|_| !aside);
                        namespace(
                            c.namespace.clone(),
                            Format::Bson,
                            Engine::Mongo,
                            c.bytes,
                            metadata,
                        )
                    })
                    .collect()
            }
            Store::Cql(_, tables) => {
                let wanted = tables.iter().filter(|t| t.made_for.is_some() == aside);
                wanted.map(|t| table_of(t.name(), t.estimated_bytes)).collect()
            }
        }
    }

    /// Why something is left aside.
    pub(super) fn why_aside(&self, name: &str) -> String {
        let made_for = match self {
            Store::Mongo(..) => None,
            Store::Cql(_, tables) => table(tables, name).made_for.as_ref(),
        };
        match made_for {
            Some(what) => format!("ScyllaDB keeps {what} in it"),
            None => "a view has no documents of its own".to_owned(),
        }
    }

    pub(super) fn schemas(&self) -> Vec<Schema> {
        match self {
            Store::Mongo(..) => Vec::new(),
            Store::Cql(_, tables) => tables
                .iter()
                .map(|t| Schema {
                    path: PathBuf::from(format!("the schema of {}", t.name())),
                    text: t.ddl.clone(),
                })
                .collect(),
        }
    }
}

fn namespace(
    name: String,
    format: Format,
    engine: Engine,
    bytes: Option<u64>,
    metadata: Option<String>,
) -> Namespace {
    Namespace {
        name,
        format,
        engine,
        parts: Vec::new(),
        stored_bytes: bytes.unwrap_or_default(),
        seekable: false,
        metadata,
    }
}

/// A table by its name.
pub(super) fn table_of(name: String, bytes: Option<u64>) -> Namespace {
    namespace(name, Format::Native, Engine::Cassandra, bytes, None)
}
