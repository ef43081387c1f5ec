use super::*;
use proptest::prelude::*;

fn rows(dialect: &Dialect, text: &[u8]) -> Vec<Result<Vec<Vec<u8>>, Problem>> {
    let (mut rows, mut at, mut cells) = (Vec::new(), 0, Cells::new());
    while at < text.len() {
        let end = dialect.record_end(text, at).unwrap_or(text.len());
        assert!(end > at);
        let record = &text[at..end];
        if !Dialect::is_blank(record) {
            rows.push(dialect.split(record, &mut cells).and_then(|()| {
                cells
                    .iter()
                    .map(|c| {
                        let text = &record[c.start..c.end];
                        if c.escaped {
                            dialect.unescape(text)
                        } else {
                            Ok(text.to_vec())
                        }
                    })
                    .collect()
            }));
        }
        at = end;
    }
    rows
}

fn dialects() -> [Dialect; 4] {
    let tsv = Dialect {
        delimiter: b'\t',
        ..Dialect::rfc4180()
    };
    [Dialect::rfc4180(), Dialect::cqlsh(""), Dialect::dsbulk(), tsv]
}

fn one(dialect: &Dialect, record: &str) -> Result<Vec<String>, Problem> {
    let all = rows(dialect, record.as_bytes());
    assert_eq!(all.len(), 1);
    let cells = all.into_iter().next().unwrap()?;
    Ok(cells.into_iter().map(|c| String::from_utf8(c).unwrap()).collect())
}

#[test]
fn each_dialect_has_its_escapes() {
    let [rfc, cqlsh, dsbulk, tsv] = dialects();
    assert_eq!(
        one(&rfc, "a,\"b\"\"c\r\nd\",\"\"\r\n").unwrap(),
        ["a", "b\"c\r\nd", ""]
    );
    assert_eq!(one(&rfc, "a\"b,\\").unwrap(), ["a\"b", "\\"]);
    assert_eq!(one(&rfc, "a,\"b\"\"\"").unwrap(), ["a", "b\""]);
    assert_eq!(
        one(&cqlsh, "c:\\\\\\\\t,\"q, \\\"x\\\"\"\r\n").unwrap(),
        ["c:\\\\t", "q, \"x\""]
    );
    assert_eq!(one(&cqlsh, "a\\,\"b,c\n").unwrap(), ["a,\"b", "c"]);
    assert_eq!(
        one(&dsbulk, "c:\\t,\"a\\\"b\\\\c\\d\"\n").unwrap(),
        ["c:\\t", "a\"b\\c\\d"]
    );
    assert_eq!(one(&tsv, "a,b\tc").unwrap(), ["a,b", "c"]);
    let once = Dialect {
        escapes: Escapes::Once,
        ..cqlsh
    };
    assert_eq!(one(&once, "\"a\\nb \\\" c\\\\\"").unwrap(), ["a\\nb \" c\\\\"]);
}

#[test]
fn malformed_rows_are_named() {
    let [rfc, cqlsh, ..] = dialects();
    for (dialect, row) in [
        (&rfc, "\"a\"b,c"),
        (&rfc, "a,\"b"),
        (&cqlsh, "\"a\"\"b\""),
        (&cqlsh, "a\\"),
    ] {
        assert!(one(dialect, row).is_err(), "{row}");
    }
    let mut cells = crate::canon::csv::Cells::new();
    rfc.split(b"a,b,c\n", &mut cells).unwrap();
    assert_eq!(
        rfc.check_width(cells.len(), 5).unwrap_err().detail(),
        "row has 3 cells, header has 5"
    );
}

#[test]
fn headers_are_checked() {
    let rfc = Dialect::rfc4180();
    assert_eq!(
        rfc.parse_header(b"\xef\xbb\xbfid,\"a \"\"b\"\r\n").unwrap(),
        ["id", "a \"b"]
    );
    for bad in [
        &b"\xff\xfei\0d\0"[..],
        b"i\0d\0",
        b"a,b,a\n",
        b"",
        b"\xff\n",
        b"a,b\r1,2\r",
    ] {
        assert_eq!(
            rfc.parse_header(bad).unwrap_err().kind(),
            crate::model::ProblemKind::Malformed
        );
    }
}

proptest! {
    #[test]
    fn rfc4180_files_read_as_the_csv_crate_reads_them(
        table in prop::collection::vec(prop::collection::vec("[ab\",\r\n\\\\é ]{0,6}", 3), 1..6),
        crlf: bool, always: bool,
    ) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .quote_style(if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary })
            .from_writer(Vec::new());
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let ours = rows(&Dialect::rfc4180(), &text).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let theirs: Vec<Vec<Vec<u8>>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&text[..])
            .byte_records()
            .map(|r| r.unwrap().iter().map(<[u8]>::to_vec).collect())
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    /// Cutting a buffer anywhere never moves a record's end, and no record holds the end of another.
    #[test]
    fn record_ends_do_not_depend_on_the_buffer(text in "[a,\"\\\\\r\n]{0,40}", cut in 0usize..40) {
        let text = text.as_bytes();
        for dialect in dialects() {
            let whole = dialect.record_end(text, 0);
            let part = dialect.record_end(&text[..cut.min(text.len())], 0);
            prop_assert!(part.is_none() || part == whole);
            if let Some(end) = whole {
                prop_assert_eq!(dialect.record_end(&text[..end], 0), Some(end));
                prop_assert_eq!(text[end - 1], b'\n');
                let mut cells = crate::canon::csv::Cells::new();
                if dialect.split(&text[..end], &mut cells).is_ok() {
                    for cell in &cells {
                        // A line feed inside a cell is quoted or escaped.
                        let inside = &text[cell.start..cell.end];
                        prop_assert!(!inside.contains(&b'\n') || cell.quoted || cell.escaped);
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_split_or_refused(text: Vec<u8>) {
        for dialect in dialects() {
            rows(&dialect, &text);
            drop(dialect.parse_header(&text));
        }
    }
}

proptest! {
    #[test]
    fn near_finds_what_memchr_finds(
        bytes in proptest::collection::vec(prop::sample::select(vec![0u8, 1, b',', b'-', b'\\', 0x80, 0xac, 0xff]), 0..40),
    ) {
        for (a, b) in [(b',', b','), (b',', b'\\'), (0, 0x80), (0xff, 1)] {
            prop_assert_eq!(near(&bytes, a, b), memchr2(a, b, &bytes));
        }
    }
}
