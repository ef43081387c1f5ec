//! Judgements at drill-down: the mapping's tolerances, and what a lossy export explains.

use crate::Pair;
use crate::canon::without_types;
use crate::config::SideConfig;
use crate::diff::Judge;
use crate::mapping::{Captured, Compare, Tolerance};
use crate::model::Value;
use crate::source::{Format, Namespace};

/// Judges by one compare's mapping.
#[derive(Debug)]
pub struct MappingJudge {
    tolerances: Vec<Option<(Tolerance, String)>>,
    /// Per side: whether numbers may have been rounded by the export, and whether their types are guessed.
    rounded: Pair<bool>,
    guessed: Pair<bool>,
}

impl MappingJudge {
    /// A judge for a compare of two namespaces.
    pub fn new(compare: &Compare, sides: Pair<(&SideConfig, &Namespace)>) -> MappingJudge {
        let tolerance = |f: &crate::mapping::Field| Some((f.tolerance.clone()?, f.reason.clone().unwrap_or_default()));
        MappingJudge {
            tolerances: compare.fields.iter().map(tolerance).collect(),
            rounded: sides.map(|(config, _)| !(config.declares_exact("double") && config.declares_exact("float"))),
            guessed: sides.map(|(_, namespace)| namespace.format == Format::Ndjson),
        }
    }
}

impl Judge for MappingJudge {
    fn tolerated(&self, rule: usize, values: Pair<&Value>) -> Option<String> {
        let (tolerance, reason) = self.tolerances.get(rule)?.as_ref()?;
        tolerance.covers(values.stable, values.candidate).then(|| reason.clone())
    }

    fn lost(&self, _path: &str, fields: Pair<Option<&Captured>>) -> Option<String> {
        let value = |f: Option<&Captured>| f.and_then(|f| f.value.as_ref().ok()).cloned();
        let values = fields.map(value);
        for (side, field) in fields.into_sides() {
            let Some(cell) = field.and_then(|f| f.cell.as_ref()) else { continue };
            let explained = cell.explains(values[side].as_ref(), values[side.other()].as_ref());
            let rounding = explained.as_ref().is_some_and(|e| e.contains("rounds"));
            if explained.is_some() && (!rounding || self.rounded[side]) {
                return explained;
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
