//! `peers LEFT RIGHT iterator|collected EXPECTED`: diffs two CSV files by their first column with the csv-diff crate and
//! fails if it does not find as many differences as expected.

use csv_diff::csv::Csv;
use csv_diff::csv_diff::{CsvByteDiff, CsvByteDiffLocal};
use std::error::Error;
use std::fs::File;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, left, right, mode, expected] = &args[..] else {
        return Err("usage: peers LEFT RIGHT iterator|collected EXPECTED".into());
    };
    let (left, right) = (File::open(left)?, File::open(right)?);
    let found = if mode == "collected" {
        let diff = CsvByteDiffLocal::new()?;
        diff.diff(Csv::with_reader_seek(left), Csv::with_reader_seek(right))?
            .as_slice()
            .len()
    } else {
        let diff = CsvByteDiff::new()?;
        let mut found = 0;
        for row in diff.diff(Csv::with_reader(left), Csv::with_reader(right)) {
            row?;
            found += 1;
        }
        found
    };
    if found.to_string() != *expected {
        return Err(format!("found {found} differences, expected {expected}").into());
    }
    Ok(())
}
