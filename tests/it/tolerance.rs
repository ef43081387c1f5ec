//! Tolerances, ignored fields and their ends, from the configuration to the verdict.

use crate::support::Mapped;

const STABLE: &str = "{\"_id\":1,\"v\":10.00,\"w\":\"a\"}\n{\"_id\":2,\"v\":20.00,\"w\":\"b\"}\n";

fn mapped(candidate: &str, field: &str) -> Mapped {
    let compare = format!("[[compare.field]]\nname = \"v\"\n{field}\n");
    Mapped::new(("t.ndjson", STABLE), ("t.ndjson", candidate), &compare)
}

#[test]
fn tolerated_is_counted_apart_and_passes() {
    let near = "{\"_id\":1,\"v\":10.005,\"w\":\"a\"}\n{\"_id\":2,\"v\":20.00,\"w\":\"b\"}\n";
    let rule = "tolerance = { absolute = \"0.005\" }\nreason = \"rounded by the export\"\nowner = \"ops\"\nexpires = \"2099-01-01\"";
    let audited = mapped(near, rule).both_ways();
    assert_eq!(audited.list, ["tolerated changed 1 [v]"]);
    audited.end.says(&["tolerated", "rounded by the export"]);
    assert_eq!(audited.end.code, 0, "{}", audited.end.out);
    let result = &audited.report["result"]["compares"][0];
    assert_eq!(result["tolerances"][0]["count"], 1, "{:#}", result["tolerances"]);
    assert_eq!(result["tolerances"][0]["owner"], "ops");
    let reasons = audited.report["verdict"].to_string();
    assert!(reasons.contains("TOLERATED"), "{reasons}");
}

#[test]
fn just_beyond_is_confirmed() {
    let far = "{\"_id\":1,\"v\":10.0051,\"w\":\"a\"}\n{\"_id\":2,\"v\":20.00,\"w\":\"b\"}\n";
    let rule = "tolerance = { absolute = \"0.005\" }\nreason = \"r\"";
    let audited = mapped(far, rule).both_ways();
    assert_eq!(
        (audited.end.code, audited.list),
        (10, vec!["confirmed changed 1 [v]".to_owned()])
    );
}

#[test]
fn other_fields_of_a_tolerated_record_still_count() {
    let both = "{\"_id\":1,\"v\":10.001,\"w\":\"z\"}\n{\"_id\":2,\"v\":20.00,\"w\":\"b\"}\n";
    let rule = "tolerance = { absolute = \"0.005\" }\nreason = \"r\"";
    let audited = mapped(both, rule).both_ways();
    assert_eq!(
        (audited.end.code, audited.list),
        (10, vec!["confirmed changed 1 [v w]".to_owned()])
    );
}

#[test]
fn relative_and_time_limits() {
    let relative = "{\"_id\":1,\"v\":10.01,\"w\":\"a\"}\n{\"_id\":2,\"v\":20.03,\"w\":\"b\"}\n";
    let rule = "tolerance = { absolute = \"0.001\", relative = \"0.001\" }\nreason = \"r\"";
    let audited = mapped(relative, rule).both_ways();
    assert_eq!(
        audited.list,
        ["confirmed changed 2 [v]", "tolerated changed 1 [v]"]
    );
    let at = |a: u32, b: u32| {
        format!("{{\"_id\":1,\"at\":{{\"$date\":{a}}}}}\n{{\"_id\":2,\"at\":{{\"$date\":{b}}}}}\n")
    };
    let rule = "[[compare.field]]\nname = \"at\"\ntolerance = { time = \"5ms\" }\nreason = \"clocks\"\n";
    let mapped = Mapped::new(("t.ndjson", &at(1000, 1000)), ("t.ndjson", &at(1005, 1006)), rule);
    assert_eq!(
        mapped.both_ways().list,
        ["confirmed changed 2 [at]", "tolerated changed 1 [at]"]
    );
}

#[test]
fn what_has_ended_is_hold() {
    let near = "{\"_id\":1,\"v\":10.005,\"w\":\"a\"}\n{\"_id\":2,\"v\":20.00,\"w\":\"b\"}\n";
    for (rule, code) in [
        (
            "tolerance = { absolute = \"0.005\" }\nreason = \"r\"\nexpires = \"2020-01-01\"",
            "TOLERANCE_EXPIRED",
        ),
        (
            "ignore = true\nreason = \"r\"\nexpires = 2020-01-01",
            "IGNORE_EXPIRED",
        ),
    ] {
        let audited = mapped(near, rule).both_ways();
        assert_eq!(audited.end.code, 20, "{}", audited.end.out);
        audited.end.says(&[code]);
    }
}

#[test]
fn ignored_fields_are_named_in_the_report_with_their_reason() {
    let other = "{\"_id\":1,\"v\":99,\"w\":\"a\"}\n{\"_id\":2,\"v\":98,\"w\":\"b\"}\n";
    let audited = mapped(other, "ignore = true\nreason = \"computed anew\"").both_ways();
    assert_eq!(audited.end.code, 0, "{}", audited.end.out);
    let ignored = &audited.report["result"]["compares"][0]["ignored"][0];
    assert_eq!(
        (&ignored["path"], &ignored["reason"]),
        (&"v".into(), &"computed anew".into())
    );
}

#[test]
fn ignoring_all_the_rest_needs_a_reason_that_can_end() {
    let other = "{\"_id\":1,\"v\":10.0,\"w\":\"z\"}\n{\"_id\":2,\"v\":20.0,\"w\":\"y\"}\n";
    let compare = |more: &str| format!("unmapped = \"ignore\"\n{more}\n[[compare.field]]\nname = \"v\"\n");
    let run = |more: &str| Mapped::new(("t.ndjson", STABLE), ("t.ndjson", other), &compare(more)).audit(&[]);
    let kept = run("reason = \"only v is moved\"");
    assert_eq!(kept.end.code, 0, "{}", kept.end.out);
    let ignored = &kept.report["result"]["compares"][0]["ignored"][0];
    assert_eq!(
        (&ignored["path"], &ignored["reason"]),
        (&"*".into(), &"only v is moved".into())
    );
    let ended = run("reason = \"only v is moved\"\nexpires = \"2020-01-01\"");
    assert_eq!(ended.end.code, 20, "{}", ended.end.out);
    ended.end.says(&["IGNORE_EXPIRED"]);
}

#[test]
fn reasons_that_are_missing_are_errors_with_their_place() {
    for (field, place, message) in [
        (
            "tolerance = { absolute = \"1\" }",
            "assay.toml:11:1:",
            "tolerance needs a reason",
        ),
        ("ignore = true", "assay.toml:11:1:", "ignore needs a reason"),
        (
            "ignore = true\nreason = \" \"",
            "assay.toml:12:10:",
            "the reason is empty",
        ),
        (
            "ignore = true\nreason = \"r\"\nexpires = \"soon\"",
            "assay.toml:13:11:",
            "expected a date",
        ),
        (
            "expires = \"2030-01-01\"",
            "assay.toml:11:11:",
            "expires needs a reason",
        ),
        (
            "tolerance = { absolut = \"1\" }\nreason = \"r\"",
            "assay.toml:11:13:",
            "did you mean \"absolute\"?",
        ),
        (
            "tolerance = { absolute = \"-1\" }\nreason = \"r\"",
            "assay.toml:11:13:",
            "absolute = \"-1\"",
        ),
        (
            "tolerance = {}\nreason = \"r\"",
            "assay.toml:11:13:",
            "tolerance: expected",
        ),
        (
            "tolerance = { time = \"1mo\" }\nreason = \"r\"",
            "assay.toml:11:13:",
            "time = \"1mo\"",
        ),
        (
            "tolerance = { absolute = \"1\" }\nignore = true\nreason = \"r\"",
            "assay.toml:11:1:",
            "its tolerance does nothing",
        ),
    ] {
        let ended = mapped(STABLE, field).check(&[]).expect(64);
        ended.says(&[place, message]);
    }
}
