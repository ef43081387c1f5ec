//! Both sides at the same time, and several compares.

use crate::{Pair, Side};
use std::panic::resume_unwind;
use std::thread::scope;

/// Does the same for both sides at once. Where both fail, the error is stable's.
pub(super) fn both<T: Send, E: Send>(work: impl Fn(Side) -> Result<T, E> + Sync) -> Result<Pair<T>, E> {
    let done = scope(|scope| {
        let work = &work;
        let candidate = scope.spawn(|| work(Side::Candidate));
        Pair {
            stable: work(Side::Stable),
            candidate: candidate.join().unwrap_or_else(|panic| resume_unwind(panic)),
        }
    });
    done.try_map(|result| result)
}

/// Compares that are looked at together: stores are asked, and one waits for them most of the time.
const TOGETHER: usize = 4;

/// Does the same for all, some at a time; what comes of it is in their order, and the error that of the first that failed.
pub(super) fn each<I: Sync, T: Send, E: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let mut done = Vec::with_capacity(items.len());
    for some in items.chunks(TOGETHER) {
        let some: Vec<Result<T, E>> = scope(|scope| {
            let work = &work;
            let threads: Vec<_> = some.iter().map(|item| scope.spawn(move || work(item))).collect();
            let ends = threads
                .into_iter()
                .map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic)));
            ends.collect()
        });
        for one in some {
            done.push(one?);
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_come_in_order_and_fail_at_the_first() {
        let items: Vec<u64> = (0..11).collect();
        let slow = |n: &u64| {
            std::thread::sleep(std::time::Duration::from_millis(20 - n));
            Ok::<_, u64>(n * 2)
        };
        let doubled: Vec<u64> = items.iter().map(|n| n * 2).collect();
        assert_eq!(each(&items, slow), Ok(doubled));
        let odd = |n: &u64| if n % 4 == 3 { Err(*n) } else { slow(n) };
        assert_eq!(each(&items, odd), Err(3));
    }

    #[test]
    fn the_error_does_not_depend_on_who_is_first() {
        let slow = |side| {
            let wait = if side == Side::Stable { 20 } else { 0 };
            std::thread::sleep(std::time::Duration::from_millis(wait));
            Err::<(), Side>(side)
        };
        assert_eq!(both(slow), Err(Side::Stable));
        let one = |side| if side == Side::Stable { Ok(side) } else { Err(side) };
        assert_eq!(both(one), Err(Side::Candidate));
    }
}
