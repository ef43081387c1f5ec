//! Judgements at drill-down: the mapping's tolerances, and what a lossy export explains.

use crate::canon::Layout;
use crate::canon::cell::{LossKind, Precision, RawCell};
use crate::canon::{Equality, without_types};
use crate::config::SideConfig;
use crate::diff::Judge;
use crate::mapping::OwnedCell;
use crate::mapping::{Captured, Compare, Field, Tolerance};
use crate::model::Value;
use crate::scan::Lane;
use crate::{Pair, Side};
use std::sync::Arc;

/// Judges by one compare's mapping.
#[derive(Debug)]
pub struct MappingJudge {
    tolerances: Vec<Option<(Tolerance, String)>>,
    equality: Equality,
    /// Per side: how cells are laid out, how precisely numbers were exported, and whether their types are guessed.
    layouts: Pair<Option<Arc<Layout>>>,
    precision: Pair<Precision>,
    guessed: Pair<bool>,
}

impl MappingJudge {
    /// A judge for a compare of two namespaces; `guessed` says on which side number types were not told by the export.
    pub fn new(
        compare: &Compare,
        equality: Equality,
        guessed: Pair<bool>,
        sides: Pair<(&SideConfig, &Lane)>,
    ) -> MappingJudge {
        let reason = |f: &Field| f.declaration.as_ref().map(|d| d.reason.clone());
        let tolerance = |f: &Field| Some((f.tolerance.clone()?, reason(f).unwrap_or_default()));
        MappingJudge {
            tolerances: compare.fields.iter().map(tolerance).collect(),
            equality,
            layouts: sides.map(|(_, lane)| lane.layout.clone()),
            precision: sides.map(|(config, _)| config.precision().unwrap_or_default()),
            guessed,
        }
    }
}

impl MappingJudge {
    fn explains(&self, side: Side, cell: &OwnedCell, other: Option<&Value>) -> Option<String> {
        let layout = self.layouts[side].as_ref()?;
        let OwnedCell {
            column,
            text,
            written,
        } = cell;
        let raw = RawCell {
            text,
            written: *written,
            column,
            dialect: &layout.dialect,
        };
        let lost = match raw.explains(other, self.precision[side], self.equality)? {
            LossKind::NullOrEmpty => "null and empty look the same in this export",
            LossKind::Rounded => "the export rounds numbers; the exact value rounds to what it says",
            LossKind::FarTimestamp => "the export may be a millisecond off so far from 1970",
        };
        Some(lost.to_owned())
    }
}

impl Judge for MappingJudge {
    fn tolerated(&self, rule: usize, values: Pair<&Value>) -> Option<String> {
        let (tolerance, reason) = self.tolerances.get(rule)?.as_ref()?;
        tolerance
            .covers(values.stable, values.candidate)
            .then(|| reason.clone())
    }

    fn lost(&self, _path: &str, fields: Pair<Option<&Captured>>) -> Option<String> {
        let value = |f: Option<&Captured>| f.and_then(|f| f.value.as_ref().ok()).cloned();
        let values = fields.map(value);
        for (side, field) in fields.into_sides() {
            let Some(cell) = field.and_then(|f| f.cell.as_ref()) else {
                continue;
            };
            if let Some(lost) = self.explains(side, cell, values[side.other()].as_ref()) {
                return Some(lost);
            }
        }
        if (self.guessed.stable || self.guessed.candidate)
            && let (Some(a), Some(b)) = (fields.stable, fields.candidate)
            && a.canonical != b.canonical
            && without_types(&a.canonical) == without_types(&b.canonical)
        {
            return Some("this JSON does not say which type its numbers had".to_owned());
        }
        None
    }
}
