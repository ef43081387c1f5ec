//! How long it takes from the start to the verdict where there is little to read.

use super::audit;
use super::shop::{candidate, fill, run_all};
use crate::support::{self, block_on};
use mongodb::bson::{RawDocumentBuf, doc};
use std::time::{Duration, Instant};

/// The settle delay of these audits.
const DELAY: Duration = Duration::from_millis(500);

/// What an audit of 1,000 records may take besides the settle delay. The aim is 2 s for a release build on an idle machine;
/// tests run unoptimised, beside each other.
const MOST: Duration = Duration::from_secs(8);

/// Audits a pair with one planted difference, which has to settle, and says how long it took without the delay.
fn timed(what: &str, sides: &str, compare: &str) {
    let config = format!(
        "{sides}[settle]\ndelay_seconds = {}\n{compare}",
        DELAY.as_secs_f64()
    );
    let begun = Instant::now();
    let ran = audit(&config, &[]);
    let took = begun.elapsed().saturating_sub(DELAY);
    assert_eq!(ran.verdict(), "NO_GO", "{}", ran.said);
    assert_eq!(ran.found("confirmed").len(), 1, "{}", ran.said);
    eprintln!("start to verdict, {what}: {took:.2?} and the settle delay");
    assert!(took < MOST, "{what}: {took:?}");
}

fn compare(stable: &str, candidate: &str) -> String {
    format!("[[compare]]\nname = \"t\"\nstable = \"{stable}.t\"\ncandidate = \"{candidate}.t\"\n")
}

#[test]
fn a_thousand_documents_are_judged_soon() {
    let (Some(one), Some(two)) = (support::mongodb(), support::mongodb_2()) else {
        return;
    };
    let (stable, other) = (one.database("start"), two.database("start"));
    let document = |id: i32, v: i32| RawDocumentBuf::try_from(&doc! { "_id": id, "v": v }).unwrap();
    block_on(async {
        let documents: Vec<_> = (0..1000).map(|id| document(id, id)).collect();
        fill(&stable.open().await, "t", &documents).await;
        let drifted: Vec<_> = (0..1000).map(|id| document(id, id.max(1))).collect();
        fill(&other.open().await, "t", &drifted).await;
    });
    let sides = format!(
        "[stable]\nlocation = \"{}\"\n[candidate]\nlocation = \"{}\"\n",
        stable.uri(),
        other.uri()
    );
    timed(
        "two MongoDB servers",
        &sides,
        &compare(stable.name(), other.name()),
    );
}

#[test]
fn a_thousand_rows_are_judged_soon() {
    let Some(cql) = support::cql() else { return };
    let (stable, other) = (cql.keyspace("start"), cql.keyspace("start"));
    block_on(async {
        let session = cql.session().await.unwrap();
        for (name, least) in [(stable.name(), 0), (other.name(), 1)] {
            let create = format!("CREATE TABLE {name}.t (id int PRIMARY KEY, v int)");
            session.query_unpaged(create, ()).await.unwrap();
            let insert = |id: i32| format!("INSERT INTO {name}.t (id, v) VALUES ({id}, {})", id.max(least));
            run_all(&session, &(0..1000).map(insert).collect::<Vec<_>>()).await;
        }
    });
    let sides = format!(
        "[stable]\n{}[candidate]\n{}",
        candidate(cql, stable.name()).replace("[candidate", "[stable"),
        candidate(cql, other.name())
    );
    timed(
        "two Cassandra keyspaces",
        &sides,
        &compare(stable.name(), other.name()),
    );
}
