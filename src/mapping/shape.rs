//! The top-level fields of the records seen so far, in order, and where each goes.
//!
//! Records of one namespace mostly have the same fields in the same order. A record whose fields are met in this order,
//! some perhaps left out, needs no look-up, no hash of a name, and no check for a name that comes twice: the names here
//! are distinct, and each is passed once. Any other record goes the long way, with the same result.

use super::names::escape;
use super::projection::Projection;
use super::rule::Unmapped;

/// Where a field's value goes.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// To the rule of this number.
    Rule(usize),
    /// Under this path, hashed with this seed.
    Path {
        /// The canonical path.
        path: String,
        /// The path's seed.
        seed: u64,
    },
    /// Nowhere.
    Nowhere,
    /// To be found out by the general walk: several rules, or rules below this name.
    Walk,
}

/// One field.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    /// Where its value goes.
    pub(super) target: Target,
}

/// The fields in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    entries: Vec<Entry>,
    /// Whether some entry's paths are not known beforehand, so that a path could come twice after all.
    pub(super) open: bool,
    /// Records learned from.
    lessons: u32,
}

/// Fields a shape holds at most.
const MAX_ENTRIES: usize = 256;

/// Records a shape learns from at most: in a namespace without an order of fields there is nothing to learn.
const MAX_LESSONS: u32 = 1000;

impl Shape {
    /// The place of the field called `name`, at `from` or after it.
    #[inline]
    pub(super) fn find(&self, from: usize, name: &[u8]) -> Option<usize> {
        let rest = self.entries.get(from..)?;
        rest.iter().position(|e| *e.name == *name).map(|at| from + at)
    }

    /// The name at `place`; empty past the last.
    #[inline]
    pub(super) fn name(&self, place: usize) -> &[u8] {
        self.entries.get(place).map_or(&[], |e| &e.name)
    }

    /// The entry at `place`.
    #[inline]
    pub(super) fn at(&self, place: usize) -> &Entry {
        &self.entries[place]
    }

    /// The paths that are known beforehand, by seed.
    pub(super) fn paths(&self) -> impl Iterator<Item = (u64, String)> {
        self.entries.iter().filter_map(|e| match &e.target {
            Target::Path { path, seed } => Some((*seed, path.clone())),
            _ => None,
        })
    }

    /// Whether there is nothing to go by yet.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether more records could teach it anything.
    pub(super) fn learns(&self) -> bool {
        self.lessons < MAX_LESSONS && self.entries.len() < MAX_ENTRIES
    }

    /// Takes in the names of a record, in order: new ones stand after the one they follow. Gives the paths it took in.
    pub(super) fn learn(&mut self, p: &Projection, names: &[&[u8]]) -> Vec<(u64, String)> {
        self.lessons += 1;
        let mut taken = Vec::new();
        let mut next = 0;
        for name in names {
            match self.entries.iter().position(|e| *e.name == **name) {
                Some(at) => next = next.max(at + 1),
                None if self.entries.len() < MAX_ENTRIES => {
                    let Some(target) = self.target(p, name) else {
                        continue;
                    };
                    if let Target::Path { path, seed } = &target {
                        taken.push((*seed, path.clone()));
                    }
                    self.open |= matches!(target, Target::Walk);
                    let name = (*name).into();
                    self.entries.insert(next, Entry { name, target });
                    next += 1;
                }
                None => {}
            }
        }
        taken
    }

    /// Where a field goes; none for one that has to go the long way: its name is empty or no text, or its path is another's too.
    fn target(&self, p: &Projection, name: &[u8]) -> Option<Target> {
        if name.is_empty() {
            return None;
        }
        let name = &*p.normal(name);
        let mut hint = 0;
        let path = match p.root.find(name, &mut hint) {
            Some(child) => {
                return Some(match child.rules[..] {
                    [rule] if child.node.is_none() => Target::Rule(rule),
                    _ => Target::Walk,
                });
            }
            None => match (p.root.prefix(name), p.unmapped) {
                (Some((rule, _)), _) if p.overlooks(rule) => return Some(Target::Nowhere),
                (Some((_, path)), _) => path,
                (None, Unmapped::Compare) if p.flat => name.to_vec(),
                (None, Unmapped::Compare) => escape(name).into_owned(),
                (None, Unmapped::Ignore) => return Some(Target::Nowhere),
                (None, Unmapped::Report) => return Some(Target::Walk),
            },
        };
        let path = String::from_utf8(p.stray(&path).unwrap_or(path)).ok()?;
        let seed = p.hasher.path(path.as_bytes());
        let known = self
            .entries
            .iter()
            .any(|e| matches!(&e.target, Target::Path { seed: s, .. } if *s == seed));
        (!known).then_some(Target::Path { path, seed })
    }
}
