//! The deterministic part of a report: byte-equal for any slicing, thread count and page size, given data, mapping and
//! seed.

use super::class::{Class, Counts};
use super::divergence::Divergence;
use super::metadata::Metadata;
use super::time::Expires;
use crate::canon::{Absent, Equality, FieldOrder, Normalize, Numbers};
use crate::pair::{Pair, Side};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How many coarse ranges the key-hash space is divided into for the heat map.
pub const HEAT_RANGES: usize = 256;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditResult {
    /// The digest of the configuration, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_digest: Option<String>,
    /// The two stores.
    pub stores: Pair<StoreIdentity>,
    /// The names of all compares that were asked for, whether or not they could be run.
    pub planned: Vec<String>,
    /// The names of those that the configuration has and the command line left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// One result per compare that was run, in configuration order.
    pub compares: Vec<CompareResult>,
}

/// Which store a side is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreIdentity {
    /// What people call the side, such as `green`.
    pub label: String,
    /// The kind of store, such as `mongodump directory`.
    pub kind: String,
    /// Where it is, without secrets.
    pub location: String,
    /// Its size in bytes as stored, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// A digest that identifies its content or the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What one compare found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompareResult {
    /// The compare's name.
    pub name: String,
    /// The namespace read on each side; none where that side has none.
    pub namespaces: Pair<Option<String>>,
    /// The digest of the mapping in force.
    pub mapping_digest: String,
    /// What counts as equal.
    pub equality: EqualityInForce,
    /// What was looked at, and what was not.
    pub coverage: Coverage,
    /// The root of each side's tree, in hex; none where the side was not read.
    pub roots: Pair<Option<String>>,
    /// Exact numbers of divergences.
    pub counts: Counts,
    /// Exact numbers of divergences per field, most first, then by path.
    pub fields: Vec<FieldCount>,
    /// In how many of the [`HEAT_RANGES`] each field differs, known before any drill-down.
    pub columns: Vec<ColumnHeat>,
    /// Differing leaves per coarse range: [`HEAT_RANGES`] numbers, or none where the leaves were not compared.
    pub heat: Vec<u64>,
    /// Divergences in key order, up to a cap.
    pub divergences: Sample,
    /// Tolerances that were used.
    pub tolerances: Vec<ToleranceUsed>,
    /// Fields that were not compared, by declaration.
    pub ignored: Vec<IgnoredField>,
    /// Columns whose export cannot tell the truth.
    pub lossy: Vec<LossyExport>,
    /// How indexes, options and schemas compare.
    pub metadata: Metadata,
    /// What else the reader should know, in sentences.
    pub notices: Vec<String>,
}

/// The equality in force, for the report's box.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EqualityInForce {
    /// When numbers are equal.
    pub numbers: Numbers,
    /// Whether the order of a document's fields counts.
    pub field_order: FieldOrder,
    /// Whether missing equals null.
    pub absent: Absent,
    /// Unicode normalisation of text.
    pub normalize: Normalize,
    /// Whether an empty collection equals null, as in a store that cannot tell them apart.
    pub empty_collections: Absent,
    /// Anything else that widens or narrows equality, in sentences.
    pub notes: Vec<String>,
}

impl EqualityInForce {
    /// The box for an equality, with no notes.
    pub fn new(equality: Equality, empty_collections: Absent) -> EqualityInForce {
        let Equality {
            numbers,
            field_order,
            absent,
            normalize,
        } = equality;
        EqualityInForce {
            numbers,
            field_order,
            absent,
            normalize,
            empty_collections,
            notes: Vec::new(),
        }
    }
}

/// What was looked at, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Leaves of the tree.
    pub leaves_total: u64,
    /// Leaves whose every record was read on both sides and compared.
    pub leaves_compared: u64,
    /// Records read, as the mapping makes them: an exploded document counts once for each of its rows.
    pub records: Pair<u64>,
    /// Bytes read, after decompression.
    pub bytes_read: Pair<u64>,
    /// What was not read, by side, file and offset.
    pub unread: Vec<Unread>,
}

/// A stretch of a file that was not read, or could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unread {
    /// The side it belongs to.
    pub side: Side,
    /// The file.
    pub file: String,
    /// The first byte not read.
    pub offset: u64,
    /// The range at which it begins, counted from 0, of a live store, whose bytes have no places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<u64>,
    /// One past the last byte not read, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// How many bytes that is, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Why.
    pub reason: String,
}

impl Unread {
    /// A part of a side that begins at the beginning, and of which no more is known.
    pub fn of(side: Side, file: impl Into<String>, reason: impl Into<String>) -> Unread {
        Unread {
            side,
            file: file.into(),
            offset: 0,
            range: None,
            end: None,
            bytes: None,
            reason: reason.into(),
        }
    }
}

/// Where it is, and why.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.side, self.file)?;
        match (self.range, self.offset, self.end) {
            (Some(range), ..) => write!(f, " at range {range}")?,
            (None, 0, None) => {}
            (None, from, None) => write!(f, " from byte {from}")?,
            (None, from, Some(end)) => write!(f, " from byte {from} to byte {end}")?,
        }
        write!(f, ": {}", self.reason)
    }
}

/// How often a field differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldCount {
    /// The field's canonical path.
    pub path: String,
    /// Records in which it differs.
    pub total: u64,
    /// The same by class.
    pub by_class: BTreeMap<Class, u64>,
}

/// In how many coarse ranges a field differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnHeat {
    /// The field's canonical path.
    pub path: String,
    /// Coarse ranges in which its digests differ, at most [`HEAT_RANGES`].
    pub ranges_differing: u64,
}

/// The first divergences in key order. Says whether there are more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// How many are listed here.
    pub shown: u64,
    /// How many there are, exactly.
    pub total: u64,
    /// Whether all are listed here.
    pub complete: bool,
    /// The divergences.
    pub items: Vec<Divergence>,
}

impl Sample {
    /// A sample of `total` divergences.
    pub fn new(items: Vec<Divergence>, total: u64) -> Sample {
        let shown = items.len() as u64;
        Sample {
            shown,
            total,
            complete: shown >= total,
            items,
        }
    }
}

impl Default for Sample {
    fn default() -> Sample {
        Sample::new(Vec::new(), 0)
    }
}

/// A tolerance that covered at least one difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToleranceUsed {
    /// The field's canonical path.
    pub path: String,
    /// What is tolerated, such as `absolute 0.005`.
    pub rule: String,
    /// Differences it covered.
    pub count: u64,
    /// Why it is tolerated.
    pub reason: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expires>,
}

/// A field that was not compared, by declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnoredField {
    /// The field's canonical path.
    pub path: String,
    /// Why it is ignored.
    pub reason: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expires>,
}

/// A column whose export cannot tell the truth: what it cannot show is neither equal nor divergent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossyExport {
    /// The side whose export it is.
    pub side: Side,
    /// The column.
    pub column: String,
    /// What was lost, such as `rounded float`.
    pub kind: String,
    /// Cells whose value cannot be known.
    pub cells: u64,
    /// How to export the column exactly.
    pub how_to_fix: String,
}
