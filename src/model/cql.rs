//! CQL types as `DESCRIBE` prints them.

use super::cql_lexer::{Lexer, SchemaError, Token};
use std::fmt;
use std::sync::Arc;

/// The deepest nesting of types that is read. Whatever reads values by their type recurses no deeper.
pub const MAX_TYPE_DEPTH: usize = 64;

/// A CQL type. User-defined types carry their fields, so a value can be read with nothing else at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CqlType {
    /// US-ASCII text.
    Ascii,
    /// 64-bit integer.
    Bigint,
    /// Bytes.
    Blob,
    /// Truth value.
    Boolean,
    /// Distributed counter, a 64-bit integer.
    Counter,
    /// Calendar date.
    Date,
    /// Decimal of any precision.
    Decimal,
    /// IEEE 754 binary64.
    Double,
    /// Months, days and nanoseconds.
    Duration,
    /// IEEE 754 binary32.
    Float,
    /// IPv4 or IPv6 address.
    Inet,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    Smallint,
    /// UTF-8 text; `varchar` is another name for it.
    Text,
    /// Time of day.
    Time,
    /// Milliseconds since the epoch.
    Timestamp,
    /// UUID, version 1.
    Timeuuid,
    /// 8-bit integer.
    Tinyint,
    /// UUID.
    Uuid,
    /// Integer of any size.
    Varint,
    /// A value stored as one cell.
    Frozen(Box<CqlType>),
    /// A sequence.
    List(Box<CqlType>),
    /// Distinct elements.
    Set(Box<CqlType>),
    /// Keys and values.
    Map(Box<CqlType>, Box<CqlType>),
    /// A fixed sequence of types.
    Tuple(Vec<CqlType>),
    /// A fixed number of elements of one type.
    Vector(Box<CqlType>, u32),
    /// A user-defined type.
    Udt(Arc<Udt>),
    /// A type given by the name of a Java class; its values cannot be compared.
    Custom(String),
}

/// A user-defined type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udt {
    /// The type's name, without quotes.
    pub name: String,
    /// Field names, without quotes, and types, in the order of the declaration.
    pub fields: Vec<(String, CqlType)>,
}

impl CqlType {
    /// Reads a type that mentions no user-defined type, e.g. `map<text, frozen<list<int>>>`.
    pub fn parse(text: &str) -> Result<CqlType, SchemaError> {
        CqlType::parse_with(text, &mut |_, _| None)
    }

    /// Reads a type; `udt` is asked for user-defined types by keyspace, if one is written, and name.
    pub fn parse_with(
        text: &str,
        udt: &mut dyn FnMut(Option<&str>, &str) -> Option<Arc<Udt>>,
    ) -> Result<CqlType, SchemaError> {
        let mut lexer = Lexer::new(text);
        let ty = TypeText::read(&mut lexer)?.resolve(udt)?;
        match lexer.next()? {
            None => Ok(ty),
            Some(_) => Err(lexer.error("expected the type to end here")),
        }
    }

    /// The type without `frozen<…>` around it.
    pub fn thawed(&self) -> &CqlType {
        match self {
            CqlType::Frozen(inner) => inner.thawed(),
            other => other,
        }
    }

    /// Whether a column of this type holds a cell per element, so that empty and null are the same to the server.
    pub fn is_multicell(&self) -> bool {
        matches!(
            self,
            CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Udt(_)
        )
    }

    /// Whether this is plain text.
    pub fn is_text(&self) -> bool {
        matches!(self.thawed(), CqlType::Text | CqlType::Ascii)
    }

    /// Whether `wanted` holds for this type or for any type inside it.
    pub fn contains(&self, wanted: &dyn Fn(&CqlType) -> bool) -> bool {
        wanted(self)
            || match self {
                CqlType::Frozen(t) | CqlType::List(t) | CqlType::Set(t) | CqlType::Vector(t, _) => {
                    t.contains(wanted)
                }
                CqlType::Map(k, v) => k.contains(wanted) || v.contains(wanted),
                CqlType::Tuple(parts) => parts.iter().any(|t| t.contains(wanted)),
                CqlType::Udt(udt) => udt.fields.iter().any(|(_, t)| t.contains(wanted)),
                _ => false,
            }
    }

    fn scalar(name: &str) -> Option<CqlType> {
        Some(match name {
            "ascii" => CqlType::Ascii,
            "bigint" => CqlType::Bigint,
            "blob" => CqlType::Blob,
            "boolean" => CqlType::Boolean,
            "counter" => CqlType::Counter,
            "date" => CqlType::Date,
            "decimal" => CqlType::Decimal,
            "double" => CqlType::Double,
            "duration" => CqlType::Duration,
            "float" => CqlType::Float,
            "inet" => CqlType::Inet,
            "int" => CqlType::Int,
            "smallint" => CqlType::Smallint,
            "text" | "varchar" => CqlType::Text,
            "time" => CqlType::Time,
            "timestamp" => CqlType::Timestamp,
            "timeuuid" => CqlType::Timeuuid,
            "tinyint" => CqlType::Tinyint,
            "uuid" => CqlType::Uuid,
            "varint" => CqlType::Varint,
            _ => return None,
        })
    }
}

/// A type as written, before user-defined types are looked up.
#[derive(Clone, Debug)]
pub(super) struct TypeText {
    line: usize,
    column: usize,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Scalar(CqlType),
    Named(Option<String>, String),
    Frozen(Box<TypeText>),
    List(Box<TypeText>),
    Set(Box<TypeText>),
    Map(Box<TypeText>, Box<TypeText>),
    Tuple(Vec<TypeText>),
    Vector(Box<TypeText>, u32),
}

impl TypeText {
    /// An error about this type.
    pub(super) fn error(&self, message: String) -> SchemaError {
        SchemaError {
            line: self.line,
            column: self.column,
            message,
        }
    }

    /// Reads one type at the lexer's place.
    pub(super) fn read(lexer: &mut Lexer<'_>) -> Result<TypeText, SchemaError> {
        TypeText::read_at(lexer, 0)
    }

    fn read_at(lexer: &mut Lexer<'_>, depth: usize) -> Result<TypeText, SchemaError> {
        if depth == MAX_TYPE_DEPTH {
            return Err(lexer.error(format!("type nested deeper than {MAX_TYPE_DEPTH} levels")));
        }
        let token = lexer.next()?;
        let (line, column) = lexer.place();
        let shape = match token {
            Some(Token::Text(class)) => Shape::Scalar(CqlType::Custom(class)),
            Some(Token::Word(word)) => match lexer.peek()? {
                Some(Token::Symbol(b'<')) => TypeText::parameters(lexer, &word, depth)?,
                _ => match CqlType::scalar(&word) {
                    Some(ty) => Shape::Scalar(ty),
                    None => TypeText::named(lexer, word)?,
                },
            },
            Some(Token::Quoted(name)) => TypeText::named(lexer, name)?,
            _ => return Err(lexer.error("expected a type")),
        };
        Ok(TypeText { line, column, shape })
    }

    fn named(lexer: &mut Lexer<'_>, first: String) -> Result<Shape, SchemaError> {
        if lexer.accept(b'.')? {
            Ok(Shape::Named(Some(first), lexer.name("a type name")?))
        } else {
            Ok(Shape::Named(None, first))
        }
    }

    fn parameters(lexer: &mut Lexer<'_>, word: &str, depth: usize) -> Result<Shape, SchemaError> {
        lexer.expect(b'<')?;
        let next = |lexer: &mut Lexer<'_>| Ok(Box::new(TypeText::read_at(lexer, depth + 1)?));
        let shape = match word {
            "frozen" => Shape::Frozen(next(lexer)?),
            "list" => Shape::List(next(lexer)?),
            "set" => Shape::Set(next(lexer)?),
            "map" => {
                let key = next(lexer)?;
                lexer.expect(b',')?;
                Shape::Map(key, next(lexer)?)
            }
            "tuple" => {
                let mut parts = vec![*next(lexer)?];
                while lexer.accept(b',')? {
                    parts.push(*next(lexer)?);
                }
                Shape::Tuple(parts)
            }
            "vector" => {
                let element = next(lexer)?;
                lexer.expect(b',')?;
                let size = lexer.name("the vector's number of elements")?;
                let size = size
                    .parse()
                    .map_err(|_| lexer.error("expected the vector's number of elements"))?;
                Shape::Vector(element, size)
            }
            other => return Err(lexer.error(format!("unknown type {other:?} with parameters"))),
        };
        lexer.expect(b'>')?;
        Ok(shape)
    }

    /// Looks user-defined types up.
    pub(super) fn resolve(
        &self,
        udt: &mut dyn FnMut(Option<&str>, &str) -> Option<Arc<Udt>>,
    ) -> Result<CqlType, SchemaError> {
        let mut boxed = |t: &TypeText| t.resolve(udt).map(Box::new);
        Ok(match &self.shape {
            Shape::Scalar(ty) => ty.clone(),
            Shape::Frozen(t) => CqlType::Frozen(boxed(t)?),
            Shape::List(t) => CqlType::List(boxed(t)?),
            Shape::Set(t) => CqlType::Set(boxed(t)?),
            Shape::Map(k, v) => CqlType::Map(boxed(k)?, boxed(v)?),
            Shape::Vector(t, n) => CqlType::Vector(boxed(t)?, *n),
            Shape::Tuple(parts) => {
                CqlType::Tuple(parts.iter().map(|t| t.resolve(udt)).collect::<Result<_, _>>()?)
            }
            Shape::Named(keyspace, name) => match udt(keyspace.as_deref(), name) {
                Some(found) => CqlType::Udt(found),
                None => {
                    let message = format!("unknown type {name:?}; is its CREATE TYPE in the schema file?");
                    return Err(self.error(message));
                }
            },
        })
    }
}

/// A name as CQL needs it written: quoted unless it is a plain lower-case word.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && CqlType::scalar(name).is_none();
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

impl fmt::Display for CqlType {
    /// The type as CQL; `parse` reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            CqlType::Ascii => "ascii",
            CqlType::Bigint => "bigint",
            CqlType::Blob => "blob",
            CqlType::Boolean => "boolean",
            CqlType::Counter => "counter",
            CqlType::Date => "date",
            CqlType::Decimal => "decimal",
            CqlType::Double => "double",
            CqlType::Duration => "duration",
            CqlType::Float => "float",
            CqlType::Inet => "inet",
            CqlType::Int => "int",
            CqlType::Smallint => "smallint",
            CqlType::Text => "text",
            CqlType::Time => "time",
            CqlType::Timestamp => "timestamp",
            CqlType::Timeuuid => "timeuuid",
            CqlType::Tinyint => "tinyint",
            CqlType::Uuid => "uuid",
            CqlType::Varint => "varint",
            CqlType::Frozen(t) => return write!(f, "frozen<{t}>"),
            CqlType::List(t) => return write!(f, "list<{t}>"),
            CqlType::Set(t) => return write!(f, "set<{t}>"),
            CqlType::Map(k, v) => return write!(f, "map<{k}, {v}>"),
            CqlType::Vector(t, n) => return write!(f, "vector<{t}, {n}>"),
            CqlType::Tuple(parts) => {
                f.write_str("tuple<")?;
                for (i, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if i > 0 { ", " } else { "" })?;
                }
                return f.write_str(">");
            }
            CqlType::Udt(udt) => return f.write_str(&quoted(&udt.name)),
            CqlType::Custom(class) => return write!(f, "'{}'", class.replace('\'', "''")),
        };
        f.write_str(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_back_as_printed() {
        let place = Arc::new(Udt {
            name: "Pl \"ace".into(),
            fields: vec![("city".into(), CqlType::Text)],
        });
        for text in [
            "int",
            "map<uuid, frozen<list<text>>>",
            "frozen<tuple<int, text, frozen<set<inet>>>>",
            "vector<float, 3>",
            "frozen<\"Pl \"\"ace\">",
            "'org.apache.cassandra.db.marshal.Foo'",
        ] {
            let ty = CqlType::parse_with(text, &mut |_, n| (n == place.name).then(|| place.clone())).unwrap();
            assert_eq!(ty.to_string(), text);
        }
        assert_eq!(CqlType::parse("VarChar").unwrap(), CqlType::Text);
    }

    #[test]
    fn what_is_no_type_is_refused_with_its_place() {
        let deep = "list<".repeat(100_000);
        for (text, at) in [
            ("", 1),
            ("list<int", 9),
            ("map<int>", 8),
            ("list<int>>", 10),
            ("vector<float, x>", 15),
            ("thing", 1),
            ("int int", 5),
            (deep.as_str(), 320),
        ] {
            let error = CqlType::parse(text).unwrap_err();
            assert!((at..=at + 1).contains(&error.column), "{at} {error}");
        }
    }
}
