//! What can go wrong when a source is opened or read.

use std::io;

/// Broad kinds of trouble, for exit codes and retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The location, the namespace or an option is wrong: usage.
    Usage,
    /// The store is not there, or refuses us.
    Unavailable,
    /// The data is damaged.
    Corrupt,
}

/// An error of a source: which file, where in it, what was found and what to try. The caller adds the side.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A usage error.
    #[error("{0}")]
    Usage(String),
    /// The system refused.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The data is damaged from an offset on.
    #[error("{file}: at byte {offset}: {detail}")]
    Corrupt {
        /// The file.
        file: String,
        /// Offset in the decompressed stream.
        offset: u64,
        /// What was found and what was expected.
        detail: String,
    },
}

impl SourceError {
    /// The kind, for exit codes.
    pub fn kind(&self) -> SourceErrorKind {
        match self {
            SourceError::Usage(_) => SourceErrorKind::Usage,
            SourceError::Io { .. } => SourceErrorKind::Unavailable,
            SourceError::Corrupt { .. } => SourceErrorKind::Corrupt,
        }
    }

    pub(super) fn io(action: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> SourceError {
        let file = file.into();
        move |source| SourceError::Io { action, file, source }
    }
}
