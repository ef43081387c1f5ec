//! Runs the executable and reads what it says with a consumer's eyes: plain JSON and structs of the test's own.

use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a finished process left behind.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Fails the test unless the exit code is `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.out, self.err
        );
        self
    }

    /// Fails the test unless every word is said on one of the two outputs.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Ended {
        let all = format!("{}\n{}", self.out, self.err);
        for word in words {
            assert!(all.contains(word), "{word:?} is not said in\n{all}");
        }
        self
    }
}

/// The executable, not started yet.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.stdin(Stdio::null());
    command
}

/// Runs the executable to its end.
pub fn assay<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    ended(command().args(args).output().expect("the executable starts"))
}

/// Makes text of a process's remains.
pub fn ended(output: std::process::Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("output is UTF-8"),
        err: String::from_utf8(output.stderr).expect("errors are UTF-8"),
    }
}

/// A file among the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A directory that goes away with the test.
pub fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Reads a JSON file.
pub fn json(path: impl AsRef<Path>) -> Value {
    let path = path.as_ref();
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Writes a file, with the directories above it.
pub fn put(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = path.as_ref();
    std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("directories");
    std::fs::write(path, bytes).expect("the file is written");
    path.to_owned()
}

/// Plans, scans in seven shares in the given order, and merges into `run` below `dir`; returns the merge.
#[track_caller]
pub fn in_steps(config: &Path, dir: &Path, order: [u32; 7], more: &[&str]) -> Ended {
    let (config, plan) = (config.display().to_string(), dir.join("plan.json"));
    let (plan, parts) = (
        plan.display().to_string(),
        dir.join("parts").display().to_string(),
    );
    std::fs::create_dir_all(dir).expect("a directory");
    let plan_args = [
        "plan", "-c", &config, "-o", &plan, "--slices", "7", "--seed", "51",
    ];
    assay(plan_args.iter().chain(more)).expect(0);
    for i in order {
        let share = format!("{i}/7");
        let args = [
            "scan", "-c", &config, "--plan", &plan, "--parts", &parts, "--share", &share,
        ];
        assay(args.iter().chain(more)).expect(0);
    }
    let run = dir.join("run");
    let shown = run.display().to_string();
    let args = [
        "merge",
        "-c",
        &config,
        "--plan",
        &plan,
        "--parts",
        &parts,
        "--run-dir",
        &shown,
    ];
    assay(args.iter().chain(more))
}

/// A line of `divergences.ndjson`.
#[derive(Debug, Deserialize)]
struct Line {
    compare: String,
    divergence: Divergence,
}

#[derive(Debug, Deserialize)]
struct Divergence {
    class: String,
    state: String,
    key: Vec<Part>,
    fields: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Part {
    text: String,
}

#[derive(Debug, Deserialize)]
struct Named {
    path: String,
}

/// Divergences as `compare class key` with the fields that differ.
pub type Found = BTreeMap<String, BTreeSet<String>>;

/// All divergences of a run; fails the test if one is not confirmed, or listed twice.
#[track_caller]
pub fn found(run: &Path) -> Found {
    let text = std::fs::read_to_string(run.join("divergences.ndjson")).expect("a list of divergences");
    let mut out = Found::new();
    for line in text.lines() {
        let Line { compare, divergence } = serde_json::from_str(line).expect("a divergence");
        assert_eq!(divergence.state, "confirmed", "{line}");
        let key: Vec<&str> = divergence.key.iter().map(|p| p.text.as_str()).collect();
        let fields = divergence.fields.into_iter().map(|f| f.path).collect();
        let name = format!("{compare} {} {}", divergence.class, key.join(","));
        assert!(out.insert(name, fields).is_none(), "listed twice: {line}");
    }
    out
}

/// A finished `diff` with its report and list.
#[derive(Debug)]
pub struct Diffed {
    /// The process.
    pub end: Ended,
    /// The report, if there is one.
    pub report: Option<Value>,
    /// The divergences, one line of JSON each.
    pub lines: Vec<Value>,
}

impl Diffed {
    /// The verdict's word; none without a report.
    pub fn verdict(&self) -> Option<&str> {
        self.report.as_ref()?["verdict"]["verdict"].as_str()
    }

    /// Roots of the first compare.
    #[track_caller]
    pub fn roots(&self) -> (String, String) {
        let report = self.report.as_ref().expect("a report");
        let root = |side: &str| {
            let root = report["result"]["compares"][0]["roots"][side].as_str();
            root.expect("a root").to_owned()
        };
        (root("stable"), root("candidate"))
    }

    /// `class key [fields]` of every divergence, sorted.
    pub fn list(&self) -> Vec<String> {
        let part = |v: &Value, name: &str| v[name].as_str().unwrap_or("?").to_owned();
        let mut out: Vec<String> = Vec::new();
        for line in &self.lines {
            let d = &line["divergence"];
            let each = |list: &Value, name: &str| -> Vec<String> {
                list.as_array()
                    .map_or(Vec::new(), |l| l.iter().map(|v| part(v, name)).collect())
            };
            let key = each(&d["key"], "text").join(",");
            let fields = each(&d["fields"], "path").join(" ");
            out.push(format!("{} {key} [{fields}]", part(d, "class")));
        }
        out.sort();
        out
    }
}

/// Compares two locations under seed 7.
pub fn diff(stable: impl AsRef<Path>, candidate: impl AsRef<Path>, more: &[&str]) -> Diffed {
    let dir = temp();
    let (report, list) = (dir.path().join("r.json"), dir.path().join("d.ndjson"));
    let mut run = command();
    run.arg("diff").arg(stable.as_ref()).arg(candidate.as_ref());
    run.args(["--seed", "7", "-o", "text"]).args(more);
    run.arg("-o").arg(format!("json={}", report.display()));
    run.arg("-o").arg(format!("ndjson={}", list.display()));
    let end = ended(run.output().expect("the executable starts"));
    let text = std::fs::read_to_string(&list).unwrap_or_default();
    Diffed {
        end,
        report: std::fs::read(&report)
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok()),
        lines: text
            .lines()
            .map(|l| serde_json::from_str(l).expect("a line of JSON"))
            .collect(),
    }
}

/// Compares two texts as files of the same kind, both ways round, and says what holds either way.
#[track_caller]
pub fn verdict_of(extension: &str, stable: &[u8], candidate: &[u8], more: &[&str]) -> String {
    let dir = temp();
    let a = put(dir.path().join(format!("a/t.{extension}")), stable);
    let b = put(dir.path().join(format!("b/t.{extension}")), candidate);
    let (there, back) = (diff(&a, &b, more), diff(&b, &a, more));
    assert_eq!(
        there.end.code, back.end.code,
        "{}\n{}",
        there.end.out, back.end.out
    );
    assert_eq!(there.verdict(), back.verdict());
    there
        .verdict()
        .map_or_else(|| there.end.code.to_string(), str::to_owned)
}

/// Audits two files of one kind under a mapping: the lines of `[[compare]]` after names and namespaces. Gives the exit
/// code, and the divergences as [`Diffed::list`] has them.
#[track_caller]
pub fn audited(extension: &str, stable: &[u8], candidate: &[u8], mapping: &str) -> Diffed {
    let dir = temp();
    put(dir.path().join(format!("a/t.{extension}")), stable);
    put(dir.path().join(format!("b/t.{extension}")), candidate);
    let config = format!(
        "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n[[compare]]\nname = \"t\"\nstable = \"t\"\n\
         candidate = \"t\"\n{mapping}"
    );
    let config = put(dir.path().join("assay.toml"), config);
    let run = dir.path().join("run");
    let mut audit = command();
    audit
        .arg("audit")
        .arg("-c")
        .arg(config)
        .arg("--run-dir")
        .arg(&run);
    let end = ended(audit.output().expect("the executable starts"));
    let text = std::fs::read_to_string(run.join("divergences.ndjson")).unwrap_or_default();
    Diffed {
        end,
        report: std::fs::read(run.join("report.json"))
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok()),
        lines: text
            .lines()
            .map(|l| serde_json::from_str(l).expect("a line of JSON"))
            .collect(),
    }
}

/// Two stores of one namespace `t` each and a mapping between them, in a directory that goes away with it.
#[derive(Debug)]
pub struct Mapped {
    dir: tempfile::TempDir,
    config: PathBuf,
}

/// A finished audit: the process, the verdict, and `class key [fields]` of every divergence with its state.
#[derive(Debug)]
pub struct Audited {
    /// The process.
    pub end: Ended,
    /// The report.
    pub report: Value,
    /// The divergences, sorted.
    pub list: Vec<String>,
}

impl Mapped {
    /// Stores as (`file name`, content); `compare` are the keys of `[[compare]]` after the namespaces, and its fields.
    pub fn new<A: AsRef<[u8]> + ?Sized, B: AsRef<[u8]> + ?Sized>(
        stable: (&str, &A),
        candidate: (&str, &B),
        compare: &str,
    ) -> Mapped {
        let dir = temp();
        let mut text = String::new();
        for (side, name, content) in [
            ("stable", stable.0, stable.1.as_ref()),
            ("candidate", candidate.0, candidate.1.as_ref()),
        ] {
            put(dir.path().join(side).join(name), content);
            text += &format!("[{side}]\nlocation = \"{side}/{name}\"\n");
            if name.ends_with("csv") {
                text += "dialect = \"cqlsh\"\nnull = \"NULL\"\n";
            }
        }
        text += "[[compare]]\nname = \"t\"\nstable = \"t\"\ncandidate = \"t\"\n";
        let config = put(dir.path().join("assay.toml"), text + compare);
        Mapped { dir, config }
    }

    /// Adds a `schema.cql` to a side.
    pub fn with_schema(self, side: &str, cql: &str) -> Mapped {
        put(self.dir.path().join(side).join("schema.cql"), cql);
        let text = std::fs::read_to_string(&self.config).expect("the configuration");
        let head = format!("[{side}]\n");
        let schema = format!("{head}schema = \"{side}/schema.cql\"\n");
        put(&self.config, text.replace(&head, &schema));
        self
    }

    /// Has the side's null written as nothing.
    pub fn with_blank_null(self) -> Mapped {
        let text = std::fs::read_to_string(&self.config).expect("the configuration");
        put(&self.config, text.replace("null = \"NULL\"\n", ""));
        self
    }

    /// Adds a file to a side.
    pub fn with_file(self, side: &str, name: &str, content: &str) -> Mapped {
        put(self.dir.path().join(side).join(name), content);
        self
    }

    /// `assay config check`.
    pub fn check(&self, more: &[&str]) -> Ended {
        let config = self.config.display().to_string();
        assay(["config", "check", "-c", &config].iter().chain(more))
    }

    /// `assay audit`; `more` are further arguments.
    #[track_caller]
    pub fn audit(&self, more: &[&str]) -> Audited {
        let config = self.config.display().to_string();
        let run = self.dir.path().join(format!("run{}", more.len()));
        let shown = run.display().to_string();
        let args = ["audit", "-c", &config, "--run-dir", &shown, "--seed", "3"];
        let end = assay(args.iter().chain(more));
        assert!(run.join("report.json").exists(), "{}\n{}", end.out, end.err);
        let lines = std::fs::read_to_string(run.join("divergences.ndjson")).expect("a list");
        let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
        let each = |v: &Value, name: &str| -> String {
            let items = v
                .as_array()
                .map_or(Vec::new(), |l| l.iter().map(|i| text(&i[name])).collect());
            items.join(" ")
        };
        let mut list: Vec<String> = lines
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).expect("a line of JSON")["divergence"].clone())
            .map(|d| {
                let (key, fields) = (each(&d["key"], "text"), each(&d["fields"], "path"));
                format!("{} {} {key} [{fields}]", text(&d["state"]), text(&d["class"]))
            })
            .collect();
        list.sort();
        Audited {
            end,
            report: json(run.join("report.json")),
            list,
        }
    }

    /// Audits both ways round; the lists must mirror each other. Returns the first.
    #[track_caller]
    pub fn both_ways(&self) -> Audited {
        let (there, back) = (self.audit(&[]), self.audit(&["--swap"]));
        assert_eq!(
            there.end.code, back.end.code,
            "{:#?}\n{:#?}",
            there.list, back.list
        );
        let mut mirrored: Vec<String> = back
            .list
            .iter()
            .map(|line| match line.split_once(" missing ") {
                Some((state, rest)) => format!("{state} extra {rest}"),
                None => line.replacen(" extra ", " missing ", 1),
            })
            .collect();
        mirrored.sort();
        assert_eq!(there.list, mirrored);
        there
    }
}
