//! The token of a row, as the server makes it of the partition key.

use crate::canon::native::cells;
use crate::model::{CqlType, Table};
use scylla::routing::partitioner::{Murmur3Partitioner, Partitioner, PartitionerHasher};

/// Makes the tokens of a table's rows. The tokens of `Murmur3Partitioner`, which are all that is read.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The columns of the partition key, by their places in the row.
    columns: Vec<usize>,
}

impl Tokens {
    /// For the rows of `table`, as [`super::CqlStore::read`] sends them.
    ///
    /// # Errors
    /// A sentence about a partition key of which equal values may have several tokens.
    pub fn of(table: &Table) -> Result<Tokens, String> {
        let place = |name: &String| {
            let place = table.columns.iter().position(|column| column.name == *name);
            let place = place.ok_or_else(|| format!("partition key column {name} is not read"))?;
            match one_form(&table.columns[place].ty) {
                true => Ok(place),
                false => Err(format!(
                    "equal values of partition key column {name} ({}) may have different tokens",
                    table.columns[place].ty
                )),
            }
        };
        let columns = table.partition_key.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Tokens { columns })
    }

    /// The token of a row; none if it is cut off, or has no partition key.
    pub fn token(&self, row: &[u8]) -> Option<i64> {
        let mut hasher = Murmur3Partitioner.build_hasher();
        for &column in &self.columns {
            let cell = cells(row).nth(column)??;
            if self.columns.len() == 1 {
                hasher.write(cell);
            } else {
                let len = u16::try_from(cell.len()).ok()?;
                hasher.write(&len.to_be_bytes());
                hasher.write(cell);
                hasher.write(&[0]);
            }
        }
        Some(hasher.finish().value())
    }
}

/// Whether equal values of a type have the same bytes.
fn one_form(ty: &CqlType) -> bool {
    matches!(
        ty,
        CqlType::Ascii
            | CqlType::Text
            | CqlType::Blob
            | CqlType::Tinyint
            | CqlType::Smallint
            | CqlType::Int
            | CqlType::Bigint
            | CqlType::Timestamp
            | CqlType::Date
            | CqlType::Time
            | CqlType::Uuid
            | CqlType::Timeuuid
            | CqlType::Inet
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::native::put_cell;
    use crate::model::Schema;

    fn table(ddl: &str) -> Table {
        let schema = Schema::parse(ddl).unwrap();
        schema.table(Some("k"), "t").unwrap().clone()
    }

    fn row(cells: &[Option<&[u8]>]) -> Vec<u8> {
        let mut row = Vec::new();
        cells.iter().for_each(|cell| assert!(put_cell(&mut row, *cell)));
        row
    }

    /// Tokens that Cassandra gave to these keys.
    #[test]
    fn tokens_are_those_of_the_server() {
        let one = Tokens::of(&table("CREATE TABLE k.t (v text, id int, PRIMARY KEY (id));")).unwrap();
        let token = |id: i32| one.token(&row(&[None, Some(&id.to_be_bytes())]));
        assert_eq!(token(1), Some(-4_069_959_284_402_364_209));
        assert_eq!(token(0), Some(-3_485_513_579_396_041_028));
        let two = "CREATE TABLE k.t (a text, v text, b int, c int, PRIMARY KEY ((b, a), c));";
        let two = Tokens::of(&table(two)).unwrap();
        let whole = row(&[Some(b"x"), Some(b"long value"), Some(&[0, 0, 0, 7]), None]);
        assert!(two.token(&whole).is_some());
        assert_ne!(two.token(&whole), one.token(&whole));
    }

    #[test]
    fn what_is_no_row_has_no_token() {
        let one = Tokens::of(&table("CREATE TABLE k.t (v text, id int, PRIMARY KEY (id));")).unwrap();
        assert_eq!(one.token(&row(&[Some(b"x")])), None);
        assert_eq!(one.token(&row(&[Some(b"x"), None])), None);
        assert_eq!(one.token(&[0, 0, 0, 9, 1]), None);
        assert_eq!(one.token(&[]), None);
    }

    #[test]
    fn keys_whose_equal_values_have_several_forms_have_no_order() {
        for ty in [
            "decimal",
            "double",
            "float",
            "varint",
            "frozen<list<int>>",
            "boolean",
        ] {
            let refused = Tokens::of(&table(&format!("CREATE TABLE k.t (id {ty} PRIMARY KEY);")));
            assert!(refused.unwrap_err().contains(ty), "{ty}");
        }
    }
}
