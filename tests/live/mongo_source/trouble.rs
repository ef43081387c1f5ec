//! Scans that meet trouble on the way.

use super::{connect, insert_all, numbered, read, records};
use crate::support::{self, Kind, Mode, PrivateMongo, Proxy, block_on};
use assay::source::live::mongo::{MongoOptions, MongoStore};
use assay::source::live::{Governor, Limits, Range, Retry, Room};
use assay::source::{Failure, SourceError};
use futures_util::future::join;
use std::time::{Duration, Instant};

/// Reads all of a collection through a proxy with faults, in some ranges.
fn reads_through(mode: Mode, kind: Kind, wanted: usize) {
    let Some(server) = PrivateMongo::start(kind) else {
        return;
    };
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    let database = server.database("cut");
    block_on(async {
        let inserted = insert_all(&database.open().await, "things", numbered(3000, 1000)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&support::uri(proxy.address().port()), 100).await;
        let probe = store.probe(&namespace).await.unwrap();
        let ranges = store.ranges(&namespace, wanted, &probe).await.unwrap();
        assert_eq!(ranges.len(), wanted);
        let governor = Governor::new(Limits::default());
        let before = proxy.counts().cut;
        proxy.set(mode);
        let mut all = Vec::new();
        for range in &ranges {
            all.extend(read(&store, &namespace, range, &probe, &governor).await.unwrap());
        }
        assert!(proxy.counts().cut > before, "nothing was cut");
        assert_eq!(all.len(), inserted.len());
        assert!(all == inserted, "each record once, in order");
    });
}

#[test]
fn a_scan_that_is_cut_off_is_resumed_without_loss_or_duplicates() {
    reads_through(
        Mode::CutAfter {
            bytes: 1_234_567,
            once: true,
        },
        Kind::FerretDb,
        1,
    );
    reads_through(
        Mode::CutAfter {
            bytes: 432_100,
            once: false,
        },
        Kind::MongoJavaServer,
        3,
    );
}

#[test]
fn a_scan_that_never_gets_on_ends_in_an_error() {
    let Some(server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
    let database = server.database("dead");
    block_on(async {
        insert_all(&database.open().await, "things", numbered(1000, 1000)).await;
        let namespace = format!("{}.things", database.name());
        let options = MongoOptions {
            connect_timeout: Duration::from_millis(500),
            answer_timeout: Duration::from_secs(5),
            batch: 100,
            retry: Retry {
                patience: Duration::from_millis(6000),
                first_wait: Duration::from_millis(100),
            },
            ..MongoOptions::default()
        };
        let uri = support::uri(proxy.address().port());
        let probe = connect(&uri, 100).await.probe(&namespace).await.unwrap();
        let store = MongoStore::connect(&uri, &options).await.unwrap();
        let governor = Governor::new(Limits::default());
        for mode in [Mode::HalfOpen, Mode::Refuse] {
            proxy.set(mode);
            proxy.cut();
            let error = read(&store, &namespace, &Range::default(), &probe, &governor)
                .await
                .unwrap_err();
            let SourceError::Server { failure, .. } = &error else {
                panic!("{error}")
            };
            assert!(matches!(failure, Failure::Network | Failure::Overload), "{error}");
            assert!(error.to_string().contains("cannot read `dead_"), "{error}");
        }
    });
}

#[test]
fn a_server_that_stops_honouring_bounds_is_found_out() {
    // FerretDB ends the connection at MaxKey, which bounds the last range.
    let Some(server) = support::mongodb_2() else {
        return;
    };
    let database = server.database("bounds");
    block_on(async {
        insert_all(&database.open().await, "things", numbered(100, 1)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&database.uri(), 10).await;
        let mut probe = store.probe(&namespace).await.unwrap();
        let ranges = store.ranges(&namespace, 4, &probe).await.unwrap();
        let honours = probe.min_max == Some(true);
        probe.min_max = Some(true);
        let governor = Governor::new(Limits::default());
        for range in &ranges {
            let done = read(&store, &namespace, range, &probe, &governor).await;
            match done {
                Ok(some) => assert!(honours && some.len() < 100),
                Err(error) => assert!(
                    !honours && error.to_string().contains("outside of the range"),
                    "{error}"
                ),
            }
        }
    });
}

#[test]
fn a_server_that_is_restarted_in_the_middle_of_a_scan_has_lost_the_cursor_only() {
    let Some(mut server) = PrivateMongo::start(Kind::FerretDb) else {
        return;
    };
    let database = server.database("restart");
    block_on(async {
        let inserted = insert_all(&database.open().await, "things", numbered(2000, 200)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&server.uri(), 100).await;
        let probe = store.probe(&namespace).await.unwrap();
        let (governor, whole) = (Governor::new(Limits::default()), Range::default());
        let (out, mut pages) = Room::new(usize::MAX).range();
        let take = async {
            let mut all = records(&pages.next().await.unwrap());
            assert!(all.len() < inserted.len() / 2);
            server.kill();
            server.restart();
            while let Some(page) = pages.next().await {
                all.extend(records(&page));
            }
            all
        };
        let (done, all) = join(store.read(&namespace, &whole, &probe, &governor, out), take).await;
        done.unwrap();
        assert_eq!(all.len(), inserted.len());
        assert!(all == inserted, "each record once, in order");
    });
}

#[test]
fn bytes_per_second_are_held_while_a_collection_is_read() {
    let Some(server) = support::mongodb_2() else {
        return;
    };
    let database = server.database("rate");
    block_on(async {
        insert_all(&database.open().await, "things", numbered(6000, 500)).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&database.uri(), 1000).await;
        let probe = store.probe(&namespace).await.unwrap();
        const RATE: f64 = 1_000_000.0;
        let governor = Governor::new(Limits {
            bytes_per_second: Some(RATE),
            ..Limits::default()
        });
        let began = Instant::now();
        let all = read(&store, &namespace, &Range::default(), &probe, &governor)
            .await
            .unwrap();
        let rate = governor.usage().bytes as f64 / began.elapsed().as_secs_f64();
        assert_eq!(all.len(), 6000);
        assert!(
            (0.95..=1.05).contains(&(rate / RATE)),
            "{rate} bytes/s over {:?}",
            began.elapsed()
        );
        assert!(governor.usage().waited > Duration::from_secs(2));
    });
}
