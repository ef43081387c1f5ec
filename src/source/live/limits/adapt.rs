//! How many requests at once a store bears: as in congestion control, one more for every round that went well, half as
//! many when the store says that it is too much, and gently fewer when answers take much longer than they did while
//! there was one request at a time.

use std::time::Duration;

/// Answers may take this many times the baseline before concurrency is taken back.
const TOLERANCE: f64 = 3.0;
/// How many answers make a baseline.
const BASELINE_ANSWERS: u32 = 3;
/// The weight of the latest answer in the running latency.
const WEIGHT: f64 = 0.2;

#[derive(Debug)]
pub(super) struct Adapt {
    most: f64,
    limit: f64,
    /// Seconds that an answer takes at concurrency 1, and how many answers say so.
    baseline: f64,
    answers: u32,
    /// Seconds that an answer has taken of late.
    latency: f64,
    halved: Option<f64>,
}

impl Adapt {
    pub(super) fn new(most: usize) -> Adapt {
        Adapt {
            most: most.max(1) as f64,
            limit: 1.0,
            baseline: 0.0,
            answers: 0,
            latency: 0.0,
            halved: None,
        }
    }

    /// How many requests may be under way now.
    pub(super) fn allowed(&self) -> usize {
        self.limit as usize
    }

    /// Whether there is room for another request beside one, or never will be.
    pub(super) fn has_room_beside(&self) -> bool {
        self.limit >= 2.0 || self.most < 2.0
    }

    /// A request was answered after `took`.
    pub(super) fn answered(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        if self.limit < 2.0 {
            return self.alone(took);
        }
        self.latency += WEIGHT * (took - self.latency);
        let bearable = TOLERANCE * self.baseline;
        if self.latency <= bearable {
            self.limit = (self.limit + 1.0 / self.limit).min(self.most);
        } else {
            let gradient = (bearable / self.latency).max(0.5);
            self.set((1.0 - WEIGHT + WEIGHT * gradient) * self.limit);
        }
    }

    /// The baseline is measured whenever there is one request at a time.
    fn alone(&mut self, took: f64) {
        self.answers += 1;
        self.baseline += (took - self.baseline) / f64::from(self.answers);
        self.latency = self.baseline;
        if self.answers >= BASELINE_ANSWERS {
            self.limit = 2.0_f64.min(self.most);
        }
    }

    /// The store has too much to do. Requests that were under way together fail together: they count once.
    pub(super) fn overloaded(&mut self, now: Duration) {
        let now = now.as_secs_f64();
        let same_wave = self.halved.is_some_and(|at| now - at < self.latency.max(0.1));
        if !same_wave {
            self.halved = Some(now);
            self.set(self.limit / 2.0);
        }
    }

    fn set(&mut self, limit: f64) {
        self.limit = limit.max(1.0);
        if self.limit < 2.0 {
            self.limit = 1.0;
            self.answers = 0;
            self.baseline = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn raised(most: usize) -> Adapt {
        let mut adapt = Adapt::new(most);
        for _ in 0..200 {
            adapt.answered(10 * MS);
        }
        adapt
    }

    #[test]
    fn it_starts_alone_and_rises_by_one_a_round_to_what_is_allowed() {
        let mut adapt = Adapt::new(8);
        let mut seen = vec![adapt.allowed()];
        for _ in 0..60 {
            adapt.answered(10 * MS);
            seen.push(adapt.allowed());
        }
        assert_eq!(seen[..4], [1, 1, 1, 2]);
        assert!(seen.windows(2).all(|w| w[1] - w[0] <= 1), "{seen:?}");
        assert_eq!(seen.last(), Some(&8));
        assert_eq!(raised(1).allowed(), 1);
        assert_eq!(raised(0).allowed(), 1);
    }

    #[test]
    fn overload_halves_it_once_a_wave_and_never_below_one() {
        let mut adapt = raised(8);
        adapt.overloaded(1000 * MS);
        adapt.overloaded(1005 * MS);
        assert_eq!(adapt.allowed(), 4);
        adapt.overloaded(2000 * MS);
        adapt.overloaded(3000 * MS);
        adapt.overloaded(4000 * MS);
        assert_eq!(adapt.allowed(), 1);
        for _ in 0..100 {
            adapt.answered(10 * MS);
        }
        assert_eq!(adapt.allowed(), 8);
    }

    #[test]
    fn answers_far_slower_than_alone_take_it_back_and_the_baseline_is_measured_anew() {
        let mut adapt = raised(8);
        for _ in 0..10 {
            adapt.answered(25 * MS);
        }
        assert_eq!(adapt.allowed(), 8, "within the tolerance");
        let mut least = 8;
        for _ in 0..60 {
            adapt.answered(100 * MS);
            least = least.min(adapt.allowed());
        }
        assert_eq!(least, 1);
        for _ in 0..200 {
            adapt.answered(100 * MS);
        }
        assert_eq!(adapt.allowed(), 8, "the store is just this slow");
    }
}
