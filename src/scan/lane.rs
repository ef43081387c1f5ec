//! One side of one compare, ready to be read: its source, its namespace and its projection.

use crate::Side;
use crate::canon::cell::LossScan;
use crate::canon::csv::Dialect;
use crate::canon::ejson::is_relaxed;
use crate::canon::{Layout, NativeRow, RawRecord, Row};
use crate::diff::{Drilled, Place};
use crate::mapping::{Depth, Digester, Projection};
use crate::plan::Span;
use crate::source::{Chunk, Format, Namespace, Position, Source, SourceError, Stream};
use std::sync::Arc;

/// One side of one compare.
#[derive(Debug)]
pub struct Lane {
    /// The side.
    pub side: Side,
    /// Where its records come from.
    pub source: Arc<Source>,
    /// The namespace within the source.
    pub namespace: Namespace,
    /// Header, types and dialect of a text namespace.
    pub layout: Option<Arc<Layout>>,
    /// How its records are read.
    pub projection: Projection,
}

/// Where a raw record lies in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locator {
    /// Offset in the namespace's record stream.
    pub offset: u64,
    /// Number of the raw record in the stream, from 0.
    pub number: u64,
    /// Which part (file) of the namespace.
    pub part: u32,
    /// Offset in that file, decompressed, for people.
    pub in_file: u64,
}

impl Locator {
    /// The place of the raw record with this number in `chunk`.
    pub fn of(chunk: &Chunk, number: usize) -> Locator {
        let at = chunk.position(number);
        Locator {
            offset: at.offset,
            number: at.record,
            part: chunk.part as u32,
            in_file: chunk
                .file_offset
                .map_or(at.offset, |start| start + at.offset - chunk.start.offset),
        }
    }
}

impl Lane {
    /// Streams a span of the namespace.
    pub fn chunks(&self, span: Span) -> Result<Stream, SourceError> {
        let from = Position {
            offset: span.from,
            record: span.record,
        };
        let to = span.to.map(|offset| Position { offset, record: 0 });
        self.source.chunks(&self.namespace, from, to)
    }

    /// Calls `visit` for each record of a chunk with its bytes, its place and the digester that holds it.
    pub fn each_record(
        &self,
        chunk: &Chunk,
        digester: &mut Digester,
        mut visit: impl FnMut(&mut Digester, &[u8], Locator),
    ) {
        for number in 0..chunk.ends.len() {
            self.project(chunk, number, digester, &mut visit);
        }
    }

    /// The same for one raw record of a chunk: one, none if the line is blank, or many under `explode`.
    #[inline]
    pub fn project(
        &self,
        chunk: &Chunk,
        number: usize,
        digester: &mut Digester,
        visit: &mut impl FnMut(&mut Digester, &[u8], Locator),
    ) {
        let bytes = chunk.record(number);
        if let Some(raw) = self.raw(bytes) {
            let at = Locator::of(chunk, number);
            self.projection
                .project(raw, at.offset, digester, &mut |d| visit(d, bytes, at));
        }
    }

    /// Whether both lanes make the same of the same bytes, as long as nothing is wrong with them, and one record of each.
    pub fn reads_like(&self, other: &Lane) -> bool {
        let layouts = match (&self.layout, &other.layout) {
            (None, None) => true,
            (Some(a), Some(b)) => a.columns == b.columns && a.dialect == b.dialect,
            _ => false,
        };
        layouts
            && self.namespace.format == other.namespace.format
            && self.projection.reads_like(&other.projection)
    }

    /// The record in `bytes`; `None` for a blank line.
    fn raw<'a>(&'a self, bytes: &'a [u8]) -> Option<RawRecord<'a>> {
        match (&self.namespace.format, &self.layout) {
            (Format::Bson, _) => Some(RawRecord::Bson(bytes)),
            (Format::Ndjson, _) => Some(bytes.trim_ascii())
                .filter(|t| !t.is_empty())
                .map(RawRecord::Json),
            (Format::Csv { .. }, Some(layout)) => {
                (!Dialect::is_blank(bytes)).then_some(RawRecord::Row(Row {
                    layout,
                    record: bytes,
                }))
            }
            (Format::Native, Some(layout)) => Some(RawRecord::Native(NativeRow {
                layout,
                record: bytes,
            })),
            (Format::Csv { .. } | Format::Native, None) => None,
        }
    }

    /// Looks at one raw record in full and gives it back with its key; `element` picks the record under `explode`.
    pub fn drill(
        &self,
        bytes: &[u8],
        locator: Locator,
        element: u64,
        digester: &mut Digester,
    ) -> Option<(Vec<u8>, Drilled)> {
        let raw = self.raw(bytes)?;
        let mut found = None;
        self.projection.project(raw, locator.offset, digester, &mut |d| {
            if d.element() != element || found.is_some() {
                return;
            }
            let part = self.namespace.parts.get(locator.part as usize);
            let place = Place {
                file: part.map_or(&*self.namespace.name, |p| p.file()).to_owned(),
                offset: locator.in_file,
                number: locator.number + 1,
            };
            let drilled = Drilled {
                fields: d.take_captured(),
                record: d.record(),
                keyed: d.keyed(),
                problem: d.problem().cloned(),
                place,
            };
            found = Some((d.key().to_vec(), drilled));
        });
        found
    }

    /// Path seed and hash of every field of the one record that a raw record holds; none if something is wrong with it.
    pub(super) fn fields<'d>(
        &self,
        bytes: &[u8],
        locator: Locator,
        digester: &'d mut Digester,
    ) -> Option<&'d [(u64, u128)]> {
        let raw = self.raw(bytes).filter(|_| !self.projection.explodes())?;
        self.projection
            .project(raw, locator.offset, digester, &mut |_| {});
        digester.problem().is_none().then(|| digester.fields())
    }

    /// A digester for this lane.
    pub fn digester(&self, depth: Depth) -> Digester {
        Digester::new(&self.projection, depth)
    }

    /// How its cells are laid out, if it is text.
    pub fn text_layout(&self) -> Option<&Arc<Layout>> {
        let text = self.namespace.format != Format::Native;
        self.layout.as_ref().filter(|_| text)
    }

    /// A scan for what the export of this lane may have lost, if it is one that can lose anything.
    pub fn loss_scan(&self) -> Option<LossScan> {
        let layout = self.text_layout()?;
        layout
            .typed()
            .then(|| LossScan::new(&layout.columns, &layout.dialect))
    }

    /// Lets `loss` look at every cell of a chunk; returns how many JSON documents hold numbers whose type is a guess.
    pub fn count_loss(&self, chunk: &Chunk, typed: bool, loss: &mut Option<LossScan>) -> u64 {
        let mut guessed = 0;
        if loss.is_some() || typed && self.namespace.format == Format::Ndjson {
            for raw in chunk.records().filter_map(|r| self.raw(r.bytes)) {
                match (raw, &mut *loss) {
                    (RawRecord::Row(row), Some(loss)) => row.count_loss(loss),
                    (RawRecord::Json(text), _) => guessed += u64::from(is_relaxed(text)),
                    _ => {}
                }
            }
        }
        guessed
    }
}
