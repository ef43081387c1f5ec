//! Values as people read them in reports: one line, compact, bounded, and with nothing hidden.

use super::sanitise::write_char;
use crate::model::{Timestamp, Value};
use crate::pair::Pair;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// The most characters of a value that a report carries.
pub const SHOWN_CHARS: usize = 1024;

/// How many characters before the first difference are kept when both sides of a pair are cut.
const CONTEXT_CHARS: usize = 64;

/// A value of one side, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The name of the value's type at its source, such as `text` or `int32`.
    #[serde(rename = "type")]
    pub ty: String,
    /// The value as a compact literal, at most [`SHOWN_CHARS`] characters and a mark where something was left out.
    pub text: String,
    /// Whether something was left out.
    pub truncated: bool,
}

impl Shown {
    /// Renders a value.
    ///
    /// Text is quoted as in JSON; numbers, times, UUIDs and ObjectIds are bare; bytes are hex after `0x`. Control,
    /// bidirectional and invisible characters are escaped.
    pub fn new(value: &Value) -> Shown {
        let (text, truncated) = bounded(value, SHOWN_CHARS);
        Shown::cut(value, text, truncated)
    }

    /// Shows a part of a key: as any value, but text without its quotes.
    pub fn key(value: &Value) -> Shown {
        let mut shown = Shown::new(value);
        if let Value::Text(_) = value
            && let Some(inner) = shown.text.strip_prefix('"').and_then(|t| t.strip_suffix('"'))
        {
            shown.text = inner.to_owned();
        }
        shown
    }

    /// Renders two values that differ. Where both are too long and begin alike, the part around the first difference is
    /// shown, so that the two texts differ as well.
    pub fn pair(values: Pair<&Value>) -> Pair<Shown> {
        let shown = values.map(Shown::new);
        if shown.stable.text != shown.candidate.text || !(shown.stable.truncated || shown.candidate.truncated)
        {
            return shown;
        }
        let full = values.map(|value| bounded(value, usize::MAX).0);
        let same = full
            .stable
            .chars()
            .zip(full.candidate.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let start = same.saturating_sub(CONTEXT_CHARS);
        values.zip(full).map(|(value, full)| {
            let text = std::iter::once('…')
                .chain(full.chars().skip(start))
                .take(SHOWN_CHARS)
                .collect();
            Shown::cut(value, text, true)
        })
    }

    fn cut(value: &Value, mut text: String, truncated: bool) -> Shown {
        if truncated && !text.ends_with('…') {
            text.push('…');
        }
        Shown {
            ty: value.type_name().to_owned(),
            text,
            truncated,
        }
    }
}

/// The literal of `value`, cut after `limit` characters, and whether it was cut.
fn bounded(value: &Value, limit: usize) -> (String, bool) {
    let mut sink = Bounded {
        text: String::new(),
        left: limit,
    };
    let cut = write_value(value, &mut sink).is_err();
    (sink.text, cut)
}

/// A sink that refuses what goes beyond its limit, so that a 16 MB value costs no more than a small one.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        // It has no more characters than bytes.
        if s.len() <= self.left {
            self.left -= s.chars().count();
            self.text.push_str(s);
            return Ok(());
        }
        for c in s.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

fn write_value(value: &Value, out: &mut dyn Write) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Undefined => out.write_str("undefined"),
        Value::Bool(b) => write!(out, "{b}"),
        Value::Number(n) => write!(out, "{n}"),
        Value::Text(text) => write_quoted(text, out),
        Value::Symbol(text) => call("symbol", out, |out| write_quoted(text, out)),
        Value::Bytes { subtype: 0, bytes } => write_bytes(bytes, out),
        Value::Bytes { subtype, bytes } => call("binary", out, |out| {
            write!(out, "{subtype},")?;
            write_bytes(bytes, out)
        }),
        Value::Timestamp(at) => write_timestamp(*at, out),
        Value::Date(days) => write_date(*days, out),
        Value::Time(nanos) => write_time(*nanos, out),
        Value::Duration { months, days, nanos } => write!(out, "{months}mo{days}d{nanos}ns"),
        Value::Uuid(bytes) => {
            for (place, group) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
                out.write_str(if place > 0 { "-" } else { "" })?;
                write_hex(&bytes[group], out)?;
            }
            Ok(())
        }
        Value::ObjectId(bytes) => write_hex(bytes, out),
        Value::Inet(address) => write!(out, "{address}"),
        Value::List(items) => write_items("[", items, "]", out),
        Value::Set(items) => write_items("set[", items, "]", out),
        Value::Map(pairs) => {
            out.write_str("{")?;
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.write_str(if i > 0 { "," } else { "" })?;
                write_value(key, out)?;
                out.write_str(":")?;
                write_value(value, out)?;
            }
            out.write_str("}")
        }
        Value::Document(pairs) => write_document(pairs, out),
        Value::Regex { pattern, options } => call("regex", out, |out| {
            write_quoted(pattern, out)?;
            out.write_str(",")?;
            write_quoted(options, out)
        }),
        Value::Code { code, scope } => call("code", out, |out| {
            write_quoted(code, out)?;
            match scope {
                Some(scope) => {
                    out.write_str(",")?;
                    write_document(scope, out)
                }
                None => Ok(()),
            }
        }),
        Value::BsonTimestamp { time, increment } => write!(out, "timestamp({time},{increment})"),
        Value::MinKey => out.write_str("minkey"),
        Value::MaxKey => out.write_str("maxkey"),
        Value::DbPointer { namespace, id } => call("dbpointer", out, |out| {
            write_quoted(namespace, out)?;
            out.write_str(",")?;
            write_hex(id, out)
        }),
    }
}

fn call(name: &str, out: &mut dyn Write, inner: impl FnOnce(&mut dyn Write) -> fmt::Result) -> fmt::Result {
    write!(out, "{name}(")?;
    inner(out)?;
    out.write_str(")")
}

fn write_items(open: &str, items: &[Value], close: &str, out: &mut dyn Write) -> fmt::Result {
    out.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        out.write_str(if i > 0 { "," } else { "" })?;
        write_value(item, out)?;
    }
    out.write_str(close)
}

fn write_document(pairs: &[(String, Value)], out: &mut dyn Write) -> fmt::Result {
    out.write_str("{")?;
    for (i, (name, value)) in pairs.iter().enumerate() {
        out.write_str(if i > 0 { "," } else { "" })?;
        write_quoted(name, out)?;
        out.write_str(":")?;
        write_value(value, out)?;
    }
    out.write_str("}")
}

fn write_quoted(text: &str, out: &mut dyn Write) -> fmt::Result {
    out.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            c => write_char(c, out)?,
        }
    }
    out.write_str("\"")
}

fn write_bytes(bytes: &[u8], out: &mut dyn Write) -> fmt::Result {
    out.write_str("0x")?;
    write_hex(bytes, out)
}

fn write_hex(bytes: &[u8], out: &mut dyn Write) -> fmt::Result {
    let mut digits = [0; 64];
    bytes.chunks(digits.len() / 2).try_for_each(|bytes| {
        let digits = &mut digits[..2 * bytes.len()];
        hex::encode_to_slice(bytes, digits).map_err(|_| fmt::Error)?;
        out.write_str(std::str::from_utf8(digits).map_err(|_| fmt::Error)?)
    })
}

/// ISO 8601 for the years 1 to 9999, nanoseconds since the epoch beyond them.
fn write_timestamp(at: Timestamp, out: &mut dyn Write) -> fmt::Result {
    let day = i64::try_from(at.0.div_euclid(DAY)).ok().and_then(day);
    match day {
        Some(day) => {
            write!(out, "{day}T")?;
            write_time(at.0.rem_euclid(DAY) as u64, out)?;
            out.write_str("Z")
        }
        None => write!(out, "timestamp({}ns)", at.0),
    }
}

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

/// The day so many days after 1970-01-01, in the years 1 to 9999.
fn day(days: i64) -> Option<jiff::civil::Date> {
    let span = jiff::Span::new().try_days(days).ok()?;
    let day = jiff::civil::date(1970, 1, 1).checked_add(span).ok()?;
    (day.year() >= 1).then_some(day)
}

/// ISO 8601 for the years 1 to 9999, days since the epoch beyond them.
fn write_date(days: i64, out: &mut dyn Write) -> fmt::Result {
    match day(days) {
        Some(day) => write!(out, "{day}"),
        None => write!(out, "date({days}d)"),
    }
}

fn write_time(nanos: u64, out: &mut dyn Write) -> fmt::Result {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )?;
    if fraction > 0 {
        write!(out, ".{}", format!("{fraction:09}").trim_end_matches('0'))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Number, NumberType};

    fn text(value: Value) -> String {
        Shown::new(&value).text
    }

    #[test]
    fn literals() {
        let int = |n| Value::Number(Number::int(n, NumberType::Int32));
        assert_eq!(
            text(Value::Text("a\"b\\\n\u{202e}".into())),
            r#""a\"b\\\n\u202e""#
        );
        assert_eq!(
            text(Value::Number(Number::double(1.0, NumberType::Double))),
            "1.0"
        );
        assert_eq!(
            text(Value::Bytes {
                subtype: 0,
                bytes: vec![0, 255]
            }),
            "0x00ff"
        );
        assert_eq!(
            text(Value::Bytes {
                subtype: 5,
                bytes: vec![1]
            }),
            "binary(5,0x01)"
        );
        assert_eq!(text(Value::ObjectId([0xab; 12])), "abababababababababababab");
        assert_eq!(
            text(Value::Uuid([0x12; 16])),
            "12121212-1212-1212-1212-121212121212"
        );
        assert_eq!(
            text(Value::Timestamp(Timestamp::from_millis(1_700_000_000_123))),
            "2023-11-14T22:13:20.123Z"
        );
        for (millis, shown) in [
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_135_596_800_000, "0001-01-01T00:00:00Z"),
            (253_402_300_800_000, "timestamp(253402300800000000000ns)"),
            (i64::MIN, "timestamp(-9223372036854775808000000ns)"),
        ] {
            assert_eq!(text(Value::Timestamp(Timestamp::from_millis(millis))), shown);
        }
        assert_eq!(
            text(Value::Timestamp(Timestamp(-377_705_023_201_000_000_000))),
            "timestamp(-377705023201000000000ns)"
        );
        assert_eq!(
            (text(Value::Date(0)), text(Value::Date(i64::MAX))),
            ("1970-01-01".into(), "date(9223372036854775807d)".into())
        );
        assert_eq!(text(Value::Date(-800_000)), "date(-800000d)");
        assert_eq!(text(Value::Time(86_399_500_000_000)), "23:59:59.5");
        assert_eq!(
            text(Value::Duration {
                months: 1,
                days: -2,
                nanos: 3
            }),
            "1mo-2d3ns"
        );
        assert_eq!(text(Value::Set(vec![int(1), int(2)])), "set[1,2]");
        assert_eq!(
            text(Value::Document(vec![
                ("a".into(), Value::List(vec![Value::Null, int(1)])),
                ("b".into(), Value::MinKey)
            ])),
            r#"{"a":[null,1],"b":minkey}"#
        );
        assert_eq!(text(Value::Map(vec![(int(1), Value::Bool(true))])), "{1:true}");
        assert_eq!(
            text(Value::Code {
                code: "f()".into(),
                scope: Some(vec![])
            }),
            r#"code("f()",{})"#
        );
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let shown = Shown::new(&Value::Text("x".repeat(16 << 20)));
        assert!(shown.truncated);
        assert_eq!(shown.text.chars().count(), SHOWN_CHARS + 1);
        assert!(shown.text.ends_with('…'));
        let exact = Shown::new(&Value::Text("x".repeat(SHOWN_CHARS - 2)));
        assert!(!exact.truncated);
        assert_eq!(exact.text.chars().count(), SHOWN_CHARS);
    }

    #[test]
    fn long_values_that_differ_look_different() {
        let [a, b] =
            ["a", "b"].map(|end| Value::Text(format!("{}{end}{}", "x".repeat(5000), "y".repeat(5000))));
        let shown = Shown::pair(Pair {
            stable: &a,
            candidate: &b,
        });
        assert_ne!(shown.stable.text, shown.candidate.text);
        assert!(shown.stable.text.starts_with("…xxxx") && shown.stable.text.ends_with('…'));
        assert!(shown.stable.truncated && shown.candidate.truncated);
        assert!(shown.stable.text.chars().count() <= SHOWN_CHARS + 1);
    }
}
