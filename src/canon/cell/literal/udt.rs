//! Values of user-defined types, read field by field.

use super::Literal;
use crate::canon::Encoder;
use crate::model::{Problem, Udt};

impl Literal<'_, '_, '_> {
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
    pub(super) fn fields(
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
