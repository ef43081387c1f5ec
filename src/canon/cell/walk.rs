//! Cells of user-defined types, field by field, and of lists, element by element.

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

/// The type of the elements of a list, a set or a vector.
pub(super) fn element(ty: &CqlType) -> Option<&CqlType> {
    match ty.thawed() {
        CqlType::List(ty) | CqlType::Set(ty) | CqlType::Vector(ty, _) => Some(ty),
        _ => None,
    }
}

impl RawCell<'_> {
    /// If the cell holds a list, a set or a vector: calls `visit` for each of its elements, those of a set in their canonical
    /// order, and returns true. False, and no call, for null and every other cell.
    ///
    /// # Errors
    /// As for [`RawCell::encode`], before any call; and what `visit` returns.
    pub fn walk_elements(
        &self,
        visit: &mut dyn FnMut(usize, RawCell<'_>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        let (ColumnType::Cql(ty), Some(column)) = (&self.column.ty, &self.column.element) else {
            return Ok(false);
        };
        if self.is_null() {
            return Ok(false);
        }
        let text = self.cell_text()?;
        if self.is_nothing(&text) {
            return Ok(false);
        }
        let Some(elements) = Literal::new(&text, self.dialect, None).elements(ty)? else {
            return Ok(false);
        };
        for (index, text) in elements.texts().enumerate() {
            let cell = RawCell {
                text,
                written: Written::AS_PART,
                column,
                dialect: self.dialect,
            };
            visit(index, cell)?;
        }
        Ok(true)
    }

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
        let Some(fields) = Literal::new(&text, self.dialect, None).fields_of(udt)? else {
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
