//! Opening one file for reading, decompressed as its first bytes demand.

use super::SourceError;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const BUFFER: usize = 1 << 18;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Looks at the first bytes of a file: its compression by magic number, whatever its name says.
pub(super) fn compression(path: &Path) -> Result<Compression, SourceError> {
    let name = path.display().to_string();
    let mut head = Vec::new();
    File::open(path)
        .and_then(|f| f.take(4).read_to_end(&mut head))
        .map_err(SourceError::io("open", name.clone()))?;
    Ok(match head[..] {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Compression::Zstd,
        _ if path.extension().is_some_and(|e| e == "gz" || e == "zst") => {
            let detail =
                "the name says it is compressed, its first bytes do not; expected a gzip or zstd header";
            return Err(SourceError::Corrupt {
                file: name,
                offset: 0,
                detail: detail.to_owned(),
            });
        }
        _ => Compression::None,
    })
}

/// Opens a file at an offset of its decompressed content. Only uncompressed files seek; others read and skip.
pub(super) fn open_at(
    path: &Path,
    compression: Compression,
    offset: u64,
) -> io::Result<Box<dyn Read + Send>> {
    let mut file = File::open(path)?;
    let mut reader: Box<dyn Read + Send> = match compression {
        Compression::None => {
            file.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(file));
        }
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(
            BUFFER, file,
        ))),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    };
    let skipped = io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
    match skipped == offset {
        true => Ok(reader),
        false => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file is shorter than it was",
        )),
    }
}
