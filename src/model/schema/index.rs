//! Secondary indexes, and what is kept of a schema as it is written.

use super::{Reader, SchemaError, TableIndex, Token};

impl Reader<'_> {
    /// `[name] ON [keyspace.]table (target) [USING 'class'] [WITH OPTIONS = {…}]`. What is not of this form is passed over.
    pub(super) fn index(&mut self) -> Result<(), SchemaError> {
        if self.lexer.accept_word("if")? {
            self.lexer.expect_word("not")?;
            self.lexer.expect_word("exists")?;
        }
        let mut name = String::new();
        if !self.lexer.accept_word("on")? {
            name = self.lexer.name("an index")?;
            if !self.lexer.accept_word("on")? {
                return Ok(());
            }
        }
        let table = self.qualified()?;
        if !self.lexer.accept(b'(')? {
            return Ok(());
        }
        let target = self.written()?;
        self.lexer.accept(b')')?;
        let mut index = TableIndex {
            name,
            target,
            class: None,
            options: String::new(),
        };
        if self.lexer.accept_word("using")?
            && let Some(Token::Text(class)) = self.lexer.next()?
        {
            index.class = Some(class.rsplit('.').next().unwrap_or_default().to_owned());
        }
        if self.lexer.accept_word("with")? && self.lexer.accept_word("options")? {
            self.lexer.accept(b'=')?;
            index.options = self.written()?;
        }
        self.indexes.push((table, index));
        Ok(())
    }

    /// What follows up to `AND`, a semicolon, a bracket that closes more than was opened, or the end, without blanks.
    pub(super) fn written(&mut self) -> Result<String, SchemaError> {
        let (mut text, mut depth) = (String::new(), 0usize);
        loop {
            match self.lexer.peek()? {
                None | Some(Token::Symbol(b';')) => return Ok(text),
                Some(Token::Word(word)) if word == "and" && depth == 0 => return Ok(text),
                Some(Token::Symbol(b')' | b'}' | b']')) if depth == 0 => return Ok(text),
                Some(Token::Symbol(symbol)) => {
                    match symbol {
                        b'(' | b'{' | b'[' => depth += 1,
                        b')' | b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    text.push(symbol.into());
                }
                Some(Token::Word(word)) => text.push_str(&word),
                Some(Token::Quoted(name)) => text.push_str(&format!("\"{}\"", name.replace('"', "\"\""))),
                Some(Token::Text(words)) => text.push_str(&format!("'{}'", words.replace('\'', "''"))),
            }
            self.lexer.next()?;
        }
    }
}
