//! The tables of a cluster.

use super::CqlStore;
use super::ddl::{self, ColumnRow};
use super::made::made_for;
use super::system::literal;
use crate::model::{CqlType, Schema, Table};
use crate::source::{Failure, SourceError};
use futures_util::future::{join, try_join, try_join5};
use scylla::value::CqlValue;
use std::collections::{BTreeMap, BTreeSet};

/// What kind of table it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// A table.
    Table,
    /// A materialised view of the table of this name, kept by the server.
    View(String),
}

/// A table that can be read.
#[derive(Clone, Debug)]
pub struct LiveTable {
    /// Its columns and its key.
    pub table: Table,
    /// `CREATE TYPE` for the types of its keyspace, and `CREATE TABLE`, which a view has too.
    pub ddl: String,
    /// What kind of table it is.
    pub kind: TableKind,
    /// What ScyllaDB keeps in it, if it has made it itself.
    pub made_for: Option<String>,
    /// About how many bytes of one replica it takes; unknown until the server has counted, minutes after it was written.
    pub estimated_bytes: Option<u64>,
    /// What tells it from another of its name and columns: the id that the server gave it when it was made, of a view also
    /// what it is of, and the columns that were dropped from it, with the times of that.
    pub made: String,
}

/// What there is to read.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Tables and materialised views, in the order of their names.
    pub tables: Vec<LiveTable>,
    /// The names of tables whose schema is not understood, and why.
    pub not_understood: Vec<(String, SourceError)>,
}

impl LiveTable {
    /// `keyspace.table`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table.keyspace, self.table.name)
    }

    /// `SELECT` of all columns, in the order of the table's.
    pub(super) fn select(&self) -> String {
        let columns: Vec<String> = self.table.columns.iter().map(|c| quoted(&c.name)).collect();
        self.select_of(&columns)
    }

    /// `SELECT` of what is named, as it is to stand in the statement.
    pub(super) fn select_of(&self, columns: &[String]) -> String {
        let (keyspace, name) = (quoted(&self.table.keyspace), quoted(&self.table.name));
        format!("SELECT {} FROM {keyspace}.{name}", columns.join(", "))
    }

    /// Names and types of the primary key's columns.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = (&str, &CqlType)> {
        let clustering = self.table.clustering.iter().map(|(name, _)| name);
        let names = self.table.partition_key.iter().chain(clustering);
        names
            .filter_map(|name| self.table.column(name))
            .map(|c| (c.name.as_str(), &c.ty))
    }
}

/// A name in quotes: as it stands, whatever it holds.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What a table is made with.
#[derive(Clone, Debug, Default)]
struct Options {
    /// Seconds after which rows expire by default, and those for which deletions are remembered.
    times: Option<(i32, i32)>,
    /// See [`ddl::is_static_compact`].
    static_compact: bool,
    /// See [`LiveTable::made`].
    id: Option<String>,
}

/// A materialised view.
#[derive(Clone, Debug)]
struct View {
    /// The table that it is of.
    base: String,
    /// See [`LiveTable::made`].
    made: String,
}

type Named<T> = BTreeMap<(String, String), T>;

impl CqlStore {
    /// The tables and materialised views of the keyspace that the location names, else of all keyspaces but the server's own.
    ///
    /// # Errors
    /// A keyspace that does not exist, or a server that refuses or fails for good.
    pub async fn catalog(&self) -> Result<Catalog, SourceError> {
        let keyspaces = self.keyspaces().await?;
        if let Some(name) = self.keyspace.as_ref().filter(|name| !keyspaces.contains(name)) {
            return Err(SourceError::Namespace {
                location: self.location.clone(),
                name: name.clone(),
                problem: "there is no keyspace".into(),
                advice: format!("there are: {}", keyspaces.join(", ")),
            });
        }
        let (catalog, sizes) = join(self.listed_tables(&keyspaces), self.sizes()).await;
        let mut catalog = catalog?;
        // Somebody may have made or dropped a type or a table between one question and the next.
        if !catalog.not_understood.is_empty() {
            catalog = self.listed_tables(&keyspaces).await?;
        }
        for table in &mut catalog.tables {
            let key = (table.table.keyspace.clone(), table.table.name.clone());
            table.estimated_bytes = sizes.as_ref().and_then(|sizes| sizes.get(&key).copied());
        }
        Ok(catalog)
    }

    /// The tables and views of some keyspaces; nothing is known of their sizes.
    async fn listed_tables(&self, keyspaces: &[String]) -> Result<Catalog, SourceError> {
        let (types, views, mut columns_of, options, (indexes, dropped)) = try_join5(
            self.types(),
            self.views(),
            self.columns(),
            self.options(),
            try_join(self.indexes(), self.dropped_columns()),
        )
        .await?;
        columns_of.retain(|(keyspace, _), _| keyspaces.contains(keyspace));
        let indexes_of = |key: &(String, String)| indexes.get(key).map_or(&[][..], Vec::as_slice);
        let mut catalog = Catalog::default();
        for (key, columns) in &columns_of {
            let (keyspace, name) = key;
            let beside = |name: &str| (keyspace.clone(), name.to_owned());
            let view = views.get(key);
            let base = view.map(|view| &view.base);
            let types = types.get(keyspace).map_or("", String::as_str);
            let options = options.get(key).cloned().unwrap_or_default();
            let more = ddl::More {
                options: options.times,
                indexes: indexes_of(key),
                static_compact: options.static_compact,
            };
            let ddl = format!("{types}{}", ddl::table(keyspace, name, columns.clone(), &more));
            match self.understood(key, &ddl) {
                Err(error) => catalog.not_understood.push((format!("{keyspace}.{name}"), error)),
                Ok(table) => catalog.tables.push(LiveTable {
                    table,
                    ddl,
                    kind: base.map_or(TableKind::Table, |base| TableKind::View(base.clone())),
                    made_for: self
                        .scylla
                        .then(|| {
                            let base = base.map(|base| (base.as_str(), indexes_of(&beside(base))));
                            made_for(keyspace, name, columns, base, |name| {
                                columns_of.contains_key(&beside(name))
                            })
                        })
                        .flatten(),
                    estimated_bytes: None,
                    made: format!(
                        "{:?} {:?} {:?}",
                        options.id,
                        view.map(|view| &view.made),
                        dropped.get(key)
                    ),
                }),
            }
        }
        Ok(catalog)
    }

    /// A table as its DDL says it is.
    fn understood(&self, (keyspace, name): &(String, String), ddl: &str) -> Result<Table, SourceError> {
        let not_understood = |problem| SourceError::Server {
            location: self.location.clone(),
            action: format!("read the schema of {keyspace}.{name}"),
            problem,
            advice: "leave the table out, or export it and compare the files".to_owned(),
            failure: Failure::Refused,
        };
        let schema = Schema::parse(ddl).map_err(|e| not_understood(e.to_string()))?;
        let table = schema.table(Some(keyspace), name).cloned();
        table.ok_or_else(|| not_understood("the table is not in its own schema".into()))
    }

    /// The keyspaces in question.
    async fn keyspaces(&self) -> Result<Vec<String>, SourceError> {
        let rows: Vec<(String,)> = self
            .system("SELECT keyspace_name FROM system_schema.keyspaces")
            .await?;
        let wanted = |name: &String| match &self.keyspace {
            Some(only) => name == only,
            None => name != "system" && !name.starts_with("system_"),
        };
        let mut names: Vec<String> = rows.into_iter().map(|(name,)| name).filter(wanted).collect();
        names.sort();
        Ok(names)
    }

    /// `CREATE TYPE`s by keyspace.
    async fn types(&self) -> Result<BTreeMap<String, String>, SourceError> {
        type Row = (String, String, Vec<String>, Vec<String>);
        let text = "SELECT keyspace_name, type_name, field_names, field_types FROM system_schema.types";
        let mut types: BTreeMap<String, String> = BTreeMap::new();
        for (keyspace, name, names, kinds) in self.system::<Row>(text).await? {
            let fields: Vec<_> = names.into_iter().zip(kinds).collect();
            let text = ddl::user_type(&keyspace, &name, &fields);
            types.entry(keyspace).or_default().push_str(&(text + "\n"));
        }
        Ok(types)
    }

    async fn columns(&self) -> Result<Named<Vec<ColumnRow>>, SourceError> {
        type Row = (String, String, String, String, String, i32, String);
        let text = "SELECT keyspace_name, table_name, column_name, clustering_order, kind, position, type \
                    FROM system_schema.columns";
        let mut columns: Named<Vec<ColumnRow>> = BTreeMap::new();
        for (keyspace, table, name, order, kind, position, ty) in self.system::<Row>(text).await? {
            let row = ColumnRow {
                name,
                order,
                kind,
                position,
                ty,
            };
            columns.entry((keyspace, table)).or_default().push(row);
        }
        Ok(columns)
    }

    /// What tables are made with. Views have no options of their own.
    async fn options(&self) -> Result<Named<Options>, SourceError> {
        type Row = (
            String,
            String,
            Option<i32>,
            Option<i32>,
            Option<BTreeSet<String>>,
            Option<CqlValue>,
        );
        let text = "SELECT keyspace_name, table_name, default_time_to_live, gc_grace_seconds, flags, id \
                    FROM system_schema.tables";
        let rows = self.system::<Row>(text).await?.into_iter();
        Ok(rows
            .map(|(keyspace, table, ttl, grace, flags, id)| {
                let options = Options {
                    times: ttl.zip(grace),
                    static_compact: flags.is_some_and(|flags| ddl::is_static_compact(&flags)),
                    id: id.and_then(|id| Some(id.as_uuid()?.to_string())),
                };
                ((keyspace, table), options)
            })
            .collect())
    }

    /// Secondary indexes: the name of each, and its options, among them its class and what it indexes.
    async fn indexes(&self) -> Result<Named<Vec<ddl::IndexRow>>, SourceError> {
        type Row = (String, String, String, BTreeMap<String, String>);
        let text = "SELECT keyspace_name, table_name, index_name, options FROM system_schema.indexes";
        let mut indexes: Named<Vec<ddl::IndexRow>> = BTreeMap::new();
        for (keyspace, table, name, options) in self.system::<Row>(text).await? {
            indexes
                .entry((keyspace, table))
                .or_default()
                .push((name, options));
        }
        Ok(indexes)
    }

    /// Views.
    async fn views(&self) -> Result<Named<View>, SourceError> {
        type Row = (String, String, String, Option<CqlValue>, Option<String>);
        let text =
            "SELECT keyspace_name, view_name, base_table_name, id, where_clause FROM system_schema.views";
        let rows = self.system::<Row>(text).await?.into_iter();
        let view = |(keyspace, view, base, id, wherein): Row| {
            let made = format!("{id:?} {wherein:?}");
            ((keyspace, view), View { base, made })
        };
        Ok(rows.map(view).collect())
    }

    /// Columns that tables had once, and when they were dropped: one that was made again has lost its values.
    async fn dropped_columns(&self) -> Result<Named<Vec<String>>, SourceError> {
        type Row = (String, String, String, Option<CqlValue>);
        let text =
            "SELECT keyspace_name, table_name, column_name, dropped_time FROM system_schema.dropped_columns";
        let mut dropped: Named<Vec<String>> = BTreeMap::new();
        for (keyspace, table, column, at) in self.system::<Row>(text).await? {
            let of_table = dropped.entry((keyspace, table)).or_default();
            of_table.push(format!("{column} {at:?}"));
        }
        Ok(dropped)
    }

    /// Bytes of one replica of each table: every node knows of the ranges that it is the first to own. Nodes that are not
    /// asked, or do not say, are taken to hold as much as the others. None where no node says.
    async fn sizes(&self) -> Option<Named<u64>> {
        type Row = (String, String, i64, i64);
        let of_keyspace = match &self.keyspace {
            Some(name) => format!(" WHERE keyspace_name = {}", literal(name)),
            None => String::new(),
        };
        let text = format!(
            "SELECT keyspace_name, table_name, mean_partition_size, partitions_count FROM system.size_estimates{of_keyspace}"
        );
        let (mut sizes, mut told): (Named<u64>, u64) = (BTreeMap::new(), 0);
        for node in self.reached() {
            let Some(rows) = self.system_of::<Row>(&text, &node).await else {
                continue;
            };
            told += 1;
            for (keyspace, table, mean, count) in rows {
                let bytes = u64::try_from(mean)
                    .ok()?
                    .saturating_mul(u64::try_from(count).ok()?);
                let size = sizes.entry((keyspace, table)).or_default();
                *size = size.saturating_add(bytes);
            }
        }
        let nodes = self.session.get_cluster_state().get_nodes_info().len() as u64;
        for size in sizes.values_mut() {
            *size = size.saturating_mul(nodes).checked_div(told)?;
        }
        (told > 0).then_some(sizes)
    }
}
