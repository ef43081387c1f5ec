//! Cells of user-defined types, field by field.

use super::literal::Literal;
use super::{ColumnType, RawCell, Written};
use crate::model::{CqlType, Problem, Udt};

/// The user-defined type that a type is, frozen or not.
pub(super) fn udt(ty: &CqlType) -> Option<&Udt> {
    match ty.thawed() {
        CqlType::Udt(udt) => Some(udt),
        _ => None,
    }
}

impl RawCell<'_> {
    /// If the cell holds a value of a user-defined type: calls `visit` for each of its fields, in the order of the
    /// declaration, and returns true. False, and no call, for null and every other cell.
    ///
    /// # Errors
    /// As for [`RawCell::encode`], before any call; and what `visit` returns.
    pub fn walk_fields(
        &self,
        visit: &mut dyn FnMut(&[u8], RawCell<'_>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        let ColumnType::Cql(ty) = &self.column.ty else {
            return Ok(false);
        };
        let Some(udt) = udt(ty).filter(|_| !self.is_null()) else {
            return Ok(false);
        };
        let text = self.cell_text()?;
        if self.is_nothing(&text) {
            return Ok(false);
        }
        let Some(fields) = Literal::new(&text, self.dialect, None).split(udt)? else {
            return Ok(false);
        };
        for (column, text) in self.column.fields.iter().zip(fields.texts()) {
            let cell = RawCell {
                text,
                written: Written::AS_PART,
                column,
                dialect: self.dialect,
            };
            visit(column.name.as_bytes(), cell)?;
        }
        Ok(true)
    }
}
