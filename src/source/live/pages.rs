//! Pages on their way from those who ask a store for them to the one who works them off, and the room that they take.
//!
//! Several ranges are read at the same time, but worked off one after the other. So many bytes as there is room for may be
//! read ahead. A page that somebody waits for needs no room, so that no range waits for those that come after it.

use super::Page;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, mpsc};

/// Pages of one range that wait to be worked off.
const WAITING: usize = 2;

/// Bytes of a page from which on no other comes at the same time, from whichever store: a driver holds it twice meanwhile.
const LARGE: usize = 4 << 20;

/// Leave to bring one large page.
static ONE: Semaphore = Semaphore::const_new(1);

/// Room for the pages of several ranges.
#[derive(Clone, Debug)]
pub struct Room {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bytes: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes of pages that were asked for and are not worked off.
    taken: usize,
    /// What a page is expected to take, once one has come.
    page: Option<usize>,
    /// The range of which a page is waited for, by its number.
    awaited: Option<usize>,
    /// Ranges so far.
    ranges: usize,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Room {
        Room {
            inner: Arc::new(Inner {
                bytes,
                state: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// The two ends by which the pages of one range are handed on.
    pub fn range(&self) -> (PageSender, PageReceiver) {
        let (out, pages) = mpsc::channel(WAITING);
        let mut state = self.inner.state();
        state.ranges += 1;
        let (room, range) = (self.inner.clone(), state.ranges);
        let sender = PageSender {
            room: room.clone(),
            range,
            places: Arc::default(),
            out,
        };
        let receiver = PageReceiver {
            room,
            range,
            pages,
            last: None,
        };
        (sender, receiver)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is sound between any two statements that change it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a range at which a store is asked for pages.
#[derive(Debug)]
pub struct PageSender {
    room: Arc<Inner>,
    range: usize,
    /// The places that its pages have.
    places: Arc<AtomicUsize>,
    out: mpsc::Sender<(Page, Place)>,
}

/// A page's place in the room, from when it is asked for until it is worked off.
#[derive(Debug)]
pub struct Place {
    room: Arc<Inner>,
    places: Arc<AtomicUsize>,
    bytes: usize,
    alone: Option<SemaphorePermit<'static>>,
}

/// Nobody takes the pages any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

impl PageSender {
    /// Waits until there is room for one more page.
    pub async fn place(&self) -> Place {
        loop {
            // Registered before looking, so that no change in between is missed.
            let changed = self.room.changed.notified();
            if let Some(bytes) = self.room_for_one() {
                self.places.fetch_add(1, Ordering::Relaxed);
                let mut place = Place {
                    room: self.room.clone(),
                    places: self.places.clone(),
                    bytes,
                    alone: None,
                };
                if bytes >= LARGE {
                    place.alone = ONE.acquire().await.ok();
                }
                return place;
            }
            changed.await;
        }
    }

    /// Takes the room that a page is expected to need.
    fn room_for_one(&self) -> Option<usize> {
        let mut state = self.room.state();
        let page = state.page.unwrap_or(self.room.bytes);
        let awaited = state.awaited == Some(self.range) && self.places.load(Ordering::Relaxed) == 0;
        // With the one that is awaited.
        let fits = state.taken.saturating_add(page).saturating_add(page) <= self.room.bytes;
        (awaited || fits).then(|| {
            state.taken += page;
            page
        })
    }

    /// Hands on a page that came for a place.
    ///
    /// # Errors
    /// If nobody takes it.
    pub async fn send(&self, page: Page, place: Place) -> Result<(), Gone> {
        self.out.send((page, place)).await.map_err(|_| Gone)
    }
}

impl Place {
    /// Says how many bytes the page has that came.
    pub fn holds(mut self, bytes: usize) -> Place {
        let mut state = self.room.state();
        state.taken = state.taken - self.bytes + bytes;
        if bytes > 0 {
            // One that is larger is expected again; how large they were is forgotten bit by bit.
            let before = state.page.unwrap_or(bytes);
            state.page = Some(bytes.max(before - before.saturating_sub(bytes) / 8));
        }
        drop(state);
        (self.bytes, self.alone) = (bytes, None);
        self.room.changed.notify_waiters();
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.state().taken -= self.bytes;
        self.places.fetch_sub(1, Ordering::Relaxed);
        self.room.changed.notify_waiters();
    }
}

/// The end of a range at which its pages are worked off.
#[derive(Debug)]
pub struct PageReceiver {
    room: Arc<Inner>,
    range: usize,
    pages: mpsc::Receiver<(Page, Place)>,
    /// The place of the page that is being worked off.
    last: Option<Place>,
}

impl PageReceiver {
    /// The next page; none if there is none any more. The one before is worked off.
    pub async fn next(&mut self) -> Option<Page> {
        self.last = None;
        self.room.state().awaited = Some(self.range);
        self.room.changed.notify_waiters();
        let (page, place) = self.pages.recv().await?;
        self.room.state().awaited = None;
        self.last = Some(place);
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;

    /// On one thread, so that whoever yields lets all others go on.
    fn run(test: impl Future<Output = ()>) {
        Builder::new_current_thread().build().unwrap().block_on(test);
    }

    fn page(bytes: usize) -> Page {
        Page {
            data: vec![0; bytes],
            ends: vec![bytes],
        }
    }

    /// Hands on pages of these bytes, one after the other.
    async fn hand_on(sender: PageSender, pages: Vec<usize>) {
        for bytes in pages {
            let place = sender.place().await.holds(bytes);
            sender.send(page(bytes), place).await.unwrap();
        }
    }

    /// Lets the others go on as far as they can; gives the bytes that are taken then.
    async fn settled(room: &Room) -> usize {
        for _ in 0..50 {
            yield_now().await;
        }
        room.inner.state().taken
    }

    #[test]
    fn so_much_is_read_ahead_and_the_awaited_range_goes_on() {
        run(async {
            let room = Room::new(100);
            let mut ranges: Vec<PageReceiver> = Vec::new();
            for _ in 0..3 {
                let (sender, receiver) = room.range();
                tokio::spawn(hand_on(sender, vec![30; 5]));
                ranges.push(receiver);
            }
            assert_eq!(
                settled(&room).await,
                0,
                "how large a page is has to be seen first"
            );
            for (number, range) in ranges.iter_mut().enumerate() {
                for _ in 0..5 {
                    assert_eq!(range.next().await, Some(page(30)), "of {number}");
                    let taken = settled(&room).await;
                    assert!((30..=100).contains(&taken), "{taken}");
                }
                assert_eq!(range.next().await, None);
            }
            assert_eq!(settled(&room).await, 0);
        });
    }

    #[test]
    fn pages_that_no_room_holds_come_when_they_are_waited_for() {
        run(async {
            let room = Room::new(100);
            let [(one, mut first), (other, mut second)] = [room.range(), room.range()];
            tokio::spawn(hand_on(one, vec![300; 3]));
            tokio::spawn(hand_on(other, vec![300, 10, 10, 10]));
            for _ in 0..3 {
                assert_eq!(first.next().await, Some(page(300)));
                assert_eq!(settled(&room).await, 300, "none is read ahead");
            }
            drop(first);
            for bytes in [300, 10, 10, 10] {
                assert_eq!(second.next().await, Some(page(bytes)));
            }
            assert_eq!(second.next().await, None);
            assert_eq!(settled(&room).await, 0);
        });
    }

    #[test]
    fn what_nobody_takes_takes_no_room() {
        run(async {
            let room = Room::new(100);
            let (sender, mut receiver) = room.range();
            let (asked, got) = tokio::join!(
                async {
                    let place = sender.place().await.holds(20);
                    sender.send(page(20), place).await
                },
                receiver.next(),
            );
            assert_eq!((asked, got), (Ok(()), Some(page(20))));
            // One waits to be taken, one is under way.
            let place = sender.place().await.holds(20);
            assert_eq!(sender.send(page(20), place).await, Ok(()));
            let place = sender.place().await;
            assert_eq!(settled(&room).await, 60);
            drop(receiver);
            assert_eq!(sender.send(page(20), place).await, Err(Gone));
            assert_eq!(settled(&room).await, 0);
        });
    }
}
