//! What a location holds: named record streams, each of one or more files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::Archive;
use super::file::StoredFile;
use super::format::{Compression, Engine, Format};

/// A collection, a table, or a file of records.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// `database.collection` where the layout tells the database, else the file's stem.
    pub name: String,
    /// How its bytes are divided into records.
    pub format: Format,
    /// The store it was exported from, as far as the files tell.
    pub engine: Engine,
    /// Its files, in reading order. An archive is one part of each of its namespaces.
    pub parts: Vec<Part>,
    /// Stored (compressed) bytes that a full read takes, for progress. For an archive this is the whole archive.
    pub stored_bytes: u64,
    /// Whether positions can be reached without reading everything before them.
    pub seekable: bool,
    /// The text of the collection's mongodump metadata (indexes, options), if there is one.
    pub metadata: Option<String>,
    /// What tells a collection or table of a live store from another of its name, and from itself with other columns, as far
    /// as its server says; empty for files.
    pub identity: String,
}

impl Namespace {
    /// What tells this state of its files from a later one, and a live collection or table from another. Of files that were
    /// copied or spooled again it is another.
    pub fn stamp(&self) -> String {
        let files = self.parts.iter().map(|part| part.file.stamp());
        let live = Some(self.identity.clone()).filter(|identity| !identity.is_empty());
        files.chain(live).collect::<Vec<_>>().join(", ")
    }
}

/// One file of a namespace.
#[derive(Clone, Debug)]
pub struct Part {
    /// The CSV header line without its line end; empty for other formats and for files without header.
    pub header: Vec<u8>,
    /// Length of the record stream in bytes, where it is known without reading: plain files.
    pub stream_bytes: Option<u64>,
    pub(super) file: StoredFile,
    /// Decompressed bytes before the record stream: byte order mark and header.
    pub(super) preamble: u64,
    pub(super) archive: Option<Arc<Archive>>,
}

impl Part {
    /// The file as the user knows it.
    pub fn file(&self) -> &str {
        self.file.shown()
    }

    /// How the file is stored.
    pub fn compression(&self) -> Compression {
        self.file.compression()
    }

    /// Stored size in bytes.
    pub fn stored_bytes(&self) -> u64 {
        self.file.size()
    }

    /// Whether the part lies inside a mongodump archive, between documents of other collections.
    pub fn in_archive(&self) -> bool {
        self.archive.is_some()
    }

    pub(super) fn seekable(&self) -> bool {
        self.stream_bytes.is_some()
    }
}

/// A schema file found beside the data, or what a live store says of one of its tables.
#[derive(Clone, Debug)]
pub struct Schema {
    /// `keyspace.table` of a live store; none of a file, which may hold many.
    pub table: Option<String>,
    /// Where it lies.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl Schema {
    /// The name under which a schema is looked for.
    pub(super) const NAME: &str = "schema.cql";

    /// The schema in `dir`, if there is one.
    pub(super) fn beside(dir: &Path) -> Result<Option<Schema>, super::SourceError> {
        let path = dir.join(Schema::NAME);
        if !path.is_file() {
            return Ok(None);
        }
        let text = StoredFile::find(&path, None)?.read_text(16 << 20)?;
        let table = None;
        Ok(Some(Schema { table, path, text }))
    }
}
