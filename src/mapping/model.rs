//! The mapping as the configuration declares it.

use super::{Conversion, Literal, Tolerance, Unmapped};
use crate::canon::{Absent, FieldOrder, Normalize, Numbers};
use crate::{Pair, Side};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One pair of namespaces that are audited together.
#[derive(Clone, Debug, Serialize)]
pub struct Compare {
    /// Its name in reports.
    pub name: String,
    /// The namespaces.
    pub namespaces: Pair<String>,
    /// The canonical fields that make the key; empty: the store's own key.
    pub key: Vec<String>,
    /// The fields that rules name.
    pub fields: Vec<Field>,
    /// What happens to other fields.
    pub unmapped: Unmapped,
    /// Why the other fields are not compared, where they are ignored or only reported.
    pub unmapped_reason: Option<Declaration>,
    /// When numbers are equal; by the engines if not said.
    pub numbers: Option<Numbers>,
    /// Whether the order of fields counts.
    pub field_order: FieldOrder,
    /// Whether missing equals null; by the formats if not said.
    pub absent: Option<Absent>,
    /// Unicode normalisation.
    pub normalize: Normalize,
    /// Which array of which side is taken apart.
    pub explode: Option<Explode>,
    /// Where the configuration says all this; no part of what it means.
    #[serde(skip)]
    pub spots: Spots,
}

/// A place in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Where the keys of one table of the configuration stand; the table itself is under the empty name.
#[derive(Clone, Debug, Default)]
pub struct Spots(BTreeMap<String, Spot>);

impl Spots {
    /// Notes where a key stands.
    pub fn note(&mut self, key: impl Into<String>, spot: Spot) {
        self.0.insert(key.into(), spot);
    }

    /// Where the first of these keys stands that is written; else where the table does.
    pub fn of(&self, keys: &[&str]) -> Option<&Spot> {
        keys.iter()
            .find_map(|k| self.0.get(*k))
            .or_else(|| self.0.get(""))
    }
}

/// Why something is overlooked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Until when it holds: a day or an instant.
    pub expires: Option<String>,
}

/// An array whose elements are the records.
#[derive(Clone, Debug, Serialize)]
pub struct Explode {
    /// The side that holds the array.
    pub side: Side,
    /// Its path.
    pub path: String,
}

/// One canonical field.
#[derive(Clone, Debug, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where each side holds it.
    pub paths: Pair<Option<String>>,
    /// What is done to it on each side.
    pub convert: Pair<Conversion>,
    /// What stands for an absent value on each side; it is converted like one.
    pub default: Pair<Option<Literal>>,
    /// Not compared.
    pub ignore: bool,
    /// The only side that has it.
    pub only: Option<Side>,
    /// What a field of one side only has to be, once it is converted.
    pub expect: Option<Literal>,
    /// The type a field of one side only has to have, as reports name types.
    pub expect_type: Option<String>,
    /// How far values may lie apart.
    pub tolerance: Option<Tolerance>,
    /// Whether an empty collection counts as null; by the formats if not said.
    pub empty_is_null: Option<bool>,
    /// Why it is ignored or its differences tolerated, where they are.
    pub declaration: Option<Declaration>,
    /// Where the configuration says all this; no part of what it means.
    #[serde(skip)]
    pub spots: Spots,
}

impl Field {
    /// Whether something is expected of a field of one side only.
    pub fn expects(&self) -> bool {
        let default = self.only.is_some_and(|side| self.default[side].is_some());
        self.expect.is_some() || self.expect_type.is_some() || default
    }
}

impl Compare {
    /// A compare without any rules, for two namespaces that should be the same.
    pub fn plain(name: String, namespaces: Pair<String>, key: Vec<String>) -> Compare {
        Compare {
            name,
            namespaces,
            key,
            fields: Vec::new(),
            unmapped: Unmapped::Compare,
            unmapped_reason: None,
            numbers: None,
            field_order: FieldOrder::default(),
            absent: None,
            normalize: Normalize::default(),
            explode: None,
            spots: Spots::default(),
        }
    }

    /// Exchanges the sides.
    pub fn swap(&mut self) {
        self.namespaces = std::mem::take(&mut self.namespaces).swap();
        if let Some(explode) = &mut self.explode {
            explode.side = explode.side.other();
        }
        for field in &mut self.fields {
            field.paths = std::mem::take(&mut field.paths).swap();
            field.convert = std::mem::take(&mut field.convert).swap();
            field.default = std::mem::take(&mut field.default).swap();
            field.only = field.only.map(Side::other);
        }
    }

    /// BLAKE3 of what the mapping means, hex. Comments and layout of the file do not change it.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("a mapping holds nothing that JSON cannot");
        blake3::hash(&json).to_hex().to_string()
    }

    /// What is not compared, by name, and why: ignored fields, those of one side of which nothing is expected, and `*` for all
    /// that no rule names.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, Declaration)> {
        let named = self.fields.iter().filter_map(|field| {
            let only = field.only.filter(|_| !field.expects());
            let declared = field.declaration.clone();
            let declared = match (field.ignore, only) {
                (true, _) => declared?,
                (false, Some(side)) => declared.unwrap_or_else(|| Declaration {
                    reason: format!("only {side} has it"),
                    ..Declaration::default()
                }),
                (false, None) => return None,
            };
            Some((field.name.as_str(), declared))
        });
        named.chain(self.unmapped_reason.clone().map(|d| ("*", d)))
    }
}
