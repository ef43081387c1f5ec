//! The shape of the source: what is pure stays pure, and only the command line talks to people.

use std::path::{Path, PathBuf};

const PURE: [&str; 8] = [
    "model", "canon", "mapping", "digest", "diff", "plan", "report", "verdict",
];
const OUTSIDE: [&str; 5] = ["std::fs", "std::net", "std::env", "std::thread", "tokio"];
const ABOVE: [&str; 7] = ["source", "scan", "store", "config", "cli", "observe", "demo"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file below `dir`.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out.sort();
    out
}

/// Files and directories that are compiled for tests only, by the declarations above them.
fn tests_only() -> Vec<PathBuf> {
    let mut out = Vec::new();
    for path in files(&source()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let (dir, stem) = (path.parent().unwrap(), path.file_stem().unwrap());
        let below = match stem.to_str().unwrap() {
            "mod" | "lib" | "main" => dir.to_owned(),
            stem => dir.join(stem),
        };
        for declared in text.split("#[cfg(test)]").skip(1) {
            let line = declared.trim_start().lines().next().unwrap_or_default();
            let name = line.split("mod ").nth(1).and_then(|l| l.strip_suffix(';'));
            if let Some(name) = name {
                out.extend([below.join(format!("{name}.rs")), below.join(name)]);
            }
        }
    }
    out
}

/// The lines of a file that are neither comment nor test, with their numbers.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut out = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let next_is_inline = lines.peek().is_some_and(|(_, l)| l.trim_end().ends_with('{'));
        if line.trim() == "#[cfg(test)]" && next_is_inline {
            break; // Inline tests come last in a file.
        }
        if !line.trim_start().starts_with("//") {
            out.push((at + 1, line.to_owned()));
        }
    }
    out
}

/// Lines outside tests of the given files which `wrong` objects to.
fn offences(files: impl IntoIterator<Item = PathBuf>, wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut out = Vec::new();
    let tests = tests_only();
    for path in files {
        if tests.iter().any(|t| path.starts_with(t)) {
            continue;
        }
        for (at, line) in code(&path) {
            if wrong(&line) {
                out.push(format!("{}:{at}: {}", path.display(), line.trim()));
            }
        }
    }
    out
}

fn pure() -> Vec<PathBuf> {
    PURE.iter().flat_map(|m| files(&source().join(m))).collect()
}

#[test]
fn pure_modules_touch_nothing_outside() {
    assert!(pure().len() > PURE.len());
    let found = offences(pure(), |line| {
        // Addresses are plain values; what opens connections is not.
        let line = line.replace("std::net::IpAddr", "").replace("std::net::Ipv", "");
        OUTSIDE.iter().any(|o| line.contains(o))
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn pure_modules_know_nothing_above_them() {
    let found = offences(pure(), |line| {
        ABOVE.iter().any(|name| {
            let whole = format!("crate::{name}");
            line.match_indices(&whole).any(|(at, _)| {
                let rest = &line[at + whole.len()..];
                !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            })
        })
    });
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn pure_modules_deny_impure_calls() {
    for name in PURE {
        let text = std::fs::read_to_string(source().join(name).join("mod.rs")).unwrap();
        let denied = text.lines().any(|l| {
            l.starts_with("#![deny(")
                && l.contains("clippy::disallowed_methods")
                && l.contains("clippy::disallowed_types")
        });
        assert!(denied, "{name}/mod.rs does not deny disallowed methods and types");
    }
}

#[test]
fn nothing_unwraps_outside_tests() {
    let found = offences(files(&source()), |line| line.contains(".unwrap()"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_command_line_prints() {
    let print = ["println!", "print!", "dbg!"];
    let outside = files(&source())
        .into_iter()
        .filter(|p| !p.starts_with(source().join("cli")));
    let found = offences(outside, |line| print.iter().any(|p| line.contains(p)));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_lint_is_silenced() {
    let found = offences(files(&source()), |line| {
        let line = line.trim_start();
        line.starts_with("#[allow") || line.starts_with("#![allow")
    });
    assert!(found.is_empty(), "{found:#?}");
}
