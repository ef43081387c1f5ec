use super::*;

const HEAD: &str = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n";

fn error(rest: &str) -> String {
    Config::parse("assay.toml", &format!("{HEAD}{rest}"))
        .map(|_| ())
        .unwrap_err()
        .to_string()
}

#[test]
fn the_template_and_the_demo_parse() {
    Config::parse("assay.toml", TEMPLATE).unwrap();
    let demo = Config::parse("demo", include_str!("../demo/assay.toml")).unwrap();
    assert_eq!(demo.compares.len(), 3);
    let orders = Config::parse("orders", include_str!("../../fixtures/mapping/orders.toml")).unwrap();
    assert_eq!(orders.compares[0].fields.len(), 8);
}

#[test]
fn errors_say_where_and_what() {
    let compare = "[[compare]]\nname = \"o\"\nstable = \"x\"\ncandidate = \"y\"\nkey = [\"k\"]\n";
    let field = |text: &str| format!("{compare}[[compare.field]]\n{text}\n");
    let cases = [
        ("[scann]\n".to_owned(), "assay.toml:5:2: unknown field `scann`"),
        (
            format!("{compare}kye = 1\n"),
            "assay.toml:10:1: unknown field `kye`",
        ),
        (
            field("name = \"f\"\nstabel = \"a\"\n"),
            "assay.toml:12:1: unknown key \"stabel\"; did you mean \"stable\"?",
        ),
        (
            field("name = \"f\"\ntype = \"strange\""),
            "assay.toml:12:8: unknown type \"strange\"",
        ),
        (
            field("name = \"f\"\nignore = true"),
            "assay.toml:12:1: field \"f\": ignore needs a reason",
        ),
        (
            field("name = \"f\"\ntolerance = { absolute = \"1\" }"),
            "assay.toml:12:1: field \"f\": tolerance needs a reason",
        ),
        (
            field("name = \"f\"\nexpect = 1"),
            "assay.toml:12:1: field \"f\": expect needs only",
        ),
        (
            field("name = \"k\"\nignore = true\nreason = \"r\""),
            "assay.toml:9:8: key field \"k\" is ignored",
        ),
        (
            field("name = \"f\"\nstable = \"a\"\n[[compare.field]]\nname = \"g\"\nstable = \"a\""),
            "assay.toml:13:1: fields \"f\" and \"g\" both read stable \"a\"",
        ),
        (
            field("name = \"f\"\nexpires = \"soon\""),
            "assay.toml:12:11: expected a date",
        ),
        (
            format!("{compare}{compare}"),
            "assay.toml:10:1: compare \"o\" is declared twice",
        ),
    ];
    for (text, wanted) in cases {
        let found = error(&text);
        assert!(found.starts_with(wanted), "{found}\nwanted: {wanted}");
    }
}

/// Every whole compare and field that the printed reference shows is one.
#[test]
fn the_reference_shows_what_can_be_read() {
    let blocks: Vec<&str> = MAPPING
        .split("```toml\n")
        .skip(1)
        .filter_map(|b| b.split("```").next())
        .collect();
    let compare = blocks.iter().find(|b| b.starts_with("[[compare]]\n")).unwrap();
    let field = blocks
        .iter()
        .find(|b| b.starts_with("[[compare.field]]\n"))
        .unwrap();
    let explode = blocks.iter().find(|b| b.starts_with("explode")).unwrap();
    let read = |text: &str| Config::parse("reference", &format!("{HEAD}{text}")).unwrap();
    assert_eq!(read(&format!("{compare}{field}")).compares[0].fields.len(), 1);
    let head = compare.rsplit_once("key ").unwrap().0;
    assert!(read(&format!("{head}{explode}")).compares[0].explode.is_some());
}

#[test]
fn a_password_in_the_file_is_refused_and_not_shown() {
    for password in [
        "271828",
        "2.71828",
        "\"271828\"",
        "[\"271828\"]",
        "{ a = 271828 }",
        "{ \"271828\" = 1 }",
        "2718-02-28",
        "\"${271828\"",
    ] {
        let error = error(&format!("[candidate.live]\npassword = {password}\n"));
        assert!(error.contains("does not belong into a file"), "{error}");
        assert!(!error.contains("718"), "{error}");
    }
    let read = |text: &str| Config::parse("assay.toml", &format!("{HEAD}[candidate.live]\n{text}")).unwrap();
    let config = read("password = \"${NAME}\"\n");
    assert!(config.sides.candidate.live.password.is_some());
}
