//! What it takes only to drain the cursors that an audit reads: the drivers' own, as many at once, and nothing made of it.

use crate::support::{Database, Keyspace, block_on};
use assay::source::live::cql::{CqlOptions, CqlStore};
use assay::source::live::{Range, Secret};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use mongodb::bson::{RawDocumentBuf, doc};
use scylla::deserialize::row::ColumnIterator;
use scylla::response::PagingState;
use scylla::statement::Consistency;
use std::ops::ControlFlow;
use std::time::Instant;

/// Requests at once.
pub const AT_ONCE: usize = 4;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// Records that came.
    pub records: u64,
    /// Bytes that the drivers gave out.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Drain {
    /// Bytes a second.
    pub fn rate(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }
}

/// The one in the middle.
pub fn median(mut drains: Vec<Drain>) -> Drain {
    drains.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    drains[drains.len() / 2]
}

/// A collection, in batches as they come. In one cursor, as an audit reads servers that do not honour `min` and `max`.
pub fn mongo(database: &Database) -> Drain {
    block_on(async {
        let collection = database.open().await.collection::<RawDocumentBuf>("t");
        let begun = Instant::now();
        let find = collection.find(doc! {}).sort(doc! { "_id": 1 }).batch_size(1000);
        let mut cursor = find.batch().await.expect("a cursor opens");
        let (mut records, mut bytes) = (0, 0);
        while let Some(batch) = cursor.next().await {
            let batch = batch.expect("a batch comes");
            bytes += batch.as_raw_document().as_bytes().len() as u64;
            let documents = batch.doc_slices().expect("a batch has documents");
            records += documents.into_iter().count() as u64;
        }
        Drain {
            records,
            bytes,
            seconds: begun.elapsed().as_secs_f64(),
        }
    })
}

/// A table, in the token ranges that an audit reads.
pub fn cql(keyspace: &Keyspace) -> Drain {
    let name = format!("{}.t", keyspace.name());
    block_on(async {
        let options = CqlOptions {
            login: keyspace
                .cql()
                .login
                .as_ref()
                .map(|(user, password)| (user.clone(), Secret::new(password))),
            ..CqlOptions::default()
        };
        let location = format!("cql://{}/{}", keyspace.cql().address, keyspace.name());
        let store = CqlStore::connect(&location, &options)
            .await
            .expect("Cassandra answers");
        let tables = store.catalog().await.expect("tables are listed").tables;
        let table = tables
            .iter()
            .find(|table| table.name() == name)
            .expect("it was made");
        let ranges = store.ranges(table, AT_ONCE).await.expect("a table has ranges");
        let session = keyspace.cql().session().await.expect("Cassandra answers");
        let text = format!("SELECT id, text, total FROM {name} WHERE token(id) > ? AND token(id) <= ?");
        let mut statement = session.prepare(text).await.expect("a statement is prepared");
        statement.set_page_size(options.page_rows);
        statement.set_consistency(Consistency::LocalQuorum);
        let (session, statement) = (&session, &statement);
        let begun = Instant::now();
        let each = stream::iter(ranges).map(|range: Range| async move {
            let bound =
                |text: &Option<String>, open: i64| text.as_ref().map_or(Ok(open), |t| t.parse::<i64>());
            let from = bound(&range.after, i64::MIN).expect("a token");
            let to = bound(&range.to, i64::MAX).expect("a token");
            let (mut records, mut bytes, mut state) = (0u64, 0u64, PagingState::start());
            loop {
                let page = session.execute_single_page(statement, (from, to), state).await;
                let (rows, next) = page.expect("a page comes");
                let rows = rows.into_rows_result().expect("it has rows");
                for row in rows.rows::<ColumnIterator<'_, '_>>().expect("it has rows") {
                    records += 1;
                    for cell in row.expect("a row is whole") {
                        let cell = cell.expect("a cell is whole").slice;
                        bytes += cell.map_or(0, |cell| cell.as_slice().len()) as u64;
                    }
                }
                match next.into_paging_control_flow() {
                    ControlFlow::Continue(more) => state = more,
                    ControlFlow::Break(()) => return Ok::<_, std::convert::Infallible>((records, bytes)),
                }
            }
        });
        let all: Vec<(u64, u64)> = each
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
            .expect("nothing fails that was not told");
        Drain {
            records: all.iter().map(|(records, _)| records).sum(),
            bytes: all.iter().map(|(_, bytes)| bytes).sum(),
            seconds: begun.elapsed().as_secs_f64(),
        }
    })
}
