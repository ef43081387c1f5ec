//! One divergence, as every export carries it.

use super::class::{Class, State};
use super::show::Shown;
use super::time;
use crate::pair::{Pair, Side};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A record, or a place in a file, where the two sides do not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// The stable identity: the same divergence has the same id in every run. See [`divergence_id`].
    pub id: String,
    /// What kind of divergence it is.
    pub class: Class,
    /// How sure we are.
    pub state: State,
    /// The record's key; empty where the finding has none, such as bytes that form no record.
    pub key: Vec<KeyPart>,
    /// The fields that differ, in path order; empty where the whole record does.
    pub fields: Vec<FieldDifference>,
    /// Where each side's record was read.
    pub position: Pair<Option<Position>>,
    /// What else is known, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When the run directory's history saw it first; no part of the deterministic result.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub first_seen: Option<Timestamp>,
    /// When it was seen last; no part of the deterministic result.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
    pub last_seen: Option<Timestamp>,
    /// Command lines that show it again.
    pub reproduce: Vec<String>,
}

/// One field of a record's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPart {
    /// The field's canonical name.
    pub name: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub ty: String,
    /// The value as a literal (see [`Shown`]).
    pub text: String,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDifference {
    /// The field's canonical path.
    pub path: String,
    /// How the two values differ.
    pub class: Class,
    /// The stable side's value; none where the field is not there or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<Shown>,
    /// The candidate side's value; none where the field is not there or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Shown>,
    /// The tolerance that covers the difference, such as `absolute 0.005`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerated_by: Option<String>,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The file, as the user named it or relative to the side's directory.
    pub file: String,
    /// Bytes before the record in the (decompressed) file.
    pub offset: u64,
    /// The record's number in the file, from 1, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
}

/// A divergence with the compare it belongs to: one line of the ndjson and csv exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The compare's name.
    pub compare: String,
    /// The divergence.
    pub divergence: Divergence,
}

/// What a divergence is about, for its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A record, by the canonical bytes of its key.
    Key(&'a [u8]),
    /// A place in one side's file, for findings without a key.
    Place(Side, &'a str, u64),
    /// The namespace as a whole.
    Namespace,
}

/// The stable id of a divergence: 32 hex digits of BLAKE3 over compare, subject, class and the paths that differ, each
/// with its length, under the context string `assay divergence id 1`. Values, sides' positions, state and time are no
/// part of it, so that a divergence keeps its id while it persists.
pub fn divergence_id<'a>(
    compare: &str,
    subject: Subject<'_>,
    class: Class,
    fields: impl IntoIterator<Item = &'a str>,
) -> String {
    let mut paths: Vec<&str> = fields.into_iter().collect();
    paths.sort_unstable();
    paths.dedup();
    let mut text = Vec::with_capacity(256);
    let mut part = |bytes: &[u8]| {
        text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        text.extend_from_slice(bytes);
    };
    part(compare.as_bytes());
    match subject {
        Subject::Key(key) => {
            part(b"key");
            part(key);
        }
        Subject::Place(side, file, offset) => {
            part(b"place");
            part(side.name().as_bytes());
            part(file.as_bytes());
            part(&offset.to_le_bytes());
        }
        Subject::Namespace => part(b"namespace"),
    }
    part(class.name().as_bytes());
    paths.into_iter().for_each(|path| part(path.as_bytes()));
    let mut hasher = blake3::Hasher::new_derive_key("assay divergence id 1");
    hasher.update(&text).finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_tell_apart() {
        let id = |compare, key: &[u8], class, fields: &[&str]| {
            divergence_id(compare, Subject::Key(key), class, fields.iter().copied())
        };
        let base = id("orders", b"k", Class::Changed, &["a", "b"]);
        assert_eq!(base, id("orders", b"k", Class::Changed, &["b", "a", "a"]));
        // Published: trend and run directories rely on it.
        assert_eq!(base, "492649f2fb758e19d1d4c9e8a5b3ae72");
        for other in [
            id("orders", b"k", Class::Changed, &["ab"]),
            id("order", b"sk", Class::Changed, &["a", "b"]),
            id("orders", b"k", Class::Missing, &["a", "b"]),
            divergence_id(
                "orders",
                Subject::Place(Side::Stable, "k", 0),
                Class::Changed,
                ["a", "b"],
            ),
            divergence_id("orders", Subject::Namespace, Class::Changed, ["a", "b"]),
        ] {
            assert_ne!(base, other);
            assert_eq!(other.len(), 32);
        }
    }
}
