//! Where records end, and how the bytes of a record become one.

use super::{Chunk, Format};
use crate::canon::csv::Dialect;
use crate::canon::{Layout, RawRecord, Row, bson};
use crate::model::Problem;
use std::sync::Arc;

/// Header and column types of a text file's rows.
pub type CsvLayout = Arc<Layout>;

/// The end of the record that starts at `from`; `None` if it is not all in `buf`.
pub(super) fn record_end(
    format: &Format,
    layout: Option<&Layout>,
    buf: &[u8],
    from: usize,
) -> Result<Option<usize>, Problem> {
    match format {
        Format::Bson => Ok(bson::record_len(&buf[from..])?
            .map(|len| from + len)
            .filter(|end| *end <= buf.len())),
        Format::Ndjson => Ok(memchr::memchr(b'\n', &buf[from..]).map(|at| from + at + 1)),
        Format::Csv(_) => Ok(layout.and_then(|t| t.dialect.record_end(buf, from))),
    }
}

/// Whether the last record may lack its end mark.
pub(super) fn open_ended(format: &Format) -> bool {
    !matches!(format, Format::Bson)
}

/// Calls `visit` for each record of a chunk: offset in the stream, bytes, record. Blank lines are no records.
pub(super) fn each_record<'a>(
    format: &Format,
    layout: Option<&'a Layout>,
    chunk: &'a Chunk,
    mut visit: impl FnMut(u64, &'a [u8], RawRecord<'a>),
) {
    let data = &chunk.data[..];
    let mut from = 0;
    while from < data.len() {
        let end = match record_end(format, layout, data, from) {
            Ok(Some(end)) => end,
            _ => data.len(),
        };
        let bytes = &data[from..end];
        if let Some(raw) = record(format, layout, bytes) {
            visit(chunk.offset + from as u64, bytes, raw);
        }
        from = end;
    }
}

/// The record in `bytes`; `None` for a blank line.
pub(super) fn record<'a>(
    format: &Format,
    layout: Option<&'a Layout>,
    bytes: &'a [u8],
) -> Option<RawRecord<'a>> {
    match format {
        Format::Bson => Some(RawRecord::Bson(bytes)),
        Format::Ndjson => {
            let text = bytes.trim_ascii();
            (!text.is_empty()).then_some(RawRecord::Json(text))
        }
        Format::Csv(_) => {
            let layout = layout?;
            (!Dialect::is_blank(bytes)).then_some(RawRecord::Row(Row {
                layout,
                record: bytes,
            }))
        }
    }
}
