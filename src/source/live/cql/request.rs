//! One page of one statement: prepared once, repeated when that may help, taken over as raw cells.

use super::failure::Meaning;
use super::{CqlStore, failure};
use crate::canon::native::put_cell;
use crate::source::live::{Failures, Governor, Page, Refusal};
use crate::source::{Failure, SourceError};
use scylla::deserialize::row::ColumnIterator;
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use std::ops::ControlFlow;

/// What was asked for: for messages.
pub(super) type Asked<'a> = &'a (dyn Fn() -> String + Send + Sync);

impl CqlStore {
    /// The statement of this text, prepared once, by whoever is first to use it: a node may forget a statement that others
    /// prepare at the same time.
    pub(super) async fn statement(
        &self,
        text: &str,
        asked: Asked<'_>,
    ) -> Result<PreparedStatement, SourceError> {
        // Who waits for another's attempts is losing patience, too.
        let tried = Failures::from_now();
        let prepared = self
            .prepared
            .lock()
            .await
            .entry(text.to_owned())
            .or_default()
            .clone();
        let prepared = prepared
            .get_or_try_init(|| self.prepare(text, tried, asked))
            .await?;
        Ok(prepared.clone())
    }

    async fn prepare(
        &self,
        text: &str,
        mut tried: Failures,
        asked: Asked<'_>,
    ) -> Result<PreparedStatement, SourceError> {
        let mut prepared = loop {
            let error = match self.session.prepare(text).await {
                Ok(prepared) => break prepared,
                Err(error) => error,
            };
            let meaning = failure::of_prepare(&error);
            self.pause(&mut tried, meaning, asked, &error).await?;
        };
        prepared.set_page_size(self.options.page_rows.max(1));
        prepared.set_consistency(self.options.consistency);
        prepared.set_serial_consistency(None);
        prepared.set_is_idempotent(true);
        Ok(prepared)
    }

    /// One page, and the state that the next one goes on from, if there is one. `statement` gives the statement for each
    /// attempt, from 0.
    pub(super) async fn page(
        &self,
        statement: impl Fn(u32) -> PreparedStatement,
        values: impl SerializeRow,
        state: PagingState,
        governor: &Governor,
        asked: Asked<'_>,
    ) -> Result<(Page, Option<PagingState>), SourceError> {
        let mut tried = Failures::default();
        loop {
            let leave = governor.request().await;
            let permit = leave.map_err(|held| self.held(asked, held))?;
            let statement = statement(tried.before);
            let answer = self
                .session
                .execute_single_page(&statement, &values, state.clone())
                .await;
            let error: ExecutionError = match answer {
                Ok((result, next)) => {
                    let node = result.request_coordinator().connection_address();
                    let page = self.take_over(result, asked)?;
                    tracing::trace!(%node, rows = page.ends.len(), "{}", asked());
                    permit.brought(page.data.len());
                    return Ok((page, following(next)));
                }
                Err(error) => error,
            };
            let meaning = failure::of_request(&error);
            if meaning.kind == Failure::Overload {
                permit.overloaded();
            } else {
                drop(permit);
            }
            self.pause(&mut tried, meaning, asked, &error).await?;
        }
    }

    /// An error for leave that was not given.
    fn held(&self, asked: Asked<'_>, held: Refusal) -> SourceError {
        SourceError::Server {
            location: self.location.clone(),
            action: asked(),
            problem: held.problem,
            advice: held.advice.to_owned(),
            failure: Failure::Refused,
        }
    }

    /// Waits before another attempt; an error if there is to be none.
    pub(super) async fn pause(
        &self,
        tried: &mut Failures,
        meaning: Meaning,
        asked: Asked<'_>,
        error: &(dyn std::error::Error + Send + Sync),
    ) -> Result<(), SourceError> {
        if !meaning.again || !self.options.retry.wait(tried).await {
            let times = match tried.before {
                0 => String::new(),
                n => format!(" (tried {} times)", n + 1),
            };
            return Err(self.failed(asked(), format!("{error}{times}"), meaning.kind));
        }
        tracing::debug!(location = %self.location, attempt = tried.before, "{}: {error}; trying again", asked());
        Ok(())
    }

    /// The rows of an answer as records.
    fn take_over(&self, result: QueryResult, asked: Asked<'_>) -> Result<Page, SourceError> {
        let unreadable = |problem: String| self.failed(asked(), problem, Failure::Refused);
        let rows = result.into_rows_result().map_err(|e| unreadable(e.to_string()))?;
        let mut page = Page {
            data: Vec::with_capacity(rows.rows_bytes_size()),
            ends: Vec::with_capacity(rows.rows_num()),
        };
        let rows = rows
            .rows::<ColumnIterator<'_, '_>>()
            .map_err(|e| unreadable(e.to_string()))?;
        for row in rows {
            for cell in row.map_err(|e| unreadable(e.to_string()))? {
                let cell = cell.map_err(|e| unreadable(e.to_string()))?;
                if !put_cell(&mut page.data, cell.slice.map(|slice| slice.as_slice())) {
                    return Err(unreadable("a cell of more than 2 GiB".into()));
                }
            }
            page.ends.push(page.data.len());
        }
        Ok(page)
    }
}

/// Where the next page goes on. A page without rows may have one after it.
pub(super) fn following(response: PagingStateResponse) -> Option<PagingState> {
    match response.into_paging_control_flow() {
        ControlFlow::Continue(state) => Some(state),
        ControlFlow::Break(()) => None,
    }
}
