//! The words of CQL.

/// A place in a schema text that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SchemaError {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What was expected there.
    pub message: String,
}

/// One word of CQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword, name or number, in lower case.
    Word(String),
    /// A `"quoted"` name, without quotes.
    Quoted(String),
    /// A `'text'` or `$$text$$`, without quotes.
    Text(String),
    /// Anything else, byte by byte.
    Symbol(u8),
}

/// Splits CQL into words; comments are skipped.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Where the token read last begins.
    start: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer {
            text,
            at: 0,
            start: 0,
        }
    }

    /// Line and column of the token read last.
    pub(super) fn place(&self) -> (usize, usize) {
        let before = &self.text.as_bytes()[..self.start];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = self.start - memchr::memrchr(b'\n', before).map_or(0, |i| i + 1) + 1;
        (line, column)
    }

    /// An error at the token read last.
    pub(super) fn error(&self, message: impl Into<String>) -> SchemaError {
        let (line, column) = self.place();
        SchemaError {
            line,
            column,
            message: message.into(),
        }
    }

    /// Skips what is left of the line the last token began on.
    pub(super) fn skip_line(&mut self) {
        let rest = &self.text.as_bytes()[self.start..];
        self.at = self.start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blank(&mut self) -> Result<(), SchemaError> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            self.start = self.at;
            if rest.starts_with("--") || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return Err(self.error("comment without an end")),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// The next word, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, SchemaError> {
        self.skip_blank()?;
        let rest = self.rest();
        let Some(first) = rest.bytes().next() else {
            return Ok(None);
        };
        Ok(Some(match first {
            b'"' => Token::Quoted(self.delimited('"')?),
            b'\'' => Token::Text(self.delimited('\'')?),
            b'$' if rest.starts_with("$$") => match rest[2..].find("$$") {
                Some(end) => {
                    self.at += end + 4;
                    Token::Text(rest[2..end + 2].to_owned())
                }
                None => return Err(self.error("text without its closing $$")),
            },
            b if b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80 => {
                let end = rest
                    .find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                self.at += end;
                Token::Word(rest[..end].to_ascii_lowercase())
            }
            symbol => {
                self.at += 1;
                Token::Symbol(symbol)
            }
        }))
    }

    fn delimited(&mut self, mark: char) -> Result<String, SchemaError> {
        let rest = self.rest();
        let mut text = String::new();
        let mut at = 1;
        loop {
            let Some(end) = rest[at..].find(mark) else {
                return Err(self.error(format!("text without its closing {mark}")));
            };
            text.push_str(&rest[at..at + end]);
            at += end + 1;
            if !rest[at..].starts_with(mark) {
                break;
            }
            text.push(mark);
            at += 1;
        }
        self.at += at;
        Ok(text)
    }

    /// The next word, which stays the next.
    pub(super) fn peek(&mut self) -> Result<Option<Token>, SchemaError> {
        let (at, start) = (self.at, self.start);
        let token = self.next();
        (self.at, self.start) = (at, start);
        token
    }

    /// Takes the next word if it is `symbol`.
    pub(super) fn accept(&mut self, symbol: u8) -> Result<bool, SchemaError> {
        let found = self.peek()? == Some(Token::Symbol(symbol));
        if found {
            self.next()?;
        }
        Ok(found)
    }

    /// Takes the next word if it is `keyword`.
    pub(super) fn accept_word(&mut self, keyword: &str) -> Result<bool, SchemaError> {
        let found = matches!(self.peek()?, Some(Token::Word(w)) if w == keyword);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    /// Takes `symbol`, which must come next.
    pub(super) fn expect(&mut self, symbol: u8) -> Result<(), SchemaError> {
        match self.next()? {
            Some(Token::Symbol(s)) if s == symbol => Ok(()),
            _ => Err(self.error(format!("expected {:?}", char::from(symbol)))),
        }
    }

    /// Takes `keyword`, which must come next.
    pub(super) fn expect_word(&mut self, keyword: &str) -> Result<(), SchemaError> {
        match self.next()? {
            Some(Token::Word(w)) if w == keyword => Ok(()),
            _ => Err(self.error(format!("expected {}", keyword.to_ascii_uppercase()))),
        }
    }

    /// Takes a name (unquoted names are lower case), which must come next.
    pub(super) fn name(&mut self, what: &str) -> Result<String, SchemaError> {
        match self.next()? {
            Some(Token::Word(name) | Token::Quoted(name)) => Ok(name),
            _ => Err(self.error(format!("expected {what}"))),
        }
    }
}
