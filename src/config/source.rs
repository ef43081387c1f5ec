//! Places in the text of a configuration, and what is wrong there.

use super::suggest::did_you_mean;
use crate::mapping::Spot;
use crate::verdict::PolicyError;

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

impl From<PolicyError> for ConfigError {
    fn from(error: PolicyError) -> ConfigError {
        let PolicyError {
            file,
            line,
            column,
            message,
        } = error;
        ConfigError {
            file,
            line,
            column,
            message,
        }
    }
}

/// A source text, to find places in it.
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The place of a byte.
    pub(super) fn spot(&self, offset: usize) -> Spot {
        let before = &self.text[..offset.min(self.text.len())];
        Spot {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1,
        }
    }

    pub(super) fn error(&self, offset: usize, message: impl Into<String>) -> ConfigError {
        let Spot { file, line, column } = self.spot(offset);
        let message = message.into();
        ConfigError {
            file,
            line,
            column,
            message,
        }
    }

    /// What the TOML reader found wrong, with the nearest of the names it would have taken.
    pub(super) fn toml(&self, error: &toml::de::Error) -> ConfigError {
        let message = error.message().replace('\n', "; ");
        let mut names = message.split('`').skip(1).step_by(2);
        let hint = match (message.starts_with("unknown "), names.next()) {
            (true, Some(found)) => did_you_mean(found, names),
            _ => String::new(),
        };
        self.error(error.span().map_or(0, |s| s.start), format!("{message}{hint}"))
    }
}
