//! The tree form of a value.

use super::Number;
use std::net::IpAddr;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, over a range wider than any store's.
///
/// BSON dates and CQL timestamps count milliseconds in an `i64`, which spans ±292 million years; 128 bits hold all of
/// them in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i128);

impl Timestamp {
    /// A timestamp from milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Timestamp {
        Timestamp(ms as i128 * 1_000_000)
    }
}

/// One value of any BSON or CQL type.
///
/// Equality of values is *canonical* equality (see [`crate::canon`]), so this type has no `PartialEq` of its own.
#[derive(Clone, Debug)]
pub enum Value {
    /// BSON null, an unset CQL cell, a CSV cell that holds the null token.
    Null,
    /// BSON's deprecated `undefined`; not equal to null.
    Undefined,
    /// A truth value.
    Bool(bool),
    /// Any number, with the type that held it.
    Number(Number),
    /// UTF-8 text: BSON string, CQL text, ascii, varchar.
    Text(String),
    /// BSON's deprecated symbol; not equal to text.
    Symbol(String),
    /// Bytes, with the BSON binary subtype (0 for CQL blobs). Subtype 4 of length 16 is a [`Value::Uuid`].
    Bytes {
        /// The BSON binary subtype.
        subtype: u8,
        /// The bytes themselves.
        bytes: Vec<u8>,
    },
    /// A point in time: BSON date, CQL timestamp.
    Timestamp(Timestamp),
    /// A calendar date, in days since 1970-01-01 (CQL date).
    Date(i64),
    /// A time of day, in nanoseconds since midnight (CQL time), 0 to 86 399 999 999 999.
    Time(u64),
    /// A CQL duration; the three parts do not convert into one another.
    Duration {
        /// Whole months, which differ in length.
        months: i32,
        /// Whole days, which differ in length where clocks change.
        days: i32,
        /// The rest, in nanoseconds.
        nanos: i64,
    },
    /// A UUID: BSON binary subtype 4, CQL uuid and timeuuid.
    Uuid([u8; 16]),
    /// A BSON ObjectId.
    ObjectId([u8; 12]),
    /// An IP address (CQL inet).
    Inet(IpAddr),
    /// A sequence: BSON array, CQL list, tuple and vector.
    List(Vec<Value>),
    /// A set: order and duplicates do not count.
    Set(Vec<Value>),
    /// A map. With text keys only it is equal to a [`Value::Document`] of the same pairs.
    Map(Vec<(Value, Value)>),
    /// Named fields, in the order the source had them: BSON document, CQL UDT, JSON object.
    Document(Vec<(String, Value)>),
    /// A BSON regular expression.
    Regex {
        /// The pattern.
        pattern: String,
        /// The option letters, as stored.
        options: String,
    },
    /// BSON JavaScript code, with or without scope.
    Code {
        /// The source text.
        code: String,
        /// The scope document, for the type that has one.
        scope: Option<Vec<(String, Value)>>,
    },
    /// BSON's internal timestamp.
    BsonTimestamp {
        /// Seconds since the epoch.
        time: u32,
        /// Ordinal within the second.
        increment: u32,
    },
    /// BSON MinKey.
    MinKey,
    /// BSON MaxKey.
    MaxKey,
    /// BSON's deprecated DBPointer.
    DbPointer {
        /// The namespace pointed into.
        namespace: String,
        /// The id pointed at.
        id: [u8; 12],
    },
}

impl Value {
    /// The name of the value's type, as reports print it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Undefined => "undefined",
            Value::Bool(_) => "bool",
            Value::Number(n) => n.ty.name(),
            Value::Text(_) => "text",
            Value::Symbol(_) => "symbol",
            Value::Bytes { .. } => "bytes",
            Value::Timestamp(_) => "timestamp",
            Value::Date(_) => "date",
            Value::Time(_) => "time",
            Value::Duration { .. } => "duration",
            Value::Uuid(_) => "uuid",
            Value::ObjectId(_) => "objectid",
            Value::Inet(_) => "inet",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Map(_) => "map",
            Value::Document(_) => "document",
            Value::Regex { .. } => "regex",
            Value::Code { .. } => "code",
            Value::BsonTimestamp { .. } => "bson_timestamp",
            Value::MinKey => "minkey",
            Value::MaxKey => "maxkey",
            Value::DbPointer { .. } => "dbpointer",
        }
    }
}
