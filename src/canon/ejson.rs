//! Placeholder.
use super::Encoder;
use crate::model::{Problem, Value};

/// A JSON value: exactly its text.
#[derive(Clone, Copy, Debug)]
pub struct RawJson<'a> {
    /// The value's bytes, framed (trimmed.
    pub bytes: &'a [u8],
}

impl<'a> RawJson<'a> {
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
        _visit: &mut dyn FnMut(&[u8], RawJson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        unimplemented!()
    }
    /// walk
    pub fn walk_list(
        &self,
        _visit: &mut dyn FnMut(usize, RawJson<'a>) -> Result<(), Problem>,
    ) -> Result<bool, Problem> {
        unimplemented!()
    }
}

/// walk
pub fn walk<'a>(
    _doc: &'a [u8],
    _visit: impl FnMut(&'a [u8], RawJson<'a>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    unimplemented!()
}
