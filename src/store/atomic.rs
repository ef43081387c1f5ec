//! Files that are either whole or not there.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file in one step: a temporary file in the same directory (mode 0600), fsync, rename, fsync of the directory.
///
/// A reader, or a run that resumes after a kill, sees the old content or the new, never a part.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut temp = tempfile::Builder::new().prefix(".assay-").tempfile_in(dir)?;
    {
        let mut buffered = io::BufWriter::with_capacity(1 << 16, temp.as_file_mut());
        fill(&mut buffered)?;
        buffered.flush()?;
    }
    temp.as_file().sync_all()?;
    temp.persist(path).map_err(|e| e.error)?;
    File::open(dir)?.sync_all()
}

/// Takes a directory for this process until what is given back is dropped; none if another process has it. Where a file
/// system knows no locks, everybody gets it.
pub fn hold_dir(path: &Path) -> io::Result<Option<File>> {
    let dir = File::open(path)?;
    Ok(match dir.try_lock() {
        Err(TryLockError::WouldBlock) => None,
        Ok(()) | Err(TryLockError::Error(_)) => Some(dir),
    })
}

/// Creates a directory, and its parents, that only its owner can enter. One that exists is left as it is.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
