//! Times on the wire: RFC 3339 instants in UTC, and expiry dates.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Serde form of an `Option<Timestamp>`: an RFC 3339 string. Use with `default` and `skip_serializing_if`.
pub(crate) mod optional {
    use jiff::Timestamp;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => s.collect_str(at),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        super::instant::deserialize(d).map(Some)
    }
}

/// Serde form of a `Timestamp`: an RFC 3339 string.
pub(crate) mod instant {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(at)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(d)?;
        text.parse()
            .map_err(|_| D::Error::custom(format!("`{text}` is not an RFC 3339 time")))
    }
}

/// When an ignore, a tolerance or an allowance ends: a day (`2026-12-31`, valid until that day ends in UTC) or an
/// RFC 3339 instant. Written back as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expires {
    text: String,
    at: Timestamp,
}

impl Expires {
    /// Reads a day or an instant.
    ///
    /// # Errors
    /// The text is neither; the message says what was expected.
    pub fn parse(text: &str) -> Result<Expires, String> {
        let at = match text.parse::<Timestamp>() {
            Ok(at) => Some(at),
            Err(_) if text.len() == 10 => text.parse::<Date>().ok().map(|day| {
                let next = day.checked_add(1.day()).ok();
                let midnight = next.and_then(|next| next.to_zoned_datetime(TimeZone::UTC).ok());
                // The last days of 9999 end beyond the calendar.
                midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
            }),
            Err(_) => None,
        };
        match at {
            Some(at) => Ok(Expires {
                text: text.to_owned(),
                at,
            }),
            None => Err(format!(
                "expiry `{text}` is neither a day such as 2026-12-31 nor an instant such as 2026-12-31T18:00:00Z"
            )),
        }
    }

    /// The first instant at which it no longer holds.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether it no longer holds at `now`.
    pub fn passed(&self, now: Timestamp) -> bool {
        now >= self.at
    }
}

impl TryFrom<String> for Expires {
    type Error = String;
    fn try_from(text: String) -> Result<Expires, String> {
        Expires::parse(&text)
    }
}

impl From<Expires> for String {
    fn from(expires: Expires) -> String {
        expires.text
    }
}

impl std::fmt::Display for Expires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_holds_until_it_ends() {
        let expires = Expires::parse("2026-12-31").unwrap();
        assert!(!expires.passed("2026-12-31T23:59:59.999Z".parse().unwrap()));
        assert!(expires.passed("2027-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(
            Expires::parse("2026-12-31T18:00:00Z").unwrap().at().to_string(),
            "2026-12-31T18:00:00Z"
        );
        assert!(
            !Expires::parse("9999-12-31")
                .unwrap()
                .passed("9999-01-01T00:00:00Z".parse().unwrap())
        );
        for bad in ["soon", "2026-13-01", "2026-12-31 noon", ""] {
            assert!(
                Expires::parse(bad).unwrap_err().contains("neither a day"),
                "{bad}"
            );
        }
    }
}
