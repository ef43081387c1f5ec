//! The paths of a mapping's rules as a tree of names.

use memchr::memchr2;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// One level of names.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) children: Vec<Child>,
    pub(super) by_name: FxHashMap<Vec<u8>, usize>,
    /// Prefix of the name, what replaces it in the canonical path, and the rule that says so; the longest first.
    prefixes: Vec<(Vec<u8>, String, usize)>,
}

/// A name that rules name, or lead through.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) name: Vec<u8>,
    /// The rules whose path ends here.
    pub(super) rules: Vec<usize>,
    /// The names below, where a path leads on.
    pub(super) node: Option<Node>,
}

impl Node {
    fn child(&mut self, name: &str) -> &mut Child {
        let name = name.as_bytes().to_vec();
        let at = *self.by_name.entry(name.clone()).or_insert_with(|| {
            self.children.push(Child {
                name,
                rules: Vec::new(),
                node: None,
            });
            self.children.len() - 1
        });
        &mut self.children[at]
    }

    /// Enters the path of a rule.
    pub(super) fn insert(&mut self, path: &str, rule: usize, name: &str) {
        match split(path) {
            (head, Some(rest)) => self
                .child(&head)
                .node
                .get_or_insert_default()
                .insert(rest, rule, name),
            (head, None) => match head.strip_suffix('*') {
                Some(prefix) => {
                    let canonical = name.trim_end_matches('*').to_owned();
                    self.prefixes.push((prefix.as_bytes().to_vec(), canonical, rule));
                    self.prefixes
                        .sort_by_key(|(prefix, ..)| std::cmp::Reverse(prefix.len()));
                }
                None => self.child(&head).rules.push(rule),
            },
        }
    }

    /// Finds a field by name. Records of one namespace mostly have their fields in the same order, so the field after
    /// the one found last is tried first.
    #[inline]
    pub(super) fn find(&self, name: &[u8], hint: &mut usize) -> Option<&Child> {
        if let Some(child) = self.children.get(*hint)
            && child.name == name
        {
            *hint += 1;
            return Some(child);
        }
        let at = if self.children.len() <= 4 {
            self.children.iter().position(|c| c.name == name)?
        } else {
            *self.by_name.get(name)?
        };
        *hint = at + 1;
        Some(&self.children[at])
    }

    /// Whether all rules below are such.
    pub(super) fn all(&self, such: &impl Fn(usize) -> bool) -> bool {
        let below = |child: &Child| {
            child.rules.iter().all(|rule| such(*rule))
                && child.node.as_ref().is_none_or(|node| node.all(such))
        };
        self.children.iter().all(below) && self.prefixes.iter().all(|(.., rule)| such(*rule))
    }

    /// The prefix rule that names a field, and the field's canonical path.
    pub(super) fn prefix(&self, name: &[u8]) -> Option<(usize, Vec<u8>)> {
        let (prefix, canonical, rule) = self.prefixes.iter().find(|(p, ..)| name.starts_with(p))?;
        Some((*rule, [canonical.as_bytes(), &name[prefix.len()..]].concat()))
    }
}

/// The name of a document's field as it stands in a path: with a backslash before dots and backslashes that are its own,
/// so that a field called `a.b` is never taken for the field `b` inside `a`.
pub(super) fn escape(name: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'.', b'\\', name).is_none() {
        return Cow::Borrowed(name);
    }
    let mut out = Vec::with_capacity(name.len() + 2);
    for &byte in name {
        if matches!(byte, b'.' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    Cow::Owned(out)
}

/// A path that leads to the column of this very name, whatever dots it has.
pub fn column_path(name: &str) -> String {
    String::from_utf8_lossy(&escape(name.as_bytes())).into_owned()
}

/// The names that a path leads through.
pub fn path_names(path: &str) -> Vec<String> {
    let (mut names, mut rest) = (Vec::new(), Some(path));
    while let Some(path) = rest {
        let (name, below) = split(path);
        names.push(name);
        rest = below;
    }
    names
}

/// The first name of a path, and the path below it.
fn split(path: &str) -> (String, Option<&str>) {
    let mut name = String::new();
    let mut chars = path.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '.' => return (name, Some(&path[at + 1..])),
            '\\' => name.push(chars.next().map_or(c, |(_, escaped)| escaped)),
            c => name.push(c),
        }
    }
    (name, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_a_name_are_told_from_those_of_a_path() {
        assert_eq!(split("a.b.c"), ("a".to_owned(), Some("b.c")));
        assert_eq!(split(r"a\.b.c"), ("a.b".to_owned(), Some("c")));
        assert_eq!(split(r"a\\.b"), (r"a\".to_owned(), Some("b")));
        assert_eq!(path_names(r"a\.b.c.d"), ["a.b", "c", "d"]);
        for name in ["", "a", "a.b", r"a\b", r".\.", "é.ü"] {
            assert_eq!(split(&column_path(name)), (name.to_owned(), None));
        }
    }
}
