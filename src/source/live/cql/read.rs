//! Reading the rows of a token range.

use super::catalog::{LiveTable, quoted};
use super::route::ToReplicas;
use super::{CqlStore, ring};
use crate::source::SourceError;
use crate::source::live::{Governor, Page, PageSender, Range};
use scylla::response::PagingState;
use scylla::routing::Token;
use scylla::statement::prepared::PreparedStatement;
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

/// The most rows of a table's first page: only then is it known how long they are.
const FIRST_ROWS: i32 = 10;

impl CqlStore {
    /// Sends all rows of `range`, page by page in token order, as records of [`crate::canon::Layout::native`] of the table.
    /// While a page is being handed on, the next one is on its way. Returns when the range has been read to its end.
    ///
    /// # Errors
    /// A bound that is no token, a server that refuses or fails for good, or a receiver that is gone.
    pub async fn read(
        &self,
        table: &LiveTable,
        range: &Range,
        governor: &Governor,
        out: PageSender,
    ) -> Result<(), SourceError> {
        let asked = || format!("read {} of {}", shown(range), table.name());
        let Some(bounds) = ring::bounds(range) else {
            let advice = "a range runs from a token to a greater one, each a 64-bit integer";
            return Err(SourceError::usage(
                &self.location,
                format!("cannot {}", asked()),
                advice,
            ));
        };
        let prepared = &self.statement(&self.scan_text(table), &asked).await?;
        let tablets = self.tablets(table).await;
        let replicas = tablets
            .as_ref()
            .map_or(&[][..], |tablets| tablets.replicas(bounds.1));
        let page = async |state| {
            let place = out.place().await;
            let size = self.rows_of_page(table, governor);
            let routed = move |attempt| self.routed(prepared, bounds.1, replicas, size, attempt);
            let (rows, following) = self.page(routed, bounds, state, governor, &asked).await?;
            self.learn(table, &rows);
            let place = place.holds(rows.data.len());
            Ok::<_, SourceError>((rows, place, following))
        };
        let mut next = Some(page(PagingState::start()).await?);
        while let Some((rows, place, following)) = next {
            let hand_on = async {
                match rows.ends.is_empty() {
                    true => Ok(()),
                    false => out.send(rows, place).await,
                }
            };
            let ask = async {
                match following {
                    Some(state) => page(state).await.map(Some),
                    None => Ok(None),
                }
            };
            // Polled in this order: the request is made first.
            let (answer, sent) = tokio::join!(biased; ask, hand_on);
            if sent.is_err() {
                let problem = format!("cannot {}: nobody takes the rows any more", asked());
                return Err(SourceError::usage(&self.location, problem, "run it again"));
            }
            next = answer?;
        }
        Ok(())
    }

    /// How many rows to ask for: as many as take the bytes that a page may have, if they are like those read last.
    fn rows_of_page(&self, table: &LiveTable, governor: &Governor) -> i32 {
        let known = self.row_bytes().get(&table.name()).copied();
        let rows = known.map_or(FIRST_ROWS, |row| {
            let most = self.options.page_bytes;
            let bytes = governor.page_bytes().map_or(most, |bytes| bytes.min(most));
            i32::try_from(bytes / row).unwrap_or(i32::MAX)
        });
        rows.min(self.options.page_rows).max(1)
    }

    /// Takes note of how long the rows of a page are.
    fn learn(&self, table: &LiveTable, page: &Page) {
        if let Some(row) = page.data.len().checked_div(page.ends.len()) {
            self.row_bytes().insert(table.name(), row.max(1));
        }
    }

    fn row_bytes(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.row_bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statement for a page of `rows`, sent to a replica of the range that ends at `token`.
    fn routed(
        &self,
        prepared: &PreparedStatement,
        token: i64,
        tablet: &[u128],
        rows: i32,
        attempt: u32,
    ) -> PreparedStatement {
        let mut routed = prepared.clone();
        routed.set_page_size(rows.max(1));
        routed.set_load_balancing_policy(Some(Arc::new(ToReplicas {
            token: Token::new(token),
            tablet: tablet.to_vec(),
            datacenter: self.datacenter.clone(),
            attempt,
        })));
        routed
    }

    /// The text of the statement that reads a range of `table`.
    fn scan_text(&self, table: &LiveTable) -> String {
        let key: Vec<String> = table.table.partition_key.iter().map(|c| quoted(c)).collect();
        let token = format!("token({})", key.join(", "));
        format!(
            "{} WHERE {token} > ? AND {token} <= ?{}",
            table.select(),
            self.hints()
        )
    }

    /// What ScyllaDB is told besides: not to fill its cache with what is read once, and when nobody waits any more.
    fn hints(&self) -> String {
        if !self.scylla {
            return String::new();
        }
        let bypass = if self.options.bypass_cache {
            " BYPASS CACHE"
        } else {
            ""
        };
        format!(
            "{bypass} USING TIMEOUT {}ms",
            self.options.request_timeout.as_millis()
        )
    }
}

fn shown(range: &Range) -> String {
    let bound = |text: &Option<String>| text.as_deref().unwrap_or("the end").to_owned();
    match &range.after {
        None => format!("the tokens up to {}", bound(&range.to)),
        Some(after) => format!("the tokens after {after} up to {}", bound(&range.to)),
    }
}
