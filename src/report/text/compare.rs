//! One compare on a terminal.

use super::page::{self, Page, grouped};
use crate::canon::{Absent, FieldOrder, Normalize, Numbers};
use crate::report::class::{Class, State};
use crate::report::divergence::{Divergence, Position};
use crate::report::result::{CompareResult, EqualityInForce};
use crate::report::show::Shown;
use std::io;

/// How many fields are listed.
const TOP_FIELDS: usize = 10;

/// Writes one compare; returns how many divergences were shown.
pub(super) fn render(compare: &CompareResult, divergences: usize, page: &mut Page<'_>) -> io::Result<u64> {
    let name = |namespace: &Option<String>| namespace.clone().unwrap_or_else(|| "(none)".to_owned());
    let pair = compare.namespaces.as_ref().map(name);
    page.line(
        page::BOLD,
        &format!("{}  {} ↔ {}", compare.name, pair.stable, pair.candidate),
    )?;
    coverage(compare, page)?;
    page.item("equality", &equality(&compare.equality))?;
    for ignored in &compare.ignored {
        page.styled_item(
            page::YELLOW,
            "not compared",
            &format!("{}: {}", ignored.path, ignored.reason),
        )?;
    }
    for used in &compare.tolerances {
        let text = format!(
            "{} of {} within {}: {}",
            grouped(used.count),
            used.path,
            used.rule,
            used.reason
        );
        page.item("tolerated", &text)?;
    }
    for lossy in &compare.lossy {
        let cells = grouped(lossy.cells);
        let text = format!(
            "{} {}: {}, {cells} cells; {}",
            lossy.side, lossy.column, lossy.kind, lossy.how_to_fix
        );
        page.styled_item(page::YELLOW, "lossy export", &text)?;
    }
    metadata(compare, page)?;
    for notice in &compare.notices {
        page.item("notice", notice)?;
    }
    counts(compare, page)?;
    fields(compare, page)?;
    if let Some(strip) = heat_strip(&compare.heat, page.room()) {
        page.item("where", &strip)?;
    }
    sample(compare, divergences, page)
}

fn metadata(compare: &CompareResult, page: &mut Page<'_>) -> io::Result<()> {
    if compare.metadata.compared && compare.metadata.differences.is_empty() {
        return page.item("metadata", "indexes, options and schema are the same");
    }
    for difference in &compare.metadata.differences {
        let style = match difference.changes_answers {
            true => page::RED,
            false => page::PLAIN,
        };
        let [stable, candidate] =
            [&difference.stable, &difference.candidate].map(|text| text.as_deref().unwrap_or("(not there)"));
        let text = format!("{}: stable {stable}, candidate {candidate}", difference.what);
        page.styled_item(style, "metadata", &text)?;
    }
    Ok(())
}

fn coverage(compare: &CompareResult, page: &mut Page<'_>) -> io::Result<()> {
    let c = &compare.coverage;
    let text = format!(
        "{} of {} leaves; records {} stable, {} candidate; bytes {} and {}",
        grouped(c.leaves_compared),
        grouped(c.leaves_total),
        grouped(c.records.stable),
        grouped(c.records.candidate),
        grouped(c.bytes_read.stable),
        grouped(c.bytes_read.candidate),
    );
    page.item("coverage", &text)?;
    for unread in &c.unread {
        page.styled_item(page::YELLOW, "unread", &unread.to_string())?;
    }
    Ok(())
}

fn equality(e: &EqualityInForce) -> String {
    let mut parts = vec![
        match e.numbers {
            Numbers::Value => "numbers by value",
            Numbers::Typed => "numbers by value and type",
        },
        match e.field_order {
            FieldOrder::Ignore => "field order ignored",
            FieldOrder::Exact => "field order counts inside values",
        },
        match e.absent {
            Absent::Distinct => "missing is not null",
            Absent::Null => "missing equals null",
        },
        match e.normalize {
            Normalize::None => "text byte by byte",
            Normalize::Nfc => "text in normal form C",
        },
        match e.empty_collections {
            Absent::Distinct => "empty collections are not null",
            Absent::Null => "empty collections equal null",
        },
    ];
    parts.extend(e.notes.iter().map(String::as_str));
    parts.join("; ")
}

fn counts(compare: &CompareResult, page: &mut Page<'_>) -> io::Result<()> {
    if compare.counts.total() == 0 {
        let whole = compare.coverage.leaves_total > 0
            && compare.coverage.leaves_compared == compare.coverage.leaves_total
            && compare.coverage.unread.is_empty();
        return page.item(
            "divergences",
            if whole {
                "none"
            } else {
                "none found in what was read"
            },
        );
    }
    let states: Vec<State> = State::ALL
        .into_iter()
        .filter(|state| compare.counts.of_state(*state) > 0)
        .collect();
    let header: Vec<&str> = ["class"]
        .into_iter()
        .chain(states.iter().map(|state| state.name()))
        .collect();
    page.row(page::DIM, &header)?;
    for class in Class::ALL
        .into_iter()
        .filter(|class| compare.counts.of_class(*class) > 0)
    {
        let numbers: Vec<String> = states
            .iter()
            .map(|state| match compare.counts.get(class, *state) {
                0 => "-".to_owned(),
                n => grouped(n),
            })
            .collect();
        let cells: Vec<&str> = [class.name()]
            .into_iter()
            .chain(numbers.iter().map(String::as_str))
            .collect();
        page.row(page::PLAIN, &cells)?;
    }
    Ok(())
}

fn fields(compare: &CompareResult, page: &mut Page<'_>) -> io::Result<()> {
    for field in compare.fields.iter().take(TOP_FIELDS) {
        let classes: Vec<String> = field
            .by_class
            .iter()
            .map(|(class, n)| format!("{} {class}", grouped(*n)))
            .collect();
        let ranges = compare.columns.iter().find(|column| column.path == field.path);
        let spread = ranges.map_or(String::new(), |c| {
            format!(", in {} of 256 ranges", c.ranges_differing)
        });
        page.item(
            "field",
            &format!("{}: {}{spread}", field.path, classes.join(", ")),
        )?;
    }
    match compare.fields.len().saturating_sub(TOP_FIELDS) {
        0 => Ok(()),
        more => page.item("field", &format!("and {more} more; -o json lists all")),
    }
}

/// The heat map as one line of blocks, each the worst of its ranges, scaled to the worst of all: `·` where nothing differs.
fn heat_strip(heat: &[u64], room: usize) -> Option<String> {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let worst = heat.iter().copied().max().filter(|worst| *worst > 0)?;
    let columns = [64, 32, 16]
        .into_iter()
        .find(|columns| *columns <= room)
        .unwrap_or(16);
    let strip = heat.chunks(heat.len().div_ceil(columns)).map(|ranges| {
        match ranges.iter().copied().max().unwrap_or(0) {
            0 => '·',
            n => {
                BLOCKS[usize::try_from((n * 8).div_ceil(worst))
                    .map_or(7, |step| step - 1)
                    .min(7)]
            }
        }
    });
    Some(strip.collect())
}

fn sample(compare: &CompareResult, limit: usize, page: &mut Page<'_>) -> io::Result<u64> {
    let items = &compare.divergences.items;
    let shown = items.len().min(limit);
    for divergence in &items[..shown] {
        one(divergence, page)?;
    }
    let total = compare.divergences.total;
    if (shown as u64) < total {
        page.item(
            "shown",
            &format!("{} of {}, in key order", grouped(shown as u64), grouped(total)),
        )?;
    }
    Ok(shown as u64)
}

fn one(d: &Divergence, page: &mut Page<'_>) -> io::Result<()> {
    let key: Vec<String> = d
        .key
        .iter()
        .map(|part| format!("{}={}", part.name, part.text))
        .collect();
    let key = if key.is_empty() {
        "(no key)".to_owned()
    } else {
        key.join(" ")
    };
    page.styled_item(
        page::BOLD,
        d.class.name(),
        &format!("{key}  {} {}", d.state, d.id),
    )?;
    if let Some(detail) = &d.detail {
        page.item("", detail)?;
    }
    if !d.fields.is_empty() {
        page.row(page::DIM, &["field", "stable", "candidate"])?;
    }
    for field in &d.fields {
        let [stable, candidate] = [&field.stable, &field.candidate].map(|side| cell(side.as_ref()));
        let cells = [field.path.as_str(), &stable, &candidate];
        if page.fits(&cells) {
            page.row(page::PLAIN, &cells)?;
        } else {
            // Cut values could look the same; whole ones go below each other.
            page.item("field", &field.path)?;
            page.item("  stable", &stable)?;
            page.item("  candidate", &candidate)?;
        }
        if let Some(rule) = &field.tolerated_by {
            page.item("", &format!("{} tolerated by {rule}", field.path))?;
        }
    }
    for (side, position) in d.position.as_ref().into_sides() {
        if let Some(Position { file, offset, record }) = position {
            let record = record.map_or(String::new(), |n| format!(", record {}", grouped(n)));
            page.item(
                side.name(),
                &format!("{file} at byte {}{record}", grouped(*offset)),
            )?;
        }
    }
    for command in &d.reproduce {
        page.item("see it", command)?;
    }
    Ok(())
}

fn cell(shown: Option<&Shown>) -> String {
    shown.map_or_else(
        || "(not there)".to_owned(),
        |shown| format!("{} ({})", shown.text, shown.ty),
    )
}
