//! Tables that ScyllaDB makes itself, beside those of its users and in the same keyspaces.

use super::ddl::{ColumnRow, IndexRow};

/// Columns that its table of audited statements has in all versions.
const AUDIT: [&str; 4] = ["node", "event_time", "category", "operation"];

/// What ScyllaDB keeps in the table `name` of a keyspace, if it has made it itself. `columns` are those of the table; `base` is
/// the table that it is a view of, if it is a view, with that table's indexes; `is_table` says whether there is a table of a
/// name in the keyspace.
pub(super) fn made_for(
    keyspace: &str,
    name: &str,
    columns: &[ColumnRow],
    base: Option<(&str, &[IndexRow])>,
    is_table: impl Fn(&str) -> bool,
) -> Option<String> {
    if let Some((base, indexes)) = base {
        let index = name.strip_suffix("_index")?;
        let is_one = indexes.iter().any(|(known, _)| known == index);
        return is_one.then(|| format!("the index {index} of {base}"));
    }
    // Anybody may call a table so.
    let has = |wanted: &str| columns.iter().any(|column| column.name == wanted);
    if (keyspace, name) == ("audit", "audit_log") && AUDIT.into_iter().all(has) {
        return Some("what it audits".to_owned());
    }
    let is_log = || has("cdc$stream_id");
    let log = name.strip_suffix("_scylla_cdc_log").filter(|_| is_log());
    if let Some(table) = log.filter(|table| is_table(table)) {
        return Some(format!("the changes of {table}"));
    }
    let table = name.strip_suffix("$paxos").filter(|table| is_table(table))?;
    Some(format!("the state of conditional writes to {table}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> ColumnRow {
        ColumnRow {
            name: name.into(),
            order: "none".into(),
            kind: "regular".into(),
            position: -1,
            ty: "int".into(),
        }
    }

    #[test]
    fn tables_of_the_server_s_own_are_told_from_those_of_users() {
        let (log, plain) = ([column("cdc$stream_id"), column("v")], [column("v")]);
        let table = |name, columns| made_for("k", name, columns, None, |table| table == "t");
        assert_eq!(table("t_scylla_cdc_log", &log).unwrap(), "the changes of t");
        assert_eq!(table("t_scylla_cdc_log", &plain), None);
        assert_eq!(table("gone_scylla_cdc_log", &log), None);
        let paxos = table("t$paxos", &plain).unwrap();
        assert_eq!(paxos, "the state of conditional writes to t");
        assert_eq!((table("gone$paxos", &plain), table("t", &plain)), (None, None));
        let audited = ["date", "node", "event_time", "category", "operation"].map(column);
        let audit = |keyspace, columns| made_for(keyspace, "audit_log", columns, None, |_| true);
        assert_eq!(audit("audit", &audited).unwrap(), "what it audits");
        assert_eq!((audit("audit", &plain), audit("k", &audited)), (None, None));
    }

    #[test]
    fn the_view_behind_an_index_is_told_from_other_views() {
        let indexes = [("by_v".to_owned(), [].into())];
        let view = |name| made_for("k", name, &[column("v")], Some(("t", &indexes)), |_| true);
        assert_eq!(view("by_v_index").unwrap(), "the index by_v of t");
        assert_eq!((view("by_w_index"), view("by_v")), (None, None));
        assert_eq!(made_for("k", "by_v_index", &[column("v")], None, |_| true), None);
    }
}
