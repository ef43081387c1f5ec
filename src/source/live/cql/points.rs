//! Reading single rows by their primary key.

use super::CqlStore;
use super::catalog::{LiveTable, quoted};
use crate::canon::native::key_forms;
use crate::canon::{Layout, NativeRow, Raw, RawRecord};
use crate::model::{CqlType, Table, Value};
use crate::source::SourceError;
use crate::source::live::{Governor, KeyPart, Page};
use futures_util::stream::{self, StreamExt};
use scylla::frame::response::result::ColumnType;
use scylla::response::PagingState;
use scylla::serialize::SerializationError;
use scylla::serialize::value::SerializeValue;
use scylla::serialize::writers::{CellWriter, WrittenCellProof};

/// Rows that are asked for at the same time, at most.
pub(super) const AT_ONCE: usize = 64;

/// A value in the form in which the server takes it.
struct Native(Vec<u8>);

impl SerializeValue for Native {
    fn serialize<'b>(
        &self,
        _: &ColumnType<'_>,
        writer: CellWriter<'b>,
    ) -> Result<WrittenCellProof<'b>, SerializationError> {
        writer.set_value(&self.0).map_err(SerializationError::new)
    }
}

/// What is to be asked for one key.
pub(super) struct Lookup {
    /// How many of the primary key's columns have a value; the others are null in the row.
    columns: usize,
    values: Vec<Vec<u8>>,
}

/// Whether the rows of `table` can be asked for by key; if not, why.
///
/// The server finds a partition by the bytes of its key, and equal values of some types have different bytes: 1.0 and 1.00,
/// or a user-defined value from before its type got another field.
pub fn point_reads(table: &Table) -> Result<(), String> {
    let several = |ty: &CqlType| matches!(ty, CqlType::Decimal | CqlType::Udt(_));
    let float = |ty: &CqlType| matches!(ty, CqlType::Float | CqlType::Double);
    let ty = |name: &String| table.column(name).map(|c| &c.ty);
    for name in &table.partition_key {
        let Some(ty) = ty(name) else { continue };
        if ty.contains(&several) || ty.contains(&float) && !float(ty.thawed()) {
            return Err(format!(
                "equal values of partition key column {name} ({ty}) can be different keys"
            ));
        }
    }
    for (name, _) in &table.clustering {
        let Some(ty) = ty(name) else { continue };
        if ty.contains(&float) && !float(ty.thawed()) {
            return Err(format!(
                "equal values of clustering column {name} ({ty}) can be different keys"
            ));
        }
    }
    Ok(())
}

impl CqlStore {
    /// The rows with these primary keys, in the order of the keys, as records of [`crate::canon::Layout::native`] of the
    /// table. A key that no row has gives none; nor does one that cannot be a value of its columns' types.
    ///
    /// # Errors
    /// A key without a column of the primary key, a table for which [`point_reads`] says no, or a server that refuses or
    /// fails for good.
    pub async fn points(
        &self,
        table: &LiveTable,
        keys: &[Vec<KeyPart>],
        governor: &Governor,
    ) -> Result<Page, SourceError> {
        let lookups: Vec<Vec<Lookup>> = keys
            .iter()
            .map(|key| self.lookups(table, key))
            .collect::<Result<_, _>>()?;
        let answers = stream::iter(lookups.into_iter().flatten());
        let answers = answers.map(|lookup| self.look_up(table, lookup, governor));
        // The governor decides how many are really under way.
        let mut answers = answers.buffered(AT_ONCE);
        let mut page = Page::default();
        while let Some(found) = answers.next().await {
            append(&mut page, &found?);
        }
        Ok(page)
    }

    /// What to ask for a key; nothing if no row can have it.
    pub(super) fn lookups(&self, table: &LiveTable, key: &[KeyPart]) -> Result<Vec<Lookup>, SourceError> {
        if let Err(why) = point_reads(&table.table) {
            let problem = format!("cannot read single rows of {}: {why}", table.name());
            return Err(SourceError::usage(
                &self.location,
                problem,
                "read the whole table again",
            ));
        }
        let mut lookups = vec![Lookup {
            columns: 0,
            values: Vec::new(),
        }];
        let partition = table.table.partition_key.len();
        let mut null = false;
        for (place, (name, ty)) in table.key_columns().enumerate() {
            let Some(part) = key.iter().find(|part| part.path == name) else {
                let problem = format!("a key of {} without its column {name}", table.name());
                return Err(SourceError::usage(
                    &self.location,
                    problem,
                    "make the whole primary key the key",
                ));
            };
            if matches!(part.value, Value::Null) && place >= partition {
                null = true;
                continue;
            }
            let forms = key_forms(ty, &part.value);
            // After a null clustering column there is none but null.
            if null || forms.is_empty() {
                return Ok(Vec::new());
            }
            lookups = with_forms(lookups, &forms);
        }
        // Only a partition that has nothing but static columns has a row of null clustering columns.
        lookups.retain(|l| !null || l.columns == partition);
        Ok(lookups)
    }

    async fn look_up(
        &self,
        table: &LiveTable,
        lookup: Lookup,
        governor: &Governor,
    ) -> Result<Page, SourceError> {
        let whole = lookup.columns == table.key_columns().count();
        let found = self.rows_at(table, &table.select(), lookup, governor).await?;
        Ok(match whole {
            true => found,
            false => without_rows(&table.table, &found),
        })
    }

    /// What `select` asks for of the rows with a key; of one of them, if clustering columns are missing in it.
    pub(super) async fn rows_at(
        &self,
        table: &LiveTable,
        select: &str,
        lookup: Lookup,
        governor: &Governor,
    ) -> Result<Page, SourceError> {
        let columns: Vec<&str> = table.key_columns().map(|(name, _)| name).collect();
        let (given, missing) = columns.split_at(lookup.columns);
        let condition: Vec<String> = given.iter().map(|name| format!("{} = ?", quoted(name))).collect();
        let limit = if missing.is_empty() { "" } else { " LIMIT 1" };
        let text = format!("{select} WHERE {}{limit}", condition.join(" AND "));
        let asked = || format!("read a row of {}", table.name());
        let prepared = self.statement(&text, &asked).await?;
        let values: Vec<Native> = lookup.values.into_iter().map(Native).collect();
        let (mut found, mut state) = (Page::default(), Some(PagingState::start()));
        while let Some(from) = state {
            let (page, next) = self
                .page(|_| prepared.clone(), &values, from, governor, &asked)
                .await?;
            append(&mut found, &page);
            state = next;
        }
        Ok(found)
    }
}

fn append(page: &mut Page, more: &Page) {
    let before = page.data.len();
    page.data.extend_from_slice(&more.data);
    page.ends.extend(more.ends.iter().map(|end| before + end));
}

/// The records of `page` that are no rows of their own: their clustering columns are null.
fn without_rows(table: &Table, page: &Page) -> Page {
    let layout = Layout::native(table);
    let mut kept = Page::default();
    let mut from = 0;
    for &end in &page.ends {
        let record = &page.data[from..end];
        from = end;
        let mut has_row = false;
        let row = NativeRow {
            layout: &layout,
            record,
        };
        let walked = RawRecord::Native(row).walk_names(|name, value| {
            let clusters = table.clustering.iter().any(|(c, _)| c.as_bytes() == name);
            has_row |= clusters && matches!(value, Raw::Native(cell) if cell.bytes.is_some());
            Ok(true)
        });
        if walked.is_err() || !has_row {
            kept.data.extend_from_slice(record);
            kept.ends.push(kept.data.len());
        }
    }
    kept
}

/// Each lookup with each of the forms of one more column.
fn with_forms(lookups: Vec<Lookup>, forms: &[Vec<u8>]) -> Vec<Lookup> {
    let mut all = Vec::with_capacity(lookups.len() * forms.len());
    for lookup in lookups {
        for form in forms {
            let mut values = lookup.values.clone();
            values.push(form.clone());
            all.push(Lookup {
                columns: lookup.columns + 1,
                values,
            });
        }
    }
    all
}
