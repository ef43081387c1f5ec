//! Policies: what is read, and where mistakes are pointed at.

use super::*;
use crate::report::{Class, sample};

fn error(text: &str) -> String {
    Policy::parse("gate.toml", text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_the_strict_policy() {
    let strict = Policy::strict();
    assert_eq!(Policy::parse("p", "").unwrap(), strict);
    assert_eq!(
        Policy::parse("p", "# a comment\nmax_age = \"1440m\"\n")
            .unwrap()
            .digest(),
        strict.digest()
    );
    assert_eq!(
        (strict.leaves_ppm, strict.unread, strict.max_age_seconds),
        (1_000_000, 0, 86_400)
    );
    assert!(strict.allowances.is_empty() && strict.required == Required::All);
    assert_eq!(Policy::parse("p", DEFAULT_POLICY).unwrap(), strict);
    assert_ne!(sample::policy().digest(), strict.digest());
}

#[test]
fn the_example_in_the_default_file_is_valid() {
    let example: Vec<&str> = DEFAULT_POLICY
        .lines()
        .skip_while(|line| *line != "# [[allowance]]")
        .collect();
    let text: String = example
        .iter()
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .collect();
    let policy = Policy::parse("p", &text).unwrap();
    assert_eq!(policy.allowances[0].class, Class::Changed);
    assert_eq!(policy.allowances[0].limit, Limit::Count(12));
    assert_eq!(policy.metadata[0].what, r#"index {"email":1}"#);
}

#[test]
fn mistakes_say_where_and_what() {
    assert!(error("max_age = \"1h\"\nmaxage = 3").starts_with("gate.toml:2:1: unknown field `maxage`"));
    assert!(error("[coverage]\nleafs = 1").starts_with("gate.toml:"));
    assert!(error("[coverage]\nleafs = 1").contains("leafs"));
    let soon = error("max_age = \"soon\"");
    assert!(
        soon.starts_with("gate.toml:1:11: ") && soon.contains("such as \"24h\""),
        "{soon}"
    );
    assert!(error("max_age = \"0s\"").contains("one second"));
    assert!(error("required = []").starts_with("gate.toml:1:1: required must be"));
    assert!(error("\nrequired = \"some\"").starts_with("gate.toml:2:1: required must be"));
    assert!(error("[coverage]\nunread = 3").contains("needs a `reason`"));
    assert!(error("[coverage]\nleaves_ppm = 1000001\nreason = \"r\"").contains("goes up to"));
    let entry = |rest: &str| error(&format!("[[allowance]]\nclass = \"changed\"\n{rest}"));
    assert!(entry("count = 1").contains("missing field `reason`"));
    assert!(entry("count = 1\nppm = 1\nreason = \"r\"").contains("either `count` or `ppm`"));
    assert!(entry("reason = \"r\"").contains("either `count` or `ppm`"));
    assert!(entry("count = 1\nreason = \" \"").contains("says why"));
    assert!(entry("count = 1\nreason = \"r\"\nexpires = \"soon\"").contains("such as 2026-12-31"));
    assert!(entry("count = -1\nreason = \"r\"").contains("gate.toml:3:9: "));
    assert!(error("[[allowance]]\nclass = \"chnaged\"\ncount = 1\nreason = \"r\"").contains("type_changed"));
    let one = "[[allowance]]\nclass = \"changed\"\ncount = 1\nreason = \"r\"\n";
    assert!(error(&format!("{one}{one}")).contains("two allowances for class changed and every compare"));
    let native = Policy::parse("p", &format!("{one}expires = 2026-12-31")).unwrap();
    assert_eq!(
        native.allowances[0].expires.as_ref().unwrap().to_string(),
        "2026-12-31"
    );
}

#[test]
fn limits_in_parts_per_million_round_down() {
    assert_eq!(
        [
            Limit::Ppm(10).of(99_999),
            Limit::Ppm(10).of(100_000),
            Limit::Count(7).of(0)
        ],
        [0, 1, 7]
    );
    assert_eq!(Limit::Ppm(1_000_000).of(u64::MAX), u64::MAX);
}
