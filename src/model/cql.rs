//! CQL types, and the part of `schema.cql` (as cqlsh's DESCRIBE prints it) that says how columns are typed.

use std::collections::HashMap;

/// A CQL type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CqlType {
    /// A type without parameters, by its name in lower case: `int`, `text`, `timeuuid` and so on.
    Native(String),
    /// `list<T>`.
    List(Box<CqlType>),
    /// `set<T>`.
    Set(Box<CqlType>),
    /// `map<K, V>`.
    Map(Box<CqlType>, Box<CqlType>),
    /// `tuple<…>`.
    Tuple(Vec<CqlType>),
    /// `vector<T, n>`.
    Vector(Box<CqlType>, usize),
    /// A user-defined type with its fields.
    Udt(String, Vec<(String, CqlType)>),
    /// `frozen<T>`.
    Frozen(Box<CqlType>),
}

const NATIVE: [&str; 22] = [
    "ascii", "bigint", "blob", "boolean", "counter", "date", "decimal", "double", "duration", "float", "inet", "int",
    "smallint", "text", "time", "timestamp", "timeuuid", "tinyint", "uuid", "varchar", "varint", "empty",
];

impl CqlType {
    /// The type without `frozen`.
    pub fn thawed(&self) -> &CqlType {
        match self {
            CqlType::Frozen(inner) => inner.thawed(),
            other => other,
        }
    }

    /// Whether the server cannot tell an empty value of this column from null.
    pub fn empty_is_null(&self) -> bool {
        matches!(self, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..))
    }

    /// Whether values are text.
    pub fn is_text(&self) -> bool {
        matches!(self.thawed(), CqlType::Native(n) if matches!(n.as_str(), "text" | "ascii" | "varchar"))
    }

    /// Whether values are, or hold, binary floating point numbers; the widest kind (`double` or `float`) if so.
    pub fn floating(&self) -> Option<&'static str> {
        match self {
            CqlType::Native(n) if n == "double" => Some("double"),
            CqlType::Native(n) if n == "float" => Some("float"),
            CqlType::Native(_) => None,
            CqlType::List(t) | CqlType::Set(t) | CqlType::Vector(t, _) | CqlType::Frozen(t) => t.floating(),
            CqlType::Map(k, v) => k.floating().or(v.floating()),
            CqlType::Tuple(parts) => parts.iter().find_map(CqlType::floating),
            CqlType::Udt(_, fields) => fields.iter().find_map(|(_, t)| t.floating()),
        }
    }
}

/// A column.
#[derive(Clone, Debug)]
pub struct CqlColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: CqlType,
    /// Whether it is shared by all rows of a partition.
    pub is_static: bool,
}

/// A table.
#[derive(Clone, Debug)]
pub struct CqlTable {
    /// Its keyspace, where the schema names one.
    pub keyspace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<CqlColumn>,
    /// The whole primary key: partition key, then clustering columns.
    pub key: Vec<String>,
}

/// The types and tables of a schema file.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    tables: Vec<CqlTable>,
}

/// What a schema file has wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct SchemaError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text,
    Symbol(char),
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<(usize, Token)>,
    at: usize,
    types: HashMap<String, Vec<(String, CqlType)>>,
}

impl Schema {
    /// Reads the tables and types a schema creates; everything else in it is passed over.
    pub fn parse(source: &str) -> Result<Schema, SchemaError> {
        let mut parser = Parser { source, tokens: Vec::new(), at: 0, types: HashMap::new() };
        parser.tokenise()?;
        let mut schema = Schema::default();
        while parser.at < parser.tokens.len() {
            if parser.keyword("create") {
                if parser.keyword("type") {
                    parser.create_type()?;
                    continue;
                } else if parser.keyword("table") || parser.keyword("columnfamily") {
                    let table = parser.create_table()?;
                    schema.tables.push(table);
                    continue;
                }
            }
            parser.at += 1;
        }
        Ok(schema)
    }

    /// The table called `name`, with or without its keyspace.
    pub fn find(&self, name: &str) -> Option<&CqlTable> {
        let (keyspace, table) = name.rsplit_once('.').map_or((None, name), |(k, t)| (Some(k), t));
        self.tables.iter().find(|t| t.name == table && (keyspace.is_none() || t.keyspace.as_deref() == keyspace))
    }
}

impl Parser<'_> {
    fn error(&self, offset: usize, message: impl Into<String>) -> SchemaError {
        let before = &self.source[..offset.min(self.source.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        SchemaError { line, column, message: message.into() }
    }

    fn tokenise(&mut self) -> Result<(), SchemaError> {
        // cqlsh may print a warning ahead of the statements; it is no CQL.
        let source = self.source;
        let mut chars = source.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c.is_whitespace() => {}
                'W' if source[at..].starts_with("WARNING:") => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
                '-' if source[at..].starts_with("--") => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
                '/' if source[at..].starts_with("//") => while chars.next_if(|(_, c)| *c != '\n').is_some() {},
                '/' if source[at..].starts_with("/*") => {
                    let end = source[at..].find("*/").ok_or_else(|| self.error(at, "a comment that does not end"))?;
                    while chars.next_if(|(i, _)| *i < at + end + 2).is_some() {}
                }
                '"' | '\'' => {
                    let mut text = String::new();
                    loop {
                        match chars.next() {
                            Some((_, q)) if q == c => match chars.next_if(|(_, n)| *n == c) {
                                Some(_) => text.push(c),
                                None => break,
                            },
                            Some((_, other)) => text.push(other),
                            None => return Err(self.error(at, "a quote that does not end")),
                        }
                    }
                    self.tokens.push((at, if c == '"' { Token::Word(text) } else { Token::Text }));
                }
                _ if c.is_alphanumeric() || c == '_' => {
                    let mut end = at + c.len_utf8();
                    while let Some((i, n)) = chars.next_if(|(_, n)| n.is_alphanumeric() || *n == '_') {
                        end = i + n.len_utf8();
                    }
                    self.tokens.push((at, Token::Word(source[at..end].to_lowercase())));
                }
                _ => self.tokens.push((at, Token::Symbol(c))),
            }
        }
        Ok(())
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.source.len(), |t| t.0)
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some((_, Token::Word(w))) if w == word);
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = matches!(self.tokens.get(self.at), Some((_, Token::Symbol(s))) if *s == symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: char) -> Result<(), SchemaError> {
        match self.symbol(symbol) {
            true => Ok(()),
            false => Err(self.error(self.offset(), format!("expected {symbol:?}"))),
        }
    }

    fn word(&mut self) -> Result<String, SchemaError> {
        match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(self.error(self.offset(), "expected a name")),
        }
    }

    fn name(&mut self) -> Result<(Option<String>, String), SchemaError> {
        if self.keyword("if") {
            self.keyword("not");
            self.keyword("exists");
        }
        let first = self.word()?;
        match self.symbol('.') {
            true => Ok((Some(first), self.word()?)),
            false => Ok((None, first)),
        }
    }

    fn create_type(&mut self) -> Result<(), SchemaError> {
        let (_, name) = self.name()?;
        self.expect('(')?;
        let mut fields = Vec::new();
        while !self.symbol(')') {
            let field = self.word()?;
            fields.push((field, self.ty()?));
            self.symbol(',');
        }
        self.types.insert(name, fields);
        Ok(())
    }

    fn create_table(&mut self) -> Result<CqlTable, SchemaError> {
        let (keyspace, name) = self.name()?;
        self.expect('(')?;
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        while !self.symbol(')') {
            if matches!(&self.tokens.get(self.at..self.at + 2), Some([(_, Token::Word(a)), (_, Token::Word(b))]) if a == "primary" && b == "key")
            {
                self.at += 2;
                self.expect('(')?;
                let mut depth = 1;
                while depth > 0 {
                    if self.symbol('(') {
                        depth += 1;
                    } else if self.symbol(')') {
                        depth -= 1;
                    } else if !self.symbol(',') {
                        key.push(self.word()?);
                    }
                }
            } else {
                let column = self.word()?;
                let ty = self.ty()?;
                let is_static = self.keyword("static");
                if self.keyword("primary") {
                    self.keyword("key");
                    key.push(column.clone());
                }
                columns.push(CqlColumn { name: column, ty, is_static });
            }
            self.symbol(',');
        }
        Ok(CqlTable { keyspace, name, columns, key })
    }

    fn ty(&mut self) -> Result<CqlType, SchemaError> {
        let at = self.offset();
        let mut name = self.word()?;
        if self.symbol('.') {
            name = self.word()?;
        }
        if let Some(fields) = self.types.get(&name) {
            return Ok(CqlType::Udt(name, fields.clone()));
        }
        if NATIVE.contains(&name.as_str()) {
            return Ok(CqlType::Native(name));
        }
        if !self.symbol('<') {
            return Err(self.error(at, format!("unknown type {name}")));
        }
        let first = self.ty()?;
        let ty = match name.as_str() {
            "list" => CqlType::List(Box::new(first)),
            "set" => CqlType::Set(Box::new(first)),
            "frozen" => CqlType::Frozen(Box::new(first)),
            "map" => {
                self.expect(',')?;
                CqlType::Map(Box::new(first), Box::new(self.ty()?))
            }
            "vector" => {
                self.expect(',')?;
                let at = self.offset();
                let dimension = self.word()?.parse().map_err(|_| self.error(at, "expected a number of dimensions"))?;
                CqlType::Vector(Box::new(first), dimension)
            }
            "tuple" => {
                let mut parts = vec![first];
                while self.symbol(',') {
                    parts.push(self.ty()?);
                }
                CqlType::Tuple(parts)
            }
            _ => return Err(self.error(at, format!("unknown type {name}"))),
        };
        self.expect('>')?;
        Ok(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_schema_is_read() {
        let path = format!("{}/fixtures/cassandra/schema.cql", env!("CARGO_MANIFEST_DIR"));
        let schema = Schema::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        let wide = schema.find("shop.wide").unwrap();
        assert_eq!(wide.key, ["tenant", "bucket", "at", "seq"]);
        assert!(wide.columns.iter().any(|c| c.name == "note" && c.is_static));
        let types = schema.find("types").unwrap();
        assert_eq!(types.columns.len(), 29);
        let column = |name: &str| &types.columns.iter().find(|c| c.name == name).unwrap().ty;
        assert_eq!(*column("c_vector"), CqlType::Vector(Box::new(CqlType::Native("float".into())), 3));
        assert!(matches!(column("c_fudt"), CqlType::Frozen(t) if matches!(&**t, CqlType::Udt(n, f) if n == "place" && f.len() == 2)));
        assert!(column("c_list").empty_is_null() && !column("c_nested").empty_is_null());
        assert_eq!(column("c_vector").floating(), Some("float"));
        assert!(schema.find("other.types").is_none());
    }

    #[test]
    fn errors_say_where() {
        let error = Schema::parse("CREATE TABLE t (\n  a int PRIMARY KEY,\n  b list<strange>\n)").unwrap_err();
        assert_eq!(error.to_string(), "3:10: unknown type strange");
    }
}
