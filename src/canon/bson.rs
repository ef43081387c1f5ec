//! Placeholder.
use super::Encoder;
use crate::model::{Problem, Value};

/// A BSON element's value: its type byte and exactly its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RawBson<'a> {
    /// The BSON type byte.
    pub kind: u8,
    /// The value's bytes, framed (length checked) by the walker.
    pub bytes: &'a [u8],
}

impl<'a> RawBson<'a> {
    /// encode
    pub fn encode(&self, _out: &mut Encoder) -> Result<(), Problem> {
        unimplemented!()
    }
    /// value
    pub fn to_value(&self) -> Result<Value, Problem> {
        unimplemented!()
    }
    /// walk
    pub fn walk_document(
        &self,
        _visit: &mut dyn FnMut(&[u8], RawBson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        unimplemented!()
    }
    /// walk
    pub fn walk_list(
        &self,
        _visit: &mut dyn FnMut(usize, RawBson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        unimplemented!()
    }
}

/// walk
pub fn walk<'a>(
    _doc: &'a [u8],
    _visit: impl FnMut(&'a [u8], RawBson<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    unimplemented!()
}
