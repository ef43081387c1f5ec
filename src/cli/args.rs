//! The arguments, with their help.

use crate::canon::csv::{DialectKind, Escapes};
use crate::plan::Strategy;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Proves that two stores hold the same facts, and says GO, NO_GO or HOLD.
///
/// Exit codes: 0 GO, 10 NO_GO, 20 HOLD, 64 usage, 69 unreachable, 70 internal, 74 unwritable, 75 try again. `assay config
/// exit-codes` prints them all.
#[derive(Debug, Parser)]
#[command(name = "assay", version, max_term_width = 100)]
pub(super) struct Cli {
    /// More detail on standard error; twice for even more.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Compare two files, directories or archives; no configuration needed.
    Diff(Diff),
    /// Audit what a configuration says: scan, reconcile, report, verdict.
    Audit(Audit),
    /// Look at both stores before an audit: versions, rights, indexes, clocks, size, and what hinders.
    #[command(after_long_help = DOCTOR)]
    Doctor(Doctor),
    /// Cut the work of an audit into slices, for several processes.
    Plan(Plan),
    /// Work off slices of a plan.
    Scan(Scan),
    /// Put scanned slices together; the same result as `audit`.
    Merge(Merge),
    /// Render a finished run again.
    Report(Report),
    /// One divergence of a run with its fields side by side, or what a verdict's reason code means.
    Explain(Explain),
    /// Make two small stores with planted drift, as files or on servers, audit them, and check that all of it was found.
    Demo(Demo),
    /// Write a commented assay.toml to start from.
    Init(Init),
    /// Check a configuration, or print tables and defaults.
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug, Default)]
pub(super) struct Tuning {
    /// Seed of all digests, in hex; drawn anew if not given. With it, evidence can be repeated bit by bit.
    #[arg(long, value_parser = seed)]
    pub seed: Option<u64>,
    /// Threads that hash; 0: one a core.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Slices per side; the result does not depend on it.
    #[arg(long)]
    pub slices: Option<usize>,
    /// Divergences that the report carries per compare; all of them are in divergences.ndjson.
    #[arg(long)]
    pub samples: Option<usize>,
    /// How differing records are found; the result does not depend on it.
    #[arg(long)]
    pub strategy: Option<Strategy>,
    /// Bytes that may lie on disk, spilled, at one time.
    #[arg(long)]
    pub spill_limit: Option<u64>,
    /// Seconds between checkpoints; `inf` for none.
    #[arg(long)]
    pub checkpoint_seconds: Option<f64>,
    /// Bytes of records a second that are asked of each live store, at most.
    #[arg(long, value_name = "BYTES")]
    pub max_rate: Option<f64>,
    /// Seconds before what differs between live stores is looked at again; longer than writes take to reach both.
    #[arg(long, value_name = "SECONDS")]
    pub settle_delay: Option<f64>,
    /// Where the run is kept. A run in it that did not finish is taken up again.
    #[arg(long)]
    pub run_dir: Option<PathBuf>,
}

fn seed(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16)
        .map_err(|_| "expected up to 16 hex digits".to_owned())
}

#[derive(Args, Debug)]
pub(super) struct Outputs {
    /// Output as FORMAT or FORMAT=FILE: text, json, ndjson, csv. Repeatable; text to standard output if not given.
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]")]
    pub output: Vec<String>,
    /// Colour: auto, always or never.
    #[arg(long, default_value = "auto", value_parser = ["auto", "always", "never"])]
    pub color: String,
}

#[derive(Args, Debug)]
pub(super) struct Diff {
    /// The stable side: a file, a directory, a mongodump archive, or - for standard input.
    pub stable: String,
    /// The candidate side.
    pub candidate: String,
    /// Columns or fields that make the key; by default `_id` or the schema's primary key.
    #[arg(short, long, value_delimiter = ',')]
    pub key: Vec<String>,
    /// bson, ndjson or csv, where the name does not say.
    #[arg(long)]
    pub format: Option<String>,
    /// Dialect of text files.
    #[arg(long)]
    pub dialect: Option<DialectKind>,
    /// Null token of text files.
    #[arg(long)]
    pub null: Option<String>,
    /// How cqlsh doubled backslashes: once if its Python was older than 3.10.
    #[arg(long)]
    pub escapes: Option<Escapes>,
    /// schema.cql, where it does not lie beside the files.
    #[arg(long)]
    pub schema: Option<PathBuf>,
    #[command(flatten)]
    pub tuning: Tuning,
    #[command(flatten)]
    pub outputs: Outputs,
}

#[derive(Args, Debug)]
pub(super) struct Chosen {
    /// The configuration.
    #[arg(short, long, default_value = "assay.toml")]
    pub config: PathBuf,
    /// Only these compares.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Exchange stable and candidate.
    #[arg(long, hide = true)]
    pub swap: bool,
}

#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(flatten)]
    pub chosen: Chosen,
    /// A policy file; the strict policy if there is none.
    #[arg(long)]
    pub policy: Option<PathBuf>,
    #[command(flatten)]
    pub tuning: Tuning,
    #[command(flatten)]
    pub outputs: Outputs,
}

const DOCTOR: &str = "\
Every finding is one line: `ok`, `note`, `warning` (an audit will be slow, or will not be able to say GO or NO_GO of all \
records) or `hinders` (it cannot be done, or cannot end in GO). Below a finding stand the commands that put it right, for \
mongosh or cqlsh: the user that can only read, the index that is missing. Nothing is written to any store.

Exit codes: 0 nothing hinders, 64 configuration or mapping, 69 a store cannot be reached or refuses; what an audit would \
end with.

Examples:
  assay doctor                                   the sides and compares of assay.toml
  assay doctor 'mongodb://db1/shop' shop.archive two stores, namespaces by their names
  assay doctor cql://node1:9042/shop             one store by itself
  assay doctor 'mongodb://me:${PW}@db1/shop'     the password from the environment
  assay doctor -o json                           for programs; schema assay.doctor/1";

#[derive(Args, Debug)]
pub(super) struct Doctor {
    /// One location or two in place of a configuration: files, or connection strings.
    #[arg(value_name = "LOCATION", num_args = 0..=2, conflicts_with_all = ["config", "only"])]
    pub locations: Vec<String>,
    #[command(flatten)]
    pub chosen: Chosen,
    /// With locations: columns or fields that make the key; by default `_id` or the primary key.
    #[arg(short, long, value_delimiter = ',', requires = "locations")]
    pub key: Vec<String>,
    /// Bytes of records a second that an audit would ask of each live store, at most.
    #[arg(long, value_name = "BYTES")]
    pub max_rate: Option<f64>,
    /// Seconds before an audit would look again at what differs between live stores.
    #[arg(long, value_name = "SECONDS")]
    pub settle_delay: Option<f64>,
    /// Output as text or json.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub output: String,
}

#[derive(Args, Debug)]
pub(super) struct Plan {
    #[command(flatten)]
    pub chosen: Chosen,
    /// Where to write the plan.
    #[arg(short, long, default_value = "plan.json")]
    pub output: PathBuf,
    #[command(flatten)]
    pub tuning: Tuning,
}

#[derive(Args, Debug)]
pub(super) struct Scan {
    #[command(flatten)]
    pub chosen: Chosen,
    /// The plan.
    #[arg(long, default_value = "plan.json")]
    pub plan: PathBuf,
    /// Which share of the slices: I/N takes every slice whose number leaves I-1 when divided by N.
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = share)]
    pub share: (usize, usize),
    /// Where the parts are kept.
    #[arg(long, default_value = "parts")]
    pub parts: PathBuf,
    #[command(flatten)]
    pub tuning: Tuning,
}

fn share(text: &str) -> Result<(usize, usize), String> {
    let parsed = text
        .split_once('/')
        .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((i, n)) if (1..=n).contains(&i) => Ok((i, n)),
        _ => Err("expected I/N with I from 1 to N, such as 2/7".to_owned()),
    }
}

#[derive(Args, Debug)]
pub(super) struct Merge {
    #[command(flatten)]
    pub chosen: Chosen,
    /// The plan.
    #[arg(long, default_value = "plan.json")]
    pub plan: PathBuf,
    /// Where the parts are.
    #[arg(long, default_value = "parts")]
    pub parts: PathBuf,
    /// A policy file; the strict policy if there is none.
    #[arg(long)]
    pub policy: Option<PathBuf>,
    #[command(flatten)]
    pub tuning: Tuning,
    #[command(flatten)]
    pub outputs: Outputs,
}

#[derive(Args, Debug)]
pub(super) struct Report {
    /// The run directory.
    pub run: PathBuf,
    #[command(flatten)]
    pub outputs: Outputs,
}

#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The run directory, or a reason code of a verdict.
    pub subject: String,
    /// The divergence: its id, or its key (parts joined by commas), as it is or as reports write it.
    #[arg(allow_negative_numbers = true)]
    pub record: Option<String>,
    /// The configuration of the run: both stores are read once more, to see whether it is still so.
    #[arg(short, long)]
    pub config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Where to put the two stores and the run.
    #[arg(default_value = "demo")]
    pub dir: PathBuf,
    /// Number of orders.
    #[arg(long, default_value_t = 2000)]
    pub records: u64,
    /// Share of orders that drift, 0 to 1.
    #[arg(long, default_value_t = 0.02)]
    pub drift: f64,
    /// Seed of the made-up data.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Make the stores and stop.
    #[arg(long)]
    pub only_make: bool,
    /// Make the stores on live servers, in a database and a keyspace of their own, and drop them at the end.
    #[arg(long, requires_all = ["stable", "candidate"], conflicts_with = "only_make")]
    pub live: bool,
    /// With --live: MongoDB, as mongodb://user:${NAME}@host. Secrets come from the environment.
    #[arg(long, value_name = "URI", requires = "live")]
    pub stable: Option<String>,
    /// With --live: Cassandra or ScyllaDB, as cql://host:port.
    #[arg(long, value_name = "URI", requires = "live")]
    pub candidate: Option<String>,
    /// With --live: who we are at the candidate; the password is in ASSAY_DEMO_PASSWORD.
    #[arg(long, value_name = "NAME", requires = "live")]
    pub candidate_user: Option<String>,
    /// With --live: how the database and the keyspace are called; neither may exist. A random name if not given.
    #[arg(long, requires = "live")]
    pub name: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Init {
    /// The file to write; it must not exist.
    #[arg(default_value = "assay.toml")]
    pub file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Check a configuration against both sides and name what will lose something.
    Check {
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Print everything a mapping can say: fields, conversions, tolerances, what may be ignored.
    Mapping,
    /// Print the exit codes.
    ExitCodes,
    /// Print the strict policy that is in force unless a file says otherwise.
    Policy,
}
