//! Formats, dialects and compressions, and how they are recognised.

use memchr::memmem;

use super::framing::MAX_BSON;
pub use crate::canon::csv::DialectKind as DialectName;

/// How the bytes of a namespace are divided into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Concatenated BSON documents.
    Bson,
    /// One JSON document a line.
    Ndjson,
    /// Delimited text.
    Csv {
        /// Quoting and escaping.
        dialect: DialectName,
        /// The byte between fields.
        delimiter: u8,
    },
    /// Rows of native CQL cells, as a server sends them.
    Native,
}

impl Format {
    /// The word used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Bson => "bson",
            Format::Ndjson => "ndjson",
            Format::Csv { .. } => "csv",
            Format::Native => "native",
        }
    }

    pub(super) const fn is_text(self) -> bool {
        !matches!(self, Format::Bson | Format::Native)
    }
}

/// How a file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As it is.
    Plain,
    /// Gzip, one or more members.
    Gzip,
    /// Zstandard, one or more frames.
    Zstd,
}

/// The kind of store a namespace was exported from, as far as the files tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// MongoDB: a mongodump file, or JSON with Extended JSON type wrappers.
    Mongo,
    /// Cassandra or ScyllaDB: a schema file lies beside the data, or a dialect of theirs was asked for.
    Cassandra,
    /// The files do not say.
    Unknown,
}

/// What the user says about a location. Everything left `None` is recognised from names and bytes.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The record format of every file of the location.
    pub format: Option<Format>,
    /// The dialect of CSV files whose format is recognised, not given. By default `cqlsh` beside a `schema.cql`,
    /// `dsbulk` for `output-000001.csv` files, else `rfc4180`.
    pub dialect: Option<DialectName>,
    /// The delimiter of CSV files whose format is recognised, not given. By default tab for `.tsv`, else comma.
    pub delimiter: Option<u8>,
    /// Whether CSV files start with a header line. Without one the caller must know the columns.
    pub header: bool,
    /// How every file is stored; by default recognised from its first bytes.
    pub compression: Option<Compression>,
    /// Chunks end at the last record boundary before this many bytes; a longer record makes a longer chunk. At least 1.
    pub chunk_bytes: usize,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            format: None,
            dialect: None,
            delimiter: None,
            header: true,
            compression: None,
            chunk_bytes: 128 << 10,
        }
    }
}

/// What the end of a file name says, once a compression suffix is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    Bson,
    Json,
    Csv,
    Tsv,
    Other,
}

/// Splits a file name into stem, format suffix and compression suffix. Suffixes are read without regard to case.
pub(super) fn split_name(name: &str) -> (&str, Suffix, Compression) {
    let (name, compression) = match strip(name, &[".gz", ".gzip"]) {
        Some(rest) => (rest, Compression::Gzip),
        None => match strip(name, &[".zst", ".zstd"]) {
            Some(rest) => (rest, Compression::Zstd),
            None => (name, Compression::Plain),
        },
    };
    let known: [(&[&str], Suffix); 4] = [
        (&[".bson"], Suffix::Bson),
        (&[".ndjson", ".jsonl", ".json"], Suffix::Json),
        (&[".csv"], Suffix::Csv),
        (&[".tsv"], Suffix::Tsv),
    ];
    for (endings, suffix) in known {
        if let Some(stem) = strip(name, endings) {
            return (stem, suffix, compression);
        }
    }
    (name, Suffix::Other, compression)
}

fn strip<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| {
        let at = name.len().checked_sub(ending.len()).filter(|at| *at > 0)?;
        let tail = name.get(at..)?;
        tail.eq_ignore_ascii_case(ending).then(|| &name[..at])
    })
}

/// Little-endian first bytes of a mongodump archive.
pub(super) const ARCHIVE_MAGIC: [u8; 4] = 0x8199_e26d_u32.to_le_bytes();
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Byte order mark of UTF-8.
pub(super) const UTF8_BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// How a file that starts with `head` is stored, and false when its name promised a compression its bytes start but
/// are too short to show. `named` is what the name says.
pub(super) fn recognise_compression(head: &[u8], suffix: Suffix, named: Compression) -> (Compression, bool) {
    // A plain BSON document of 559,903 bytes starts like a gzip member.
    let bson = named == Compression::Plain && suffix == Suffix::Bson && looks_like_bson(head);
    if head.starts_with(&GZIP_MAGIC) && !bson {
        return (Compression::Gzip, true);
    }
    if head.starts_with(&ZSTD_MAGIC) {
        return (Compression::Zstd, true);
    }
    let magic: &[u8] = match named {
        Compression::Plain => return (Compression::Plain, true),
        Compression::Gzip => &GZIP_MAGIC,
        Compression::Zstd => &ZSTD_MAGIC,
    };
    if magic.starts_with(head) {
        return (named, false);
    }
    (Compression::Plain, true)
}

/// Whether `head` can be the start of a BSON document: a length in range, then an element's type or the end.
pub(super) fn looks_like_bson(head: &[u8]) -> bool {
    let Some((len, rest)) = head.split_first_chunk::<4>() else {
        return false;
    };
    let len = u32::from_le_bytes(*len);
    match rest.first() {
        Some(0) => len == 5,
        Some(0x01..=0x13 | 0x7f | 0xff) => len > 5 && len as usize <= MAX_BSON,
        _ => false,
    }
}

/// The format of a file whose name does not tell, from its first (decompressed) bytes.
pub(super) fn recognise_format(head: &[u8]) -> Option<Format> {
    if looks_like_bson(head) {
        return Some(Format::Bson);
    }
    let text = head.strip_prefix(&UTF8_BOM).unwrap_or(head);
    if utf16_bom(head) || memchr::memchr(0, text).is_some() {
        return None;
    }
    match text.iter().find(|b| !b.is_ascii_whitespace()) {
        None => None,
        Some(b'{' | b'[') => Some(Format::Ndjson),
        Some(_) => Some(Format::Csv {
            dialect: DialectName::Rfc4180,
            delimiter: b',',
        }),
    }
}

pub(super) fn utf16_bom(head: &[u8]) -> bool {
    head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff])
}

/// Whether JSON text carries the type wrappers of MongoDB Extended JSON.
pub(super) fn has_extended_json(head: &[u8]) -> bool {
    [
        "{\"$oid\"",
        "{\"$date\"",
        "{\"$number",
        "{\"$binary\"",
        "{\"$uuid\"",
    ]
    .iter()
    .any(|mark| memmem::find(head, mark.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split() {
        assert_eq!(
            split_name("orders.bson.gz"),
            ("orders", Suffix::Bson, Compression::Gzip)
        );
        assert_eq!(split_name("a.b.JSONL"), ("a.b", Suffix::Json, Compression::Plain));
        assert_eq!(split_name("t.tsv.zst"), ("t", Suffix::Tsv, Compression::Zstd));
        assert_eq!(
            split_name("shop.archive"),
            ("shop.archive", Suffix::Other, Compression::Plain)
        );
        assert_eq!(split_name(".csv"), (".csv", Suffix::Other, Compression::Plain));
        assert_eq!(split_name("é.gz"), ("é", Suffix::Other, Compression::Gzip));
    }

    #[test]
    fn a_document_that_starts_like_gzip_is_still_bson() {
        let mut head = vec![0x1f, 0x8b, 0x08, 0x00, 0x02];
        assert_eq!(
            recognise_compression(&head, Suffix::Bson, Compression::Plain),
            (Compression::Plain, true)
        );
        assert_eq!(
            recognise_compression(&head, Suffix::Bson, Compression::Gzip),
            (Compression::Gzip, true)
        );
        head[4] = 0;
        assert_eq!(
            recognise_compression(&head, Suffix::Bson, Compression::Plain),
            (Compression::Gzip, true)
        );
    }

    #[test]
    fn a_name_that_promises_compression_and_a_start_that_is_cut_is_told() {
        for cut in 0..3 {
            let head = &GZIP_MAGIC[..cut];
            assert_eq!(
                recognise_compression(head, Suffix::Json, Compression::Gzip),
                (Compression::Gzip, false)
            );
        }
        assert_eq!(
            recognise_compression(b"{}", Suffix::Json, Compression::Gzip),
            (Compression::Plain, true)
        );
    }

    #[test]
    fn formats_are_recognised_by_bytes() {
        assert_eq!(recognise_format(b"\x05\0\0\0\0"), Some(Format::Bson));
        assert_eq!(recognise_format(b" \n{\"a\":1}"), Some(Format::Ndjson));
        assert_eq!(recognise_format(b"a,b\n1,2\n").map(Format::name), Some("csv"));
        assert_eq!(recognise_format(b"\xff\xfea\0"), None);
        assert_eq!(recognise_format(b""), None);
    }
}
