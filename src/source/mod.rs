//! Sources: a location becomes namespaces, a namespace becomes a stream of chunks of whole records.

mod archive;
mod error;
mod files;
mod framing;
mod open;
mod stream;

pub use error::{SourceError, SourceErrorKind};
pub use files::{Engine, FileSource, Format, Namespace, OpenOptions, Part};
pub use framing::CsvLayout;
pub use stream::{Chunk, ChunkStream};
