//! `plan`, `scan` and `merge` with files that were changed, damaged, or belong to something else.

use crate::bson::{document, int};
use crate::support::{Ended, assay, json, put, temp};
use serde_json::{Value, json as value};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Two stores of 400 records that differ in one, with a configuration.
struct Work(tempfile::TempDir);

impl Work {
    fn new() -> Work {
        let dir = temp();
        for (side, odd) in [("a", 350), ("b", 7)] {
            let records = (0..400).flat_map(|i| {
                let v = if i == 350 { odd } else { i };
                document(&[("_id", int(i)), ("v", int(v))])
            });
            put(dir.path().join(side).join("x.bson"), records.collect::<Vec<u8>>());
        }
        let config = "[stable]\nlocation = \"a/x.bson\"\n[candidate]\nlocation = \"b/x.bson\"\n\
            [[compare]]\nname = \"x\"\nstable = \"x\"\ncandidate = \"x\"\n";
        put(dir.path().join("assay.toml"), config);
        let work = Work(dir);
        work.run(&["plan", "--slices", "4", "-o", &work.at("plan.json")])
            .expect(0);
        work
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> Ended {
        assay([&args[..1], &["-c", &self.at("assay.toml")], &args[1..]].concat())
    }

    fn scan(&self, plan: &str) -> Ended {
        self.run(&["scan", "--plan", &self.at(plan), "--parts", &self.at("parts")])
    }

    fn merge(&self, plan: &str) -> Ended {
        let _ = std::fs::remove_dir_all(self.path().join("run"));
        let (plan, parts, run) = (self.at(plan), self.at("parts"), self.at("run"));
        self.run(&["merge", "--plan", &plan, "--parts", &parts, "--run-dir", &run])
    }

    fn part(&self) -> PathBuf {
        let mut entries = std::fs::read_dir(self.path().join("parts")).unwrap();
        entries.next().unwrap().unwrap().path()
    }
}

type Change = fn(&mut Value);

#[test]
fn a_plan_that_was_changed_is_not_followed() {
    let work = Work::new();
    let changes: [(&str, Change); 9] = [
        ("gap", |p| p["slices"][1]["span"]["from"] = value!(1)),
        ("from byte", |p| {
            p["slices"][3]["span"]["to"] = p["slices"][3]["span"]["from"].clone()
        }),
        ("from byte", |p| {
            p["slices"][3]["span"]["to"] = value!(1_000_000);
            p["slices"][7]["span"]["to"] = value!(1_000_000);
        }),
        ("from byte 0", |p| p["slices"] = value!([])),
        ("slice 999", |p| p["slices"][0]["id"] = value!(999)),
        ("compare 9", |p| p["slices"][0]["compare"] = value!(9)),
        ("another", |p| p["canonical"] = value!(99)),
        ("another", |p| {
            p["compares"][0]["sketch_cells"] = value!(1u64 << 50)
        }),
        ("seed", |p| p["seed"] = value!("zz")),
    ];
    for (words, change) in changes {
        let mut plan = json(work.path().join("plan.json"));
        change(&mut plan);
        put(work.path().join("changed.json"), plan.to_string());
        for end in [work.scan("changed.json"), work.merge("changed.json")] {
            assert_eq!(end.code, 64, "{words}: {}{}", end.out, end.err);
            if words != "from byte" {
                end.says(&[words]);
            }
        }
    }
}

#[test]
fn damaged_and_missing_parts_are_said() {
    let work = Work::new();
    work.scan("plan.json").expect(0);
    work.merge("plan.json").expect(10);
    let part = work.part();
    let whole = std::fs::read(&part).unwrap();
    for at in [0, 9, 40, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        put(&part, bytes);
        work.merge("plan.json").expect(64).says(&["part file", ".part"]);
    }
    put(&part, &whole[..whole.len() / 2]);
    work.merge("plan.json").expect(64).says(&["part file", ".part"]);
    std::fs::remove_file(&part).unwrap();
    work.merge("plan.json").expect(20).says(&["was not scanned"]);
    std::fs::remove_dir_all(work.path().join("parts")).unwrap();
    work.merge("plan.json").expect(64).says(&["parts"]);
}

#[test]
fn a_finished_run_is_not_overwritten() {
    let work = Work::new();
    work.scan("plan.json").expect(0);
    work.merge("plan.json").expect(10);
    let run = work.at("run");
    let (plan, parts) = (work.at("plan.json"), work.at("parts"));
    let again = work.run(&["merge", "--plan", &plan, "--parts", &parts, "--run-dir", &run]);
    again.expect(64).says(&["finished run", "--run-dir"]);
}

#[test]
fn numbers_out_of_range_are_usage_errors() {
    let work = Work::new();
    let run = work.at("other");
    for (option, number) in [
        ("--threads", "1000000000000"),
        ("--checkpoint-seconds", "nan"),
        ("--checkpoint-seconds=-1", ""),
    ] {
        let mut args = vec!["audit", "--run-dir", &run, option];
        args.extend(Some(number).filter(|n| !n.is_empty()));
        work.run(&args).expect(64);
    }
    // More slices than records are as many as there are records.
    work.run(&["audit", "--run-dir", &run, "--slices", "1000000000"])
        .expect(10);
}

/// A key that comes twice shows however the work is cut, and a part that was read of another state of a file is not used.
#[test]
fn slices_show_what_a_whole_shows() {
    let work = Work::new();
    for side in ["a", "b"] {
        let records = (0..400)
            .chain([5])
            .flat_map(|i| document(&[("_id", int(i)), ("v", int(i))]));
        put(
            work.path().join(side).join("x.bson"),
            records.collect::<Vec<u8>>(),
        );
    }
    work.run(&["plan", "--slices", "4", "-o", &work.at("plan.json")])
        .expect(0);
    work.scan("plan.json").expect(0);
    work.merge("plan.json").expect(10).says(&["duplicate_key"]);
    // The same size, another content, a later time.
    let file = work.path().join("a/x.bson");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    put(&file, bytes);
    work.merge("plan.json")
        .expect(64)
        .says(&["not as they are now", "scan its slices again"]);
    work.scan("plan.json").expect(0);
    work.merge("plan.json")
        .expect(10)
        .says(&["duplicate_key", "changed"]);
}

/// The evidence is as old as its oldest part, whenever it is put together.
#[test]
fn evidence_is_as_old_as_its_oldest_part() {
    let work = Work::new();
    work.scan("plan.json").expect(0);
    let scanned = Instant::now();
    let policy = put(work.path().join("policy.toml"), "max_age = \"1s\"\n");
    std::thread::sleep(Duration::from_millis(1100).saturating_sub(scanned.elapsed()));
    let (plan, parts, run) = (work.at("plan.json"), work.at("parts"), work.at("run"));
    let policy = policy.display().to_string();
    let merge = ["merge", "--plan", &plan, "--parts", &parts, "--run-dir", &run];
    work.run(&[&merge[..], &["--policy", &policy]].concat())
        .expect(10)
        .says(&["TOO_OLD"]);
}

/// What was read in another way is not put together with what is asked for now.
#[test]
fn another_way_of_reading_is_another_question() {
    let dir = temp();
    put(dir.path().join("a/x.csv"), "id,v\n1,-\n2,b\n");
    put(dir.path().join("b/x.csv"), "id,v\n1,\n2,b\n");
    let path = dir.path().to_owned();
    let config = |null: &str| {
        let text = format!(
            "[stable]\nlocation = \"a/x.csv\"\nnull = \"{null}\"\n[candidate]\nlocation = \"b/x.csv\"\n\
             [[compare]]\nname = \"x\"\nstable = \"x\"\ncandidate = \"x\"\nkey = [\"id\"]\n"
        );
        put(path.join("assay.toml"), text);
    };
    let work = Work(dir);
    config("-");
    work.run(&["plan", "-o", &work.at("plan.json")]).expect(0);
    work.scan("plan.json").expect(0);
    config("n/a");
    work.merge("plan.json")
        .expect(64)
        .says(&["another configuration"]);
}

/// A plan and a policy are read by the command that might be told to write over them.
#[test]
fn a_report_is_not_written_over_what_is_read() {
    let work = Work::new();
    work.scan("plan.json").expect(0);
    let before = std::fs::read(work.at("plan.json")).unwrap();
    let (plan, parts, run) = (work.at("plan.json"), work.at("parts"), work.at("run"));
    let output = format!("json={plan}");
    let merge = ["merge", "--plan", &plan, "--parts", &parts, "--run-dir", &run];
    work.run(&[&merge[..], &["-o", &output]].concat())
        .expect(64)
        .says(&["must not be written over"]);
    assert_eq!(before, std::fs::read(plan).unwrap());
}

#[test]
fn an_audit_without_checkpoints_finds_the_same() {
    let work = Work::new();
    let audit = |seconds: &str| {
        let run = work.at(seconds);
        let more = ["--checkpoint-seconds", seconds, "--seed", "1", "--run-dir", &run];
        work.run(&[&["audit"], &more[..]].concat()).expect(10);
        let run = Path::new(&run);
        (
            json(run.join("report.json"))["result"].clone(),
            run.join("0.part").exists(),
        )
    };
    let (kept, none) = (audit("30"), audit("inf"));
    assert_eq!((kept.1, none.1), (true, false));
    assert_eq!(kept.0, none.0);
}
