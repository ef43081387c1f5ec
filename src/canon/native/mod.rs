//! Native CQL cells: the binary values of Cassandra's and ScyllaDB's protocol, read by their column's type.
//!
//! Follows sections 3 and 6 of `native_protocol_v4.spec` and `native_protocol_v5.spec` of Apache Cassandra; vectors, which
//! they leave out, follow `VectorType` of Cassandra 5. As with text cells, one parser drives the encoder, and the tree
//! form is decoded from the canonical bytes, so the two cannot disagree.
//!
//! A value of no bytes is null, but for text and blobs, where it is the empty one: Cassandra takes it for meaningless in
//! the other types, and cqlsh shows it as null.

mod bytes;
mod encode;
mod row;
mod write;

#[cfg(test)]
mod tests;

pub use row::{NativeRow, cells, put_cell};
pub use write::key_forms;

use super::raw::{VisitField, VisitItem};
use super::{Encoder, Flat, tree};
use crate::model::{CqlType, NumberType, Problem, Timestamp, Value};
use bytes::Bytes;

/// A cell as the server sent it.
#[derive(Clone, Copy, Debug)]
pub struct RawNative<'a> {
    /// The type of the column, or of the part of its value that this is.
    pub ty: &'a CqlType,
    /// The value's bytes; none is null.
    pub bytes: Option<&'a [u8]>,
    /// Whether the store cannot tell an empty collection in this place from null.
    pub non_frozen_collection: bool,
}

/// A value with null told apart.
enum Node<'a> {
    Null,
    /// A value of this type, without `frozen<…>` around it.
    Value(&'a CqlType, &'a [u8]),
}

impl<'a> RawNative<'a> {
    /// A value inside another one.
    fn inner(ty: &'a CqlType, bytes: Option<&'a [u8]>) -> RawNative<'a> {
        RawNative {
            ty,
            bytes,
            non_frozen_collection: false,
        }
    }

    #[inline]
    fn node(&self) -> Node<'a> {
        let ty = self.ty.thawed();
        match (self.bytes, ty) {
            (None, _) => Node::Null,
            (Some([]), CqlType::Text | CqlType::Ascii | CqlType::Blob | CqlType::Custom(_)) => {
                Node::Value(ty, &[])
            }
            (Some([]), _) => Node::Null,
            (Some([0, 0, 0, 0]), CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..))
                if self.non_frozen_collection =>
            {
                Node::Null
            }
            (Some(bytes), _) => Node::Value(ty, bytes),
        }
    }

    /// Appends the value's canonical bytes to `out`.
    ///
    /// `malformed` are bytes that are no value of the type; `unsupported` are types and sizes that are not read.
    #[inline]
    pub fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self.node() {
            Node::Null => {
                out.null();
                Ok(())
            }
            Node::Value(ty, bytes) => encode::encode(ty, bytes, out),
        }
    }

    /// What [`Raw::encode_long`] says of a text and of binary data.
    ///
    /// [`Raw::encode_long`]: crate::canon::Raw::encode_long
    pub(super) fn encode_long(&self, out: &mut Encoder) -> Option<&'a [u8]> {
        match self.node() {
            Node::Value(CqlType::Text | CqlType::Ascii, text) => out.text_head(text).then_some(text),
            Node::Value(CqlType::Blob, bytes) => {
                out.binary_head(0, bytes.len());
                Some(bytes)
            }
            _ => None,
        }
    }

    /// Writes the value's canonical bytes in one go, if it is short and simple; false if it is left to the encoder.
    #[inline]
    pub fn flat(&self, out: &mut Flat) -> bool {
        let Node::Value(ty, bytes) = self.node() else {
            return out.null();
        };
        match (ty, bytes) {
            (CqlType::Text | CqlType::Ascii, text) => out.text(text),
            (CqlType::Int, &[a, b, c, d]) => {
                out.int(i32::from_be_bytes([a, b, c, d]).into(), NumberType::Int32)
            }
            (CqlType::Bigint | CqlType::Counter, bytes) => match bytes.try_into() {
                Ok(int) => out.int(i64::from_be_bytes(int), NumberType::Int64),
                Err(_) => false,
            },
            (CqlType::Timestamp, bytes) => match bytes.try_into() {
                Ok(millis) => out.timestamp(Timestamp::from_millis(i64::from_be_bytes(millis))),
                Err(_) => false,
            },
            (CqlType::Double, bytes) => match bytes.try_into() {
                Ok(bits) => out.double(f64::from_be_bytes(bits), NumberType::Double),
                Err(_) => false,
            },
            (CqlType::Float, &[a, b, c, d]) => {
                out.double(f32::from_be_bytes([a, b, c, d]).into(), NumberType::Float)
            }
            (CqlType::Boolean, &[value]) => out.bool(value != 0),
            (CqlType::Decimal, bytes) => match encode::short_decimal(bytes) {
                Some((negative, coefficient, exponent)) => {
                    out.decimal(negative, coefficient, exponent, NumberType::Decimal)
                }
                None => false,
            },
            _ => false,
        }
    }

    /// The value's tree form. Encoding it gives the same bytes as [`RawNative::encode`].
    pub fn to_value(&self) -> Result<Value, Problem> {
        tree(|out| self.encode(out))
    }

    /// If the value is a document (a user-defined type, or a map whose keys are text): calls `visit` for each field, those
    /// the value was written without included, and returns true. False, and no call, for every other value.
    pub fn walk_document(&self, visit: VisitField<'_, RawNative<'a>>) -> Result<bool, Problem> {
        let Node::Value(ty, bytes) = self.node() else {
            return Ok(false);
        };
        let mut bytes = Bytes::new(bytes);
        match ty {
            CqlType::Udt(udt) => {
                for (name, ty) in &udt.fields {
                    let value = bytes.part().map_err(|p| p.inside(name))?;
                    visit(name.as_bytes(), RawNative::inner(ty, value))?;
                }
            }
            CqlType::Map(key, ty) if key.is_text() => {
                for index in 0..bytes.count()? {
                    let (name, value) = bytes.pair().map_err(|p| p.at(index))?;
                    let name = name.ok_or_else(|| Problem::malformed("null as a map's key").at(index))?;
                    visit(name, RawNative::inner(ty, value))?;
                }
            }
            _ => return Ok(false),
        }
        bytes.end()?;
        Ok(true)
    }

    /// If the value is a list, a tuple or a vector: calls `visit` for each element in order and returns true. Sets are
    /// left out: the server's order of their elements is not the canonical one.
    pub fn walk_list(&self, visit: VisitItem<'_, RawNative<'a>>) -> Result<bool, Problem> {
        let Node::Value(ty, bytes) = self.node() else {
            return Ok(false);
        };
        let mut bytes = Bytes::new(bytes);
        match ty {
            CqlType::List(ty) => {
                for index in 0..bytes.count()? {
                    let value = bytes.value().map_err(|p| p.at(index))?;
                    visit(index, RawNative::inner(ty, value))?;
                }
            }
            CqlType::Tuple(types) => {
                for (index, ty) in types.iter().enumerate() {
                    let value = bytes.part().map_err(|p| p.at(index))?;
                    visit(index, RawNative::inner(ty, value))?;
                }
            }
            CqlType::Vector(ty, size) => {
                let fixed = encode::fixed_len(ty);
                for index in 0..*size as usize {
                    let value = bytes.vector_element(fixed).map_err(|p| p.at(index))?;
                    visit(index, RawNative::inner(ty, Some(value)))?;
                }
            }
            _ => return Ok(false),
        }
        bytes.end()?;
        Ok(true)
    }
}
