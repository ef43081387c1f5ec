//! From a stored file to a part: what stands before its records, and whether it can be what it is said to be.

use super::error::{Place, SourceError};
use super::file::StoredFile;
use super::format::{Compression, Format, OpenOptions, UTF8_BOM, utf16_bom};
use super::framing::framing;
use super::input::Input;
use super::namespace::Part;

/// Bytes looked at to recognise a file.
const HEAD: usize = 4096;

/// A header line longer than this is taken for a broken file.
const MAX_HEADER: usize = 1 << 20;

/// The first decompressed bytes of a file.
pub(super) fn head(file: &StoredFile) -> Result<Vec<u8>, SourceError> {
    let mut head = Vec::new();
    Input::open(file, 0)?.fill(&mut head, HEAD)?;
    Ok(head)
}

impl Part {
    /// Reads what precedes the records of `file`, whose first bytes are `head`.
    pub(super) fn open(
        file: StoredFile,
        head: &[u8],
        format: Format,
        options: &OpenOptions,
    ) -> Result<Part, SourceError> {
        let mut preamble = 0;
        let mut header = Vec::new();
        if format.is_text() {
            if utf16_bom(head) {
                return Err(SourceError::usage(
                    file.shown(),
                    "the text is UTF-16",
                    "convert it first: iconv -f UTF-16 -t UTF-8",
                ));
            }
            if head.starts_with(&UTF8_BOM) {
                preamble = UTF8_BOM.len();
            }
        }
        match format {
            Format::Bson | Format::Native => {}
            Format::Ndjson => check_lines(&file, &head[preamble..])?,
            Format::Csv { .. } if options.header => {
                let line = header_line(&file, preamble, format)?;
                preamble += line.len();
                header = line;
                while matches!(header.last(), Some(b'\n' | b'\r')) {
                    header.pop();
                }
                if header.is_empty() {
                    return Err(no_header(&file, preamble, "the first line is empty"));
                }
            }
            Format::Csv { .. } => {}
        }
        let plain = file.compression() == Compression::Plain;
        let stream_bytes = plain.then(|| file.size().saturating_sub(preamble as u64));
        Ok(Part {
            header,
            stream_bytes,
            file,
            preamble: preamble as u64,
            archive: None,
        })
    }
}

/// JSON that is not one document a line is refused early, with the way out.
fn check_lines(file: &StoredFile, head: &[u8]) -> Result<(), SourceError> {
    let text = head.trim_ascii_start();
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let problem = if line.starts_with(b"[") {
        "a JSON array, where one document a line is expected"
    } else if text.len() > line.len() && open_at_end(line) {
        "a document spread over several lines, where one document a line is expected"
    } else {
        return Ok(());
    };
    let advice =
        "export without --jsonArray and --pretty, or convert: jq -c '.[]?' for an array, jq -c . else";
    Err(SourceError::usage(file.shown(), problem, advice))
}

/// Whether a line opens a JSON object and leaves it open, with no text left open: as pretty printing does.
fn open_at_end(line: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0i64, false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
    }
    line.starts_with(b"{") && depth > 0 && !quoted
}

/// The header line with its line end.
fn header_line(file: &StoredFile, from: usize, format: Format) -> Result<Vec<u8>, SourceError> {
    let framing = framing(format);
    let mut input = Input::open(file, from as u64)?;
    let mut line = Vec::new();
    loop {
        let step = line.len().max(HEAD);
        let ended = input.fill(&mut line, step)? < step;
        let end = match framing.record_end(&line, 0) {
            Ok(None) if ended && line.is_empty() => {
                return Err(no_header(file, from, "empty file: no header line"));
            }
            Ok(None) if ended => match framing.last(&line) {
                Ok(_) => line.len(),
                Err(problem) => return Err(no_header(file, from, problem.detail())),
            },
            Ok(None) if line.len() > MAX_HEADER => {
                return Err(no_header(file, from, "no line end within the first MiB"));
            }
            Ok(None) => continue,
            Ok(Some(end)) => end,
            Err(problem) => return Err(no_header(file, from, problem.detail())),
        };
        line.truncate(end);
        return Ok(line);
    }
}

fn no_header(file: &StoredFile, at: usize, found: &str) -> SourceError {
    SourceError::Corrupt {
        place: Place {
            file: file.shown().clone(),
            offset: at as u64,
            stored_offset: None,
        },
        found: found.to_owned(),
        expected: "a header line with the columns' names".into(),
        advice: "export it with a header, or say that it has none",
    }
}
