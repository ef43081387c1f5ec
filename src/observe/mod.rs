//! Tracing to standard error.

use std::io::IsTerminal;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts tracing; `ASSAY_LOG` overrides the level that `verbose` asks for. It is a level (`debug`), or levels of targets
/// (`warn,assay=debug,mongodb=info`).
pub fn start(verbose: u8) {
    // What drivers tell of every connection is for those who ask for more; what fails is an error of ours.
    let default = match verbose {
        0 => "warn,assay=info,scylla=off,mongodb=off",
        1 => "warn,assay=debug",
        _ => "trace",
    };
    let asked = std::env::var("ASSAY_LOG").unwrap_or_default();
    let usual = || default.parse().expect("written here");
    let (filter, problem) = match levels(&asked) {
        _ if asked.is_empty() => (usual(), None),
        Ok(filter) => (filter, None),
        Err(problem) => (usual(), Some(problem)),
    };
    // A second start (in tests) changes nothing.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false);
    let _ = tracing_subscriber::registry().with(layer).with(filter).try_init();
    if let Some(problem) = problem {
        tracing::warn!(
            "ASSAY_LOG is `{asked}`, which is passed over ({problem}); write `debug`, or `warn,assay=debug`"
        );
    }
}

/// The levels that were asked for; `info` where none was.
fn levels(asked: &str) -> Result<Targets, ParseError> {
    // Of two levels for everything the last one counts.
    format!("info,{asked}").parse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn of_two_levels_for_everything_the_last_one_counts() {
        let filter = levels("debug,scylla=off").unwrap();
        assert!(filter.would_enable("assay::scan", &Level::DEBUG));
        assert!(!filter.would_enable("scylla", &Level::ERROR));
        let filter = levels("mongodb=trace").unwrap();
        assert!(filter.would_enable("mongodb::sdam", &Level::TRACE));
        assert!(!filter.would_enable("assay", &Level::DEBUG));
    }
}
