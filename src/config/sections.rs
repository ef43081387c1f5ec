//! The sections of the file that say where the sides are and how to run.

use crate::canon::cell::Precision;
use crate::canon::csv::DialectKind;
use crate::plan::Strategy;
use serde::Deserialize;
use std::path::PathBuf;

/// One side.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideConfig {
    /// A file, a directory, an archive, or `-`. `${NAME}` is replaced from the environment.
    pub location: String,
    /// What people call the side.
    pub label: Option<String>,
    /// `bson`, `ndjson` or `csv`, where the name does not say.
    pub format: Option<String>,
    /// The dialect of text files.
    pub dialect: Option<DialectKind>,
    /// The delimiter of text files, one character.
    pub delimiter: Option<char>,
    /// The null token of text files.
    pub null: Option<String>,
    /// `schema.cql`, where it does not lie beside the files.
    pub schema: Option<PathBuf>,
    /// The DOUBLEPRECISION the export was made with.
    pub double_precision: Option<u8>,
    /// The FLOATPRECISION the export was made with.
    pub float_precision: Option<u8>,
}

impl SideConfig {
    /// A side that is only a location.
    pub fn at(location: String) -> SideConfig {
        SideConfig {
            location,
            label: None,
            format: None,
            dialect: None,
            delimiter: None,
            null: None,
            schema: None,
            double_precision: None,
            float_precision: None,
        }
    }

    /// The precision the export is declared to have been made with; cqlsh's default where only one kind is declared.
    pub fn precision(&self) -> Option<Precision> {
        let default = Precision::default();
        (self.float_precision.is_some() || self.double_precision.is_some()).then(|| Precision {
            double: self.double_precision.map_or(default.double, u32::from),
            float: self.float_precision.map_or(default.float, u32::from),
        })
    }
}

/// `[scan]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanConfig {
    /// Threads that hash; 0: one a core.
    pub threads: usize,
    /// How differences are found.
    pub strategy: Strategy,
    /// Bytes that may be spilled to disk.
    pub spill_limit: u64,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// Divergences that the report itself carries, per compare; all of them go to `divergences.ndjson`.
    pub samples: usize,
}

impl Default for ScanConfig {
    fn default() -> Self {
        ScanConfig {
            threads: 0,
            strategy: Strategy::Auto,
            spill_limit: 16 << 30,
            checkpoint_seconds: 30.0,
            samples: 1000,
        }
    }
}

/// `[run]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Where run directories are made.
    pub dir: PathBuf,
}

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            dir: PathBuf::from("runs"),
        }
    }
}
