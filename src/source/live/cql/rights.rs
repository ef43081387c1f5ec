//! Who we are to a cluster, and what it says we may do.

use super::CqlStore;
use super::catalog::quoted;
use crate::source::{Failure, SourceError};
use scylla::response::PagingState;
use scylla::statement::unprepared::Statement;
use scylla::value::{CqlValue, Row};
use std::collections::BTreeSet;

/// Permissions that change something. An audit needs none of them.
const WRITES: [&str; 6] = ["ALTER", "AUTHORIZE", "CREATE", "DROP", "EXECUTE", "MODIFY"];

/// What a role may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CqlRights {
    /// The role; none if the connection has no name.
    pub role: Option<String>,
    /// Whether it may do everything.
    pub superuser: bool,
    /// What it may read, as the cluster names it; none if the cluster does not say.
    pub reads: Option<Vec<String>>,
    /// Permissions that change something, with what they are for.
    pub writes: BTreeSet<String>,
}

impl CqlStore {
    /// What the role of the connection may do.
    ///
    /// # Errors
    /// If the cluster is not reached any more. One that refuses to tell leaves gaps in the answer.
    pub async fn rights(&self) -> Result<CqlRights, SourceError> {
        let Some((role, _)) = &self.options.login else {
            return Ok(CqlRights::default());
        };
        let name = quoted(role);
        let roles = self.listed(format!("LIST ROLES OF {name}")).await?;
        let permissions = self.listed(format!("LIST ALL PERMISSIONS OF {name}")).await?;
        Ok(CqlRights {
            role: Some(role.clone()),
            ..rights(&roles.unwrap_or_default(), permissions.as_deref())
        })
    }

    /// The rows of a statement that the cluster may refuse.
    async fn listed(&self, text: String) -> Result<Option<Vec<Row>>, SourceError> {
        let answer = match self.ask(&Statement::new(text), PagingState::start()).await {
            Ok((answer, _)) => answer,
            Err(SourceError::Server {
                failure: Failure::Denied | Failure::Refused,
                ..
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        // No rows at all are no rows of permissions.
        if !answer.is_rows() {
            return Ok(Some(Vec::new()));
        }
        self.typed_rows(answer).map(Some)
    }
}

/// `LIST ROLES` gives role, whether it is a superuser, and more; `LIST PERMISSIONS` role, user name, resource and permission.
fn rights(roles: &[Row], permissions: Option<&[Row]>) -> CqlRights {
    let text = |row: &Row, at: usize| match row.columns.get(at) {
        Some(Some(CqlValue::Text(text) | CqlValue::Ascii(text))) => text.clone(),
        _ => String::new(),
    };
    let superuser = |row: &Row| matches!(row.columns.get(1), Some(Some(CqlValue::Boolean(true))));
    let pairs = permissions.map(|rows| rows.iter().map(|row| (text(row, 2), text(row, 3))));
    let pairs: Option<Vec<(String, String)>> = pairs.map(Iterator::collect);
    let all = pairs.iter().flatten();
    let writes = all.filter(|(_, permission)| WRITES.contains(&permission.as_str()));
    CqlRights {
        role: None,
        superuser: roles.iter().any(superuser),
        writes: writes
            .map(|(on, permission)| format!("{permission} on {on}"))
            .collect(),
        reads: pairs.as_ref().map(|pairs| {
            let reads = pairs.iter().filter(|(_, permission)| permission == "SELECT");
            reads.map(|(on, _)| on.clone()).collect()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[&str]) -> Row {
        let columns = columns.iter().map(|c| Some(CqlValue::Text((*c).to_owned())));
        Row {
            columns: columns.collect(),
        }
    }

    #[test]
    fn reading_is_told_from_changing() {
        let permissions = [
            row(&["assay", "assay", "<keyspace shop>", "SELECT"]),
            row(&["assay", "assay", "<table shop.orders>", "MODIFY"]),
        ];
        let found = rights(&[], Some(&permissions));
        assert_eq!(found.reads, Some(vec!["<keyspace shop>".to_owned()]));
        assert_eq!(Vec::from_iter(found.writes), ["MODIFY on <table shop.orders>"]);
        assert!(!found.superuser);
        assert_eq!(rights(&[], None).reads, None);
    }

    #[test]
    fn a_superuser_is_known() {
        let mut root = row(&["cassandra"]);
        root.columns.push(Some(CqlValue::Boolean(true)));
        assert!(rights(&[row(&["other"]), root], None).superuser);
    }
}
