//! Which namespaces belong together where no compare says so: by name, as far as globs select them.

use super::SessionError;
use crate::config::NamespacesConfig;
use crate::mapping::Compare;
use crate::source::Source;
use crate::{Pair, Side};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A namespace with no counterpart that it could be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// The side that has it.
    pub side: Side,
    /// Its name.
    pub name: String,
    /// Why, as the beginning of a sentence.
    pub why: String,
}

/// The compares of the namespaces that `config` selects on both sides, and those that are on one side only or cannot be
/// read on the other.
///
/// # Errors
/// Data outside of all namespaces, or a glob that selects nothing: it may be mistyped, and nobody would miss what it meant.
pub(super) fn select(
    sources: &Pair<Arc<Source>>,
    config: &NamespacesConfig,
) -> Result<(Vec<Compare>, Vec<Alone>), SessionError> {
    let unseen = sources.as_ref().map(|source| {
        let live = source.live().into_iter();
        let databases = live.flat_map(|live| live.not_listed());
        databases
            .map(|(database, why)| (format!("{database}.*"), why.to_string()))
            .collect::<Vec<_>>()
    });
    for (side, source) in sources.as_ref().into_sides() {
        // What of a live store is not seen is told as such, and only where it is wanted.
        let whole = source
            .whole()
            .or_else(|error| source.live().map(drop).ok_or(error));
        whole.map_err(|source| SessionError::Source { side, source })?;
    }
    let names = sources.as_ref().map(|source| {
        let all = source.namespaces().iter();
        all.map(|namespace| namespace.name.clone()).collect::<Vec<_>>()
    });
    for glob in config.include.iter().chain(&config.exclude) {
        let unseen = unseen.stable.iter().chain(&unseen.candidate).map(|(all, _)| all);
        let mut all = names.stable.iter().chain(&names.candidate).chain(unseen);
        if !all.any(|name| matches(glob, name)) {
            let message = format!("[namespaces]: {glob:?} matches no namespace of either side");
            return Err(SessionError::Usage(message));
        }
    }
    let names = names.map(|names| names.into_iter().filter(|name| selected(config, name)).collect());
    let (pairs, mut alone) = pair_up(&names);
    let mut compares = Vec::new();
    for pair in pairs {
        match unread(sources, &pair.namespaces) {
            Some(unread) => alone.push(unread),
            None => compares.push(pair),
        }
    }
    for (side, unseen) in unseen.into_sides() {
        // Of these it is not known whether they are on one side only.
        let of = |alone: &Alone, all: &str| alone.side != side && matches(all, &alone.name);
        alone.retain(|alone| !unseen.iter().any(|(all, _)| of(alone, all)));
        let wanted = unseen.into_iter().filter(|(all, _)| may_select(config, all));
        alone.extend(wanted.map(|(name, why)| Alone {
            side,
            why: format!("{name} of {side} is not seen as a whole ({why})"),
            name,
        }));
    }
    Ok((compares, alone))
}

/// Whether something may be selected of a database, given as all of it.
fn may_select(config: &NamespacesConfig, all: &str) -> bool {
    // A glob without a database may name a collection of any.
    let of =
        |glob: &String| !glob.contains('.') || matches(glob, all) || matches(split(glob).0, split(all).0);
    (config.include.is_empty() || config.include.iter().any(of))
        && !config.exclude.iter().any(|glob| matches(glob, all))
}

/// What remains of two namespaces where one of them cannot be read.
fn unread(sources: &Pair<Arc<Source>>, names: &Pair<String>) -> Option<Alone> {
    let mut sides = names.as_ref().into_sides().into_iter();
    sides.find_map(|(side, name)| {
        let why = sources[side].live()?.unreadable(name)?;
        Some(Alone {
            side: side.other(),
            name: names[side.other()].clone(),
            why: format!(
                "{name} of {side} cannot be compared live ({why}); exclude it and compare dumps of it"
            ),
        })
    })
}

/// Whether `include` names it, or is empty, and `exclude` does not.
pub(super) fn selected(config: &NamespacesConfig, name: &str) -> bool {
    let any = |globs: &[String]| globs.iter().any(|glob| matches(glob, name));
    (config.include.is_empty() || any(&config.include)) && !any(&config.exclude)
}

/// Pairs namespaces of the same name; where each side has one database or keyspace, of the same name within it.
fn pair_up(names: &Pair<Vec<String>>) -> (Vec<Compare>, Vec<Alone>) {
    let spaces = names.as_ref().map(|names| {
        let spaces = names.iter().map(|name| split(name).0);
        spaces.collect::<BTreeSet<_>>().len()
    });
    let within = spaces.stable == 1 && spaces.candidate == 1;
    let key = |name: &str| match within {
        true => split(name).1.to_owned(),
        false => name.to_owned(),
    };
    let (mut compares, mut alone) = (Vec::new(), Vec::new());
    for stable in &names.stable {
        match names.candidate.iter().find(|other| key(other) == key(stable)) {
            Some(candidate) => {
                let name = if stable == candidate {
                    stable.clone()
                } else {
                    key(stable)
                };
                let namespaces = Pair {
                    stable: stable.clone(),
                    candidate: candidate.clone(),
                };
                compares.push(Compare::plain(name, namespaces, Vec::new()));
            }
            None => alone.push((Side::Stable, stable)),
        }
    }
    let unmatched = |name: &&String| names.stable.iter().all(|other| key(other) != key(name));
    alone.extend(
        names
            .candidate
            .iter()
            .filter(unmatched)
            .map(|name| (Side::Candidate, name)),
    );
    let alone = alone.into_iter().map(|(side, name)| Alone {
        side,
        name: name.clone(),
        why: format!("{name} is in {side} only"),
    });
    (compares, alone.collect())
}

/// Database or keyspace, if there is one, and the name within it.
fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("", name))
}

/// Whether a glob, in which `*` stands for any text, names a namespace by its full name or within its database.
fn matches(glob: &str, name: &str) -> bool {
    fits(glob, name) || fits(glob, split(name).1)
}

fn fits(glob: &str, text: &str) -> bool {
    let Some((head, rest)) = glob.split_once('*') else {
        return glob == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.into_iter().any(|at| fits(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(stable: &[&str], candidate: &[&str]) -> Pair<Vec<String>> {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Pair {
            stable: own(stable),
            candidate: own(candidate),
        }
    }

    fn paired(stable: &[&str], candidate: &[&str]) -> (Vec<String>, Vec<String>) {
        let (compares, alone) = pair_up(&names(stable, candidate));
        let compare = |c: Compare| format!("{}={}:{}", c.name, c.namespaces.stable, c.namespaces.candidate);
        let alone = alone.into_iter().map(|a| format!("{}:{}", a.side, a.name));
        (compares.into_iter().map(compare).collect(), alone.collect())
    }

    #[test]
    fn namespaces_are_paired_by_name_and_none_is_lost() {
        let (both, alone) = paired(&["shop.a", "shop.b"], &["new.b", "new.c"]);
        assert_eq!(both, ["b=shop.b:new.b"]);
        assert_eq!(alone, ["stable:shop.a", "candidate:new.c"]);
        let (both, alone) = paired(&["shop.a", "old.a"], &["shop.a", "new.a"]);
        assert_eq!(both, ["shop.a=shop.a:shop.a"]);
        assert_eq!(alone, ["stable:old.a", "candidate:new.a"]);
        let (both, alone) = paired(&["shop.a"], &["a"]);
        assert_eq!((both, alone), (vec!["a=shop.a:a".to_owned()], vec![]));
        assert_eq!(paired(&["shop.a"], &[]).1, ["stable:shop.a"]);
    }

    #[test]
    fn globs_select_by_full_name_or_within_a_database() {
        for (glob, name) in [
            ("shop.*", "shop.a"),
            ("*", "shop.a"),
            ("a*", "shop.ab.c"),
            ("*.a", "shop.a"),
            ("s*p.*b*", "shop.abc"),
            ("a", "shop.a"),
            ("größe*", "db.größen"),
        ] {
            assert!(matches(glob, name), "{glob} {name}");
        }
        for (glob, name) in [
            ("shop.*", "shopping.a"),
            ("a", "shop.ab"),
            ("*b", "shop.ba"),
            ("", "a"),
        ] {
            assert!(!matches(glob, name), "{glob} {name}");
        }
        let config = NamespacesConfig {
            include: vec!["shop.*".into()],
            exclude: vec!["*.tmp_*".into()],
        };
        assert!(selected(&config, "shop.a"));
        assert!(!selected(&config, "shop.tmp_a") && !selected(&config, "other.a"));
    }
}
