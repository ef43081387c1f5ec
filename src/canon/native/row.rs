//! Rows of native cells.

use super::RawNative;
use super::bytes::Bytes;
use crate::canon::Layout;
use crate::canon::cell::ColumnType;
use crate::canon::raw::{Expect, same};
use crate::model::Problem;

/// A row as the server sent it: for each column of the layout a length (32 bits, big-endian; −1 is null) and that many
/// bytes.
#[derive(Clone, Copy, Debug)]
pub struct NativeRow<'a> {
    /// The columns and their types.
    pub layout: &'a Layout,
    /// The row's bytes.
    pub record: &'a [u8],
}

impl<'a> NativeRow<'a> {
    /// Calls `visit` for each cell, until it returns false. The column's name is given unless it is the one that `state`
    /// expects.
    ///
    /// # Errors
    /// `malformed` if the row is cut off, or has more cells than the layout has columns.
    #[inline]
    pub fn walk_while<E: Expect>(
        &self,
        state: &mut E,
        mut visit: impl FnMut(&mut E, Option<&[u8]>, RawNative<'a>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let mut bytes = Bytes::new(self.record);
        for column in &self.layout.columns {
            let ColumnType::Cql(ty) = &column.ty else {
                return Err(Problem::unsupported("native column without a CQL type").inside(&column.name));
            };
            let cell = RawNative {
                ty,
                bytes: bytes.value().map_err(|p| p.inside(&column.name))?,
                non_frozen_collection: column.non_frozen_collection,
            };
            let name = column.name.as_bytes();
            let name = (!same(name, state.expected())).then_some(name);
            if !visit(state, name, cell)? {
                return Ok(());
            }
        }
        bytes.end()
    }
}

/// The cells of a row as they stand; it ends where the row is cut off.
pub fn cells(mut row: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        let (len, rest) = row.split_first_chunk()?;
        let Ok(len) = usize::try_from(i32::from_be_bytes(*len)) else {
            row = rest;
            return Some(None);
        };
        let cell = rest.get(..len)?;
        row = &rest[len..];
        Some(Some(cell))
    })
}

/// Appends one cell to a row; false, and nothing is appended, if its length does not fit 31 bits.
pub fn put_cell(row: &mut Vec<u8>, cell: Option<&[u8]>) -> bool {
    let Some(bytes) = cell else {
        row.extend_from_slice(&(-1i32).to_be_bytes());
        return true;
    };
    let Ok(len) = i32::try_from(bytes.len()) else {
        return false;
    };
    row.extend_from_slice(&len.to_be_bytes());
    row.extend_from_slice(bytes);
    true
}
