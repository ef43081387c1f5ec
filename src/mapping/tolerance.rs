//! Tolerances: differences that are declared not to matter. Judged at drill-down; digests stay exact.

use super::convert::{exact, within};
use crate::model::{Decimal, Value};
use serde::Serialize;

/// How far two values may lie apart.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tolerance {
    /// Numbers: |a − b| ≤ this decimal.
    Absolute(String),
    /// Numbers: |a − b| ≤ this decimal × max(|a|, |b|).
    Relative(String),
    /// Timestamps: at most this many nanoseconds apart.
    Nanos(i64),
}

impl Tolerance {
    /// Whether the two values lie close enough together. Values of other kinds never do.
    pub fn covers(&self, a: &Value, b: &Value) -> bool {
        let parse = |text: &str| match crate::canon::literal::decimal(
            text,
            crate::model::NumberType::Decimal,
        )?
        .repr
        {
            crate::model::NumberRepr::Decimal(d) => Some(d),
            _ => None,
        };
        match (self, a, b) {
            (Tolerance::Nanos(nanos), Value::Timestamp(a), Value::Timestamp(b)) => {
                a.0.abs_diff(b.0) <= nanos.unsigned_abs().into()
            }
            (Tolerance::Absolute(limit), Value::Number(a), Value::Number(b)) => {
                matches!((exact(a), exact(b), parse(limit)), (Some(a), Some(b), Some(limit)) if within(&a, &b, &limit))
            }
            (Tolerance::Relative(share), Value::Number(a), Value::Number(b)) => {
                let (Some(a), Some(b), Some(share)) = (exact(a), exact(b), parse(share)) else {
                    return false;
                };
                let limit = |of: &Decimal| Decimal {
                    unscaled: num_traits::Signed::abs(&of.unscaled) * &share.unscaled,
                    exponent: of.exponent + share.exponent,
                };
                within(&a, &b, &limit(&a)) || within(&a, &b, &limit(&b))
            }
            _ => false,
        }
    }
}
