//! One `[[compare.field]]`: its keys may carry a side (`stable_scale`) or stand for both.

use super::{ConfigError, Source};
use crate::mapping::{Case, Conversion, Encoding, EpochUnit, Field, Step, Tolerance, Type, UuidOrder};
use crate::{Pair, Side};
use std::collections::BTreeMap;
use toml::{Spanned, Value};

type Table = BTreeMap<Spanned<String>, Spanned<Value>>;

/// Keys that say something about the field as a whole.
const WHOLE: [&str; 13] = [
    "name",
    "stable",
    "candidate",
    "ignore",
    "only",
    "expect",
    "expect_type",
    "tolerance",
    "empty",
    "reason",
    "owner",
    "expires",
    "as",
];
/// Keys that may carry a side.
const SIDED: [&str; 13] = [
    "type", "scale", "epoch", "truncate", "lookup", "constant", "default", "trim", "case", "encoding",
    "json", "uuid", "split",
];
const SIDED_MORE: [&str; 1] = ["join"];

struct Reader<'a> {
    table: Table,
    source: &'a Source<'a>,
}

impl Reader<'_> {
    fn take(&mut self, key: &str) -> Option<(usize, Value)> {
        let spanned = self.table.keys().find(|k| k.get_ref() == key)?.clone();
        let value = self.table.remove(&spanned)?;
        Some((value.span().start, value.into_inner()))
    }

    fn wrong(&self, at: usize, key: &str, expected: &str) -> ConfigError {
        self.source.error(at, format!("{key}: expected {expected}"))
    }

    fn text(&mut self, key: &str) -> Result<Option<(usize, String)>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some((at, Value::String(text))) => Ok(Some((at, text))),
            Some((at, _)) => Err(self.wrong(at, key, "text in quotes")),
        }
    }

    fn flag(&mut self, key: &str) -> Result<bool, ConfigError> {
        match self.take(key) {
            None => Ok(false),
            Some((_, Value::Boolean(flag))) => Ok(flag),
            Some((at, _)) => Err(self.wrong(at, key, "true or false")),
        }
    }

    fn word<T>(
        &mut self,
        key: &str,
        words: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((at, text)) = self.text(key)? else {
            return Ok(None);
        };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None if key.ends_with("type") => Err(self
                .source
                .error(at, format!("unknown type {text:?}; expected one of {words}"))),
            None => Err(self.wrong(at, key, &format!("one of {words}"))),
        }
    }

    /// A value as the text that the mapping keeps: JSON for numbers and booleans.
    fn literal(&mut self, key: &str) -> Option<String> {
        self.take(key).map(|(_, value)| match value {
            Value::String(text) => text,
            Value::Datetime(at) => at.to_string(),
            other => serde_json::to_string(&other).unwrap_or_else(|_| other.to_string()),
        })
    }
}

/// Resolves one field.
pub(super) fn resolve(table: Table, at: usize, source: &Source<'_>) -> Result<Field, ConfigError> {
    refuse_unknown(&table, source)?;
    let mut r = Reader { table, source };
    let (_, name) = r
        .text("name")?
        .ok_or_else(|| source.error(at, "a field needs a name"))?;
    let needs = |what: &str, other: &str| source.error(at, format!("field {name:?}: {what} needs {other}"));
    let path = |text: Option<(usize, String)>| text.map(|(_, t)| t);
    let declared = Pair {
        stable: path(r.text("stable")?),
        candidate: path(r.text("candidate")?),
    };
    let only = r.word("only", "stable, candidate", |w| {
        Side::BOTH.into_iter().find(|s| s.name() == w)
    })?;
    let paths = Pair::from_fn(|side| match (&declared[side], only) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(only)) if only != side => None,
        (None, _) => Some(name.clone()),
    });
    let set = r.word("as", "set", |w| (w == "set").then_some(Type::Set))?;
    let (mut convert, mut default) = (Pair::<Conversion>::default(), Pair::<Option<String>>::default());
    let mut constants = Pair::<bool>::default();
    for key in SIDED.iter().chain(&SIDED_MORE) {
        for prefix in ["stable_", "candidate_", ""] {
            let full = format!("{prefix}{key}");
            if !r.table.keys().any(|k| *k.get_ref() == full) {
                continue;
            }
            let sides: &[Side] = match prefix {
                "stable_" => &[Side::Stable],
                "candidate_" => &[Side::Candidate],
                _ => &Side::BOTH,
            };
            if matches!(*key, "default" | "constant") {
                let value = r.literal(&full);
                for side in sides {
                    default[*side] = value.clone();
                    constants[*side] |= *key == "constant";
                }
            } else if let Some(step) = step(&mut r, key, &full)? {
                sides.iter().for_each(|side| convert[*side].0.push(step.clone()));
            }
        }
    }
    for side in Side::BOTH {
        convert[side].0.extend(set.map(Step::Type));
        convert[side].0.sort_by_key(order);
    }
    let tolerance = tolerance(&mut r)?;
    let field = Field {
        paths: paths
            .zip(constants)
            .map(|(path, constant)| path.filter(|_| !constant)),
        convert,
        default,
        ignore: r.flag("ignore")?,
        only,
        expect: r.literal("expect"),
        expect_type: path(r.text("expect_type")?),
        tolerance,
        empty_is_null: r.word("empty", "null, distinct", |w| match w {
            "null" => Some(true),
            "distinct" => Some(false),
            _ => None,
        })?,
        reason: path(r.text("reason")?),
        owner: path(r.text("owner")?),
        expires: expires(&mut r)?,
        name: name.clone(),
    };
    if (field.ignore || field.tolerance.is_some()) && field.reason.is_none() {
        return Err(needs(
            if field.ignore { "ignore" } else { "tolerance" },
            "a reason",
        ));
    }
    if field.only.is_none() && (field.expect.is_some() || field.expect_type.is_some()) {
        return Err(needs("expect", "only = \"stable\" or only = \"candidate\""));
    }
    Ok(field)
}

fn refuse_unknown(table: &Table, source: &Source<'_>) -> Result<(), ConfigError> {
    let bare = |key: &str| -> String {
        key.strip_prefix("stable_")
            .or_else(|| key.strip_prefix("candidate_"))
            .unwrap_or(key)
            .to_owned()
    };
    let known = || WHOLE.iter().chain(&SIDED).chain(&SIDED_MORE);
    for key in table.keys() {
        let name = key.get_ref();
        let sided = SIDED.iter().chain(&SIDED_MORE).any(|k| *k == bare(name));
        if sided || WHOLE.contains(&name.as_str()) {
            continue;
        }
        let near = known()
            .min_by_key(|k| distance(k, &bare(name)))
            .filter(|k| distance(k, &bare(name)) <= 2);
        let hint = near.map(|k| format!("; did you mean {k:?}?")).unwrap_or_default();
        return Err(source.error(key.span().start, format!("unknown key {name:?}{hint}")));
    }
    Ok(())
}

/// Edit distance (Levenshtein), for suggestions.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != *y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}

/// Steps run in this order, however they are written.
fn order(step: &Step) -> u8 {
    match step {
        Step::Uuid(_) => 0,
        Step::Trim => 1,
        Step::Case(_) => 2,
        Step::Decode(_) => 3,
        Step::Json => 4,
        Step::Split(_) | Step::Join(_) => 5,
        Step::Lookup(_) => 6,
        Step::Epoch(_) => 7,
        Step::Scale(_) => 8,
        Step::Type(_) => 9,
        Step::Truncate(_) => 10,
    }
}

fn unit(word: &str) -> Option<EpochUnit> {
    Some(match word {
        "s" => EpochUnit::S,
        "ms" => EpochUnit::Ms,
        "us" => EpochUnit::Us,
        "ns" => EpochUnit::Ns,
        _ => return None,
    })
}

fn step(r: &mut Reader<'_>, key: &str, full: &str) -> Result<Option<Step>, ConfigError> {
    Ok(match key {
        "type" => r.word(full, Type::NAMES, Type::parse)?.map(Step::Type),
        "scale" => match r.take(full) {
            Some((_, Value::Integer(power))) if (-100..=100).contains(&power) => {
                Some(Step::Scale(power as i32))
            }
            Some((at, _)) => return Err(r.wrong(at, full, "a power of ten from -100 to 100")),
            None => None,
        },
        "epoch" => r.word(full, "s, ms, us, ns", unit)?.map(Step::Epoch),
        "truncate" => r.word(full, "s, ms, us, ns", unit)?.map(Step::Truncate),
        "lookup" => match r.take(full) {
            Some((at, Value::Table(table))) => {
                let mut map = BTreeMap::new();
                for (from, to) in table {
                    match to {
                        Value::String(to) => map.insert(from, to),
                        Value::Integer(to) => map.insert(from, to.to_string()),
                        _ => return Err(r.wrong(at, full, "a table of texts")),
                    };
                }
                Some(Step::Lookup(map))
            }
            Some((at, _)) => return Err(r.wrong(at, full, "a table such as { A = \"active\" }")),
            None => None,
        },
        "trim" => r.flag(full)?.then_some(Step::Trim),
        "json" => r.flag(full)?.then_some(Step::Json),
        "case" => r.word(full, "lower, upper", |w| match w {
            "lower" => Some(Step::Case(Case::Lower)),
            "upper" => Some(Step::Case(Case::Upper)),
            _ => None,
        })?,
        "encoding" => r.word(full, "hex, base64", |w| match w {
            "hex" => Some(Step::Decode(Encoding::Hex)),
            "base64" => Some(Step::Decode(Encoding::Base64)),
            _ => None,
        })?,
        "uuid" => r.word(full, "java-legacy, csharp-legacy, python-legacy", |w| match w {
            "java-legacy" => Some(Step::Uuid(UuidOrder::JavaLegacy)),
            "csharp-legacy" => Some(Step::Uuid(UuidOrder::CsharpLegacy)),
            "python-legacy" => Some(Step::Uuid(UuidOrder::PythonLegacy)),
            _ => None,
        })?,
        "split" => r.text(full)?.map(|(_, separator)| Step::Split(separator)),
        _ => r.text(full)?.map(|(_, separator)| Step::Join(separator)),
    })
}

fn tolerance(r: &mut Reader<'_>) -> Result<Option<Tolerance>, ConfigError> {
    const EXPECTED: &str = "{ absolute = \"0.005\" }, { relative = \"0.001\" } or { duration = \"5ms\" }";
    let Some((at, value)) = r.take("tolerance") else {
        return Ok(None);
    };
    let Value::Table(table) = value else {
        return Err(r.wrong(at, "tolerance", EXPECTED));
    };
    let mut entries = table.into_iter();
    let (Some((kind, value)), None) = (entries.next(), entries.next()) else {
        return Err(r.wrong(at, "tolerance", EXPECTED));
    };
    let text = match value {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => return Err(r.wrong(at, "tolerance", EXPECTED)),
    };
    let number = || {
        let parsed = crate::canon::literal::decimal(&text, crate::model::NumberType::Decimal);
        parsed.filter(|_| !text.starts_with('-')).map(|_| text.clone())
    };
    let tolerance = match kind.as_str() {
        "absolute" => number().map(Tolerance::Absolute),
        "relative" => number().map(Tolerance::Relative),
        "duration" => match crate::canon::temporal::duration(&text) {
            Some((0, 0, nanos)) if nanos >= 0 => Some(Tolerance::Nanos(nanos)),
            _ => None,
        },
        _ => None,
    };
    tolerance
        .map(Some)
        .ok_or_else(|| r.wrong(at, "tolerance", EXPECTED))
}

fn expires(r: &mut Reader<'_>) -> Result<Option<String>, ConfigError> {
    match r.take("expires") {
        None => Ok(None),
        Some((_, Value::String(text))) if crate::canon::temporal::date(&text).is_some() => Ok(Some(text)),
        Some((_, Value::Datetime(at))) if at.time.is_none() => Ok(Some(at.to_string())),
        Some((at, _)) => Err(r.source.error(at, "expected a date such as \"2027-01-31\"")),
    }
}
