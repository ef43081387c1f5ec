//! Dates, times and durations as text, over the whole range of what stores write: what the mapping's conversions read.

use super::cell::time;
use crate::model::Timestamp;

/// `YYYY-MM-DD` as days since 1970-01-01; years of more digits, and negative ones, too.
pub fn date(text: &str) -> Option<i64> {
    time::date(text.as_bytes())
}

/// `HH:MM[:SS[.fraction]]` as nanoseconds since midnight.
pub fn time(text: &str) -> Option<u64> {
    time::time(text.as_bytes())
}

/// ISO 8601 or cqlsh's form: date, `T` or space, time, zone (`Z`, `+00`, `+0000`, `+00:00`; UTC if there is none).
pub fn timestamp(text: &str) -> Option<Timestamp> {
    time::timestamp(text.as_bytes(), true)
}

/// A CQL duration such as `1y2mo3w4d5h6m7s8ms9us10ns`, or one of ISO 8601, with a sign for the whole: months, days,
/// nanoseconds.
pub fn duration(text: &str) -> Option<(i32, i32, i64)> {
    time::duration(text.as_bytes())
}
