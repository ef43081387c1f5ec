//! One divergence of a finished run, looked at once more in both stores.

use super::compare::Prepared;
use super::held::{Depths, Held};
use super::judge::MappingJudge;
use super::lookup::{Found, look_up, read_through};
use super::session::Session;
use super::settle::forget_places;
use super::wire::{key_names, wire};
use crate::canon::ejson::is_relaxed;
use crate::canon::{Encoder, Equality, Numbers, temporal};
use crate::diff::classify;
use crate::model::{Number, NumberType, Value};
use crate::report::{Divergence, KeyPart, Listed, Subject, divergence_id};
use crate::source::Format;
use crate::{Pair, Side};

/// What both stores hold under a divergence's key at this moment.
#[derive(Clone, Debug)]
pub enum Now {
    /// Equal records.
    Equal,
    /// No record on either side.
    Gone,
    /// Records that differ, or one that the other side lacks.
    Differs(Box<Divergence>),
}

/// Readings of one key that a report's text may stand for, at most.
const MOST_READINGS: usize = 256;

impl Session {
    /// Reads the records under a divergence's key on both sides, and compares them. Live stores are asked for the key, files read
    /// through. One look: a store that is being written to may be between two writes.
    ///
    /// # Errors
    /// A sentence about a key that cannot be read from the report, or a side that cannot be read.
    pub fn now(&self, listed: &Listed) -> Result<Now, String> {
        let Listed { compare, divergence } = listed;
        let prepared = self
            .prepared_compares()
            .find(|prepared| prepared.compare.name == *compare)
            .ok_or_else(|| format!("the configuration has no compare {compare:?}"))?;
        let key = key(listed, prepared.equality).ok_or(
            "its key cannot be taken from the report: it has none, or one of a type that is not read back",
        )?;
        let records = Pair::try_from_fn(|side| records(prepared, side, &key))?;
        if records.stable.is_empty() && records.candidate.is_empty() {
            return Ok(Now::Gone);
        }
        let lanes = prepared.lanes.as_ref();
        let guessed = Pair::from_fn(|side| {
            let relaxed = |held: &Held<'_>| is_relaxed(&held.bytes);
            lanes[side].namespace.format == Format::Ndjson && records[side].iter().any(relaxed)
        });
        let group = Depths::of(lanes).group(&records);
        let group = group.map_err(|(side, _)| format!("{side}: the record cannot be read"))?;
        let judge = MappingJudge::new(
            &prepared.compare,
            guessed,
            Pair::default(),
            prepared.sides.as_ref().zip(lanes),
        );
        let Some(mut finding) = classify(group, &judge) else {
            return Ok(Now::Equal);
        };
        forget_places(lanes, &mut finding);
        let mut found = wire(compare, &key_names(prepared), &finding);
        found.reproduce.clone_from(&divergence.reproduce);
        Ok(Now::Differs(Box::new(found)))
    }
}

fn records(prepared: &Prepared, side: Side, key: &[u8]) -> Result<Vec<Held<'static>>, String> {
    let lane = &prepared.lanes[side];
    let mut found: Found = match lane.source.live() {
        Some(_) => look_up(lane, &[key]),
        None => read_through(lane, &[key]),
    };
    found.remove(key).unwrap_or(Ok(Vec::new()))
}

/// The canonical key of a divergence: what its text may stand for is tried, and believed if the divergence's id comes of it.
fn key(listed: &Listed, equality: Equality) -> Option<Vec<u8>> {
    let Listed { compare, divergence } = listed;
    let equality = Equality {
        numbers: Numbers::Value,
        ..equality
    };
    let paths = || divergence.fields.iter().map(|field| field.path.as_str());
    let mut keys: Vec<Vec<u8>> = vec![Vec::new()];
    for part in &divergence.key {
        let parts: Vec<Vec<u8>> = readings(part)
            .iter()
            .filter_map(|value| {
                let mut encoder = Encoder::new(equality);
                encoder.value(value).ok().map(|()| encoder.bytes().to_vec())
            })
            .collect();
        keys = keys
            .iter()
            .flat_map(|key| parts.iter().map(|part| [&key[..], part].concat()))
            .take(MOST_READINGS)
            .collect();
    }
    keys.into_iter().find(|key| {
        let id = divergence_id(compare, Subject::Key(key), divergence.class, paths());
        !key.is_empty() && id == divergence.id
    })
}

/// What the text of a key's part may stand for.
fn readings(part: &KeyPart) -> Vec<Value> {
    let text = part.text.as_str();
    let hex = |text: &str| hex::decode(text).ok();
    let number = |number: Number| Value::Number(number);
    let found = match part.ty.as_str() {
        // Escaped as in JSON.
        "text" => serde_json::from_str(&format!("\"{text}\"")).ok().map(Value::Text),
        "null" => Some(Value::Null),
        "bool" => text.parse().ok().map(Value::Bool),
        "uuid" => hex(&text.replace('-', ""))
            .and_then(|b| b.try_into().ok())
            .map(Value::Uuid),
        "objectid" => hex(text).and_then(|b| b.try_into().ok()).map(Value::ObjectId),
        "bytes" => text
            .strip_prefix("0x")
            .and_then(hex)
            .map(|bytes| Value::Bytes { subtype: 0, bytes }),
        "timestamp" => temporal::timestamp(text).map(Value::Timestamp),
        "date" => temporal::date(text).map(Value::Date),
        "time" => temporal::time(text).map(Value::Time),
        "inet" => text.parse().ok().map(Value::Inet),
        // Of numbers the value counts, whatever held it.
        _ => match text.parse::<i64>() {
            Ok(n) => Some(number(Number::int(n, NumberType::Int64))),
            Err(_) => text
                .parse::<f64>()
                .ok()
                .map(|n| number(Number::double(n, NumberType::Double))),
        },
    };
    let written = (part.ty == "text").then(|| Value::Text(text.to_owned()));
    found.into_iter().chain(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Class, State};

    fn listed(key: &[(&str, &str)], canonical: &[Value]) -> Listed {
        let mut encoder = Encoder::new(Equality::default());
        let mut bytes = Vec::new();
        for value in canonical {
            encoder.clear();
            encoder.value(value).unwrap();
            bytes.extend_from_slice(encoder.bytes());
        }
        let part = |(ty, text): &(&str, &str)| KeyPart {
            name: "k".to_owned(),
            ty: (*ty).to_owned(),
            text: (*text).to_owned(),
        };
        Listed {
            compare: "orders".to_owned(),
            divergence: Divergence {
                id: divergence_id("orders", Subject::Key(&bytes), Class::Missing, []),
                class: Class::Missing,
                state: State::Confirmed,
                key: key.iter().map(part).collect(),
                fields: Vec::new(),
                position: Pair::default(),
                detail: None,
                first_seen: None,
                last_seen: None,
                reproduce: Vec::new(),
            },
        }
    }

    #[test]
    fn keys_are_read_back_and_believed_only_if_the_id_says_so() {
        let int = |n| Value::Number(Number::int(n, NumberType::Int32));
        let text = |text: &str| Value::Text(text.to_owned());
        let read = |listed: &Listed| key(listed, Equality::default()).is_some();
        for (shown, value) in [
            (("int32", "-7"), int(-7)),
            (("text", "a\\\"b"), text("a\"b")),
            (("text", "Zürich"), text("Zürich")),
            (
                ("uuid", "12121212-1212-1212-1212-121212121212"),
                Value::Uuid([0x12; 16]),
            ),
            (
                ("objectid", "abababababababababababab"),
                Value::ObjectId([0xab; 12]),
            ),
            (
                ("bytes", "0x00ff"),
                Value::Bytes {
                    subtype: 0,
                    bytes: vec![0, 255],
                },
            ),
            (("date", "2024-02-29"), Value::Date(19_782)),
            (("bool", "true"), Value::Bool(true)),
        ] {
            assert!(read(&listed(&[shown], std::slice::from_ref(&value))), "{shown:?}");
            let two = listed(&[shown, ("int64", "3")], &[value, int(3)]);
            assert!(read(&two), "{shown:?}");
        }
        assert!(!read(&listed(&[("int32", "8")], &[int(7)])));
        assert!(!read(&listed(&[], &[])));
    }
}
