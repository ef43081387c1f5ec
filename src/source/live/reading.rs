//! How one namespace is read: what the server was seen to do with it, and the ranges it is cut into, which may be found out
//! while its beginning is read.

use super::cql::{CqlStore, LiveTable};
use super::door::{Store, table};
use super::mongo::{MongoProbe, MongoStore};
use super::pages::PageSender;
use super::{Governor, KeyPart, Page, Permit, Range, SnapshotUse};
use crate::source::{Failure, Namespace, SourceError};
use std::sync::{Arc, OnceLock};
use tokio::sync::Mutex;

/// Bytes of a range, about: small enough for a few of them to be held at once, large enough to be worth a query.
const RANGE_BYTES: u64 = 4 << 20;

/// The fewest records of a range, about: each range costs up to two look-ups of its bounds.
const FEWEST: u64 = 8;

/// Ranges of one namespace, at most.
const MOST_RANGES: u64 = 4096;

/// Into how many ranges so many bytes are cut, in records of about this length, if `at_once` are read at the same time.
fn wanted(bytes: u64, record: u64, at_once: usize) -> usize {
    let range = RANGE_BYTES.max(record.saturating_mul(FEWEST));
    (bytes / range).max(at_once as u64).min(MOST_RANGES) as usize
}

/// How one namespace is read.
#[derive(Debug)]
pub struct Reading {
    location: String,
    store: Arc<Store>,
    governor: Governor,
    namespace: String,
    probe: Option<MongoProbe>,
    /// Into how many ranges it is to be cut.
    wanted: usize,
    /// Its ranges, in the store's order, once they are known.
    ranges: OnceLock<Vec<Range>>,
    /// Held by whoever finds them out.
    cutting: Mutex<()>,
    /// Why they were not found out, if they were not.
    uncut: OnceLock<String>,
}

impl Reading {
    /// Looks at what the server does with a namespace. It is cut when its ranges are asked for, unless it was cut before: into
    /// `at_once` of them at least, if it holds so many records.
    pub(super) async fn new(
        location: &str,
        store: &Arc<Store>,
        governor: &Governor,
        namespace: &Namespace,
        at_once: usize,
        before: Option<Vec<Range>>,
    ) -> Result<Reading, SourceError> {
        let name = &namespace.name;
        let wanted = |record| wanted(namespace.stored_bytes, record, at_once);
        let (probe, wanted, known) = match &**store {
            Store::Mongo(mongo, _) => {
                let probe = mongo.probe(name).await?;
                let wanted = wanted(probe.average_bytes.unwrap_or_default());
                // Ranges that are filters may each cost the server a scan of its own.
                let whole = probe.min_max != Some(true) || wanted <= 1;
                (Some(probe), wanted, whole.then(|| vec![Range::default()]))
            }
            Store::Cql(cql, tables) => {
                let wanted = wanted(0);
                let known = match before {
                    Some(_) => None,
                    None => Some(cql.ranges(table(tables, name), wanted).await?),
                };
                (None, wanted, known)
            }
        };
        Ok(Reading {
            location: location.to_owned(),
            store: store.clone(),
            governor: governor.clone(),
            namespace: name.clone(),
            probe,
            wanted,
            ranges: before.or(known).map_or_else(OnceLock::new, OnceLock::from),
            cutting: Mutex::default(),
            uncut: OnceLock::new(),
        })
    }

    /// Its ranges, if it is known by now where it is cut.
    pub(super) fn known(&self) -> Option<&[Range]> {
        self.ranges.get().map(Vec::as_slice)
    }

    /// Its ranges; the first who asks finds out where it is cut. `in_turn`, that is one of the requests that the store is
    /// willing to take.
    pub(super) async fn ranges(&self, in_turn: bool) -> Result<&[Range], SourceError> {
        let _cutting = self.cutting.lock().await;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let _leave = match in_turn {
            true => Some(leave(&self.governor, &self.location, &self.namespace).await?),
            false => None,
        };
        let (store, probe) = self.mongo();
        let found = store.ranges(&self.namespace, self.wanted, probe).await?;
        // Who read all of it meanwhile knows better.
        Ok(self.ranges.get_or_init(|| found))
    }

    /// The store and what was seen of it, where that is MongoDB.
    fn mongo(&self) -> (&MongoStore, &MongoProbe) {
        match (&*self.store, &self.probe) {
            (Store::Mongo(store, _), Some(probe)) => (store, probe),
            _ => {
                unreachable!("a collection is probed before it is read, and the ranges of a table are known")
            }
        }
    }

    fn cql(&self) -> Option<(&CqlStore, &LiveTable)> {
        match &*self.store {
            Store::Cql(store, tables) => Some((store, table(tables, &self.namespace))),
            Store::Mongo(..) => None,
        }
    }

    /// Reads one of its ranges, which are known, to its end.
    pub(super) async fn read(&self, range: usize, pages: PageSender) -> Result<(), SourceError> {
        let range = &self.known().expect("ranges are read once they are known")[range];
        if let Some((store, table)) = self.cql() {
            return store.read(table, range, &self.governor, pages).await;
        }
        let (store, probe) = self.mongo();
        store
            .read(&self.namespace, range, probe, &self.governor, pages)
            .await
    }

    /// Reads from the beginning while it is found out where the namespace is cut, and then the range that this has come to,
    /// to its end. All of it, if that is sooner, or if it cannot be cut. `upto` hears which range comes next.
    ///
    /// # Errors
    /// What was handed on of these ranges is not all of them.
    pub(super) async fn read_head(
        &self,
        pages: PageSender,
        upto: &OnceLock<usize>,
    ) -> Result<(), SourceError> {
        let (store, probe) = self.mongo();
        let mut head = store.head(&self.namespace, probe, &self.governor, &pages)?;
        // One request at a time comes first: by its answers the store is measured.
        let beside = async {
            self.governor.room_beside().await;
            self.cut_if_possible().await;
            std::future::pending().await
        };
        let reached = tokio::select! {
            reached = head.read_until_known(&self.ranges) => reached,
            never = beside => never,
        };
        let end = |end: usize| upto.set(end).expect("nobody else says so");
        match reached {
            Ok(Some(range)) => {
                end(range + 1);
                let range = &self.known().expect("it was reached")[range];
                head.read_to_end_of(range).await
            }
            Ok(None) => {
                end(self.ranges.get_or_init(|| vec![Range::default()]).len());
                Ok(())
            }
            Err(error) => {
                self.cut_if_possible().await;
                let (range, error) = match self.known() {
                    Some(ranges) => head.broke_off(ranges, error),
                    None => (0, error),
                };
                end(range + 1);
                Err(error)
            }
        }
    }

    async fn cut_if_possible(&self) {
        if let Err(error) = self.ranges(true).await {
            tracing::debug!(namespace = self.namespace, %error, "not cut into ranges");
            // Whoever was first has said so.
            _ = self.uncut.set(error.to_string());
        }
    }

    /// The records under some keys; there may be others among them.
    pub(super) async fn points(&self, keys: &[Vec<KeyPart>]) -> Result<(Page, SnapshotUse), SourceError> {
        if let Some((store, table)) = self.cql() {
            let page = store.points(table, keys, &self.governor).await?;
            return Ok((page, SnapshotUse::default()));
        }
        let (store, probe) = self.mongo();
        let points = store.points(&self.namespace, keys, probe, &self.governor).await?;
        Ok((points.page, points.snapshot))
    }

    /// What is done in another way than it should be.
    pub(super) fn degraded(&self) -> Vec<String> {
        let seen = self.probe.iter().flat_map(|probe| probe.degraded.iter().cloned());
        let whole = self.known().is_some_and(|ranges| ranges.len() == 1);
        let uncut = self.uncut.get().filter(|_| whole);
        let uncut = uncut.map(|why| format!("It was read in one range, since it could not be cut: {why}"));
        seen.chain(uncut)
            .map(|sentence| format!("{}: {sentence}", self.namespace))
            .collect()
    }
}

/// Leave to look at a namespace and to cut it.
pub(super) async fn leave(
    governor: &Governor,
    location: &str,
    namespace: &str,
) -> Result<Permit, SourceError> {
    let permit = governor.request().await;
    permit.map_err(|held| SourceError::Server {
        location: location.into(),
        action: format!("cut `{namespace}` into ranges"),
        problem: held.problem,
        advice: held.advice.to_owned(),
        failure: Failure::Refused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_worth_a_query_and_many_enough_to_be_read_at_once() {
        assert_eq!(wanted(0, 0, 4), 4);
        assert_eq!(wanted(400 << 20, 300, 4), 100);
        assert_eq!(wanted(400 << 20, 10 << 20, 4), 5);
        assert_eq!(wanted(u64::MAX, 300, 4), 4096);
        assert_eq!(wanted(100, u64::MAX, 1), 1);
        assert_eq!(wanted(100, 300, 100_000), 4096);
    }
}
