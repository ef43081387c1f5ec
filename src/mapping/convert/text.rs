//! Values as text: joined, split, looked up, and shown in refusals.

use super::exact::{decimal, exact, integral};
use super::literal::Literal;
use crate::model::{Number, Problem, Value};
use crate::report::Shown;
use std::collections::BTreeMap;

/// `unconvertible`: what was found, and what it should have become.
pub(super) fn unconvertible(value: &Value, wanted: &str) -> Problem {
    let text = Shown::new(value).text;
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Problem::unconvertible(format!("{} {shown} cannot become {wanted}", value.type_name()))
}

/// `unconvertible`, with what to try.
pub(super) fn refused(value: &Value, wanted: &str, hint: &str) -> Problem {
    Problem::unconvertible(format!("{}; {hint}", unconvertible(value, wanted).detail()))
}

/// The empty text is the empty list.
pub(super) fn split(text: &str, separator: &str) -> Vec<Value> {
    match text {
        "" => Vec::new(),
        text => text
            .split(separator)
            .map(|part| Value::Text(part.to_owned()))
            .collect(),
    }
}

/// What would not come apart again as it was is refused: two different lists must not become the same text.
pub(super) fn join(items: Vec<Value>, separator: &str) -> Result<Value, Problem> {
    let texts: Result<Vec<String>, Problem> = items
        .iter()
        .enumerate()
        .map(|(i, v)| text_of(v).map_err(|p| p.at(i)))
        .collect();
    let texts = texts?;
    if texts.len() == 1 && texts[0].is_empty() {
        return Err(unconvertible(
            &Value::List(items),
            "text: it would look like the empty list",
        ));
    }
    if let Some(i) = texts.iter().position(|t| t.contains(separator)) {
        return Err(unconvertible(&items[i], "part of a joined text: it holds the separator").at(i));
    }
    // Two neighbours may make a separator where neither holds one.
    let joined = texts.join(separator);
    if !texts.is_empty() && !joined.split(separator).eq(texts.iter().map(String::as_str)) {
        return Err(unconvertible(
            &Value::List(items),
            "text that comes apart again at the separator",
        ));
    }
    Ok(Value::Text(joined))
}

pub(super) fn lookup(table: &BTreeMap<String, Literal>, value: Value) -> Result<Value, Problem> {
    let found = match &value {
        Value::Number(n) => by_value(table, n),
        value => table.get(&text_of(value)?),
    };
    match found {
        Some(wanted) => Ok(wanted.value().clone()),
        None => {
            let known: Vec<&str> = table.keys().map(String::as_str).take(20).collect();
            let wanted = format!("a value of the lookup table, which has {}", known.join(", "));
            Err(unconvertible(&value, &wanted))
        }
    }
}

/// What stands under a number, however it is written: shells store 1 as the double 1.0.
fn by_value<'t>(table: &'t BTreeMap<String, Literal>, n: &Number) -> Option<&'t Literal> {
    let key = integral(n).map_or_else(|| n.to_string(), |v| v.to_string());
    let wanted = exact(n).map(|d| d.normalised());
    table.get(&key).or_else(|| {
        let same = |text: &String| decimal(text).is_some_and(|d| Some(d.normalised()) == wanted);
        table.iter().find(|(text, _)| same(text)).map(|(_, value)| value)
    })
}

/// A value as text, for those types that have one text for each value.
pub(super) fn text_of(value: &Value) -> Result<String, Problem> {
    Ok(match value {
        Value::Text(text) | Value::Symbol(text) => text.clone(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::ObjectId(id) => hex::encode(id),
        Value::Inet(ip) => ip.to_string(),
        Value::Uuid(_) | Value::Time(_) => Shown::new(value).text,
        Value::Timestamp(_) | Value::Date(_) => {
            let text = Shown::new(value).text;
            if text.contains('(') {
                return Err(refused(
                    value,
                    "text",
                    "only the years 1 to 9999 have a common form",
                ));
            }
            text
        }
        Value::Bytes { .. } => return Err(refused(value, "text", "say encoding = \"hex\" or \"base64\"")),
        Value::Document(_) | Value::Map(_) => {
            return Err(refused(
                value,
                "text",
                "say json = true on the side that holds the text",
            ));
        }
        Value::List(_) => {
            return Err(refused(
                value,
                "text",
                "say join = \",\", or json = true on the side that holds the text",
            ));
        }
        other => return Err(unconvertible(other, "text")),
    })
}
