//! Rows of delimited text: a header with types, and the cells under it.

use super::cell::{ColumnSpec, ColumnType, LossScan, RawCell};
use super::csv::{Cells, Dialect};
use super::raw::{Expect, same};
use crate::model::{Problem, Table as CqlTable};
use rustc_hash::FxHashMap;

/// Header, types and dialect of a text file, or the columns of native rows.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The columns, in the order of the header.
    pub columns: Vec<ColumnSpec>,
    /// The dialect.
    pub dialect: Dialect,
    /// The primary key, where a schema gives one.
    pub key: Vec<String>,
    places: FxHashMap<String, usize>,
}

impl Layout {
    /// A layout of the named columns, typed by `table` where it has them.
    pub fn new(names: Vec<String>, dialect: Dialect, table: Option<&CqlTable>) -> Layout {
        let column = |name: String| {
            let typed = table.and_then(|t| ColumnSpec::of_table(t, &name));
            typed.unwrap_or_else(|| ColumnSpec::new(name, ColumnType::Text))
        };
        let key = table.map(|t| {
            t.partition_key
                .iter()
                .chain(t.clustering.iter().map(|(name, _)| name))
                .cloned()
        });
        Layout {
            places: names.iter().cloned().zip(0..).collect(),
            columns: names.into_iter().map(column).collect(),
            dialect,
            key: key.into_iter().flatten().collect(),
        }
    }

    /// The layout of native rows: all columns of `table`, in its order. There is no text, so the dialect says nothing.
    pub fn native(table: &CqlTable) -> Layout {
        let names = table.columns.iter().map(|c| c.name.clone()).collect();
        Layout::new(names, Dialect::rfc4180(), Some(table))
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnSpec> {
        self.columns.get(*self.places.get(name)?)
    }

    /// Whether any column has a type.
    pub fn typed(&self) -> bool {
        self.columns.iter().any(|c| c.ty != ColumnType::Text)
    }
}

/// A row of a text file, with its line end if it has one.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Header, types and dialect.
    pub layout: &'a Layout,
    /// The row's bytes.
    pub record: &'a [u8],
}

impl<'a> Row<'a> {
    /// Calls `visit` for each cell, until it returns false. The column's name is given unless it is the one that `state`
    /// expects.
    ///
    /// # Errors
    /// `malformed` if the row cannot be split or has more or fewer cells than the header; nothing is visited then, as no
    /// cell can be trusted to stand under its column.
    #[inline]
    pub fn walk_while<E: Expect>(
        &self,
        state: &mut E,
        mut visit: impl FnMut(&mut E, Option<&[u8]>, RawCell<'a>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let Layout { columns, dialect, .. } = self.layout;
        let mut spans = Cells::new();
        self.split(&mut spans)?;
        for (column, &span) in columns.iter().zip(&spans) {
            let name = column.name.as_bytes();
            let name = (name.is_empty() || !same(name, state.expected())).then_some(name);
            if !visit(state, name, RawCell::new(self.record, span, column, dialect))? {
                break;
            }
        }
        Ok(())
    }

    /// Lets `loss` look at every cell. A row that cannot be split is reported where it is walked.
    pub fn count_loss(&self, loss: &mut LossScan) {
        let Layout { columns, dialect, .. } = self.layout;
        let mut spans = Cells::new();
        if self.split(&mut spans).is_err() {
            return;
        }
        for (index, (column, &span)) in columns.iter().zip(&spans).enumerate() {
            loss.cell(index, &RawCell::new(self.record, span, column, dialect));
        }
    }

    fn split(&self, cells: &mut Cells) -> Result<(), Problem> {
        let Layout { columns, dialect, .. } = self.layout;
        dialect.split(self.record, cells)?;
        dialect.check_width(cells.len(), columns.len())
    }
}
