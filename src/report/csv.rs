//! Every divergence as rows of a spreadsheet: one row per field that differs, one for a divergence without fields.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, tab or carriage return for a formula. Such cells get a
//! `'` in front, which spreadsheets show as text.

use super::divergence::{FieldDifference, Listed, Position};
use super::model::Report;
use super::render::{Divergences, Render};
use super::sanitise::sanitise;
use super::show::Shown;
use std::borrow::Cow;
use std::io;

/// RFC 4180 with a header row, CRLF line ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

const HEADER: [&str; 18] = [
    "compare",
    "id",
    "class",
    "state",
    "key",
    "field",
    "field_class",
    "stable_type",
    "stable",
    "candidate_type",
    "candidate",
    "tolerated_by",
    "stable_position",
    "candidate_position",
    "detail",
    "first_seen",
    "last_seen",
    "reproduce",
];

impl Render for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn render(
        &self,
        _report: &Report,
        all: &mut Divergences<'_>,
        out: &mut dyn io::Write,
    ) -> io::Result<u64> {
        let mut csv = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        csv.write_record(HEADER)?;
        let mut written = 0;
        for listed in all {
            let listed = listed?;
            if listed.divergence.fields.is_empty() {
                csv.write_record(row(&listed, None))?;
            }
            for field in &listed.divergence.fields {
                csv.write_record(row(&listed, Some(field)))?;
            }
            written += 1;
        }
        csv.flush()?;
        Ok(written)
    }
}

fn row(listed: &Listed, field: Option<&FieldDifference>) -> Vec<String> {
    let d = &listed.divergence;
    let key: Vec<String> = d
        .key
        .iter()
        .map(|part| format!("{}={}", part.name, part.text))
        .collect();
    let shown = |shown: Option<&Shown>| {
        shown.map_or_else(Default::default, |shown| (shown.ty.clone(), shown.text.clone()))
    };
    let (stable_type, stable) = shown(field.and_then(|f| f.stable.as_ref()));
    let (candidate_type, candidate) = shown(field.and_then(|f| f.candidate.as_ref()));
    let cells: [String; HEADER.len()] = [
        listed.compare.clone(),
        d.id.clone(),
        d.class.name().to_owned(),
        d.state.name().to_owned(),
        key.join(" "),
        field.map_or_else(String::new, |f| f.path.clone()),
        field.map_or_else(String::new, |f| f.class.name().to_owned()),
        stable_type,
        stable,
        candidate_type,
        candidate,
        field.and_then(|f| f.tolerated_by.clone()).unwrap_or_default(),
        place(d.position.stable.as_ref()),
        place(d.position.candidate.as_ref()),
        d.detail.clone().unwrap_or_default(),
        d.first_seen.map_or_else(String::new, |at| at.to_string()),
        d.last_seen.map_or_else(String::new, |at| at.to_string()),
        d.reproduce.join("; "),
    ];
    cells
        .iter()
        .map(|cell| safe(&sanitise(cell)).into_owned())
        .collect()
}

fn place(position: Option<&Position>) -> String {
    position.map_or_else(String::new, |p| match p.record {
        Some(record) => format!("{}@{} (record {record})", p.file, p.offset),
        None => format!("{}@{}", p.file, p.offset),
    })
}

/// The cell, with a `'` in front where a spreadsheet would take it for a formula.
fn safe(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => Cow::Owned(format!("'{cell}")),
        _ => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn formulas_are_defused() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(safe(bad), format!("'{bad}"));
        }
        for good in ["", "a=1", "\"=1\"", "1-1"] {
            assert_eq!(safe(good), good);
        }
    }
}
