//! Work, and a thread beside it that ends with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// Does `work` while a thread of its own does `other`, which looks at [`Over`] now and then.
pub fn beside<T>(other: impl FnOnce(&Over) + Send, work: impl FnOnce() -> T) -> T {
    let over = Over::default();
    std::thread::scope(|threads| {
        let other = threads.spawn(|| other(&over));
        // Also where the work panics: the scope waits for the other.
        let _end = End {
            over: &over,
            other: other.thread().clone(),
        };
        work()
    })
}

/// Whether the work is over that a thread goes beside.
#[derive(Debug, Default)]
pub struct Over(AtomicBool);

impl Over {
    /// Whether it is.
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits for `time`, or until it is.
    pub fn wait(&self, time: Duration) {
        if !self.is_so() {
            std::thread::park_timeout(time);
        }
    }
}

/// Tells that the work is over when it goes out of scope.
struct End<'a> {
    over: &'a Over,
    other: Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.over.0.store(true, Ordering::Relaxed);
        self.other.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_ends_with_the_work_without_delay() {
        let begun = std::time::Instant::now();
        let waits = |over: &Over| {
            while !over.is_so() {
                over.wait(Duration::from_secs(60));
            }
        };
        assert_eq!(beside(waits, || 7), 7);
        let broken =
            std::panic::catch_unwind(|| beside(waits, || std::panic::resume_unwind(Box::new("broken"))));
        assert_eq!(broken.unwrap_err().downcast_ref(), Some(&"broken"));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
