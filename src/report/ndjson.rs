//! Every divergence as one line of JSON (`reports/divergence.schema.json`).

use super::model::Report;
use super::render::{Divergences, Render};
use std::io;

/// One divergence a line, with its compare; no other lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ndjson;

impl Render for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn render(
        &self,
        _report: &Report,
        all: &mut Divergences<'_>,
        out: &mut dyn io::Write,
    ) -> io::Result<u64> {
        let mut written = 0;
        for listed in all {
            serde_json::to_writer(&mut *out, &listed?)?;
            out.write_all(b"\n")?;
            written += 1;
        }
        Ok(written)
    }
}
