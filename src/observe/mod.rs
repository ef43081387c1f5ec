//! Tracing to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts tracing; `ASSAY_LOG` overrides the level that `verbose` asks for.
pub fn start(verbose: u8) {
    // What drivers tell of every connection is for those who ask for more; what fails is an error of ours.
    let default = match verbose {
        0 => "warn,assay=info,scylla=off,mongodb=off",
        1 => "warn,assay=debug",
        _ => "trace",
    };
    let asked = std::env::var("ASSAY_LOG").unwrap_or_default();
    let filter = match asked.is_empty() {
        true => EnvFilter::new(default),
        false => EnvFilter::builder()
            .with_default_directive(LevelFilter::INFO.into())
            .parse_lossy(asked),
    };
    // A second start (in tests) changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}
