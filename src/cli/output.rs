//! Sinks: opened before the long work, tried one and all, errors joined.

use super::args::{Outputs, Report as ReportArgs};
use super::{Failure, seal};
use crate::config::Config;
use crate::report::{Csv, Divergences, Json, Listed, Ndjson, Render, Report, Text};
use crate::verdict::Exit;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Where one rendering goes.
pub(super) struct Sink {
    render: Box<dyn Render>,
    target: Target,
}

enum Target {
    Stdout,
    /// A device or a pipe, written as it is.
    Device(PathBuf, File),
    /// A file, written beside its name and renamed once it is whole.
    File(PathBuf, NamedTempFile),
}

/// What no report may be written over: the stores, and the files of the run itself.
pub(super) struct Kept {
    inputs: Vec<PathBuf>,
    run: Option<PathBuf>,
}

impl Kept {
    /// What an audit under `config` with this run directory reads and keeps.
    pub(super) fn of(config: &Config, run: Option<&Path>) -> Kept {
        let sides = [&config.sides.stable, &config.sides.candidate];
        let locations = sides.iter().map(|s| Path::new(&s.location));
        let schemas = sides.iter().filter_map(|s| s.schema.as_deref());
        let files = locations
            .chain(schemas)
            .chain(config.file.as_deref().map(Path::new));
        Kept {
            inputs: files.filter_map(|f| f.canonicalize().ok()).collect(),
            run: run.map(Path::to_owned),
        }
    }

    /// And these files.
    pub(super) fn and<'p>(mut self, files: impl IntoIterator<Item = &'p PathBuf>) -> Kept {
        self.inputs
            .extend(files.into_iter().filter_map(|f| f.canonicalize().ok()));
        self
    }

    /// What a finished run keeps.
    fn run(run: &Path) -> Kept {
        Kept {
            inputs: Vec::new(),
            run: Some(run.to_owned()),
        }
    }

    /// A usage error if `file` is one of them.
    pub(super) fn refuse(&self, file: &Path) -> Result<(), Failure> {
        if !self.holds(file) {
            return Ok(());
        }
        let message = format!(
            "{} is read or kept by this command and must not be written over; choose another file",
            file.display()
        );
        Err(Failure::new(Exit::Usage, message))
    }

    /// Whether `file` is one of them. A new file beside the data is none.
    fn holds(&self, file: &Path) -> bool {
        let full = file.canonicalize();
        let input = |full: &PathBuf| self.inputs.iter().any(|i| full.starts_with(i));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let beside = |run: &PathBuf| {
            let dir = file.parent().filter(|d| !d.as_os_str().is_empty());
            let here = dir.unwrap_or(Path::new(".")).canonicalize();
            here.is_ok_and(|here| run.canonicalize().is_ok_and(|run| run == here))
        };
        full.as_ref().is_ok_and(|f| input(f) && !f.is_dir())
            || seal::belongs(&name) && self.run.as_ref().is_some_and(beside)
    }
}

/// Opens every sink that was asked for.
///
/// A file that an earlier run wrote is taken away: should this run fail, nobody must take the old report for its own.
pub(super) fn open(outputs: &Outputs, kept: &Kept) -> Result<Vec<Sink>, Failure> {
    let wanted = if outputs.output.is_empty() {
        vec!["text".to_owned()]
    } else {
        outputs.output.clone()
    };
    let sinks: Vec<Sink> = wanted
        .iter()
        .map(|text| open_one(text, outputs, kept))
        .collect::<Result<_, _>>()?;
    let mut files = Vec::new();
    for sink in &sinks {
        if let Target::File(path, _) = &sink.target {
            if files.contains(&path) {
                let message = format!(
                    "two outputs go to {}; each needs a file of its own",
                    path.display()
                );
                return Err(Failure::new(Exit::Usage, message));
            }
            files.push(path);
        }
    }
    for file in files {
        match std::fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(unwritable(file, &e)),
            _ => {}
        }
    }
    Ok(sinks)
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Unwritable,
        format!("cannot write {}: {error}", file.display()),
    )
}

/// The directory that a file is in.
fn directory(file: &Path) -> &Path {
    let dir = file.parent().filter(|d| !d.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}

/// The most columns that a line of text is given.
const WIDEST: usize = 1000;

/// A place to write `file` to.
fn target(file: &Path, kept: &Kept) -> Result<Target, Failure> {
    kept.refuse(file)?;
    let path = file.to_owned();
    let opened = match std::fs::metadata(file) {
        Ok(meta) if !meta.is_file() => File::options()
            .write(true)
            .open(file)
            .map(|device| Target::Device(path, device)),
        // Links are followed, so that what they lead to is written, not they.
        _ => {
            // One that is not there yet is known by its directory.
            let new = || Some(directory(file).canonicalize().ok()?.join(file.file_name()?));
            let path = file.canonicalize().ok().or_else(new).unwrap_or(path);
            let mut temp = tempfile::Builder::new();
            temp.prefix(".assay-");
            temp.tempfile_in(directory(&path)).and_then(|temp| {
                // It holds data: its owner's alone, unless there is a file already that says otherwise.
                if let Ok(before) = std::fs::metadata(&path) {
                    temp.as_file().set_permissions(before.permissions())?;
                }
                Ok(Target::File(path.clone(), temp))
            })
        }
    };
    opened.map_err(|e| unwritable(file, &e))
}

fn open_one(text: &str, outputs: &Outputs, kept: &Kept) -> Result<Sink, Failure> {
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
        .and_then(|c| c.parse::<usize>().ok())
        .map_or(100, |columns| columns.min(WIDEST));
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
        Some("") => {
            let message = format!("-o {text}: a file's name is missing after the equals sign");
            return Err(Failure::new(Exit::Usage, message));
        }
        Some(file) => target(Path::new(file), kept)?,
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
            Target::Device(path, file) => fill(&*render, report, run, &mut io::BufWriter::new(file))
                .map_err(|e| format!("{name}={}: {e}", path.display())),
            Target::File(path, temp) => whole(&*render, report, run, temp, &path)
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

fn whole(
    render: &dyn Render,
    report: &Report,
    run: &Path,
    mut temp: NamedTempFile,
    path: &Path,
) -> io::Result<()> {
    fill(render, report, run, &mut io::BufWriter::new(temp.as_file_mut()))?;
    temp.as_file().sync_all()?;
    temp.persist(path).map(drop).map_err(|e| e.error)
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
    let report =
        Report::read(&bytes).map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", path.display())))?;
    seal::check(run)?;
    Ok(report)
}

/// `assay report`.
pub(super) fn report(args: ReportArgs) -> Result<Exit, Failure> {
    let report = load(&args.run)?;
    write(open(&args.outputs, &Kept::run(&args.run))?, &report, &args.run)?;
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
