//! A stand-in for a member of a MongoDB deployment: it answers reads as MongoDB 7.0 does, where the compatible servers do not.
//!
//! It honours `min` and `max` as literal bounds of the index on `_id`, pins snapshots to cluster times, forgets them, sends what
//! replica sets and routers say of themselves, and refuses with MongoDB's error codes. Content comes from the test; what was
//! asked is kept. Sources: `src/mongo/db/query/query_planner.cpp` and `src/mongo/db/read_concern_mongod.cpp` of MongoDB, the
//! manual's pages on `hello`, `find` and read concern "snapshot".

mod answers;
mod bounds;
mod content;
mod order;
mod query;
mod wire;

pub use answers::Refusal;
pub use content::{Content, Shape};

use super::locked;
use mongodb::bson::Document;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What the stand-in is a member of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// Of nothing.
    Standalone,
    /// Of a replica set, as its primary.
    ReplicaSet,
    /// Of a sharded cluster, as a router.
    Mongos,
}

/// What becomes of reads at the time of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshots {
    /// They are pinned, as MongoDB does.
    Pinned,
    /// They are accepted and not pinned, as servers do that do not know what they accept.
    Ignored,
    /// They are told a time and not pinned.
    Pretended,
}

/// What a command is to meet instead of its answer.
pub enum Fault {
    /// An error of the server.
    Refused(Refusal),
    /// The end of the connection.
    Cut,
}

/// Looks at every command before it is answered, and may change the content, or have the command fail.
type Rule = Box<dyn FnMut(&Document, &mut Content) -> Option<Fault> + Send>;

/// The stand-in, on a loopback port. Dropping it ends it and its connections.
pub struct Member {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    topology: Topology,
    address: SocketAddr,
    state: Mutex<State>,
    links: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

struct State {
    content: Content,
    seen: Vec<Document>,
    rule: Option<Rule>,
    cursors: answers::Cursors,
}

impl Member {
    /// Starts a stand-in without content.
    pub fn start(topology: Topology, snapshots: Snapshots) -> Member {
        let listener = TcpListener::bind(("127.0.0.1", super::workspace::port())).expect("the port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            topology,
            address,
            state: Mutex::new(State {
                content: Content::new(snapshots),
                seen: Vec::new(),
                rule: None,
                cursors: answers::Cursors::default(),
            }),
            links: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = std::thread::spawn({
            let shared = shared.clone();
            move || shared.accept(&listener)
        });
        Member {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Where it is. A member of a replica set is found through the set.
    pub fn uri(&self, database: &str) -> String {
        let options = match self.shared.topology {
            Topology::ReplicaSet => "?replicaSet=rs0",
            _ => "",
        };
        format!("mongodb://{}/{database}{options}", self.address)
    }

    /// Changes its content.
    pub fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> T {
        change(&mut locked(&self.shared.state).content)
    }

    /// Sets what looks at every command from now on.
    pub fn rule(&self, rule: impl FnMut(&Document, &mut Content) -> Option<Fault> + Send + 'static) {
        locked(&self.shared.state).rule = Some(Box::new(rule));
    }

    /// The commands of this name that were asked for so far.
    pub fn seen(&self, name: &str) -> Vec<Document> {
        let state = locked(&self.shared.state);
        let named = |command: &&Document| answers::name(command) == name;
        state.seen.iter().filter(named).cloned().collect()
    }

    /// How many commands were asked for so far.
    pub fn count(&self) -> usize {
        locked(&self.shared.state).seen.len()
    }

    /// The names of all commands that were asked for so far.
    pub fn names_seen(&self) -> std::collections::BTreeSet<String> {
        let state = locked(&self.shared.state);
        state
            .seen
            .iter()
            .map(|command| answers::name(command).to_owned())
            .collect()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes whoever accepts; an error says that nobody does.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            // It has nothing to tell but a panic, which has been shown.
            let _ = accepting.join();
        }
        for link in locked(&self.shared.links).drain(..) {
            // An error says that the other side was quicker.
            let _ = link.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        while let Ok((link, _)) = listener.accept() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let Ok(kept) = link.try_clone() else { continue };
            locked(&self.links).push(kept);
            let shared = self.clone();
            std::thread::spawn(move || wire::serve(link, |command| shared.answer(command)));
        }
    }

    /// The answer to a command; none if the connection is to end.
    fn answer(&self, command: &Document) -> Option<Document> {
        let mut state = locked(&self.state);
        let State {
            content,
            seen,
            rule,
            cursors,
        } = &mut *state;
        seen.push(command.clone());
        let answer = match rule.as_mut().and_then(|rule| rule(command, content)) {
            Some(Fault::Cut) => return None,
            Some(Fault::Refused(refusal)) => Err(refusal),
            None => answers::answer(command, content, cursors, self.topology, self.address),
        };
        Some(answers::framed(answer, content, self.topology))
    }
}
