//! The command line: plain parsed arguments, and what each command does with the library.

mod args;
mod audit;
mod demo;
mod doctor;
mod explain;
mod heap;
mod output;
mod progress;
mod seal;
mod steps;

use crate::verdict::Exit;
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::io::Write;

/// Runs the program and returns its exit code.
pub fn main() -> Exit {
    heap::give_large_blocks_back();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wanted = !error.use_stderr();
            return match error.print() {
                Err(_) => Exit::Unwritable,
                Ok(()) if wanted => Exit::Go,
                Ok(()) => Exit::Usage,
            };
        }
    };
    crate::observe::start(cli.verbose);
    let done = std::panic::catch_unwind(|| run(cli));
    match done {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = writeln!(std::io::stderr(), "assay: {}", failure.message);
            failure.exit
        }
        Err(_) => Exit::Internal,
    }
}

/// What ends a command early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: crate::report::sanitise(&message.into()),
        }
    }
}

impl From<crate::scan::SessionError> for Failure {
    fn from(error: crate::scan::SessionError) -> Failure {
        Failure::new(error.exit(), error.to_string())
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Failure {
        Failure::new(Exit::Usage, error.to_string())
    }
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Diff(args) => audit::diff(args),
        Command::Audit(args) => audit::audit(args),
        Command::Plan(args) => steps::plan(args),
        Command::Scan(args) => steps::scan(args),
        Command::Merge(args) => steps::merge(args),
        Command::Report(args) => output::report(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Explain(args) => explain::explain(args),
        Command::Demo(args) => demo::demo(args),
        Command::Init(args) => audit::init(args),
        Command::Config { command } => audit::config(command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "assay", &mut script);
            output::print(&script)
        }
    }
}
