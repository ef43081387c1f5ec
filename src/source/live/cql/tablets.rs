//! ScyllaDB's tablets: stretches of the ring that a table has for itself, each with replicas of its own.

use super::CqlStore;
use super::catalog::{LiveTable, TableKind};
use super::system::literal;
use crate::source::SourceError;
use scylla::value::CqlValue;
use std::sync::Arc;

/// A table's tablets in token order: the last token of each, and the host ids of its replicas.
#[derive(Debug, PartialEq)]
pub(super) struct Tablets(Vec<(i64, Vec<u128>)>);

/// `last_token` and `replicas` of a row of `system.tablets`: hosts, with the number of a shard.
type Row = (Option<i64>, Option<Vec<(CqlValue, i32)>>);

impl Tablets {
    /// None if the rows are not those of tablets. A table whose tablets lie with those of another has one row, without a token.
    fn of(rows: Vec<Row>) -> Option<Tablets> {
        let hosts = |replicas: Option<Vec<(CqlValue, i32)>>| {
            let replicas = replicas.into_iter().flatten();
            let hosts = replicas.filter_map(|(host, _shard)| host.as_uuid());
            hosts.map(|host| host.as_u128()).collect()
        };
        let tablets = rows.into_iter();
        let tablets = tablets.map(|(last, replicas)| Some((last?, hosts(replicas))));
        let mut tablets: Vec<_> = tablets.collect::<Option<_>>()?;
        tablets.sort();
        (!tablets.is_empty()).then_some(Tablets(tablets))
    }

    /// The last token of each.
    pub(super) fn last_tokens(&self) -> Vec<i64> {
        self.0.iter().map(|(last, _)| *last).collect()
    }

    /// The host ids of the replicas of a token.
    pub(super) fn replicas(&self, token: i64) -> &[u128] {
        let place = self.0.partition_point(|(last, _)| *last < token);
        self.0.get(place).map_or(&[], |(_, hosts)| hosts)
    }
}

impl CqlStore {
    /// The tablets of a table as they were when they were asked for first, where it has tablets and they can be read.
    pub(super) async fn tablets(&self, table: &LiveTable) -> Option<Arc<Tablets>> {
        if !self.scylla {
            return None;
        }
        // Whoever comes second waits for the answer to the first.
        let mut known = self.tablets.lock().await;
        if let Some(found) = known.get(&table.name()) {
            return found.clone();
        }
        let found = self.read_tablets(table).await.ok().flatten().map(Arc::new);
        known.insert(table.name(), found.clone());
        found
    }

    async fn read_tablets(&self, table: &LiveTable) -> Result<Option<Tablets>, SourceError> {
        let (catalogue, column) = match table.kind {
            TableKind::Table => ("tables", "table_name"),
            TableKind::View(_) => ("views", "view_name"),
        };
        let text = format!(
            "SELECT id FROM system_schema.{catalogue} WHERE keyspace_name = {} AND {column} = {}",
            literal(&table.table.keyspace),
            literal(&table.table.name)
        );
        let Some(id) = self.id(&text).await? else {
            return Ok(None);
        };
        if let Some(own) = self.tablets_of(&id).await? {
            return Ok(Some(own));
        }
        let text = format!("SELECT base_table FROM system.tablets WHERE table_id = {id} LIMIT 1");
        match self.id(&text).await? {
            Some(base) => self.tablets_of(&base).await,
            None => Ok(None),
        }
    }

    /// The first value of the first row, an id.
    async fn id(&self, text: &str) -> Result<Option<String>, SourceError> {
        let rows: Vec<(Option<CqlValue>,)> = self.system(text).await?;
        let value = rows.first().and_then(|(value,)| value.as_ref());
        Ok(value.and_then(CqlValue::as_uuid).map(|id| id.to_string()))
    }

    async fn tablets_of(&self, id: &str) -> Result<Option<Tablets>, SourceError> {
        let text = format!("SELECT last_token, replicas FROM system.tablets WHERE table_id = {id}");
        Ok(Tablets::of(self.system(&text).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scylla::deserialize::row::DeserializeRow;
    use scylla::frame::response::result::{CollectionType, ColumnSpec, ColumnType, NativeType, TableSpec};

    fn row(last: Option<i64>, hosts: &[&str]) -> Row {
        let hosts = hosts.iter().map(|host| {
            let id = format!("00000000-0000-0000-0000-00000000000{host}");
            (CqlValue::Uuid(id.parse().unwrap()), 0)
        });
        (last, Some(hosts.collect()))
    }

    #[test]
    fn a_token_s_replicas_are_those_of_the_tablet_that_it_lies_in() {
        let rows = vec![
            row(Some(i64::MAX), &["3"]),
            row(Some(-5), &["1", "2"]),
            (Some(7), None),
        ];
        let tablets = Tablets::of(rows).unwrap();
        assert_eq!(tablets.last_tokens(), [-5, 7, i64::MAX]);
        for token in [i64::MIN, -6, -5] {
            assert_eq!(tablets.replicas(token), [1, 2]);
        }
        assert!(tablets.replicas(-4).is_empty() && tablets.replicas(7).is_empty());
        assert_eq!(
            (tablets.replicas(8), tablets.replicas(i64::MAX)),
            (&[3][..], &[3][..])
        );
    }

    #[test]
    fn a_table_without_tablets_of_its_own_has_none() {
        assert_eq!(Tablets::of(Vec::new()), None);
        assert_eq!(Tablets::of(vec![(None, None)]), None);
    }

    #[test]
    fn rows_are_taken_in_the_types_that_the_server_gives_them() {
        let id = || ColumnType::Native(NativeType::Uuid);
        let replica = ColumnType::Tuple(vec![id(), ColumnType::Native(NativeType::Int)]);
        let replicas = ColumnType::Collection {
            frozen: true,
            typ: CollectionType::List(Box::new(replica)),
        };
        let column = |name, ty| ColumnSpec::borrowed(name, ty, TableSpec::borrowed("system", "tablets"));
        let last = column("last_token", ColumnType::Native(NativeType::BigInt));
        <Row as DeserializeRow<'_, '_>>::type_check(&[last, column("replicas", replicas)]).unwrap();
        <(Option<CqlValue>,) as DeserializeRow<'_, '_>>::type_check(&[column("id", id())]).unwrap();
    }
}
