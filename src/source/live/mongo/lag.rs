//! How far a replica set is behind its primary, by what every member tells everybody.

use super::MongoStore;
use crate::source::SourceError;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};
use std::future::IntoFuture;
use std::time::Duration;

impl MongoStore {
    /// How far the member that is read from, or most members if that is more, lie behind the primary.
    ///
    /// # Errors
    /// A server that is no member of a replica set, or that is not reached.
    pub async fn lag(&self) -> Result<Duration, SourceError> {
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let read_from = self.client.selection_criteria().unwrap_or(&primary).clone();
        // The primary last: what it takes in between only adds to the lag.
        let member = self.hello(read_from).await?;
        let primary = self.hello(primary).await?;
        behind(&member, &primary).ok_or_else(|| {
            self.report.refused(
                "see how far the replica set is behind its primary",
                "the server does not tell when it was last written to: it is no member of a replica set",
                "take `max_lag_seconds` out of the configuration, or let a command of yours judge",
            )
        })
    }

    async fn hello(&self, of: SelectionCriteria) -> Result<Document, SourceError> {
        let admin = self.client.database("admin");
        let hello = admin.run_command(doc! { "hello": 1 }).selection_criteria(of);
        let action = "ask when the replica set was last written to";
        let said = self.ask(action, hello.into_future()).await;
        // A server that does not know the question is no replica set.
        Ok(self.unless_refused(said)?.unwrap_or_default())
    }
}

/// The lag that two answers show.
fn behind(member: &Document, primary: &Document) -> Option<Duration> {
    let date = |hello: &Document, name: &str| -> Option<DateTime> {
        hello
            .get_document("lastWrite")
            .ok()?
            .get_datetime(name)
            .ok()
            .copied()
    };
    let newest = date(primary, "lastWriteDate")?;
    let of_most = date(primary, "majorityWriteDate")?;
    let of_member = date(member, "lastWriteDate")?;
    // A member may have heard of a write after the answer of the primary was made.
    let lag = newest.timestamp_millis() - of_most.min(of_member).timestamp_millis();
    Some(Duration::from_millis(u64::try_from(lag).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `hello` of MongoDB 7 answers, with what matters here.
    fn hello(last: i64, majority: i64) -> Document {
        let date = |s: i64| DateTime::from_millis(1_700_000_000_000 + s * 1000);
        doc! { "setName": "rs0", "lastWrite": {
            "lastWriteDate": date(last),
            "majorityWriteDate": date(majority),
        } }
    }

    #[test]
    fn the_member_and_the_majority_count_and_no_answer_is_no_lag() {
        let s = |n| Some(Duration::from_secs(n));
        assert_eq!(behind(&hello(100, 100), &hello(100, 100)), s(0));
        assert_eq!(behind(&hello(100, 90), &hello(100, 90)), s(10));
        assert_eq!(behind(&hello(60, 60), &hello(100, 100)), s(40));
        assert_eq!(behind(&hello(101, 101), &hello(100, 100)), s(0));
        let alone = doc! { "isWritablePrimary": true, "msg": "isdbgrid" };
        assert_eq!(behind(&alone, &alone), None);
        assert_eq!(behind(&alone, &hello(1, 1)), None);
    }
}
