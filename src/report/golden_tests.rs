//! One snapshot per format. `ASSAY_BLESS=1` writes them anew.
#![expect(clippy::disallowed_methods, reason = "tests read their golden files")]

use super::sample;
use super::*;
use std::path::PathBuf;

fn rendered(renderer: &dyn Render, report: &Report) -> String {
    let mut out = Vec::new();
    let written = renderer
        .render(report, &mut report.sampled().map(Ok), &mut out)
        .unwrap();
    assert!(written <= report.total());
    String::from_utf8(out).unwrap()
}

fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/reports")
        .join(name);
    if std::env::var_os("ASSAY_BLESS").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{name} differs; look, then ASSAY_BLESS=1 to accept:\n{actual}"
    );
}

#[test]
fn every_format_and_sample() {
    for (name, report) in [
        ("clean", sample::clean()),
        ("full", sample::full()),
        ("failed", sample::failed()),
    ] {
        golden(
            &format!("{name}.txt.golden"),
            &rendered(&Text::default(), &report),
        );
        golden(&format!("{name}.json.golden"), &rendered(&Json, &report));
        golden(
            &format!("{name}.verdict.json.golden"),
            &report.verdict.as_ref().unwrap().to_json(),
        );
    }
    let full = sample::full();
    golden("full.ndjson.golden", &rendered(&Ndjson, &full));
    golden("full.csv.golden", &rendered(&Csv, &full));
    golden(
        "full.narrow.txt.golden",
        &rendered(
            &Text {
                colour: true,
                width: 60,
                divergences: 1,
            },
            &full,
        ),
    );
}

#[test]
fn what_is_written_reads_back() {
    for report in [sample::clean(), sample::full(), sample::failed()] {
        let json = rendered(&Json, &report);
        assert_eq!(Report::read(json.as_bytes()).unwrap(), report);
        let newer = json.replace("assay.report/1", "assay.report/2");
        assert!(
            Report::read(newer.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("assay.report/2")
        );
    }
}

#[test]
fn nothing_dangerous_reaches_a_terminal() {
    let mut report = sample::full();
    report.result.compares[0].name = "or\x1b]0;ders\u{202e}".into();
    report.result.compares[0].divergences.items[1].fields[0].path = "a\rb".into();
    sample::judge(&mut report, &sample::policy());
    let text = rendered(&Text::default(), &report);
    assert!(!text.contains(['\x1b', '\u{202e}', '\r']), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn history_is_no_part_of_the_deterministic_bytes() {
    let report = sample::full();
    let mut other = report.clone();
    other.result.compares[0].divergences.items[1].first_seen = None;
    assert_eq!(
        deterministic_bytes(&report.result),
        deterministic_bytes(&other.result)
    );
    other.result.compares[0].coverage.records.stable += 1;
    assert_ne!(result_digest(&report.result), result_digest(&other.result));
}

#[test]
fn errors_of_the_stream_and_of_the_sink_come_through() {
    struct Broken;
    impl std::io::Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let report = sample::full();
    let renderers: [&dyn Render; 4] = [&Text::default(), &Json, &Ndjson, &Csv];
    for renderer in renderers {
        let error = renderer
            .render(&report, &mut report.sampled().map(Ok), &mut Broken)
            .unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::BrokenPipe,
            "{}",
            renderer.name()
        );
    }
    for renderer in [&Ndjson as &dyn Render, &Csv] {
        let mut torn = report
            .sampled()
            .map(Ok)
            .chain([Err(std::io::Error::other("torn"))]);
        let error = renderer.render(&report, &mut torn, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "torn");
    }
}
