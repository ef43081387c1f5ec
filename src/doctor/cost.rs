//! How much there is to read and how long that takes, and what the clocks say.

use super::finding::{About, Clock, Finding, SideFacts};
use crate::{Pair, Side};
use std::time::Duration;

/// How much there is to read on one side, and how long that takes under the rate that is allowed, in bytes a second.
pub(super) fn cost(
    side: Side,
    facts: &SideFacts,
    live: bool,
    rate: Option<f64>,
) -> (Finding, Option<Duration>) {
    let bytes: Option<u64> = facts.namespaces.iter().map(|n| n.bytes).sum();
    let records: Option<u64> = facts.namespaces.iter().map(|n| n.records).sum();
    let size = match (bytes, records) {
        (Some(bytes), Some(records)) => format!("about {} in {records} records", size(bytes)),
        (Some(bytes), None) => format!("about {}", size(bytes)),
        (None, _) => {
            let silent = facts.namespaces.iter().filter(|n| n.bytes.is_none());
            let silent: Vec<&str> = silent.map(|n| n.name.as_str()).collect();
            let message = format!(
                "the store does not say how much it holds of {} (it may not have counted yet, or the user may not ask), \
                 so no time can be estimated",
                silent.join(", ")
            );
            return (Finding::note(About::Cost, side, message), None);
        }
    };
    let time = bytes
        .zip(rate)
        .map(|(bytes, rate)| Duration::from_secs_f64((bytes as f64 / rate).min(1e12)));
    let message = match (time, live) {
        (Some(time), _) => format!(
            "{size} to read, at most {} a second of them: {} at least",
            self::size(rate.unwrap_or_default() as u64),
            duration(time)
        ),
        (None, true) => format!(
            "{size} to read, as fast as the store gives them: no max_rate is set, so no time can be estimated, and \
             only in_flight spares the store"
        ),
        (None, false) => format!("{size} to read"),
    };
    (Finding::ok(About::Cost, side, message), time)
}

/// How long both sides take, which are read at the same time.
pub(super) fn both(times: Pair<Option<Duration>>) -> Option<Finding> {
    let longest = times.stable.max(times.candidate)?;
    let message = format!(
        "a first reading of both sides takes {} at least, as the rates allow",
        duration(longest)
    );
    Some(Finding::ok(About::Cost, None, message))
}

/// What the clocks of both sides say, where at least one is live, and whether the delay of settling is long enough.
pub(super) fn clocks(
    facts: Pair<&SideFacts>,
    delay: Duration,
    reading: Pair<Option<Duration>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (side, facts) in facts.into_sides() {
        findings.extend(facts.clocks.iter().map(|clock| own(side, clock)));
    }
    let delay_ms = delay.as_millis() as i64;
    let between = farthest(&facts.stable.clocks, &facts.candidate.clocks);
    let reading = reading
        .into_sides()
        .into_iter()
        .filter_map(|(_, time)| time)
        .max();
    let Some(reading) = reading else {
        return findings;
    };
    let reading_ms = i64::try_from(reading.as_millis()).unwrap_or(i64::MAX);
    let skew = match between {
        Some(apart) => format!("the clocks of both sides lie up to {apart} ms apart and "),
        None => String::new(),
    };
    let needed = between.unwrap_or_default().saturating_add(reading_ms);
    let message =
        format!("{skew}single records are read in {reading_ms} ms; the settle delay is {delay_ms} ms");
    findings.push(match needed < delay_ms {
        true => Finding::ok(About::Clock, None, message),
        false => Finding::warning(
            About::Clock,
            None,
            format!("{message}, which is too short: a write that is under way may be told as a difference; say --settle-delay {}", needed / 1000 + 1),
        ),
    });
    findings
}

/// One clock against ours.
fn own(side: Side, clock: &Clock) -> Finding {
    let Clock {
        node,
        ahead_ms,
        give_or_take_ms,
    } = clock;
    let way = if *ahead_ms < 0 { "behind" } else { "ahead of" };
    let message = format!(
        "the clock of {node} is {} ms {way} ours, give or take {give_or_take_ms} ms",
        ahead_ms.abs()
    );
    Finding::ok(About::Clock, side, message)
}

/// How far clocks of both sides lie apart at most, in milliseconds.
fn farthest(stable: &[Clock], candidate: &[Clock]) -> Option<i64> {
    let apart =
        |a: &Clock, b: &Clock| (a.ahead_ms - b.ahead_ms).abs() + a.give_or_take_ms + b.give_or_take_ms;
    let pairs = stable
        .iter()
        .flat_map(|a| candidate.iter().map(move |b| apart(a, b)));
    pairs.max()
}

/// `3.2 GB`.
fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut scaled = bytes as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < units.len() {
        (scaled, unit) = (scaled / 1000.0, unit + 1);
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ if scaled < 9.95 => format!("{scaled:.1} {}", units[unit]),
        _ => format!("{scaled:.0} {}", units[unit]),
    }
}

/// `1 h 20 min`, `12 min`, `3 s`.
fn duration(time: Duration) -> String {
    match time.as_secs_f64().round() as u64 {
        s @ 0..=119 => format!("{} s", s.max(1)),
        s @ 120..=7199 => format!("{} min", (s + 30) / 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Size, Weight};
    use super::*;

    fn facts(bytes: Option<u64>) -> SideFacts {
        let of = |name: &str, bytes| Size {
            name: name.to_owned(),
            records: Some(5),
            bytes,
        };
        SideFacts {
            namespaces: vec![of("shop.a", Some(1_000_000)), of("shop.b", bytes)],
            ..SideFacts::default()
        }
    }

    fn with_clock(ahead_ms: i64, give_or_take_ms: i64) -> SideFacts {
        SideFacts {
            clocks: vec![Clock {
                node: "n".to_owned(),
                ahead_ms,
                give_or_take_ms,
            }],
            ..SideFacts::default()
        }
    }

    #[test]
    fn time_is_told_only_where_it_is_known() {
        let (found, time) = cost(Side::Stable, &facts(Some(2_000_000)), true, Some(1000.0));
        assert_eq!(time, Some(Duration::from_secs(3000)));
        assert_eq!(
            found.message,
            "about 3.0 MB in 10 records to read, at most 1.0 kB a second of them: 50 min at least"
        );
        let (found, time) = cost(Side::Stable, &facts(Some(0)), true, None);
        assert!(found.message.contains("no max_rate is set") && time.is_none());
        let (found, time) = cost(Side::Stable, &facts(None), true, Some(1000.0));
        assert!(found.message.contains("holds of shop.b ") || found.message.contains("of shop.b ("));
        assert!(time.is_none() && found.weight == Weight::Note);
        let times = Pair {
            stable: Some(Duration::from_secs(4)),
            candidate: Some(Duration::from_secs(8000)),
        };
        assert!(both(times).unwrap().message.contains("2 h 13 min"));
        assert_eq!(both(Pair::default()), None);
    }

    #[test]
    fn the_delay_has_to_outlast_skew_and_reading() {
        let sides = Pair {
            stable: with_clock(-300, 10),
            candidate: with_clock(600, 20),
        };
        let read = Pair {
            stable: Some(Duration::from_millis(60)),
            candidate: Some(Duration::from_millis(70)),
        };
        let last = |delay, read| {
            clocks(sides.as_ref(), Duration::from_millis(delay), read)
                .pop()
                .unwrap()
        };
        assert_eq!(last(1001, read).weight, Weight::Ok);
        let short = last(1000, read);
        assert_eq!(short.weight, Weight::Warning);
        assert!(
            short.message.contains("930 ms apart") && short.message.ends_with("--settle-delay 2"),
            "{short}"
        );
        // Files are not looked at again: there is nothing to outlast.
        let none = SideFacts::default();
        let files = Pair {
            stable: &none,
            candidate: &none,
        };
        assert!(clocks(files, Duration::ZERO, Pair::default()).is_empty());
    }

    #[test]
    fn sizes_are_read_by_people() {
        let shown = [0, 999, 1000, 9949, 99_400, 999_400, 999_600, 3_200_000_000];
        assert_eq!(
            shown.map(size),
            [
                "0 bytes",
                "999 bytes",
                "1.0 kB",
                "9.9 kB",
                "99 kB",
                "999 kB",
                "1.0 MB",
                "3.2 GB"
            ]
        );
        let times = [0, 119, 120, 7199, 7200, 90_000].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(
            times,
            ["1 s", "119 s", "2 min", "120 min", "2 h 0 min", "25 h 0 min"]
        );
    }
}
