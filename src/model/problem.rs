//! What is wrong with a value that cannot be compared as it stands.

/// Why a value, or a whole record, cannot be brought to canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The bytes do not form a value: bad length, invalid UTF-8, a duplicate field name, a ragged row.
    Malformed,
    /// The value is well formed but cannot be brought to the type, table or range the mapping asks for.
    Unconvertible,
    /// The value is of a type, or nested deeper, than Assay knows how to compare.
    Unsupported,
}

impl ProblemKind {
    /// The word used in reports; it is also the name of the divergence class.
    pub const fn name(self) -> &'static str {
        match self {
            ProblemKind::Malformed => "malformed",
            ProblemKind::Unconvertible => "unconvertible",
            ProblemKind::Unsupported => "unsupported",
        }
    }
}

/// A value that could not be brought to canonical form: what kind of trouble, where inside the record, and what was
/// expected. It never carries more than a short, sanitised excerpt of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: ProblemKind,
    path: String,
    detail: String,
}

impl Problem {
    /// A problem of `kind` at the place being read; callers add the path as the problem travels outwards.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Problem {
        Problem(Box::new(Inner {
            kind,
            path: String::new(),
            detail: detail.into(),
        }))
    }

    /// Shorthand for a [`ProblemKind::Malformed`] problem.
    pub fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::Malformed, detail)
    }

    /// Shorthand for a [`ProblemKind::Unconvertible`] problem.
    pub fn unconvertible(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::Unconvertible, detail)
    }

    /// Shorthand for a [`ProblemKind::Unsupported`] problem.
    pub fn unsupported(detail: impl Into<String>) -> Problem {
        Problem::new(ProblemKind::Unsupported, detail)
    }

    /// The same problem, seen from the document that holds it under `name`.
    #[must_use]
    pub fn inside(mut self, name: &str) -> Problem {
        let path = &mut self.0.path;
        if path.is_empty() {
            path.push_str(name);
        } else if path.starts_with('[') {
            path.insert_str(0, name);
        } else {
            *path = format!("{name}.{path}");
        }
        self
    }

    /// The same problem, seen from the list that holds it at `index`.
    #[must_use]
    pub fn at(self, index: usize) -> Problem {
        self.inside(&format!("[{index}]"))
    }

    /// What kind of trouble this is.
    pub fn kind(&self) -> ProblemKind {
        self.0.kind
    }

    /// Where inside the record, e.g. `address.lines[2]`; empty when the record as a whole is meant.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What was found and what was expected.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Inner { kind, path, detail } = &*self.0;
        if path.is_empty() {
            write!(f, "{}: {detail}", kind.name())
        } else {
            write!(f, "{} at {path}: {detail}", kind.name())
        }
    }
}

impl std::error::Error for Problem {}
