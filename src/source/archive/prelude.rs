//! The archive's prelude: which collections it holds.

use std::collections::BTreeMap;

use super::super::error::{Place, SourceError};
use super::super::file::StoredFile;
use super::super::format::ARCHIVE_MAGIC;
use super::super::framing::bson_length;
use super::super::input::Input;
use super::document::{elements, text};
use super::{TERMINATOR, corrupt};

/// A prelude longer than this is taken for a broken file.
const MAX_PRELUDE: u64 = 256 << 20;

/// An archive file and what its prelude says.
#[derive(Debug)]
pub(in crate::source) struct Archive {
    pub(super) file: StoredFile,
    /// Offset of the first block after the prelude.
    pub(super) blocks: u64,
    /// By namespace, as the blocks' headers will name it.
    pub(in crate::source) collections: BTreeMap<String, Collection>,
}

/// What the prelude says of one collection.
#[derive(Debug)]
pub(in crate::source) struct Collection {
    /// The database's name; empty for the oplog.
    pub(in crate::source) database: String,
    /// The metadata file's text, if not empty.
    pub(in crate::source) metadata: Option<String>,
    /// True for a view, which has no documents of its own.
    pub(in crate::source) view: bool,
}

impl Archive {
    /// Reads the prelude of the archive in `file`.
    pub(in crate::source) fn open(file: &StoredFile) -> Result<Archive, SourceError> {
        let mut reader = Prelude {
            input: Input::open(file, 0)?,
            document: Vec::new(),
        };
        reader.bytes(4)?;
        if reader.document != ARCHIVE_MAGIC {
            return Err(corrupt(
                reader.input.place(0),
                "other bytes",
                "the start of a mongodump archive",
            ));
        }
        if !reader.next()? {
            return Err(corrupt(reader.place(), "no archive header", "a header document"));
        }
        let header = elements(&reader.document).ok_or_else(|| reader.damaged())?;
        match text(&header, "version") {
            Some("0.1") => {}
            other => {
                return Err(corrupt(
                    reader.place(),
                    format!("archive format version {}", other.unwrap_or("(none)")),
                    "version 0.1, the only one mongodump writes",
                ));
            }
        }
        let raw_timeseries = text(&header, "server_version").is_some_and(stores_time_series_raw);
        let mut collections = BTreeMap::new();
        while reader.next()? {
            let found = elements(&reader.document).ok_or_else(|| reader.damaged())?;
            let (Some(database), Some(collection)) = (text(&found, "db"), text(&found, "collection")) else {
                return Err(reader.damaged());
            };
            let kind = text(&found, "type").unwrap_or_default();
            let prefix = if kind == "timeseries" && !raw_timeseries {
                "system.buckets."
            } else {
                ""
            };
            let name = format!("{database}.{prefix}{collection}");
            let metadata = text(&found, "metadata").filter(|t| !t.is_empty());
            if let Some(Err(error)) = metadata.map(serde_json::from_str::<serde::de::IgnoredAny>) {
                return Err(corrupt(
                    reader.place(),
                    format!("metadata of {name} that are no JSON ({error})"),
                    "its indexes and options, as mongodump writes them",
                ));
            }
            let described = Collection {
                database: database.to_owned(),
                metadata: metadata.map(str::to_owned),
                view: kind == "view",
            };
            if collections.insert(name.clone(), described).is_some() {
                return Err(corrupt(
                    reader.place(),
                    format!("the collection {name} is announced twice"),
                    "each collection once",
                ));
            }
        }
        Ok(Archive {
            file: file.clone(),
            blocks: reader.input.offset(),
            collections,
        })
    }
}

/// Servers from 8.3 on keep time series under the collection's own name, not under `system.buckets`.
fn stores_time_series_raw(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(8), Some(3))
}

struct Prelude {
    input: Input,
    document: Vec<u8>,
}

impl Prelude {
    /// The next document; false at the block's end.
    fn next(&mut self) -> Result<bool, SourceError> {
        self.bytes(4)?;
        let lead = *self.document.first_chunk::<4>().expect("four bytes were read");
        if lead == TERMINATOR {
            return Ok(false);
        }
        let len = bson_length(lead).map_err(|p| {
            corrupt(
                self.place(),
                p.detail(),
                "a document or the end of the archive's prelude",
            )
        })?;
        if self.input.offset() + len as u64 > MAX_PRELUDE {
            return Err(corrupt(
                self.place(),
                "a prelude of more than 256 MiB",
                "a list of collections",
            ));
        }
        let got = self.input.fill(&mut self.document, len - 4)?;
        if got < len - 4 {
            return Err(self.cut());
        }
        Ok(true)
    }

    fn bytes(&mut self, n: usize) -> Result<(), SourceError> {
        self.document.clear();
        if self.input.fill(&mut self.document, n)? < n {
            return Err(self.cut());
        }
        Ok(())
    }

    /// The place of the document just read.
    fn place(&self) -> Place {
        self.input.place(self.input.offset() - self.document.len() as u64)
    }

    fn cut(&self) -> SourceError {
        let place = self.input.place(self.input.offset());
        corrupt(
            place,
            "the archive ends inside its prelude",
            "the rest of the list of collections",
        )
    }

    fn damaged(&self) -> SourceError {
        corrupt(
            self.place(),
            "a damaged document",
            "the archive header or a collection's metadata",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_versions_are_compared_by_number() {
        assert!(!stores_time_series_raw("5.0.0"));
        assert!(!stores_time_series_raw("8.2.10"));
        assert!(stores_time_series_raw("8.3.0"));
        assert!(stores_time_series_raw("10.0.0"));
        assert!(!stores_time_series_raw(""));
    }
}
