//! What a location holds: which files make which namespaces, in which format.

use super::framing::{self, CsvLayout};
use super::open::{Compression, compression, open_at};
use super::stream::{Chunk, ChunkStream};
use super::{SourceError, archive};
use crate::canon::csv::{Dialect, DialectKind};
use crate::canon::{Layout, RawRecord};
use crate::model::Schema;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How records are written in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// BSON documents, back to back.
    Bson,
    /// One JSON document a line.
    Ndjson,
    /// Delimited text with a header line.
    Csv(Dialect),
}

/// Which kind of store wrote the data; it decides defaults of equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// MongoDB, through mongodump or mongoexport.
    Mongo,
    /// Cassandra or ScyllaDB, through cqlsh or DSBulk.
    Cassandra,
    /// Nothing says.
    Unknown,
}

/// How to read a location.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// `bson`, `ndjson` or `csv`, where the name does not say.
    pub format: Option<String>,
    /// The dialect of text files.
    pub dialect: Option<DialectKind>,
    /// The delimiter of text files.
    pub delimiter: Option<u8>,
    /// The null token of text files.
    pub null: Option<String>,
    /// `schema.cql`, where it does not lie beside the files.
    pub schema: Option<PathBuf>,
}

/// Where a part lies.
#[derive(Clone, Debug)]
pub(super) enum Place {
    File,
    Archive { db: String, collection: String },
}

/// One file of a namespace.
#[derive(Clone, Debug)]
pub struct Part {
    /// The file.
    pub path: PathBuf,
    pub(super) place: Place,
    pub(super) compression: Compression,
    /// Bytes before the first record: byte order mark and header line.
    pub(super) header_len: u64,
    /// Bytes of records, where that is known without reading.
    pub(super) records_len: Option<u64>,
}

/// A collection or table.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// `database.collection`, `keyspace.table` or the file's stem.
    pub name: String,
    /// How its records are written.
    pub format: Format,
    /// Its files, in order.
    pub parts: Vec<Part>,
    /// Size of the files, in bytes.
    pub stored_bytes: u64,
    /// Whether records can be read at an offset.
    pub seekable: bool,
    /// Which store wrote it.
    pub engine: Engine,
    /// mongodump's metadata, where it lies beside the dump.
    pub metadata: Option<String>,
    /// Header and types of a text file.
    pub layout: Option<CsvLayout>,
}

impl Namespace {
    /// The name of one of its files.
    pub fn part_name(&self, part: u32) -> String {
        self.parts
            .get(part as usize)
            .map_or_else(|| self.name.clone(), |p| p.path.display().to_string())
    }
}

/// An opened location.
#[derive(Debug)]
pub struct FileSource {
    location: String,
    namespaces: Vec<Namespace>,
    /// Files that were met and not understood, or understood and not read.
    pub notices: Vec<String>,
    _spool: Option<tempfile::NamedTempFile>,
}

impl FileSource {
    /// Opens a file, a directory, a mongodump archive, or `-` for standard input (which is spooled to a private temporary
    /// file in `spool`, because it may have to be read twice).
    pub fn open(location: &str, options: &OpenOptions, spool: &Path) -> Result<FileSource, SourceError> {
        let mut source = FileSource {
            location: location.to_owned(),
            namespaces: Vec::new(),
            notices: Vec::new(),
            _spool: None,
        };
        let path = Path::new(location);
        let is_pipe = || fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir());
        if location == "-" || is_pipe() {
            let mut temp = tempfile::NamedTempFile::new_in(spool).map_err(SourceError::io(
                "spool standard input in",
                spool.display().to_string(),
            ))?;
            let copied = match location {
                "-" => std::io::copy(&mut std::io::stdin().lock(), temp.as_file_mut()),
                _ => fs::File::open(path).and_then(|mut pipe| std::io::copy(&mut pipe, temp.as_file_mut())),
            };
            copied
                .and_then(|_| temp.flush())
                .map_err(SourceError::io("spool", location))?;
            source.add_file(temp.path(), Some("stdin"), options, None)?;
            source._spool = Some(temp);
            return Ok(source);
        }
        let metadata = fs::metadata(path).map_err(SourceError::io("open", location))?;
        let schema = load_schema(path, metadata.is_dir(), options)?;
        if metadata.is_dir() {
            source.add_directory(path, options, schema.as_ref())?;
        } else {
            source.add_file(path, None, options, schema.as_ref())?;
        }
        if source.namespaces.is_empty() {
            let message =
                format!("{location} holds no .bson, .ndjson, .json, .csv or .tsv files and is no archive");
            return Err(SourceError::Usage(message));
        }
        source.namespaces.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(source)
    }

    /// The location, as the user named it.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// All namespaces, by name.
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The namespace called `name`: in full, or by its last part where that is unambiguous.
    pub fn find(&self, name: &str) -> Result<&Namespace, SourceError> {
        let matching = |short: bool| -> Vec<&Namespace> {
            let last = |n: &'_ str| n.rsplit('.').next().unwrap_or_default().to_owned();
            let same = |n: &&Namespace| {
                if short {
                    last(&n.name) == last(name)
                } else {
                    n.name == name
                }
            };
            self.namespaces.iter().filter(same).collect()
        };
        match (&matching(false)[..], &matching(true)[..]) {
            ([found, ..], _) | ([], [found]) => Ok(found),
            ([], several) => {
                let known: Vec<&str> = self.namespaces.iter().map(|n| n.name.as_str()).collect();
                let what = if several.is_empty() {
                    "has no namespace"
                } else {
                    "has several namespaces like"
                };
                let message = format!("{} {what} {name:?}; it has {}", self.location, known.join(", "));
                Err(SourceError::Usage(message))
            }
        }
    }

    /// Streams a namespace between two record boundaries.
    pub fn chunks(
        &self,
        namespace: &Namespace,
        from: u64,
        to: Option<u64>,
    ) -> Result<ChunkStream, SourceError> {
        ChunkStream::new(namespace, from, to)
    }

    /// Reads a record again; `None` if the namespace is not seekable.
    pub fn read_at(
        &self,
        namespace: &Namespace,
        offset: u64,
        len: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        if !namespace.seekable {
            return Ok(None);
        }
        let mut start = 0;
        for part in &namespace.parts {
            let size = part.records_len.unwrap_or(0);
            if offset < start + size {
                let mut bytes = vec![0; len];
                open_at(&part.path, part.compression, part.header_len + offset - start)
                    .and_then(|mut reader| reader.read_exact(&mut bytes))
                    .map_err(SourceError::io("read", part.path.display().to_string()))?;
                return Ok(Some(bytes));
            }
            start += size;
        }
        Ok(None)
    }

    /// Calls `visit` for each record of a chunk: offset in the stream, bytes, record.
    pub fn each_record<'a>(
        &self,
        namespace: &'a Namespace,
        chunk: &'a Chunk,
        visit: impl FnMut(u64, &'a [u8], RawRecord<'a>),
    ) {
        framing::each_record(&namespace.format, namespace.layout.as_deref(), chunk, visit);
    }

    /// Calls `visit` with the record in `bytes`.
    pub fn with_record(
        &self,
        namespace: &Namespace,
        _part: u32,
        bytes: &[u8],
        visit: impl FnOnce(RawRecord<'_>),
    ) {
        if let Some(record) = framing::record(&namespace.format, namespace.layout.as_deref(), bytes) {
            visit(record);
        }
    }

    fn add_directory(
        &mut self,
        dir: &Path,
        options: &OpenOptions,
        schema: Option<&Schema>,
    ) -> Result<(), SourceError> {
        let list = |dir: &Path| -> Result<Vec<PathBuf>, SourceError> {
            let read = fs::read_dir(dir).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
            let mut paths: Vec<PathBuf> = read.map_err(SourceError::io("list", dir.display().to_string()))?;
            paths.sort();
            Ok(paths)
        };
        let mut groups: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for path in list(dir)? {
            if path.is_dir() {
                let db = file_name(&path);
                for path in list(&path)? {
                    if let Some(stem) = stem(&path) {
                        groups.entry(format!("{db}.{stem}")).or_default().push(path);
                    }
                }
            } else if let Some(stem) = stem(&path) {
                let is_bson = file_name(&path).contains(".bson");
                let name = if is_bson {
                    format!("{}.{stem}", file_name(dir))
                } else {
                    stem
                };
                groups.entry(name).or_default().push(path);
            }
        }
        for (name, paths) in merge_dsbulk(groups, dir, options) {
            if name.ends_with(".oplog") || name == "oplog" {
                self.notices
                    .push(format!("{name} was not read: it is not a collection"));
                continue;
            }
            let mut parts = paths.iter();
            let first = parts.next().expect("a group has a file");
            self.add_file(first, Some(&name), options, schema)?;
            for path in parts {
                self.add_part(path, options, schema)?;
            }
        }
        Ok(())
    }

    fn add_file(
        &mut self,
        path: &Path,
        name: Option<&str>,
        options: &OpenOptions,
        schema: Option<&Schema>,
    ) -> Result<(), SourceError> {
        let shown = path.display().to_string();
        let packing = compression(path)?;
        let size = fs::metadata(path)
            .map_err(SourceError::io("open", shown.clone()))?
            .len();
        let mut head = Vec::new();
        open_at(path, packing, 0)
            .and_then(|r| r.take(1 << 20).read_to_end(&mut head))
            .map_err(SourceError::io("read", shown.clone()))?;
        if archive::is_archive(&head) {
            return self.add_archive(path, packing, size);
        }
        let name = name.map_or_else(|| stem(path).unwrap_or_else(|| file_name(path)), str::to_owned);
        let format = format_of(path, &head, options)?;
        let (mut header_len, mut layout, mut engine) = (0, None, Engine::Mongo);
        if let Format::Csv(dialect) = &format {
            let (table, header) =
                csv_table(&name, &head, dialect, schema).map_err(|detail| SourceError::Corrupt {
                    file: shown.clone(),
                    offset: 0,
                    detail,
                })?;
            header_len = header;
            engine = match dialect.kind {
                DialectKind::Rfc4180 if !table.typed() => Engine::Unknown,
                _ => Engine::Cassandra,
            };
            layout = Some(Arc::new(table));
        }
        let plain = packing == Compression::None;
        let metadata = metadata_of(path);
        self.namespaces.push(Namespace {
            name,
            format,
            parts: vec![Part {
                path: path.to_owned(),
                place: Place::File,
                compression: packing,
                header_len,
                records_len: plain.then(|| size - header_len.min(size)),
            }],
            stored_bytes: size,
            seekable: plain,
            engine,
            metadata,
            layout,
        });
        Ok(())
    }

    /// Adds another file of the namespace added last.
    fn add_part(
        &mut self,
        path: &Path,
        options: &OpenOptions,
        schema: Option<&Schema>,
    ) -> Result<(), SourceError> {
        let first = self.namespaces.pop().expect("a part follows its namespace");
        self.add_file(path, Some(&first.name), options, schema)?;
        let next = self.namespaces.pop().expect("just added");
        let columns = |n: &Namespace| {
            n.layout
                .as_ref()
                .map(|l| l.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>())
        };
        if columns(&first) != columns(&next) || first.format != next.format {
            let detail = format!("not the header of {}", first.part_name(0));
            return Err(SourceError::Corrupt {
                file: path.display().to_string(),
                offset: 0,
                detail,
            });
        }
        let mut all = first;
        all.seekable &= next.seekable;
        all.stored_bytes += next.stored_bytes;
        all.parts.extend(next.parts);
        self.namespaces.push(all);
        Ok(())
    }

    fn add_archive(&mut self, path: &Path, packing: Compression, size: u64) -> Result<(), SourceError> {
        let shown = path.display().to_string();
        let entries = open_at(path, packing, 0)
            .and_then(|mut r| archive::prelude(&mut r))
            .map_err(|e| SourceError::Corrupt {
                file: shown.clone(),
                offset: 0,
                detail: e.to_string(),
            })?;
        for archive::Entry { db, collection } in entries {
            self.namespaces.push(Namespace {
                name: format!("{db}.{collection}"),
                format: Format::Bson,
                parts: vec![Part {
                    path: path.to_owned(),
                    place: Place::Archive { db, collection },
                    compression: packing,
                    header_len: 0,
                    records_len: None,
                }],
                stored_bytes: size,
                seekable: false,
                engine: Engine::Mongo,
                metadata: None,
                layout: None,
            });
        }
        Ok(())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// The namespace part of a data file's name; `None` for files that hold no records.
fn stem(path: &Path) -> Option<String> {
    let name = file_name(path);
    if name.ends_with(".metadata.json")
        || name.ends_with(".metadata.json.gz")
        || name == "prelude.json"
        || name == "prelude.json.gz"
    {
        return None;
    }
    let plain = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    let (stem, extension) = plain.rsplit_once('.')?;
    matches!(extension, "bson" | "ndjson" | "jsonl" | "json" | "csv" | "tsv").then(|| stem.to_owned())
}

/// DSBulk writes one table as `output-000001.csv` and so on: one namespace, named after the directory.
fn merge_dsbulk(
    groups: BTreeMap<String, Vec<PathBuf>>,
    dir: &Path,
    options: &OpenOptions,
) -> BTreeMap<String, Vec<PathBuf>> {
    let is_output = |name: &str| {
        name.strip_prefix("output-")
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    };
    let all = !groups.is_empty() && groups.keys().all(|name| is_output(name));
    match all || options.dialect == Some(DialectKind::Dsbulk) && groups.keys().any(|n| is_output(n)) {
        true => BTreeMap::from([(file_name(dir), groups.into_values().flatten().collect())]),
        false => groups,
    }
}

fn load_schema(path: &Path, is_dir: bool, options: &OpenOptions) -> Result<Option<Schema>, SourceError> {
    let beside = || {
        let dir = if is_dir {
            path
        } else {
            path.parent().unwrap_or(Path::new("."))
        };
        Some(dir.join("schema.cql")).filter(|p| p.is_file())
    };
    let Some(file) = options.schema.clone().or_else(beside) else {
        return Ok(None);
    };
    let shown = file.display().to_string();
    let text = fs::read_to_string(&file).map_err(SourceError::io("read", shown.clone()))?;
    Schema::parse(&text)
        .map(Some)
        .map_err(|e| SourceError::Usage(format!("{shown}:{e}")))
}

fn metadata_of(path: &Path) -> Option<String> {
    let name = file_name(path);
    let stem = name
        .strip_suffix(".bson")
        .or_else(|| name.strip_suffix(".bson.gz"))?;
    fs::read_to_string(path.with_file_name(format!("{stem}.metadata.json"))).ok()
}

fn format_of(path: &Path, head: &[u8], options: &OpenOptions) -> Result<Format, SourceError> {
    let name = file_name(path);
    let plain = name
        .strip_suffix(".gz")
        .or_else(|| name.strip_suffix(".zst"))
        .unwrap_or(&name);
    let extension = plain.rsplit_once('.').map_or("", |(_, e)| e);
    let first = head.iter().copied().find(|b| !b.is_ascii_whitespace());
    let looks_like_bson = || {
        crate::canon::bson::record_len(head)
            .ok()
            .flatten()
            .is_some_and(|n| head.len() < n || head[n - 1] == 0)
    };
    let text = |delimiter: u8| {
        let mut dialect = match options.dialect.unwrap_or(DialectKind::Rfc4180) {
            DialectKind::Rfc4180 => Dialect::rfc4180(),
            DialectKind::Cqlsh => Dialect::cqlsh(""),
            DialectKind::Dsbulk => Dialect::dsbulk(),
        };
        dialect.delimiter = options.delimiter.unwrap_or(delimiter);
        if let Some(null) = &options.null {
            dialect.null = Some(null.clone());
        }
        Format::Csv(dialect)
    };
    let named = options.format.as_deref().unwrap_or(extension);
    Ok(match named {
        "bson" => Format::Bson,
        "ndjson" | "jsonl" | "json" => match first {
            Some(b'[') => {
                let message = format!(
                    "{}: a JSON array; expected one document a line (mongoexport without --jsonArray)",
                    path.display()
                );
                return Err(SourceError::Usage(message));
            }
            _ => Format::Ndjson,
        },
        "csv" => text(b','),
        "tsv" => text(b'\t'),
        _ if first == Some(b'{') => Format::Ndjson,
        _ if looks_like_bson() => Format::Bson,
        _ if !head.is_empty()
            && memchr::memchr(b'\n', head).is_some()
            && std::str::from_utf8(&head[..head.len().min(64)]).is_ok() =>
        {
            text(b',')
        }
        _ => {
            let message = format!(
                "{}: cannot tell its format; say --format bson, ndjson or csv",
                path.display()
            );
            return Err(SourceError::Usage(message));
        }
    })
}

fn csv_table(
    name: &str,
    head: &[u8],
    dialect: &Dialect,
    schema: Option<&Schema>,
) -> Result<(Layout, u64), String> {
    if head.is_empty() {
        return Err("the file is empty; expected a header line".to_owned());
    }
    let end = dialect.record_end(head, 0).unwrap_or(head.len());
    let columns = dialect
        .parse_header(&head[..end])
        .map_err(|p| p.detail().to_owned())?;
    let (keyspace, table) = name.rsplit_once('.').map_or((None, name), |(k, t)| (Some(k), t));
    let table = schema.and_then(|s| s.table(keyspace, table));
    Ok((Layout::new(columns, dialect.clone(), table), end as u64))
}
