//! What the driver's errors mean to us.

use crate::source::Failure;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, PrepareError, RequestAttemptError,
};

/// What kind of failure a request's error is.
pub(super) fn of_request(error: &ExecutionError) -> Failure {
    match error {
        ExecutionError::RequestTimeout(_) => Failure::Overload,
        ExecutionError::EmptyPlan => Failure::Network,
        ExecutionError::ConnectionPoolError(error) => of_pool(error),
        ExecutionError::LastAttemptError(error) => of_attempt(error),
        ExecutionError::PrepareError(error) => of_prepare(error),
        _ => Failure::Refused,
    }
}

/// What kind of failure an error of preparing a statement is.
pub(super) fn of_prepare(error: &PrepareError) -> Failure {
    match error {
        PrepareError::ConnectionPoolError(error) => of_pool(error),
        PrepareError::AllAttemptsFailed { first_attempt } => of_attempt(first_attempt),
        _ => Failure::Refused,
    }
}

/// What kind of failure it is that there is no session.
pub(super) fn of_session(error: &NewSessionError) -> Failure {
    match error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(error)) => of_pool(error),
        NewSessionError::MetadataError(MetadataError::FetchError(_))
        | NewSessionError::FailedToResolveAnyHostname(_) => Failure::Network,
        _ => Failure::Refused,
    }
}

fn of_pool(error: &ConnectionPoolError) -> Failure {
    match error {
        ConnectionPoolError::Broken {
            last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
        } => match &setup.error {
            ConnectionSetupRequestErrorKind::DbError(error, _) => of_database(error),
            ConnectionSetupRequestErrorKind::MissingAuthentication
            | ConnectionSetupRequestErrorKind::StartAuthSessionError(_)
            | ConnectionSetupRequestErrorKind::AuthChallengeEvaluationError(_)
            | ConnectionSetupRequestErrorKind::AuthFinishError(_) => Failure::Denied,
            _ => Failure::Network,
        },
        _ => Failure::Network,
    }
}

fn of_attempt(error: &RequestAttemptError) -> Failure {
    match error {
        RequestAttemptError::DbError(error, _) => of_database(error),
        RequestAttemptError::BrokenConnectionError(_) | RequestAttemptError::UnableToAllocStreamId => {
            Failure::Network
        }
        _ => Failure::Refused,
    }
}

fn of_database(error: &DbError) -> Failure {
    match error {
        DbError::AuthenticationError | DbError::Unauthorized => Failure::Denied,
        DbError::Unavailable { .. }
        | DbError::Overloaded
        | DbError::IsBootstrapping
        | DbError::ReadTimeout { .. }
        | DbError::ReadFailure { .. }
        | DbError::RateLimitReached { .. } => Failure::Overload,
        _ => Failure::Refused,
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
