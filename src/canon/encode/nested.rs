//! Values with parts: lists, sets, maps and documents, and the order that their parts are brought to.

use super::Encoder;
use crate::canon::{Absent, FieldOrder, tag};
use crate::model::Problem;

/// The deepest nesting of lists, documents and maps that is compared; deeper is reported `unsupported`.
///
/// MongoDB stores at most 100 levels; the bound keeps hostile input from exhausting the stack.
pub const MAX_DEPTH: usize = 256;

/// Where one element of a set, a map or a document lies in the buffer while its container is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: usize,
    /// Where the part ends by which elements are ordered: a document's name, a map's key, a set's whole element.
    key_end: usize,
    end: usize,
}

impl Encoder {
    /// Writes a list; `elements` writes its elements one after the other.
    pub fn list(
        &mut self,
        elements: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        self.open(tag::LIST)?;
        elements(self)?;
        self.close();
        Ok(())
    }

    /// Writes a set; `elements` calls [`Encoder::element`] once per element.
    pub fn set(&mut self, elements: impl FnOnce(&mut Encoder) -> Result<(), Problem>) -> Result<(), Problem> {
        let first = self.open(tag::SET)?;
        elements(self)?;
        self.sort(first, |a, b| a.cmp(b));
        self.dedup(first);
        self.spans.truncate(first);
        self.close();
        Ok(())
    }

    /// Writes one element of a set.
    pub fn element(
        &mut self,
        value: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let start = self.out.len();
        value(self)?;
        let end = self.out.len();
        self.spans.push(Span {
            start,
            key_end: end,
            end,
        });
        Ok(())
    }

    /// Writes a map; `entries` calls [`Encoder::entry`] once per entry. Equal keys are `malformed`.
    pub fn map(&mut self, entries: impl FnOnce(&mut Encoder) -> Result<(), Problem>) -> Result<(), Problem> {
        let start = self.out.len();
        let first = self.open(tag::MAP)?;
        entries(self)?;
        let all_text = self.spans[first..].iter().all(|s| self.out[s.start] == tag::TEXT);
        if all_text {
            // A text key has the form of a document's name but for its mark.
            self.out[start] = tag::DOCUMENT;
            for i in first..self.spans.len() {
                let at = self.spans[i].start;
                self.out[at] = tag::PAIR;
            }
            self.sort(first, name_order);
        } else {
            self.sort(first, |a, b| a.cmp(b));
        }
        self.refuse_duplicates(first, "map key")?;
        if all_text {
            self.drop_nulls(first);
        }
        self.spans.truncate(first);
        self.close();
        Ok(())
    }

    /// Writes one entry of a map.
    pub fn entry(
        &mut self,
        key: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
        value: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let start = self.out.len();
        key(self)?;
        let key_end = self.out.len();
        value(self)?;
        self.spans.push(Span {
            start,
            key_end,
            end: self.out.len(),
        });
        Ok(())
    }

    /// Writes a document; `fields` calls [`Encoder::field`] once per field. A name that comes twice is `malformed`.
    pub fn document(
        &mut self,
        fields: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let first = self.open(tag::DOCUMENT)?;
        fields(self)?;
        match self.equality.field_order {
            FieldOrder::Ignore => {
                self.sort(first, name_order);
                self.refuse_duplicates(first, "field name")?;
            }
            FieldOrder::Exact => self.refuse_duplicates_unsorted(first)?,
        }
        self.drop_nulls(first);
        self.spans.truncate(first);
        self.close();
        Ok(())
    }

    /// Writes one field of a document.
    #[inline]
    pub fn field(
        &mut self,
        name: &[u8],
        value: impl FnOnce(&mut Encoder) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let start = self.out.len();
        self.out.push(tag::PAIR);
        self.utf8(name)?;
        let key_end = self.out.len();
        value(self).map_err(|p| p.inside(&String::from_utf8_lossy(name)))?;
        self.spans.push(Span {
            start,
            key_end,
            end: self.out.len(),
        });
        Ok(())
    }

    fn open(&mut self, tag: u8) -> Result<usize, Problem> {
        if self.depth == MAX_DEPTH {
            return Err(Problem::unsupported(format!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        self.depth += 1;
        self.out.push(tag);
        Ok(self.spans.len())
    }

    fn close(&mut self) {
        self.out.push(tag::END);
        self.depth -= 1;
    }

    /// Brings the open container's elements into the order of their key parts.
    fn sort(&mut self, first: usize, order: fn(&[u8], &[u8]) -> std::cmp::Ordering) {
        let Encoder {
            out, spans, scratch, ..
        } = self;
        let spans = &mut spans[first..];
        let key = |s: &Span| &out[s.start..s.key_end];
        if spans.windows(2).all(|w| order(key(&w[0]), key(&w[1])).is_le()) {
            return;
        }
        let from = spans[0].start;
        spans.sort_by(|a, b| order(key(a), key(b)));
        scratch.clear();
        for span in spans.iter_mut() {
            let start = from + scratch.len();
            scratch.extend_from_slice(&out[span.start..span.end]);
            *span = Span {
                start,
                key_end: start + (span.key_end - span.start),
                end: from + scratch.len(),
            };
        }
        out[from..].copy_from_slice(scratch);
    }

    /// Rewrites the open container with only those elements that `keep` wants.
    fn retain(&mut self, first: usize, mut keep: impl FnMut(Option<&[u8]>, &[u8], &[u8]) -> bool) {
        let Some(from) = self.spans.get(first).map(|s| s.start) else {
            return;
        };
        let mut end = from;
        let mut kept = first;
        let mut previous: Option<(usize, usize)> = None;
        for i in first..self.spans.len() {
            let s = self.spans[i];
            let wanted = keep(
                previous.map(|(a, b)| &self.out[a..b]),
                &self.out[s.start..s.key_end],
                &self.out[s.key_end..s.end],
            );
            if wanted {
                self.out.copy_within(s.start..s.end, end);
                let moved = Span {
                    start: end,
                    key_end: end + (s.key_end - s.start),
                    end: end + (s.end - s.start),
                };
                previous = Some((moved.start, moved.key_end));
                end = moved.end;
                self.spans[kept] = moved;
                kept += 1;
            }
        }
        self.spans.truncate(kept);
        self.out.truncate(end);
    }

    fn dedup(&mut self, first: usize) {
        self.retain(first, |previous, element, _| previous != Some(element));
    }

    fn drop_nulls(&mut self, first: usize) {
        if self.equality.absent == Absent::Null {
            self.retain(first, |_, _, value| value != [tag::NULL]);
        }
    }

    fn refuse_duplicates(&self, first: usize, what: &str) -> Result<(), Problem> {
        let key = |s: &Span| &self.out[s.start..s.key_end];
        match self.spans[first..].windows(2).find(|w| key(&w[0]) == key(&w[1])) {
            None => Ok(()),
            Some(w) => Err(self.duplicate(&w[0], what)),
        }
    }

    fn refuse_duplicates_unsorted(&self, first: usize) -> Result<(), Problem> {
        let key = |s: &Span| &self.out[s.start..s.key_end];
        let mut sorted: Vec<&Span> = self.spans[first..].iter().collect();
        sorted.sort_by(|a, b| key(a).cmp(key(b)));
        match sorted.windows(2).find(|w| key(w[0]) == key(w[1])) {
            None => Ok(()),
            Some(w) => Err(self.duplicate(w[0], "field name")),
        }
    }

    fn duplicate(&self, span: &Span, what: &str) -> Problem {
        let name = name_of(&self.out[span.start..span.key_end]);
        Problem::malformed(format!("duplicate {what} {:?}", String::from_utf8_lossy(name)))
    }
}

/// The bytes of a name or text key without mark and length.
fn name_of(key: &[u8]) -> &[u8] {
    let mut at = 1;
    while at < key.len() && key[at] & 0x80 != 0 {
        at += 1;
    }
    key.get(at + 1..).unwrap_or_default()
}

fn name_order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    name_of(a).cmp(name_of(b))
}
