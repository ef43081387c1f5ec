//! Runs every example of the README, in order, in one directory, and holds what it prints against what the README shows.

use assay::config::Config;
use assay::verdict::Exit;
use std::path::Path;
use std::process::{Command, Output};

const README: &str = include_str!("../README.md");

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    README
        .split(open.as_str())
        .skip(1)
        .map(|rest| rest.split("```").next().expect("split gives a first part"))
        .collect()
}

fn assay(dir: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(args.split_whitespace())
        .current_dir(dir)
        .output()
        .expect("assay starts")
}

#[test]
fn every_example_does_what_is_shown() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut run = 0;
    for block in blocks("console") {
        let mut steps = block.split("$ ").skip(1).peekable();
        let (mut code, mut command) = (0, "");
        while let Some(step) = steps.next() {
            let (line, shown) = step.split_once('\n').expect("a command ends its line");
            let printed = match line {
                // This test is a part of it.
                "cargo test" => continue,
                "echo $?" => format!("{code}\n"),
                _ => {
                    command = line;
                    let args = line
                        .strip_prefix("assay ")
                        .or(line.strip_prefix("cargo run --release -- "));
                    let output = assay(dir.path(), args.expect("an example calls assay"));
                    code = output.status.code().expect("an exit code");
                    let said = String::from_utf8_lossy(&output.stderr);
                    let checked = steps.peek().is_some_and(|next| next.starts_with("echo $?"));
                    assert!(checked || code == 0, "{line}: exit code {code}\n{said}");
                    run += 1;
                    String::from_utf8_lossy(&output.stdout).into_owned()
                }
            };
            assert!(
                printed.starts_with(shown.trim_end()),
                "{command}\nprinted:\n{printed}\nthe README shows:\n{shown}"
            );
        }
    }
    assert!(run >= 12, "only {run} examples were found");
}

#[test]
fn the_configuration_shown_is_one() {
    let blocks = blocks("toml");
    assert!(!blocks.is_empty());
    for block in blocks {
        Config::parse("README.md", block).expect("the example parses");
    }
}

#[test]
fn the_exit_codes_shown_are_all_of_them() {
    let rows: Vec<&str> = README.lines().collect();
    for exit in Exit::ALL {
        let row = format!("| {} | `{}` | {} |", exit.code(), exit.name(), exit.meaning());
        assert!(rows.contains(&row.as_str()), "the README lacks: {row}");
    }
}
