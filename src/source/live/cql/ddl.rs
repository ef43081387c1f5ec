//! Tables and types as CQL, from the rows of `system_schema`.

use super::catalog::quoted;
use super::system::literal;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A row of `system_schema.columns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ColumnRow {
    pub name: String,
    /// `asc`, `desc` or `none`.
    pub order: String,
    /// `partition_key`, `clustering`, `static` or `regular`.
    pub kind: String,
    /// The place in the partition key or among the clustering columns.
    pub position: i32,
    /// The type, as CQL.
    pub ty: String,
}

/// An index's name, and its options.
pub(super) type IndexRow = (String, BTreeMap<String, String>);

/// What a table has besides its columns.
#[derive(Debug, Default)]
pub(super) struct More<'a> {
    /// Default time to live and grace of deletions, in seconds.
    pub options: Option<(i32, i32)>,
    /// Its secondary indexes.
    pub indexes: &'a [IndexRow],
    /// Whether it is one of [`is_static_compact`].
    pub static_compact: bool,
}

/// Whether a table was made with compact storage and without clustering columns, by its flags in `system_schema.tables`.
/// It is kept as a table of static columns, beside a clustering column and a value that nobody can ask for.
pub(super) fn is_static_compact(flags: &BTreeSet<String>) -> bool {
    ["compound", "dense", "super"]
        .iter()
        .all(|flag| !flags.contains(*flag))
}

impl ColumnRow {
    /// Key columns first, as they stand in the key, then the others by name: the order of `DESCRIBE` and of `SELECT *`.
    fn rank(&self) -> (u8, i32, &str) {
        match self.kind.as_str() {
            "partition_key" => (0, self.position, ""),
            "clustering" => (1, self.position, ""),
            _ => (2, 0, &self.name),
        }
    }
}

/// `CREATE TYPE`.
pub(super) fn user_type(keyspace: &str, name: &str, fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, ty)| format!("    {} {ty}", name_of(name)))
        .collect();
    format!(
        "CREATE TYPE {}.{} (\n{}\n);\n",
        name_of(keyspace),
        name_of(name),
        fields.join(",\n")
    )
}

/// `CREATE TABLE`. A materialised view is written as the table that it is to its readers.
pub(super) fn table(keyspace: &str, name: &str, mut columns: Vec<ColumnRow>, more: &More<'_>) -> String {
    // What compact storage shows of a table without values.
    columns.retain(|c| c.ty != "empty");
    if more.static_compact {
        columns.retain(|c| c.kind == "partition_key" || c.kind == "static");
        let real = columns.iter_mut().filter(|c| c.kind == "static");
        real.for_each(|c| c.kind = "regular".to_owned());
    }
    columns.sort_by(|a, b| a.rank().cmp(&b.rank()));
    let mut text = format!("CREATE TABLE {}.{} (\n", name_of(keyspace), name_of(name));
    for column in columns.iter() {
        let is_static = if column.kind == "static" { " static" } else { "" };
        let _ = writeln!(text, "    {} {}{is_static},", name_of(&column.name), column.ty);
    }
    let of = |kind: &str| {
        let of_kind = columns.iter().filter(|c| c.kind == kind);
        of_kind.map(|c| name_of(&c.name)).collect::<Vec<_>>()
    };
    let (partition, clustering) = (of("partition_key"), of("clustering"));
    let _ = write!(text, "    PRIMARY KEY (({})", partition.join(", "));
    clustering.iter().for_each(|name| {
        let _ = write!(text, ", {name}");
    });
    text.push_str(")\n)");
    let orders = columns.iter().filter(|c| c.kind == "clustering");
    let orders: Vec<String> = orders
        .map(|c| format!("{} {}", name_of(&c.name), c.order.to_uppercase()))
        .collect();
    let mut options = Vec::new();
    if !orders.is_empty() {
        options.push(format!("CLUSTERING ORDER BY ({})", orders.join(", ")));
    }
    if let Some((ttl, grace)) = more.options {
        options.push(format!("default_time_to_live = {ttl}"));
        options.push(format!("gc_grace_seconds = {grace}"));
    }
    if !options.is_empty() {
        let _ = write!(text, " WITH {}", options.join("\n    AND "));
    }
    text.push_str(";\n");
    for row in more.indexes {
        text.push_str(&index(keyspace, name, row));
    }
    text
}

/// `CREATE INDEX`.
fn index(keyspace: &str, table: &str, (name, options): &IndexRow) -> String {
    let target = options.get("target").map_or("", String::as_str);
    let on = format!(
        "{} ON {}.{} ({target})",
        name_of(name),
        name_of(keyspace),
        name_of(table)
    );
    let Some(class) = options.get("class_name") else {
        return format!("CREATE INDEX {on};\n");
    };
    let own = ["target", "class_name"];
    let options = options.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let options = options.map(|(name, value)| format!("{}: {}", literal(name), literal(value)));
    let options = match options.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        some => format!(" WITH OPTIONS = {{{some}}}"),
    };
    format!("CREATE CUSTOM INDEX {on} USING {}{options};\n", literal(class))
}

/// A name in quotes, unless it is a plain word that means nothing in CQL.
fn name_of(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !RESERVED.contains(&name);
    if plain { name.to_owned() } else { quoted(name) }
}

/// Words that cannot be names without quotes, and those that a reader of `CREATE TABLE` could take for something else.
const RESERVED: &[&str] = &[
    "add",
    "allow",
    "alter",
    "and",
    "apply",
    "asc",
    "authorize",
    "batch",
    "begin",
    "by",
    "columnfamily",
    "create",
    "default",
    "delete",
    "desc",
    "describe",
    "drop",
    "entries",
    "execute",
    "from",
    "full",
    "grant",
    "if",
    "in",
    "index",
    "infinity",
    "insert",
    "into",
    "is",
    "keyspace",
    "limit",
    "materialized",
    "mbean",
    "mbeans",
    "modify",
    "nan",
    "norecursive",
    "not",
    "null",
    "of",
    "on",
    "or",
    "order",
    "primary",
    "rename",
    "replace",
    "revoke",
    "schema",
    "select",
    "set",
    "static",
    "table",
    "to",
    "token",
    "truncate",
    "unlogged",
    "unset",
    "update",
    "use",
    "using",
    "view",
    "where",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Schema;

    fn column(name: &str, kind: &str, position: i32, ty: &str) -> ColumnRow {
        ColumnRow {
            name: name.into(),
            order: if kind == "clustering" { "desc" } else { "none" }.into(),
            kind: kind.into(),
            position,
            ty: ty.into(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let columns = vec![
            column("v", "regular", -1, "frozen<\"Pl ace\">"),
            column("primary", "regular", -1, "map<text, frozen<list<int>>>"),
            column("", "regular", -1, "empty"),
            column("Weird \"name\"", "clustering", 1, "int"),
            column("static", "static", -1, "vector<float, 3>"),
            column("c", "clustering", 0, "date"),
            column("b", "partition_key", 1, "uuid"),
            column("text", "partition_key", 0, "text"),
        ];
        let ty = user_type(
            "k",
            "Pl ace",
            &[("city".into(), "text".into()), ("order".into(), "int".into())],
        );
        let sai = [
            ("target", "\"Weird \"\"name\"\"\""),
            ("class_name", "sai"),
            ("similarity", "it's"),
        ];
        let sai = sai.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let plain = [("target".to_owned(), "values(primary)".to_owned())];
        let indexes = [("x".to_owned(), sai.into()), ("Y".to_owned(), plain.into())];
        let more = More {
            options: Some((60, 5)),
            indexes: &indexes,
            static_compact: false,
        };
        let text = format!("{ty}\n{}", table("k", "T", columns, &more));
        let schema = Schema::parse(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let table = schema.table(Some("k"), "T").unwrap();
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(
            names,
            ["text", "b", "c", "Weird \"name\"", "primary", "static", "v"]
        );
        assert_eq!(table.partition_key, ["text", "b"]);
        assert_eq!(
            table.clustering.iter().map(|c| &c.0[..]).collect::<Vec<_>>(),
            ["c", "Weird \"name\""]
        );
        assert!(table.clustering.iter().all(|c| c.1 == crate::model::Order::Desc));
        assert_eq!(table.options["default_time_to_live"], "60");
        assert_eq!(table.options["gc_grace_seconds"], "5");
        let made: Vec<_> = table
            .indexes
            .iter()
            .map(|i| (&*i.name, &*i.target, &*i.options))
            .collect();
        let target = "\"Weird \"\"name\"\"\"";
        assert_eq!(
            made,
            [
                ("x", target, "{'similarity':'it''s'}"),
                ("Y", "values(primary)", "")
            ]
        );
        assert!(table.column("static").unwrap().is_static && !table.column("v").unwrap().is_static);
    }

    #[test]
    fn what_compact_storage_hides_is_not_shown() {
        let flags = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
        assert!(is_static_compact(&flags(&[])) && is_static_compact(&flags(&["counter"])));
        for other in ["compound", "dense", "super"] {
            assert!(!is_static_compact(&flags(&[other])), "{other}");
        }
        let columns = vec![
            column("b", "static", -1, "text"),
            column("column1", "clustering", 0, "text"),
            column("a", "static", -1, "int"),
            column("id", "partition_key", 0, "int"),
            column("value", "regular", -1, "blob"),
        ];
        let more = More {
            static_compact: true,
            ..More::default()
        };
        let text = table("k", "t", columns, &more);
        let expected =
            "CREATE TABLE k.t (\n    id int,\n    a int,\n    b text,\n    PRIMARY KEY ((id))\n);\n";
        assert_eq!(text, expected);
    }
}
