//! The whole report as one JSON document (`reports/report.schema.json`).

use super::model::Report;
use super::render::{Divergences, Render};
use std::io;

/// Indented JSON. Reads back with [`Report::read`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Render for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn render(
        &self,
        report: &Report,
        _all: &mut Divergences<'_>,
        out: &mut dyn io::Write,
    ) -> io::Result<u64> {
        serde_json::to_writer_pretty(&mut *out, report)?;
        out.write_all(b"\n")?;
        Ok(report.sampled().count() as u64)
    }
}
