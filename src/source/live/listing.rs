//! What a live store holds, as it is listed.

use super::cql::LiveTable;
use super::door::{Store, table};
use super::mongo::{CollectionKind, LiveCollection};
use crate::source::{Engine, Format, Namespace, Schema};
use std::path::PathBuf;

/// What a live store holds at a moment.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What can be compared, in order of name. What holds nothing of its own is left out: views of MongoDB, and what
    /// ScyllaDB keeps beside a table.
    pub namespaces: Vec<Namespace>,
    /// What is left out, and read only if a compare names it.
    pub aside: Vec<Namespace>,
    /// The schemas of its tables, as CQL.
    pub schemas: Vec<Schema>,
}

impl Listing {
    /// Of collections: of a view indexes and options are those of what it is over, and not its own.
    pub(super) fn of_collections(collections: &[LiveCollection]) -> Listing {
        let is_view = |c: &&LiveCollection| c.kind == CollectionKind::View;
        let (aside, own): (Vec<_>, Vec<_>) = collections.iter().partition(is_view);
        let namespace = |c: &LiveCollection, metadata: Option<String>| Namespace {
            metadata,
            identity: format!("{} {:?} {:?}", c.kind.name(), c.uuid, c.collation),
            ..namespace(c.namespace.clone(), Format::Bson, Engine::Mongo, c.bytes)
        };
        Listing {
            namespaces: own
                .into_iter()
                .map(|c| namespace(c, c.metadata.clone()))
                .collect(),
            aside: aside.into_iter().map(|c| namespace(c, None)).collect(),
            schemas: Vec::new(),
        }
    }

    /// Of tables, among them some of which no more is known than their names.
    pub(super) fn of_tables<'n>(
        tables: &[LiveTable],
        not_understood: impl Iterator<Item = &'n String>,
    ) -> Listing {
        let (aside, own): (Vec<_>, Vec<_>) = tables.iter().partition(|t| t.made_for.is_some());
        let namespace = |t: &LiveTable| {
            let (id, made) = (&t.id, &t.table);
            let identity = format!(
                "{id:?} {:?} {:?} {:?}",
                made.partition_key, made.clustering, made.columns
            );
            Namespace {
                identity: blake3::hash(identity.as_bytes()).to_hex().to_string(),
                ..table_of(t.name(), t.estimated_bytes)
            }
        };
        let mut namespaces: Vec<Namespace> = own.into_iter().map(namespace).collect();
        namespaces.extend(not_understood.map(|name| table_of(name.clone(), None)));
        namespaces.sort_by(|a, b| a.name.cmp(&b.name));
        let schema = |t: &LiveTable| Schema {
            path: PathBuf::from(format!("the schema of {}", t.name())),
            text: t.ddl.clone(),
        };
        Listing {
            namespaces,
            aside: aside.into_iter().map(namespace).collect(),
            schemas: tables.iter().map(schema).collect(),
        }
    }

    /// The namespace of that full name, one that is left out, too.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        let mut all = self.namespaces.iter().chain(&self.aside);
        all.find(|namespace| namespace.name == name)
    }
}

impl Store {
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
}

fn namespace(name: String, format: Format, engine: Engine, bytes: Option<u64>) -> Namespace {
    Namespace {
        name,
        format,
        engine,
        parts: Vec::new(),
        stored_bytes: bytes.unwrap_or_default(),
        seekable: false,
        metadata: None,
        identity: String::new(),
    }
}

/// A table by its name.
fn table_of(name: String, bytes: Option<u64>) -> Namespace {
    namespace(name, Format::Native, Engine::Cassandra, bytes)
}
