//! mongodump archives: the real one against the dump directory, and broken ones.

use std::fs;
use std::path::PathBuf;

use super::super::crc64::Crc64;
use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(FIXTURES).join(name)
}

#[test]
fn an_archive_holds_what_the_dump_directory_holds() {
    let dir = tempfile::tempdir().unwrap();
    let zst = dir.path().join("shop.archive.zst");
    fs::write(&zst, zstd(&fs::read(fixture("shop.archive")).unwrap())).unwrap();
    let dump = open(&fixture("dump"), &OpenOptions::default()).unwrap();
    let names = ["shop.mixed_ids", "shop.orders", "shop.types"];
    for path in [fixture("shop.archive"), fixture("shop.archive.gz"), zst] {
        for size in [1, 999, 1 << 20] {
            let archive = open(&path, &options(size)).unwrap();
            assert_eq!(
                archive
                    .namespaces()
                    .iter()
                    .map(|ns| ns.name.as_str())
                    .collect::<Vec<_>>(),
                names
            );
            for name in names {
                assert_eq!(all(&archive, name).unwrap(), all(&dump, name).unwrap());
                let (inside, outside) = (archive.find(name).unwrap(), dump.find(name).unwrap());
                assert_eq!(inside.metadata, outside.metadata);
                assert_eq!(inside.engine, Engine::Mongo);
                assert!(!inside.seekable && archive.read_at(inside, 0, 5).unwrap().is_none());
            }
        }
    }
    assert_eq!(all(&dump, "shop.orders").unwrap().len(), 2000);
}

fn block(header: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut out = header.to_vec();
    out.extend(bodies.concat());
    out.extend([0xff; 4]);
    out
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let mut out = b"\x02".to_vec();
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(u32::try_from(value.len() + 1).unwrap().to_le_bytes());
    out.extend(value.as_bytes());
    out.push(0);
    out
}

fn wrap(fields: &[Vec<u8>]) -> Vec<u8> {
    let mut out = u32::try_from(fields.concat().len() + 5)
        .unwrap()
        .to_le_bytes()
        .to_vec();
    out.extend(fields.concat());
    out.push(0);
    out
}

fn header(name: &str, end: Option<u64>) -> Vec<u8> {
    let eof = [b"\x08EOF\0".as_slice(), &[u8::from(end.is_some())]].concat();
    let crc = [b"\x12CRC\0".as_slice(), &end.unwrap_or(0).to_le_bytes()].concat();
    wrap(&[text("db", "d"), text("collection", name), eof, crc])
}

fn prelude(names: &[(&str, &str)]) -> Vec<u8> {
    prelude_with(names, "")
}

fn prelude_with(names: &[(&str, &str)], metadata: &str) -> Vec<u8> {
    let mut bodies = Vec::new();
    for (name, kind) in names {
        bodies.push(wrap(&[
            text("db", "d"),
            text("collection", name),
            text("metadata", metadata),
            text("type", kind),
        ]));
    }
    let mut out = 0x8199_e26d_u32.to_le_bytes().to_vec();
    out.extend(block(
        &wrap(&[text("version", "0.1"), text("server_version", "7.0.0")]),
        &bodies,
    ));
    out
}

fn crc(records: &[Vec<u8>]) -> u64 {
    let mut crc = Crc64::new();
    crc.update(&records.concat());
    crc.value()
}

/// Two interleaved collections, an empty one and a view.
struct Sample {
    a: Vec<Vec<u8>>,
    b: Vec<Vec<u8>>,
    blocks: Vec<Vec<u8>>,
}

fn sample() -> Sample {
    let a: Vec<_> = (0..6).map(|i| document(i, i as usize * 11)).collect();
    let b: Vec<_> = (0..4).map(|i| document(i, 90)).collect();
    let blocks = vec![
        prelude(&[("a", "collection"), ("b", ""), ("e", "collection"), ("v", "view")]),
        block(&header("a", None), &a[..2]),
        block(&header("b", None), &b[..3]),
        block(&header("a", None), &a[2..]),
        block(&header("a", Some(crc(&a))), &[]),
        block(&header("e", Some(0)), &[]),
        block(&header("b", None), &b[3..]),
        block(&header("b", Some(crc(&b))), &[]),
        block(&header("v", Some(0)), &[]),
    ];
    Sample { a, b, blocks }
}

fn read(bytes: &[u8], name: &str) -> Result<Vec<Vec<u8>>, SourceError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.archive");
    fs::write(&path, bytes).unwrap();
    let source = open(&path, &options(64))?;
    Ok(all(&source, name)?.into_iter().map(|r| r.1).collect())
}

#[test]
fn collections_are_taken_apart() {
    let Sample { a, b, blocks } = sample();
    let bytes = blocks.concat();
    assert_eq!(read(&bytes, "d.a").unwrap(), a);
    assert_eq!(read(&bytes, "b").unwrap(), b);
    assert_eq!(read(&bytes, "d.e").unwrap(), [[0u8; 0]; 0]);
    let error = read(&bytes, "d.v").expect_err("a view is no namespace");
    assert_eq!(error.kind(), SourceErrorKind::NotFound);
}

#[test]
fn any_cut_archive_is_an_error() {
    let bytes = sample().blocks.concat();
    for cut in 4..bytes.len() {
        // What follows the view's announcement may be missing: a view needs no end mark.
        let whole = cut == bytes.len() - sample().blocks[8].len();
        for name in ["d.a", "d.b"] {
            assert_eq!(read(&bytes[..cut], name).is_ok(), whole, "{cut}");
        }
    }
}

#[test]
fn any_cut_of_the_compressed_archive_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.archive.gz");
    let bytes = gzip(&sample().blocks.concat());
    for cut in 0..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let read = open(&path, &options(64)).and_then(|source| all(&source, "d.a"));
        assert_eq!(read.expect_err("cut").kind(), SourceErrorKind::Corrupt, "{cut}");
    }
}

#[test]
fn no_byte_may_be_changed_unseen() {
    let Sample { a, blocks, .. } = sample();
    let bytes = blocks.concat();
    let documents: Vec<_> = [1, 3]
        .map(|i| {
            let start = blocks[..i].concat().len() + header("a", None).len();
            start..start + blocks[i].len() - header("a", None).len() - 4
        })
        .to_vec();
    for at in blocks[0].len()..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        // Damage to another collection's data is found when that one is read.
        if let Ok(read) = read(&damaged, "d.a") {
            assert_eq!(read, a, "{at}");
            assert!(
                !documents.iter().any(|d| d.contains(&at)),
                "damage to a document at {at}"
            );
        }
    }
}

#[test]
fn broken_structure_is_told() {
    let Sample { a, blocks, .. } = sample();
    let with = |at: usize, what: Vec<u8>| {
        let mut blocks = blocks.clone();
        blocks.insert(at, what);
        blocks.concat()
    };
    let without = |at: usize| {
        let mut blocks = blocks.clone();
        blocks.remove(at);
        blocks.concat()
    };
    let replaced = |at: usize, what: Vec<u8>| {
        let mut blocks = blocks.clone();
        blocks[at] = what;
        blocks.concat()
    };
    let cases = [
        (with(9, block(&header("zz", None), &a)), "documents of `d.zz`"),
        (
            with(9, block(&header("a", None), &a)),
            "more of `d.a` after its end mark",
        ),
        (
            with(5, block(&header("a", Some(0)), &[])),
            "more of `d.a` after its end mark",
        ),
        (without(3), "checksum"),
        (without(4), "the end mark of `d.a`"),
        (without(5), "the end mark of `d.e`"),
        (
            replaced(4, block(&header("a", Some(crc(&a))), &a)),
            "documents after a collection's end",
        ),
        (with(3, vec![0xff; 4]), "a document length of -1 bytes"),
        (
            with(3, block(&wrap(&[text("db", "d")]), &[])),
            "a damaged block header",
        ),
        (
            replaced(0, prelude(&[("a", ""), ("a", ""), ("b", ""), ("e", "")])),
            "announced twice",
        ),
        (
            replaced(0, prelude_with(&[("a", "")], "{\"indexes\":[u]}")),
            "metadata of d.a that are no JSON",
        ),
    ];
    for (bytes, told) in cases {
        let error = read(&bytes, "d.a").expect_err(told);
        assert_eq!(error.kind(), SourceErrorKind::Corrupt);
        assert!(error.to_string().contains(told), "{error}\nexpected: {told}");
    }
}

#[test]
fn long_names_and_hostile_lengths_are_survived() {
    let long = "n".repeat(100_000);
    let bytes = [prelude(&[(&long, "")]), block(&header(&long, Some(0)), &[])].concat();
    assert!(read(&bytes, &format!("d.{long}")).unwrap().is_empty());
    for length in [
        0u32,
        4,
        0x7fff_ffff,
        0x8000_0000,
        MAX_BSON as u32 + 1,
        MAX_BSON as u32,
    ] {
        let mut bytes = sample().blocks[0].clone();
        bytes.extend(length.to_le_bytes());
        bytes.extend([0; 100]);
        assert!(read(&bytes, "d.a").is_err());
        let mut bytes = 0x8199_e26d_u32.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        assert!(read(&bytes, "d.a").is_err());
    }
}

#[test]
fn slices_of_an_archive_tile() {
    let archive = open(&fixture("shop.archive"), &options(5000)).unwrap();
    let orders = archive.find("orders").unwrap();
    let whole = all(&archive, "orders").unwrap();
    let bounds: Vec<Position> = [0, 1, 700, 701, 1999].map(|i: usize| whole[i].0).to_vec();
    let mut read = Vec::new();
    for (i, from) in bounds.iter().enumerate() {
        let (part, error) = drain(&mut archive.chunks(orders, *from, bounds.get(i + 1).copied()).unwrap());
        assert!(error.is_none());
        read.extend(part);
    }
    assert_eq!(read, whole);
}
