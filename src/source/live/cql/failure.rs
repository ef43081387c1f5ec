//! What the driver's errors mean to us.

use crate::source::Failure;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, PrepareError, RequestAttemptError,
};

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meaning {
    /// What kind of failure it is.
    pub kind: Failure,
    /// Whether another attempt may help.
    pub again: bool,
}

impl From<Failure> for Meaning {
    fn from(kind: Failure) -> Meaning {
        Meaning {
            kind,
            again: matches!(kind, Failure::Overload | Failure::Network),
        }
    }
}

/// What a request's error means.
pub(super) fn of_request(error: &ExecutionError) -> Meaning {
    match error {
        ExecutionError::RequestTimeout(_) => Failure::Overload.into(),
        ExecutionError::EmptyPlan => Failure::Network.into(),
        ExecutionError::ConnectionPoolError(error) => of_pool(error),
        ExecutionError::LastAttemptError(error) => of_attempt(error),
        ExecutionError::PrepareError(error) => of_prepare(error),
        _ => Failure::Refused.into(),
    }
}

/// What an error of preparing a statement means.
pub(super) fn of_prepare(error: &PrepareError) -> Meaning {
    match error {
        PrepareError::ConnectionPoolError(error) => of_pool(error),
        PrepareError::AllAttemptsFailed { first_attempt } => of_attempt(first_attempt),
        _ => Failure::Refused.into(),
    }
}

/// What kind of failure it is that there is no session.
pub(super) fn of_session(error: &NewSessionError) -> Failure {
    match error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(error)) => of_pool(error).kind,
        NewSessionError::MetadataError(MetadataError::FetchError(_))
        | NewSessionError::FailedToResolveAnyHostname(_) => Failure::Network,
        _ => Failure::Refused,
    }
}

fn of_pool(error: &ConnectionPoolError) -> Meaning {
    let kind = match error {
        ConnectionPoolError::Broken {
            last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
        } => match &setup.error {
            ConnectionSetupRequestErrorKind::DbError(error, said) => return of_database(error, said),
            ConnectionSetupRequestErrorKind::MissingAuthentication
            | ConnectionSetupRequestErrorKind::StartAuthSessionError(_)
            | ConnectionSetupRequestErrorKind::AuthChallengeEvaluationError(_)
            | ConnectionSetupRequestErrorKind::AuthFinishError(_) => Failure::Denied,
            _ => Failure::Network,
        },
        _ => Failure::Network,
    };
    kind.into()
}

fn of_attempt(error: &RequestAttemptError) -> Meaning {
    match error {
        RequestAttemptError::DbError(error, said) => of_database(error, said),
        RequestAttemptError::BrokenConnectionError(_) | RequestAttemptError::UnableToAllocStreamId => {
            Failure::Network.into()
        }
        _ => Failure::Refused.into(),
    }
}

/// What an error of the server's means that `said` this.
fn of_database(error: &DbError, said: &str) -> Meaning {
    match error {
        DbError::AuthenticationError | DbError::Unauthorized => Failure::Denied.into(),
        DbError::Unavailable { .. }
        | DbError::Overloaded
        | DbError::IsBootstrapping
        | DbError::ReadTimeout { .. }
        | DbError::ReadFailure { .. }
        | DbError::RateLimitReached { .. } => Failure::Overload.into(),
        // Something went wrong within a node, which may be about to stop; another one may answer. What Cassandra does not do at
        // all it tells in the same way.
        DbError::ServerError => Meaning {
            kind: Failure::Refused,
            again: !said.contains("UnsupportedOperationException"),
        },
        // The driver has prepared it anew, and the node has forgotten it once more.
        DbError::Unprepared { .. } => Meaning {
            kind: Failure::Refused,
            again: true,
        },
        _ => Failure::Refused.into(),
    }
}

/// What to try.
pub(super) fn advice(failure: Failure) -> &'static str {
    match failure {
        Failure::Denied => {
            "give a user with the right to SELECT, by the environment variables of user and password"
        }
        Failure::Refused => "see what the server says; `assay doctor` shows what it offers",
        Failure::Overload => {
            "see that enough replicas are up for the consistency asked for, then try again, with fewer requests at a time"
        }
        Failure::Network | Failure::Snapshot => {
            "see that the nodes are up and that their addresses can be reached from here, then try again"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_within_a_node_is_worth_another_attempt() {
        let of = |error: &DbError, said: &str| {
            let meaning = of_database(error, said);
            (meaning.kind, meaning.again)
        };
        let stops = "java.util.concurrent.RejectedExecutionException: ThreadPoolExecutor has shut down";
        assert_eq!(of(&DbError::ServerError, stops), (Failure::Refused, true));
        let never = "java.lang.UnsupportedOperationException: LIST PERMISSIONS operation is not supported";
        assert_eq!(of(&DbError::ServerError, never), (Failure::Refused, false));
        assert_eq!(
            of(&DbError::Invalid, "unconfigured table"),
            (Failure::Refused, false)
        );
        let forgotten = DbError::Unprepared {
            statement_id: Default::default(),
        };
        assert_eq!(of(&forgotten, ""), (Failure::Refused, true));
        assert_eq!(of(&DbError::Overloaded, ""), (Failure::Overload, true));
        assert_eq!(of(&DbError::Unauthorized, ""), (Failure::Denied, false));
    }
}
