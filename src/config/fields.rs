//! One `[[compare.field]]`: its keys may carry a side (`stable_scale`) or stand for both.

use super::overlooked::{declaration, tolerance};
use super::source::{ConfigError, Source};
use super::steps::{SIDED, step};
use super::suggest::did_you_mean;
use super::values::{self, literal};
use crate::mapping::{Conversion, Field, Literal, Spots, Step, Type};
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

/// Takes keys out of a field's table.
pub(super) struct Reader<'a> {
    table: Table,
    pub(super) source: &'a Source<'a>,
}

impl Reader<'_> {
    /// The value of a key, and where it stands.
    pub(super) fn take(&mut self, key: &str) -> Option<(usize, Value)> {
        let spanned = self.table.keys().find(|k| k.get_ref() == key)?.clone();
        let value = self.table.remove(&spanned)?;
        Some((value.span().start, value.into_inner()))
    }

    pub(super) fn wrong(&self, at: usize, key: &str, expected: &str) -> ConfigError {
        self.source.error(at, format!("{key}: expected {expected}"))
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<(usize, String)>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some((at, Value::String(text))) => Ok(Some((at, text))),
            Some((at, _)) => Err(self.wrong(at, key, "text in quotes")),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool, ConfigError> {
        match self.take(key) {
            None => Ok(false),
            Some((_, Value::Boolean(flag))) => Ok(flag),
            Some((at, _)) => Err(self.wrong(at, key, "true or false")),
        }
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        let Some((at, text)) = self.text(key)? else {
            return Ok(None);
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*value));
        }
        let names = || words.iter().map(|(word, _)| *word);
        let listed: Vec<&str> = names().collect();
        let hint = did_you_mean(&text, names());
        let expected = format!("one of {}, found {text:?}{hint}", listed.join(", "));
        Err(self.wrong(at, key, &expected))
    }

    fn literal(&mut self, key: &str) -> Result<Option<Literal>, ConfigError> {
        match self.take(key) {
            None => Ok(None),
            Some((at, value)) => match literal(&value) {
                Ok(literal) => Ok(Some(literal)),
                Err(message) => Err(self.source.error(at, format!("{key}: {message}"))),
            },
        }
    }
}

/// What one side's keys say.
#[derive(Default)]
struct SideOf {
    steps: Vec<Step>,
    default: Option<Literal>,
    constant: Option<Literal>,
}

/// Resolves one field.
pub(super) fn resolve(table: Table, at: usize, source: &Source<'_>) -> Result<Field, ConfigError> {
    let mut spots = Spots::default();
    spots.note("", source.spot(at));
    let offsets: BTreeMap<String, usize> = table
        .keys()
        .map(|k| (k.get_ref().clone(), k.span().start))
        .collect();
    for (key, offset) in &offsets {
        spots.note(key.clone(), source.spot(*offset));
    }
    let at_key = |key: &str| offsets.get(key).copied().unwrap_or(at);
    refuse_unknown(&table, source)?;
    let mut r = Reader { table, source };
    let (_, name) = r
        .text("name")?
        .ok_or_else(|| source.error(at, "a field needs a name"))?;
    let wrong = |key: &str, what: &str| Err(source.error(at_key(key), format!("field {name:?}: {what}")));
    let path = |text: Option<(usize, String)>| text.map(|(_, t)| t);
    let declared = Pair {
        stable: path(r.text("stable")?),
        candidate: path(r.text("candidate")?),
    };
    let only = r.word("only", &Side::BOTH.map(|s| (s.name(), s)))?;
    let set = r.word("as", &[("set", ())])?.map(|()| Type::Set(None));
    let mut sides = Pair::<SideOf>::default();
    for key in SIDED {
        read_sided(&mut r, key, &name, only, &mut sides, &at_key)?;
    }
    for (side, of) in sides.as_mut().into_sides() {
        if of.constant.is_some() && (of.default.is_some() || declared[side].is_some()) {
            return wrong(
                &format!("{side}_constant"),
                &format!("a constant of {side} is all there is; it has neither path nor default"),
            );
        }
    }
    if sides.stable.constant.is_some() && sides.candidate.constant.is_some() {
        return wrong(
            "constant",
            "a constant on both sides compares nothing; say stable_constant or candidate_constant",
        );
    }
    let paths = Pair::from_fn(|side| match (&declared[side], only) {
        _ if sides[side].constant.is_some() => None,
        (Some(path), _) => Some(path.clone()),
        (None, Some(only)) if only != side => None,
        (None, _) => Some(name.clone()),
    });
    let convert = sides.as_ref().map(|of| {
        let set = set.clone().map(Step::Type);
        Conversion::new(of.steps.iter().cloned().chain(set).collect())
    });
    let field = Field {
        paths,
        convert,
        default: sides.map(|of| of.constant.or(of.default)),
        ignore: r.flag("ignore")?,
        only,
        expect: r.literal("expect")?,
        expect_type: expect_type(&mut r)?,
        tolerance: tolerance(&mut r)?,
        empty_is_null: r.word("empty", &[("null", true), ("distinct", false)])?,
        declaration: {
            let (reason, owner, expires) = (r.text("reason")?, r.text("owner")?, r.take("expires"));
            declaration(source, reason, owner, expires)?
        },
        name: name.clone(),
        spots,
    };
    let (ignore, tolerance) = (field.ignore, field.tolerance.is_some());
    let expires = field.declaration.as_ref().is_some_and(|d| d.expires.is_some());
    match () {
        () if ignore && tolerance => wrong("tolerance", "is ignored, so its tolerance does nothing"),
        () if ignore && field.declaration.is_none() => wrong("ignore", "ignore needs a reason"),
        () if tolerance && field.declaration.is_none() => wrong("tolerance", "tolerance needs a reason"),
        () if only.is_none() && field.expect.is_some() => {
            wrong("expect", "expect needs only = \"stable\" or only = \"candidate\"")
        }
        () if only.is_none() && field.expect_type.is_some() => wrong(
            "expect_type",
            "expect_type needs only = \"stable\" or only = \"candidate\"",
        ),
        () if field.expect.is_some() && field.expect_type.is_some() => {
            wrong("expect_type", "expect says it all; leave expect_type out")
        }
        () if only.is_some() && tolerance => wrong(
            "tolerance",
            "exists on one side only, so there is nothing to tolerate",
        ),
        () if !ignore && !tolerance && (only.is_none() || field.expects()) && expires => wrong(
            "expires",
            "expires ends an ignore, a tolerance or an only of which nothing is expected; here it ends nothing",
        ),
        () => check_paths(&field, &wrong).map(|()| field.clone()),
    }
}

/// Reads one key in its three forms: for stable, for candidate, for both.
fn read_sided(
    r: &mut Reader<'_>,
    key: &str,
    name: &str,
    only: Option<Side>,
    sides: &mut Pair<SideOf>,
    at_key: &impl Fn(&str) -> usize,
) -> Result<(), ConfigError> {
    let mut said = Pair::<bool>::default();
    for prefix in ["stable_", "candidate_", ""] {
        let full = format!("{prefix}{key}");
        if !r.table.keys().any(|k| *k.get_ref() == full) {
            continue;
        }
        let at = at_key(&full);
        let here: Vec<Side> = Side::BOTH
            .into_iter()
            .filter(|s| prefix.is_empty() || prefix.trim_end_matches('_') == s.name())
            .collect();
        if let ([side], Some(only)) = (&here[..], only)
            && *side != only
        {
            let message = format!("field {name:?}: {full}: the field exists in {only} only");
            return Err(r.source.error(at, message));
        }
        if let Some(twice) = here.iter().find(|s| said[**s]) {
            let message = format!("field {name:?}: {full} and {twice}_{key} both speak of {twice}; keep one");
            return Err(r.source.error(at, message));
        }
        here.iter().for_each(|s| said[*s] = true);
        let mut each = |set: &dyn Fn(&mut SideOf)| here.iter().for_each(|s| set(&mut sides[*s]));
        match key {
            "default" => {
                let value = r.literal(&full)?;
                each(&|of| of.default = value.clone());
            }
            "constant" => {
                let value = r.literal(&full)?;
                each(&|of| of.constant = value.clone());
            }
            _ => {
                if let Some(step) = step(r, key, &full)? {
                    each(&|of| of.steps.push(step.clone()));
                }
            }
        }
    }
    Ok(())
}

/// A `*` at the end of a path stands for all fields that begin so; they are renamed as a whole.
fn check_paths(
    field: &Field,
    wrong: &impl Fn(&str, &str) -> Result<Field, ConfigError>,
) -> Result<(), ConfigError> {
    let many = field.name.contains('*');
    for (side, path) in field.paths.as_ref().into_sides() {
        let Some(path) = path else { continue };
        let key = side.name();
        if path.split('.').any(str::is_empty) || field.name.is_empty() {
            wrong(key, &format!("{path:?} has an empty part"))?;
        }
        if path.contains('*') != many || path.trim_end_matches('*').len() + usize::from(many) != path.len() {
            wrong(
                key,
                "a `*` stands at the end of the name and of both paths, or nowhere, as in address_* for address.*",
            )?;
        }
    }
    let plain = Side::BOTH
        .iter()
        .all(|s| field.convert[*s].is_identity() && field.default[*s].is_none());
    if many && !(plain && field.tolerance.is_none() && field.expect.is_none() && field.expect_type.is_none())
    {
        wrong(
            "name",
            "what a `*` stands for is only renamed, ignored or on one side; name the fields to convert them",
        )?;
    }
    Ok(())
}

fn refuse_unknown(table: &Table, source: &Source<'_>) -> Result<(), ConfigError> {
    for key in table.keys() {
        let name = key.get_ref();
        let (side, bare) = match name.split_once('_') {
            Some((side @ ("stable" | "candidate"), bare)) => (Some(side), bare),
            _ => (None, name.as_str()),
        };
        if SIDED.contains(&bare) || WHOLE.contains(&name.as_str()) {
            continue;
        }
        let sided = SIDED
            .iter()
            .flat_map(|k| [format!("stable_{k}"), format!("candidate_{k}")]);
        let known: Vec<String> = match side {
            Some(side) => SIDED.iter().map(|k| format!("{side}_{k}")).collect(),
            None => WHOLE
                .iter()
                .chain(&SIDED)
                .map(|k| (*k).to_owned())
                .chain(sided)
                .collect(),
        };
        let hint = did_you_mean(name, known.iter().map(String::as_str));
        return Err(source.error(key.span().start, format!("unknown key {name:?}{hint}")));
    }
    Ok(())
}

fn expect_type(r: &mut Reader<'_>) -> Result<Option<String>, ConfigError> {
    let Some((at, word)) = r.text("expect_type")? else {
        return Ok(None);
    };
    match values::type_name(&word) {
        Some(name) => Ok(Some(name.to_owned())),
        None => {
            let hint = did_you_mean(&word, values::type_names());
            Err(r
                .source
                .error(at, format!("expect_type: unknown type {word:?}{hint}")))
        }
    }
}
