//! How one canonical field is read on one side.

use super::Conversion;
use crate::model::Value;

/// How one canonical field is read on one side.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The field's canonical name.
    pub name: String,
    /// Where the side holds it; `None` if the side does not.
    pub path: Option<String>,
    /// What is done to the value before it is compared.
    pub convert: Conversion,
    /// The value that stands for an absent one (already converted).
    pub default: Option<Value>,
    /// Not compared at all.
    pub ignore: bool,
    /// The field exists on this side only; its value is judged here and not compared.
    pub expect: Option<Expect>,
    /// An empty list, set or map counts as null.
    pub empty_is_null: bool,
    /// The sides hold it in different places.
    pub moved: bool,
}

/// What a field that exists on one side only has to be.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Anything, present or not.
    Anything,
    /// This value, whatever type its numbers have.
    Value(Value),
    /// A value of this type, as reports name types; `number` stands for all that are numbers.
    Type(String),
}

/// What happens to fields that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmapped {
    /// They are compared under their own path.
    #[default]
    Compare,
    /// They are counted and named, not compared.
    Report,
    /// They are not looked at.
    Ignore,
}

/// The path of an exploded element's position, from 0.
pub const INDEX: &str = "$index";
/// The path of an exploded element that is no document.
pub const ELEMENT: &str = "$value";
