//! The server's own tables, which each node has for itself.

use super::request::following;
use super::route::near;
use super::{CqlStore, failure};
use crate::source::live::Failures;
use crate::source::{Failure, SourceError};
use scylla::cluster::Node;
use scylla::deserialize::row::DeserializeRow;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::response::PagingState;
use scylla::response::query_result::QueryResult;
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use std::sync::Arc;

/// A text as a value in a statement.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn own(text: &str) -> Statement {
    let mut statement = Statement::new(text);
    statement.set_consistency(Consistency::One);
    statement
}

impl CqlStore {
    /// The rows of a statement on the server's own tables.
    pub(super) async fn system<R>(&self, text: &str) -> Result<Vec<R>, SourceError>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let (statement, mut rows) = (own(text), Vec::new());
        let mut state = Some(PagingState::start());
        while let Some(from) = state {
            let (page, next) = self.ask(&statement, from).await?;
            rows.extend(self.typed_rows(page)?);
            state = next;
        }
        Ok(rows)
    }

    /// The same, as one node tells it, which is asked once. None if it does not answer, or refuses.
    pub(super) async fn system_of<R>(&self, text: &str, node: &Arc<Node>) -> Option<Vec<R>>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let mut statement = own(text);
        let target = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(node.clone()), None);
        statement.set_load_balancing_policy(Some(target));
        let (mut rows, mut state) = (Vec::new(), Some(PagingState::start()));
        while let Some(from) = state {
            let page = self.session.query_single_page(statement.clone(), (), from);
            let (page, next) = page.await.ok()?;
            rows.extend(self.typed_rows(page).ok()?);
            state = following(next);
        }
        Some(rows)
    }

    /// The nodes that there is a connection to, of the datacentre that is named, if one is.
    pub(super) fn reached(&self) -> Vec<Arc<Node>> {
        let cluster = self.session.get_cluster_state();
        let near = near(&cluster, self.datacenter.as_deref());
        near.filter(|node| node.is_connected()).cloned().collect()
    }

    /// A page of the answer to a statement, asked again where that may help.
    pub(super) async fn ask(
        &self,
        statement: &Statement,
        from: PagingState,
    ) -> Result<(QueryResult, Option<PagingState>), SourceError> {
        let asked = || format!("ask {:?}", statement.contents);
        let mut tried = Failures::default();
        loop {
            let page = self
                .session
                .query_single_page(statement.clone(), (), from.clone());
            let error = match page.await {
                Ok((page, next)) => return Ok((page, following(next))),
                Err(error) => error,
            };
            self.pause(&mut tried, failure::of_request(&error), &asked, &error)
                .await?;
        }
    }

    pub(super) fn typed_rows<R>(&self, result: QueryResult) -> Result<Vec<R>, SourceError>
    where
        R: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let odd = |problem: String| self.failed("read the server's own tables", problem, Failure::Refused);
        let rows = result.into_rows_result().map_err(|e| odd(e.to_string()))?;
        let rows = rows.rows::<R>().map_err(|e| odd(e.to_string()))?;
        rows.map(|row| row.map_err(|e| odd(e.to_string()))).collect()
    }
}
