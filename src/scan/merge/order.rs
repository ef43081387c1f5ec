//! The orders in which stores and exports deliver records, and what the rows of two tables need to share one.

use crate::canon::{Normalize, compare_keys, compare_rows};
use crate::model::{Order as Direction, Table};
use crate::scan::compare::Prepared;
use crate::scan::lane::Lane;
use crate::scan::layout;
use crate::source::Format;
use crate::source::live::cql::Tokens;
use crate::{Pair, Side};
use std::cmp::Ordering;

/// An order in which stores and exports write their records. A merge needs both sides in one of them, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// That of the keys' values.
    Keys,
    /// That of their canonical bytes. For text it is the shorter first: so lie numbers that are written out as text.
    Bytes,
    /// That of a table: by token, and by the keys' values within one; parts of the key whose bits are set descend.
    Rows(u64),
}

/// Bytes of a token before the key.
pub(super) const TOKEN: usize = 8;

/// A token as bytes in the order of tokens.
pub(super) fn token_bytes(token: i64) -> [u8; TOKEN] {
    (token ^ i64::MIN).to_be_bytes()
}

impl Order {
    /// Compares two places: two keys, behind their tokens in a table's order. Equal for equal bytes only.
    pub fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Order::Keys => compare_keys(a, b),
            Order::Bytes => a.cmp(b),
            Order::Rows(descending) => {
                let ((x, a), (y, b)) = (a.split_at(TOKEN), b.split_at(TOKEN));
                x.cmp(y).then_with(|| compare_rows(a, b, descending))
            }
        }
    }
}

/// How many orders can be tried at the same time.
pub(super) const ORDERS: usize = 2;

/// The orders in which two sides may come. One that is not there is broken from the start.
pub(super) type Orders = [Option<Order>; ORDERS];

/// The orders of keys, which any store may have.
pub(super) const OF_KEYS: Orders = [Some(Order::Keys), Some(Order::Bytes)];

/// Bytes that stand before the keys in places that are held against each other in these orders.
pub(super) fn before_key(orders: &Orders) -> usize {
    match orders {
        [Some(Order::Rows(_)), _] => TOKEN,
        _ => 0,
    }
}

/// Whether a record at `place` may follow one at `before`.
pub(super) fn keeps(order: &Option<Order>, before: &[u8], place: &[u8]) -> bool {
    order.is_some_and(|order| order.compare(before, place).is_le())
}

/// What both sides of a compare are merged by.
#[derive(Debug)]
pub(in crate::scan) struct Places {
    pub(super) orders: Orders,
    /// Makes the tokens of each side's rows, where these are a part of the order.
    pub(super) tokens: Pair<Option<Tokens>>,
}

impl Places {
    /// By the keys, or, between two tables, by tokens and keys.
    ///
    /// # Errors
    /// A sentence about two tables whose rows have no order in common.
    pub fn of(prepared: &Prepared) -> Result<Places, String> {
        let lanes = prepared.lanes.as_ref();
        if !Side::BOTH
            .iter()
            .all(|side| lanes[*side].namespace.format == Format::Native)
        {
            let tokens = Pair::default();
            return Ok(Places {
                orders: OF_KEYS,
                tokens,
            });
        }
        let rows = Pair::try_from_fn(|side| {
            let (lane, config) = (lanes[side], &prepared.sides[side]);
            let table = layout::table(lane.source.schemas(), &lane.namespace, config)?.0;
            let table =
                table.ok_or_else(|| format!("the schema of {} is not to be had", lane.namespace.name))?;
            rows(lane, &table).map_err(|why| format!("{side}: {why}"))
        })?;
        if prepared.equality.normalize != Normalize::None {
            return Err("texts that are equal once they are normalised may have different tokens".to_owned());
        }
        let differs = |what| Err(format!("the sides have different {what}"));
        match (&rows.stable, &rows.candidate) {
            (a, b) if a.partition != b.partition => differs("partition keys"),
            (a, b) if a.descending != b.descending => differs("clustering orders"),
            (a, _) => Ok(Places {
                orders: [Some(Order::Rows(a.descending)), None],
                tokens: rows.map(|rows| Some(rows.tokens)),
            }),
        }
    }
}

/// The order of one table's rows, in terms of the mapping's key.
struct Rows {
    tokens: Tokens,
    /// The columns of the partition key: which part of the key each is, and its type.
    partition: Vec<(usize, String)>,
    /// The parts of the key that descend.
    descending: u64,
}

/// The order of a table's rows. A token is the same for equal keys only where the whole partition key is in the key as it is
/// stored.
fn rows(lane: &Lane, table: &Table) -> Result<Rows, String> {
    let key = lane.projection.key_as_stored();
    let part = |name: &str| key.iter().position(|stored| *stored == Some(name));
    let partition = table.partition_key.iter().map(|name| {
        let part = part(name).ok_or_else(|| {
            format!("partition key column {name} is not a part of the key, or not as it is stored")
        })?;
        let ty = table.column(name).map(|column| column.ty.to_string());
        Ok((part, ty.unwrap_or_default()))
    });
    let descending = table.clustering.iter().filter(|(_, way)| *way == Direction::Desc);
    let parts = descending.filter_map(|(name, _)| part(name));
    Ok(Rows {
        tokens: Tokens::of(table)?,
        partition: partition.collect::<Result<_, String>>()?,
        descending: parts
            .filter(|part| *part < 64)
            .fold(0, |bits, part| bits | 1 << part),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{Encoder, Equality};
    use crate::model::{Number, NumberType, Value};

    fn place(token: i64, parts: [i64; 2]) -> Vec<u8> {
        let mut place = token_bytes(token).to_vec();
        for part in parts {
            let mut encoder = Encoder::new(Equality::default());
            let number = Value::Number(Number::int(part, NumberType::Int64));
            encoder.value(&number).unwrap();
            place.extend_from_slice(encoder.bytes());
        }
        place
    }

    #[test]
    fn rows_lie_by_token_and_then_by_key() {
        let places = [
            place(i64::MIN + 1, [9, 9]),
            place(-1, [5, 7]),
            place(-1, [5, -7]),
            place(-1, [6, 0]),
            place(0, [1, 1]),
            place(i64::MAX, [0, 0]),
        ];
        let (rows, other) = (Some(Order::Rows(0b10)), Some(Order::Rows(0)));
        for two in places.windows(2) {
            assert!(keeps(&rows, &two[0], &two[1]) && !keeps(&rows, &two[1], &two[0]));
            assert!(!keeps(&None, &two[0], &two[1]));
        }
        assert!(keeps(&rows, &places[0], &places[0]));
        assert!(!keeps(&other, &places[1], &places[2]));
        assert_eq!((before_key(&[rows, None]), before_key(&OF_KEYS)), (TOKEN, 0));
    }
}
