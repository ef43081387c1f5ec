//! Of leave, waiting and what is told of it.

use super::*;
use crate::source::live::Guard;
use std::future::Future;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), work).await.unwrap() })
}

#[test]
fn no_more_requests_are_under_way_than_are_allowed() {
    let governor = Governor::new(Limits {
        in_flight: 3,
        ..Limits::default()
    });
    run(async {
        let tasks: Vec<_> = (0..60)
            .map(|_| {
                let governor = governor.clone();
                tokio::spawn(async move {
                    let permit = governor.request().await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    permit.brought(10);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let usage = governor.usage();
    assert_eq!((usage.requests, usage.bytes, usage.most_in_flight), (60, 600, 3));
    assert_eq!((usage.back_offs, usage.least_allowed), (0, None));
}

#[test]
fn there_is_room_beside_others_once_the_store_was_measured_alone() {
    let limited = |in_flight| {
        let limits = Limits::default();
        Governor::new(Limits { in_flight, ..limits })
    };
    run(async {
        let governor = limited(2);
        let room = governor.room_beside();
        let answers = async {
            for _ in 0..2 {
                governor.request().await.unwrap().brought(10);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let before = Instant::now();
            governor.request().await.unwrap().brought(10);
            before
        };
        let (after, before) = tokio::join!(async { (room.await, Instant::now()).1 }, answers);
        assert!(after >= before);
        // Where there is never more than one, nothing is waited for.
        limited(1).room_beside().await;
    });
}

#[test]
fn a_pause_holds_requests_back_until_it_ends() {
    let governor = Governor::new(Limits::default());
    assert!(governor.pause("too busy") && !governor.pause("still too busy"));
    assert_eq!(governor.waits_for().unwrap(), "paused for 0 s: still too busy");
    run(async {
        let waiting = tokio::spawn({
            let governor = governor.clone();
            async move { drop(governor.request().await.unwrap()) }
        });
        tokio::time::sleep(Duration::from_millis(80)).await;
        assert!(!waiting.is_finished());
        assert!(governor.resume() >= Some(Duration::from_millis(70)));
        waiting.await.unwrap();
    });
    let usage = governor.usage();
    let least = Duration::from_millis(70);
    assert!(usage.waited >= least && usage.paused >= least, "{usage:?}");
    assert_eq!(
        (usage.pauses, governor.resume(), governor.waits_for()),
        (1, None, None)
    );
}

#[test]
fn a_pause_is_borne_for_a_while_and_not_by_who_is_in_a_hurry() {
    let guard = |patience| Guard {
        command: None,
        max_lag: Some(Duration::ZERO),
        interval: Duration::ZERO,
        timeout: Duration::ZERO,
        patience,
    };
    let paused = |patience| {
        let limits = Limits {
            guard: Some(guard(patience)),
            ..Limits::default()
        };
        let governor = Governor::new(limits);
        governor.pause("too busy");
        governor
    };
    let refused = run(paused(Duration::from_millis(50)).request()).unwrap_err();
    assert_eq!(refused.problem, "it was held back for 0.1 s: too busy");
    let governor = paused(Duration::from_secs(1000));
    let waiting = governor.clone();
    run(async {
        let waiting = tokio::spawn(async move { waiting.request().await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        governor.hurry();
        assert!(waiting.await.unwrap().unwrap_err().problem.contains("too busy"));
        governor.resume();
        assert!(governor.request().await.is_ok());
    });
}

#[test]
fn a_request_that_is_given_up_while_it_waits_gives_its_place_back() {
    let governor = Governor::new(Limits {
        in_flight: 1,
        requests_per_second: Some(2.0),
        ..Limits::default()
    });
    run(async {
        drop(governor.request().await.unwrap());
        let given_up = tokio::time::timeout(Duration::from_millis(20), governor.request()).await;
        assert!(given_up.is_err());
        drop(governor.request().await.unwrap());
    });
    assert_eq!(governor.usage().requests, 2);
}

#[test]
fn overload_is_counted_and_takes_concurrency_back() {
    let governor = Governor::new(Limits::default());
    run(async {
        for _ in 0..40 {
            governor.request().await.unwrap().brought(1);
        }
        governor.request().await.unwrap().overloaded();
    });
    let usage = governor.usage();
    assert_eq!((usage.back_offs, usage.least_allowed), (1, Some(2)));
}

#[test]
fn bytes_keep_to_their_limit_within_five_percent() {
    const RATE: f64 = 2_000_000.0;
    let governor = Governor::new(Limits {
        bytes_per_second: Some(RATE),
        ..Limits::default()
    });
    let page = governor.page_bytes().unwrap();
    let (bytes, seconds) = run(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let governor = governor.clone();
                tokio::spawn(async move {
                    while start.elapsed() < Duration::from_millis(2500) {
                        let permit = governor.request().await.unwrap();
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        permit.brought(page);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        (governor.usage().bytes as f64, start.elapsed().as_secs_f64())
    });
    let share = bytes / seconds / RATE;
    assert!((0.95..=1.05).contains(&share), "{share}");
}
