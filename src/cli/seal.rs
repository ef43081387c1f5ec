//! The seal of a finished run: digests of its files, so that one that was changed or cut later is noticed.
//!
//! A seal is no signature: whoever can write the run can write its seal. It keeps accidents from being rendered as results.

use super::Failure;
use crate::plan::Plan;
use crate::report::Outcome;
use crate::store::write_atomic;
use crate::verdict::Exit;
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::path::Path;

/// The file that holds the digests, in the form that `b3sum --check` reads.
const SEAL: &str = "digests.b3";

/// What a finished run consists of.
const FILES: [&str; 3] = ["report.json", "verdict.json", "divergences.ndjson"];

/// Whether a file of a run directory is the run's own.
pub(super) fn belongs(name: &str) -> bool {
    FILES.contains(&name)
        || [SEAL, "plan.json"].contains(&name)
        || [".part", ".ranges"].iter().any(|end| name.ends_with(end))
        || name.starts_with(".assay-")
}

/// Whether a directory holds a finished run. One that was interrupted is none: it left a report, and can be taken up again.
pub(super) fn is_finished(run: &Path) -> bool {
    let cancelled = |report: Vec<u8>| {
        let report = serde_json::from_slice::<Ended>(&report);
        report.is_ok_and(|report| report.run.outcome == Outcome::Cancelled)
    };
    run.join(SEAL).exists() && std::fs::read(run.join("report.json")).is_ok_and(|report| !cancelled(report))
}

/// Refuses a directory whose files are somebody else's, and would be overwritten.
pub(super) fn refuse_foreign(run: &Path) -> Result<(), Failure> {
    let plan = std::fs::read(run.join("plan.json")).ok();
    let foreign = match &plan {
        Some(plan) => serde_json::from_slice::<Plan>(plan)
            .is_err()
            .then_some("plan.json"),
        None => FILES.into_iter().find(|file| run.join(file).exists()),
    };
    foreign.map_or(Ok(()), |file| {
        let shown = run.join(file);
        let message = format!("{} is not of a run; choose another --run-dir", shown.display());
        Err(Failure::new(Exit::Usage, message))
    })
}

/// How a report says that its run ended; the rest is passed over.
#[derive(Deserialize)]
struct Ended {
    run: EndedRun,
}

#[derive(Deserialize)]
struct EndedRun {
    outcome: Outcome,
}

/// Takes the seal of a run away that is taken up again.
pub(super) fn open(run: &Path) -> Result<(), Failure> {
    let path = run.join(SEAL);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            let message = format!("cannot remove {}: {e}", path.display());
            Err(Failure::new(Exit::Unwritable, message))
        }
        _ => Ok(()),
    }
}

/// Seals a run that has just been finished.
pub(super) fn seal(run: &Path) -> Result<(), Failure> {
    let path = run.join(SEAL);
    lines(run)
        .and_then(|lines| write_atomic(&path, |out| out.write_all(lines.as_bytes())))
        .map_err(|e| Failure::new(Exit::Unwritable, format!("cannot write {}: {e}", path.display())))
}

/// Makes sure that a finished run is as it was sealed.
pub(super) fn check(run: &Path) -> Result<(), Failure> {
    let (shown, path) = (run.display(), run.join(SEAL));
    let refuse = |what: String| {
        let message = format!("{shown} holds no finished run: {what}; audit again into another directory");
        Failure::new(Exit::Usage, message)
    };
    let sealed =
        std::fs::read_to_string(&path).map_err(|e| refuse(format!("cannot read {}: {e}", path.display())))?;
    let found = lines(run).map_err(|e| refuse(e.to_string()))?;
    match found.lines().find(|line| !sealed.lines().any(|s| s == *line)) {
        None => Ok(()),
        Some(line) => {
            let name = line.rsplit(' ').next().unwrap_or_default();
            Err(refuse(format!("{name} was changed since the run was finished")))
        }
    }
}

fn lines(run: &Path) -> io::Result<String> {
    let mut out = String::new();
    for name in FILES {
        let path = run.join(name);
        let digest = File::open(&path).and_then(|file| {
            let mut hasher = blake3::Hasher::new();
            io::copy(&mut io::BufReader::with_capacity(1 << 18, file), &mut hasher)?;
            Ok(hasher.finalize().to_hex())
        });
        let digest = digest.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        out.push_str(&format!("{digest}  {name}\n"));
    }
    Ok(out)
}
