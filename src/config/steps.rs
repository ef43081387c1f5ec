//! The keys of a field that convert its values.

use super::fields::Reader;
use super::source::ConfigError;
use super::suggest::did_you_mean;
use super::values::literal;
use crate::mapping::{Case, Encoding, Step, TimeUnit, Type, UuidOrder};
use std::collections::BTreeMap;
use toml::Value;

/// Keys that may carry a side.
pub(super) const SIDED: [&str; 14] = [
    "type", "scale", "epoch", "truncate", "lookup", "constant", "default", "trim", "case", "encoding",
    "json", "uuid", "split", "join",
];

const UNITS: [(&str, TimeUnit); 7] = [
    ("d", TimeUnit::D),
    ("h", TimeUnit::H),
    ("m", TimeUnit::M),
    ("s", TimeUnit::S),
    ("ms", TimeUnit::Ms),
    ("us", TimeUnit::Us),
    ("ns", TimeUnit::Ns),
];
const CASES: [(&str, Case); 2] = [("lower", Case::Lower), ("upper", Case::Upper)];
const ENCODINGS: [(&str, Encoding); 2] = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];
const UUIDS: [(&str, UuidOrder); 3] = [
    ("java-legacy", UuidOrder::JavaLegacy),
    ("csharp-legacy", UuidOrder::CsharpLegacy),
    ("python-legacy", UuidOrder::PythonLegacy),
];

/// The step that `key` asks for; `full` is the key as written, with its side.
pub(super) fn step(r: &mut Reader<'_>, key: &str, full: &str) -> Result<Option<Step>, ConfigError> {
    Ok(match key {
        "type" => r.text(full)?.map(|(at, text)| ty(r, at, &text)).transpose()?,
        "scale" => match r.take(full) {
            Some((_, Value::Integer(power))) if (-100..=100).contains(&power) => {
                Some(Step::Scale(power as i32))
            }
            Some((at, _)) => return Err(r.wrong(at, full, "a power of ten from -100 to 100")),
            None => None,
        },
        "epoch" => r.word(full, &UNITS)?.map(Step::Epoch),
        "truncate" => r.word(full, &UNITS)?.map(Step::Truncate),
        "lookup" => match r.take(full) {
            Some((at, Value::Table(table))) if !table.is_empty() => Some(lookup(r, full, at, table)?),
            Some((at, _)) => return Err(r.wrong(at, full, "a table such as { A = \"active\" }")),
            None => None,
        },
        "trim" => r.flag(full)?.then_some(Step::Trim),
        "json" => r.flag(full)?.then_some(Step::Json),
        "case" => r.word(full, &CASES)?.map(Step::Case),
        "encoding" => r.word(full, &ENCODINGS)?.map(Step::Decode),
        "uuid" => r.word(full, &UUIDS)?.map(Step::Uuid),
        "split" => separator(r, full)?.map(Step::Split),
        _ => separator(r, full)?.map(Step::Join),
    })
}

fn ty(r: &Reader<'_>, at: usize, text: &str) -> Result<Step, ConfigError> {
    Type::parse(text).map(Step::Type).map_err(|e| {
        let hint = e.unknown.map_or(String::new(), |u| did_you_mean(&u, Type::NAMES));
        let within = match e.message.contains(&format!("{text:?}")) {
            true => String::new(),
            false => format!(" in {text:?}"),
        };
        r.source.error(at, format!("{}{within}{hint}", e.message))
    })
}

fn lookup(r: &Reader<'_>, full: &str, at: usize, table: toml::Table) -> Result<Step, ConfigError> {
    let mut map = BTreeMap::new();
    for (from, to) in table {
        if matches!(to, Value::Array(_)) {
            return Err(r.wrong(at, full, "a table of single values"));
        }
        let to = literal(&to).map_err(|e| r.wrong(at, full, &e))?;
        map.insert(from, to);
    }
    Ok(Step::Lookup(map))
}

fn separator(r: &mut Reader<'_>, full: &str) -> Result<Option<String>, ConfigError> {
    match r.text(full)? {
        Some((at, text)) if text.is_empty() => Err(r.wrong(at, full, "a separator, such as \",\"")),
        found => Ok(found.map(|(_, text)| text)),
    }
}
