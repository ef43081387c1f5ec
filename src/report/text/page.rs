//! Lines on a terminal: sanitised, styled, wrapped. Width is counted in characters.

use crate::report::sanitise::sanitise;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const PLAIN: Style = Style::new();

/// Columns taken by an item's name and the spaces around it.
const NAME: usize = 20;

/// Where lines go.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    width: usize,
    colour: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, width: usize, colour: bool) -> Page<'a> {
        Page { out, width, colour }
    }

    /// Columns left for an item's text.
    pub(super) fn room(&self) -> usize {
        self.width - NAME
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// A heading from the left margin.
    pub(super) fn line(&mut self, style: Style, text: &str) -> io::Result<()> {
        for line in wrap(&sanitise(text), self.width) {
            self.styled(style, &line)?;
            self.blank()?;
        }
        Ok(())
    }

    /// A name, and what there is to say about it, indented.
    pub(super) fn item(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.styled_item(PLAIN, name, text)
    }

    /// An item with its name in a style.
    pub(super) fn styled_item(&mut self, style: Style, name: &str, text: &str) -> io::Result<()> {
        let name = sanitise(name);
        let pad = " ".repeat(NAME.saturating_sub(2 + name.chars().count()).max(1));
        self.out.write_all(b"  ")?;
        self.styled(style, &name)?;
        for (i, line) in wrap(&sanitise(text), self.room()).iter().enumerate() {
            if i > 0 {
                self.out.write_all(" ".repeat(NAME).as_bytes())?;
            } else if name.chars().count() + 2 >= NAME {
                // A long name stands alone, so that texts keep their column.
                write!(self.out, "\n{}", " ".repeat(NAME))?;
            } else {
                self.out.write_all(pad.as_bytes())?;
            }
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    /// Columns for each of `n` cells in a row.
    fn column(&self, n: usize) -> usize {
        (self.width - 4) / n - 2
    }

    /// Whether a row would show these cells whole.
    pub(super) fn fits(&self, cells: &[&str]) -> bool {
        cells
            .iter()
            .all(|cell| sanitise(cell).chars().count() <= self.column(cells.len()))
    }

    /// A row of cells of equal width, each cut to fit.
    pub(super) fn row(&mut self, style: Style, cells: &[&str]) -> io::Result<()> {
        let column = self.column(cells.len());
        let mut line = String::from("    ");
        for cell in cells {
            let cell = cut(&sanitise(cell), column);
            line.push_str(&cell);
            line.push_str(&" ".repeat(column + 2 - cell.chars().count()));
        }
        self.styled(style, line.trim_end())?;
        self.blank()
    }

    fn styled(&mut self, style: Style, text: &str) -> io::Result<()> {
        if self.colour && style != PLAIN {
            write!(self.out, "{style}{text}{style:#}")
        } else {
            self.out.write_all(text.as_bytes())
        }
    }
}

/// Lines of at most `width` characters, broken at spaces where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used > 0 {
            line.push(' ');
            used += 1;
        }
        while word.len() > width {
            lines.push(word.drain(..width).collect());
        }
        used += word.len();
        line.extend(word);
    }
    lines.push(line);
    lines
}

/// At most `width` characters; the last is `…` where something was cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Digits in groups of three: `65,536`.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_groups_and_cuts() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(
            [grouped(0), grouped(999), grouped(65_536), grouped(1_234_567)],
            ["0", "999", "65,536", "1,234,567"]
        );
        assert_eq!((cut("abcd", 4), cut("abcde", 4)), ("abcd".into(), "abc…".into()));
    }
}
