//! Audits of the stand-in for a MongoDB member: what real servers offer and the compatible ones do not.

use super::explain::explain;
use super::{Ran, audit, command};
use crate::support::member::{Content, Fault, Member, Refusal, Shape, Snapshots, Topology};
use mongodb::bson::{Document, doc};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

const RECORDS: i32 = 2000;

fn orders() -> Vec<Document> {
    let order = |id: i32| doc! { "_id": id, "total": id * 7, "text": format!("{id:0100}") };
    (0..RECORDS).map(order).collect()
}

/// A stand-in with the orders, one of them gone, one changed and one too many.
fn drifted(topology: Topology) -> Member {
    let member = Member::start(topology, Snapshots::Pinned);
    member.change(|content| {
        content.put("shop.orders", orders());
        content.remove("shop.orders", |d| d.get_i32("_id").ok() == Some(5));
        content.put(
            "shop.orders",
            [doc! { "_id": 77, "total": 0 }, doc! { "_id": 9999 }],
        );
    });
    member
}

/// What is planted, seen from the stand-in as the stable side.
const PLANTED: [&str; 3] = [
    "orders extra 5 []",
    "orders missing 9999 []",
    r#"orders changed 77 ["text", "total"]"#,
];

/// A configuration that holds `shop.NAME` of the stand-in against a dump of the orders.
fn config(member: &Member, name: &str, dump: &tempfile::TempDir) -> String {
    let file = dump.path().join("orders.bson");
    let bytes: Vec<u8> = orders().iter().flat_map(|d| d.to_vec().unwrap()).collect();
    std::fs::write(&file, bytes).unwrap();
    format!(
        "[stable]\nlocation = \"{}\"\n[stable.live]\npage = 10\nin_flight = 8\nretry_seconds = 5\n\
         [candidate]\nlocation = \"{}\"\n[settle]\ndelay_seconds = 0.1\n\
         [[compare]]\nname = \"orders\"\nstable = \"shop.{name}\"\ncandidate = \"orders\"\n",
        member.uri("shop"),
        file.display(),
    )
}

/// A configuration of a database of two stand-ins, or of all they have.
fn between(stable: &Member, candidate: &Member, database: &str, rest: &str) -> String {
    format!(
        "[stable]\nlocation = \"{}\"\n[candidate]\nlocation = \"{}\"\n{rest}",
        stable.uri(database),
        candidate.uri(database)
    )
}

fn snapshots(ran: &Ran) -> Value {
    ran.report()["run"]["load"]["stable"]["snapshots"].clone()
}

fn assert_planted(ran: &Ran) {
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    let found: Vec<String> = ran.found("confirmed").into_iter().collect();
    let mut planted = PLANTED.map(str::to_owned);
    planted.sort();
    assert_eq!(found, planted, "{}", ran.said);
}

#[test]
fn the_report_tells_the_cluster_times_at_which_suspects_were_read() {
    for topology in [Topology::ReplicaSet, Topology::Mongos, Topology::Standalone] {
        let (member, dump) = (drifted(topology), tempfile::tempdir().unwrap());
        let ran = audit(&config(&member, "orders", &dump), &[]);
        assert_planted(&ran);
        let told = snapshots(&ran);
        if topology == Topology::Standalone {
            assert!(told.is_null() && ran.report()["run"]["degraded"].to_string().contains("snapshot"));
            continue;
        }
        let at = member.change(|content| content.time());
        assert_eq!(told["first"]["seconds"], at.time, "{told}");
        assert_eq!(told["last"]["increment"], at.increment, "{told}");
        assert!(
            told["reads"].as_u64() >= Some(2) && told["given_up"] == 0,
            "{told}"
        );
        assert_eq!(
            ran.report()["run"]["degraded"],
            Value::Array(Vec::new()),
            "{}",
            ran.said
        );
        let bounded = member
            .seen("find")
            .into_iter()
            .filter(|find| find.contains_key("max"));
        assert!(bounded.count() > 7);
    }
}

#[test]
fn a_write_between_two_looks_is_seen_at_the_later_time() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    member.rule(|command, content| {
        let id = command.get_document("filter").and_then(|f| f.get_document("_id"));
        if id.is_ok_and(|id| id.contains_key("$in")) && command.contains_key("find") {
            content.put("shop.orders", [orders()[5].clone()]);
            content.put("shop.orders", [orders()[77].clone()]);
            content.remove("shop.orders", |d| d.get_i32("_id").ok() == Some(9999));
        }
        None
    });
    let ran = audit(&config(&member, "orders", &dump), &[]);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    assert_eq!(ran.found("transient").len(), 3, "{}", ran.said);
}

/// What differed in the first reading and was equal, or gone on both sides, in the second is told, and no contradiction.
#[test]
fn what_is_equal_by_the_second_reading_is_transient() {
    for gone in [false, true] {
        let (member, dump) = (drifted(Topology::Standalone), tempfile::tempdir().unwrap());
        member.change(|content| {
            content.put("shop.orders", [orders()[5].clone()]);
            if gone {
                content.put("shop.orders", [orders()[77].clone()]);
            } else {
                content.remove("shop.orders", |d| d.get_i32("_id").ok() == Some(9999));
            }
        });
        let mut readings = 0;
        member.rule(move |command, content| {
            let whole = command.contains_key("find") && !command.contains_key("limit");
            readings += u32::from(whole && command.get_document("filter").is_ok_and(Document::is_empty));
            if readings == 2 {
                content.put("shop.orders", [orders()[77].clone()]);
                content.remove("shop.orders", |d| d.get_i32("_id").ok() == Some(9999));
            }
            is_cut(command).then(|| refused(13, "Unauthorized"))
        });
        let ran = audit(&config(&member, "orders", &dump), &["--strategy", "sketch"]);
        assert_eq!(ran.verdict(), "GO", "{gone}: {}", ran.said);
        let told: Vec<String> = ran.found("transient").into_iter().collect();
        assert_eq!(told.len(), 1, "{gone}: {told:?}");
        assert_eq!(told[0].starts_with("orders changed 77"), !gone, "{told:?}");
    }
}

#[test]
fn a_look_that_was_not_made_twice_is_unknown_and_says_why() {
    let (member, dump) = (drifted(Topology::Standalone), tempfile::tempdir().unwrap());
    let mut looks = 0;
    member.rule(move |command, _| {
        let id = command.get_document("filter").and_then(|f| f.get_document("_id"));
        let look = id.is_ok_and(|id| id.contains_key("$in")) && command.contains_key("find");
        looks += u32::from(look);
        (look && looks % 2 == 0).then(|| refused(13, "Unauthorized"))
    });
    let ran = audit(&config(&member, "orders", &dump), &[]);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    assert_eq!(ran.found("unknown").len(), 3, "{}", ran.said);
    let listed = std::fs::read_to_string(ran.dir.path().join("run/divergences.ndjson")).unwrap();
    for word in ["not confirmed: stable", "shop.orders", "as planned"] {
        assert_eq!(listed.matches(word).count(), 3, "{word}: {listed}");
    }
}

#[test]
fn a_server_that_keeps_no_times_costs_the_snapshot_and_nothing_else() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    member.rule(|command, _: &mut Content| {
        let concern = command.get_document("readConcern").cloned().unwrap_or_default();
        let look = command.get_document("filter").is_ok_and(|f| !f.is_empty());
        (look && concern.get_str("level").ok() == Some("snapshot")).then(|| refused(239, "SnapshotTooOld"))
    });
    let ran = audit(&config(&member, "orders", &dump), &[]);
    assert_planted(&ran);
    let told = snapshots(&ran);
    assert!(
        told["reads"] == 0 && told["given_up"].as_u64() >= Some(1),
        "{told}"
    );
}

#[test]
fn a_view_is_read_where_a_compare_names_it_and_left_aside_elsewhere() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    member.change(|content| {
        let options = doc! { "viewOn": "orders", "pipeline": [] };
        content.create(
            "shop.seen",
            Shape {
                kind: Some("view"),
                options,
            },
        );
        content.put("shop.seen", orders());
        let options = doc! { "timeseries": { "timeField": "t" } };
        content.create(
            "shop.weather",
            Shape {
                kind: Some("timeseries"),
                options,
            },
        );
    });
    let named = audit(&config(&member, "seen", &dump), &[]);
    assert_eq!(named.verdict(), "GO", "{}", named.said);
    let degraded = named.report()["run"]["degraded"].to_string();
    assert!(
        degraded.contains("This is a view") && !degraded.contains("left aside"),
        "{degraded}"
    );
    let other = audit(&config(&member, "orders", &dump), &[]);
    let degraded = other.report()["run"]["degraded"].to_string();
    assert!(degraded.contains("`shop.seen` left aside"), "{degraded}");
    let refused = audit(&config(&member, "weather", &dump), &[]);
    assert_ne!(refused.code, 0);
    for word in ["stable", "shop.weather", "time series", "mongodump"] {
        assert!(refused.said.contains(word), "{word}: {}", refused.said);
    }
}

#[test]
fn a_time_series_that_only_globs_name_holds_the_verdict_and_stops_nothing() {
    let (ours, theirs) = (drifted(Topology::ReplicaSet), drifted(Topology::ReplicaSet));
    for member in [&ours, &theirs] {
        let options = doc! { "timeseries": { "timeField": "t" } };
        let kind = Some("timeseries");
        member.change(|content| content.create("shop.weather", Shape { kind, options }));
    }
    let config = |exclude: &str| {
        between(
            &ours,
            &theirs,
            "shop",
            &format!("[namespaces]\nexclude = [{exclude}]\n"),
        )
    };
    let ran = audit(&config(""), &[]);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    for word in ["shop.weather of stable", "time series", "compare dumps"] {
        assert!(ran.said.contains(word), "{word}: {}", ran.said);
    }
    assert_eq!(
        ran.report()["result"]["planned"],
        serde_json::json!(["shop.orders", "shop.weather"])
    );
    let doctor = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["doctor", "-c"])
        .arg(ran.dir.path().join("assay.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(0), "{said}");
    for word in [
        "`shop.weather` cannot be compared live",
        "the verdict will be HOLD",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let excluded = audit(&config("\"weather\""), &[]);
    assert_eq!(excluded.verdict(), "GO", "{}", excluded.said);
}

#[test]
fn a_collection_that_may_not_be_read_is_named_and_the_others_are_read() {
    let [ours, theirs] = [(); 2].map(|()| {
        let member = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
        member.change(|content| {
            ["shop.orders", "shop.secret", "closed.orders"].map(|name| content.put(name, orders()))
        });
        member
    });
    ours.rule(|command, _| {
        let of = command.iter().next().and_then(|(_, of)| of.as_str());
        let refused = of == Some("secret") || command.get_str("$db").ok() == Some("closed");
        refused.then(|| self::refused(13, "Unauthorized"))
    });
    let config = |database: &str, rest: &str| between(&ours, &theirs, database, rest);
    let named = "[[compare]]\nname = \"orders\"\nstable = \"shop.orders\"\ncandidate = \"shop.orders\"\n";
    for database in ["shop", ""] {
        let ran = audit(&config(database, named), &[]);
        assert_eq!(ran.verdict(), "GO", "{}", ran.said);
        let degraded = ran.report()["run"]["degraded"].to_string();
        assert_eq!(
            degraded.contains("not all collections of `closed` are seen"),
            database.is_empty(),
            "{degraded}"
        );
    }
    let ran = audit(&config("shop", "[namespaces]\n"), &[]);
    assert_eq!(ran.verdict(), "HOLD", "{}", ran.said);
    assert!(
        ran.said.contains("shop.secret") && ran.said.contains("as planned"),
        "{}",
        ran.said
    );
    let ran = audit(&config("", &named.replace("shop.", "closed.")), &[]);
    assert!(
        ran.code != 0 && ran.said.contains("list the collections of `closed`"),
        "{}",
        ran.said
    );
}

/// What nobody may list on either side was compared by nobody.
#[test]
fn a_database_that_is_not_listed_on_either_side_holds_an_audit_of_all() {
    // As a whole, or all but what the user has rights in.
    for partly in [false, true] {
        let [ours, theirs] = [(); 2].map(|()| {
            let member = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
            member.change(|content| ["shop.orders", "closed.orders"].map(|name| content.put(name, orders())));
            member.rule(move |command, _| {
                let closed = command.get_str("$db").ok() == Some("closed");
                let all = command.contains_key("listCollections") && !command.contains_key("nameOnly");
                (closed && (all || !partly)).then(|| refused(13, "Unauthorized"))
            });
            member
        });
        let config = |rest: &str| between(&ours, &theirs, "", &format!("[namespaces]\n{rest}"));
        let ran = audit(&config(""), &[]);
        assert_eq!(ran.verdict(), "HOLD", "{partly}: {}", ran.said);
        assert!(
            ran.said.contains("closed.*") && !ran.said.contains("only"),
            "{}",
            ran.said
        );
        for rest in ["include = [\"shop.*\"]", "exclude = [\"closed.*\"]"] {
            let ran = audit(&config(rest), &[]);
            assert_eq!(ran.verdict(), "GO", "{partly} {rest}: {}", ran.said);
        }
        let mut diff = Command::new(env!("CARGO_BIN_EXE_assay"));
        let diff = diff.arg("diff").args([ours.uri(""), theirs.uri("")]);
        let diff = diff.output().unwrap();
        assert_eq!(
            diff.status.code(),
            Some(69),
            "{}",
            String::from_utf8_lossy(&diff.stderr)
        );
    }
}

#[test]
fn a_namespace_is_read_while_another_is_being_cut() {
    let [ours, theirs] = [(); 2].map(|()| {
        let member = Member::start(Topology::ReplicaSet, Snapshots::Pinned);
        member.change(|content| ["shop.a", "shop.b"].map(|name| content.put(name, orders())));
        member
    });
    // Neither comes about before the other has been tried.
    let (mut reads_a, mut cuts_b) = (false, false);
    ours.rule(move |command, _| {
        let reads = command.contains_key("getMore") && command.get_str("collection").ok() == Some("a");
        let cuts = command.get_str("aggregate").ok() == Some("b") && command.to_string().contains("$sample");
        (reads_a, cuts_b) = (reads_a || reads, cuts_b || cuts);
        let early = reads && !cuts_b || cuts && !reads_a;
        early.then(|| refused(91, "ShutdownInProgress"))
    });
    let live = "[SIDE.live]\npage = 10\nretry_seconds = 20\n";
    let side = |name: &str, member: &Member| {
        format!(
            "[{name}]\nlocation = \"{}\"\n{}",
            member.uri("shop"),
            live.replace("SIDE", name)
        )
    };
    let config = side("stable", &ours) + &side("candidate", &theirs) + "[namespaces]\n";
    let ran = audit(&config, &[]);
    assert_eq!(ran.verdict(), "GO", "{}", ran.said);
    for kept in ["run/0.ranges", "run/1.ranges"] {
        assert!(ran.dir.path().join(kept).exists(), "{kept}");
    }
}

/// Whether a command is to find out where a collection is cut. The probe draws two records, to see whether the server can.
fn is_cut(command: &Document) -> bool {
    let stage = command
        .get_array("pipeline")
        .ok()
        .and_then(|p| p.first()?.as_document());
    let sample = stage.and_then(|stage| stage.get_document("$sample").ok()?.get("size").cloned());
    let size = sample.and_then(|size| size.as_i64().or(size.as_i32().map(i64::from)));
    size.is_some_and(|size| size > 2) || command.get_i32("batchSize").ok() == Some(10_000)
}

/// Whether a command reads the collection from its beginning, with no bound at its end, or goes on with that.
fn is_head(command: &Document) -> bool {
    let whole = command.contains_key("find") && command.get_i32("batchSize").ok() == Some(10);
    command.contains_key("getMore") || whole && !command.contains_key("min") && !command.contains_key("max")
}

fn refused(code: i32, name: &'static str) -> Fault {
    Fault::Refused(Refusal::new(code, name, "as planned"))
}

#[test]
fn a_namespace_is_read_while_it_is_being_cut() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    let (mut pages, mut cut) = (0, false);
    // It is not cut before some of it was read, and not read much further before it is cut.
    member.rule(move |command, _| {
        pages += u32::from(command.contains_key("getMore"));
        cut = cut || is_cut(command) && pages > 5;
        let early = is_cut(command) && !cut || command.contains_key("getMore") && pages > 20 && !cut;
        early.then(|| refused(91, "ShutdownInProgress"))
    });
    let ran = audit(&config(&member, "orders", &dump), &[]);
    assert_planted(&ran);
    let ranges = std::fs::read_to_string(ran.dir.path().join("run/0.ranges")).unwrap();
    assert!(ranges.matches("after").count() > 7, "{ranges}");
    let finds = member.seen("find");
    let bounded = finds.iter().filter(|find| find.contains_key("max"));
    // The first range is read as it began, and to its end by a bound.
    assert!(bounded.count() >= 7 && finds.iter().any(is_head));
    assert_eq!(ran.report()["run"]["degraded"], Value::Array(Vec::new()));
}

#[test]
fn a_namespace_that_cannot_be_cut_is_read_in_one_range() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    member.rule(|command, _| is_cut(command).then(|| refused(13, "Unauthorized")));
    let ran = audit(&config(&member, "orders", &dump), &[]);
    assert_planted(&ran);
    let degraded = ran.report()["run"]["degraded"].to_string();
    for word in [
        "shop.orders",
        "read in one range",
        "could not be cut",
        "as planned",
    ] {
        assert!(degraded.contains(word), "{word}: {degraded}");
    }
}

#[test]
fn a_beginning_that_cannot_be_read_is_named_and_the_rest_is_read() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    let mut pages = 0;
    member.rule(move |command, _| {
        pages += u32::from(command.contains_key("getMore"));
        // It is cut only when the beginning has broken.
        match is_cut(command) {
            true => (pages < 5).then(|| refused(91, "ShutdownInProgress")),
            false => (pages == 5 && is_head(command)).then(|| refused(13, "Unauthorized")),
        }
    });
    let ran = audit(&config(&member, "orders", &dump), &[]);
    // What was planted behind it is found.
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    let unread = &ran.report()["result"]["compares"][0]["coverage"]["unread"];
    assert_eq!(unread.as_array().map(Vec::len), Some(1), "{unread}");
    for word in ["read `shop.orders` up to", "as planned"] {
        assert!(unread.to_string().contains(word), "{word}: {unread}");
    }
    assert!(
        ran.found("confirmed").contains("orders missing 9999 []"),
        "{}",
        ran.said
    );
}

#[test]
fn explain_reads_by_the_ranges_of_the_audit() {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    let ran = audit(&config(&member, "orders", &dump), &[]);
    assert_planted(&ran);
    let cuts = || {
        member
            .seen("aggregate")
            .iter()
            .filter(|command| is_cut(command))
            .count()
    };
    let before = cuts();
    let file = ran.dir.path().join("assay.toml");
    let (code, said) = explain(&ran, &["77", "-c", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("now: different"), "{said}");
    assert_eq!((cuts(), before > 0), (before, true));
}

/// Kills an audit at its `nth` command, and says whether it was under way then.
fn killed_at(nth: usize, member: &Member, dir: &tempfile::TempDir, config: &str, more: &[&str]) -> bool {
    let (reached, at) = channel();
    let mut commands = 0;
    member.rule(move |_, _| {
        commands += 1;
        if commands == nth {
            // Whoever waits may be gone.
            let _ = reached.send(());
            std::thread::sleep(Duration::from_millis(300));
        }
        None
    });
    let mut audit = command(dir.path(), config, more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut alive = true;
    while alive && at.recv_timeout(Duration::from_millis(50)).is_err() {
        alive = audit.try_wait().unwrap().is_none();
    }
    audit.kill().unwrap();
    audit.wait().unwrap();
    member.rule(|_, _| None);
    alive
}

/// Kills audits at instants from the first greeting to the last look, and holds what they come to in the end against an
/// audit that nobody disturbed.
fn kills(strategy: &str) {
    let (member, dump) = (drifted(Topology::ReplicaSet), tempfile::tempdir().unwrap());
    let config = config(&member, "orders", &dump);
    let more = ["--strategy", strategy, "--checkpoint-seconds", "0"];
    let whole = audit(&config, &more);
    assert_planted(&whole);
    let commands = member.count();
    let mut resumed = 0;
    for fifth in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let nth = 1 + commands * fifth / 5;
        assert!(
            killed_at(nth, &member, &dir, &config, &more),
            "{nth} of {commands}"
        );
        let output = command(dir.path(), &config, &more).output().unwrap();
        let again = Ran::of(&output, dir);
        assert_planted(&again);
        let (one, other) = (whole.report(), again.report());
        assert_eq!(one["result"], other["result"], "killed at {nth} of {commands}");
        resumed += other["run"]["resumed"].as_u64().unwrap();
    }
    eprintln!("{strategy}: {resumed} of 5 went on from a checkpoint");
    assert!(resumed >= 1, "{strategy}: {resumed}");
}

#[test]
fn an_audit_that_is_killed_at_any_instant_comes_to_the_same_report() {
    for strategy in ["auto", "sketch"] {
        kills(strategy);
    }
}
