//! Under `field_order = "exact"` the order of fields counts inside values, and nowhere else.

use crate::support::Mapped;

/// The divergences between two documents, or none.
#[track_caller]
fn list(stable: &str, candidate: &str, mapping: &str) -> Vec<String> {
    let (stable, candidate) = (format!("{stable}\n"), format!("{candidate}\n"));
    let mapping = format!("field_order = \"exact\"\n{mapping}");
    Mapped::new(("t.ndjson", &stable), ("t.ndjson", &candidate), &mapping)
        .both_ways()
        .list
}

const INSIDE: [&str; 2] = [
    r#"{"_id":1,"v":{"a":1,"b":{"c":1,"d":2}}}"#,
    r#"{"_id":1,"v":{"b":{"c":1,"d":2},"a":1}}"#,
];

#[test]
fn a_record_s_own_fields_have_no_order() {
    let [a, b] = [r#"{"_id":1,"a":1,"b":2}"#, r#"{"_id":1,"b":2,"a":1}"#];
    assert_eq!(list(a, b, ""), Vec::<String>::new());
}

#[test]
fn those_of_a_value_do() {
    let [a, b] = INSIDE;
    for numbers in ["typed", "value"] {
        let numbers = format!("numbers = \"{numbers}\"\n");
        assert_eq!(list(a, b, &numbers), ["confirmed order_only 1 [v]"]);
    }
    let deep = r#"{"_id":1,"v":{"a":1,"b":{"d":2,"c":1}}}"#;
    assert_eq!(list(a, deep, ""), ["confirmed order_only 1 [v]"]);
}

#[test]
fn those_of_a_document_that_rules_enter_do_not() {
    let [a, b] = INSIDE;
    let rule = "[[compare.field]]\nname = \"v.a\"\n";
    assert_eq!(list(a, b, rule), Vec::<String>::new());
    let deep = r#"{"_id":1,"v":{"a":1,"b":{"d":2,"c":1}}}"#;
    assert_eq!(list(a, deep, rule), ["confirmed order_only 1 [v.b]"]);
}

#[test]
fn keys_of_the_same_fields_in_another_order_are_two_keys() {
    let both = "{\"_id\":{\"a\":1,\"b\":2}}\n{\"_id\":{\"b\":2,\"a\":1}}";
    for numbers in ["typed", "value"] {
        let numbers = format!("numbers = \"{numbers}\"\n");
        assert_eq!(list(both, both, &numbers), Vec::<String>::new());
    }
}

#[test]
fn the_report_says_where_it_counts() {
    let [a, b] = INSIDE.map(|document| format!("{document}\n"));
    let audited = Mapped::new(("t.ndjson", &a), ("t.ndjson", &b), "field_order = \"exact\"\n").audit(&[]);
    assert!(
        audited.end.out.contains("field order counts inside values"),
        "{}",
        audited.end.out
    );
}
