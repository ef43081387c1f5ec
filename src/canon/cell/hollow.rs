//! Empty collections in a DSBulk export: the driver under it reads a collection that is null as an empty one, and so the
//! export says the same of both.
//!
//! It holds for frozen columns, for fields of user-defined types and for elements of tuples. Nothing is lost of other
//! collections: those of columns that are not frozen are never empty, and elements of collections are never null.

use super::{ColumnType, RawCell};
use crate::canon::csv::DialectKind;
use crate::canon::{Encoder, Equality};
use crate::model::{CqlType, Value};
use memchr::memmem;

impl RawCell<'_> {
    /// Whether the cell holds an empty collection that may be null in the database.
    pub(super) fn is_hollow(&self) -> bool {
        let ColumnType::Cql(ty) = &self.column.ty else {
            return false;
        };
        self.dialect.kind == DialectKind::Dsbulk
            && can_be_hollow(ty)
            && [&b"[]"[..], b"{}"]
                .iter()
                .any(|empty| memmem::find(self.text, empty).is_some())
            && self.to_value().is_ok_and(|mut value| fill(&mut value, ty, true))
    }

    /// Whether `other` is what this hollow cell says, but for collections that are empty in one and null in the other.
    pub(super) fn is_hollow_of(&self, other: Option<&Value>, equality: Equality) -> bool {
        let ColumnType::Cql(ty) = &self.column.ty else {
            return false;
        };
        let encoded = |mut value: Value| {
            fill(&mut value, ty, true);
            let mut out = Encoder::new(equality);
            out.value(&value).ok()?;
            Some(out.bytes().to_vec())
        };
        let ours = self.to_value().ok().and_then(encoded);
        ours.is_some() && ours == encoded(other.cloned().unwrap_or(Value::Null))
    }
}

fn is_collection(ty: &CqlType) -> bool {
    matches!(ty, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..))
}

/// Whether some cells of the type are hollow.
pub(super) fn can_be_hollow(ty: &CqlType) -> bool {
    ty.contains(&is_collection)
}

/// Puts null for every empty collection that could be null, and says whether there was one. `alone`: the value is no
/// element of a collection.
fn fill(value: &mut Value, ty: &CqlType, alone: bool) -> bool {
    let ty = ty.thawed();
    let nothing = match value {
        Value::List(items) | Value::Set(items) => items.is_empty(),
        Value::Map(pairs) => pairs.is_empty(),
        Value::Document(fields) => fields.is_empty(),
        _ => false,
    };
    if nothing && alone && is_collection(ty) {
        *value = Value::Null;
        return true;
    }
    // All are filled, whether or not one was.
    let mut filled = false;
    match (ty, value) {
        (
            CqlType::List(of) | CqlType::Set(of) | CqlType::Vector(of, _),
            Value::List(items) | Value::Set(items),
        ) => {
            items.iter_mut().for_each(|item| filled |= fill(item, of, false));
        }
        (CqlType::Map(key, of), Value::Map(pairs)) => {
            pairs
                .iter_mut()
                .for_each(|(k, v)| filled |= fill(k, key, false) | fill(v, of, false));
        }
        (CqlType::Map(_, of), Value::Document(fields)) => {
            fields.iter_mut().for_each(|(_, v)| filled |= fill(v, of, false));
        }
        (CqlType::Tuple(types), Value::List(items)) => {
            items
                .iter_mut()
                .zip(types)
                .for_each(|(item, of)| filled |= fill(item, of, true));
        }
        (CqlType::Udt(udt), Value::Document(fields)) => {
            for (name, v) in fields {
                let known = udt.fields.iter().find(|(known, _)| known == name);
                filled |= known.is_some_and(|(_, of)| fill(v, of, true));
            }
        }
        _ => {}
    }
    filled
}
