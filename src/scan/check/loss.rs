//! Pairs of types between which something is lost, or that will never be equal, and what to write about it.

use super::seen::{LEGACY_UUID, SUBTYPED, Seen, family};
use crate::Pair;
use crate::mapping::{Conversion, Step, Type};
use std::collections::BTreeSet;

/// What is to say about a pair of types.
pub(super) struct Remark {
    /// The path inside the field, empty for the field itself.
    pub(super) inside: String,
    /// Whether the two can never be equal.
    pub(super) never: bool,
    /// Both types, what is lost, and what to write.
    pub(super) message: String,
}

const NO_FRACTION: &str = "an integer has no fraction";

/// What there is to say about a field whose sides have these types.
pub(super) fn remarks(seen: Pair<&Seen>, convert: Pair<&Conversion>) -> Vec<Remark> {
    let mut out = Vec::new();
    let ends = Pair {
        stable: families(seen.stable, convert.stable),
        candidate: families(seen.candidate, convert.candidate),
    };
    if let (Some(a), Some(b)) = (&ends.stable, &ends.candidate)
        && a.is_disjoint(b)
    {
        out.push(Remark {
            inside: String::new(),
            never: true,
            message: format!(
                "stable {} and candidate {} can never be equal; {}",
                seen.stable.shown(),
                seen.candidate.shown(),
                bridge(a, b)
            ),
        });
        return out;
    }
    let steps = || convert.stable.steps().iter().chain(convert.candidate.steps());
    let kept = |s: &Step| {
        matches!(
            s,
            Step::Type(_) | Step::Truncate(_) | Step::Trim | Step::Case(_) | Step::Scale(_)
        )
    };
    // Where a step makes something else of a value, what its type was before says nothing.
    if steps().all(kept) {
        walk(seen, "", steps().next().is_none(), convert, &mut out);
    }
    if steps().any(|s| matches!(s, Step::Scale(_))) {
        out.retain(|remark| !remark.message.contains(NO_FRACTION));
    }
    out
}

fn walk(seen: Pair<&Seen>, inside: &str, plain: bool, convert: Pair<&Conversion>, out: &mut Vec<Remark>) {
    let Pair { stable, candidate } = seen;
    if plain && !inside.is_empty() {
        let (a, b) = (stable.families(), candidate.families());
        if !a.is_empty() && !b.is_empty() && a.is_disjoint(&b) {
            out.push(Remark {
                inside: inside.to_owned(),
                never: true,
                message: format!(
                    "stable {} and candidate {} can never be equal; give the field a type that says what is inside, \
                     such as list<text> or map<text, int>",
                    stable.shown(),
                    candidate.shown()
                ),
            });
            return;
        }
    }
    for (from, from_shown) in &stable.kinds {
        for (to, to_shown) in &candidate.kinds {
            let Some((lost, write)) = loss(from, to) else {
                continue;
            };
            let said = |c: &Conversion| c.target().is_some_and(|t| write.contains(&format!("\"{t}\"")));
            let declared = inside.is_empty() && said(convert.stable) && said(convert.candidate);
            let advice = match (declared, write) {
                (true, _) => "the mapping brings both sides to what is left".to_owned(),
                (false, "") => "no mapping can bring it back".to_owned(),
                (false, write) if inside.is_empty() => format!("write {write} to compare what is left"),
                (false, write) => {
                    format!("write it inside the field's type ({write}) to compare what is left")
                }
            };
            out.push(Remark {
                inside: inside.to_owned(),
                never: false,
                message: format!("stable {from_shown} to candidate {to_shown} is lossy: {lost}; {advice}"),
            });
        }
    }
    let mut deeper = |a: Option<&Seen>, b: Option<&Seen>, name: &str| {
        if let (Some(stable), Some(candidate)) = (a, b) {
            walk(
                Pair { stable, candidate },
                &format!("{inside}{name}"),
                plain,
                convert,
                out,
            );
        }
    };
    deeper(stable.element.as_deref(), candidate.element.as_deref(), "[]");
    deeper(stable.key.as_deref(), candidate.key.as_deref(), "{key}");
    for (name, field) in &stable.fields {
        let dot = if name.starts_with('[') { "" } else { "." };
        deeper(Some(field), candidate.fields.get(name), &format!("{dot}{name}"));
    }
}

/// What is lost from one type to another, and what to write; nothing to write where nothing helps.
fn loss(from: &str, to: &str) -> Option<(&'static str, &'static str)> {
    let bits = |kind: &str| match kind {
        "int8" => Some(8),
        "int16" => Some(16),
        "int32" => Some(32),
        "int64" => Some(64),
        "varint" => Some(u32::MAX),
        _ => None,
    };
    Some(match (from, to) {
        ("double", "float") => ("a float keeps 24 of a double's 53 bits", "type = \"float\""),
        ("decimal" | "decimal128", "double") => (
            "binary floating point cannot hold most decimals",
            "type = \"double\"",
        ),
        ("decimal" | "decimal128", "float") => (
            "binary floating point cannot hold most decimals",
            "type = \"float\"",
        ),
        ("int64" | "varint", "double") => ("integers beyond 2^53 lose digits", "type = \"int\""),
        ("int32" | "int64" | "varint", "float") => ("integers beyond 2^24 lose digits", "type = \"int\""),
        ("double" | "float" | "decimal" | "decimal128", to) if bits(to).is_some() => {
            (NO_FRACTION, "type = \"int\"")
        }
        (from, to) if bits(from) > bits(to) && bits(to).is_some() => {
            ("large integers do not fit", "type = \"int\"")
        }
        ("double", "decimal") => ("a decimal is neither NaN nor infinite", "type = \"decimal\""),
        ("list", "set") => ("a set forgets order and duplicates", "type = \"set\""),
        ("timestamp", "date") => (
            "a date forgets the time of day",
            "truncate = \"d\" and type = \"date\"",
        ),
        ("text", "ascii") => ("ascii has no letters beyond US-ASCII", ""),
        (SUBTYPED | LEGACY_UUID, "bytes") => ("the BSON subtype is forgotten", "type = \"bytes\""),
        _ => return None,
    })
}

/// The families of what comes out of a conversion; none if that depends on the values.
fn families(seen: &Seen, convert: &Conversion) -> Option<BTreeSet<&'static str>> {
    if seen.kinds.is_empty() {
        return None;
    }
    // The bytes of all subtypes are one family, but no two subtypes are equal.
    let mut own = seen.families();
    let foreign_keys = seen.key.as_ref().is_some_and(|k| !k.families().contains("text"));
    if foreign_keys && own.remove("document") {
        own.insert("map");
    }
    let Some(last) = convert.steps().last() else {
        return Some(own);
    };
    let family = match last {
        Step::Uuid(_) => "uuid",
        Step::Trim | Step::Case(_) | Step::Join(_) | Step::Encode(_) => "text",
        Step::Decode(_) => "bytes",
        Step::Split(_) => "list",
        Step::Scale(_) => "number",
        Step::Epoch(_) => "timestamp",
        // What is no text stays what it is.
        Step::Json if !own.contains("text") => return Some(own),
        Step::Json | Step::Truncate(_) => return None,
        Step::Lookup(table) => return Some(table.values().map(|l| family(l.value().type_name())).collect()),
        Step::Type(Type::Map(pair)) if pair.0 != Type::Text => "map",
        Step::Type(ty) => match ty.word() {
            "int" => "number",
            "vector" | "tuple" => "list",
            word => family(word),
        },
    };
    Some(BTreeSet::from([family]))
}

/// What to write so that two families can be compared.
fn bridge(stable: &BTreeSet<&str>, candidate: &BTreeSet<&str>) -> String {
    let there = stable
        .iter()
        .flat_map(|a| candidate.iter().map(move |b| ("stable", *a, *b)));
    let back = candidate
        .iter()
        .flat_map(|a| stable.iter().map(move |b| ("candidate", *a, *b)));
    for (side, a, b) in there.chain(back) {
        return match (a, b) {
            ("text", "document" | "map") => format!("write {side}_json = true if the text is JSON"),
            ("text", "list" | "set") => format!("write {side}_split = \",\", or {side}_json = true"),
            ("text", "bytes" | SUBTYPED) => format!("write {side}_encoding = \"hex\" or \"base64\""),
            ("text", "number") => "write type = \"decimal\", or a lookup".to_owned(),
            ("text", "objectid") => "write type = \"text\"".to_owned(),
            ("text", "bool" | "uuid" | "timestamp" | "date" | "time" | "duration" | "inet") => {
                format!("write type = \"{b}\"")
            }
            ("number", "timestamp") => format!("write {side}_epoch = \"ms\", or the unit it counts in"),
            ("number", "date") => format!("write {side}_epoch = \"d\" and type = \"date\" if it counts days"),
            ("number", "bool") => "write type = \"bool\"".to_owned(),
            ("timestamp", "date") => format!("write {side}_truncate = \"d\" and type = \"date\""),
            ("list", "set") => "write type = \"set\", which forgets order and duplicates".to_owned(),
            ("document", "map") => {
                "write type = \"map<int, …>\" with the types of keys and values".to_owned()
            }
            (LEGACY_UUID, "uuid") => {
                format!(
                    "write {side}_uuid = \"java-legacy\", \"csharp-legacy\" or \"python-legacy\", by the driver that wrote it"
                )
            }
            ("bytes", "uuid" | "objectid") => format!("write type = \"{b}\""),
            (SUBTYPED | LEGACY_UUID, "bytes") => {
                "write type = \"bytes\", which forgets the subtype".to_owned()
            }
            _ => continue,
        };
    }
    "no conversion leads from one to the other".to_owned()
}
