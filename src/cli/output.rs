//! Sinks: opened before the long work, tried one and all, errors joined.

use super::Failure;
use super::args::{Outputs, Report as ReportArgs};
use crate::report::{Csv, Divergences, Json, Listed, Ndjson, Render, Report, Text};
use crate::verdict::Exit;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Where one rendering goes.
pub(super) struct Sink {
    render: Box<dyn Render>,
    target: Target,
}

enum Target {
    Stdout,
    File(PathBuf, File),
}

/// Opens every sink that was asked for.
pub(super) fn open(outputs: &Outputs) -> Result<Vec<Sink>, Failure> {
    let wanted = if outputs.output.is_empty() {
        vec!["text".to_owned()]
    } else {
        outputs.output.clone()
    };
    wanted.iter().map(|text| open_one(text, outputs)).collect()
}

fn open_one(text: &str, outputs: &Outputs) -> Result<Sink, Failure> {
    let (format, file) = text
        .split_once('=')
        .map_or((text, None), |(format, file)| (format, Some(file)));
    let colour = match outputs.color.as_str() {
        "always" => true,
        "never" => false,
        _ => file.is_none() && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let width = std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .unwrap_or(100);
    let render: Box<dyn Render> = match format {
        "text" => Box::new(Text {
            colour,
            width,
            divergences: 10,
        }),
        "json" => Box::new(Json),
        "ndjson" => Box::new(Ndjson),
        "csv" => Box::new(Csv),
        _ => {
            let message =
                format!("-o {text}: no format is called {format:?}; there are text, json, ndjson and csv");
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    let target = match file {
        None | Some("-") => Target::Stdout,
        Some(file) => {
            let opened = File::create(file);
            let file = PathBuf::from(file);
            let opened = opened.map_err(|e| {
                Failure::new(Exit::Unwritable, format!("cannot write {}: {e}", file.display()))
            })?;
            Target::File(file, opened)
        }
    };
    Ok(Sink { render, target })
}

/// Writes a report into every sink. All are tried; if one fails, the exit code says so.
pub(super) fn write(sinks: Vec<Sink>, report: &Report, run: &Path) -> Result<(), Failure> {
    let mut errors = Vec::new();
    for Sink { render, target } in sinks {
        let name = render.name();
        let wrote = match target {
            Target::Stdout => {
                fill(&*render, report, run, &mut io::stdout().lock()).map_err(|e| format!("{name}: {e}"))
            }
            Target::File(path, file) => fill(&*render, report, run, &mut io::BufWriter::new(file))
                .map_err(|e| format!("{name}={}: {e}", path.display())),
        };
        errors.extend(wrote.err());
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Unwritable,
            format!("cannot write the report: {}", errors.join("; ")),
        )),
    }
}

fn fill(render: &dyn Render, report: &Report, run: &Path, out: &mut dyn Write) -> io::Result<()> {
    let mut all = divergences(run)?;
    render.render(report, &mut *all, out)?;
    out.flush()
}

/// All divergences of a run, streamed.
pub(super) fn divergences(run: &Path) -> io::Result<Box<Divergences<'static>>> {
    let lines = BufReader::new(File::open(run.join("divergences.ndjson"))?).lines();
    Ok(Box::new(lines.map(|line| {
        serde_json::from_str::<Listed>(&line?).map_err(io::Error::other)
    })))
}

/// Reads the report of a finished run.
pub(super) fn load(run: &Path) -> Result<Report, Failure> {
    let path = run.join("report.json");
    let bytes = std::fs::read(&path).map_err(|e| {
        let message = format!("{} holds no finished run: {}: {e}", run.display(), path.display());
        Failure::new(Exit::Usage, message)
    })?;
    Report::read(&bytes).map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", path.display())))
}

/// `assay report`.
pub(super) fn report(args: ReportArgs) -> Result<Exit, Failure> {
    let report = load(&args.run)?;
    write(open(&args.outputs)?, &report, &args.run)?;
    Ok(report.verdict.map_or(Exit::Hold, |v| v.exit()))
}

/// Writes to standard output; a broken pipe is a failure, not success.
pub(super) fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Go),
        Err(e) => Err(Failure::new(
            Exit::Unwritable,
            format!("cannot write to standard output: {e}"),
        )),
    }
}
