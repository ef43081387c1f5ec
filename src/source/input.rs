//! The decompressed bytes of one stored file, from first to last, with their offsets.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Place, SourceError};
use super::file::StoredFile;
use super::format::Compression;

const STORED_BLOCK: usize = 1 << 17;

/// A file being read. After an error it must not be read again.
pub(super) struct Input {
    file: StoredFile,
    reader: Reader,
    offset: u64,
}

enum Reader {
    Plain(Counted),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<Counted>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Counted>>>),
}

/// Counts what is taken from the stored file.
struct Counted {
    file: File,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl Input {
    /// Opens `file` and goes to `offset` of its decompressed bytes: by seeking in a plain file, by reading otherwise.
    pub(super) fn open(file: &StoredFile, offset: u64) -> Result<Input, SourceError> {
        let mut opened = file.open()?;
        let plain = file.compression() == Compression::Plain;
        if plain && offset > 0 {
            opened
                .seek(SeekFrom::Start(offset))
                .map_err(|e| SourceError::io(file.shown(), "seek in", e))?;
        }
        let counted = Counted {
            file: opened,
            taken: Arc::new(AtomicU64::new(if plain { offset } else { 0 })),
        };
        let buffered = |counted| BufReader::with_capacity(STORED_BLOCK, counted);
        let reader = match file.compression() {
            Compression::Plain => Reader::Plain(counted),
            Compression::Gzip => {
                Reader::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(buffered(counted))))
            }
            Compression::Zstd => Reader::Zstd(Box::new(
                zstd::Decoder::with_buffer(buffered(counted))
                    .map_err(|e| SourceError::io(file.shown(), "decompress", e))?,
            )),
        };
        let mut input = Input {
            file: file.clone(),
            reader,
            offset: if plain { offset } else { 0 },
        };
        let (ahead, _) = input.discard(offset - input.offset)?;
        if ahead > 0 {
            return Err(SourceError::Changed {
                file: file.shown().clone(),
            });
        }
        Ok(input)
    }

    /// Appends up to `limit` bytes to `out`; fewer only at the end of the file. Bytes read before an error are appended.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> Result<usize, SourceError> {
        let before = out.len();
        out.reserve_exact(limit);
        let read = match &mut self.reader {
            // From the file itself, which does not need the buffer cleared first.
            Reader::Plain(Counted { file, taken }) => {
                let read = file.take(limit as u64).read_to_end(out);
                taken.fetch_add((out.len() - before) as u64, Ordering::Relaxed);
                read
            }
            Reader::Gzip(reader) => reader.take(limit as u64).read_to_end(out),
            Reader::Zstd(reader) => reader.take(limit as u64).read_to_end(out),
        };
        let got = out.len() - before;
        self.offset += got as u64;
        match read {
            Err(e) => Err(self.read_error(e)),
            Ok(_) => {
                if got < limit {
                    self.check_end()?;
                }
                Ok(got)
            }
        }
    }

    /// See [`discard`].
    pub(super) fn discard(&mut self, n: u64) -> Result<(u64, Option<u8>), SourceError> {
        discard(n, |out, limit| self.fill(out, limit))
    }

    /// Offset of the next byte in the decompressed file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The place of the byte at `offset` of the decompressed file.
    pub(super) fn place(&self, offset: u64) -> Place {
        Place {
            file: self.file.shown().clone(),
            offset,
            stored_offset: match self.reader {
                Reader::Plain(_) => None,
                _ => Some(self.stored_taken()),
            },
        }
    }

    /// Bytes of the stored file read so far.
    pub(super) fn stored_taken(&self) -> u64 {
        self.counted().taken.load(Ordering::Relaxed)
    }

    fn counted(&self) -> &Counted {
        match &self.reader {
            Reader::Plain(reader) => reader,
            Reader::Gzip(reader) => reader.get_ref().get_ref(),
            Reader::Zstd(reader) => reader.get_ref().get_ref(),
        }
    }

    /// At the end: the whole stored file was read, and it is still the same file.
    fn check_end(&self) -> Result<(), SourceError> {
        self.file.check_unchanged(&self.counted().file)?;
        if self.stored_taken() == self.file.size() {
            return Ok(());
        }
        Err(SourceError::Corrupt {
            place: self.place(self.offset),
            found: format!("the data ends at stored byte {}", self.stored_taken()),
            expected: format!("the file's end at stored byte {}", self.file.size()),
            advice: "copy or export the file again",
        })
    }

    fn read_error(&self, error: io::Error) -> SourceError {
        // The operating system's own errors carry its number; the decompressors' do not.
        let corrupt = error.raw_os_error().is_none() && !matches!(self.reader, Reader::Plain(_));
        if !corrupt {
            return SourceError::io(self.file.shown(), "read", error);
        }
        let expected = match self.reader {
            Reader::Gzip(_) => "gzip members up to the end of the file, each whole and with its checksum",
            _ => "zstd frames up to the end of the file, each whole",
        };
        SourceError::Corrupt {
            place: self.place(self.offset),
            found: if error.kind() == io::ErrorKind::UnexpectedEof {
                "the compressed data is cut short".into()
            } else {
                format!("the compressed data is damaged or followed by something else ({error})")
            },
            expected: expected.into(),
            advice: "copy or export the file again",
        }
    }
}

/// Reads past `n` bytes of what `fill` delivers. Gives how many were not there because the stream ended, and the last
/// byte passed.
pub(super) fn discard(
    n: u64,
    mut fill: impl FnMut(&mut Vec<u8>, usize) -> Result<usize, SourceError>,
) -> Result<(u64, Option<u8>), SourceError> {
    let mut left = n;
    let mut scratch = Vec::new();
    let mut last = None;
    while left > 0 {
        scratch.clear();
        let step = left.min(STORED_BLOCK as u64) as usize;
        let got = fill(&mut scratch, step)?;
        last = scratch.last().copied().or(last);
        left -= got as u64;
        if got < step {
            break;
        }
    }
    Ok((left, last))
}
