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

/// Pages that bring a second's bytes where bytes are limited: bursts so small that nobody waits behind one for long.
const PAGES_PER_SECOND: f64 = 100.0;

/// A page is smaller than this only where a second has fewer than [`FEWEST_PAGES`] of them.
const SMALL_PAGE: f64 = 16_384.0;

/// The fewest pages in a second, so that every two seconds keep to their bytes.
const FEWEST_PAGES: f64 = 40.0;

/// The bytes of a page where so many are allowed in a second.
fn page_bytes(rate: f64) -> usize {
    let page = (rate / PAGES_PER_SECOND).max(SMALL_PAGE);
    page.min(rate / FEWEST_PAGES).max(1.0) as usize
}

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
    /// How often guards held the store back.
    pub pauses: u64,
    /// The time for which they did.
    pub paused: Duration,
}

/// Leave that is not given: who wants it is not to wait any longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {advice}")]
pub struct Refusal {
    /// Why, in a sentence.
    pub problem: String,
    /// What to try.
    pub advice: &'static str,
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
    /// How long a guard's no is borne.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    adapt: Adapt,
    requests: Option<Pace>,
    bytes: Option<Pace>,
    /// The bytes that a request brings, going by those before it.
    expected: f64,
    in_flight: usize,
    pause: Option<Pause>,
    /// Nobody is to wait any more until the store may be asked.
    hurried: bool,
    usage: Usage,
}

/// A guard holds the store back.
#[derive(Debug)]
struct Pause {
    since: Duration,
    why: String,
}

/// What a request is to do next.
enum Step {
    /// Go ahead after this time, having booked this many bytes.
    Go(Duration, f64),
    /// Ask again after this time, or earlier if something changes.
    Again(Duration),
    /// Give it up.
    Refused(Refusal),
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
                    pause: None,
                    hurried: false,
                    usage: Usage::default(),
                }),
                changed: Notify::new(),
                started: Instant::now(),
                windows: limits.windows,
                patience: limits.guard.map_or(Duration::MAX, |guard| guard.patience),
                page_bytes: bytes.map(page_bytes),
            }),
        }
    }

    /// Waits for leave to make one request.
    ///
    /// # Errors
    /// A guard that does not let go, or a run that is to end while the store must not be asked.
    pub async fn request(&self) -> Result<Permit, Refusal> {
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
                    return Ok(permit);
                }
                Step::Refused(refusal) => return Err(refusal),
                // Whether it changed or the time is up: look again.
                Step::Again(wait) => drop(tokio::time::timeout(wait, changed).await),
            }
        }
    }

    /// Waits until more than one request may be under way, unless that will never be.
    pub async fn room_beside(&self) {
        loop {
            let changed = self.inner.changed.notified();
            if self.inner.state().adapt.has_room_beside() {
                return;
            }
            changed.await;
        }
    }

    /// Gives no leave until [`resume`](Governor::resume): a guard says no. Requests under way are not touched. Says whether
    /// leave was given until now.
    pub fn pause(&self, why: &str) -> bool {
        let since = self.inner.now();
        let mut state = self.inner.state();
        let why = why.to_owned();
        match &mut state.pause {
            Some(pause) => {
                pause.why = why;
                false
            }
            none => {
                *none = Some(Pause { since, why });
                state.usage.pauses += 1;
                true
            }
        }
    }

    /// Gives leave again; returns how long none was given, if that was so.
    pub fn resume(&self) -> Option<Duration> {
        let now = self.inner.now();
        let mut state = self.inner.state();
        let after = now.saturating_sub(state.pause.take()?.since);
        state.usage.paused += after;
        drop(state);
        self.inner.changed.notify_waiters();
        Some(after)
    }

    /// From now on nobody waits for guards or windows: where they say no, leave is refused. For runs that are to end.
    pub fn hurry(&self) {
        self.inner.state().hurried = true;
        self.inner.changed.notify_waiters();
    }

    /// Why the store may not be asked at this moment, if so.
    pub fn waits_for(&self) -> Option<String> {
        if let Some(pause) = &self.inner.state().pause {
            let since = self.inner.now().saturating_sub(pause.since).as_secs();
            return Some(format!("paused for {since} s: {}", pause.why));
        }
        let closed = self.opens_in();
        (!closed.is_zero()).then(|| closed_for(closed))
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
        let now = self.inner.now();
        let state = self.inner.state();
        let mut usage = state.usage;
        usage.paused += state
            .pause
            .as_ref()
            .map_or(Duration::ZERO, |p| now.saturating_sub(p.since));
        usage
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
        let now = self.now();
        let mut state = self.state();
        if let Some(step) = state.held(now, self.patience) {
            return step;
        }
        match closed.is_zero() {
            true => state.step(now),
            false if state.hurried => Step::Refused(hurried(closed_for(closed))),
            false => Step::Again(closed.min(LOOK_AGAIN)),
        }
    }
}

fn closed_for(time: Duration) -> String {
    format!(
        "outside of its windows for another {} min",
        time.as_secs() / 60 + 1
    )
}

fn hurried(why: String) -> Refusal {
    Refusal {
        problem: format!("the run was to end while the store was not to be asked ({why})"),
        advice: "give the same command again when it may be",
    }
}

impl State {
    /// What to do while a guard holds the store back.
    fn held(&self, now: Duration, patience: Duration) -> Option<Step> {
        let pause = self.pause.as_ref()?;
        let left = patience.saturating_sub(now.saturating_sub(pause.since));
        if self.hurried {
            return Some(Step::Refused(hurried(pause.why.clone())));
        }
        if left.is_zero() {
            return Some(Step::Refused(Refusal {
                problem: format!(
                    "it was held back for {:.1} s: {}",
                    patience.as_secs_f64(),
                    pause.why
                ),
                advice: "see why, then audit again; `patience_seconds` of the guard is how long is waited",
            }));
        }
        Some(Step::Again(left.min(LOOK_AGAIN)))
    }

    fn step(&mut self, now: Duration) -> Step {
        if self.in_flight >= self.adapt.allowed() {
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
mod tests;
