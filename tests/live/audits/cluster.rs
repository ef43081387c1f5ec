//! Cassandra against Cassandra on three nodes, one of which dies.

use super::shop::run_all;
use super::{Ran, audit, command, started};
use crate::support::{self, Keyspace, block_on};
use std::collections::BTreeSet;

const ROWS: i32 = 3000;

fn fill(keyspace: &Keyspace, change: impl Fn(i32) -> Option<i32> + Send + Sync) {
    let name = keyspace.name();
    block_on(async {
        let session = keyspace.cql().session().await.unwrap();
        let table =
            format!("CREATE TABLE {name}.t (id int, at int, total int, text text, PRIMARY KEY (id, at))");
        session.query_unpaged(table, ()).await.unwrap();
        let rows = (0..ROWS).filter_map(|id| Some((id, change(id)?)));
        let text = |(id, total)| {
            format!(
                "INSERT INTO {name}.t (id, at, total, text) VALUES ({id}, {}, {total}, '{id:0200}')",
                id % 3
            )
        };
        run_all(&session, &rows.map(text).collect::<Vec<_>>()).await;
    });
}

fn config(address: &str, stable: &str, candidate: &str, live: &str) -> String {
    format!(
        "[stable]\nlocation = \"cql://{address}/{stable}\"\n[stable.live]\n{live}\n\
         [candidate]\nlocation = \"cql://{address}/{candidate}\"\n[candidate.live]\n{live}\n\
         [scan]\ncheckpoint_seconds = 0.05\n[settle]\ndelay_seconds = 0.2\n\
         [[compare]]\nname = \"t\"\nstable = \"{stable}.t\"\ncandidate = \"{candidate}.t\"\n"
    )
}

#[test]
fn a_node_that_dies_costs_nothing_at_quorum_and_everything_at_all() {
    let Some(mut cluster) = support::cluster() else {
        return;
    };
    let (stable, candidate) = (cluster.cql().keyspace("green"), cluster.cql().keyspace("blue"));
    let address = cluster.cql().address.clone();
    fill(&stable, |id| (id != 77).then_some(id));
    fill(&candidate, |id| {
        (id != 1500).then_some(if id == 900 { -1 } else { id })
    });
    let config = |live: &str| config(&address, stable.name(), candidate.name(), live);
    let planted: BTreeSet<String> = [
        "t changed 900,0 [\"total\"]",
        "t extra 77,2 []",
        "t missing 1500,0 []",
    ]
    .map(str::to_owned)
    .into();
    let whole = audit(&config("consistency = \"LOCAL_QUORUM\""), &[]);
    assert_eq!(whole.found("confirmed"), planted, "{}", whole.said);

    // Killed while it reads, and taken up again.
    let slow = "consistency = \"LOCAL_QUORUM\"\nmax_rate = 300e3\n";
    let dir = tempfile::tempdir().unwrap();
    let mut child = started(dir.path(), &config(slow), &[], "0.part");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        !dir.path().join("run/report.json").exists(),
        "it was still reading"
    );
    let output = command(dir.path(), &config(slow), &[]).output().unwrap();
    let again = Ran::of(&output, dir);
    assert_eq!(again.report()["run"]["resumed"], 1, "{}", again.said);
    assert_eq!(
        (again.roots(), again.found("confirmed")),
        (whole.roots(), planted.clone())
    );

    // A node dies while it reads.
    let dir = tempfile::tempdir().unwrap();
    let child = started(dir.path(), &config(slow), &[], "0.part");
    cluster.node(2).kill();
    let output = child.wait_with_output().unwrap();
    let bereft = Ran::of(&output, dir);
    assert_eq!(bereft.roots(), whole.roots(), "{}", bereft.said);
    assert_eq!(
        (bereft.found("confirmed"), bereft.verdict()),
        (planted, "NO_GO".to_owned())
    );

    // With all replicas asked for, there is no answer: it is said of which ranges.
    let all = audit(
        &config("consistency = \"ALL\"\ntimeout_seconds = 2\nretry_seconds = 1\n"),
        &[],
    );
    assert_eq!(all.verdict(), "HOLD", "{}", all.said);
    let unread = all.report()["result"]["compares"][0]["coverage"]["unread"].to_string();
    assert!(unread.contains("token") || unread.contains("after"), "{unread}");
    assert_eq!(all.found("confirmed"), BTreeSet::new());
    cluster.heal();
}
