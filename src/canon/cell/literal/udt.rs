//! Values of user-defined types: read as a whole, or split into the texts of their fields.

use super::{Literal, is_null};
use crate::canon::{Encoder, Equality};
use crate::model::{Problem, Udt};
use std::borrow::Cow;
use std::ops::Range;

/// The fields of a user-defined type's value, where they stand in its text.
pub(in crate::canon::cell) struct Fields<'t> {
    text: Cow<'t, [u8]>,
    spans: Vec<Option<Range<usize>>>,
}

impl Fields<'_> {
    /// The text of each declared field, in the order of the declaration.
    pub(in crate::canon::cell) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let text = |span: &Option<Range<usize>>| match span {
            Some(span) => self.text[span.clone()].trim_ascii(),
            None => b"null",
        };
        self.spans.iter().map(text)
    }
}

impl<'t> Literal<'t, '_, '_> {
    /// Finds the fields of a value of type `udt`, by their place in its declaration, within the text that is given back with
    /// them; none for null. The whole text is checked, as by [`Literal::whole`].
    pub(in crate::canon::cell) fn split(mut self, udt: &Udt) -> Result<Option<Fields<'t>>, Problem> {
        self.blank();
        if self.json && self.rest().first() == Some(&b'"') {
            let text = self.quoted()?;
            self.ended()?;
            let inner = Literal::new(&text, self.dialect, None).split(udt)?;
            let spans = inner.map(|fields| fields.spans);
            return Ok(spans.map(|spans| Fields { text, spans }));
        }
        if !self.accept(b'{') {
            let word = self.bare();
            return match is_null(word, self.dialect) {
                true => self.ended().map(|()| None),
                false => Err(self.expected(&format!("'{{' ({})", udt.name))),
            };
        }
        let mut spans = vec![None; udt.fields.len()];
        let mut skipped = Encoder::new(Equality::default());
        self.fields(udt, b'}', |s, i| {
            let Some(s) = s else { return Ok(()) };
            let start = s.at;
            skipped.clear();
            let (name, ty) = &udt.fields[i];
            s.value(ty, &mut skipped).map_err(|p| p.inside(name))?;
            spans[i] = Some(start..s.at);
            Ok(())
        })?;
        self.ended()?;
        let text = Cow::Borrowed(self.text);
        Ok(Some(Fields { text, spans }))
    }

    pub(super) fn udt(&mut self, udt: &Udt, close: u8, out: &mut Encoder) -> Result<(), Problem> {
        out.document(|out| {
            self.fields(udt, close, |s, i| {
                let (name, ty) = &udt.fields[i];
                out.field(name.as_bytes(), |out| match s {
                    Some(s) => s.value(ty, out),
                    None => {
                        out.null();
                        Ok(())
                    }
                })
            })
        })
    }

    /// Calls `field` for each declared field, in the order of the declaration, in which they stand: with the reader at its
    /// value, or without where it does not stand there, which is null.
    fn fields(
        &mut self,
        udt: &Udt,
        close: u8,
        mut field: impl FnMut(Option<&mut Self>, usize) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let mut next = 0;
        self.parts(close, |s, _| {
            let index = s.field_name(udt, next)?;
            (next..index).try_for_each(|i| field(None, i))?;
            next = index + 1;
            field(Some(s), index)
        })?;
        (next..udt.fields.len()).try_for_each(|i| field(None, i))
    }

    /// Reads `name:` and finds it among the fields from `next` on.
    fn field_name(&mut self, udt: &Udt, next: usize) -> Result<usize, Problem> {
        self.blank();
        let found = if self.json {
            let name = self.quoted()?;
            self.expect(b':')?;
            udt.fields[next..]
                .iter()
                .position(|(n, _)| n.as_bytes() == &*name)
        } else {
            // Names are printed bare, whatever they hold.
            let rest = self.rest();
            let found = udt.fields[next..].iter().position(|(name, _)| {
                rest.strip_prefix(name.as_bytes())
                    .is_some_and(|r| r.first() == Some(&b':'))
            });
            if let Some(i) = found {
                self.at += udt.fields[next + i].0.len() + 1;
            }
            found
        };
        found.map(|i| next + i).ok_or_else(|| {
            let names: Vec<&str> = udt.fields[next..].iter().map(|(n, _)| n.as_str()).collect();
            self.expected(&format!("a field of {} ({})", udt.name, names.join(", ")))
        })
    }
}
