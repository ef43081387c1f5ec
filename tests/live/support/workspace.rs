//! Directories, ports and names of this run of the suite.
//!
//! Servers shared by all tests live as long as the process, so nothing can clear up behind them: the next run does, once it sees
//! by the lock that nobody is there any more.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Where cargo lets integration tests write.
pub fn tmp() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A new, empty directory of this run.
pub fn directory(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let dir = run().join(format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&dir).expect("the target directory can be written");
    dir
}

/// The directory of this run, and the lock that says that it is under way.
fn run() -> &'static Path {
    static RUN: OnceLock<(PathBuf, File)> = OnceLock::new();
    let (dir, _lock) = RUN.get_or_init(|| {
        let all = tmp().join("live");
        std::fs::create_dir_all(&all).expect("the target directory can be written");
        // Held until the run's own lock is: nobody may take it for left behind before.
        let door = lock(&all.join("lock"));
        door.lock().expect("files can be locked");
        clear(&all);
        let dir = all.join(suffix());
        std::fs::create_dir(&dir).expect("the target directory can be written");
        let lock = lock(&dir.join("lock"));
        lock.lock().expect("files can be locked");
        (dir, lock)
    });
    dir
}

fn lock(path: &Path) -> File {
    File::create(path).expect("the target directory can be written")
}

/// Removes what runs that are over have left.
fn clear(all: &Path) {
    for entry in std::fs::read_dir(all)
        .expect("the target directory can be read")
        .flatten()
    {
        let over = File::open(entry.path().join("lock")).is_ok_and(|f| f.try_lock().is_ok());
        if over {
            // A server that is just ending may still write; the next run comes by as well.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Eight random hexadecimal digits, for names that nobody else uses.
pub fn suffix() -> String {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    hex::encode(bytes)
}

/// A port that is free on every loopback address and not handed out twice. It lies below those that systems give to outgoing
/// connections, so that a server can be restarted on it.
pub fn port() -> u16 {
    static TAKEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut taken = super::locked(&TAKEN);
    for _ in 0..1000 {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        let port = 20_000 + u16::from_le_bytes(bytes) % 12_000;
        if !taken.contains(&port) && std::net::TcpListener::bind(("0.0.0.0", port)).is_ok() {
            taken.push(port);
            return port;
        }
    }
    panic!("no free port between 20000 and 32000");
}
