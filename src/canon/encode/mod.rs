//! The canonical encoder: values in, self-delimiting bytes out, injective up to the declared [`Equality`].
//!
//! Every reader (raw BSON, Extended JSON, text cells, the tree form) drives this one encoder, so that equal values get
//! equal bytes whatever wrote them. Layout, version 1:
//!
//! ```text
//! value    = tag content
//! int      = i64 LE                       integral values within 64 bits, whatever type held them
//! double   = IEEE bits LE                 non-integral values that a double holds exactly, and the infinities
//! decimal  = sign exponent(zigzag) len magnitude(BE)    all other numbers, no trailing zeros
//! typed    = source type, then the number (decimals as stored)          only under numbers = typed
//! text     = len bytes                    len is a LEB128 number
//! list     = value* END                   set: sorted by bytes, no duplicates
//! document = (PAIR len name value)* END   sorted by name bytes unless the order counts
//! map      = (value value)* END           sorted by key bytes; with text keys only it is written as a document
//! ```

mod nested;
mod number;
mod scalar;

use super::Equality;
use crate::model::{Problem, Value};
use nested::Span;

pub use nested::MAX_DEPTH;

/// Room that a buffer begins with.
const ROOM: usize = 512;

/// The largest buffer that is kept for the next value.
const MOST_KEPT: usize = 1 << 20;

/// Writes canonical bytes into a buffer of its own, which is reused from value to value.
#[derive(Debug)]
pub struct Encoder {
    equality: Equality,
    out: Vec<u8>,
    spans: Vec<Span>,
    scratch: Vec<u8>,
    depth: usize,
}

impl Encoder {
    /// An encoder under `equality`, with an empty buffer.
    pub fn new(equality: Equality) -> Encoder {
        Encoder {
            equality,
            out: Vec::with_capacity(ROOM),
            spans: Vec::new(),
            scratch: Vec::new(),
            depth: 0,
        }
    }

    /// The equality this encoder writes under.
    pub fn equality(&self) -> &Equality {
        &self.equality
    }

    /// What has been written since the last [`Encoder::clear`].
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Empties the buffer (also what a failed value left behind), and lets go of one that a very long value took.
    pub fn clear(&mut self) {
        self.out.clear();
        if self.out.capacity() > MOST_KEPT {
            self.out.shrink_to(ROOM);
        }
        self.spans.clear();
        self.depth = 0;
    }

    /// Drops what was written after the first `len` bytes; for callers that put several values in one buffer.
    pub fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
        self.spans.clear();
        self.depth = 0;
    }

    /// Appends bytes that are canonical already.
    pub fn raw(&mut self, canonical: &[u8]) {
        self.out.extend_from_slice(canonical);
    }

    /// Writes a value from its tree form.
    pub fn value(&mut self, value: &Value) -> Result<(), Problem> {
        match value {
            Value::Null => self.null(),
            Value::Undefined => self.undefined(),
            Value::Bool(v) => self.bool(*v),
            Value::Number(n) => self.number(n),
            Value::Text(s) => self.text(s.as_bytes())?,
            Value::Symbol(s) => self.symbol(s.as_bytes())?,
            Value::Bytes { subtype, bytes } => self.binary(*subtype, bytes),
            Value::Timestamp(t) => self.timestamp(*t),
            Value::Date(days) => self.date(*days),
            Value::Time(nanos) => self.time(*nanos),
            Value::Duration { months, days, nanos } => self.duration(*months, *days, *nanos),
            Value::Uuid(u) => self.uuid(u),
            Value::ObjectId(id) => self.object_id(id),
            Value::Inet(ip) => self.inet(*ip),
            Value::List(items) => self.list(|e| {
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, v)| e.value(v).map_err(|p| p.at(i)))
            })?,
            Value::Set(items) => self.set(|e| items.iter().try_for_each(|v| e.element(|e| e.value(v))))?,
            Value::Map(pairs) => {
                self.map(|e| {
                    pairs
                        .iter()
                        .try_for_each(|(k, v)| e.entry(|e| e.value(k), |e| e.value(v)))
                })?;
            }
            Value::Document(fields) => self.fields(fields)?,
            Value::Regex { pattern, options } => self.regex(pattern.as_bytes(), options.as_bytes())?,
            Value::Code { code, scope: None } => self.code(code.as_bytes())?,
            Value::Code {
                code,
                scope: Some(scope),
            } => {
                self.code_with_scope(code.as_bytes(), |e| e.fields(scope))?;
            }
            Value::BsonTimestamp { time, increment } => self.bson_timestamp(*time, *increment),
            Value::MinKey => self.min_key(),
            Value::MaxKey => self.max_key(),
            Value::DbPointer { namespace, id } => self.db_pointer(namespace.as_bytes(), id)?,
        }
        Ok(())
    }

    fn fields(&mut self, fields: &[(String, Value)]) -> Result<(), Problem> {
        self.document(|e| {
            fields
                .iter()
                .try_for_each(|(name, v)| e.field(name.as_bytes(), |e| e.value(v)))
        })
    }

    #[inline]
    fn len(&mut self, len: usize) {
        self.leb128(len as u64);
    }

    #[inline]
    fn leb128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
