//! Dates, times and durations as text, over the whole range of what stores write.

use crate::model::Timestamp;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that is `days` after 1970-01-01: year, month, day. Inverse of [`days_from_civil`].
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn digits(text: &[u8]) -> Option<i64> {
    let all = !text.is_empty() && text.len() < 18 && text.iter().all(u8::is_ascii_digit);
    all.then(|| text.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
}

/// `YYYY-MM-DD` as days since 1970-01-01; years of more digits, and negative ones, too.
pub fn date(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = rest else {
        return None;
    };
    let (year, month, day) = (sign * digits(year)?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
    if year.abs() > 10_000_000 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// `HH:MM[:SS[.fraction]]` as nanoseconds since midnight.
pub fn time(text: &str) -> Option<u64> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text.as_bytes() else {
        return None;
    };
    let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
    let (seconds, nanos) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (digits(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', fraction @ ..] if (1..=9).contains(&fraction.len()) => (
            digits(&[*s1, *s2])?,
            digits(fraction)? * 10i64.pow(9 - fraction.len() as u32),
        ),
        _ => return None,
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some((((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanos) as u64)
}

/// ISO 8601 or cqlsh's form: date, `T` or space, time, zone (`Z`, `+0000`, `+00:00`; UTC if there is none).
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let split = text.find(['T', ' '])?;
    let days = date(&text[..split])?;
    let rest = &text[split + 1..];
    let zone_at = rest.find(['Z', '+', '-', 'z']).unwrap_or(rest.len());
    let nanos = time(rest[..zone_at].trim_end())?;
    let zone = match &rest.as_bytes()[zone_at..] {
        [] | [b'Z' | b'z'] => 0,
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => {
            let minutes = digits(&[*h1, *h2])? * 60 + digits(&[*m1, *m2])?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let seconds = i128::from(days) * 86_400 - i128::from(zone) * 60;
    Some(Timestamp(seconds * 1_000_000_000 + i128::from(nanos)))
}

/// A CQL duration such as `1y2mo3w4d5h6m7s8ms9us10ns`, with a sign for the whole: months, days, nanoseconds.
pub fn duration(text: &str) -> Option<(i32, i32, i64)> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1i128, rest),
        None => (1, text),
    };
    let (mut months, mut days, mut nanos) = (0i128, 0i128, 0i128);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit())?;
        let count = i128::from(digits(&rest.as_bytes()[..split])?);
        let unit_end = rest[split..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |n| split + n);
        let nano_units: i128 = match &rest[split..unit_end] {
            "y" => {
                months += count * 12;
                0
            }
            "mo" => {
                months += count;
                0
            }
            "w" => {
                days += count * 7;
                0
            }
            "d" => {
                days += count;
                0
            }
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" | "μs" => 1000,
            "ns" => 1,
            _ => return None,
        };
        nanos += count * nano_units;
        rest = &rest[unit_end..];
    }
    Some((
        i32::try_from(sign * months).ok()?,
        i32::try_from(sign * days).ok()?,
        i64::try_from(sign * nanos).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip() {
        for days in (-1_000_000..1_000_000).step_by(97) {
            let (y, m, d) = civil_from_days(days);
            assert_eq!(days_from_civil(y, m, d), days);
        }
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2024-02-29"), Some(19_782));
        assert_eq!(date("2023-02-29"), None);
    }

    #[test]
    fn times_and_durations() {
        assert_eq!(time("23:59:59.999999999"), Some(86_399_999_999_999));
        assert_eq!(
            timestamp("2024-02-29 12:34:56.789+0000").map(|t| t.0),
            Some(1_709_210_096_789_000_000)
        );
        assert_eq!(
            timestamp("2024-02-29T13:34:56.789+01:00"),
            timestamp("2024-02-29T12:34:56.789Z")
        );
        assert_eq!(duration("1mo2d3h4m5s6ms"), Some((1, 2, 11_045_006_000_000)));
        assert_eq!(duration("-1y3d"), Some((-12, -3, 0)));
        for bad in ["", "-", "5", "1x", "d"] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
    }
}
