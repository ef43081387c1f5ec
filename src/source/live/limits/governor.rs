//! Who asks a store, asks here first.

use super::adapt::Adapt;
use super::pace::Pace;
use super::{Limits, Window, window};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The longest wait for a window or a resumption before looking at the clock again, so that a clock that is set, or a
/// change to summer time, is noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The part of a second's bytes that one page may bring where bytes are limited, so that pages stay small bursts.
const PAGES_PER_SECOND: f64 = 40.0;

/// What was asked of a store, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Requests made.
    pub requests: u64,
    /// Bytes of records brought, with what frames them in an answer.
    pub bytes: u64,
    /// How often the store said that it had too much to do.
    pub back_offs: u64,
    /// The time that requests waited for leave, added up.
    pub waited: Duration,
    /// The most requests that were under way at the same time.
    pub most_in_flight: usize,
    /// The fewest requests that were allowed at the same time after the store had shown that there were too many; `None`
    /// if it never did.
    pub least_allowed: Option<usize>,
}

/// Gives leave for every request to one store.
#[derive(Clone, Debug)]
pub struct Governor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
    started: Instant,
    windows: Vec<Window>,
    page_bytes: Option<usize>,
}

#[derive(Debug)]
struct State {
    adapt: Adapt,
    requests: Option<Pace>,
    bytes: Option<Pace>,
    /// The bytes that a request brings, going by those before it.
    expected: f64,
    in_flight: usize,
    paused: bool,
    usage: Usage,
}

/// What a request is to do next.
enum Step {
    /// Go ahead after this time, having booked this many bytes.
    Go(Duration, f64),
    /// Ask again after this time, or earlier if something changes.
    Again(Duration),
}

/// Leave for one request. It ends when it is dropped; whoever knows says what came of it.
#[derive(Debug)]
pub struct Permit {
    inner: Arc<Inner>,
    sent: Instant,
    booked: f64,
}

impl Governor {
    /// A governor that holds `limits`.
    pub fn new(limits: Limits) -> Governor {
        let pace = |rate: Option<f64>| rate.filter(|r| *r > 0.0).map(Pace::new);
        let bytes = limits.bytes_per_second.filter(|r| *r > 0.0);
        Governor {
            inner: Arc::new(Inner {
                state: Mutex::new(State {
                    adapt: Adapt::new(limits.in_flight),
                    requests: pace(limits.requests_per_second),
                    bytes: pace(bytes),
                    expected: 0.0,
                    in_flight: 0,
                    paused: false,
                    usage: Usage::default(),
                }),
                changed: Notify::new(),
                started: Instant::now(),
                windows: limits.windows,
                page_bytes: bytes.map(|rate| (rate / PAGES_PER_SECOND).max(1.0) as usize),
            }),
        }
    }

    /// Waits for leave to make one request.
    pub async fn request(&self) -> Permit {
        let asked = Instant::now();
        loop {
            // Registered before looking, so that no change in between is missed.
            let changed = self.inner.changed.notified();
            match self.inner.step() {
                Step::Go(wait, booked) => {
                    let mut permit = Permit {
                        inner: self.inner.clone(),
                        sent: asked,
                        booked,
                    };
                    if !wait.is_zero() {
                        tokio::time::sleep(wait).await;
                    }
                    permit.sent = Instant::now();
                    let mut state = self.inner.state();
                    state.usage.requests += 1;
                    state.usage.waited += permit.sent - asked;
                    drop(state);
                    return permit;
                }
                // Whether it changed or the time is up: look again.
                Step::Again(wait) => drop(tokio::time::timeout(wait, changed).await),
            }
        }
    }

    /// Gives no leave until [`resume`](Governor::resume): a guard has seen that the store is not well. Requests under way
    /// are not touched.
    pub fn pause(&self) {
        self.inner.state().paused = true;
    }

    /// Gives leave again.
    pub fn resume(&self) {
        self.inner.state().paused = false;
        self.inner.changed.notify_waiters();
    }

    /// How long it takes until a time window opens; zero while one is open.
    pub fn opens_in(&self) -> Duration {
        self.inner.opens_in()
    }

    /// The most bytes that a page should bring, so that the bytes of every two seconds keep to their limit.
    pub fn page_bytes(&self) -> Option<usize> {
        self.inner.page_bytes
    }

    /// What has been asked so far.
    pub fn usage(&self) -> Usage {
        self.inner.state().usage
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is sound between any two statements that change it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn opens_in(&self) -> Duration {
        if self.windows.is_empty() {
            return Duration::ZERO;
        }
        let utc = jiff::Timestamp::now().as_second().rem_euclid(24 * 60 * 60) as u32;
        let local = jiff::ZonedDateTime::now();
        let [h, m, s] = [local.hour(), local.minute(), local.second()].map(|v| u32::from(v.unsigned_abs()));
        window::opens_in(&self.windows, (h * 60 + m) * 60 + s, utc)
    }

    fn step(&self) -> Step {
        let closed = self.opens_in();
        if !closed.is_zero() {
            return Step::Again(closed.min(LOOK_AGAIN));
        }
        self.state().step(self.now())
    }
}

impl State {
    fn step(&mut self, now: Duration) -> Step {
        if self.paused || self.in_flight >= self.adapt.allowed() {
            return Step::Again(LOOK_AGAIN);
        }
        self.in_flight += 1;
        self.usage.most_in_flight = self.usage.most_in_flight.max(self.in_flight);
        let booked = self.expected;
        let requests = self.requests.as_mut().map(|pace| pace.book(now, 1.0));
        let bytes = self.bytes.as_mut().map(|pace| pace.book(now, booked));
        Step::Go(requests.max(bytes).unwrap_or_default(), booked)
    }

    fn brought(&mut self, bytes: usize, booked: f64, took: Duration) {
        self.usage.bytes += bytes as u64;
        if let Some(pace) = &mut self.bytes {
            pace.correct(booked, bytes as f64);
        }
        self.expected += 0.25 * (bytes as f64 - self.expected);
        let before = self.adapt.allowed();
        self.adapt.answered(took);
        self.fell(before);
    }

    fn overloaded(&mut self, now: Duration) {
        self.usage.back_offs += 1;
        let before = self.adapt.allowed();
        self.adapt.overloaded(now);
        self.fell(before);
    }

    fn fell(&mut self, before: usize) {
        let allowed = self.adapt.allowed();
        if allowed < before {
            let least = self.usage.least_allowed.unwrap_or(allowed);
            self.usage.least_allowed = Some(least.min(allowed));
        }
    }
}

impl Permit {
    /// The request brought this many bytes of records.
    pub fn brought(mut self, bytes: usize) {
        let took = self.sent.elapsed();
        self.inner.state().brought(bytes, self.booked, took);
        self.booked = 0.0;
    }

    /// The request failed because the store has too much to do: it timed out or was refused for overload.
    pub fn overloaded(self) {
        let now = self.inner.now();
        self.inner.state().overloaded(now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        state.in_flight -= 1;
        // What a request that failed had booked was not used.
        let booked = self.booked;
        if let Some(pace) = state.bytes.as_mut().filter(|_| booked > 0.0) {
            pace.correct(booked, 0.0);
        }
        drop(state);
        self.inner.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), work).await.unwrap() })
    }

    #[test]
    fn no_more_requests_are_under_way_than_are_allowed() {
        let governor = Governor::new(Limits {
            in_flight: 3,
            ..Limits::default()
        });
        run(async {
            let tasks: Vec<_> = (0..60)
                .map(|_| {
                    let governor = governor.clone();
                    tokio::spawn(async move {
                        let permit = governor.request().await;
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        permit.brought(10);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let usage = governor.usage();
        assert_eq!((usage.requests, usage.bytes, usage.most_in_flight), (60, 600, 3));
        assert_eq!((usage.back_offs, usage.least_allowed), (0, None));
    }

    #[test]
    fn a_pause_holds_requests_back_until_it_ends() {
        let governor = Governor::new(Limits::default());
        governor.pause();
        run(async {
            let waiting = tokio::spawn({
                let governor = governor.clone();
                async move { drop(governor.request().await) }
            });
            tokio::time::sleep(Duration::from_millis(80)).await;
            assert!(!waiting.is_finished());
            governor.resume();
            waiting.await.unwrap();
        });
        assert!(governor.usage().waited >= Duration::from_millis(70));
    }

    #[test]
    fn a_request_that_is_given_up_while_it_waits_gives_its_place_back() {
        let governor = Governor::new(Limits {
            in_flight: 1,
            requests_per_second: Some(2.0),
            ..Limits::default()
        });
        run(async {
            drop(governor.request().await);
            let given_up = tokio::time::timeout(Duration::from_millis(20), governor.request()).await;
            assert!(given_up.is_err());
            drop(governor.request().await);
        });
        assert_eq!(governor.usage().requests, 2);
    }

    #[test]
    fn overload_is_counted_and_takes_concurrency_back() {
        let governor = Governor::new(Limits::default());
        run(async {
            for _ in 0..40 {
                governor.request().await.brought(1);
            }
            governor.request().await.overloaded();
        });
        let usage = governor.usage();
        assert_eq!((usage.back_offs, usage.least_allowed), (1, Some(2)));
    }

    #[test]
    fn bytes_keep_to_their_limit_within_five_percent() {
        const RATE: f64 = 2_000_000.0;
        let governor = Governor::new(Limits {
            bytes_per_second: Some(RATE),
            ..Limits::default()
        });
        let page = governor.page_bytes().unwrap();
        let (bytes, seconds) = run(async {
            let start = Instant::now();
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let governor = governor.clone();
                    tokio::spawn(async move {
                        while start.elapsed() < Duration::from_millis(2500) {
                            let permit = governor.request().await;
                            tokio::time::sleep(Duration::from_millis(1)).await;
                            permit.brought(page);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            (governor.usage().bytes as f64, start.elapsed().as_secs_f64())
        });
        let share = bytes / seconds / RATE;
        assert!((0.95..=1.05).contains(&share), "{share}");
    }
}
