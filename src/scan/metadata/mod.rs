//! What stands beside the records, compared where both sides are of one engine: indexes and options of collections, columns,
//! keys, indexes and options of tables.

mod cql;
mod mongo;

use super::layout::table;
use crate::config::SideConfig;
use crate::mapping::Compare;
use crate::report::{Metadata, MetadataDifference};
use crate::source::{Engine, Namespace, Schema};
use crate::{Pair, Side};

/// Compares what both sides of a compare say of themselves.
///
/// # Errors
/// A sentence with file, line and column for a schema that cannot be read.
pub(super) fn compare(
    compare: &Compare,
    schemas: Pair<&[Schema]>,
    namespaces: Pair<&Namespace>,
    configs: Pair<&SideConfig>,
) -> Result<Metadata, String> {
    // Where an array has become a table, nothing is the counterpart of an index or option.
    let engines = namespaces.map(|namespace| namespace.engine);
    if engines.stable != engines.candidate || compare.explode.is_some() {
        return Ok(Metadata::default());
    }
    let differences = match engines.stable {
        Engine::Mongo => both(namespaces.map(|namespace| namespace.metadata.as_deref()))
            .and_then(|metadata| mongo::compare(metadata, compare)),
        Engine::Cassandra => {
            let found = Pair::try_from_fn(|side| table(schemas[side], namespaces[side], configs[side]))?;
            both(found.as_ref().map(|(table, _)| table.as_ref())).map(|tables| cql::compare(tables, compare))
        }
        Engine::Unknown => None,
    };
    Ok(match differences {
        None => Metadata::default(),
        Some(mut differences) => {
            differences.sort_by(|a, b| a.what.cmp(&b.what));
            Metadata {
                compared: true,
                differences,
            }
        }
    })
}

fn both<T>(pair: Pair<Option<T>>) -> Option<Pair<T>> {
    Some(Pair {
        stable: pair.stable?,
        candidate: pair.candidate?,
    })
}

/// What the mapping calls a path of a side, and whether a rule names it.
fn named<'c>(compare: &'c Compare, side: Side, path: &'c str) -> (&'c str, bool) {
    let rule = compare
        .fields
        .iter()
        .find(|field| field.paths[side].as_deref() == Some(path));
    match rule {
        Some(field) => (&field.name, true),
        None => (path, false),
    }
}

/// A difference, if there is one.
fn differs(what: String, texts: Pair<Option<String>>, changes_answers: bool) -> Option<MetadataDifference> {
    (texts.stable != texts.candidate).then_some(MetadataDifference {
        what,
        stable: texts.stable,
        candidate: texts.candidate,
        changes_answers,
    })
}
