//! Reads as of one cluster time.
//!
//! A snapshot session is told the time of its first read, and asks all others for the state of that time. There are servers
//! that accept such a session and pin nothing, so a server is believed only if it says the time, answers for that time again,
//! and has no answer for a time long ago. MongoDB keeps the states of some minutes (`minSnapshotHistoryWindowInSeconds`, 300):
//! enough to look at suspects again, and not to scan a collection; so that is what snapshots are used for.

use super::MongoStore;
use super::points::Asking;
use super::probe::MongoProbe;
use crate::source::live::{ClusterTime, SnapshotUse};
use crate::source::{Failure, SourceError};
use mongodb::bson::{Document, RawDocumentBuf, Timestamp, doc};
use mongodb::options::{ReadPreference, SelectionCriteria, SessionOptions};
use mongodb::raw_batch_cursor::RawBatch;
use mongodb::{ClientSession, Collection};
use std::future::IntoFuture;
use std::time::Duration;

/// How many times are tried until it is given up to read as of one.
const TRIES: u32 = 3;

/// How long the server may work on a look.
const LOOK: Duration = Duration::from_secs(5);

/// Whether the server has not kept the state of the time that it was asked for.
pub(super) fn is_lost(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Server {
            failure: Failure::Snapshot,
            ..
        }
    )
}

impl MongoProbe {
    /// Whether single records are read as of one cluster time. A read concern of the user's that promises less also waits
    /// for less, and is left alone.
    pub(super) fn pins_points(&self) -> bool {
        self.snapshot && ["majority", "snapshot"].contains(&&*self.read_concern)
    }
}

impl MongoStore {
    /// Whether the server pins reads to a cluster time.
    pub(super) async fn pins(&self, coll: &Collection<RawDocumentBuf>) -> Result<bool, SourceError> {
        let Some(Some(now)) = self.look_at(coll, None).await? else {
            return Ok(false);
        };
        let long_ago = Timestamp {
            time: 1,
            increment: 1,
        };
        Ok(self.look_at(coll, Some(now)).await? == Some(Some(now))
            && self.look_at(coll, Some(long_ago)).await?.is_none())
    }

    /// The time that the server says it read at, if it does not refuse to read.
    async fn look_at(
        &self,
        coll: &Collection<RawDocumentBuf>,
        at: Option<Timestamp>,
    ) -> Result<Option<Option<Timestamp>>, SourceError> {
        let mut options = self.few("snapshot", 1);
        options.max_time = Some(LOOK);
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let look = async || {
            let mut session = self.session(at).await?;
            let find = coll.find(doc! {}).with_options(options.clone());
            find.session(&mut session).batch().await?;
            Ok(session.snapshot_time())
        };
        let look = async || match self.ask("look for snapshots", look()).await {
            // A server that is too slow at it is not asked for it.
            Err(SourceError::Server {
                failure: Failure::Overload,
                ..
            }) => Ok(None),
            answer => self.unless_refused(answer),
        };
        self.patiently(look).await
    }

    async fn session(&self, at: Option<Timestamp>) -> mongodb::error::Result<ClientSession> {
        let mut options = SessionOptions::default();
        (options.snapshot, options.snapshot_time) = (Some(true), at);
        self.client
            .start_session()
            .with_options(options)
            .into_future()
            .await
    }
}

impl Asking<'_> {
    /// The answers to the queries as of one cluster time, or none if the server forgets each time too soon. The caller
    /// makes the queries without one then.
    pub(super) async fn at_one_time(
        &self,
        queries: &[Document],
        snapshot: &mut SnapshotUse,
    ) -> Result<Option<Vec<RawBatch>>, SourceError> {
        for _ in 0..TRIES {
            let session = self.store.session(None);
            let mut session = self.store.ask("begin a snapshot", session).await?;
            match self.in_session(queries, &mut session).await {
                Err(error) if is_lost(&error) => snapshot.begun_anew += 1,
                Err(error) => return Err(error),
                Ok(batches) => {
                    let at = session.snapshot_time().map(|at| ClusterTime {
                        seconds: at.time,
                        increment: at.increment,
                    });
                    (snapshot.first, snapshot.last) = (at, at);
                    snapshot.reads += u64::from(at.is_some());
                    return Ok(Some(batches));
                }
            }
        }
        snapshot.given_up += 1;
        Ok(None)
    }

    async fn in_session(
        &self,
        queries: &[Document],
        session: &mut ClientSession,
    ) -> Result<Vec<RawBatch>, SourceError> {
        let mut batches = Vec::new();
        for query in queries {
            batches.extend(self.look_up(query, "snapshot", Some(session)).await?);
        }
        Ok(batches)
    }
}
