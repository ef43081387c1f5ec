//! Streams that can be read only once are copied to a private file first, because an audit reads more than once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::error::SourceError;
use super::file::StoredFile;
use super::format::Compression;

/// Copies standard input into a new file in `dir`.
pub(super) fn stdin(dir: &Path, compression: Option<Compression>) -> Result<StoredFile, SourceError> {
    copy(io::stdin().lock(), "standard input".into(), dir, compression)
}

/// Copies a pipe into a new file in `dir`.
pub(super) fn pipe(
    path: &Path,
    dir: &Path,
    compression: Option<Compression>,
) -> Result<StoredFile, SourceError> {
    let pipe = File::open(path).map_err(|e| SourceError::path(path, "open", e))?;
    copy(pipe, super::error::shown(path), dir, compression)
}

/// Copies `from` to its end. The file is readable by its owner only and is deleted when the source is dropped.
pub(super) fn copy(
    mut from: impl Read,
    shown: Arc<str>,
    dir: &Path,
    compression: Option<Compression>,
) -> Result<StoredFile, SourceError> {
    let mut file = tempfile::Builder::new()
        .prefix("input-")
        .tempfile_in(dir)
        .map_err(|e| SourceError::path(dir, "create a spool file in", e))?;
    // `io::copy` does not tell a failing reader from a failing writer.
    let mut buf = vec![0; 1 << 18];
    loop {
        let n = match from.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(SourceError::io(&shown, "read", e)),
        };
        io::Write::write_all(&mut file, &buf[..n])
            .map_err(|e| SourceError::path(dir, "write a spool file in", e))?;
    }
    StoredFile::spooled(file.into_temp_path(), shown, compression)
}
