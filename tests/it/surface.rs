//! The command line itself: help, completions, configuration, tables, outputs.

use crate::support::{assay, command, ended, fixture, put, temp};
use std::process::Stdio;

#[test]
fn help_is_everywhere() {
    let top = assay(["--help"]).expect(0);
    let commands = [
        "diff",
        "audit",
        "doctor",
        "plan",
        "scan",
        "merge",
        "report",
        "explain",
        "demo",
        "init",
        "config",
        "completions",
    ];
    for name in commands {
        assert!(top.out.contains(name), "{name}");
        assert!(assay([name, "--help"]).expect(0).out.contains("Usage"), "{name}");
    }
    for name in ["check", "exit-codes", "mapping", "policy"] {
        assay(["config", name, "--help"]).expect(0);
    }
    assert!(assay(["--version"]).expect(0).out.starts_with("assay "));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(
            assay(["completions", shell]).expect(0).out.contains("assay"),
            "{shell}"
        );
    }
}

#[test]
fn wrong_usage_is_64() {
    let cases: [&[&str]; 9] = [
        &[],
        &["frobnicate"],
        &["diff"],
        &["diff", "-", "-"],
        &["audit", "--no-such-flag"],
        &["audit", "-c", "no-such-file.toml"],
        &["scan", "--share", "8/7"],
        &["diff", "a", "b", "--seed", "xyz"],
        &["explain", "no such code"],
    ];
    for args in cases {
        let ended = assay(args).expect(64);
        assert!(
            !ended.err.is_empty() && ended.out.is_empty(),
            "{args:?} {ended:?}"
        );
    }
}

#[test]
fn exit_codes_are_all_listed() {
    let out = assay(["config", "exit-codes"]).expect(0).out;
    let codes: Vec<&str> = out.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert_eq!(codes, ["0", "10", "20", "21", "22", "64", "69", "70", "74", "75"]);
}

#[test]
fn template_is_a_configuration() {
    let dir = temp();
    let file = dir.path().join("assay.toml").display().to_string();
    assay(["init", &file]).expect(0);
    // It parses: what is wrong with it is that its stores do not exist.
    let check = assay(["config", "check", "-c", &file]);
    assert_eq!(check.code, 69, "{check:?}");
    assay(["init", &file]).expect(74).says(&["assay.toml"]);
}

#[test]
fn policy_printed_is_the_policy_in_force() {
    let dir = temp();
    let policy = put(
        dir.path().join("policy.toml"),
        assay(["config", "policy"]).expect(0).out,
    );
    let config = fixture("mapping/orders.toml").display().to_string();
    let (run, policy) = (
        dir.path().join("run").display().to_string(),
        policy.display().to_string(),
    );
    assay(["audit", "-c", &config, "--policy", &policy, "--run-dir", &run]).expect(10);
    let typo = put(dir.path().join("typo.toml"), "max_agee = \"1h\"\n")
        .display()
        .to_string();
    let run = dir.path().join("run2").display().to_string();
    let refused = assay(["audit", "-c", &config, "--policy", &typo, "--run-dir", &run]).expect(64);
    refused.says(&["typo.toml:1", "max_agee"]);
}

/// An allowance for a compare that is not there would leave another one in force; it is refused.
#[test]
fn an_allowance_for_no_compare_is_refused() {
    let dir = temp();
    let config = fixture("mapping/orders.toml").display().to_string();
    let run = dir.path().join("run").display().to_string();
    for table in [
        "[[allowance]]\nclass = \"changed\"\ncount = 0",
        "[[metadata]]\nwhat = \"index x\"",
    ] {
        let text = format!("{table}\ncompare = \"order\"\nreason = \"must be exact\"\n");
        let policy = put(dir.path().join("policy.toml"), text).display().to_string();
        let audit = ["audit", "-c", &config, "--policy", &policy, "--run-dir", &run];
        // Also if not all compares are wanted.
        for more in [&[][..], &["--only", "orders"]] {
            assay(audit.iter().chain(more))
                .expect(64)
                .says(&["\"order\"", "orders"]);
        }
    }
}

#[test]
fn mistakes_in_the_policy_of_a_configuration_say_where() {
    let dir = temp();
    let stores = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n[namespaces]\n";
    for (section, place) in [
        ("[policy]\nmax_agee = \"1h\"\n", "assay.toml:7:1:"),
        ("[policy]\nmax_age = \"soon\"\n", "assay.toml:7:11:"),
        ("[policy]\nrequired = []\n", "assay.toml:7:1:"),
        (
            "[[policy.allowance]]\nclass = \"changed\"\ncount = 1\n",
            "assay.toml:6:1:",
        ),
    ] {
        let config = put(dir.path().join("assay.toml"), format!("{stores}{section}"));
        assay(["audit", "-c", &config.display().to_string()])
            .expect(64)
            .says(&[place]);
    }
}

/// Reports hold data: they are their owner's alone, unless somebody said otherwise before.
#[test]
#[cfg(unix)]
fn reports_are_their_owners() {
    use std::os::unix::fs::PermissionsExt;
    let dir = temp();
    let file = put(dir.path().join("a.ndjson"), "{\"_id\":1}\n")
        .display()
        .to_string();
    let out = dir.path().join("out.json");
    let output = format!("json={}", out.display());
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assay(["diff", &file, &file, "-o", &output]).expect(0);
    assert_eq!(mode(&out), 0o600);
    std::fs::set_permissions(&out, PermissionsExt::from_mode(0o640)).unwrap();
    assay(["diff", &file, &file, "-o", &output]).expect(0);
    assert_eq!(mode(&out), 0o640);
}

#[test]
fn recorded_mapping_fits() {
    let config = fixture("mapping/orders.toml").display().to_string();
    assay(["config", "check", "-c", &config])
        .expect(0)
        .says(&["the mapping fits the stores"]);
}

#[test]
fn reason_codes_are_explained() {
    for code in [
        "DIVERGENCE",
        "lossy_export",
        "NO_RECORDS",
        "PROVEN",
        "RUN_CANCELLED",
    ] {
        assert!(assay(["explain", code]).expect(0).out.len() > 60, "{code}");
    }
}

#[test]
fn errors_of_a_configuration_say_where() {
    let sides = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n";
    let compare =
        format!("{sides}[[compare]]\nname = \"t\"\nstable = \"t\"\ncandidate = \"t\"\nkey = [\"k\"]\n");
    let field = |body: &str| format!("{compare}[[compare.field]]\nname = \"k\"\n{body}\n");
    let cases = [
        (format!("{sides}kye = 1\n"), ":5:1:", "kye"),
        (compare.replace("key =", "kye ="), ":9:1:", "kye"),
        (field("typ = \"text\""), ":12:1:", "typ"),
        (field("type = \"txet\""), ":12:8:", "txet"),
        (
            field("tolerance = { absolute = \"1\" }\nreason = \"r\""),
            ":9:8:",
            "tolerance",
        ),
        (
            field("[[compare.field]]\nname = \"v\"\nstable = \"k\""),
            ":12:1:",
            "both read stable",
        ),
        (field("[[compare.field]]\nname = \"k\""), ":12:1:", "twice"),
        (field("ignore = true"), ":12:1:", "reason"),
        (sides.replace('=', "=="), ":2:", "location"),
    ];
    let dir = temp();
    for (text, at, word) in cases {
        let file = put(dir.path().join("assay.toml"), &text).display().to_string();
        for args in [
            ["config", "check", "-c", &file],
            ["audit", "-c", &file, "--slices=1"],
        ] {
            let ended = assay(args).expect(64);
            assert!(
                ended.err.contains(&format!("{file}{at}")),
                "{at}\n{}\n{text}",
                ended.err
            );
            assert!(
                word == "location" || ended.err.contains(word),
                "{word}\n{}",
                ended.err
            );
        }
    }
}

#[test]
fn audit_of_nothing_is_refused() {
    let dir = temp();
    let text = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n";
    let file = put(dir.path().join("assay.toml"), text).display().to_string();
    assay(["audit", "-c", &file]).expect(64).says(&["compare"]);
    let config = fixture("mapping/orders.toml").display().to_string();
    let run = dir.path().join("run").display().to_string();
    assay(["audit", "-c", &config, "--run-dir", &run, "--only", "no_such"])
        .expect(64)
        .says(&["no_such"]);
}

#[test]
fn full_and_missing_outputs_are_74() {
    let pair = [fixture("mongo/dump"), fixture("mongo/shop.archive")].map(|p| p.display().to_string());
    for target in [
        "text=/no/such/directory/x",
        "json=/dev/full",
        "ndjson=/dev/full",
        "csv=/dev/full",
        "text=/dev/full",
    ] {
        let ended = assay(["diff", &pair[0], &pair[1], "-o", target]);
        if target.starts_with("ndjson") {
            continue; // An empty list is written by writing nothing.
        }
        assert_eq!(ended.code, 74, "{target}\n{}", ended.err);
        let file = target.split_once('=').unwrap().1;
        ended.says(&[file]);
    }
    assay(["diff", &pair[0], &pair[1], "-o", "pdf"])
        .expect(64)
        .says(&["pdf"]);
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    for args in [
        &["config", "exit-codes"][..],
        &["--help"],
        &["completions", "bash"],
        &["diff", &pair[0], &pair[1]],
    ] {
        let ended = ended(command().args(args).stdout(full()).output().unwrap());
        assert_eq!(ended.code, 74, "{args:?} {}", ended.err);
    }
}

#[test]
fn broken_pipe_is_not_success() {
    let pair = [fixture("mongo/dump"), fixture("mongo/shop.archive")].map(|p| p.display().to_string());
    for args in [
        &["config", "policy"][..],
        &["completions", "zsh"],
        &["diff", &pair[0], &pair[1]],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = ended(command().args(args).stdout(writer).output().unwrap());
        assert_ne!(ended.code, 0, "{args:?} {}", ended.err);
    }
}

#[test]
fn run_directories_are_not_overwritten() {
    let dir = temp();
    let config = fixture("mapping/orders.toml").display().to_string();
    let run = dir.path().join("run").display().to_string();
    assay(["audit", "-c", &config, "--run-dir", &run]).expect(10);
    assay(["audit", "-c", &config, "--run-dir", &run])
        .expect(64)
        .says(&[&run, "--run-dir"]);
    let file = put(dir.path().join("a-file"), "x").display().to_string();
    assay(["audit", "-c", &config, "--run-dir", &format!("{file}/run")])
        .expect(74)
        .says(&["a-file"]);
    assay(["report", &dir.path().display().to_string()]).expect(64);
}

#[test]
fn what_is_somebody_else_s_is_not_written_over_and_no_output_over_another() {
    let dir = temp();
    let at = |name: &str| dir.path().join(name).display().to_string();
    put(
        dir.path().join("s.csv"),
        "id,v\n-5,a\n\"C:\\dir\",a\n\"\"\"x\"\"\",a\n",
    );
    put(
        dir.path().join("c.csv"),
        "id,v\n-5,b\n\"C:\\dir\",b\n\"\"\"x\"\"\",b\n",
    );
    let diff = |more: &[&str]| {
        let sides = ["diff", "--key", "id", &at("s.csv"), &at("c.csv")].map(str::to_owned);
        assay(sides.into_iter().chain(more.iter().map(|m| (*m).to_owned())))
    };
    for file in ["plan.json", "report.json"] {
        put(dir.path().join(file).join(file), "{\"mine\":1}");
        diff(&["--run-dir", &at(file)])
            .expect(64)
            .says(&["is not of a run"]);
    }
    let (json, csv) = (
        format!("json={}", at("new")),
        format!("csv={}/./new", dir.path().display()),
    );
    diff(&["--run-dir", &at("a"), "-o", &json, "-o", &csv]).expect(64);
    diff(&["--run-dir", &at("b")]).expect(10);
    for key in ["-5", r"C:\dir", r"C:\\dir", r#""x""#] {
        assay(["explain", &at("b"), key]).expect(0);
    }
    let wide = command()
        .args(["report", &at("b")])
        .env("COLUMNS", "99999999999")
        .output();
    ended(wide.unwrap()).expect(10);
}
