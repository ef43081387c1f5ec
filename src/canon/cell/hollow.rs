//! Empty collections in a DSBulk export: the driver under it reads a collection that is null as an empty one, and so the
//! export says the same of both.
//!
//! It holds for frozen columns, for fields of user-defined types and for elements of tuples. Nothing is lost of other
//! collections: those of columns that are not frozen are never empty, those of a primary key never null, and elements of
//! collections neither.

use super::{ColumnType, RawCell};
use crate::canon::csv::DialectKind;
use crate::model::{CqlType, Value};
use memchr::memmem;

impl RawCell<'_> {
    /// Whether the cell holds an empty collection that may be null in the database.
    pub(super) fn is_hollow(&self) -> bool {
        let ColumnType::Cql(ty) = &self.column.ty else {
            return false;
        };
        let mut found = false;
        self.dialect.kind == DialectKind::Dsbulk
            && !self.column.never_null
            && can_be_hollow(ty)
            && [&b"[]"[..], b"{}"]
                .iter()
                .any(|empty| memmem::find(self.text, empty).is_some())
            && self.to_value().is_ok_and(|mut value| {
                each(&mut value, ty, &mut |value, _| found |= is_empty(value));
                found
            })
    }
}

fn is_collection(ty: &CqlType) -> bool {
    matches!(ty, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..))
}

/// Whether some cells of the type are hollow.
pub(super) fn can_be_hollow(ty: &CqlType) -> bool {
    ty.contains(&is_collection)
}

/// Whether it is an empty collection.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(items) | Value::Set(items) => items.is_empty(),
        Value::Map(pairs) => pairs.is_empty(),
        Value::Document(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Null for an empty collection: what may stand behind it.
pub(super) fn fill(value: &mut Value, _: &CqlType) {
    if is_empty(value) {
        *value = Value::Null;
    }
}

/// The empty collection of the type for null: what is read of it.
pub(super) fn empty(value: &mut Value, ty: &CqlType) {
    if matches!(value, Value::Null) {
        *value = match ty {
            CqlType::Set(_) => Value::Set(Vec::new()),
            CqlType::Map(..) => Value::Map(Vec::new()),
            _ => Value::List(Vec::new()),
        };
    }
}

/// Shows `visit` everything in a value that is of a collection's type and could be null.
pub(super) fn each(value: &mut Value, ty: &CqlType, visit: &mut dyn FnMut(&mut Value, &CqlType)) {
    let ty = ty.thawed();
    if is_collection(ty) {
        visit(value, ty);
    }
    inside(value, ty, visit);
}

/// The same of what is in the value.
fn inside(value: &mut Value, ty: &CqlType, visit: &mut dyn FnMut(&mut Value, &CqlType)) {
    match (ty.thawed(), value) {
        (
            CqlType::List(of) | CqlType::Set(of) | CqlType::Vector(of, _),
            Value::List(items) | Value::Set(items),
        ) => items.iter_mut().for_each(|item| inside(item, of, visit)),
        (CqlType::Map(key, of), Value::Map(pairs)) => pairs.iter_mut().for_each(|(k, v)| {
            inside(k, key, visit);
            inside(v, of, visit);
        }),
        (CqlType::Map(_, of), Value::Document(fields)) => {
            fields.iter_mut().for_each(|(_, v)| inside(v, of, visit));
        }
        (CqlType::Tuple(types), Value::List(items)) => items
            .iter_mut()
            .zip(types)
            .for_each(|(item, of)| each(item, of, visit)),
        (CqlType::Udt(udt), Value::Document(fields)) => {
            for (name, v) in fields {
                if let Some((_, of)) = udt.fields.iter().find(|(known, _)| known == name) {
                    each(v, of, visit);
                }
            }
        }
        _ => {}
    }
}
