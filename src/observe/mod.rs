//! Tracing to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts tracing; `ASSAY_LOG` overrides the level that `verbose` asks for.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let filter = match (verbose, std::env::var("ASSAY_LOG")) {
        (_, Ok(asked)) => filter.parse_lossy(asked),
        // What drivers tell of every connection is for those who ask for more; what fails is an error of ours.
        (0, Err(_)) => filter.parse_lossy("scylla=off,mongodb=off"),
        (_, Err(_)) => filter.parse_lossy(""),
    };
    // A second start (in tests) changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
