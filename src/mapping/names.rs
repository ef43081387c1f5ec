//! The paths of a mapping's rules as a tree of names.

use rustc_hash::FxHashMap;

/// One level of names.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) children: Vec<Child>,
    pub(super) by_name: FxHashMap<Vec<u8>, usize>,
    /// (prefix of the name, what replaces it in the canonical path)
    pub(super) prefixes: Vec<(Vec<u8>, String)>,
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
        if let Some(prefix) = path
            .strip_suffix('*')
            .filter(|p| !p.contains('.') && !p.is_empty())
        {
            self.prefixes
                .push((prefix.as_bytes().to_vec(), name.trim_end_matches('*').to_owned()));
        } else if path == "*" {
            self.prefixes
                .push((Vec::new(), name.trim_end_matches('*').to_owned()));
        } else if let Some((head, rest)) = path.split_once('.') {
            self.child(head)
                .node
                .get_or_insert_default()
                .insert(rest, rule, name);
        } else {
            self.child(path).rules.push(rule);
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

    /// The canonical path of a field that a prefix rule names.
    pub(super) fn prefix(&self, name: &[u8]) -> Option<Vec<u8>> {
        let (prefix, canonical) = self.prefixes.iter().find(|(p, _)| name.starts_with(p))?;
        Some([canonical.as_bytes(), &name[prefix.len()..]].concat())
    }
}
