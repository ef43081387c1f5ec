//! One `[[compare]]`: its fields, and what they must not say together.

use super::fields;
use super::overlooked::declaration;
use super::source::{ConfigError, Source};
use crate::canon::{Absent, FieldOrder, Normalize, Numbers};
use crate::mapping::{Compare, ELEMENT, Explode, Field, INDEX, Spots, Unmapped};
use crate::{Pair, Side};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// `[defaults]`: what holds for compares that do not say it themselves.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Defaults {
    numbers: Option<Numbers>,
    field_order: Option<FieldOrder>,
    absent: Option<Absent>,
    normalize: Option<Normalize>,
    unmapped: Option<Unmapped>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompareConfig {
    name: Spanned<String>,
    stable: Spanned<String>,
    candidate: Spanned<String>,
    #[serde(default)]
    key: Vec<Spanned<String>>,
    unmapped: Option<Spanned<Unmapped>>,
    reason: Option<Spanned<String>>,
    owner: Option<Spanned<String>>,
    expires: Option<Spanned<toml::Value>>,
    numbers: Option<Numbers>,
    field_order: Option<FieldOrder>,
    absent: Option<Absent>,
    normalize: Option<Normalize>,
    explode: Option<Spanned<ExplodeConfig>>,
    #[serde(default)]
    field: Vec<Spanned<BTreeMap<Spanned<String>, Spanned<toml::Value>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplodeConfig {
    side: Side,
    path: String,
}

pub(super) fn resolve(
    config: CompareConfig,
    at: usize,
    defaults: Defaults,
    source: &Source<'_>,
) -> Result<Compare, ConfigError> {
    let mut spots = Spots::default();
    let places = [
        ("", at),
        ("name", config.name.span().start),
        ("stable", config.stable.span().start),
        ("candidate", config.candidate.span().start),
        ("key", config.key.first().map_or(at, |k| k.span().start)),
        ("explode", config.explode.as_ref().map_or(at, |e| e.span().start)),
    ];
    for (key, offset) in places {
        spots.note(key, source.spot(offset));
    }
    let (mut resolved, mut offsets) = (Vec::new(), Vec::new());
    for field in config.field {
        let at = field.span().start;
        resolved.push(fields::resolve(field.into_inner(), at, source)?);
        offsets.push(at);
    }
    let explode = config.explode.map(Spanned::into_inner);
    let explode = explode.map(|ExplodeConfig { side, path }| Explode { side, path });
    let said = config.unmapped.as_ref().map(|u| (u.span().start, *u.get_ref()));
    let unmapped = said.map(|(_, u)| u).or(defaults.unmapped).unwrap_or_default();
    let text = |t: Option<Spanned<String>>| t.map(|t| (t.span().start, t.into_inner()));
    if let (Unmapped::Compare, Some(expires)) = (unmapped, &config.expires) {
        let message = "expires ends an `unmapped = \"ignore\"` or `\"report\"`; here it ends nothing";
        return Err(source.error(expires.span().start, message));
    }
    let declared = declaration(
        source,
        text(config.reason),
        text(config.owner),
        config.expires.map(|e| (e.span().start, e.into_inner())),
    )?;
    let unmapped_reason = match (unmapped, declared) {
        (Unmapped::Ignore, None) => {
            let at = said.map_or(at, |(at, _)| at);
            return Err(source.error(at, "unmapped = \"ignore\" needs a reason"));
        }
        (Unmapped::Ignore | Unmapped::Report, declared) => declared,
        _ => None,
    };
    for (i, field) in resolved.iter().enumerate() {
        let earlier = &resolved[..i];
        if let Some(message) = conflict(field, earlier, explode.as_ref()) {
            return Err(source.error(offsets[i], message));
        }
    }
    check_key(&config.key, &resolved, source)?;
    Ok(Compare {
        name: config.name.into_inner(),
        namespaces: Pair {
            stable: config.stable.into_inner(),
            candidate: config.candidate.into_inner(),
        },
        key: config.key.into_iter().map(Spanned::into_inner).collect(),
        fields: resolved,
        unmapped,
        unmapped_reason,
        numbers: config.numbers.or(defaults.numbers),
        field_order: config.field_order.or(defaults.field_order).unwrap_or_default(),
        absent: config.absent.or(defaults.absent),
        normalize: config.normalize.or(defaults.normalize).unwrap_or_default(),
        explode,
        spots,
    })
}

/// Why a field cannot stand beside the earlier ones.
fn conflict(field: &Field, earlier: &[Field], explode: Option<&Explode>) -> Option<String> {
    let name = &field.name;
    if earlier.iter().any(|other| other.name == *name) {
        return Some(format!("field {name:?} is declared twice"));
    }
    for (side, path) in field.paths.as_ref().into_sides() {
        let Some(path) = path else { continue };
        if let Some(other) = earlier
            .iter()
            .find(|other| other.paths[side].as_ref() == Some(path))
        {
            let other = &other.name;
            return Some(format!(
                "fields {other:?} and {name:?} both read {side} {path:?}; one of them is wrong"
            ));
        }
        if [INDEX, ELEMENT].contains(&path.as_str()) && explode.is_none_or(|e| e.side != side) {
            return Some(format!(
                "field {name:?}: {path} is there only where an array is exploded; say explode = {{ side = \"{side}\", path = \"…\" }}"
            ));
        }
    }
    None
}

/// A key has to be compared exactly, and to be there on both sides.
fn check_key(key: &[Spanned<String>], fields: &[Field], source: &Source<'_>) -> Result<(), ConfigError> {
    for (i, part) in key.iter().enumerate() {
        let (offset, name) = (part.span().start, part.get_ref());
        if key[..i].iter().any(|other| other.get_ref() == name) {
            return Err(source.error(offset, format!("key field {name:?} is named twice")));
        }
        let field = fields.iter().find(|f| f.name == *name);
        let wrong = match field {
            _ if name.contains('*') => "stands for many fields",
            Some(f) if f.ignore => "is ignored",
            Some(f) if f.tolerance.is_some() => "has a tolerance",
            Some(f) if f.only.is_some() => "exists on one side only",
            _ => continue,
        };
        let message = format!("key field {name:?} {wrong}; a key must be compared exactly");
        return Err(source.error(offset, message));
    }
    Ok(())
}
