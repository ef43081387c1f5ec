//! When the cells of single rows were written, and when they end.

use super::CqlStore;
use super::catalog::{LiveTable, quoted};
use super::points::AT_ONCE;
use crate::canon::native::cells;
use crate::model::{CqlType, Table};
use crate::source::live::{Governor, KeyPart};
use crate::source::{Failure, SourceError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;

/// How old a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// When it was written, as the write says: usually microseconds since the epoch.
    pub written: i64,
    /// Seconds until its time to live has run out, if it has one.
    pub left: Option<i32>,
}

/// The ages of a row's cells by column. Keys, counters and collections that are not frozen have none that can be asked for,
/// and null has none at all.
pub type Ages = BTreeMap<String, Age>;

/// Seconds that rows of a table live where the write does not say how long.
pub(in crate::source::live) fn time_to_live(table: &Table) -> Option<i64> {
    let seconds = table.options.get("default_time_to_live")?.parse().ok()?;
    (seconds > 0).then_some(seconds)
}

impl CqlStore {
    /// The ages of rows, one row for each of `keys`, which come in the forms that they may have. None where there is no such row.
    ///
    /// # Errors
    /// As [`CqlStore::points`].
    pub async fn ages(
        &self,
        table: &LiveTable,
        keys: &[Vec<Vec<KeyPart>>],
        governor: &Governor,
    ) -> Result<Vec<Option<Ages>>, SourceError> {
        let (all, plain) = (dated(&table.table, true), dated(&table.table, false));
        match self.ages_of(&all, table, keys, governor).await {
            // Cassandra before 3.11.14 and 4.0.5 tells the age of no collection, be it frozen or not.
            Err(SourceError::Server {
                failure: Failure::Refused,
                ..
            }) if plain.len() < all.len() => self.ages_of(&plain, table, keys, governor).await,
            ages => ages,
        }
    }

    async fn ages_of(
        &self,
        columns: &[&str],
        table: &LiveTable,
        keys: &[Vec<Vec<KeyPart>>],
        governor: &Governor,
    ) -> Result<Vec<Option<Ages>>, SourceError> {
        let times = columns.iter().map(|name| {
            let name = quoted(name);
            format!("WRITETIME({name}), TTL({name})")
        });
        let select = table.select_of(&times.collect::<Vec<_>>());
        let select = &select;
        let ages = stream::iter(keys).map(|forms| async move {
            let known = forms.iter().filter(|_| !columns.is_empty());
            for lookup in known
                .map(|key| self.lookups(table, key))
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .flatten()
            {
                let page = self.rows_at(table, select, lookup, governor).await?;
                if let Some(end) = page.ends.first() {
                    return Ok(Some(read(columns, &page.data[..*end])));
                }
            }
            Ok(None)
        });
        ages.buffered(AT_ONCE).try_collect().await
    }
}

/// The columns whose cells have one age, those of frozen collections among them or not.
fn dated(table: &Table, frozen: bool) -> Vec<&str> {
    let of_key = |name: &String| {
        table.partition_key.contains(name) || table.clustering.iter().any(|(column, _)| column == name)
    };
    let collection = |ty: &CqlType| matches!(ty, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..));
    let whole = |ty: &CqlType| {
        !matches!(ty, CqlType::Counter) && !ty.is_multicell() && (frozen || !collection(ty.thawed()))
    };
    let dated = table
        .columns
        .iter()
        .filter(|column| !of_key(&column.name) && whole(&column.ty));
    dated.map(|column| column.name.as_str()).collect()
}

/// The ages in a row of times, two for each of `columns`.
fn read(columns: &[&str], row: &[u8]) -> Ages {
    let mut cells = cells(row);
    let mut ages = Ages::new();
    for name in columns {
        let (written, left) = (cells.next().flatten(), cells.next().flatten());
        if let Some(written) = written.and_then(|cell| cell.try_into().ok()) {
            let left = left.and_then(|cell| cell.try_into().ok()).map(i32::from_be_bytes);
            let written = i64::from_be_bytes(written);
            ages.insert((*name).to_owned(), Age { written, left });
        }
    }
    ages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Schema;

    #[test]
    fn keys_counters_and_what_has_a_cell_per_element_have_no_age() {
        let text = "CREATE TABLE k.t (id int, at int, v text, w list<int>, x frozen<list<int>>, \
                    y frozen<tuple<int, int>>, PRIMARY KEY (id, at));";
        let schema = Schema::parse(text).unwrap();
        let table = schema.table(Some("k"), "t").unwrap();
        assert_eq!(dated(table, true), ["v", "x", "y"]);
        assert_eq!(dated(table, false), ["v", "y"]);
    }
}
