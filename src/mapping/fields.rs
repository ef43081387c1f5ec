//! One field at a time: read, convert, encode, hash, and count in; or say what is wrong with it.

use super::capture::{Captured, OwnedCell};
use super::digester::{Depth, Digester, PROBLEM_TAG, Slot};
use super::projection::Projection;
use super::rule::{Expect, Rule, Unmapped};
use super::shape::{Entry, Target};
use crate::canon::{Absent, NULL, Numbers, Raw, decode, is_empty_collection, without_types};
use crate::model::{Problem, Value};

/// What is known of a field beside its bytes, for those who look at the record in full.
#[derive(Default)]
struct Seen {
    value: Option<Value>,
    cell: Option<OwnedCell>,
    unexpected: Option<String>,
}

impl Digester {
    /// Counts in the value of a field that the shape knows.
    #[inline(always)]
    pub(super) fn put_known(&mut self, p: &Projection, entry: &Entry, raw: Raw<'_>, open: bool) {
        match &entry.target {
            Target::Path { path, seed } if self.depth == Depth::Tree => {
                if !self.passes_over(*seed) {
                    self.put_path(p, path.as_bytes(), raw, false);
                }
            }
            Target::Path { path, seed } => {
                if open && self.meet_path(*seed) {
                    return self.twice(p, None, path, path);
                }
                if raw.flat(&mut self.flat) {
                    _ = self.sum_up(*seed, hashed(p, *seed, self.flat.bytes(), false));
                    return;
                }
                self.put_encoded(p, path, *seed, raw);
            }
            Target::Rule(rule) => self.put_rule(p, *rule, raw),
            Target::Nowhere | Target::Walk => {}
        }
    }

    fn put_encoded(&mut self, p: &Projection, path: &str, seed: u64, raw: Raw<'_>) {
        self.encoder.clear();
        if let Some(hash) = self.hash_long(p, seed, raw) {
            _ = self.sum_up(seed, Some(hash));
            return;
        }
        match raw.encode(&mut self.encoder) {
            Ok(()) => {
                let hash = hashed(p, seed, self.encoder.bytes(), cannot_be_empty(raw));
                _ = self.sum_up(seed, hash);
            }
            Err(problem) => self.fail_raw(p, None, path, problem, raw),
        }
    }

    /// The hash of a long value, which is not copied for that into the encoder, an empty one. The equality in force takes none
    /// for absent.
    #[inline]
    fn hash_long(&mut self, p: &Projection, seed: u64, raw: Raw<'_>) -> Option<u128> {
        let end = raw.encode_long(&mut self.encoder)?;
        Some(p.hasher.field_in_two(seed, (self.encoder.bytes(), end)))
    }

    #[inline]
    pub(super) fn put(&mut self, p: &Projection, slot: Slot<'_>, raw: Raw<'_>) {
        match slot {
            Slot::Rule(rule) => self.put_rule(p, rule, raw),
            Slot::Named(path) => self.put_path(p, path, raw, false),
            Slot::Unmapped(path) => self.put_path(p, path, raw, p.unmapped == Unmapped::Report),
        }
    }

    #[inline]
    fn put_rule(&mut self, p: &Projection, rule: usize, raw: Raw<'_>) {
        let key_position = p.key_position[rule];
        if self.depth == Depth::Key && key_position.is_none() {
            return;
        }
        let spec = &p.rules[rule];
        if self.meet(rule) {
            let path = spec.path.as_deref().unwrap_or(&spec.name);
            return self.twice(p, Some(rule), &spec.name, path);
        }
        if spec.ignore {
            return;
        }
        if let Some(position) = key_position
            && p.plain[rule]
            && raw.flat(&mut self.flat)
        {
            let bytes = self.flat.bytes();
            self.null_in_key |= bytes == NULL;
            self.key_parts[position].extend_from_slice(bytes);
            return;
        }
        if p.plain[rule] && key_position.is_none() && self.depth == Depth::Digest {
            let seed = p.seeds[rule];
            let hash = if raw.flat(&mut self.flat) {
                Some(hashed(p, seed, self.flat.bytes(), false))
            } else {
                self.encoder.clear();
                self.hash_long(p, seed, raw).map(Some)
            };
            if let Some(hash) = hash {
                if self.sum_up(seed, hash) {
                    self.remember(seed, &spec.name);
                }
                return;
            }
        }
        if key_position.is_none() && self.passes_over(p.seeds[rule]) {
            return;
        }
        self.encoder.clear();
        let encoded = match spec.convert.is_identity() {
            true => raw.encode(&mut self.encoder).map(|()| None),
            false => self.convert(spec, raw),
        };
        match encoded {
            Ok(value) => {
                let mut seen = Seen::default();
                // A default stands for null, too, where null is what is written for absent.
                let absent = p.equality.absent == Absent::Null && self.encoder.bytes() == NULL;
                let default = p.defaults[rule].as_ref().filter(|_| absent);
                if let Some(default) = default {
                    self.encoder.clear();
                    self.encoder.raw(default);
                    seen.value = spec.default.clone();
                }
                let kept = self.keeps(p.seeds[rule]);
                if kept {
                    seen.cell = OwnedCell::of(raw);
                }
                if default.is_none() && (kept || matches!(spec.expect, Some(Expect::Type(_)))) {
                    seen.value = value.or_else(|| raw.to_value().ok());
                }
                self.take(p, rule, seen);
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

    pub(super) fn put_value(&mut self, p: &Projection, rule: usize, value: Value) {
        self.meet(rule);
        let spec = &p.rules[rule];
        self.encoder.clear();
        let encoded = spec
            .convert
            .apply(value)
            .and_then(|v| self.encoder.value(&v).map(|()| v));
        match encoded {
            Ok(value) => self.take(
                p,
                rule,
                Seen {
                    value: Some(value),
                    ..Seen::default()
                },
            ),
            Err(problem) => self.fail(p, Some(rule), &spec.name, problem),
        }
    }

    /// Takes the value that stands in the encoder into the key, holds it against what is expected, and counts it in.
    #[inline]
    fn take(&mut self, p: &Projection, rule: usize, mut seen: Seen) {
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
        if let Some(expect) = &spec.expect {
            seen.unexpected = p.unexpected(rule, expect, Some(bytes), seen.value.as_ref());
            if seen.unexpected.is_none() {
                return;
            }
            self.mark_problem(p);
        }
        self.count(p, Some(rule), p.seeds[rule], &spec.name, spec.empty_is_null, seen);
    }

    /// Puts bytes into the encoder that equal nothing on the other side.
    fn mark_problem(&mut self, p: &Projection) {
        self.encoder.clear();
        self.encoder.raw(&[PROBLEM_TAG, p.side as u8]);
    }

    /// Adds a field's hash, if it has one, to the record's sum; false if it does not count.
    #[inline(always)]
    fn sum_up(&mut self, seed: u64, hash: Option<u128>) -> bool {
        let Some(hash) = hash else { return false };
        self.sum = self.sum.wrapping_add(hash);
        self.fields.push((seed, hash));
        true
    }

    #[inline]
    fn count(
        &mut self,
        p: &Projection,
        rule: Option<usize>,
        seed: u64,
        path: &str,
        empty_is_null: bool,
        seen: Seen,
    ) {
        let hash = hashed(p, seed, self.encoder.bytes(), empty_is_null);
        let counted = self.sum_up(seed, hash);
        if self.keeps(seed) {
            let bytes = self.encoder.bytes();
            let null = !counted || empty_is_null && is_empty_collection(bytes);
            let Seen {
                value,
                cell,
                unexpected,
            } = seen;
            let value = match value {
                Some(value) => Ok(value),
                None => decode(bytes).map(|(v, _)| v).or(Ok(Value::Null)),
            };
            self.captured.push(Captured {
                path: path.to_owned(),
                rule,
                canonical: if null { NULL } else { bytes }.to_vec(),
                value,
                cell,
                unexpected,
                uncounted: !counted,
            });
        }
        if counted {
            self.remember(seed, path);
        }
    }

    /// Counts in a field that no single rule reads; `reported` only counts and names it.
    fn put_path(&mut self, p: &Projection, path: &[u8], raw: Raw<'_>, reported: bool) {
        if self.depth == Depth::Key {
            return;
        }
        let seed = p.hasher.path(path);
        if self.passes_over(seed) {
            return;
        }
        if self.meet_path(seed) {
            let name = String::from_utf8_lossy(path).into_owned();
            return self.twice(p, None, &name, &name);
        }
        if reported {
            self.reported_now.push(String::from_utf8_lossy(path).into_owned());
            return;
        }
        // A name that stood at this place in the record before was looked at then, and is not needed again.
        let known = self.depth == Depth::Digest && self.follows(seed);
        let name = if known { Ok("") } else { std::str::from_utf8(path) };
        self.encoder.clear();
        if self.depth == Depth::Digest
            && let (Ok(path), Some(hash)) = (name, self.hash_long(p, seed, raw))
        {
            if self.sum_up(seed, Some(hash)) {
                self.remember(seed, path);
            }
            return;
        }
        let encoded = match name {
            Ok(name) => raw.encode(&mut self.encoder).map(|()| name),
            Err(_) => Err(Problem::malformed("a field name is not UTF-8")),
        };
        match encoded {
            Ok(path) => {
                let mut seen = Seen::default();
                if self.keeps(seed) {
                    seen.value = raw.to_value().ok();
                    seen.cell = OwnedCell::of(raw);
                }
                self.count(p, None, seed, path, cannot_be_empty(raw), seen);
            }
            Err(problem) => {
                let path = String::from_utf8_lossy(path).into_owned();
                self.fail_raw(p, None, &path, problem, raw);
            }
        }
    }

    /// Counts in a field whose name comes twice.
    #[cold]
    fn twice(&mut self, p: &Projection, rule: Option<usize>, name: &str, path: &str) {
        let problem = Problem::malformed(format!("duplicate field name {path:?}"));
        self.fail(p, rule, name, problem);
    }

    #[cold]
    fn fail_raw(&mut self, p: &Projection, rule: Option<usize>, path: &str, problem: Problem, raw: Raw<'_>) {
        self.fail(p, rule, path, problem);
        if let Some(last) = self.captured.last_mut() {
            last.cell = OwnedCell::of(raw);
        }
    }

    /// Counts in a field that could not be read, in a way that equals nothing.
    #[cold]
    pub(super) fn fail(&mut self, p: &Projection, rule: Option<usize>, path: &str, problem: Problem) {
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
            self.captured.push(Captured {
                path: path.to_owned(),
                rule,
                canonical: Vec::new(),
                value: Err(problem.clone()),
                cell: None,
                unexpected: None,
                uncounted: false,
            });
        }
        self.problem.get_or_insert(problem);
    }

    /// Deals with a rule whose field this record does not have.
    pub(super) fn absent(&mut self, p: &Projection, rule: usize) {
        let spec = &p.rules[rule];
        if spec.ignore || self.depth == Depth::Key && p.key_position[rule].is_none() {
            return;
        }
        if let Some(default) = &p.defaults[rule] {
            self.encoder.clear();
            self.encoder.raw(default);
            let value = spec.default.clone();
            self.take(
                p,
                rule,
                Seen {
                    value,
                    ..Seen::default()
                },
            );
        } else if p.key_position[rule].is_some() {
            if p.equality.absent == Absent::Null {
                self.encoder.clear();
                self.encoder.null();
                let value = Some(Value::Null);
                self.take(
                    p,
                    rule,
                    Seen {
                        value,
                        ..Seen::default()
                    },
                );
            } else {
                let path = spec.path.as_deref().unwrap_or(&spec.name);
                let problem = Problem::malformed(format!("the key field {path:?} is missing"));
                self.fail(p, Some(rule), &spec.name, problem);
            }
        } else if let Some(expect) = &spec.expect
            && let Some(unexpected) = p.unexpected(rule, expect, None, None)
        {
            self.mark_problem(p);
            let seen = Seen {
                value: Some(Value::Null),
                cell: None,
                unexpected: Some(unexpected),
            };
            self.count(p, Some(rule), p.seeds[rule], &spec.name, false, seen);
        }
    }
}

/// The hash of a field's canonical bytes; none if the equality in force takes the value for absent.
#[inline]
fn hashed(p: &Projection, seed: u64, bytes: &[u8], empty_is_null: bool) -> Option<u128> {
    let null = bytes == NULL || empty_is_null && is_empty_collection(bytes);
    if null && p.equality.absent == Absent::Null {
        return None;
    }
    Some(p.hasher.field(seed, if null { NULL } else { bytes }))
}

/// Whether the value comes from a column that cannot tell an empty collection from null.
#[inline]
fn cannot_be_empty(raw: Raw<'_>) -> bool {
    match raw {
        Raw::Cell(cell) => cell.column.non_frozen_collection,
        Raw::Native(cell) => cell.non_frozen_collection,
        _ => false,
    }
}
