//! Placeholder.
use super::Encoder;
use crate::model::{Problem, Value};
/// A cell.
#[derive(Clone, Copy, Debug)]
pub struct RawCell<'a> {
    /// text
    pub text: &'a [u8],
}
impl RawCell<'_> {
    /// encode
    pub fn encode(&self, _out: &mut Encoder) -> Result<(), Problem> {
        unimplemented!()
    }
    /// value
    pub fn to_value(&self) -> Result<Value, Problem> {
        unimplemented!()
    }
}
