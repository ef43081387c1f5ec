//! A TCP proxy that makes a network misbehave, as told, while it runs.

use super::locked;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes read at once.
const CHUNK: usize = 16 << 10;
/// How often the listener is looked at: a connection through the proxy takes so much longer.
const TICK: Duration = Duration::from_millis(2);

/// What the proxy does to the connections it has and to those that come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Forwards everything.
    Pass,
    /// Waits before it forwards each chunk, in either direction.
    Delay(Duration),
    /// Forwards so many bytes a second, per connection and direction.
    Throttle(u64),
    /// Accepts connections and keeps them, and forwards nothing; what has come goes on its way with the next mode.
    HalfOpen,
    /// Cuts a connection once it has brought so many bytes to the client since the mode was set, to the byte. With `once`, the
    /// first cut ends the mode and [`Mode::Pass`] follows; else every connection ends so.
    CutAfter {
        /// Bytes from server to client, of one connection.
        bytes: u64,
        /// Whether one cut is all.
        once: bool,
    },
    /// Refuses new connections, as a host does where nothing listens; those there are go on.
    Refuse,
}

/// What has gone through a proxy so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections cut by the proxy.
    pub cut: u64,
    /// Bytes forwarded from clients to the server.
    pub up: u64,
    /// Bytes forwarded from the server to clients.
    pub down: u64,
}

/// A proxy on a loopback port before one server. Dropping it ends it and every connection through it.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    listener: Mutex<Option<TcpListener>>,
    ended: AtomicBool,
    accepted: AtomicU64,
    cut: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

struct State {
    mode: Mode,
    /// Counts the modes, so that a connection knows when to count its bytes anew.
    epoch: u64,
    links: Vec<Arc<Link>>,
}

/// A client's connection and the server's behind it.
struct Link {
    client: TcpStream,
    server: Mutex<Option<TcpStream>>,
    closed: AtomicBool,
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
}

impl Proxy {
    /// Starts a proxy before the server at `server`.
    pub fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", super::workspace::port())).expect("the port is free");
        listener.set_nonblocking(true).expect("a listener can be polled");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            server,
            state: Mutex::new(State {
                mode: Mode::Pass,
                epoch: 0,
                links: Vec::new(),
            }),
            changed: Condvar::new(),
            listener: Mutex::new(Some(listener)),
            ended: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        });
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || shared.accept()
        });
        Proxy {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is done, from now on; it is in force when this returns.
    pub fn set(&self, mode: Mode) {
        let mut listener = locked(&self.shared.listener);
        if mode == Mode::Refuse {
            *listener = None;
        } else if listener.is_none() {
            let again = TcpListener::bind(self.address).expect("the proxy's port is still free");
            again.set_nonblocking(true).expect("a listener can be polled");
            *listener = Some(again);
        }
        drop(listener);
        let mut state = locked(&self.shared.state);
        state.mode = mode;
        state.epoch += 1;
        self.shared.changed.notify_all();
    }

    /// Cuts every connection there is; new ones are accepted as before.
    pub fn cut(&self) {
        let links = locked(&self.shared.state).links.clone();
        links.iter().for_each(|link| self.shared.cut(link));
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        locked(&self.shared.state).links.len()
    }

    /// What has gone through so far.
    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let shared = &self.shared;
        Counts {
            accepted: count(&shared.accepted),
            cut: count(&shared.cut),
            up: count(&shared.up),
            down: count(&shared.down),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(accepting) = self.accepting.take() {
            // It has nothing to tell but a panic, which has been shown.
            let _ = accepting.join();
        }
        let links = locked(&self.shared.state).links.clone();
        for link in links {
            self.shared.close(&link);
        }
    }
}

impl Shared {
    fn accept(self: Arc<Shared>) {
        while !self.ended.load(Ordering::SeqCst) {
            let next = locked(&self.listener).as_ref().map(TcpListener::accept);
            match next {
                Some(Ok((client, _))) => self.clone().open(client),
                Some(Err(e)) if e.kind() != ErrorKind::WouldBlock => eprintln!("proxy: accept: {e}"),
                _ => std::thread::sleep(TICK),
            }
        }
    }

    fn open(self: Arc<Shared>, client: TcpStream) {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        if client
            .set_nonblocking(false)
            .and_then(|()| client.set_nodelay(true))
            .is_err()
        {
            return; // It has gone again.
        }
        let link = Arc::new(Link {
            client,
            server: Mutex::new(None),
            closed: AtomicBool::new(false),
        });
        locked(&self.state).links.push(link.clone());
        std::thread::spawn(move || {
            self.serve(&link);
            self.close(&link);
        });
    }

    /// Connects to the server and forwards in both directions until one side ends.
    fn serve(&self, link: &Link) {
        drop(self.passage(link));
        let Ok(server) = TcpStream::connect(self.server) else {
            return;
        };
        let (Ok(()), Ok(down_from), Ok(up_to), Ok(up_from), Ok(down_to)) = (
            server.set_nodelay(true),
            server.try_clone(),
            server.try_clone(),
            link.client.try_clone(),
            link.client.try_clone(),
        ) else {
            return;
        };
        *locked(&link.server) = Some(server);
        if link.closed() {
            return; // It was cut while we connected.
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                self.forward(link, up_from, up_to, Direction::Up);
                self.close(link);
            });
            self.forward(link, down_from, down_to, Direction::Down);
            self.close(link);
        });
    }

    fn forward(&self, link: &Link, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut buffer = [0; CHUNK];
        let (mut epoch, mut brought) = (0, 0);
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut chunk = &buffer[..read];
            while !chunk.is_empty() {
                let state = self.passage(link);
                let (mode, now) = (state.mode, state.epoch);
                drop(state);
                if now != epoch {
                    (epoch, brought) = (now, 0);
                }
                let part = self.part(link, mode, direction, brought, chunk.len());
                if link.closed() || to.write_all(&chunk[..part]).is_err() {
                    return;
                }
                self.counter(direction).fetch_add(part as u64, Ordering::SeqCst);
                brought += part as u64;
                chunk = &chunk[part..];
                if self.cuts(mode, direction, brought, now) {
                    return self.cut(link);
                }
            }
        }
    }

    /// How many of the bytes at hand may go now, after the time that the mode asks for.
    fn part(&self, link: &Link, mode: Mode, direction: Direction, brought: u64, at_hand: usize) -> usize {
        match mode {
            Mode::Delay(time) => {
                self.wait(link, time);
                at_hand
            }
            Mode::Throttle(rate) => {
                let part = at_hand.min((rate / 50).max(1) as usize);
                self.wait(link, Duration::from_secs_f64(part as f64 / rate.max(1) as f64));
                part
            }
            Mode::CutAfter { bytes, .. } if direction == Direction::Down => {
                at_hand.min(bytes.saturating_sub(brought) as usize)
            }
            _ => at_hand,
        }
    }

    /// Whether a connection that has brought so many bytes in this mode ends here.
    fn cuts(&self, mode: Mode, direction: Direction, brought: u64, epoch: u64) -> bool {
        let Mode::CutAfter { bytes, once } = mode else {
            return false;
        };
        if direction == Direction::Up || brought < bytes {
            return false;
        }
        let mut state = locked(&self.state);
        let current = state.epoch == epoch;
        if current && once {
            state.mode = Mode::Pass;
            state.epoch += 1;
        }
        current
    }

    /// Waits as long as nothing is forwarded.
    fn passage(&self, link: &Link) -> MutexGuard<'_, State> {
        let held = |state: &mut State| state.mode == Mode::HalfOpen && !link.closed();
        self.changed
            .wait_while(locked(&self.state), held)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time pass, unless the connection is closed meanwhile.
    fn wait(&self, link: &Link, time: Duration) {
        let until = Instant::now() + time;
        let mut state = locked(&self.state);
        while let Some(left) = until
            .checked_duration_since(Instant::now())
            .filter(|_| !link.closed())
        {
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn cut(&self, link: &Link) {
        if self.close(link) {
            self.cut.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Closes both connections, now; says whether they were open.
    fn close(&self, link: &Link) -> bool {
        let mut state = locked(&self.state);
        let first = !link.closed.swap(true, Ordering::SeqCst);
        state.links.retain(|l| !l.closed());
        self.changed.notify_all();
        drop(state);
        // Errors say that the other side was quicker.
        let _ = link.client.shutdown(Shutdown::Both);
        if let Some(server) = locked(&link.server).as_ref() {
            let _ = server.shutdown(Shutdown::Both);
        }
        first
    }

    fn counter(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

impl Link {
    fn closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}
