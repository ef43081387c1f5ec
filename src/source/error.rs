//! What can go wrong while reading a source, without naming a side: the caller knows which side it asked.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A place in a file, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as the user knows it.
    pub file: Arc<str>,
    /// Offset in bytes in the file after decompression.
    pub offset: u64,
    /// Bytes of the stored file consumed so far, where the file is compressed. Readers read ahead, so this is an upper
    /// bound.
    pub stored_offset: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", Shown(&self.file), self.offset)?;
        match self.stored_offset {
            Some(stored) => write!(f, " (decompressed; within the first {stored} stored bytes)"),
            None => Ok(()),
        }
    }
}

/// Text from outside (a file name, a collection name) without control characters.
pub(super) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// The broad classes of [`SourceError`], from which exit codes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// A location or a namespace that does not exist.
    NotFound,
    /// The operating system refuses access.
    Permission,
    /// The bytes are not what the format promises, or changed while they were read.
    Corrupt,
    /// The request cannot be met as it was made; another option or another form of the data is needed.
    Usage,
    /// Any other failure of the operating system: disk full, device error.
    Io,
}

/// In which way a server failed, and so whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It does not know us, or we may not do this. Trying again is of no use.
    Denied,
    /// It cannot do this, or not in this way. Trying again is of no use.
    Refused,
    /// It has too much to do or took too long. Worth another try, later and with less.
    Overload,
    /// It was not reached, or the connection broke. Worth another try.
    Network,
    /// It has not kept the state of the time that was asked for. Worth another try, at another time.
    Snapshot,
}

/// Why a source cannot be opened or read. Cloneable, so that a broken stream can keep saying why it is broken.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system refused or failed.
    #[error("cannot {action} {}: {source}", Shown(.file))]
    Io {
        /// The file as the user knows it.
        file: Arc<str>,
        /// What was attempted, as a verb: `open`, `read`.
        action: &'static str,
        /// The operating system's error.
        #[source]
        source: Arc<io::Error>,
    },
    /// The data is not what its format promises.
    #[error("{place}: {found}; expected {expected}; {advice}")]
    Corrupt {
        /// Where.
        place: Place,
        /// What was found.
        found: String,
        /// What the format asks for at this place.
        expected: String,
        /// What to try.
        advice: &'static str,
    },
    /// The file is not the one that was opened at first.
    #[error("{} changed while it was being read; write the dump to its end first, then start again", Shown(.file))]
    Changed {
        /// The file as the user knows it.
        file: Arc<str>,
    },
    /// A server refused or failed, or could not be reached.
    #[error("{}: cannot {action}: {problem}; {advice}", Shown(.location))]
    Server {
        /// The server and namespace, without secrets.
        location: Arc<str>,
        /// What was attempted, as a verb: `connect`, `read the range after …`.
        action: String,
        /// What the server or the network said.
        problem: String,
        /// What to try.
        advice: String,
        /// What kind of failure it is.
        failure: Failure,
    },
    /// The request cannot be met as made.
    #[error("{}: {problem}; {advice}", Shown(.location))]
    Usage {
        /// The location or file concerned.
        location: Arc<str>,
        /// What is wrong.
        problem: String,
        /// What to try.
        advice: String,
    },
    /// No namespace of this name, or more than one.
    #[error("{}: {problem} `{}`; {advice}", Shown(.location), Shown(.name))]
    Namespace {
        /// The location that was searched.
        location: Arc<str>,
        /// The name asked for.
        name: String,
        /// What is wrong with the name here.
        problem: String,
        /// Near names, or what to try.
        advice: String,
    },
}

impl SourceError {
    /// The error's broad class.
    pub fn kind(&self) -> SourceErrorKind {
        match self {
            SourceError::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => SourceErrorKind::NotFound,
                io::ErrorKind::PermissionDenied => SourceErrorKind::Permission,
                _ => SourceErrorKind::Io,
            },
            SourceError::Corrupt { .. } | SourceError::Changed { .. } => SourceErrorKind::Corrupt,
            SourceError::Usage { .. } => SourceErrorKind::Usage,
            SourceError::Server { failure, .. } => match failure {
                Failure::Denied => SourceErrorKind::Permission,
                Failure::Refused => SourceErrorKind::Usage,
                Failure::Overload | Failure::Network | Failure::Snapshot => SourceErrorKind::Io,
            },
            SourceError::Namespace { .. } => SourceErrorKind::NotFound,
        }
    }

    pub(super) fn io(file: &Arc<str>, action: &'static str, source: io::Error) -> SourceError {
        SourceError::Io {
            file: file.clone(),
            action,
            source: Arc::new(source),
        }
    }

    pub(super) fn path(path: &Path, action: &'static str, source: io::Error) -> SourceError {
        SourceError::io(&shown(path), action, source)
    }

    pub(super) fn usage(
        location: impl AsRef<str>,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> SourceError {
        SourceError::Usage {
            location: location.as_ref().into(),
            problem: problem.into(),
            advice: advice.into(),
        }
    }
}

/// A path as shown in messages.
pub(super) fn shown(path: &Path) -> Arc<str> {
    path.to_string_lossy().into()
}
