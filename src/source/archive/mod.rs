//! mongodump `--archive` files.
//!
//! The layout, as mongo-tools documents it in `common/archive/spec.md`: four magic bytes; a prelude block; then blocks until
//! the end. A block is a header document, any number of body documents, and four bytes `ff`. The prelude's header
//! describes the archive, its bodies one collection each. Every later header names the collection its bodies belong to;
//! collections interleave. A header with `EOF: true` ends a collection and carries the CRC-64 of all its bodies.

mod demux;
mod document;
mod prelude;

pub(super) use demux::Demux;
pub(super) use prelude::Archive;

use super::error::{Place, SourceError};

/// What stands where a document's length is expected, to end a block.
const TERMINATOR: [u8; 4] = [0xff; 4];

fn corrupt(place: Place, found: impl Into<String>, expected: &str) -> SourceError {
    SourceError::Corrupt {
        place,
        found: found.into(),
        expected: expected.into(),
        advice: "make the archive again, or compare from a dump directory",
    }
}
