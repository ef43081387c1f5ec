//! The walk over a raw record: which value goes to which rule, once per record, or once per element under `explode`.
//!
//! One walk serves the scan (digests only), the search for suspects (keys only) and the drill-down (trees as well), so
//! that what is compared and what is shown cannot drift apart.

use super::digester::{Depth, Digester, Slot};
use super::names::{Child, Node, escape};
use super::projection::Projection;
use super::rule::{ELEMENT, INDEX, Unmapped};
use super::shape::{Entry, Shape, Target};
use crate::canon::{Absent, Expect, FieldReader, Raw, RawRecord};
use crate::model::{Number, NumberType, Problem, Value};
use std::borrow::Cow;

impl Projection {
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
        match &self.explode {
            Some(explode) => self.project_elements(explode, raw, at, digester, emit),
            None => {
                if !self.follow(raw, at, digester) {
                    self.project_whole(raw, at, digester);
                }
                emit(digester);
            }
        }
    }

    /// The short way, for a record whose fields come in the shape's order. False, and nothing is done, for others.
    fn follow(&self, raw: RawRecord<'_>, at: u64, digester: &mut Digester) -> bool {
        if digester.depth == Depth::Key || digester.shape.is_empty() {
            return false;
        }
        digester.start(at, 0);
        let shape = std::mem::take(&mut digester.shape);
        let mut follower = Follower {
            projection: self,
            digester,
            shape: &shape,
            next: 0,
            lost: false,
        };
        let walked = raw.read(&mut follower);
        let known = !follower.lost;
        digester.shape = shape;
        if known {
            digester.finish(self, walked);
        }
        known
    }

    /// The long way, for any record.
    fn project_whole(&self, raw: RawRecord<'_>, at: u64, digester: &mut Digester) {
        digester.start(at, 0);
        let mut hint = 0;
        let walked = raw.walk_names(|name, value| {
            let put = &mut |slot: Slot<'_>, raw: Raw<'_>| digester.put(self, slot, raw);
            self.visit(&self.root, name, value, &mut hint, &mut Vec::new(), put)?;
            Ok(!digester.satisfied())
        });
        digester.finish(self, walked);
        if digester.depth != Depth::Key && digester.shape.learns() && digester.problem.is_none() {
            let mut names = Vec::new();
            // It was walked a moment ago without trouble.
            _ = raw.walk_names(|name, _| {
                names.push(name.to_vec());
                Ok(true)
            });
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            digester.learn(self, &names);
        }
    }

    fn project_elements<'a>(
        &self,
        explode: &str,
        raw: RawRecord<'a>,
        at: u64,
        digester: &mut Digester,
        emit: &mut dyn FnMut(&mut Digester),
    ) {
        let mut parent: Vec<(&Child, Raw<'a>)> = Vec::new();
        let mut array: Option<Raw<'a>> = None;
        let mut met = false;
        let walked = raw.walk_names(|name, value| {
            let name = &*self.normal(name);
            if let Some(&at) = self.root.by_name.get(name) {
                let child = &self.root.children[at];
                // What is wrong with it is said even where there is no element to have it.
                self.give(child, value, &mut |_, _| {})?;
                parent.push((child, value));
            }
            let found = match explode.as_bytes().strip_prefix(name) {
                Some(b"") => Ok(Some(value)),
                Some([b'.', rest @ ..]) if !self.flat => self.descend(value, rest),
                _ => return Ok(true),
            };
            array = once(&mut met, found).map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
            Ok(true)
        });
        let mut elements = 0u64;
        let walked = walked.and_then(|()| match array {
            None => Ok(()),
            Some(array) => {
                // A cell that no type takes apart is read as a whole.
                let tree;
                let array = match array {
                    Raw::Cell(cell) if cell.column.element.is_some() => array,
                    Raw::Cell(_) | Raw::Native(_) => {
                        tree = array.to_value().map_err(|p| p.inside(explode))?;
                        Raw::Tree(&tree)
                    }
                    array => array,
                };
                digester.start(at, 0);
                let put = &mut |rule, raw: Raw<'_>| digester.put(self, Slot::Rule(rule), raw);
                parent
                    .iter()
                    .try_for_each(|&(child, raw)| self.give(child, raw, put))?;
                let given = digester.given();
                let is_list = array.walk_elements(&mut |index, element| {
                    elements += 1;
                    digester.start(at, elements);
                    digester.begin_with(&given);
                    let walked = self.walk_element(index, element, digester);
                    digester.finish(self, walked);
                    emit(digester);
                    Ok(())
                });
                let is_list = is_list.map_err(|p| p.inside(explode))?;
                match is_list || matches!(array.to_value()?, Value::Null) {
                    true => Ok(()),
                    false => Err(not_exploded(&array.to_value()?, "list").inside(explode)),
                }
            }
        });
        if let Err(problem) = walked {
            digester.start(at, elements + 1);
            digester.finish(self, Err(problem));
            emit(digester);
        }
    }

    /// Sends a parent's field to the rules that name it or something inside it; what no rule names belongs to the parent's own
    /// compare.
    fn give(
        &self,
        child: &Child,
        value: Raw<'_>,
        put: &mut dyn FnMut(usize, Raw<'_>),
    ) -> Result<(), Problem> {
        child.rules.iter().for_each(|&rule| put(rule, value));
        let Some(node) = &child.node else {
            return Ok(());
        };
        let walked = value.walk_fields(&mut |name, value| match node.by_name.get(&*self.normal(name)) {
            Some(&at) => self.give(&node.children[at], value, put),
            None => Ok(()),
        });
        walked.map_err(|p| p.inside(&String::from_utf8_lossy(&child.name)))?;
        Ok(())
    }

    /// Follows a path through documents; null on the way is the end of it.
    fn descend<'a>(&self, value: Raw<'a>, path: &[u8]) -> Result<Option<Raw<'a>>, Problem> {
        let (mut array, mut met) = (None, false);
        let is_document = value.walk_document(&mut |name, value| {
            let found = match path.strip_prefix(&*self.normal(name)) {
                Some(b"") => Ok(Some(value)),
                Some([b'.', rest @ ..]) => self.descend(value, rest),
                _ => return Ok(()),
            };
            array = once(&mut met, found).map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
            Ok(())
        })?;
        match is_document || matches!(value.to_value()?, Value::Null) {
            true => Ok(array),
            false => Err(not_exploded(&value.to_value()?, "document")),
        }
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
        let mut visit = |name: &[u8], value: Raw<'_>| {
            self.visit(&self.element, name, value, &mut hint, &mut path, &mut |s, v| {
                digester.put(self, s, v)
            })
        };
        let is_document = match element {
            Raw::Cell(cell) if cell.column.fields.is_empty() => {
                Raw::Tree(&cell.to_value()?).walk_document(&mut visit)?
            }
            element => element.walk_fields(&mut visit)?,
        };
        if !is_document {
            match self.element.by_name.get(ELEMENT.as_bytes()) {
                Some(&at) => self.element.children[at]
                    .rules
                    .iter()
                    .for_each(|&r| digester.put(self, Slot::Rule(r), element)),
                None => digester.put(self, Slot::Unmapped(ELEMENT.as_bytes()), element),
            }
        }
        Ok(())
    }

    /// Sends one field of a document to the rules that name it, or on its way as an unmapped field.
    fn visit(
        &self,
        node: &Node,
        name: &[u8],
        value: Raw<'_>,
        hint: &mut usize,
        path: &mut Vec<u8>,
        put: &mut dyn FnMut(Slot<'_>, Raw<'_>),
    ) -> Result<(), Problem> {
        let name = &*self.normal(name);
        if let Some(child) = node.find(name, hint) {
            for &rule in &child.rules {
                put(Slot::Rule(rule), value);
            }
            if let Some(inner) = &child.node {
                let before = path.len();
                path.extend_from_slice(&escape(name));
                path.push(b'.');
                let (mut hint, mut empty) = (0, true);
                let walked = value.walk_fields(&mut |name, value| {
                    empty = false;
                    self.visit(inner, name, value, &mut hint, path, put)
                });
                path.pop();
                if walked.is_err() && matches!(value, Raw::Cell(_)) {
                    // Its bounds are known, so it alone cannot be read; the rest of the record can.
                    put(Slot::Named(path), value);
                    path.truncate(before);
                    return Ok(());
                }
                path.truncate(before);
                let walked = walked.map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
                // A document without a field is not the same as none, and nothing but itself says that it is there. What holds
                // its fields elsewhere on the other side cannot say it.
                let stays = || inner.all(&|rule| !self.rules[rule].moved);
                if walked && !(empty && self.equality.absent == Absent::Distinct && stays()) {
                    return Ok(());
                }
            }
            if !child.rules.is_empty() {
                return Ok(());
            }
        } else if let Some((rule, path)) = node.prefix(name) {
            if !self.overlooks(rule) {
                put(Slot::Named(&self.stray(&path).unwrap_or(path)), value);
            }
            return Ok(());
        }
        if self.unmapped == Unmapped::Ignore {
            return Ok(());
        }
        let before = path.len();
        let name = match self.flat && path.is_empty() {
            true => Cow::Borrowed(name),
            false => escape(name),
        };
        let whole = if path.is_empty() {
            &*name
        } else {
            path.extend_from_slice(&name);
            &path[..]
        };
        match self.stray(whole) {
            Some(stray) => put(Slot::Unmapped(&stray), value),
            None => put(Slot::Unmapped(whole), value),
        }
        path.truncate(before);
        Ok(())
    }
}

/// Follows a shape with the fields of a record.
struct Follower<'s> {
    projection: &'s Projection,
    digester: &'s mut Digester,
    shape: &'s Shape,
    /// The place in the shape after the field met last.
    next: usize,
    /// A field was met that does not come after it.
    lost: bool,
}

impl<'s> Follower<'s> {
    #[inline(never)]
    fn walk(&mut self, name: &[u8], value: Raw<'_>) -> Result<(), Problem> {
        let (p, digester) = (self.projection, &mut *self.digester);
        let put = &mut |slot: Slot<'_>, raw: Raw<'_>| digester.put(p, slot, raw);
        p.visit(&p.root, name, value, &mut 0, &mut Vec::new(), put)
    }

    #[inline]
    fn entry(&mut self, name: Option<&[u8]>) -> Option<&'s Entry> {
        let place = match name {
            None => self.next,
            Some(name) => match self.shape.find(self.next, name) {
                Some(place) => place,
                None => {
                    self.lost = true;
                    return None;
                }
            },
        };
        self.next = place + 1;
        Some(self.shape.at(place))
    }
}

impl Expect for Follower<'_> {
    #[inline]
    fn expected(&self) -> &[u8] {
        self.shape.name(self.next)
    }
}

impl FieldReader for Follower<'_> {
    /// Inlined into the walk over each format, so that what a value is known to be there is known here.
    #[inline(always)]
    fn field(&mut self, name: Option<&[u8]>, value: Raw<'_>) -> Result<bool, Problem> {
        let Some(entry) = self.entry(name) else {
            return Ok(false);
        };
        match entry.target {
            Target::Walk => self.walk(name.unwrap_or(&entry.name), value)?,
            _ => self
                .digester
                .put_known(self.projection, entry, value, self.shape.open),
        }
        Ok(true)
    }
}

fn not_exploded(value: &Value, wanted: &str) -> Problem {
    let found = value.type_name();
    Problem::unconvertible(format!("{found} where a {wanted} is to be exploded"))
}

/// What was found behind a name that leads to the array: a second such name would hide what the first one holds.
fn once<T>(met: &mut bool, found: Result<T, Problem>) -> Result<T, Problem> {
    match std::mem::replace(met, true) {
        true => Err(Problem::malformed("duplicate field name")),
        false => found,
    }
}
