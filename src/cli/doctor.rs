//! `doctor`.

use super::args::{Doctor, Tuning};
use super::audit::{load, location_of, policy, tune};
use super::{Failure, output};
use crate::Pair;
use crate::config::{Config, RunConfig, ScanConfig, SettleConfig, SideConfig};
use crate::doctor::{self, Diagnosis};
use crate::source::is_stream;
use crate::verdict::Exit;

/// `assay doctor`.
pub(super) fn doctor(args: Doctor) -> Result<Exit, Failure> {
    let temp = tempfile::tempdir()
        .map_err(|e| Failure::new(Exit::Unwritable, format!("no temporary directory: {e}")))?;
    let tuning = Tuning {
        max_rate: args.max_rate,
        settle_delay: args.settle_delay,
        ..Tuning::default()
    };
    let config = match &args.locations[..] {
        [] => load(&args.chosen, &tuning)?,
        [only] => pair(only, only, &args.key, &tuning)?,
        [stable, candidate, ..] => pair(stable, candidate, &args.key, &tuning)?,
    };
    refuse_streams(&config)?;
    let diagnosis = match args.locations.len() {
        1 => doctor::one(&config.sides.stable, temp.path()),
        _ => {
            let policy = policy(None, &config)?;
            doctor::both(&config, policy, &args.chosen.only, temp.path())
        }
    };
    print(&diagnosis, &args.output)?;
    Ok(diagnosis.exit())
}

/// What `diff` of two locations would do.
fn pair(stable: &str, candidate: &str, key: &[String], tuning: &Tuning) -> Result<Config, Failure> {
    let side = |location: &str| {
        let mut side = SideConfig::at(location_of(location)?);
        side.keep_secret();
        Ok::<_, Failure>(side)
    };
    let mut config = Config {
        file: None,
        sides: Pair {
            stable: side(stable)?,
            candidate: side(candidate)?,
        },
        compares: Vec::new(),
        namespaces: None,
        scan: ScanConfig::default(),
        settle: SettleConfig::default(),
        run: RunConfig::default(),
        default_key: key.to_vec(),
        policy: None,
        digest: String::new(),
    };
    tune(&mut config, tuning)?;
    Ok(config)
}

/// A stream is gone once it was looked at.
fn refuse_streams(config: &Config) -> Result<(), Failure> {
    let sides = config.sides.as_ref().map(|side| is_stream(&side.location));
    if sides.stable || sides.candidate {
        let message = "standard input and pipes can be read only once; look at the file they come from";
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(())
}

fn print(diagnosis: &Diagnosis, format: &str) -> Result<Exit, Failure> {
    let text = match format {
        "json" => {
            let json = serde_json::to_string_pretty(diagnosis).expect("a diagnosis has a JSON form");
            json + "\n"
        }
        _ => diagnosis.to_string(),
    };
    output::print(text.as_bytes())
}
