//! Projection: raw records of one side to canonical keys, field digests and, for drill-down, trees.
//!
//! One walk serves the scan (digests only), the search for suspects (keys only) and the drill-down (trees as well), so
//! that what is compared and what is shown cannot drift apart.

use super::Conversion;
use crate::Side;
use crate::canon::{
    Absent, Encoder, Equality, NULL, Numbers, Raw, RawRecord, decode, is_empty_collection, without_types,
};
use crate::digest::{Hasher, KeyHash, RecordHash};
use crate::model::{Number, NumberType, Problem, Value};
use rustc_hash::FxHashMap;

/// How one canonical field is read on one side.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The field's canonical name.
    pub name: String,
    /// Where the side holds it; `None` if the side does not.
    pub path: Option<String>,
    /// What is done to the value before it is compared.
    pub convert: Conversion,
    /// The value that stands for an absent one (already converted).
    pub default: Option<Value>,
    /// Not compared at all.
    pub ignore: bool,
    /// The field exists on this side only; its value is judged here and not compared.
    pub expect: Option<Expect>,
    /// An empty list, set or map counts as null.
    pub empty_is_null: bool,
}

/// What a field that exists on one side only has to be.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Anything, present or not.
    Anything,
    /// This value; `encoded` under value equality.
    Value(Value),
    /// A value of this type.
    Type(String),
}

/// What happens to fields that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmapped {
    /// They are compared under their own path.
    #[default]
    Compare,
    /// They are counted and named, not compared.
    Report,
    /// They are not looked at.
    Ignore,
}

/// The name of an exploded element's position.
pub const INDEX: &str = "$index";
/// The name of an exploded element that is no document.
pub const ELEMENT: &str = "$value";

#[derive(Clone, Debug, Default)]
struct Node {
    children: Vec<Child>,
    by_name: FxHashMap<Vec<u8>, usize>,
    /// Prefix of the name, what replaces it in the canonical path, and the rule that says so; the longest first.
    prefixes: Vec<(Vec<u8>, String, usize)>,
}

#[derive(Clone, Debug)]
struct Child {
    name: Vec<u8>,
    rules: Vec<usize>,
    node: Option<Node>,
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

    fn insert(&mut self, path: &str, rule: usize, name: &str) {
        if let Some(prefix) = path.strip_suffix('*').filter(|p| !p.contains('.')) {
            let canonical = name.trim_end_matches('*').to_owned();
            self.prefixes.push((prefix.as_bytes().to_vec(), canonical, rule));
            self.prefixes
                .sort_by_key(|(prefix, ..)| std::cmp::Reverse(prefix.len()));
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
    fn find(&self, name: &[u8], hint: &mut usize) -> Option<&Child> {
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
}

/// A compiled mapping for one side of one compare.
#[derive(Clone, Debug)]
pub struct Projection {
    side: Side,
    equality: Equality,
    hasher: Hasher,
    rules: Vec<Rule>,
    seeds: Vec<u64>,
    defaults: Vec<Option<Vec<u8>>>,
    expected: Vec<Option<Vec<u8>>>,
    /// Position in the key, by rule.
    key_position: Vec<Option<usize>>,
    key_len: usize,
    root: Node,
    element: Node,
    explode: Option<String>,
    unmapped: Unmapped,
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
        let (mut root, mut element) = (Node::default(), Node::default());
        for (i, rule) in rules.iter().enumerate() {
            let Some(path) = &rule.path else { continue };
            let inside = explode
                .as_ref()
                .and_then(|e| path.strip_prefix(e.as_str()))
                .and_then(|p| p.strip_prefix('.'));
            match inside {
                Some(rest) => element.insert(rest, i, &rule.name),
                None if explode.is_some() && (path == INDEX || path == ELEMENT) => {
                    element.insert(path, i, &rule.name)
                }
                None => root.insert(path, i, &rule.name),
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
        let position = |name: &String| key.iter().position(|k| k == name);
        Ok(Projection {
            side,
            equality,
            hasher,
            seeds: rules.iter().map(|r| hasher.path(r.name.as_bytes())).collect(),
            defaults: defaults.collect::<Result<_, _>>()?,
            expected: expected.collect::<Result<_, _>>()?,
            key_position: rules.iter().map(|r| position(&r.name)).collect(),
            key_len: key.len(),
            rules,
            root,
            element,
            explode,
            unmapped,
        })
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

    /// The rules, in the order of the mapping.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Walks one raw record and calls `emit` once per record it holds: once, or once per element under `explode`.
    ///
    /// `at` is the record's position in its stream. It names records that have no usable key.
    pub fn project<'a>(
        &self,
        raw: RawRecord<'a>,
        at: u64,
        digester: &mut Digester,
        emit: &mut dyn FnMut(&mut Digester),
    ) {
        let Some(explode) = &self.explode else {
            digester.start(at, 0);
            let walked = self.walk_record(raw, &mut |d, slot, raw| d.put(self, slot, raw), digester);
            digester.finish(self, walked, emit);
            return;
        };
        let mut parent: Vec<(usize, Raw<'a>)> = Vec::new();
        let mut array: Option<Raw<'a>> = None;
        let walked = raw.walk(|name, value| {
            self.gather(&self.root, name, value, &mut parent)?;
            let rest = explode.as_bytes().strip_prefix(name);
            match rest {
                Some(b"") if array.replace(value).is_some() => {
                    return Err(Problem::malformed("duplicate field name").inside(explode));
                }
                Some([b'.', rest @ ..]) => {
                    let found = descend(value, rest);
                    array = found
                        .map_err(|p| p.inside(&String::from_utf8_lossy(name)))?
                        .or(array);
                }
                _ => {}
            }
            Ok(())
        });
        let mut elements = 0u64;
        let walked = walked.and_then(|()| match array {
            None => Ok(()),
            Some(array) => {
                // A cell is read as a whole, and taken apart after that.
                let tree;
                let array = match array {
                    Raw::Cell(cell) => {
                        tree = cell.to_value().map_err(|p| p.inside(explode))?;
                        Raw::Tree(&tree)
                    }
                    array => array,
                };
                let is_list = array.walk_list(&mut |index, element| {
                    elements += 1;
                    digester.start(at, elements);
                    for &(rule, raw) in &parent {
                        digester.put(self, Slot::Rule(rule), raw);
                    }
                    let walked = self.walk_element(index, element, digester);
                    digester.finish(self, walked, emit);
                    Ok(())
                })?;
                match is_list || matches!(array.to_value()?, Value::Null) {
                    true => Ok(()),
                    false => Err(not_exploded(&array.to_value()?, "list").inside(explode)),
                }
            }
        });
        if let Err(problem) = walked {
            digester.start(at, elements + 1);
            digester.finish(self, Err(problem), emit);
        }
    }

    fn walk_record<'a>(
        &self,
        raw: RawRecord<'a>,
        put: &mut impl FnMut(&mut Digester, Slot<'_>, Raw<'a>),
        digester: &mut Digester,
    ) -> Result<(), Problem> {
        let mut hint = 0;
        raw.walk(|name, value| {
            self.visit(
                &self.root,
                name,
                value,
                &mut hint,
                &mut Vec::new(),
                &mut |s, v| put(digester, s, v),
            )
        })
    }

    fn walk_element(&self, index: usize, element: Raw<'_>, digester: &mut Digester) -> Result<(), Problem> {
        if let Some(&at) = self.element.by_name.get(INDEX.as_bytes()) {
            for &rule in &self.element.children[at].rules {
                digester.put_value(
                    self,
                    rule,
                    Value::Number(Number::int(index as i64, NumberType::Int64)),
                );
            }
        }
        let mut hint = 0;
        let mut path = self.explode.clone().unwrap_or_default().into_bytes();
        path.push(b'.');
        let is_document = element.walk_document(&mut |name, value| {
            self.visit(&self.element, name, value, &mut hint, &mut path, &mut |s, v| {
                digester.put(self, s, v)
            })
        })?;
        if !is_document {
            match self.element.by_name.get(ELEMENT.as_bytes()) {
                Some(&at) => self.element.children[at]
                    .rules
                    .iter()
                    .for_each(|&r| digester.put(self, Slot::Rule(r), element)),
                None => digester.put(self, Slot::Path(ELEMENT.as_bytes()), element),
            }
        }
        Ok(())
    }

    /// Collects the values of parent fields that rules name; what no rule names belongs to the parent's own compare.
    fn gather<'a>(
        &self,
        node: &Node,
        name: &[u8],
        value: Raw<'a>,
        into: &mut Vec<(usize, Raw<'a>)>,
    ) -> Result<(), Problem> {
        if let Some(&at) = node.by_name.get(name) {
            let child = &node.children[at];
            into.extend(child.rules.iter().map(|&rule| (rule, value)));
            if let Some(node) = &child.node {
                value.walk_document(&mut |name, value| self.gather(node, name, value, into))?;
            }
        }
        Ok(())
    }

    /// Sends one field of a document to the rules that name it, or on its way as an unmapped field.
    fn visit<'a>(
        &self,
        node: &Node,
        name: &[u8],
        value: Raw<'a>,
        hint: &mut usize,
        path: &mut Vec<u8>,
        put: &mut dyn FnMut(Slot<'_>, Raw<'a>),
    ) -> Result<(), Problem> {
        if let Some(child) = node.find(name, hint) {
            for &rule in &child.rules {
                put(Slot::Rule(rule), value);
            }
            if let Some(inner) = &child.node {
                let before = path.len();
                path.extend_from_slice(name);
                path.push(b'.');
                let mut hint = 0;
                let walked = value
                    .walk_document(&mut |name, value| self.visit(inner, name, value, &mut hint, path, put));
                path.truncate(before);
                if walked.map_err(|p| p.inside(&String::from_utf8_lossy(name)))? {
                    return Ok(());
                }
            }
            if !child.rules.is_empty() {
                return Ok(());
            }
        } else if let Some((prefix, canonical, rule)) =
            node.prefixes.iter().find(|(p, ..)| name.starts_with(p))
        {
            let rule = &self.rules[*rule];
            if !rule.ignore && rule.expect.is_none() {
                let path = [canonical.as_bytes(), &name[prefix.len()..]].concat();
                put(Slot::Renamed(&path), value);
            }
            return Ok(());
        }
        if self.unmapped == Unmapped::Ignore {
            return Ok(());
        }
        if path.is_empty() {
            put(Slot::Path(name), value);
        } else {
            let before = path.len();
            path.extend_from_slice(name);
            put(Slot::Path(path), value);
            path.truncate(before);
        }
        Ok(())
    }
}

fn not_exploded(value: &Value, wanted: &str) -> Problem {
    let found = value.type_name();
    Problem::unconvertible(format!("{found} where a {wanted} is to be exploded"))
}

/// Follows a path through documents; null on the way is the end of it.
fn descend<'a>(value: Raw<'a>, path: &[u8]) -> Result<Option<Raw<'a>>, Problem> {
    let mut found = None;
    let is_document = value.walk_document(&mut |name, value| {
        match path.strip_prefix(name) {
            Some(b"") => found = Some(value),
            Some([b'.', rest @ ..]) => {
                found = descend(value, rest).map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
            }
            _ => {}
        }
        Ok(())
    })?;
    match is_document || matches!(value.to_value()?, Value::Null) {
        true => Ok(found),
        false => Err(not_exploded(&value.to_value()?, "document")),
    }
}

/// Where a value goes: to a rule, under a path that a rule gives it, or under its own path.
#[derive(Clone, Copy, Debug)]
enum Slot<'a> {
    Rule(usize),
    Renamed(&'a [u8]),
    Path(&'a [u8]),
}

/// How much of a record is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The key alone.
    Key,
    /// Key and digests.
    Digest,
    /// Key, digests and every field's value.
    Tree,
}

/// A text cell, kept for drill-down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCell {
    /// The column's name.
    pub column: String,
    /// The bytes between the quotes, escapes still in.
    pub text: Vec<u8>,
    /// Whether quotes stood around them.
    pub quoted: bool,
    /// Whether they hold escapes.
    pub escaped: bool,
}

/// One field of a record, kept for drill-down.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The canonical path.
    pub path: String,
    /// The mapping's rule, if one names the field.
    pub rule: Option<usize>,
    /// Canonical bytes; empty if the value has a problem.
    pub canonical: Vec<u8>,
    /// The value as it is compared, or what is wrong with it.
    pub value: Result<Value, Problem>,
    /// The source's cell, where the source is text, with its column.
    pub cell: Option<OwnedCell>,
    /// A violated expectation on a field of one side only.
    pub unexpected: Option<String>,
    /// A null that the equality in force takes for absent: shown, not counted.
    pub uncounted: bool,
}

/// Works records off, one at a time; owns the buffers, so each worker has one.
#[derive(Debug)]
pub struct Digester {
    depth: Depth,
    encoder: Encoder,
    key_parts: Vec<Vec<u8>>,
    at: u64,
    element: u64,
    seen: Vec<u64>,
    unmapped_seen: Vec<u64>,
    unmapped_bloom: u64,
    sum: u128,
    key: Vec<u8>,
    key_hash: KeyHash,
    record: RecordHash,
    keyed: bool,
    null_in_key: bool,
    problem: Option<Problem>,
    fields: Vec<(u64, u128)>,
    order: Vec<u64>,
    names: FxHashMap<u64, String>,
    captured: Vec<Captured>,
    reported: FxHashMap<String, u64>,
}

/// Canonical bytes that no value has: they mark a field that could not be read, so that a record with a problem never
/// equals anything, not even a record with the same problem on the other side.
const PROBLEM_TAG: u8 = 0x7f;

/// Paths whose names a digester keeps; documents that use data as field names have no end of them.
const MAX_NAMES: usize = 4096;

impl Digester {
    /// A digester for records of `projection`.
    pub fn new(projection: &Projection, depth: Depth) -> Digester {
        Digester {
            depth,
            encoder: Encoder::new(projection.equality),
            key_parts: vec![Vec::new(); projection.key_len],
            at: 0,
            element: 0,
            seen: vec![0; projection.rules.len().div_ceil(64)],
            unmapped_seen: Vec::new(),
            unmapped_bloom: 0,
            sum: 0,
            key: Vec::new(),
            key_hash: KeyHash(0),
            record: RecordHash(0),
            keyed: false,
            null_in_key: false,
            problem: None,
            fields: Vec::new(),
            order: Vec::new(),
            names: FxHashMap::default(),
            captured: Vec::new(),
            reported: FxHashMap::default(),
        }
    }

    /// The record's canonical key. A record without a usable key has one of its own, made of side and position.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The key's hash.
    pub fn key_hash(&self) -> KeyHash {
        self.key_hash
    }

    /// The record's hash.
    pub fn record(&self) -> RecordHash {
        self.record
    }

    /// Whether the mapping's key could be read.
    pub fn keyed(&self) -> bool {
        self.keyed
    }

    /// Whether a part of the key is null.
    pub fn null_in_key(&self) -> bool {
        self.null_in_key
    }

    /// Which element of the raw record this is, from 1, under `explode`; else 0.
    pub fn element(&self) -> u64 {
        self.element
    }

    /// The first thing wrong with the record, if anything is.
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Path seed and hash of every field that counts.
    pub fn fields(&self) -> &[(u64, u128)] {
        &self.fields
    }

    /// The path behind a path seed.
    pub fn name(&self, seed: u64) -> Option<&str> {
        self.names.get(&seed).map(String::as_str)
    }

    /// The fields kept for drill-down; leaves none behind.
    pub fn take_captured(&mut self) -> Vec<Captured> {
        std::mem::take(&mut self.captured)
    }

    /// Unmapped fields met under `unmapped = "report"`, with how often; leaves none behind.
    pub fn take_reported(&mut self) -> FxHashMap<String, u64> {
        std::mem::take(&mut self.reported)
    }

    fn start(&mut self, at: u64, element: u64) {
        self.at = at;
        self.element = element;
        self.key_parts.iter_mut().for_each(Vec::clear);
        self.seen.fill(0);
        self.unmapped_seen.clear();
        self.unmapped_bloom = 0;
        self.sum = 0;
        self.problem = None;
        self.null_in_key = false;
        self.fields.clear();
        self.captured.clear();
    }

    /// Whether `rule` was met before in this record; marks it met.
    fn meet(&mut self, rule: usize) -> bool {
        let (word, bit) = (rule / 64, 1u64 << (rule % 64));
        let met = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        met
    }

    #[inline]
    fn put(&mut self, p: &Projection, slot: Slot<'_>, raw: Raw<'_>) {
        let rule = match slot {
            Slot::Rule(rule) => rule,
            Slot::Renamed(path) => return self.put_unmapped(p, path, raw, false),
            Slot::Path(path) => return self.put_unmapped(p, path, raw, p.unmapped == Unmapped::Report),
        };
        if self.depth == Depth::Key && p.key_position[rule].is_none() {
            return;
        }
        let spec = &p.rules[rule];
        if self.meet(rule) {
            let path = spec.path.as_deref().unwrap_or(&spec.name);
            return self.fail(
                p,
                Some(rule),
                &spec.name,
                Problem::malformed(format!("duplicate field name {path:?}")),
            );
        }
        if spec.ignore {
            return;
        }
        self.encoder.clear();
        let encoded = match spec.convert.is_identity() {
            true => raw.encode(&mut self.encoder).map(|()| None),
            false => self.convert(spec, raw),
        };
        match encoded {
            Ok(value) => {
                // A default stands for null, too, where null is what is written for absent.
                let absent = p.equality.absent == Absent::Null && self.encoder.bytes() == NULL;
                if let (true, Some(default)) = (absent, &p.defaults[rule]) {
                    self.encoder.clear();
                    self.encoder.raw(default);
                    return self.take(p, rule, spec.default.clone(), cell_of(raw, self.depth));
                }
                let wanted = self.depth == Depth::Tree || matches!(spec.expect, Some(Expect::Type(_)));
                let value = value.or_else(|| wanted.then(|| raw.to_value().ok())?);
                self.take(p, rule, value, cell_of(raw, self.depth));
            }
            Err(problem) => self.fail_raw(p, Some(rule), &spec.name, problem, raw),
        }
    }

    /// Encodes a converted value. A value that has the wanted form already goes the short way.
    fn convert(&mut self, spec: &Rule, raw: Raw<'_>) -> Result<Option<Value>, Problem> {
        raw.encode(&mut self.encoder)?;
        if spec.convert.accepts_canonical(self.encoder.bytes()) {
            return Ok(None);
        }
        let value = spec.convert.apply(raw.to_value()?)?;
        self.encoder.clear();
        self.encoder.value(&value)?;
        Ok(Some(value))
    }

    fn put_value(&mut self, p: &Projection, rule: usize, value: Value) {
        self.meet(rule);
        let spec = &p.rules[rule];
        self.encoder.clear();
        let encoded = spec
            .convert
            .apply(value)
            .and_then(|v| self.encoder.value(&v).map(|()| v));
        match encoded {
            Ok(value) => self.take(p, rule, Some(value), None),
            Err(problem) => self.fail(p, Some(rule), &spec.name, problem),
        }
    }

    /// Counts in the value that stands in the encoder.
    fn take(&mut self, p: &Projection, rule: usize, value: Option<Value>, cell: Option<OwnedCell>) {
        let spec = &p.rules[rule];
        let bytes = self.encoder.bytes();
        if let Some(position) = p.key_position[rule] {
            self.null_in_key |= bytes == NULL;
            // Identity is by value: both engines hold int32 1 and int64 1 to be the same key. Under `typed` the type
            // itself is compared like a field's.
            let typed = match p.equality.numbers {
                Numbers::Typed => {
                    let untyped = without_types(bytes);
                    self.key_parts[position].extend_from_slice(&untyped);
                    *untyped != *bytes
                }
                Numbers::Value => {
                    self.key_parts[position].extend_from_slice(bytes);
                    false
                }
            };
            if self.depth == Depth::Key || !typed {
                return;
            }
        }
        let mut unexpected = None;
        if let Some(expect) = &spec.expect {
            unexpected = p.unexpected(rule, expect, Some(self.encoder.bytes()), value.as_ref());
            if unexpected.is_none() {
                return;
            }
            self.encoder.clear();
            self.encoder.raw(&[PROBLEM_TAG, p.side as u8]);
        }
        self.count(
            p,
            Some(rule),
            p.seeds[rule],
            &spec.name,
            spec.empty_is_null,
            value,
            cell,
            unexpected,
        );
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where every kind of field ends"
    )]
    #[inline]
    fn count(
        &mut self,
        p: &Projection,
        rule: Option<usize>,
        seed: u64,
        path: &str,
        empty_is_null: bool,
        value: Option<Value>,
        cell: Option<OwnedCell>,
        unexpected: Option<String>,
    ) {
        let mut bytes = self.encoder.bytes();
        if empty_is_null && is_empty_collection(bytes) {
            bytes = NULL;
        }
        let dropped = p.equality.absent == Absent::Null && bytes == NULL;
        if !dropped {
            let hash = p.hasher.field(seed, bytes);
            self.sum = self.sum.wrapping_add(hash);
            self.fields.push((seed, hash));
        }
        if self.depth == Depth::Tree {
            let canonical = if dropped { NULL.to_vec() } else { bytes.to_vec() };
            let value = match value {
                Some(value) => Ok(value),
                None => decode(bytes).map(|(v, _)| v).or(Ok(Value::Null)),
            };
            let path = path.to_owned();
            self.captured.push(Captured {
                path,
                rule,
                canonical,
                value,
                cell,
                unexpected,
                uncounted: dropped,
            });
        }
        if !dropped {
            self.remember(seed, path);
        }
    }

    /// Keeps the path behind a seed. Records have their fields in the same order mostly, so a look at what stood at this
    /// place in the record before usually suffices.
    #[inline]
    fn remember(&mut self, seed: u64, path: &str) {
        let place = self.fields.len() - 1;
        if self.order.get(place) == Some(&seed) {
            return;
        }
        if self.order.len() <= place {
            self.order.resize(place + 1, 0);
        }
        self.order[place] = seed;
        if self.names.len() < MAX_NAMES {
            self.names.entry(seed).or_insert_with(|| path.to_owned());
        }
    }

    fn put_unmapped(&mut self, p: &Projection, path: &[u8], raw: Raw<'_>, report: bool) {
        if self.depth == Depth::Key {
            return;
        }
        let seed = p.hasher.path(path);
        let bit = 1u64 << (seed & 63);
        if self.unmapped_bloom & bit != 0 && self.unmapped_seen.contains(&seed) {
            let name = String::from_utf8_lossy(path).into_owned();
            return self.fail(
                p,
                None,
                &name,
                Problem::malformed(format!("duplicate field name {name:?}")),
            );
        }
        self.unmapped_bloom |= bit;
        self.unmapped_seen.push(seed);
        if report {
            *self
                .reported
                .entry(String::from_utf8_lossy(path).into_owned())
                .or_default() += 1;
            return;
        }
        self.encoder.clear();
        // A name that stood at this place in the record before was looked at then, and is not needed again.
        let known = self.depth == Depth::Digest && self.order.get(self.fields.len()) == Some(&seed);
        let name = if known { Ok("") } else { std::str::from_utf8(path) };
        let encoded = match name {
            Ok(name) => raw.encode(&mut self.encoder).map(|()| name),
            Err(_) => Err(Problem::malformed("a field name is not UTF-8")),
        };
        match encoded {
            Ok(path) => {
                let value = if self.depth == Depth::Tree {
                    raw.to_value().ok()
                } else {
                    None
                };
                let cell = cell_of(raw, self.depth);
                // A cell knows whether its column is a collection that cannot tell empty from null.
                let empty_is_null = matches!(raw, Raw::Cell(c) if c.column.non_frozen_collection);
                self.count(p, None, seed, path, empty_is_null, value, cell, None);
            }
            Err(problem) => {
                let path = String::from_utf8_lossy(path).into_owned();
                self.fail_raw(p, None, &path, problem, raw);
            }
        }
    }

    fn fail_raw(&mut self, p: &Projection, rule: Option<usize>, path: &str, problem: Problem, raw: Raw<'_>) {
        self.fail(p, rule, path, problem);
        if let Some(last) = self.captured.last_mut() {
            last.cell = cell_of(raw, self.depth);
        }
    }

    /// Counts in a field that could not be read, in a way that equals nothing.
    fn fail(&mut self, p: &Projection, rule: Option<usize>, path: &str, problem: Problem) {
        let problem = if path.is_empty() {
            problem
        } else {
            problem.inside(path)
        };
        let hash = p
            .hasher
            .field(p.hasher.path(path.as_bytes()), &[PROBLEM_TAG, p.side as u8]);
        self.sum = self.sum.wrapping_add(hash);
        if self.depth == Depth::Tree {
            let value = Err(problem.clone());
            let path = path.to_owned();
            self.captured.push(Captured {
                path,
                rule,
                canonical: Vec::new(),
                value,
                cell: None,
                unexpected: None,
                uncounted: false,
            });
        }
        self.problem.get_or_insert(problem);
    }

    fn finish(&mut self, p: &Projection, walked: Result<(), Problem>, emit: &mut dyn FnMut(&mut Digester)) {
        let broken = walked.is_err();
        if let Err(problem) = walked {
            self.fail(p, None, "", problem);
        }
        for rule in 0..p.rules.len() {
            let met = self.seen[rule / 64] & (1 << (rule % 64)) != 0;
            // What a record that could not be walked to its end does not show is not known to be absent.
            if !met && !broken {
                self.absent(p, rule);
            }
        }
        self.keyed = self.key_parts.iter().all(|part| !part.is_empty());
        self.key.clear();
        if self.keyed {
            self.key_parts
                .iter()
                .for_each(|part| self.key.extend_from_slice(part));
        } else {
            self.key.extend_from_slice(&[PROBLEM_TAG, p.side as u8]);
            self.key.extend_from_slice(&self.at.to_be_bytes());
            self.key.extend_from_slice(&self.element.to_be_bytes());
            self.problem
                .get_or_insert_with(|| Problem::malformed("the key cannot be read"));
        }
        self.key_hash = p.hasher.key(&self.key);
        if self.depth != Depth::Key {
            self.record = p.hasher.record(self.key_hash, self.sum);
        }
        emit(self);
    }

    /// Deals with a rule whose field this record does not have.
    fn absent(&mut self, p: &Projection, rule: usize) {
        let spec = &p.rules[rule];
        if spec.ignore {
            return;
        }
        if let Some(default) = &p.defaults[rule] {
            self.encoder.clear();
            self.encoder.raw(default);
            self.take(p, rule, spec.default.clone(), None);
        } else if p.key_position[rule].is_some() {
            if p.equality.absent == Absent::Null {
                self.encoder.clear();
                self.encoder.null();
                self.take(p, rule, Some(Value::Null), None);
            } else {
                let path = spec.path.as_deref().unwrap_or(&spec.name).to_owned();
                self.fail(
                    p,
                    Some(rule),
                    &spec.name,
                    Problem::malformed(format!("the key field {path:?} is missing")),
                );
            }
        } else if let Some(expect) = &spec.expect
            && self.depth != Depth::Key
            && let Some(unexpected) = p.unexpected(rule, expect, None, None)
        {
            self.encoder.clear();
            self.encoder.raw(&[PROBLEM_TAG, p.side as u8]);
            self.count(
                p,
                Some(rule),
                p.seeds[rule],
                &spec.name,
                false,
                Some(Value::Null),
                None,
                Some(unexpected),
            );
        }
    }
}

#[inline]
fn cell_of(raw: Raw<'_>, depth: Depth) -> Option<OwnedCell> {
    match raw {
        Raw::Cell(cell) if depth == Depth::Tree => Some(OwnedCell {
            column: cell.column.name.clone(),
            text: cell.text.to_vec(),
            quoted: cell.quoted,
            escaped: cell.escaped,
        }),
        _ => None,
    }
}

impl Projection {
    /// What is wrong with the value of a field that exists on this side only.
    fn unexpected(
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
