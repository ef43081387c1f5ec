//! What the stand-in holds, and what it held at each cluster time.

use super::Snapshots;
use super::answers::Refusal;
use super::order::compare;
use mongodb::bson::{Document, Timestamp, doc};
use std::collections::BTreeMap;

/// What kind of collection it is: what `listCollections` says of it.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// `collection`, `view` or `timeseries`.
    pub kind: Option<&'static str>,
    /// Its options.
    pub options: Document,
}

/// Collections, with all their states.
pub struct Content {
    pub(super) snapshots: Snapshots,
    started: u32,
    now: u32,
    /// Reads at earlier times are refused.
    oldest: u32,
    collections: BTreeMap<String, Collection>,
}

pub(super) struct Collection {
    pub(super) shape: Shape,
    /// What it held, from which time on.
    states: Vec<(u32, Vec<Document>)>,
}

impl Content {
    pub(super) fn new(snapshots: Snapshots) -> Content {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Content {
            snapshots,
            started: now.map_or(1, |now| now.as_secs() as u32),
            now: 1,
            oldest: 1,
            collections: BTreeMap::new(),
        }
    }

    /// Makes a collection `database.collection` of a shape.
    pub fn create(&mut self, namespace: &str, shape: Shape) {
        let states = vec![(self.now, Vec::new())];
        self.collections
            .insert(namespace.to_owned(), Collection { shape, states });
    }

    /// Puts documents in, in place of those with the same `_id`. A new time begins.
    pub fn put(&mut self, namespace: &str, documents: impl IntoIterator<Item = Document>) {
        if !self.collections.contains_key(namespace) {
            self.create(namespace, Shape::default());
        }
        let documents: Vec<Document> = documents.into_iter().collect();
        self.state(namespace, |state| {
            state.retain(|held| documents.iter().all(|new| new.get("_id") != held.get("_id")));
            state.extend(documents);
        });
    }

    /// Takes documents out. A new time begins.
    pub fn remove(&mut self, namespace: &str, gone: impl Fn(&Document) -> bool) {
        self.state(namespace, |state| state.retain(|document| !gone(document)));
    }

    /// Drops a collection.
    pub fn drop(&mut self, namespace: &str) {
        self.collections.remove(namespace);
    }

    /// Forgets what was before now, as a server does after a while. A new time begins.
    pub fn forget(&mut self) {
        self.now += 1;
        self.oldest = self.now;
    }

    /// The cluster time.
    pub fn time(&self) -> Timestamp {
        self.at(self.now)
    }

    /// What a collection holds.
    pub fn documents(&self, namespace: &str) -> Vec<Document> {
        self.held(namespace, None).unwrap_or_default().to_vec()
    }

    fn at(&self, increment: u32) -> Timestamp {
        Timestamp {
            time: self.started,
            increment,
        }
    }

    fn state(&mut self, namespace: &str, change: impl FnOnce(&mut Vec<Document>)) {
        self.now += 1;
        let now = self.now;
        let collection = self
            .collections
            .get_mut(namespace)
            .expect("the collection was made");
        let mut state = collection
            .states
            .last()
            .expect("there is a first state")
            .1
            .clone();
        change(&mut state);
        let id = |document: &Document| document.get("_id").cloned().unwrap_or(mongodb::bson::Bson::Null);
        state.sort_by(|a, b| compare(&id(a), &id(b), false));
        collection.states.push((now, state));
    }

    pub(super) fn names(&self, database: &str) -> Vec<(&str, &Collection)> {
        let of = |name: &'_ str| name.split_once('.').is_some_and(|(head, _)| head == database);
        let all = self.collections.iter().map(|(name, c)| (&**name, c));
        all.filter(|(name, _)| of(name)).collect()
    }

    pub(super) fn databases(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .collections
            .keys()
            .filter_map(|name| Some(name.split_once('.')?.0))
            .collect();
        names.dedup();
        names
    }

    pub(super) fn collection(&self, namespace: &str) -> Option<&Collection> {
        self.collections.get(namespace)
    }

    /// What a collection holds, or held at a time, in the order of its `_id`s.
    pub(super) fn held(&self, namespace: &str, at: Option<Timestamp>) -> Result<&[Document], Refusal> {
        if let Some(at) = at.filter(|at| (at.time, at.increment) < (self.started, self.oldest)) {
            let (time, increment) = (at.time, at.increment);
            let text = format!(
                "Read timestamp Timestamp({time}, {increment}) is older than the oldest available timestamp."
            );
            return Err(Refusal::new(239, "SnapshotTooOld", text));
        }
        let limit = at.map_or(u32::MAX, |at| at.increment);
        let state = self.collections.get(namespace).and_then(|collection| {
            let mut states = collection.states.iter().rev();
            states.find(|(since, _)| *since <= limit)
        });
        Ok(state.map_or(&[], |(_, documents)| documents))
    }
}

impl Collection {
    /// The time at which it was made.
    pub(super) fn made(&self) -> u32 {
        self.states[0].0
    }

    pub(super) fn kind(&self) -> &'static str {
        self.shape.kind.unwrap_or("collection")
    }

    /// Whether it is a query under a name.
    pub(super) fn derived(&self) -> bool {
        self.kind() != "collection"
    }

    /// Whether its own collation is other than the simple one; ours knows no case.
    pub(super) fn folds(&self) -> bool {
        self.shape.options.contains_key("collation")
    }

    /// Whether it is stored in the order of its `_id`.
    pub(super) fn clustered(&self) -> bool {
        self.shape.options.contains_key("clusteredIndex")
    }

    pub(super) fn indexes(&self) -> Vec<Document> {
        let mut index = doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" };
        if self.clustered() {
            index.extend(doc! { "unique": true, "clustered": true });
        }
        vec![index]
    }
}
