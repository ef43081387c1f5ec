//! Tests of canonical bytes across readers: laws, the readers against hostile input, recordings, published vectors.

mod cases;
mod generate;
mod hostile;
mod laws;
mod recordings;
pub(crate) mod vectors;

use super::bson::RawBson;
use super::ejson::RawJson;
use super::{Encoder, Equality, Numbers};
use crate::model::{Problem, Value};

const TYPED: Equality = Equality {
    numbers: Numbers::Typed,
    field_order: super::FieldOrder::Ignore,
    absent: super::Absent::Distinct,
    normalize: super::Normalize::None,
};

fn by_value() -> Equality {
    Equality::default()
}

fn encoded(
    equality: Equality,
    write: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
) -> Result<Vec<u8>, Problem> {
    let mut out = Encoder::new(equality);
    write(&mut out)?;
    Ok(out.bytes().to_vec())
}

fn tree(equality: Equality, value: &Value) -> Result<Vec<u8>, Problem> {
    encoded(equality, |e| e.value(value))
}

fn json(equality: Equality, text: &[u8]) -> Result<Vec<u8>, Problem> {
    encoded(equality, |e| RawJson { bytes: text }.encode(e))
}

fn bson(equality: Equality, doc: &[u8]) -> Result<Vec<u8>, Problem> {
    encoded(equality, |e| RawBson::document(doc).encode(e))
}
