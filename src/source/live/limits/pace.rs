//! An even pace: an amount per second, without bursts.
//!
//! The generic cell rate algorithm (ITU-T I.371): every request moves the time of the next one on by what it takes. Time
//! that was not used is lost, but for a moment's worth that makes up for timers that wake late.

use std::time::Duration;

/// How much unused time is made up for. Over two seconds that is 2.5 %.
const SLACK: f64 = 0.05;

#[derive(Debug)]
pub(super) struct Pace {
    per_second: f64,
    /// When the next request is due, in seconds.
    due: f64,
}

impl Pace {
    /// `per_second` is more than zero.
    pub(super) fn new(per_second: f64) -> Pace {
        Pace { per_second, due: 0.0 }
    }

    /// Books `amount`, and says how long to wait before using it.
    pub(super) fn book(&mut self, now: Duration, amount: f64) -> Duration {
        let now = now.as_secs_f64();
        let start = self.due.max(now - SLACK);
        self.due = start + amount / self.per_second;
        Duration::from_secs_f64((start - now).max(0.0))
    }

    /// What was booked turned out to be more, or less.
    pub(super) fn correct(&mut self, booked: f64, used: f64) {
        self.due += (used - booked) / self.per_second;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `requests` one after the other, each bringing what `amount` says; gives the time of each and its amount.
    fn run(pace: &mut Pace, requests: usize, booked: f64, amount: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        let mut now = Duration::from_secs(7);
        let mut seen = Vec::new();
        for i in 0..requests {
            // Timers wake late, by up to two milliseconds.
            now += pace.book(now, booked) + Duration::from_micros((i as u64 * 7919) % 2000);
            pace.correct(booked, amount(i));
            seen.push((now.as_secs_f64(), amount(i)));
        }
        seen
    }

    /// The most and the least that any stretch of `seconds` saw, per second.
    fn extremes(seen: &[(f64, f64)], seconds: f64) -> (f64, f64) {
        let last = seen[seen.len() - 1].0;
        let rates: Vec<f64> = seen
            .iter()
            .filter(|(from, _)| from + seconds <= last)
            .map(|(from, _)| {
                let inside = seen.iter().filter(|(at, _)| at >= from && *at < from + seconds);
                inside.map(|(_, amount)| amount).sum::<f64>() / seconds
            })
            .collect();
        (
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            rates.iter().copied().fold(0.0, f64::max),
        )
    }

    #[test]
    fn requests_come_at_the_pace_that_is_allowed_over_any_two_seconds() {
        let seen = run(&mut Pace::new(200.0), 3000, 1.0, |_| 1.0);
        let (least, most) = extremes(&seen, 2.0);
        assert!(least >= 190.0 && most <= 210.0, "{least} to {most}");
    }

    #[test]
    fn bytes_keep_the_pace_though_pages_differ_from_what_was_expected() {
        let page = |i: usize| 5_000.0 + (i % 7) as f64 * 3_000.0;
        let seen = run(&mut Pace::new(1_000_000.0), 2000, 10_000.0, page);
        let (least, most) = extremes(&seen, 2.0);
        assert!(least >= 950_000.0 && most <= 1_050_000.0, "{least} to {most}");
    }

    #[test]
    fn time_that_was_not_used_is_lost() {
        let mut pace = Pace::new(10.0);
        pace.book(Duration::from_secs(1), 1.0);
        let later = Duration::from_secs(100);
        let waits: Vec<_> = (0..3).map(|_| pace.book(later, 1.0).as_millis()).collect();
        assert_eq!(waits, [0, 50, 150]);
    }

    #[test]
    fn one_page_far_beyond_the_pace_is_paid_for_afterwards() {
        let mut pace = Pace::new(1000.0);
        assert_eq!(pace.book(Duration::from_secs(1), 0.0), Duration::ZERO);
        pace.correct(0.0, 60_000.0);
        let wait = pace.book(Duration::from_secs(1), 0.0);
        assert!((59.9..=60.0).contains(&wait.as_secs_f64()), "{wait:?}");
    }
}
