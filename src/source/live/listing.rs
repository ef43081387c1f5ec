//! What a live store holds, as it is listed.

use super::cql::LiveTable;
use super::door::{Store, table};
use super::mongo::{CollectionKind, LiveCollection};
use crate::source::{Engine, Format, Namespace, Schema, SourceError};
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
    /// Databases that cannot be listed, or not whole, and why.
    pub not_listed: Vec<(String, SourceError)>,
}

impl Listing {
    /// Of collections: of a view indexes and options are those of what it is over, and not its own.
    pub(super) fn of_collections(
        collections: &[LiveCollection],
        not_listed: Vec<(String, SourceError)>,
    ) -> Listing {
        let is_view = |c: &&LiveCollection| c.kind == CollectionKind::View;
        let (aside, own): (Vec<_>, Vec<_>) = collections.iter().partition(is_view);
        let namespace = |c: &LiveCollection, metadata: Option<String>| Namespace {
            metadata,
            identity: identity(c, collections, MOST_VIEWS),
            ..namespace(c.namespace.clone(), Format::Bson, Engine::Mongo, c.bytes)
        };
        Listing {
            namespaces: own
                .into_iter()
                .map(|c| namespace(c, c.metadata.clone()))
                .collect(),
            aside: aside.into_iter().map(|c| namespace(c, None)).collect(),
            schemas: Vec::new(),
            not_listed,
        }
    }

    /// Of tables, among them some of which no more is known than their names.
    pub(super) fn of_tables<'n>(
        tables: &[LiveTable],
        not_understood: impl Iterator<Item = &'n String>,
    ) -> Listing {
        let (aside, own): (Vec<_>, Vec<_>) = tables.iter().partition(|t| t.made_for.is_some());
        let namespace = |t: &LiveTable| {
            let table = &t.table;
            let identity = format!(
                "{} {:?} {:?} {:?}",
                t.made, table.partition_key, table.clustering, table.columns
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
            table: Some(t.name()),
            path: PathBuf::from(format!("the schema of {}", t.name())),
            text: t.ddl.clone(),
        };
        Listing {
            namespaces,
            aside: aside.into_iter().map(namespace).collect(),
            schemas: tables.iter().map(schema).collect(),
            not_listed: Vec::new(),
        }
    }

    /// The namespace of that full name, one that is left out, too.
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        let mut all = self.namespaces.iter().chain(&self.aside);
        all.find(|namespace| namespace.name == name)
    }

    /// Why the database of a namespace cannot be listed, or not whole, if so.
    pub fn unseen(&self, name: &str) -> Option<&SourceError> {
        let database = name.split_once('.').map_or(name, |(database, _)| database);
        let found = self.not_listed.iter().find(|(of, _)| of == database);
        found.map(|(_, why)| why)
    }
}

/// How many views MongoDB lets be over one another.
const MOST_VIEWS: usize = 20;

/// What tells a collection from another of its name; of a view also what it is over.
fn identity(collection: &LiveCollection, all: &[LiveCollection], views: usize) -> String {
    let own = format!(
        "{} {:?} {:?}",
        collection.kind.name(),
        collection.uuid,
        collection.collation
    );
    let Some((base, options)) = collection.over.as_ref().filter(|_| views > 0) else {
        return own;
    };
    let base = all.iter().find(|c| c.namespace == *base);
    let base = base.map_or("nothing".to_owned(), |base| identity(base, all, views - 1));
    format!("{own} {options} over {base}")
}

impl Store {
    /// Collections that nothing tells from others of their names.
    pub(super) fn without_identity(&self) -> impl Iterator<Item = &str> {
        let collections = match self {
            Store::Mongo(_, collections) => &collections[..],
            Store::Cql(..) => &[],
        };
        let unknown = collections
            .iter()
            .filter(|c| c.uuid.is_none() && c.over.is_none());
        unknown.map(|c| c.namespace.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(name: &str, uuid: &str) -> LiveCollection {
        LiveCollection {
            namespace: format!("d.{name}"),
            kind: CollectionKind::Collection,
            metadata: None,
            bytes: None,
            documents: None,
            collation: None,
            uuid: Some(uuid.to_owned()),
            over: None,
        }
    }

    fn view(name: &str, base: &str, pipeline: &str) -> LiveCollection {
        LiveCollection {
            kind: CollectionKind::View,
            uuid: None,
            over: Some((format!("d.{base}"), pipeline.to_owned())),
            ..collection(name, "")
        }
    }

    #[test]
    fn a_view_is_another_when_what_it_is_over_is() {
        let identity = |of: &[LiveCollection], name: &str| {
            let listing = Listing::of_collections(of, Vec::new());
            listing.namespace(name).unwrap().identity.clone()
        };
        let was = [collection("a", "1"), view("v", "a", "[x]"), view("w", "v", "[]")];
        let [a, v, w] = was.clone();
        for name in ["d.a", "d.v", "d.w"] {
            assert_eq!(identity(&was, name), identity(&was.clone(), name));
        }
        let made_again = [collection("a", "2"), v.clone(), w.clone()];
        let dropped = [v.clone(), w.clone()];
        let redefined = [a.clone(), view("v", "a", "[y]"), w.clone()];
        for other in [&made_again[..], &dropped, &redefined] {
            for name in ["d.v", "d.w"] {
                assert_ne!(identity(&was, name), identity(other, name), "{other:?}");
            }
        }
        // What nothing lets be must not go on for ever.
        let round = [view("v", "w", ""), view("w", "v", "")];
        assert!(!identity(&round, "d.v").is_empty());
    }
}
