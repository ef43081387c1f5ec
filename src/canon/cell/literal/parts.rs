//! Values of user-defined types and of lists, sets and vectors, split into the texts of their parts.

use super::{Literal, is_null};
use crate::canon::{Encoder, Equality};
use crate::model::{CqlType, Problem, Udt};
use std::borrow::Cow;
use std::ops::Range;

/// The parts of a value, where they stand in its text.
pub(in crate::canon::cell) struct Parts<'t> {
    text: Cow<'t, [u8]>,
    spans: Vec<Option<Range<usize>>>,
}

impl Parts<'_> {
    /// The text of each part: each declared field, in the order of the declaration, or each element.
    pub(in crate::canon::cell) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let text = |span: &Option<Range<usize>>| match span {
            Some(span) => self.text[span.clone()].trim_ascii(),
            None => b"null",
        };
        self.spans.iter().map(text)
    }
}

type Spans = Vec<Option<Range<usize>>>;

impl<'t> Literal<'t, '_, '_> {
    /// Finds the fields of a value of type `udt`, by their place in its declaration, within the text that is given back with
    /// them; none for null. The whole text is checked, as by [`Literal::whole`].
    pub(in crate::canon::cell) fn fields_of(self, udt: &Udt) -> Result<Option<Parts<'t>>, Problem> {
        self.split(b'{', &udt.name, &|s| {
            let mut spans = vec![None; udt.fields.len()];
            let mut skipped = Encoder::new(Equality::default());
            s.fields(udt, b'}', |s, i| {
                let Some(s) = s else { return Ok(()) };
                let start = s.at;
                skipped.clear();
                let (name, ty) = &udt.fields[i];
                s.value(ty, &mut skipped).map_err(|p| p.inside(name))?;
                spans[i] = Some(start..s.at);
                Ok(())
            })?;
            Ok(spans)
        })
    }

    /// The same of the elements of a list, a vector or a set of type `ty`, these in their canonical order.
    pub(in crate::canon::cell) fn elements(self, ty: &CqlType) -> Result<Option<Parts<'t>>, Problem> {
        let json = self.json;
        let (of, open, close) = match ty.thawed() {
            CqlType::List(of) | CqlType::Vector(of, _) => (of, b'[', b']'),
            CqlType::Set(of) if json => (of, b'[', b']'),
            CqlType::Set(of) => (of, b'{', b'}'),
            _ => return Ok(None),
        };
        self.split(open, &ty.to_string(), &|s| {
            let mut found: Vec<(Vec<u8>, Option<Range<usize>>)> = Vec::new();
            let mut element = Encoder::new(Equality::exact());
            s.parts(close, |s, i| {
                s.blank();
                let start = s.at;
                element.clear();
                s.element(of, &mut element).map_err(|p| p.at(i))?;
                found.push((element.bytes().to_vec(), Some(start..s.at)));
                Ok(())
            })?;
            match ty.thawed() {
                CqlType::Set(_) => {
                    found.sort_by(|(a, _), (b, _)| a.cmp(b));
                    found.dedup_by(|(a, _), (b, _)| a == b);
                }
                CqlType::Vector(_, size) if found.len() != *size as usize => {
                    return Err(super::wrong_size(found.len(), *size));
                }
                _ => {}
            }
            Ok(found.into_iter().map(|(_, span)| span).collect())
        })
    }

    fn split(
        mut self,
        open: u8,
        name: &str,
        spans: &dyn Fn(&mut Literal<'_, '_, '_>) -> Result<Spans, Problem>,
    ) -> Result<Option<Parts<'t>>, Problem> {
        self.blank();
        if self.json && self.rest().first() == Some(&b'"') {
            let text = self.quoted()?;
            self.ended()?;
            let inner = Literal::new(&text, self.dialect, None).split(open, name, spans)?;
            let spans = inner.map(|parts| parts.spans);
            return Ok(spans.map(|spans| Parts { text, spans }));
        }
        if !self.accept(open) {
            let word = self.bare();
            return match is_null(word, self.dialect) {
                true => self.ended().map(|()| None),
                false => Err(self.expected(&format!("{:?} ({name})", char::from(open)))),
            };
        }
        let spans = spans(&mut self)?;
        self.ended()?;
        let text = Cow::Borrowed(self.text);
        Ok(Some(Parts { text, spans }))
    }
}
