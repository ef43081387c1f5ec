//! How long a request that fails is repeated before it is given up.

use std::time::{Duration, Instant};

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_secs(5);

/// Patience with a server that cannot be reached or has too much to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// How long failures in a row may go on. At zero nothing is repeated.
    pub patience: Duration,
    /// The wait after the first failure; it doubles with each further one, up to 5 s.
    pub first_wait: Duration,
}

impl Default for Retry {
    /// Long enough for a server to be started again.
    fn default() -> Retry {
        Retry {
            patience: Duration::from_secs(60),
            first_wait: Duration::from_millis(200),
        }
    }
}

/// Failures in a row of one request.
#[derive(Debug, Default)]
pub struct Failures {
    since: Option<Instant>,
    /// How many there were before the last one.
    pub before: u32,
}

impl Failures {
    /// None yet; patience runs from now on, not from the first one.
    pub fn from_now() -> Failures {
        Failures {
            since: Some(Instant::now()),
            before: 0,
        }
    }
}

impl Retry {
    /// Waits after a failure; says whether another attempt is to be made.
    pub async fn wait(&self, failures: &mut Failures) -> bool {
        let since = *failures.since.get_or_insert_with(Instant::now);
        let left = self.patience.saturating_sub(since.elapsed());
        if left.is_zero() {
            return false;
        }
        let wait = self.first_wait.saturating_mul(1 << failures.before.min(16));
        failures.before += 1;
        tokio::time::sleep(wait.min(LONGEST).min(left)).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_and_its_last_wait_is_cut_short() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let retry = Retry {
            patience: Duration::from_millis(50),
            first_wait: Duration::from_millis(8),
        };
        let (mut failures, begun) = (Failures::default(), Instant::now());
        while runtime.block_on(retry.wait(&mut failures)) {}
        assert!((3..=4).contains(&failures.before), "{failures:?}");
        assert!(begun.elapsed() >= retry.patience);
        let none = Retry {
            patience: Duration::ZERO,
            ..retry
        };
        assert!(!runtime.block_on(none.wait(&mut Failures::default())));
    }
}
