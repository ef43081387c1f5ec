//! The types both sides are brought to, and how the configuration writes them.

use crate::model::MAX_TYPE_DEPTH;
use serde::{Serialize, Serializer};
use std::fmt;

/// The type both sides are brought to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A truth value.
    Bool,
    /// An integer of any size.
    Int,
    /// 64-bit binary floating point.
    Double,
    /// 32-bit binary floating point.
    Float,
    /// A decimal number.
    Decimal,
    /// Any number, as it stands.
    Number,
    /// Text.
    Text,
    /// Bytes, whatever the BSON subtype.
    Bytes,
    /// A UUID.
    Uuid,
    /// A BSON ObjectId.
    ObjectId,
    /// A point in time.
    Timestamp,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// Months, days and nanoseconds.
    Duration,
    /// An IP address.
    Inet,
    /// A sequence, with the type of its elements if it is said.
    List(Option<Box<Type>>),
    /// Distinct elements in no order, with their type if it is said.
    Set(Option<Box<Type>>),
    /// A sequence of a fixed length and one type.
    Vector(Box<Type>, usize),
    /// A sequence with a type for each place.
    Tuple(Vec<Type>),
    /// Pairs of a key type and a value type.
    Map(Box<(Type, Type)>),
    /// Named fields; those named here have a type, the others stay as they are.
    Document(Vec<(String, Type)>),
}

/// Why a text is no type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// What was found and expected.
    pub message: String,
    /// The name that is no type's, where that is what is wrong.
    pub unknown: Option<String>,
}

impl Type {
    /// The names of the types, for messages and suggestions.
    pub const NAMES: [&str; 40] = [
        "bool",
        "boolean",
        "int",
        "int32",
        "int64",
        "bigint",
        "smallint",
        "tinyint",
        "varint",
        "counter",
        "long",
        "double",
        "float",
        "decimal",
        "decimal128",
        "number",
        "text",
        "string",
        "varchar",
        "ascii",
        "bytes",
        "blob",
        "binary",
        "uuid",
        "timeuuid",
        "objectid",
        "timestamp",
        "datetime",
        "date",
        "time",
        "duration",
        "inet",
        "list",
        "array",
        "tuple",
        "vector",
        "set",
        "document",
        "map",
        "object",
    ];

    /// Reads a type by any of its names in BSON or CQL: `int`, `list<int>`, `map<text, frozen<set<uuid>>>`,
    /// `tuple<int, text>`, `vector<float, 3>`, `document<sku: text, qty: int>`.
    ///
    /// # Errors
    /// What was found and expected.
    pub fn parse(text: &str) -> Result<Type, TypeError> {
        let mut parser = Parser { rest: text };
        let ty = parser.ty(0)?;
        match parser.peek() {
            None => Ok(ty),
            Some(_) => Err(parser.expected("the end of the type")),
        }
    }

    /// The type's name, without what is said of what it holds.
    pub fn word(&self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Double => "double",
            Type::Float => "float",
            Type::Decimal => "decimal",
            Type::Number => "number",
            Type::Text => "text",
            Type::Bytes => "bytes",
            Type::Uuid => "uuid",
            Type::ObjectId => "objectid",
            Type::Timestamp => "timestamp",
            Type::Date => "date",
            Type::Time => "time",
            Type::Duration => "duration",
            Type::Inet => "inet",
            Type::List(_) => "list",
            Type::Set(_) => "set",
            Type::Vector(..) => "vector",
            Type::Tuple(_) => "tuple",
            Type::Map(_) => "map",
            Type::Document(_) => "document",
        }
    }

    fn scalar(name: &str) -> Option<Type> {
        Some(match name {
            "bool" | "boolean" => Type::Bool,
            "int" | "int32" | "int64" | "bigint" | "smallint" | "tinyint" | "varint" | "counter" | "long" => {
                Type::Int
            }
            "double" => Type::Double,
            "float" => Type::Float,
            "decimal" | "decimal128" => Type::Decimal,
            "number" => Type::Number,
            "text" | "string" | "varchar" | "ascii" => Type::Text,
            "bytes" | "blob" | "binary" => Type::Bytes,
            "uuid" | "timeuuid" => Type::Uuid,
            "objectid" => Type::ObjectId,
            "timestamp" | "datetime" => Type::Timestamp,
            "date" => Type::Date,
            "time" => Type::Time,
            "duration" => Type::Duration,
            "inet" => Type::Inet,
            "list" | "array" | "tuple" | "vector" => Type::List(None),
            "set" => Type::Set(None),
            "document" | "map" | "object" | "udt" => Type::Document(Vec::new()),
            _ => return None,
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn expected(&self, what: &str) -> TypeError {
        let found = match self.rest {
            "" => "the end".to_owned(),
            rest => format!("{:?}", rest.chars().take(20).collect::<String>()),
        };
        TypeError {
            message: format!("expected {what}, found {found}"),
            unknown: None,
        }
    }

    fn accept(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.rest = &self.rest[c.len_utf8()..];
        }
        found
    }

    fn need(&mut self, c: char) -> Result<(), TypeError> {
        match self.accept(c) {
            true => Ok(()),
            false => Err(self.expected(&format!("{c:?}"))),
        }
    }

    fn name(&mut self, what: &str) -> Result<&'a str, TypeError> {
        self.peek();
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$' | '-')))
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.expected(what));
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(name)
    }

    fn ty(&mut self, depth: usize) -> Result<Type, TypeError> {
        if depth == MAX_TYPE_DEPTH {
            return Err(self.expected(&format!("no more than {MAX_TYPE_DEPTH} types inside one another")));
        }
        let written = self.name("a type")?;
        let name = written.to_lowercase();
        if self.peek() != Some('<') {
            return Type::scalar(&name).ok_or_else(|| TypeError {
                message: format!("unknown type {written:?}"),
                unknown: Some(name),
            });
        }
        self.need('<')?;
        let deeper = depth + 1;
        let ty = match name.as_str() {
            "frozen" => self.ty(deeper)?,
            "list" | "array" => Type::List(Some(Box::new(self.ty(deeper)?))),
            "set" => Type::Set(Some(Box::new(self.ty(deeper)?))),
            "map" => {
                let key = self.ty(deeper)?;
                self.need(',')?;
                Type::Map(Box::new((key, self.ty(deeper)?)))
            }
            "tuple" => {
                let mut parts = vec![self.ty(deeper)?];
                while self.accept(',') {
                    parts.push(self.ty(deeper)?);
                }
                Type::Tuple(parts)
            }
            "vector" => {
                let element = self.ty(deeper)?;
                self.need(',')?;
                let length = self.name("the vector's length")?;
                let length = length
                    .parse()
                    .map_err(|_| self.expected("the vector's length before this"))?;
                Type::Vector(Box::new(element), length)
            }
            "document" | "object" => {
                let mut fields: Vec<(String, Type)> = Vec::new();
                loop {
                    let field = self.name("a field's name")?.to_owned();
                    if fields.iter().any(|(name, _)| *name == field) {
                        return Err(self.expected(&format!("field {field:?} once only")));
                    }
                    self.need(':')?;
                    fields.push((field, self.ty(deeper)?));
                    if !self.accept(',') {
                        break Type::Document(fields);
                    }
                }
            }
            _ => {
                return Err(TypeError {
                    message: format!("{written:?} takes no type in angle brackets"),
                    unknown: None,
                });
            }
        };
        self.need('>')?;
        Ok(ty)
    }
}

impl fmt::Display for Type {
    /// The type as the configuration writes it; `parse` reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let parts: Vec<String> = match self {
            Type::List(Some(element)) | Type::Set(Some(element)) => vec![element.to_string()],
            Type::Vector(element, length) => vec![element.to_string(), length.to_string()],
            Type::Map(pair) => vec![pair.0.to_string(), pair.1.to_string()],
            Type::Tuple(parts) => parts.iter().map(Type::to_string).collect(),
            Type::Document(fields) => fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect(),
            _ => Vec::new(),
        };
        match parts.is_empty() {
            true => Ok(()),
            false => write!(f, "<{}>", parts.join(", ")),
        }
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_back_as_printed() {
        for text in [
            "list<int>",
            "map<uuid, list<set<text>>>",
            "tuple<int, text, document<sku: text, qty: int>>",
            "vector<float, 3>",
            "document",
        ] {
            assert_eq!(Type::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Type::parse(" Map<TEXT,frozen<list<BigInt>>> ")
                .unwrap()
                .to_string(),
            "map<text, list<int>>"
        );
        for name in Type::NAMES {
            Type::parse(name).unwrap();
        }
    }

    #[test]
    fn what_is_no_type_is_refused() {
        let deep = "list<".repeat(100_000);
        for (text, message) in [
            ("", "expected a type, found the end"),
            ("txet", "unknown type \"txet\""),
            ("list<txet>", "unknown type \"txet\""),
            ("list<int", "expected '>', found the end"),
            ("list<int>>", "expected the end of the type, found \">\""),
            ("map<int>", "expected ',', found \">\""),
            ("int<text>", "\"int\" takes no type in angle brackets"),
            ("vector<float, x>", "expected the vector's length"),
            ("document<a int>", "expected ':', found \"int>\""),
            ("document<a: int, a: int>", "expected field \"a\" once only"),
            (deep.as_str(), "expected no more than 64 types"),
        ] {
            let error = Type::parse(text).unwrap_err();
            assert!(
                error.message.starts_with(message),
                "{} / {message}",
                error.message
            );
        }
        assert_eq!(
            Type::parse("list<txet>").unwrap_err().unknown.as_deref(),
            Some("txet")
        );
    }
}
