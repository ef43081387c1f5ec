//! What every renderer is.

use super::divergence::Listed;
use super::model::Report;
use std::io;

/// All divergences of a run, streamed: there may be millions, so they are read from the run directory as they are
/// written. A reading error ends the rendering with that error.
pub type Divergences<'a> = dyn Iterator<Item = io::Result<Listed>> + 'a;

/// One output format.
pub trait Render {
    /// The word after `-o`.
    fn name(&self) -> &'static str;

    /// Writes the report. Formats that list every divergence take them from `all`; the others use the report's sample and
    /// leave `all` alone. Returns how many divergences were written, to be held against [`Report::total`]: a list that
    /// is not complete must not pass for one.
    ///
    /// # Errors
    /// `out` cannot be written, a broken pipe included, or `all` cannot be read.
    fn render(&self, report: &Report, all: &mut Divergences<'_>, out: &mut dyn io::Write) -> io::Result<u64>;
}
