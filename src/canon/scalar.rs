//! Values that hold no other value, as the document readers find them: borrowed, and ready for the encoder or the tree.

use super::{Encoder, MAX_DEPTH};
use crate::model::{Decimal, Number, NumberType, Problem, Timestamp, Value};
use num_bigint::{BigInt, Sign};
use std::borrow::Cow;

/// One value that holds no other. Text is bytes that have yet to prove to be UTF-8.
#[derive(Clone, Debug)]
pub(super) enum Scalar<'a> {
    Null,
    Undefined,
    Bool(bool),
    Int(i64, NumberType),
    Double(f64, NumberType),
    Decimal128 {
        negative: bool,
        coefficient: u128,
        exponent: i64,
    },
    Decimal(Decimal, NumberType),
    Text(Cow<'a, [u8]>),
    Symbol(Cow<'a, [u8]>),
    Binary(u8, Cow<'a, [u8]>),
    Timestamp(Timestamp),
    Uuid([u8; 16]),
    ObjectId([u8; 12]),
    Regex {
        pattern: Cow<'a, [u8]>,
        options: Cow<'a, [u8]>,
    },
    Code(Cow<'a, [u8]>),
    BsonTimestamp {
        time: u32,
        increment: u32,
    },
    MinKey,
    MaxKey,
    DbPointer {
        namespace: Cow<'a, [u8]>,
        id: [u8; 12],
    },
}

impl Scalar<'_> {
    /// Appends the canonical bytes.
    #[inline]
    pub(super) fn encode(&self, out: &mut Encoder) -> Result<(), Problem> {
        match self {
            Scalar::Null => out.null(),
            Scalar::Undefined => out.undefined(),
            Scalar::Bool(v) => out.bool(*v),
            Scalar::Int(v, ty) => out.int(*v, *ty),
            Scalar::Double(v, ty) => out.double(*v, *ty),
            Scalar::Decimal128 {
                negative,
                coefficient,
                exponent,
            } => out.decimal(*negative, *coefficient, *exponent, NumberType::Decimal128),
            Scalar::Decimal(v, ty) => out.big_decimal(v, *ty),
            Scalar::Text(v) => out.text(v)?,
            Scalar::Symbol(v) => out.symbol(v)?,
            Scalar::Binary(subtype, v) => out.binary(*subtype, v),
            Scalar::Timestamp(v) => out.timestamp(*v),
            Scalar::Uuid(v) => out.uuid(v),
            Scalar::ObjectId(v) => out.object_id(v),
            Scalar::Regex { pattern, options } => out.regex(pattern, options)?,
            Scalar::Code(v) => out.code(v)?,
            Scalar::BsonTimestamp { time, increment } => out.bson_timestamp(*time, *increment),
            Scalar::MinKey => out.min_key(),
            Scalar::MaxKey => out.max_key(),
            Scalar::DbPointer { namespace, id } => out.db_pointer(namespace, id)?,
        }
        Ok(())
    }

    /// The tree form.
    pub(super) fn into_value(self) -> Result<Value, Problem> {
        Ok(match self {
            Scalar::Null => Value::Null,
            Scalar::Undefined => Value::Undefined,
            Scalar::Bool(v) => Value::Bool(v),
            Scalar::Int(v, ty) => Value::Number(Number::int(v, ty)),
            Scalar::Double(v, ty) => Value::Number(Number::double(v, ty)),
            Scalar::Decimal128 {
                negative,
                coefficient,
                exponent,
            } => {
                let sign = if negative { Sign::Minus } else { Sign::Plus };
                let unscaled = BigInt::from_biguint(sign, coefficient.into());
                Value::Number(Number::decimal(unscaled, exponent, NumberType::Decimal128))
            }
            Scalar::Decimal(v, ty) => Value::Number(Number::decimal(v.unscaled, v.exponent, ty)),
            Scalar::Text(v) => Value::Text(text(&v)?),
            Scalar::Symbol(v) => Value::Symbol(text(&v)?),
            Scalar::Binary(4, v) if v.len() == 16 => {
                Value::Uuid(v.as_ref().try_into().expect("the length was checked"))
            }
            Scalar::Binary(subtype, v) => Value::Bytes {
                subtype,
                bytes: v.into_owned(),
            },
            Scalar::Timestamp(v) => Value::Timestamp(v),
            Scalar::Uuid(v) => Value::Uuid(v),
            Scalar::ObjectId(v) => Value::ObjectId(v),
            Scalar::Regex { pattern, options } => Value::Regex {
                pattern: text(&pattern)?,
                options: text(&options)?,
            },
            Scalar::Code(v) => Value::Code {
                code: text(&v)?,
                scope: None,
            },
            Scalar::BsonTimestamp { time, increment } => Value::BsonTimestamp { time, increment },
            Scalar::MinKey => Value::MinKey,
            Scalar::MaxKey => Value::MaxKey,
            Scalar::DbPointer { namespace, id } => Value::DbPointer {
                namespace: text(&namespace)?,
                id,
            },
        })
    }
}

/// Text as the tree holds it; refused in the encoder's words.
pub(super) fn text(bytes: &[u8]) -> Result<String, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(e) => Err(Problem::malformed(format!(
            "invalid UTF-8 after {} bytes of text",
            e.valid_up_to()
        ))),
    }
}

/// Collects a document's fields under the rules of [`Encoder::document`]: UTF-8 names, none twice, bounded depth.
///
/// `read` gets the depth of the document's values and a sink for its fields.
pub(super) fn fields(
    depth: usize,
    read: impl FnOnce(usize, &mut dyn FnMut(&[u8], Tree<'_>) -> Result<(), Problem>) -> Result<(), Problem>,
) -> Result<Vec<(String, Value)>, Problem> {
    let deeper = deeper(depth)?;
    let mut fields: Vec<(String, Value)> = Vec::new();
    read(deeper, &mut |name, value| {
        let name_text = text(name)?;
        let value = value().map_err(|p| p.inside(&name_text))?;
        fields.push((name_text, value));
        Ok(())
    })?;
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|w| w[0] == w[1]) {
        None => Ok(fields),
        Some(w) => Err(Problem::malformed(format!("duplicate field name {:?}", w[0]))),
    }
}

/// Reads one value of a tree that is being built.
pub(super) type Tree<'a> = &'a mut dyn FnMut() -> Result<Value, Problem>;

/// The depth inside a container that opens at `depth`, under the encoder's bound.
pub(super) fn deeper(depth: usize) -> Result<usize, Problem> {
    if depth == MAX_DEPTH {
        return Err(Problem::unsupported(format!(
            "nested deeper than {MAX_DEPTH} levels"
        )));
    }
    Ok(depth + 1)
}
