//! Judgements at drill-down: the mapping's tolerances, and what a lossy export explains.

use crate::canon::cell::{Exported, LossKind, Precision, RawCell};
use crate::canon::{Layout, compare_keys, decode, without_types};
use crate::config::SideConfig;
use crate::diff::Judge;
use crate::mapping::{Captured, Compare, Field, Origin, Projection, Tolerance, path_names};
use crate::model::Value;
use crate::scan::Lane;
use crate::{Pair, Side};
use std::sync::Arc;

/// Judges by one compare's mapping.
#[derive(Debug)]
pub struct MappingJudge<'l> {
    tolerances: Vec<Option<(Tolerance, String)>>,
    sides: Pair<Reading<'l>>,
}

/// How one side is read.
#[derive(Debug)]
struct Reading<'l> {
    projection: &'l Projection,
    /// How cells are laid out, where the side is text.
    layout: Option<Arc<Layout>>,
    /// How precisely numbers were exported.
    precision: Precision,
    /// Whether number types were not told by the export.
    guessed: bool,
}

impl<'l> MappingJudge<'l> {
    /// A judge for a compare of two namespaces; `guessed` says on which side number types were not told by the export, and
    /// `precision` what an export's numbers show, where they were looked at.
    pub fn new(
        compare: &Compare,
        guessed: Pair<bool>,
        precision: Pair<Option<Precision>>,
        sides: Pair<(&SideConfig, &'l Lane)>,
    ) -> MappingJudge<'l> {
        let reason = |f: &Field| f.declaration.as_ref().map(|d| d.reason.clone());
        let tolerance = |f: &Field| Some((f.tolerance.clone()?, reason(f).unwrap_or_default()));
        MappingJudge {
            tolerances: compare.fields.iter().map(tolerance).collect(),
            sides: Pair::from_fn(|side| {
                let (config, lane) = sides[side];
                let precision = precision[side].or_else(|| config.precision());
                Reading {
                    projection: &lane.projection,
                    layout: lane.text_layout().cloned(),
                    precision: precision.unwrap_or_default(),
                    guessed: guessed[side],
                }
            }),
        }
    }
}

impl Reading<'_> {
    /// The field as its export has it, if its cell can be read.
    fn origin<'s>(&'s self, field: Option<&'s Captured>) -> Option<Origin<'s>> {
        let (field, layout) = (field?, self.layout.as_ref()?);
        let cell = field.cell.as_ref()?;
        let cell = RawCell {
            text: &cell.text,
            written: cell.written,
            column: &cell.column,
            dialect: &layout.dialect,
        };
        Origin::new(field, &cell, Exported::of(&cell, self.precision))
    }

    /// The column, or field of a user-defined type in one, that a rule reads.
    fn column(&self, rule: usize) -> Option<Exported<'_>> {
        let layout = self.layout.as_ref()?;
        let path = self.projection.rules()[rule].path.as_deref()?;
        let mut names = path_names(path).into_iter();
        let mut column = layout.column(&names.next()?)?;
        let mut part = false;
        for name in names {
            let of = column.element.as_deref().unwrap_or(column);
            column = of.fields.iter().find(|field| field.name == name)?;
            part = true;
        }
        Some(Exported::new(column, &layout.dialect, self.precision, part))
    }

    fn key_lost(&self, key: &[u8], own: bool) -> Option<LossKind> {
        let mut rest = key;
        self.projection.key_rules().find_map(|rule| {
            let (_, tail) = decode(rest).ok()?;
            let part = &rest[..rest.len() - tail.len()];
            rest = tail;
            let column = self.column(rule?)?;
            self.projection.key_could_differ(rule?, column, part, own)
        })
    }
}

impl Judge for MappingJudge<'_> {
    fn tolerated(&self, rule: usize, values: Pair<&Value>) -> Option<String> {
        let (tolerance, reason) = self.tolerances.get(rule)?.as_ref()?;
        tolerance
            .covers(values.stable, values.candidate)
            .then(|| reason.clone())
    }

    fn lost(&self, fields: Pair<Option<&Captured>>) -> Option<String> {
        let origins = Pair::from_fn(|side| self.sides[side].origin(fields[side]));
        for (side, origin) in origins.as_ref().into_sides() {
            let Some(origin) = origin else { continue };
            let projection = self.sides[side].projection;
            if fields[side].is_some_and(|field| field.unexpected.is_some()) {
                return projection
                    .could_be_expected(origin)
                    .map(|kind| said(kind).to_owned());
            }
            let other = side.other();
            if fields[other].is_some_and(|field| field.value.is_err()) {
                continue;
            }
            let mut wanted = vec![
                fields[other]
                    .filter(|field| !field.uncounted)
                    .map(|field| field.canonical.clone()),
            ];
            if let Some(theirs) = &origins[other] {
                wanted.extend(self.sides[other].projection.could_all_be(theirs));
            }
            let kind = wanted
                .iter()
                .find_map(|wanted| projection.could_be(origin, wanted.as_deref()));
            if let Some(kind) = kind {
                return Some(said(kind).to_owned());
            }
        }
        let spans = Pair::from_fn(|side| self.sides[side].projection.could_span(origins[side].as_ref()?));
        if let (Some([least, most]), Some([other_least, other_most])) = (&spans.stable, &spans.candidate)
            && compare_keys(least, other_most).is_le()
            && compare_keys(other_least, most).is_le()
        {
            return Some(said(LossKind::Rounded).to_owned());
        }
        if Side::BOTH.iter().any(|side| self.sides[*side].guessed)
            && let (Some(a), Some(b)) = (fields.stable, fields.candidate)
            && a.canonical != b.canonical
            && without_types(&a.canonical) == without_types(&b.canonical)
        {
            return Some("this JSON does not say which type its numbers had".to_owned());
        }
        None
    }

    fn key_lost(&self, of: Side, key: &[u8], own: bool) -> Option<String> {
        let kind = self.sides[of].key_lost(key, own)?;
        Some(format!(
            "{of}: its key may be another one in the store: {}",
            said(kind)
        ))
    }
}

fn said(kind: LossKind) -> &'static str {
    match kind {
        LossKind::NullOrEmpty => "null and empty look the same in this export",
        LossKind::Rounded => "the export rounds numbers; the exact value rounds to what it says",
        LossKind::FarTimestamp => "the export may be a millisecond off so far from 1970",
    }
}
