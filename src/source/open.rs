//! The door: a location is opened, its namespaces are listed, found and read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use strsim::osa_distance;

use super::archive::Archive;
use super::chunk::Position;
use super::chunks::ChunkStream;
use super::dump::Metadata;
use super::error::{Shown, SourceError, shown};
use super::file::{StoredFile, reads_once};
use super::format::{
    ARCHIVE_MAGIC, DialectName, Engine, Format, OpenOptions, Suffix, has_extended_json, recognise_format,
    split_name,
};
use super::locate::{self, Found};
use super::namespace::{Namespace, Part, Schema};
use super::part::head;
use super::spool;

/// A location that has been opened: a file, a directory, an archive, or a stream.
#[derive(Debug)]
pub struct FileSource {
    location: Arc<str>,
    namespaces: Vec<Namespace>,
    schemas: Vec<Schema>,
    notices: Vec<String>,
    lost: Vec<String>,
    chunk_bytes: usize,
}

impl FileSource {
    /// Opens `location`: a data file, a mongodump archive, a directory, or `-` for standard input. What can be read only
    /// once is copied to a private file in `spool_dir`, deleted when the source and its streams are dropped.
    ///
    /// Reads the head of every file, not the records.
    pub fn open(location: &str, options: &OpenOptions, spool_dir: &Path) -> Result<FileSource, SourceError> {
        let mut source = FileSource {
            location: location.into(),
            namespaces: Vec::new(),
            schemas: Vec::new(),
            notices: Vec::new(),
            lost: Vec::new(),
            chunk_bytes: options.chunk_bytes,
        };
        let path = Path::new(location);
        if location == "-" {
            source.location = "standard input".into();
            let file = spool::stdin(spool_dir, options.compression)?;
            source.single(file, "stdin", Suffix::Other, None, options)?;
        } else if path.is_dir() {
            source.directory(path, options)?;
        } else {
            let file = if reads_once(path)? {
                spool::pipe(path, spool_dir, options.compression)?
            } else {
                StoredFile::find(path, options.compression)?
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let (stem, suffix, _) = split_name(&name);
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
            source.single(file, stem, suffix, Some(dir.unwrap_or(Path::new("."))), options)?;
        }
        Ok(source)
    }

    /// What the location holds, in order of name.
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// The schema files found beside the data.
    pub fn schemas(&self) -> &[Schema] {
        &self.schemas
    }

    /// What was left aside and why: views, the oplog, files of other kinds. One line each.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// An error if the location holds data that is in none of its namespaces: a collection without its file, a form that
    /// is not read. Whoever compares all of it must ask.
    pub fn whole(&self) -> Result<(), SourceError> {
        match &self.lost[..] {
            [] => Ok(()),
            [first, more @ ..] => Err(SourceError::usage(
                &self.location,
                match more.len() {
                    0 => format!("not all of it can be compared: {first}"),
                    n => format!("not all of it can be compared: {first}; and {n} more"),
                },
                "complete the directory, move away what is no data, or say in a configuration what is compared",
            )),
        }
    }

    /// The namespace called `name`: by its full name, by a file's name, or by the last part of its name where only one
    /// of the two is qualified by a database.
    pub fn find(&self, name: &str) -> Result<&Namespace, SourceError> {
        find(&self.location, &self.namespaces, name)
    }

    /// The records of `namespace` from one position to another, or to the end. Both must be record boundaries, made from
    /// the same files.
    pub fn chunks(
        &self,
        namespace: &Namespace,
        from: Position,
        to: Option<Position>,
    ) -> Result<ChunkStream, SourceError> {
        Ok(ChunkStream::new(
            Arc::new(namespace.clone()),
            self.chunk_bytes,
            from,
            to,
        ))
    }

    /// `len` bytes of the record stream at `offset`, or `None` if the part cannot be seeked in: compressed, or in an
    /// archive. Bytes beyond the part's end are an error.
    pub fn read_at(
        &self,
        namespace: &Namespace,
        offset: u64,
        len: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let mut base = 0;
        for part in &namespace.parts {
            let Some(stream) = part.stream_bytes else {
                return Ok(None);
            };
            if offset < base + stream {
                let mut file: File = part.file.open()?;
                let mut bytes = vec![0; len.min((base + stream - offset) as usize)];
                if bytes.len() == len {
                    let read = file
                        .seek(SeekFrom::Start(part.preamble + offset - base))
                        .and_then(|_| file.read_exact(&mut bytes));
                    read.map_err(|e| SourceError::io(part.file.shown(), "read", e))?;
                    return Ok(Some(bytes));
                }
            }
            base += stream;
        }
        Err(SourceError::usage(
            &namespace.name,
            format!("{len} bytes at byte {offset} are not within one file of the record stream"),
            "use positions made from the same files",
        ))
    }

    fn single(
        &mut self,
        file: StoredFile,
        stem: &str,
        suffix: Suffix,
        dir: Option<&Path>,
        options: &OpenOptions,
    ) -> Result<(), SourceError> {
        let head = head(&file)?;
        if head.starts_with(&ARCHIVE_MAGIC) && options.format.is_none_or(|f| f == Format::Bson) {
            return self.archive(&file);
        }
        let schema = match dir {
            Some(dir) => Schema::beside(dir)?,
            None => None,
        };
        let metadata = match dir {
            Some(dir) if suffix == Suffix::Bson => Metadata::beside(dir, stem)?.map(|m| m.text),
            _ => None,
        };
        let dsbulk = locate::output_number(stem).is_some();
        let format = format(options, suffix, dsbulk, schema.is_some())
            .or_else(|| recognise_format(&head).map(|format| adjust(format, options, schema.is_some())))
            .ok_or_else(|| {
                SourceError::usage(
                    file.shown(),
                    "the format is not to be seen from the name or the first bytes",
                    "say which it is: bson, ndjson or csv",
                )
            })?;
        let stored_bytes = file.size();
        let part = Part::open(file, &head, format, options)?;
        self.namespaces.push(Namespace {
            name: stem.to_owned(),
            format,
            engine: engine(format, &head, schema.is_some()),
            seekable: part.seekable(),
            parts: vec![part],
            stored_bytes,
            metadata,
            identity: String::new(),
        });
        if format.is_text() {
            self.schemas.extend(schema);
        }
        Ok(())
    }

    fn archive(&mut self, file: &StoredFile) -> Result<(), SourceError> {
        let archive = Arc::new(Archive::open(file)?);
        for (name, collection) in &archive.collections {
            let why = match (collection.database.is_empty(), collection.view) {
                (true, _) => "the oplog is no collection of the dump",
                (_, true) => "a view has no documents of its own",
                (false, false) => {
                    self.namespaces.push(Namespace {
                        name: name.clone(),
                        format: Format::Bson,
                        engine: Engine::Mongo,
                        parts: vec![Part {
                            header: Vec::new(),
                            stream_bytes: None,
                            file: file.clone(),
                            preamble: 0,
                            archive: Some(archive.clone()),
                        }],
                        stored_bytes: file.size(),
                        seekable: false,
                        metadata: collection.metadata.clone(),
                        identity: String::new(),
                    });
                    continue;
                }
            };
            self.notices.push(format!(
                "{}: `{}` left aside: {why}",
                Shown(file.shown()),
                Shown(name)
            ));
        }
        Ok(())
    }

    fn directory(&mut self, dir: &Path, options: &OpenOptions) -> Result<(), SourceError> {
        let listing = locate::directory(dir)?;
        if listing.found.is_empty() {
            return Err(SourceError::usage(
                shown(dir),
                "the directory holds no data files",
                "expected .bson, .ndjson or .csv files here or one level below; name an archive file itself",
            ));
        }
        self.schemas = listing.schemas;
        self.notices = listing.notices;
        self.lost = listing.lost;
        for found in listing.found {
            self.namespaces.push(open_found(found, options)?);
        }
        Ok(())
    }
}

/// The namespace called `name`, see [`FileSource::find`].
pub(super) fn find<'n>(
    location: &str,
    all: &'n [Namespace],
    name: &str,
) -> Result<&'n Namespace, SourceError> {
    if let Some(exact) = all.iter().find(|ns| ns.name == name) {
        return Ok(exact);
    }
    let tail = |name: &str| name.split_once('.').map(|(_, tail)| tail.to_owned());
    let by_file: Vec<_> = all
        .iter()
        .filter(|ns| {
            ns.parts
                .iter()
                .any(|p| !p.in_archive() && Path::new(p.file()).ends_with(name))
        })
        .collect();
    let by_tail = || -> Vec<_> {
        all.iter()
            .filter(|ns| {
                tail(&ns.name).as_deref() == Some(name) || tail(name).as_deref() == Some(ns.name.as_str())
            })
            .collect()
    };
    let matches = if by_file.is_empty() { by_tail() } else { by_file };
    let (problem, advice) = match matches.as_slice() {
        [one] => return Ok(one),
        [] => ("no namespace", near(name, all)),
        several => (
            "more than one namespace matches",
            one_of(several.iter().map(|ns| ns.name.as_str())),
        ),
    };
    Err(SourceError::Namespace {
        location: location.into(),
        name: name.to_owned(),
        problem: problem.to_owned(),
        advice,
    })
}

fn open_found(found: Found, options: &OpenOptions) -> Result<Namespace, SourceError> {
    let format =
        format(options, found.suffix, found.dsbulk, found.schema).expect("directories list known suffixes");
    let mut parts: Vec<Part> = Vec::with_capacity(found.files.len());
    let mut seen = Engine::Unknown;
    for path in &found.files {
        let file = StoredFile::find(path, options.compression)?;
        let head = head(&file)?;
        if seen == Engine::Unknown {
            seen = engine(format, &head, found.schema);
        }
        let part = Part::open(file, &head, format, options)?;
        if let Some(first) = parts.first()
            && first.header != part.header
        {
            return Err(SourceError::usage(
                part.file(),
                format!("its header differs from that of {}", Shown(first.file())),
                "all files of one table must have the same columns in the same order; unload it again",
            ));
        }
        parts.push(part);
    }
    Ok(Namespace {
        name: found.name,
        format,
        engine: seen,
        stored_bytes: parts.iter().map(Part::stored_bytes).sum(),
        seekable: parts.iter().all(Part::seekable),
        parts,
        metadata: found.metadata,
        identity: String::new(),
    })
}

/// The format that options and name settle.
fn format(options: &OpenOptions, suffix: Suffix, dsbulk: bool, schema: bool) -> Option<Format> {
    let csv = |delimiter| Format::Csv {
        dialect: if dsbulk {
            DialectName::Dsbulk
        } else {
            DialectName::Rfc4180
        },
        delimiter,
    };
    options.format.or_else(|| match suffix {
        Suffix::Bson => Some(Format::Bson),
        Suffix::Json => Some(Format::Ndjson),
        Suffix::Csv => Some(adjust(csv(b','), options, schema && !dsbulk)),
        Suffix::Tsv => Some(adjust(csv(b'\t'), options, schema && !dsbulk)),
        Suffix::Other => None,
    })
}

/// A recognised format, with what the user says of dialect and delimiter. cqlsh is assumed beside a schema.
fn adjust(format: Format, options: &OpenOptions, cqlsh: bool) -> Format {
    match format {
        Format::Csv { dialect, delimiter } => Format::Csv {
            dialect: options
                .dialect
                .unwrap_or(if cqlsh { DialectName::Cqlsh } else { dialect }),
            delimiter: options.delimiter.unwrap_or(delimiter),
        },
        other => other,
    }
}

fn engine(format: Format, head: &[u8], schema: bool) -> Engine {
    match format {
        Format::Bson => Engine::Mongo,
        Format::Native => Engine::Cassandra,
        Format::Ndjson if has_extended_json(head) => Engine::Mongo,
        Format::Csv { dialect, .. } if schema || dialect != DialectName::Rfc4180 => Engine::Cassandra,
        Format::Ndjson | Format::Csv { .. } => Engine::Unknown,
    }
}

/// Names like `name`; failing that, the first few there are.
fn near(name: &str, all: &[Namespace]) -> String {
    let name = name.to_lowercase();
    let tail = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let close = |other: &str| {
        let other = other.to_lowercase();
        osa_distance(&name, &other) <= 2 || osa_distance(&tail(&name), &tail(&other)) <= 1
    };
    let names = || all.iter().map(|ns| ns.name.as_str());
    let nearest: Vec<&str> = names().filter(|other| close(other)).collect();
    if nearest.is_empty() {
        one_of(names())
    } else {
        one_of(nearest.into_iter())
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{}`", Shown(name))).collect();
    match names.len() {
        0 => "there are no namespaces here".to_owned(),
        n @ 1..=8 => format!(
            "{}: {}",
            if n == 1 { "there is" } else { "there are" },
            names.join(", ")
        ),
        n => format!("there are {n}, among them {}", names[..8].join(", ")),
    }
}
