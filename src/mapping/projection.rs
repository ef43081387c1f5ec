//! A mapping compiled for one side: which rule reads which path, and what its values are held against.

use super::names::Node;
use super::rule::{ELEMENT, Expect, INDEX, Rule, Unmapped};
use crate::Side;
use crate::canon::{Encoder, Equality, Numbers, decode, without_types};
use crate::digest::Hasher;
use crate::model::{Problem, Value};
use rustc_hash::FxHashSet;
use std::borrow::Cow;

/// A compiled mapping for one side of one compare.
#[derive(Clone, Debug)]
pub struct Projection {
    pub(super) side: Side,
    pub(super) equality: Equality,
    pub(super) hasher: Hasher,
    pub(super) rules: Vec<Rule>,
    pub(super) seeds: Vec<u64>,
    pub(super) defaults: Vec<Option<Vec<u8>>>,
    pub(super) expected: Vec<Option<Vec<u8>>>,
    /// Whether a rule's value is hashed, or put into the key, as it stands and nothing else, by rule.
    pub(super) plain: Vec<bool>,
    /// Position in the key, by rule.
    pub(super) key_position: Vec<Option<usize>>,
    pub(super) key_len: usize,
    pub(super) root: Node,
    pub(super) element: Node,
    pub(super) explode: Option<String>,
    pub(super) unmapped: Unmapped,
    /// Names of rules that this side holds under another path: a field of such a name is not what the rule is about.
    claimed: FxHashSet<Box<[u8]>>,
    /// Whether the side has columns, whose dots lead nowhere.
    pub(super) flat: bool,
}

fn stray_mark(side: Side) -> String {
    format!(" ({side}, unmapped)")
}

/// The own name of a field that is compared apart because a rule has that name and reads something else on this side.
pub fn strayed(path: &str, side: Side) -> Option<&str> {
    path.strip_suffix(&*stray_mark(side))
}

impl Projection {
    /// Compiles rules. `key` lists canonical field names, each of which must have a rule with a path or a default;
    /// `explode` is the path of the array whose elements are the records.
    pub fn new(
        side: Side,
        rules: Vec<Rule>,
        key: &[String],
        explode: Option<String>,
        unmapped: Unmapped,
        equality: Equality,
        hasher: Hasher,
    ) -> Result<Projection, Problem> {
        let normal = |name: &str| equality.normalize.apply(name).into_owned();
        let explode = explode.map(|path| normal(&path));
        let (mut root, mut element) = (Node::default(), Node::default());
        for (i, rule) in rules.iter().enumerate() {
            let Some(path) = rule.path.as_deref().map(normal) else {
                continue;
            };
            let name = normal(&rule.name);
            let inside = explode
                .as_ref()
                .and_then(|e| path.strip_prefix(e.as_str()))
                .and_then(|p| p.strip_prefix('.'));
            match inside {
                Some(rest) => element.insert(rest, i, &name),
                None if explode.is_some() && (path == INDEX || path == ELEMENT) => {
                    element.insert(&path, i, &name)
                }
                None => root.insert(&path, i, &name),
            }
        }
        let encode = |value: &Value, equality: Equality| -> Result<Vec<u8>, Problem> {
            let mut encoder = Encoder::new(equality);
            encoder.value(value)?;
            Ok(encoder.bytes().to_vec())
        };
        let defaults = rules
            .iter()
            .map(|r| r.default.as_ref().map(|v| encode(v, equality)).transpose());
        let by_value = Equality {
            numbers: Numbers::Value,
            ..equality
        };
        let expected = rules.iter().map(|r| match &r.expect {
            Some(Expect::Value(v)) => encode(v, by_value).map(Some),
            _ => Ok(None),
        });
        let claimed = rules
            .iter()
            .filter(|r| r.path.as_ref() != Some(&r.name))
            .map(|r| normal(&r.name).into_bytes().into())
            .collect();
        let position = |name: &String| key.iter().position(|k| k == name);
        let plain = |r: &Rule| {
            let alone = match position(&r.name) {
                Some(_) => equality.numbers == Numbers::Value,
                None => r.expect.is_none() && !r.empty_is_null,
            };
            alone && !r.ignore && r.convert.is_identity() && r.default.is_none()
        };
        Ok(Projection {
            side,
            equality,
            hasher,
            seeds: rules
                .iter()
                .map(|r| hasher.path(normal(&r.name).as_bytes()))
                .collect(),
            defaults: defaults.collect::<Result<_, _>>()?,
            expected: expected.collect::<Result<_, _>>()?,
            key_position: rules.iter().map(|r| position(&r.name)).collect(),
            plain: rules.iter().map(plain).collect(),
            key_len: key.len(),
            rules,
            root,
            element,
            explode,
            unmapped,
            claimed,
            flat: false,
        })
    }

    /// The same for a side with columns: their names have no structure, whatever dots they hold.
    #[must_use]
    pub fn of_columns(self) -> Projection {
        Projection { flat: true, ..self }
    }

    /// A field's name as the rules have it.
    #[inline]
    pub(super) fn normal<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        self.equality.normalize.name(name)
    }

    /// The canonical path of a field that no rule reads, where it is not its own path: one called like a rule that reads
    /// something else here must not be taken for it. A record that was not migrated would look as if it was.
    #[inline]
    pub(super) fn stray(&self, path: &[u8]) -> Option<Vec<u8>> {
        if self.claimed.is_empty() || !self.claimed.contains(path) {
            return None;
        }
        Some([path, stray_mark(self.side).as_bytes()].concat())
    }

    /// Whether the fields that a prefix rule names are not compared.
    pub(super) fn overlooks(&self, rule: usize) -> bool {
        self.rules[rule].ignore || self.rules[rule].expect.is_some()
    }

    /// Whether both projections make the same of the same record, as long as nothing is wrong with it: every field is
    /// taken under its own name, as it stands. False if in doubt.
    pub fn reads_like(&self, other: &Projection) -> bool {
        let simple = |p: &Projection| p.explode.is_none() && p.unmapped != Unmapped::Report;
        let own_name = |r: &Rule| r.path.as_ref() == Some(&r.name) && r.convert.is_identity();
        let alone = |r: &Rule| own_name(r) && r.default.is_none() && r.expect.is_none();
        let alike = |(a, b): (&Rule, &Rule)| {
            alone(a)
                && alone(b)
                && (&a.name, a.ignore, a.empty_is_null) == (&b.name, b.ignore, b.empty_is_null)
        };
        simple(self)
            && simple(other)
            && (self.unmapped, self.flat, self.equality) == (other.unmapped, other.flat, other.equality)
            && self.rules.len() == other.rules.len()
            && self.rules.iter().zip(&other.rules).all(alike)
            && self.key_position == other.key_position
    }

    /// Whether the elements of an array are the records.
    pub fn explodes(&self) -> bool {
        self.explode.is_some()
    }

    /// The side this projection reads.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The names of the key's fields, in order.
    pub fn key_names(&self) -> impl Iterator<Item = &str> {
        (0..self.key_len).filter_map(|at| {
            let rule = self.key_position.iter().position(|p| *p == Some(at))?;
            Some(self.rules[rule].name.as_str())
        })
    }

    /// For each part of the key the path at which this side holds it, if it is taken as it stands there.
    pub fn key_as_stored(&self) -> Vec<Option<&str>> {
        let stored = |at| {
            let rule = self.key_position.iter().position(|p| *p == Some(at))?;
            let rule = &self.rules[rule];
            let as_it_stands = rule.convert.is_identity() && rule.default.is_none();
            rule.path.as_deref().filter(|_| as_it_stands)
        };
        (0..self.key_len).map(stored).collect()
    }

    /// The rules, in the order of the mapping.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What is wrong with the value of a field that exists on this side only.
    pub(super) fn unexpected(
        &self,
        rule: usize,
        expect: &Expect,
        bytes: Option<&[u8]>,
        value: Option<&Value>,
    ) -> Option<String> {
        match (expect, bytes) {
            (Expect::Anything, _) => None,
            (Expect::Value(_) | Expect::Type(_), None) => Some("expected, and not there".to_owned()),
            (Expect::Value(_), Some(bytes)) => {
                let untyped = without_types(bytes);
                let wanted = self.expected[rule].as_deref().unwrap_or_default();
                (*untyped != *wanted).then(|| "not the expected value".to_owned())
            }
            (Expect::Type(name), Some(bytes)) => {
                let found = match value {
                    Some(value) => value.type_name(),
                    None => decode(bytes).map_or("malformed", |(v, _)| v.type_name()),
                };
                let number =
                    name == "number" && decode(bytes).is_ok_and(|(v, _)| matches!(v, Value::Number(_)));
                (found != name && !number).then(|| format!("expected type {name}, found {found}"))
            }
        }
    }
}
