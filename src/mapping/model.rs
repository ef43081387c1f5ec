//! The mapping as the configuration declares it.

use super::{Conversion, Tolerance, Unmapped};
use crate::canon::{Absent, FieldOrder, Normalize, Numbers};
use crate::{Pair, Side};
use serde::Serialize;

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
    /// Why they are not compared, if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    /// What stands for an absent value on each side, as text that the conversion reads.
    pub default: Pair<Option<String>>,
    /// Not compared.
    pub ignore: bool,
    /// The only side that has it.
    pub only: Option<Side>,
    /// What a field of one side only has to be.
    pub expect: Option<String>,
    /// The type a field of one side only has to have.
    pub expect_type: Option<String>,
    /// How far values may lie apart.
    pub tolerance: Option<Tolerance>,
    /// Whether an empty collection counts as null; by the formats if not said.
    pub empty_is_null: Option<bool>,
    /// Why something is ignored or tolerated.
    pub reason: Option<String>,
    /// Who answers for that.
    pub owner: Option<String>,
    /// Until when it holds, `YYYY-MM-DD`.
    pub expires: Option<String>,
}

/// Something the mapping tells us to overlook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suppression {
    /// The field.
    pub field: String,
    /// `ignore` or `tolerance`.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Until when it holds.
    pub expires: Option<String>,
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
            reason: None,
            numbers: None,
            field_order: FieldOrder::default(),
            absent: None,
            normalize: Normalize::default(),
            explode: None,
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

    /// What the mapping tells us to overlook.
    pub fn suppressions(&self) -> Vec<Suppression> {
        let of = |f: &Field, kind| Suppression {
            field: f.name.clone(),
            kind,
            reason: f.reason.clone().unwrap_or_default(),
            owner: f.owner.clone(),
            expires: f.expires.clone(),
        };
        let ignored = self.fields.iter().filter(|f| f.ignore).map(|f| of(f, "ignore"));
        ignored
            .chain(
                self.fields
                    .iter()
                    .filter(|f| f.tolerance.is_some())
                    .map(|f| of(f, "tolerance")),
            )
            .collect()
    }
}
