//! File sources: a location becomes namespaces, a namespace becomes a deterministic stream of chunks of whole records.
//!
//! This module reads; it never decodes a value and never writes beside what it reads. What it must guarantee: every
//! byte of a namespace reaches the caller exactly once and in order, or the stream ends in an error. A stream that
//! returns the end has seen the real end: lengths, end marks and checksums that the format offers have been verified.
//!
//! Map: `locate` finds files, `file` and `input` read bytes through compression, `archive` demultiplexes mongodump
//! archives, `framing` cuts records, `chunks` ties them together, [`FileSource`] is the door.

mod archive;
mod chunk;
mod chunks;
mod crc64;
mod dump;
mod either;
mod error;
mod file;
mod format;
mod framing;
mod input;
pub mod live;
mod locate;
mod namespace;
mod open;
mod part;
mod spool;

#[cfg(test)]
mod tests;

pub use chunk::{Chunk, Position, Record};
pub use chunks::ChunkStream;
pub use either::{Opening, Source, Stream};
pub use error::{Failure, Place, SourceError, SourceErrorKind};
pub use file::is_stream;
pub use format::{Compression, DialectName, Engine, Format, OpenOptions};
pub use framing::{MAX_BSON, MAX_RECORD};
pub use namespace::{Namespace, Part, Schema};
pub use open::FileSource;
