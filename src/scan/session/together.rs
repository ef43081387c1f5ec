//! Both sides at the same time.

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

#[cfg(test)]
mod tests {
    use super::*;

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
