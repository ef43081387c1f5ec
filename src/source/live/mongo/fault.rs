//! What the driver reports, as the source's errors.

use super::location::Secrets;
use crate::source::{Failure, SourceError};
use mongodb::error::{Error, ErrorKind};
use std::sync::Arc;

/// Unauthorized, AuthenticationFailed and their kin, as the server's error codes have them.
const DENIED: &[i32] = &[11, 13, 18, 31, 391, 8000];
/// The server is changing its role, shutting down, or has too much to do.
const OVERLOAD: &[i32] = &[
    24, 50, 91, 112, 134, 146, 175, 189, 202, 226, 237, 262, 317, 365, 402, 407, 433, 449, 450, 462, 10058,
    10107, 11600, 11602, 13435, 13436, 16500,
];
/// The server did not reach another, a router did not know where the records are by now, or a cursor is gone: the same
/// request may succeed elsewhere.
const NETWORK: &[i32] = &[
    6, 7, 43, 63, 89, 133, 136, 145, 150, 249, 279, 314, 355, 384, 453, 9001, 13388, 91331,
];
/// The state of the time that was asked for is no longer there, or not to be had.
const SNAPSHOT: &[i32] = &[239, 246, 250, 272];

/// What kind of failure an error of the driver is.
pub(super) fn failure(error: &Error) -> Failure {
    if error.contains_label("SystemOverloadedError") && !is_io(error) {
        return Failure::Overload;
    }
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => Failure::Denied,
        ErrorKind::Command(command) => match command.code {
            code if DENIED.contains(&code) => Failure::Denied,
            code if OVERLOAD.contains(&code) => Failure::Overload,
            code if NETWORK.contains(&code) => Failure::Network,
            code if SNAPSHOT.contains(&code) => Failure::Snapshot,
            _ => Failure::Refused,
        },
        ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => Failure::Overload,
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. } => Failure::Network,
        _ => Failure::Refused,
    }
}

fn is_io(error: &Error) -> bool {
    matches!(
        error.kind.as_ref(),
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
    )
}

/// Whether the same request, or the same scan from where it stopped, may succeed when made again.
pub(super) fn passes(error: &SourceError) -> bool {
    let SourceError::Server { failure, .. } = error else {
        return false;
    };
    matches!(failure, Failure::Overload | Failure::Network | Failure::Snapshot)
}

/// Whether the user may not do this, whoever else may.
pub(super) fn is_denied(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Server {
            failure: Failure::Denied,
            ..
        }
    )
}

/// Makes errors that name the place and hide the secrets.
#[derive(Clone)]
pub(super) struct Reporter {
    pub(super) location: Arc<str>,
    pub(super) secrets: Secrets,
}

impl Reporter {
    /// An error of the driver.
    pub(super) fn driver(&self, action: impl Into<String>, error: &Error) -> SourceError {
        let failure = failure(error);
        let problem = match error.kind.as_ref() {
            ErrorKind::Command(command) => {
                format!("the server says: {} (code {})", command.message, command.code)
            }
            kind => kind.to_string(),
        };
        self.server(action, problem, advice(failure), failure)
    }

    /// The server did not answer in time.
    pub(super) fn silence(&self, action: impl Into<String>, waited: std::time::Duration) -> SourceError {
        let problem = format!("no answer within {} s", waited.as_secs_f64());
        self.server(action, problem, advice(Failure::Overload), Failure::Overload)
    }

    /// The server cannot do this.
    pub(super) fn refused(
        &self,
        action: impl Into<String>,
        problem: impl Into<String>,
        advice: &str,
    ) -> SourceError {
        self.server(action, problem, advice, Failure::Refused)
    }

    fn server(
        &self,
        action: impl Into<String>,
        problem: impl Into<String>,
        advice: &str,
        failure: Failure,
    ) -> SourceError {
        SourceError::Server {
            location: self.location.clone(),
            action: action.into(),
            problem: self.secrets.hide(&problem.into()),
            advice: advice.to_owned(),
            failure,
        }
    }
}

fn advice(failure: Failure) -> &'static str {
    match failure {
        Failure::Denied => {
            "check user, password and `authSource`, and that the user has the role `read` on the database"
        }
        Failure::Refused => "see the server's log for the command, and what its version supports",
        Failure::Overload => "try again later, or ask for less at a time",
        Failure::Snapshot => {
            "try again; if it stays, let the server keep its history longer (`minSnapshotHistoryWindowInSeconds`)"
        }
        Failure::Network => {
            "check that the address is right and the server runs and can be reached, then try again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_network_are_told_from_those_of_time() {
        let io = |kind| Error::from(std::io::Error::from(kind));
        assert_eq!(
            failure(&io(std::io::ErrorKind::ConnectionReset)),
            Failure::Network
        );
        assert_eq!(failure(&io(std::io::ErrorKind::TimedOut)), Failure::Overload);
    }

    #[test]
    fn every_code_has_one_meaning() {
        let mut codes = [DENIED, OVERLOAD, NETWORK, SNAPSHOT].concat();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
