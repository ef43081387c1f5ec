//! Chunks: same records whatever the chunk size, the compression or the slicing; damage is never a clean end.

use std::fs;

use proptest::prelude::*;

use super::*;

fn expected(records: &[Vec<u8>]) -> Vec<Read> {
    let mut offset = 0;
    let number = |(i, bytes): (usize, &Vec<u8>)| {
        let at = Position {
            offset,
            record: i as u64,
        };
        offset += bytes.len() as u64;
        (at, bytes.clone())
    };
    records.iter().enumerate().map(number).collect()
}

fn whole(preamble: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = preamble.to_vec();
    bytes.extend(records.concat());
    bytes
}

#[test]
fn every_format_compression_and_chunk_size_gives_the_same_records() {
    let dir = tempfile::tempdir().unwrap();
    for (name, preamble, records) in samples() {
        for path in three_ways(dir.path(), name, &whole(&preamble, &records)) {
            for size in [1, 2, 3, 7, 64, 100, 1000, 4096, 1 << 20] {
                let source = open(&path, &options(size)).unwrap();
                assert_eq!(all(&source, "s").unwrap(), expected(&records), "{path:?} {size}");
            }
        }
    }
}

#[test]
fn a_csv_header_is_kept_and_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    fs::write(&path, "\u{feff}id,\"a\nb\"\r\n1,2\n").unwrap();
    let source = open(&path, &options(100)).unwrap();
    let namespace = &source.namespaces()[0];
    assert_eq!(namespace.parts[0].header, b"id,\"a\nb\"");
    let chunk = source
        .chunks(namespace, Position::START, None)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(
        (chunk.data.as_slice(), chunk.file_offset),
        (b"1,2\n".as_slice(), Some(13))
    );
    assert_eq!(
        source.read_at(namespace, 2, 2).unwrap().as_deref(),
        Some(b"2\n".as_slice())
    );
    assert!(source.read_at(namespace, 2, 3).is_err());
}

#[test]
fn stored_bytes_read_ends_at_the_total() {
    let dir = tempfile::tempdir().unwrap();
    for (name, preamble, records) in samples() {
        for path in three_ways(dir.path(), name, &whole(&preamble, &records)) {
            let source = open(&path, &options(100)).unwrap();
            let namespace = &source.namespaces()[0];
            let mut stream = source.chunks(namespace, Position::START, None).unwrap();
            assert!(drain(&mut stream).1.is_none());
            let total = fs::metadata(&path).unwrap().len();
            assert_eq!(
                (stream.stored_bytes_read(), namespace.stored_bytes),
                (total, total)
            );
        }
    }
}

#[test]
fn slices_tile() {
    let dir = tempfile::tempdir().unwrap();
    for (name, preamble, mut records) in samples() {
        // Without its line end the last record ends with the file.
        if name != "s.bson" {
            let last = records.last_mut().unwrap();
            last.truncate(last.trim_ascii_end().len());
        }
        let expected = expected(&records);
        for path in three_ways(dir.path(), name, &whole(&preamble, &records)) {
            let source = open(&path, &options(200)).unwrap();
            let namespace = &source.namespaces()[0];
            let end = Position {
                offset: records.concat().len() as u64,
                record: records.len() as u64,
            };
            let bounds: Vec<Position> = expected.iter().map(|r| r.0).chain([end]).collect();
            for (i, from) in bounds.iter().enumerate() {
                for to in [i, i + 1, i + 5, records.len()] {
                    let Some(to) = bounds.get(to) else { continue };
                    let mut stream = source.chunks(namespace, *from, Some(*to)).unwrap();
                    let (read, error) = drain(&mut stream);
                    assert!(error.is_none(), "{error:?}");
                    assert_eq!(read, expected[i..to.record as usize], "{path:?} {from:?} {to:?}");
                }
                let (read, error) = drain(&mut source.chunks(namespace, *from, None).unwrap());
                assert_eq!((read.as_slice(), error.is_none()), (&expected[i..], true));
            }
        }
    }
}

#[test]
fn slices_tile_over_many_parts_of_any_packing() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("t");
    fs::create_dir(&table).unwrap();
    let parts = ["1,a\n2,b\n", "", "3,\"c\n\"", "4,d\n5,e", "6,f\r\n"];
    for (i, text) in parts.iter().enumerate() {
        let bytes = format!("id,v\n{text}").into_bytes();
        let (name, bytes) = match i {
            0 | 2 => (format!("output-{i:06}.csv"), bytes),
            1 | 3 => (format!("output-{i:06}.csv.gz"), gzip(&bytes)),
            _ => (format!("output-{i:06}.csv.zst"), zstd(&bytes)),
        };
        fs::write(table.join(name), bytes).unwrap();
    }
    let records = ["1,a\n", "2,b\n", "3,\"c\n\"", "4,d\n", "5,e", "6,f\r\n"].map(|r| r.as_bytes().to_vec());
    let expected = expected(&records);
    for size in [1, 5, 1000] {
        let source = open(dir.path(), &options(size)).unwrap();
        let namespace = source.find("t").unwrap();
        assert!(!namespace.seekable);
        assert_eq!(all(&source, "t").unwrap(), expected);
        for (i, from) in expected.iter().enumerate() {
            for (j, to) in expected.iter().enumerate().skip(i) {
                let (read, error) = drain(&mut source.chunks(namespace, from.0, Some(to.0)).unwrap());
                assert!(error.is_none(), "{error:?}");
                assert_eq!(read, expected[i..j]);
            }
            let mut stream = source.chunks(namespace, from.0, None).unwrap();
            assert_eq!(drain(&mut stream).0, expected[i..]);
            assert_eq!(stream.stored_bytes_read(), namespace.stored_bytes);
        }
    }
}

#[test]
fn positions_that_are_no_boundaries_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, preamble, records) in samples() {
        for path in three_ways(dir.path(), name, &whole(&preamble, &records)) {
            let source = open(&path, &options(64)).unwrap();
            let namespace = &source.namespaces()[0];
            let inside = Position {
                offset: records[0].len() as u64 + 3,
                record: 1,
            };
            let beyond = Position {
                offset: records.concat().len() as u64 + 1,
                record: 61,
            };
            for (from, to) in [
                (inside, None),
                (Position::START, Some(inside)),
                (beyond, None),
                (Position::START, Some(beyond)),
            ] {
                let (_, error) = drain(&mut source.chunks(namespace, from, to).unwrap());
                let error = error.expect("refused");
                // A zero byte before the position is all that can be asked of BSON; then its lengths do not fit.
                let plain = error.kind() == SourceErrorKind::Usage;
                assert!(
                    plain || (name == "s.bson" && error.kind() == SourceErrorKind::Corrupt),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn any_cut_is_an_error_or_a_record_boundary() {
    let dir = tempfile::tempdir().unwrap();
    for (name, preamble, records) in samples() {
        let records = &records[..12];
        let expected = expected(records);
        let paths = three_ways(dir.path(), name, &whole(&preamble, records));
        let line_end = |bytes: &[u8]| bytes.trim_ascii_end().to_vec();
        for (i, path) in paths.iter().enumerate() {
            let bytes = fs::read(path).unwrap();
            for cut in 0..bytes.len() {
                let short = dir
                    .path()
                    .join(format!("cut-{}", path.file_name().unwrap().to_str().unwrap()));
                fs::write(&short, &bytes[..cut]).unwrap();
                let (read, error) = match open(&short, &options(50)) {
                    Err(error) => (Vec::new(), Some(error)),
                    Ok(source) => drain(
                        &mut source
                            .chunks(&source.namespaces()[0], Position::START, None)
                            .unwrap(),
                    ),
                };
                let clean = error.is_none();
                assert!(
                    !clean || i == 0,
                    "a cut compressed file must not end cleanly: {short:?} {cut}"
                );
                let whole = read.len() - usize::from(clean && !read.is_empty());
                assert_eq!(read[..whole], expected[..whole], "{short:?} {cut}");
                match (clean, name) {
                    (true, "s.bson") => assert_eq!(read.concat_len(), cut),
                    // A cut inside an unquoted last field cannot be seen here: the record is then short.
                    (true, _) if whole < read.len() && cut >= preamble.len() => {
                        assert!(line_end(&expected[whole].1).starts_with(&line_end(&read[whole].1)));
                    }
                    _ => {}
                }
            }
        }
    }
}

trait ConcatLen {
    fn concat_len(&self) -> usize;
}

impl ConcatLen for Vec<Read> {
    fn concat_len(&self) -> usize {
        self.iter().map(|r| r.1.len()).sum()
    }
}

#[test]
fn a_lying_length_ends_the_stream_after_what_came_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.bson");
    let good = [document(1, 10), document(2, 20)];
    for lie in [0i32, 4, -1, i32::MAX, (MAX_BSON + 1) as i32, 12, 40, 1000] {
        let mut bytes = good.concat();
        let mut bad = document(3, 30);
        bad[..4].copy_from_slice(&lie.to_le_bytes());
        bytes.extend(bad);
        bytes.extend(document(4, 40));
        fs::write(&path, &bytes).unwrap();
        for size in [1, 1 << 20] {
            let source = open(&path, &options(size)).unwrap();
            let (read, error) = drain(
                &mut source
                    .chunks(&source.namespaces()[0], Position::START, None)
                    .unwrap(),
            );
            let error = error.expect("an error");
            assert_eq!(error.kind(), SourceErrorKind::Corrupt);
            let at = format!("t.bson at byte {}: ", good.concat().len());
            assert!(error.to_string().contains(&at), "{error}");
            assert_eq!(read, expected(&good), "{lie}");
        }
    }
}

#[test]
fn trailing_garbage_after_compressed_data_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("t.bson.gz", gzip(&document(1, 5))),
        ("t.bson.zst", zstd(&document(1, 5))),
    ] {
        let path = dir.path().join(name);
        for garbage in [&b"x"[..], b"\0", b"\x1f", b"\x28\xb5", b"garbage garbage garbage"] {
            fs::write(&path, [&bytes, garbage].concat()).unwrap();
            let source = open(&path, &options(100));
            let error = source.and_then(|s| all(&s, "t")).expect_err("garbage");
            assert_eq!(error.kind(), SourceErrorKind::Corrupt, "{error}");
        }
        fs::write(&path, [bytes.as_slice(), &bytes].concat()).unwrap();
        assert_eq!(
            read_all(&path, &options(100)).unwrap().len(),
            2,
            "members and frames may follow each other"
        );
    }
}

#[test]
fn records_up_to_the_limit_and_not_beyond() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.bson");
    let big = document(1, MAX_BSON - document(0, 0).len());
    fs::write(&path, [big.clone(), document(2, 1)].concat()).unwrap();
    let read = read_all(&path, &options(1 << 20)).unwrap();
    assert_eq!(
        read.iter().map(|r| r.1.len()).collect::<Vec<_>>(),
        [MAX_BSON, document(2, 1).len()]
    );

    let path = dir.path().join("t.csv");
    let mut text = b"a\n1\n\"".to_vec();
    text.resize(MAX_RECORD + 100, b'x');
    fs::write(&path, &text).unwrap();
    let source = open(&path, &options(1 << 20)).unwrap();
    let (read, error) = drain(
        &mut source
            .chunks(&source.namespaces()[0], Position::START, None)
            .unwrap(),
    );
    assert_eq!(read.len(), 1);
    assert!(
        error
            .unwrap()
            .to_string()
            .contains("t.csv at byte 4: no end of record within 64 MiB")
    );
}

#[test]
fn a_file_that_changes_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.bson");
    fs::write(&path, vec![document(1, 10); 100].concat()).unwrap();
    let source = open(&path, &options(64)).unwrap();
    let mut stream = source
        .chunks(&source.namespaces()[0], Position::START, None)
        .unwrap();
    stream.next().unwrap();
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(&document(2, 10))
        .unwrap();
    let (_, error) = drain(&mut stream);
    assert!(matches!(error, Some(SourceError::Changed { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random records, random chunk size, random cuts: laid end to end, the slices are the whole.
    #[test]
    fn random_slices_tile(
        format in 0usize..3,
        packing in 0usize..3,
        sizes in prop::collection::vec(0usize..400, 0..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        chunk in 1usize..2000,
    ) {
        let records: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| match format {
            0 => document(i as i32, *size),
            1 => format!("{{\"a\":\"{}\"}}\n", "b".repeat(*size)).into_bytes(),
            _ => format!("{i},\"{}\"\n", "\"\"\n".repeat(*size)).into_bytes(),
        }).collect();
        let (name, preamble): (_, &[u8]) = [("s.bson", &b""[..]), ("s.jsonl", b""), ("s.csv", b"a,b\n")][format];
        let dir = tempfile::tempdir().unwrap();
        let path = three_ways(dir.path(), name, &whole(preamble, &records))[packing].clone();
        let expected = expected(&records);
        let source = open(&path, &options(chunk)).unwrap();
        let namespace = &source.namespaces()[0];
        let mut bounds: Vec<Position> = cuts.iter().filter(|_| !expected.is_empty())
            .map(|cut| cut.get(&expected).0).collect();
        bounds.push(Position::START);
        bounds.sort();
        let mut read = Vec::new();
        for (i, from) in bounds.iter().enumerate() {
            let (part, error) = drain(&mut source.chunks(namespace, *from, bounds.get(i + 1).copied()).unwrap());
            prop_assert!(error.is_none(), "{:?}", error);
            read.extend(part);
        }
        prop_assert_eq!(read, expected);
    }
}
