//! Sources read from real and generated files, as a caller reads them.

mod archives;
mod layouts;
mod streams;

use std::fs;
use std::io::Write;
use std::path::Path;

use super::*;

pub(super) const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mongo");

/// A record as it came out: position and bytes.
pub(super) type Read = (Position, Vec<u8>);

pub(super) fn open(path: &Path, options: &OpenOptions) -> Result<FileSource, SourceError> {
    FileSource::open(path.to_str().unwrap(), options, &std::env::temp_dir())
}

pub(super) fn options(chunk_bytes: usize) -> OpenOptions {
    OpenOptions {
        chunk_bytes,
        ..OpenOptions::default()
    }
}

/// Everything a stream gives, with the error that ended it, if one did.
pub(super) fn drain(stream: &mut ChunkStream) -> (Vec<Read>, Option<SourceError>) {
    let mut records = Vec::new();
    let mut at = None;
    loop {
        match stream.next() {
            Ok(None) => return (records, None),
            Ok(Some(chunk)) => {
                assert!(!chunk.ends.is_empty());
                assert_eq!(chunk.ends.last(), Some(&chunk.data.len()));
                assert!(at.is_none_or(|at| at <= chunk.start), "chunks go forward");
                at = Some(chunk.end());
                assert_eq!(stream.position(), chunk.end());
                records.extend(chunk.records().map(|r| (r.at, r.bytes.to_vec())));
            }
            Err(error) => {
                let again = stream.next().expect_err("a broken stream stays broken");
                assert_eq!(again.to_string(), error.to_string());
                return (records, Some(error));
            }
        }
    }
}

pub(super) fn all(source: &FileSource, name: &str) -> Result<Vec<Read>, SourceError> {
    let namespace = source.find(name)?;
    let (records, error) = drain(&mut source.chunks(namespace, Position::START, None)?);
    match error {
        Some(error) => Err(error),
        None => Ok(records),
    }
}

/// Opens the only namespace of a file and reads it all.
pub(super) fn read_all(path: &Path, options: &OpenOptions) -> Result<Vec<Read>, SourceError> {
    let source = open(path, options)?;
    assert_eq!(source.namespaces().len(), 1);
    let name = source.namespaces()[0].name.clone();
    all(&source, &name)
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

/// Writes `bytes` plain and compressed; gives the three paths.
pub(super) fn three_ways(dir: &Path, name: &str, bytes: &[u8]) -> [std::path::PathBuf; 3] {
    let paths = [
        dir.join(name),
        dir.join(format!("{name}.gz")),
        dir.join(format!("{name}.zst")),
    ];
    fs::write(&paths[0], bytes).unwrap();
    fs::write(&paths[1], gzip(bytes)).unwrap();
    fs::write(&paths[2], zstd(bytes)).unwrap();
    paths
}

/// A BSON document `{n: <i32>, pad: <text>}`.
pub(super) fn document(n: i32, pad: usize) -> Vec<u8> {
    let mut body = b"\x10n\0".to_vec();
    body.extend(n.to_le_bytes());
    body.extend(b"\x02pad\0");
    body.extend(u32::try_from(pad + 1).unwrap().to_le_bytes());
    body.extend(vec![b'x'; pad]);
    body.extend([0, 0]);
    let mut out = u32::try_from(body.len() + 4).unwrap().to_le_bytes().to_vec();
    out.append(&mut body);
    out
}

/// A file's name, its preamble, its records.
type Sample = (&'static str, Vec<u8>, Vec<Vec<u8>>);

/// Records of the three formats, as they lie in a file.
pub(super) fn samples() -> Vec<Sample> {
    let bson = (0..60).map(|i| document(i, (i as usize * 37) % 300)).collect();
    let json = (0..60)
        .map(|i| {
            format!(
                "{}{{\"n\":{i},\"t\":\"{}\"}}\n",
                ["", "\n \r\n", " "][i % 3],
                "é".repeat(i)
            )
            .into_bytes()
        })
        .collect();
    let csv = (0..60)
        .map(|i| {
            format!(
                "{i},\"line\n\"\"{}\"\"\",5\" nail{}",
                "x".repeat(i),
                ["\n", "\r\n"][i % 2]
            )
            .into_bytes()
        })
        .collect();
    vec![
        ("s.bson", Vec::new(), bson),
        ("s.ndjson", b"\xef\xbb\xbf".to_vec(), json),
        ("s.csv", b"\xef\xbb\xbfn,\"a\nb\",c\r\n".to_vec(), csv),
    ]
}

#[test]
fn sources_and_streams_may_cross_threads() {
    fn crosses<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    crosses::<ChunkStream>();
    crosses::<Chunk>();
    shared::<FileSource>();
    shared::<SourceError>();
}
