//! Tolerances: differences that are declared not to matter. Judged at drill-down; digests stay exact.

use super::convert::{decimal, exact, within};
use crate::model::{Decimal, Value};
use num_traits::Signed;
use serde::Serialize;

/// How far two values may lie apart. Where more than one limit is given, it is enough to be within one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tolerance {
    /// Numbers: |a − b| ≤ this decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute: Option<String>,
    /// Numbers: |a − b| ≤ this decimal × max(|a|, |b|).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative: Option<String>,
    /// Timestamps and times of day: at most this many nanoseconds apart.
    #[serde(rename = "time_ns", skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
}

impl Tolerance {
    /// Whether the two values lie close enough together: numbers, times, and lists of as many of these. Values of other
    /// kinds never do.
    pub fn covers(&self, a: &Value, b: &Value) -> bool {
        let time = |apart: u128| self.time.is_some_and(|limit| apart <= u128::from(limit));
        match (a, b) {
            (Value::Timestamp(a), Value::Timestamp(b)) => time(a.0.abs_diff(b.0)),
            (Value::Time(a), Value::Time(b)) => time(a.abs_diff(*b).into()),
            (Value::Number(a), Value::Number(b)) => match (exact(a), exact(b)) {
                (Some(a), Some(b)) => self.absolutely(&a, &b) || self.relatively(&a, &b),
                _ => false,
            },
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.covers(a, b))
            }
            _ => false,
        }
    }

    fn absolutely(&self, a: &Decimal, b: &Decimal) -> bool {
        let limit = self.absolute.as_deref().and_then(decimal);
        limit.is_some_and(|limit| within(a, b, &limit))
    }

    fn relatively(&self, a: &Decimal, b: &Decimal) -> bool {
        let Some(share) = self.relative.as_deref().and_then(decimal) else {
            return false;
        };
        let limit = |of: &Decimal| Decimal {
            unscaled: of.unscaled.abs() * &share.unscaled,
            exponent: of.exponent.saturating_add(share.exponent),
        };
        within(a, b, &limit(a)) || within(a, b, &limit(b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Number, NumberType, Timestamp};

    fn number(text: &str) -> Value {
        Value::Number(crate::canon::literal::decimal(text, NumberType::Decimal).unwrap())
    }

    #[test]
    fn limits_are_met_exactly_and_either_is_enough() {
        let tolerance = Tolerance {
            absolute: Some("0.01".into()),
            relative: Some("0.001".into()),
            time: Some(5),
        };
        for (a, b, covered) in [
            ("1", "1.01", true),
            ("1", "1.0100000000000000000000001", false),
            ("1000", "1001.001", true),
            ("1000", "1001.002", false),
            ("-1", "-1.01", true),
            ("-0.005", "0.005", true),
            ("0", "1e-400", true),
            ("0", "1e400", false),
        ] {
            assert_eq!(tolerance.covers(&number(a), &number(b)), covered, "{a} {b}");
            assert_eq!(tolerance.covers(&number(b), &number(a)), covered, "{b} {a}");
        }
        let at = |n| Value::Timestamp(Timestamp(n));
        assert!(tolerance.covers(&at(-2), &at(3)) && !tolerance.covers(&at(-2), &at(4)));
        assert!(tolerance.covers(&Value::Time(10), &Value::Time(5)));
        let list = |texts: &[&str]| Value::List(texts.iter().map(|t| number(t)).collect());
        assert!(tolerance.covers(&list(&["1", "2"]), &list(&["1.01", "2"])));
        assert!(!tolerance.covers(&list(&["1", "2"]), &list(&["1.02", "2"])));
        assert!(!tolerance.covers(&list(&["1", "2"]), &list(&["1"])));
        let nan = || Value::Number(Number::double(f64::NAN, NumberType::Double));
        assert!(!tolerance.covers(&nan(), &nan()) && !tolerance.covers(&Value::Null, &number("0")));
    }
}
