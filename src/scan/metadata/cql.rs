//! Columns, keys, indexes and options of tables.

use super::{differs, named};
use crate::mapping::Compare;
use crate::model::{CqlType, Order, Table, TableIndex};
use crate::report::MetadataDifference;
use crate::{Pair, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Options that are compared, with what they are where nobody says so, and whether they change answers.
const OPTIONS: [(&str, &str, bool); 2] = [
    ("default_time_to_live", "0", true),
    ("gc_grace_seconds", "864000", false),
];

/// What differs between two tables.
pub(super) fn compare(tables: Pair<&Table>, compare: &Compare) -> Vec<MetadataDifference> {
    let mut differences = columns(tables, compare);
    differences.extend(keys(tables, compare));
    differences.extend(indexes(tables, compare));
    for (name, default, changes_answers) in OPTIONS {
        let value = |table: &Table| table.options.get(name).map_or(default, String::as_str).to_owned();
        let texts = tables.map(|table| Some(value(table)));
        differences.extend(differs(format!("option {name}"), texts, changes_answers));
    }
    differences
}

/// A column that a rule of the mapping names is as somebody wants it to be.
fn columns(tables: Pair<&Table>, compare: &Compare) -> Vec<MetadataDifference> {
    let mut declared = BTreeSet::new();
    let columns = Pair::from_fn(|side| {
        let columns = tables[side].columns.iter().map(|column| {
            let (name, by_rule) = named(compare, side, &column.name);
            if by_rule {
                declared.insert(name.to_owned());
            }
            let of_partition = if column.is_static { " static" } else { "" };
            (name.to_owned(), format!("{}{of_partition}", whole(&column.ty)))
        });
        columns.collect::<BTreeMap<String, String>>()
    });
    let names: BTreeSet<&String> = columns.stable.keys().chain(columns.candidate.keys()).collect();
    let differs = |name: &String| {
        let texts = columns.as_ref().map(|columns| columns.get(name).cloned());
        differs(format!("column {name}"), texts, !declared.contains(name))
    };
    names.into_iter().filter_map(differs).collect()
}

/// A type with the fields of the user-defined types in it.
fn whole(ty: &CqlType) -> String {
    match ty {
        CqlType::Udt(udt) => {
            let fields = udt
                .fields
                .iter()
                .map(|(name, ty)| format!("{name} {}", whole(ty)));
            format!("{} {{{}}}", udt.name, fields.collect::<Vec<_>>().join(", "))
        }
        CqlType::Frozen(inner) => format!("frozen<{}>", whole(inner)),
        CqlType::List(inner) => format!("list<{}>", whole(inner)),
        CqlType::Set(inner) => format!("set<{}>", whole(inner)),
        CqlType::Vector(inner, size) => format!("vector<{}, {size}>", whole(inner)),
        CqlType::Map(key, value) => format!("map<{}, {}>", whole(key), whole(value)),
        CqlType::Tuple(types) => {
            let types: Vec<String> = types.iter().map(whole).collect();
            format!("tuple<{}>", types.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// The primary key, and the order within a partition. Where the mapping says the key of a compare, tables may have others.
fn keys(tables: Pair<&Table>, compare: &Compare) -> Option<MetadataDifference> {
    let name = |side: Side, name: &str| named(compare, side, name).0.to_owned();
    let names = Pair::from_fn(|side| {
        let table = tables[side];
        let partition = table.partition_key.iter().map(|column| name(side, column));
        let clustering = table.clustering.iter().map(|(column, _)| name(side, column));
        let partition = format!("({})", partition.collect::<Vec<_>>().join(", "));
        let parts: Vec<String> = std::iter::once(partition).chain(clustering).collect();
        Some(format!("({})", parts.join(", ")))
    });
    if let Some(keys) = differs("primary key".into(), names, compare.key.is_empty()) {
        return Some(keys);
    }
    let orders = Pair::from_fn(|side| {
        let order = |(column, order): &(String, Order)| {
            let word = match order {
                Order::Asc => "ASC",
                Order::Desc => "DESC",
            };
            format!("{} {word}", name(side, column))
        };
        let orders: Vec<String> = tables[side].clustering.iter().map(order).collect();
        Some(orders.join(", "))
    });
    differs("clustering order".into(), orders, true)
}

/// Without an index a query is refused, and an index of another make finds other rows.
fn indexes(tables: Pair<&Table>, compare: &Compare) -> Vec<MetadataDifference> {
    let indexes = Pair::from_fn(|side| {
        let index = |index: &TableIndex| (named(compare, side, &index.target).0.to_owned(), made(index));
        let mut all = BTreeMap::<String, BTreeSet<String>>::new();
        for (target, made) in tables[side].indexes.iter().map(index) {
            all.entry(target).or_default().insert(made);
        }
        all
    });
    let targets: BTreeSet<&String> = indexes.stable.keys().chain(indexes.candidate.keys()).collect();
    let differs = |target: &String| {
        let texts = indexes.as_ref().map(|indexes| {
            let made = indexes.get(target)?;
            Some(made.iter().cloned().collect::<Vec<_>>().join("; "))
        });
        differs(format!("index on {target}"), texts, true)
    };
    targets.into_iter().filter_map(differs).collect()
}

/// What an index is made by.
fn made(index: &TableIndex) -> String {
    let class = match index.class.as_deref() {
        None => "secondary index",
        Some("sai") => "StorageAttachedIndex",
        Some(class) => class,
    };
    format!("{class} {}", index.options).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Schema;

    fn found(stable: &str, candidate: &str, key: &[&str]) -> Vec<(String, bool)> {
        let table = |text: &str| Schema::parse(text).unwrap().tables()[0].clone();
        let (stable, candidate) = (table(stable), table(candidate));
        let key = key.iter().map(|k| (*k).to_owned()).collect();
        let tables = Pair {
            stable: &stable,
            candidate: &candidate,
        };
        let found = super::compare(tables, &Compare::plain("c".into(), Pair::default(), key));
        found.into_iter().map(|d| (d.what, d.changes_answers)).collect()
    }

    const TABLE: &str = "CREATE TYPE k.item (sku text); CREATE TABLE k.t (a int, b int, v text, i frozen<item>, PRIMARY KEY (a, b)) \
                         WITH CLUSTERING ORDER BY (b DESC) AND comment = 'and; so' AND default_time_to_live = 0 AND caching = {'keys': 'ALL'};";

    #[test]
    fn the_same_table_does_not_differ_whatever_is_said_of_its_storage() {
        let bare = TABLE.split(" AND ").next().unwrap().to_owned() + ";";
        assert_eq!(found(TABLE, &bare, &[]), []);
        let index = |made: &str| format!("{TABLE} CREATE {made} ON k.t (v)");
        let sai = index("CUSTOM INDEX x")
            + " USING 'StorageAttachedIndex' WITH OPTIONS = {'case_sensitive': 'false'};";
        let long = sai.replace("'Storage", "'org.apache.cassandra.index.sai.Storage");
        assert_eq!(found(&sai, &long, &[]), []);
        assert_eq!(found(&index("INDEX a"), &index("INDEX IF NOT EXISTS b"), &[]), []);
    }

    #[test]
    fn every_difference_is_named_and_weighed() {
        for (from, to, what, answers) in [
            ("v text", "v ascii", "column v", true),
            ("v text", "v text static", "column v", true),
            ("(sku text)", "(sku ascii)", "column i", true),
            ("v text", "v text, w int", "column w", true),
            ("b DESC", "b ASC", "clustering order", true),
            ("PRIMARY KEY (a, b)", "PRIMARY KEY ((a), b)", "", true),
            ("to_live = 0", "to_live = 60", "option default_time_to_live", true),
            (
                "caching = {'keys': 'ALL'}",
                "gc_grace_seconds = 0",
                "option gc_grace_seconds",
                false,
            ),
            ("'ALL'};", "'ALL'}; CREATE INDEX ON k.t (v);", "index on v", true),
            (
                "'ALL'};",
                "'ALL'}; CREATE INDEX x ON k.t (values(i));",
                "index on values(i)",
                true,
            ),
        ] {
            let expected = match what {
                "" => Vec::new(),
                what => vec![(what.to_owned(), answers)],
            };
            assert_eq!(found(TABLE, &TABLE.replace(from, to), &[]), expected, "{to}");
            assert_eq!(found(&TABLE.replace(from, to), TABLE, &[]), expected, "{to}");
        }
        let other = TABLE
            .replace("PRIMARY KEY (a, b)", "PRIMARY KEY (b)")
            .replace("CLUSTERING ORDER BY (b DESC)", "cdc = true");
        assert_eq!(found(TABLE, &other, &[]), [("primary key".to_owned(), true)]);
        assert_eq!(
            found(TABLE, &other, &["a", "b"]),
            [("primary key".to_owned(), false)]
        );
    }
}
