//! Dates, times, timestamps and durations as text.

use crate::model::Timestamp;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; none if there is no such date.
///
/// Algorithm: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// A cursor over digits; every method gives none where the text has another form.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// `min..=max` digits (`max` ≤ 18) and how many there were.
    fn number(&mut self, min: usize, max: usize) -> Option<(i64, usize)> {
        let (mut value, mut n) = (0, 0);
        while n < max && self.0.get(n).is_some_and(u8::is_ascii_digit) {
            value = value * 10 + i64::from(self.0[n] - b'0');
            n += 1;
        }
        self.0 = &self.0[n..];
        (n >= min).then_some((value, n))
    }

    fn two(&mut self) -> Option<i64> {
        self.number(2, 2).map(|(v, _)| v)
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// `±Y…-MM-DD` in days since the epoch.
    fn date(&mut self) -> Option<i64> {
        let negative = self.accept(b'-');
        if !negative {
            self.accept(b'+');
        }
        let (year, _) = self.number(1, 9)?;
        let year = if negative { -year } else { year };
        let month = self.accept(b'-').then(|| self.two())??;
        let day = self.accept(b'-').then(|| self.two())??;
        days_from_civil(year, month, day)
    }

    /// `HH:MM[:SS[.f…]]` in nanoseconds.
    fn time(&mut self) -> Option<i64> {
        let hour = self.two()?;
        let minute = self.accept(b':').then(|| self.two())??;
        let mut nanos = 0;
        let mut second = 0;
        if self.accept(b':') {
            second = self.two()?;
            if self.accept(b'.') {
                let (fraction, n) = self.number(1, 9)?;
                nanos = fraction * 10i64.pow(9 - n as u32);
            }
        }
        (hour < 24 && minute < 60 && second < 60)
            .then_some(((hour * 60 + minute) * 60 + second) * 1_000_000_000 + nanos)
    }

    /// `Z`, `±HH`, `±HHMM` or `±HH:MM` in seconds east of UTC; the inner none if there is none.
    fn zone(&mut self) -> Option<Option<i64>> {
        if self.0.is_empty() {
            return Some(None);
        }
        if self.accept(b'Z') || self.accept(b'z') {
            return Some(Some(0));
        }
        let sign = if self.accept(b'-') {
            -1
        } else {
            self.accept(b'+').then_some(1)?
        };
        let hours = self.two()?;
        self.accept(b':');
        let minutes = if self.0.is_empty() { 0 } else { self.two()? };
        (hours < 24 && minutes < 60).then_some(Some(sign * (hours * 60 + minutes) * 60))
    }
}

/// A date as days since 1970-01-01: `2024-02-29`.
pub(in crate::canon) fn date(text: &[u8]) -> Option<i64> {
    let mut digits = Digits(text);
    let days = digits.date()?;
    digits.0.is_empty().then_some(days)
}

/// A time of day as nanoseconds since midnight: `12:34:56.789012345`.
pub(in crate::canon) fn time(text: &[u8]) -> Option<u64> {
    let mut digits = Digits(text);
    let nanos = digits.time()?;
    digits.0.is_empty().then_some(nanos as u64)
}

/// A point in time: `2024-02-29 12:34:56.789+0000`, with `T` or a blank between date and time, `Z` or an offset behind.
/// Text without an offset is read only if `utc` says that UTC is meant.
pub(in crate::canon) fn timestamp(text: &[u8], utc: bool) -> Option<Timestamp> {
    let mut digits = Digits(text);
    let days = digits.date()?;
    if !(digits.accept(b' ') || digits.accept(b'T') || digits.accept(b't')) {
        return None;
    }
    let nanos = digits.time()?;
    digits.accept(b' ');
    let offset = match digits.zone()? {
        Some(offset) => offset,
        None if utc => 0,
        None => return None,
    };
    if !digits.0.is_empty() {
        return None;
    }
    let seconds = i128::from(days) * 86_400 - i128::from(offset);
    Some(Timestamp(seconds * 1_000_000_000 + i128::from(nanos)))
}

const NANOS: &[(&[u8], i128)] = &[
    (b"h", 3_600_000_000_000),
    (b"ms", 1_000_000),
    (b"m", 60_000_000_000),
    (b"s", 1_000_000_000),
    (b"us", 1_000),
    ("µs".as_bytes(), 1_000),
    ("μs".as_bytes(), 1_000),
    (b"ns", 1),
];

/// A duration: CQL's `1y2mo3w4d5h6m7s8ms9us10ns` (also negative), or ISO 8601's `P1Y2M3DT4H5M6.7S` and `P3W`.
/// Gives months, days and nanoseconds; none if the text has another form or a part does not fit.
pub(in crate::canon) fn duration(text: &[u8]) -> Option<(i32, i32, i64)> {
    let (negative, rest) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (months, days, nanos) = match rest.strip_prefix(b"P") {
        Some(rest) => iso_parts(rest)?,
        None => cql_parts(rest)?,
    };
    let sign = if negative { -1 } else { 1 };
    Some((
        i32::try_from(sign * months).ok()?,
        i32::try_from(sign * days).ok()?,
        i64::try_from(sign * nanos).ok()?,
    ))
}

type Parts = (i128, i128, i128);

fn cql_parts(mut rest: &[u8]) -> Option<Parts> {
    let (mut months, mut days, mut nanos) = (0, 0, 0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = whole(&rest[..n])?;
        rest = &rest[n..];
        let unit = rest.iter().take_while(|b| !b.is_ascii_digit()).count();
        let (unit, after) = rest.split_at(unit);
        rest = after;
        let unit = unit.to_ascii_lowercase();
        match unit.as_slice() {
            b"y" => months += value * 12,
            b"mo" => months += value,
            b"w" => days += value * 7,
            b"d" => days += value,
            other => nanos += value * NANOS.iter().find(|(name, _)| *name == other)?.1,
        }
    }
    Some((months, days, nanos))
}

fn iso_parts(mut rest: &[u8]) -> Option<Parts> {
    let (mut months, mut days, mut nanos) = (0, 0, 0);
    let (mut in_time, mut any) = (false, false);
    while !rest.is_empty() {
        if !in_time && rest[0] == b'T' {
            in_time = true;
            rest = &rest[1..];
            continue;
        }
        let negative = rest[0] == b'-';
        rest = &rest[usize::from(negative)..];
        let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let mut value = whole(&rest[..n])?;
        rest = &rest[n..];
        let mut fraction = 0;
        if let [b'.', digits @ ..] = rest {
            let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&n) || digits.get(n) != Some(&b'S') {
                return None;
            }
            fraction = whole(&digits[..n])? * 10i128.pow(9 - n as u32);
            rest = &digits[n..];
        }
        if negative {
            (value, fraction) = (-value, -fraction);
        }
        match (in_time, rest.first()?) {
            (false, b'Y') => months += value * 12,
            (false, b'M') => months += value,
            (false, b'W') => days += value * 7,
            (false, b'D') => days += value,
            (true, b'H') => nanos += value * 3_600_000_000_000,
            (true, b'M') => nanos += value * 60_000_000_000,
            (true, b'S') => nanos += value * 1_000_000_000 + fraction,
            _ => return None,
        }
        any = true;
        rest = &rest[1..];
    }
    any.then_some((months, days, nanos))
}

/// A run of 1 to 19 digits; the sums of so few cannot overflow 128 bits.
fn whole(digits: &[u8]) -> Option<i128> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    Some(digits.iter().fold(0, |v, b| v * 10 + i128::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        assert_eq!(date(b"1970-01-01"), Some(0));
        assert_eq!(date(b"2024-02-29"), Some(19_782));
        assert_eq!(date(b"1-01-01"), Some(-719_162));
        assert_eq!(date(b"-5877641-06-23"), Some(-2_147_483_648));
        for bad in ["2023-02-29", "2024-13-01", "2024-1-1", "2024-01-01x", ""] {
            assert_eq!(date(bad.as_bytes()), None, "{bad}");
        }
        let mut day = jiff::civil::date(-9999, 1, 1);
        for _ in 0..2_000 {
            let text = format!("{}-{:02}-{:02}", day.year(), day.month(), day.day());
            let days = jiff::civil::date(1970, 1, 1).until(day).unwrap().get_days();
            assert_eq!(date(text.as_bytes()), Some(i64::from(days)), "{text}");
            day = day.checked_add(jiff::Span::new().days(3571)).unwrap();
        }
    }

    #[test]
    fn timestamps_need_their_offset() {
        let at = Some(Timestamp::from_millis(1_709_210_096_789));
        for text in [
            "2024-02-29 12:34:56.789+0000",
            "2024-02-29T12:34:56.789Z",
            "2024-02-29 14:34:56.789+02:00",
            "2024-02-29T11:34:56.789000000-01",
        ] {
            assert_eq!(timestamp(text.as_bytes(), false), at, "{text}");
        }
        assert_eq!(timestamp(b"2024-02-29 12:34:56.789", false), None);
        assert_eq!(timestamp(b"2024-02-29 12:34:56.789", true), at);
        assert_eq!(timestamp(b"2024-02-29 12:60:56Z", false), None);
    }

    #[test]
    fn durations_of_both_forms() {
        let all = 5 * 3_600_000_000_000 + 6 * 60_000_000_000 + 7_008_009_010;
        assert_eq!(duration(b"1y2mo3w4d5h6m7s8ms9us10ns"), Some((14, 25, all)));
        assert_eq!(duration("-1mo2µs".as_bytes()), Some((-1, 0, -2000)));
        assert_eq!(duration(b"P1Y2M4DT5H6M7.00800901S"), Some((14, 4, all)));
        assert_eq!(duration(b"9223372036854775807ns"), Some((0, 0, i64::MAX)));
        assert_eq!(duration(b"-9223372036854775808ns"), Some((0, 0, i64::MIN)));
        for bad in [
            "",
            "-",
            "P",
            "PT",
            "1",
            "d",
            "1x",
            "3000000000mo",
            "9223372036854775808ns",
            "1d-2d",
        ] {
            assert_eq!(duration(bad.as_bytes()), None, "{bad}");
        }
    }
}
