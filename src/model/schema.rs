//! The tables of a Cassandra keyspace, from the CQL that `DESCRIBE` prints.

use super::cql::{CqlType, MAX_TYPE_DEPTH, TypeText, Udt};
use super::cql_lexer::{Lexer, SchemaError, Token};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The direction of a clustering column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ascending, the default.
    Asc,
    /// Descending.
    Desc,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, without quotes.
    pub name: String,
    /// The type.
    pub ty: CqlType,
    /// Whether the value belongs to the partition rather than to the row.
    pub is_static: bool,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The keyspace; empty if the text names none.
    pub keyspace: String,
    /// The name, without quotes.
    pub name: String,
    /// All columns, in the order of the declaration.
    pub columns: Vec<Column>,
    /// Names of the partition key's columns.
    pub partition_key: Vec<String>,
    /// Names and directions of the clustering columns.
    pub clustering: Vec<(String, Order)>,
    /// Its options by name, as written, without blanks.
    pub options: BTreeMap<String, String>,
    /// Its secondary indexes.
    pub indexes: Vec<TableIndex>,
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIndex {
    /// The name; empty if the text gives none.
    pub name: String,
    /// What it indexes, as written, without blanks: a column, or `values(column)`.
    pub target: String,
    /// The class of a custom index, without its package.
    pub class: Option<String>,
    /// Its options as written, without blanks.
    pub options: String,
}

impl Table {
    /// The column of that exact name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

/// The tables of a schema text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    tables: Vec<Table>,
}

impl Schema {
    /// Reads what `cqlsh -e 'DESCRIBE …'` prints. Keyspace options, views, functions, roles and
    /// lines that are no CQL (cqlsh's warnings) are passed over; a changed table (`ALTER TABLE`, `ALTER TYPE`) is an
    /// error, since passing over it would give a wrong schema.
    pub fn parse(text: &str) -> Result<Schema, SchemaError> {
        let mut reader = Reader {
            lexer: Lexer::new(text.strip_prefix('\u{feff}').unwrap_or(text)),
            keyspace: String::new(),
            types: HashMap::new(),
            tables: Vec::new(),
            indexes: Vec::new(),
        };
        while reader.statement()? {}
        let Reader {
            types,
            tables,
            mut indexes,
            ..
        } = reader;
        let mut resolver = Resolver {
            types: &types,
            done: HashMap::new(),
            open: Vec::new(),
            parts: HashMap::new(),
        };
        let mut tables = tables
            .into_iter()
            .map(|t| t.resolve(&mut resolver))
            .collect::<Result<Vec<Table>, _>>()?;
        for table in &mut tables {
            let own = indexes.extract_if(.., |((keyspace, name), _)| {
                *keyspace == table.keyspace && *name == table.name
            });
            table.indexes = own.map(|(_, index)| index).collect();
        }
        Ok(Schema { tables })
    }

    /// The table of that name; without a keyspace, the only table of that name.
    pub fn table(&self, keyspace: Option<&str>, name: &str) -> Option<&Table> {
        let mut found = self
            .tables
            .iter()
            .filter(|t| t.name == name && keyspace.is_none_or(|k| k == t.keyspace));
        let table = found.next()?;
        found.next().is_none().then_some(table)
    }

    /// All tables, in the order of the text.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }
}

type TypeName = (String, String);

struct TableText {
    keyspace: String,
    name: String,
    columns: Vec<(String, TypeText, bool)>,
    partition_key: Vec<String>,
    clustering: Vec<(String, Order)>,
    options: BTreeMap<String, String>,
}

impl TableText {
    fn resolve(self, resolver: &mut Resolver<'_>) -> Result<Table, SchemaError> {
        let columns = self
            .columns
            .into_iter()
            .map(|(name, ty, is_static)| {
                let ty = resolver.ty(&self.keyspace, &ty)?;
                Ok(Column { name, ty, is_static })
            })
            .collect::<Result<_, _>>()?;
        Ok(Table {
            keyspace: self.keyspace,
            name: self.name,
            columns,
            partition_key: self.partition_key,
            clustering: self.clustering,
            options: self.options,
            indexes: Vec::new(),
        })
    }
}

/// Looks up user-defined types, which may stand in any order in the text.
struct Resolver<'a> {
    types: &'a HashMap<TypeName, Vec<(String, TypeText)>>,
    done: HashMap<TypeName, Arc<Udt>>,
    /// The types being resolved: a type that comes again contains itself.
    open: Vec<TypeName>,
    /// How many types each user-defined type holds, those inside others counted every time.
    parts: HashMap<*const Udt, usize>,
}

/// The most types that one type may hold, written out. A few lines can define a type of which no value could be read.
const MAX_TYPE_PARTS: usize = 10_000;

impl Resolver<'_> {
    fn ty(&mut self, keyspace: &str, text: &TypeText) -> Result<CqlType, SchemaError> {
        let mut inner = None;
        let ty = text.resolve(&mut |ks, name| match self.udt(ks.unwrap_or(keyspace), name) {
            Ok(udt) => udt,
            Err(error) => {
                inner = Some(error);
                None
            }
        });
        match inner {
            Some(error) => Err(error),
            None => ty,
        }
    }

    /// How many types a type holds, itself included.
    fn parts(&self, ty: &CqlType) -> usize {
        1 + match ty {
            CqlType::Frozen(t) | CqlType::List(t) | CqlType::Set(t) | CqlType::Vector(t, _) => self.parts(t),
            CqlType::Map(k, v) => self.parts(k) + self.parts(v),
            CqlType::Tuple(types) => types.iter().map(|t| self.parts(t)).sum(),
            CqlType::Udt(udt) => self.parts.get(&Arc::as_ptr(udt)).copied().unwrap_or_default(),
            _ => 0,
        }
    }

    fn udt(&mut self, keyspace: &str, name: &str) -> Result<Option<Arc<Udt>>, SchemaError> {
        let key = (keyspace.to_owned(), name.to_owned());
        if let Some(done) = self.done.get(&key) {
            return Ok(Some(done.clone()));
        }
        let Some(fields) = self.types.get(&key) else {
            return Ok(None);
        };
        // Types nest through names too, so what reads values by type is bounded here as well.
        if self.open.contains(&key) || self.open.len() == MAX_TYPE_DEPTH {
            return Ok(None);
        }
        self.open.push(key.clone());
        let mut parts = 1;
        let mut resolved = Vec::with_capacity(fields.len());
        for (field, text) in fields {
            let ty = self.ty(keyspace, text)?;
            parts += self.parts(&ty);
            if parts > MAX_TYPE_PARTS {
                let message = format!("type {name:?} holds more than {MAX_TYPE_PARTS} types, written out");
                return Err(text.error(message));
            }
            resolved.push((field.clone(), ty));
        }
        self.open.pop();
        let udt = Arc::new(Udt {
            name: name.to_owned(),
            fields: resolved,
        });
        self.parts.insert(Arc::as_ptr(&udt), parts);
        self.done.insert(key, udt.clone());
        Ok(Some(udt))
    }
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    keyspace: String,
    types: HashMap<TypeName, Vec<(String, TypeText)>>,
    tables: Vec<TableText>,
    indexes: Vec<(TypeName, TableIndex)>,
}

impl Reader<'_> {
    /// Reads one statement; false at the end.
    fn statement(&mut self) -> Result<bool, SchemaError> {
        let word = match self.lexer.next() {
            Ok(None) => return Ok(false),
            Ok(Some(Token::Symbol(b';'))) => return Ok(true),
            Ok(Some(Token::Word(word))) => word,
            _ => {
                self.lexer.skip_line();
                return Ok(true);
            }
        };
        match word.as_str() {
            "create" => {
                if self.lexer.accept_word("table")? {
                    self.table()?;
                } else if self.lexer.accept_word("type")? {
                    self.user_type()?;
                } else {
                    self.lexer.accept_word("custom")?;
                    if self.lexer.accept_word("index")? {
                        self.index()?;
                    }
                }
                self.finish()?;
            }
            "use" => {
                self.keyspace = self.lexer.name("a keyspace")?;
                self.finish()?;
            }
            "alter" => {
                if matches!(self.lexer.peek()?, Some(Token::Word(w)) if w == "table" || w == "type") {
                    return Err(self.lexer.error(
                        "a change to a table is not understood; give the output of DESCRIBE, without internals",
                    ));
                }
                self.finish()?;
            }
            "drop" | "insert" | "update" | "delete" | "grant" | "revoke" | "begin" | "apply" | "truncate"
            | "select" => {
                self.finish()?;
            }
            // A line of the shell's own, not CQL; it may hold anything, an unpaired quote too.
            _ => self.lexer.skip_line(),
        }
        Ok(true)
    }

    /// Skips the rest of the statement and its semicolon.
    fn finish(&mut self) -> Result<(), SchemaError> {
        while let Some(token) = self.lexer.next()? {
            if token == Token::Symbol(b';') {
                break;
            }
        }
        Ok(())
    }

    /// `[IF NOT EXISTS] [keyspace.]name`
    fn qualified(&mut self) -> Result<TypeName, SchemaError> {
        if self.lexer.accept_word("if")? {
            self.lexer.expect_word("not")?;
            self.lexer.expect_word("exists")?;
        }
        let first = self.lexer.name("a name")?;
        if self.lexer.accept(b'.')? {
            Ok((first, self.lexer.name("a name")?))
        } else {
            Ok((self.keyspace.clone(), first))
        }
    }

    fn user_type(&mut self) -> Result<(), SchemaError> {
        let key = self.qualified()?;
        self.lexer.expect(b'(')?;
        let mut fields = Vec::new();
        loop {
            let name = self.lexer.name("a field name")?;
            fields.push((name, TypeText::read(&mut self.lexer)?));
            if !self.lexer.accept(b',')? {
                break;
            }
        }
        self.lexer.expect(b')')?;
        self.types.insert(key, fields);
        Ok(())
    }

    fn table(&mut self) -> Result<(), SchemaError> {
        let (keyspace, name) = self.qualified()?;
        let mut table = TableText {
            keyspace,
            name,
            columns: Vec::new(),
            partition_key: Vec::new(),
            clustering: Vec::new(),
            options: BTreeMap::new(),
        };
        self.lexer.expect(b'(')?;
        loop {
            let first = self.lexer.next()?;
            match first {
                Some(Token::Word(w)) if w == "primary" && self.lexer.accept_word("key")? => {
                    self.primary_key(&mut table)?;
                }
                Some(Token::Word(column) | Token::Quoted(column)) => self.column(&mut table, column)?,
                _ => return Err(self.lexer.error("expected a column or PRIMARY KEY")),
            }
            if !self.lexer.accept(b',')? {
                break;
            }
        }
        self.lexer.expect(b')')?;
        let known = |name: &String| table.columns.iter().any(|(c, ..)| c == name);
        let mut keys = table
            .partition_key
            .iter()
            .chain(table.clustering.iter().map(|(c, _)| c));
        if table.partition_key.is_empty() {
            return Err(self
                .lexer
                .error(format!("table {:?} has no primary key", table.name)));
        }
        if let Some(missing) = keys.find(|k| !known(k)) {
            return Err(self
                .lexer
                .error(format!("key column {missing:?} is not among the columns")));
        }
        self.options(&mut table)?;
        self.tables.push(table);
        Ok(())
    }

    fn column(&mut self, table: &mut TableText, name: String) -> Result<(), SchemaError> {
        if table.columns.iter().any(|(c, ..)| *c == name) {
            return Err(self.lexer.error(format!("column {name:?} is declared twice")));
        }
        let ty = TypeText::read(&mut self.lexer)?;
        let mut is_static = false;
        let mut depth = 0usize;
        loop {
            match self.lexer.peek()? {
                None => return Err(self.lexer.error("table without its closing parenthesis")),
                Some(Token::Symbol(b',' | b')')) if depth == 0 => break,
                Some(Token::Symbol(b'(')) => depth += 1,
                Some(Token::Symbol(b')')) => depth -= 1,
                Some(Token::Word(w)) if w == "static" => is_static = true,
                Some(Token::Word(w)) if w == "primary" => table.partition_key.push(name.clone()),
                // Masks and constraints do not change what is stored.
                Some(_) => {}
            }
            self.lexer.next()?;
        }
        table.columns.push((name, ty, is_static));
        Ok(())
    }

    fn primary_key(&mut self, table: &mut TableText) -> Result<(), SchemaError> {
        self.lexer.expect(b'(')?;
        if self.lexer.accept(b'(')? {
            table.partition_key = self.names()?;
            self.lexer.expect(b')')?;
        } else {
            table.partition_key = vec![self.lexer.name("a key column")?];
        }
        if self.lexer.accept(b',')? {
            let names = self.names()?;
            table.clustering = names.into_iter().map(|n| (n, Order::Asc)).collect();
        }
        self.lexer.expect(b')')
    }

    fn names(&mut self) -> Result<Vec<String>, SchemaError> {
        let mut names = vec![self.lexer.name("a key column")?];
        while self.lexer.accept(b',')? {
            names.push(self.lexer.name("a key column")?);
        }
        Ok(names)
    }

    /// Reads the table's options, up to the semicolon.
    fn options(&mut self, table: &mut TableText) -> Result<(), SchemaError> {
        loop {
            match self.lexer.peek()? {
                None | Some(Token::Symbol(b';')) => return Ok(()),
                Some(Token::Word(w)) if w == "clustering" => {
                    self.lexer.next()?;
                    self.lexer.expect_word("order")?;
                    self.lexer.expect_word("by")?;
                    self.lexer.expect(b'(')?;
                    loop {
                        let name = self.lexer.name("a clustering column")?;
                        let order = if self.lexer.accept_word("desc")? {
                            Order::Desc
                        } else {
                            self.lexer.accept_word("asc")?;
                            Order::Asc
                        };
                        match table.clustering.iter_mut().find(|(c, _)| *c == name) {
                            Some(column) => column.1 = order,
                            None => {
                                return Err(self.lexer.error(format!("{name:?} is not a clustering column")));
                            }
                        }
                        if !self.lexer.accept(b',')? {
                            break;
                        }
                    }
                    self.lexer.expect(b')')?;
                }
                Some(Token::Word(name)) => {
                    self.lexer.next()?;
                    if self.lexer.accept(b'=')? {
                        let value = self.written()?;
                        table.options.insert(name, value);
                    }
                }
                Some(_) => {
                    self.lexer.next()?;
                }
            }
        }
    }
}

mod index;
#[cfg(test)]
mod tests;
