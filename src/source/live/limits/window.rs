//! Times of day at which a store may be read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const DAY: u32 = 24 * 60 * 60;

/// A stretch of every day, such as `22:00-06:00` in the local time of the machine, or `22:00-06:00 UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Seconds after midnight at which it opens.
    from: u32,
    /// Seconds after midnight at which it closes; before `from` if midnight lies inside.
    to: u32,
    utc: bool,
}

impl Window {
    /// Whether the times are UTC rather than local.
    pub fn is_utc(&self) -> bool {
        self.utc
    }

    /// How long it takes until the window is open, `second` seconds after midnight; zero inside it.
    pub fn opens_in(&self, second: u32) -> Duration {
        let open = if self.from <= self.to {
            (self.from..self.to).contains(&second)
        } else {
            second >= self.from || second < self.to
        };
        if open {
            return Duration::ZERO;
        }
        Duration::from_secs(u64::from((self.from + DAY - second) % DAY))
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Window, String> {
        let bad = || format!("`{text}` is not a time window; expected `22:00-06:00` or `22:00-06:00 UTC`");
        let (span, utc) = match text.trim().strip_suffix("UTC") {
            Some(span) => (span.trim_end(), true),
            None => (text.trim(), false),
        };
        let (from, to) = span.split_once('-').ok_or_else(bad)?;
        let (from, to) = (time(from).ok_or_else(bad)?, time(to).ok_or_else(bad)?);
        if from == to || from == DAY {
            return Err(bad());
        }
        Ok(Window { from, to, utc })
    }
}

/// Seconds after midnight; `24:00` is the end of the day.
fn time(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| match text.as_bytes() {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => text.parse::<u32>().ok(),
        _ => None,
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some((hour * 60 + minute) * 60)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |s: u32| format!("{:02}:{:02}", s / 3600, s / 60 % 60);
        let zone = if self.utc { " UTC" } else { "" };
        write!(f, "{}-{}{zone}", clock(self.from), clock(self.to))
    }
}

/// How long it takes until one of `windows` is open; zero if one is, or if there is none. The seconds after midnight are
/// given for local time and for UTC.
pub(super) fn opens_in(windows: &[Window], local: u32, utc: u32) -> Duration {
    let waits = windows
        .iter()
        .map(|w| w.opens_in(if w.utc { utc } else { local }));
    waits.min().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    fn at(hour: u32, minute: u32) -> u32 {
        (hour * 60 + minute) * 60
    }

    #[test]
    fn a_window_over_midnight_is_open_on_both_sides_of_it() {
        let night = window("22:00-06:00");
        for open in [at(22, 0), at(23, 59), 0, at(5, 59)] {
            assert_eq!(night.opens_in(open), Duration::ZERO, "{open}");
        }
        assert_eq!(night.opens_in(at(6, 0)), Duration::from_secs(16 * 3600));
        assert_eq!(night.opens_in(at(21, 59) + 30), Duration::from_secs(30));
    }

    #[test]
    fn a_window_of_one_day_opens_again_the_next() {
        let noon = window("12:00-13:30");
        assert_eq!(noon.opens_in(at(13, 0)), Duration::ZERO);
        assert_eq!(noon.opens_in(at(13, 30)), Duration::from_secs(22 * 3600 + 1800));
        assert_eq!(window("00:00-24:00").opens_in(at(23, 59)), Duration::ZERO);
    }

    #[test]
    fn the_first_of_several_windows_counts_each_in_its_own_time() {
        let windows = [window("22:00-23:00"), window("10:00-11:00 UTC")];
        assert_eq!(opens_in(&windows, at(12, 0), at(10, 30)), Duration::ZERO);
        assert_eq!(
            opens_in(&windows, at(9, 0), at(7, 0)),
            Duration::from_secs(3 * 3600)
        );
        assert_eq!(
            opens_in(&windows, at(21, 0), at(19, 0)),
            Duration::from_secs(3600)
        );
        assert_eq!(opens_in(&[], 0, 0), Duration::ZERO);
    }

    #[test]
    fn what_is_no_window_is_refused_and_what_is_reads_back() {
        for bad in [
            "",
            "22:00",
            "22-6",
            "25:00-01:00",
            "22:60-23:00",
            "10:00-10:00",
            "+1:00-02:00",
            "24:00-01:00",
        ] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
        for good in ["22:00-06:00", "00:30-24:00 UTC"] {
            assert_eq!(window(good).to_string(), good);
        }
    }
}
