//! Locations: which files make which namespaces, and how names are found.

use std::fs;

use super::*;

fn names(source: &FileSource) -> Vec<&str> {
    source.namespaces().iter().map(|ns| ns.name.as_str()).collect()
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn open_error(path: &Path, options: &OpenOptions) -> SourceError {
    open(path, options).expect_err("an error")
}

#[test]
fn a_dump_may_be_named_at_each_level() {
    let dump = Path::new(FIXTURES).join("dump");
    let options = OpenOptions::default();
    let expected = ["shop.mixed_ids", "shop.orders", "shop.types"];
    for path in [dump.clone(), dump.join("shop"), dump.join("shop/")] {
        let source = open(&path, &options).unwrap();
        assert_eq!(names(&source), expected);
        assert!(source.notices().is_empty(), "{:?}", source.notices());
        for name in ["shop.orders", "orders", "orders.bson", "shop/orders.bson"] {
            let found = source.find(name).unwrap();
            assert_eq!(found.name, "shop.orders");
            assert!(
                found
                    .metadata
                    .as_ref()
                    .unwrap()
                    .contains("customer_id_1_created_at_-1")
            );
            assert!(found.seekable);
        }
        let error = source.find("shop.order").expect_err("no such name");
        assert_eq!(error.kind(), SourceErrorKind::NotFound);
        assert!(error.to_string().contains("`shop.orders`"), "{error}");
    }
    let source = open(&dump.join("shop/orders.bson"), &options).unwrap();
    assert_eq!(names(&source), ["orders"]);
    assert_eq!(source.find("shop.orders").unwrap().engine, Engine::Mongo);
    assert_eq!(all(&source, "orders").unwrap().len(), 2000);
}

#[test]
fn ndjson_of_mongoexport() {
    let source = open(
        &Path::new(FIXTURES).join("orders.relaxed.ndjson"),
        &OpenOptions::default(),
    )
    .unwrap();
    assert_eq!(source.namespaces()[0].engine, Engine::Mongo);
    assert_eq!(all(&source, "orders.relaxed").unwrap().len(), 2000);
}

#[test]
fn names_of_collections_are_restored_and_the_rest_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let cut = format!("{}%24{}", "n".repeat(208), "h".repeat(27));
    write(dir, "d/a%2Fb.bson", document(1, 1));
    write(dir, &format!("d/{cut}.bson.gz"), gzip(&document(2, 1)));
    write(
        dir,
        &format!("d/{cut}.metadata.json.gz"),
        gzip(b"{\"collectionName\":\"long$name\"}"),
    );
    write(dir, "d/view.metadata.json", "{\"type\":\"view\"}");
    write(dir, "d/lost.metadata.json", "{\"type\":\"collection\"}");
    write(dir, "d/ts.metadata.json", "{\"type\":\"timeseries\"}");
    write(dir, "d/system.buckets.ts.bson", "");
    write(dir, "oplog.bson", document(3, 1));
    write(dir, "d/notes.txt", "hello");
    let source = open(dir, &OpenOptions::default()).unwrap();
    assert_eq!(names(&source), ["d.a/b", "d.long$name", "d.system.buckets.ts"]);
    let told = source.notices().join("\n");
    for word in [
        "view.metadata.json",
        "lost.metadata.json",
        "oplog.bson",
        "notes.txt",
    ] {
        assert!(told.contains(word), "{told}");
    }
    assert_eq!(source.notices().len(), 4, "{told}");
    fs::remove_file(dir.join(format!("d/{cut}.metadata.json.gz"))).unwrap();
    assert!(
        open_error(dir, &OpenOptions::default())
            .to_string()
            .contains("shortened form")
    );
}

#[test]
fn tables_of_cassandra() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    write(dir, "orders.csv", "id,v\n1,a\\\nb\n");
    write(dir, "plain.tsv", "id\tv\n1\t2\n");
    write(
        dir,
        "schema.cql",
        "CREATE TABLE shop.orders (id int PRIMARY KEY, v text);",
    );
    write(dir, "items/output-000002.csv", "id,v\n3,4\n");
    write(dir, "items/output-000010.csv", "id,v\n");
    write(dir, "items/output-000001.csv", "id,v\n1,2\n2,3");
    let source = open(dir, &OpenOptions::default()).unwrap();
    assert_eq!(names(&source), ["items", "orders", "plain"]);
    assert!(source.schemas()[0].text.starts_with("CREATE TABLE"));
    let csv = |dialect, delimiter| Format::Csv { dialect, delimiter };
    assert_eq!(
        source.find("orders").unwrap().format,
        csv(DialectName::Cqlsh, b',')
    );
    assert_eq!(
        source.find("plain").unwrap().format,
        csv(DialectName::Cqlsh, b'\t')
    );
    assert_eq!(
        source.find("shop.items").unwrap().format,
        csv(DialectName::Dsbulk, b',')
    );
    assert_eq!(source.find("orders").unwrap().engine, Engine::Cassandra);
    let items = all(&source, "items").unwrap();
    let texts: Vec<_> = items.iter().map(|r| String::from_utf8_lossy(&r.1)).collect();
    assert_eq!(texts, ["1,2\n", "2,3", "3,4\n"]);
    assert_eq!(items[2].0, Position { offset: 7, record: 2 });
    let namespace = source.find("items").unwrap();
    for (at, bytes) in &items {
        assert_eq!(
            source
                .read_at(namespace, at.offset, bytes.len())
                .unwrap()
                .as_ref(),
            Some(bytes)
        );
        let (rest, error) = drain(&mut source.chunks(namespace, *at, None).unwrap());
        assert!(error.is_none());
        assert_eq!(rest, items[at.record as usize..]);
    }

    write(dir, "items/output-000003.csv", "v,id\n3,4\n");
    assert!(
        open_error(dir, &OpenOptions::default())
            .to_string()
            .contains("its header differs")
    );
    let headerless = OpenOptions {
        header: false,
        ..OpenOptions::default()
    };
    assert_eq!(all(&open(dir, &headerless).unwrap(), "items").unwrap().len(), 8);
}

#[test]
fn empty_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for name in ["a.bson", "a.ndjson", "b.json.gz", "c.bson.zst"] {
        write(
            dir,
            name,
            if name.ends_with("gz") {
                gzip(b"")
            } else if name.ends_with("zst") {
                zstd(b"")
            } else {
                vec![]
            },
        );
        assert_eq!(
            read_all(&dir.join(name), &OpenOptions::default()).unwrap(),
            [],
            "{name}"
        );
    }
    write(dir, "only.csv", "a,b");
    assert_eq!(
        read_all(&dir.join("only.csv"), &OpenOptions::default()).unwrap(),
        []
    );
    for (name, told) in [
        ("e.csv", "empty file: no header line"),
        ("e.dat", "the format is not to be seen"),
    ] {
        write(dir, name, "");
        assert!(
            open_error(&dir.join(name), &OpenOptions::default())
                .to_string()
                .contains(told)
        );
    }
    for compression in [Compression::Gzip, Compression::Zstd] {
        let given = OpenOptions {
            format: Some(Format::Ndjson),
            compression: Some(compression),
            ..OpenOptions::default()
        };
        let error = open_error(&dir.join("e.dat"), &given);
        assert_eq!(error.kind(), SourceErrorKind::Corrupt, "{error}");
    }
    write(dir, "f.csv", "\n1,2\n");
    assert!(
        open_error(&dir.join("f.csv"), &OpenOptions::default())
            .to_string()
            .contains("the first line is empty")
    );
    fs::create_dir(dir.join("nothing")).unwrap();
    assert!(
        open_error(&dir.join("nothing"), &OpenOptions::default())
            .to_string()
            .contains("no data files")
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (name, bytes, told) in [
        ("a.csv", &b"\xff\xfea\0,\0"[..], "iconv"),
        ("a.json", b"[{\"a\":1}]", "jq -c '.[]?'"),
        ("b.json", b"{\n  \"a\": 1\n}\n", "jq -c ."),
        ("c.csv", b"\"a,b\n1,2\n", "inside a quoted field"),
    ] {
        write(dir, name, bytes);
        let error = open_error(&dir.join(name), &OpenOptions::default());
        assert!(error.to_string().contains(told), "{error}");
    }
    let missing = open_error(&dir.join("none.bson"), &OpenOptions::default());
    assert_eq!(missing.kind(), SourceErrorKind::NotFound);
    write(dir, "two/x.csv", "a\n");
    write(dir, "two/x.ndjson", "");
    let both = open_error(&dir.join("two"), &OpenOptions::default());
    assert_eq!(both.kind(), SourceErrorKind::Usage);
    assert!(both.to_string().contains("x.ndjson"), "{both}");
}

#[test]
fn a_stream_is_spooled_privately_and_cleaned_up() {
    let dir = tempfile::tempdir().unwrap();
    let records = [document(1, 5), document(2, 5)].concat();
    let file = spool::copy(
        gzip(&records).as_slice(),
        "standard input".into(),
        dir.path(),
        None,
    )
    .unwrap();
    let spooled: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(spooled.len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&spooled[0]).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert_eq!(
        (file.shown().as_ref(), file.compression()),
        ("standard input", Compression::Gzip)
    );
    let clone = file.clone();
    drop(file);
    assert!(spooled[0].exists());
    drop(clone);
    assert!(!spooled[0].exists());
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_more_than_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders.bson");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || fs::write(path, [document(1, 5), document(2, 5)].concat()))
    };
    let spool = dir.path().join("spool");
    fs::create_dir(&spool).unwrap();
    let source = FileSource::open(path.to_str().unwrap(), &OpenOptions::default(), &spool).unwrap();
    writer.join().unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(all(&source, "orders").unwrap().len(), 2);
    }
    drop(source);
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 0);
}

#[test]
fn only_the_dump_s_own_prelude_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["prelude.json", "shop/prelude.json.gz"] {
        write(dir.path(), name, "{}");
    }
    for name in ["prelude.ndjson", "shop/prelude.jsonl", "other/Prelude.json"] {
        write(dir.path(), name, "{\"_id\":1}\n");
    }
    let source = open(dir.path(), &OpenOptions::default()).unwrap();
    assert_eq!(names(&source), ["other.Prelude", "prelude", "shop.prelude"]);
    assert!(source.notices().is_empty(), "{:?}", source.notices());
}
