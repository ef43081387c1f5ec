//! Why the work could not be done, and which exit code says so.

use crate::Side;
use crate::config::ConfigError;
use crate::source::{SourceError, SourceErrorKind};
use crate::store::SortError;
use crate::verdict::{Exit, PolicyError};
use std::path::{Path, PathBuf};

/// Why the work could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policy is wrong.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The command line, the mapping or a run directory does not fit.
    #[error("{0}")]
    Usage(String),
    /// A side cannot be read.
    #[error("{side}: {source}")]
    Source {
        /// The side.
        side: Side,
        /// What happened.
        source: SourceError,
    },
    /// The header of a text file, or the schema beside it, cannot be used.
    #[error("{side}: {message}")]
    Layout {
        /// The side.
        side: Side,
        /// File, place and what was expected.
        message: String,
    },
    /// The disk did not take the spill.
    #[error(transparent)]
    Spill(#[from] SortError),
    /// A file of the run could not be written or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Run {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The run was told to end; it can be taken up again.
    #[error("stopped; run the same command again to go on")]
    Stopped,
}

impl SessionError {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            SessionError::Config(_)
            | SessionError::Policy(_)
            | SessionError::Usage(_)
            | SessionError::Layout { .. }
            | SessionError::Run {
                action: "read" | "list",
                ..
            } => Exit::Usage,
            SessionError::Source { source, .. } => match source.kind() {
                SourceErrorKind::Usage => Exit::Usage,
                SourceErrorKind::NotFound
                | SourceErrorKind::Permission
                | SourceErrorKind::Corrupt
                | SourceErrorKind::Io => Exit::Unreachable,
            },
            SessionError::Spill(SortError::Limit { .. }) => Exit::Hold,
            SessionError::Spill(SortError::Io { .. }) | SessionError::Run { .. } => Exit::Unwritable,
            SessionError::Stopped => Exit::Temporary,
        }
    }

    pub(crate) fn run(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> SessionError {
        let path = path.to_owned();
        move |source| SessionError::Run { action, path, source }
    }
}
