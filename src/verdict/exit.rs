//! The exit codes: one enum, one table. The manual and `assay config exit-codes` print it.

/// How the program ends. 1, 2, 101 and 126 and above are never used on purpose: shells, argument parsers, panics and
/// signals produce them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Every requirement positively proven.
    Go = 0,
    /// A divergence or breached limit beyond what the policy allows.
    NoGo = 10,
    /// Evidence missing, incomplete, stale or racing.
    Hold = 20,
    /// `gate verify`: the verdict is too old.
    TooOld = 21,
    /// `gate verify`: signature, subject, policy or nonce does not match.
    Mismatch = 22,
    /// Usage or configuration error.
    Usage = 64,
    /// A store could not be reached or refused us.
    Unreachable = 69,
    /// Internal error.
    Internal = 70,
    /// A report could not be written.
    Unwritable = 74,
    /// Try again.
    Temporary = 75,
}

impl Exit {
    /// Every exit code, in ascending order.
    pub const ALL: [Exit; 10] = [
        Exit::Go,
        Exit::NoGo,
        Exit::Hold,
        Exit::TooOld,
        Exit::Mismatch,
        Exit::Usage,
        Exit::Unreachable,
        Exit::Internal,
        Exit::Unwritable,
        Exit::Temporary,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name in the table.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The meaning in the table.
    pub const fn meaning(self) -> &'static str {
        self.row().1
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Exit::Go => ("GO", "every requirement positively proven"),
            Exit::NoGo => (
                "NO_GO",
                "a confirmed divergence or breached limit beyond what the policy allows",
            ),
            Exit::Hold => (
                "HOLD",
                "evidence missing, incomplete, stale, racing; the default when in doubt",
            ),
            Exit::TooOld => ("TOO_OLD", "gate verify: the verdict is too old"),
            Exit::Mismatch => (
                "MISMATCH",
                "gate verify: signature, subject, policy or nonce does not match",
            ),
            Exit::Usage => (
                "USAGE",
                "usage or configuration error; the message names file, line, key and what was expected",
            ),
            Exit::Unreachable => ("UNREACHABLE", "a store could not be reached or refused us"),
            Exit::Internal => ("INTERNAL", "internal error"),
            Exit::Unwritable => ("UNWRITABLE", "a report could not be written"),
            Exit::Temporary => ("TEMPORARY", "temporary: try again (workers, SIGTERM)"),
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_published_one() {
        let codes: Vec<u8> = Exit::ALL.into_iter().map(Exit::code).collect();
        assert_eq!(codes, [0, 10, 20, 21, 22, 64, 69, 70, 74, 75]);
        for exit in Exit::ALL {
            assert!(!exit.name().is_empty() && !exit.meaning().is_empty());
        }
    }
}
