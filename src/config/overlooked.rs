//! What a mapping overlooks: tolerances, and the reason, owner and end of whatever is overlooked.

use super::fields::Reader;
use super::source::{ConfigError, Source};
use super::suggest::did_you_mean;
use crate::mapping::{Declaration, Tolerance};
use crate::report::Expires;
use toml::Value;

/// How far a field's values may lie apart.
pub(super) fn tolerance(r: &mut Reader<'_>) -> Result<Option<Tolerance>, ConfigError> {
    const EXPECTED: &str =
        "{ absolute = \"0.005\" }, { relative = \"0.001\" } or { time = \"5ms\" }, or some of them";
    let Some((at, value)) = r.take("tolerance") else {
        return Ok(None);
    };
    let Value::Table(table) = value else {
        return Err(r.wrong(at, "tolerance", EXPECTED));
    };
    let mut tolerance = Tolerance::default();
    for (kind, value) in table {
        let text = match value {
            Value::String(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return Err(r.wrong(at, "tolerance", EXPECTED)),
        };
        let parsed = crate::canon::literal::decimal(&text, crate::model::NumberType::Decimal);
        let number = parsed.filter(|_| !text.starts_with('-')).map(|_| text.clone());
        let read = match kind.as_str() {
            "absolute" => {
                tolerance.absolute = number;
                tolerance.absolute.is_some()
            }
            "relative" => {
                tolerance.relative = number;
                tolerance.relative.is_some()
            }
            "time" => {
                tolerance.time = match crate::canon::temporal::duration(&text) {
                    Some((0, 0, nanos)) => u64::try_from(nanos).ok(),
                    _ => None,
                };
                tolerance.time.is_some()
            }
            other => {
                let hint = did_you_mean(other, ["absolute", "relative", "time"]);
                let message = format!("tolerance: unknown key {other:?}{hint}; expected {EXPECTED}");
                return Err(r.source.error(at, message));
            }
        };
        if !read {
            let message = format!("tolerance: {kind} = {text:?}; expected {EXPECTED}");
            return Err(r.source.error(at, message));
        }
    }
    match tolerance == Tolerance::default() {
        true => Err(r.wrong(at, "tolerance", EXPECTED)),
        false => Ok(Some(tolerance)),
    }
}

/// `reason`, `owner` and `expires` of what is overlooked.
pub(super) fn declaration(
    source: &Source<'_>,
    reason: Option<(usize, String)>,
    owner: Option<(usize, String)>,
    expires: Option<(usize, Value)>,
) -> Result<Option<Declaration>, ConfigError> {
    let expires = match expires {
        None => None,
        Some((at, value)) => {
            let text = match value {
                Value::String(text) => text,
                Value::Datetime(at) => at.to_string(),
                other => other.to_string(),
            };
            match Expires::parse(&text) {
                Ok(_) => Some((at, text)),
                Err(_) => {
                    let expected = "expected a date such as \"2027-01-31\", or an instant such as \"2027-01-31T18:00:00Z\"";
                    return Err(source.error(at, expected));
                }
            }
        }
    };
    match reason {
        Some((at, text)) if text.trim().is_empty() => Err(source.error(at, "the reason is empty")),
        Some((_, reason)) => Ok(Some(Declaration {
            reason,
            owner: owner.map(|(_, t)| t),
            expires: expires.map(|(_, t)| t),
        })),
        None => match (owner, expires) {
            (Some((at, _)), _) => Err(source.error(at, "owner needs a reason")),
            (_, Some((at, _))) => Err(source.error(at, "expires needs a reason")),
            (None, None) => Ok(None),
        },
    }
}
