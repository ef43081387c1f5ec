//! A file as it was found: its name for messages, how it is stored, and enough to notice that it changed.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tempfile::TempPath;

use super::error::{Place, SourceError, shown};
use super::format::{Compression, Suffix, recognise_compression, split_name};

/// One stored file. Clones share a spooled copy, which is deleted with the last of them.
#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    path: PathBuf,
    shown: Arc<str>,
    compression: Compression,
    size: u64,
    modified: Option<SystemTime>,
    _spooled: Option<Arc<TempPath>>,
}

impl StoredFile {
    /// Looks at the file at `path`, which must exist and be a regular file.
    pub(super) fn find(path: &Path, compression: Option<Compression>) -> Result<StoredFile, SourceError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (_, suffix, named) = split_name(&name);
        StoredFile::look(path.to_owned(), shown(path), suffix, named, compression, None)
    }

    /// Looks at a copy of a stream, which messages call `shown`.
    pub(super) fn spooled(
        copy: TempPath,
        shown: Arc<str>,
        compression: Option<Compression>,
    ) -> Result<StoredFile, SourceError> {
        let copy = Arc::new(copy);
        let path = copy.to_path_buf();
        StoredFile::look(
            path,
            shown,
            Suffix::Other,
            Compression::Plain,
            compression,
            Some(copy),
        )
    }

    fn look(
        path: PathBuf,
        shown: Arc<str>,
        suffix: Suffix,
        named: Compression,
        given: Option<Compression>,
        spooled: Option<Arc<TempPath>>,
    ) -> Result<StoredFile, SourceError> {
        let mut file = File::open(&path).map_err(|e| SourceError::io(&shown, "open", e))?;
        let meta = file
            .metadata()
            .map_err(|e| SourceError::io(&shown, "look at", e))?;
        let mut head = Vec::new();
        Read::by_ref(&mut file)
            .take(8)
            .read_to_end(&mut head)
            .map_err(|e| SourceError::io(&shown, "read", e))?;
        let (compression, whole) = match given {
            Some(given) => (given, given == Compression::Plain || !head.is_empty()),
            None => recognise_compression(&head, suffix, named),
        };
        if !whole {
            return Err(SourceError::Corrupt {
                place: Place {
                    file: shown,
                    offset: 0,
                    stored_offset: Some(meta.len()),
                },
                found: format!("the file ends after {} bytes", meta.len()),
                expected: "compressed data".into(),
                advice: "copy or export the file again",
            });
        }
        Ok(StoredFile {
            path,
            shown,
            compression,
            size: meta.len(),
            modified: meta.modified().ok(),
            _spooled: spooled,
        })
    }

    /// Opens the file again and makes sure that it is still the one that was found.
    pub(super) fn open(&self) -> Result<File, SourceError> {
        let file = File::open(&self.path).map_err(|e| SourceError::io(&self.shown, "open", e))?;
        self.check_unchanged(&file)?;
        Ok(file)
    }

    /// An error if the open file's size or time of change is not what was found at first.
    pub(super) fn check_unchanged(&self, file: &File) -> Result<(), SourceError> {
        let meta: Metadata = file
            .metadata()
            .map_err(|e| SourceError::io(&self.shown, "look at", e))?;
        if meta.len() == self.size && meta.modified().ok() == self.modified {
            Ok(())
        } else {
            Err(SourceError::Changed {
                file: self.shown.clone(),
            })
        }
    }

    pub(super) fn shown(&self) -> &Arc<str> {
        &self.shown
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// What tells this state of the file from a later one: size and time of change.
    pub(super) fn stamp(&self) -> String {
        let modified = self
            .modified
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        format!("{} {}", self.size, modified.unwrap_or_default().as_nanos())
    }

    /// Stored size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// A small text file in whole; more than `limit` bytes after decompression is an error.
    pub(super) fn read_text(&self, limit: usize) -> Result<String, SourceError> {
        let mut bytes = Vec::new();
        let mut input = super::input::Input::open(self, 0)?;
        let whole = input.fill(&mut bytes, limit)? < limit;
        let text = String::from_utf8(bytes).ok().filter(|_| whole);
        let text = text.ok_or_else(|| {
            SourceError::usage(
                &self.shown,
                format!("not a UTF-8 text of less than {limit} bytes"),
                "is it the file that its name says?",
            )
        })?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }
}

/// Whether a location can be read only once: standard input, a pipe, a terminal.
pub fn is_stream(location: &str) -> bool {
    location == "-" || reads_once(Path::new(location)).unwrap_or(false)
}

/// Whether the path leads to something that can only be read once: a pipe, a socket, a terminal.
pub(super) fn reads_once(path: &Path) -> Result<bool, SourceError> {
    let meta = fs::metadata(path).map_err(|e| SourceError::path(path, "open", e))?;
    Ok(!meta.is_file() && !meta.is_dir())
}
