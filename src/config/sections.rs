//! The sections of the file that say where the sides are and how to run.

use crate::canon::cell::Precision;
use crate::canon::csv::{DialectKind, Escapes};
use crate::plan::Strategy;
use crate::scan::Patience;
use crate::source::Source;
use crate::source::live::{self, Secret};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// One side.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideConfig {
    /// A file, a directory, an archive, `-`, or the connection string of a live store, without its secrets.
    /// `${NAME}` is replaced from the environment.
    pub location: String,
    /// The connection string with its secrets.
    #[serde(skip)]
    pub uri: Option<Secret>,
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
    /// How backslashes are doubled in text files of cqlsh: `twice`, or `once` if an older Python wrote them.
    pub escapes: Option<Escapes>,
    /// `schema.cql`, where it does not lie beside the files.
    pub schema: Option<PathBuf>,
    /// The DOUBLEPRECISION the export was made with.
    pub double_precision: Option<u8>,
    /// The FLOATPRECISION the export was made with.
    pub float_precision: Option<u8>,
    /// How a live store is read.
    #[serde(default)]
    pub live: LiveConfig,
}

/// `[stable.live]`, `[candidate.live]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveConfig {
    /// The CQL user.
    pub user: Option<String>,
    /// The CQL user's password, from the environment: `${NAME}`.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    /// Whether CQL connections are encrypted.
    #[serde(default)]
    pub tls: bool,
    /// Certificates that are trusted for CQL, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// The datacentre that is read from.
    pub datacenter: Option<String>,
    /// CQL consistency; `LOCAL_QUORUM` if not given.
    pub consistency: Option<String>,
    /// MongoDB read concern; that of the connection string or `majority` if not given.
    pub read_concern: Option<String>,
    /// Records in one answer, at most.
    pub page: Option<u32>,
    /// Whether CQL is asked when what differs was written, and when it ends.
    #[serde(default)]
    pub write_times: bool,
    /// Seconds that one answer may take.
    pub timeout_seconds: Option<f64>,
    /// Seconds for which a request that fails is repeated; 60 if not given.
    pub retry_seconds: Option<f64>,
    /// Requests under way at once, at most.
    pub in_flight: Option<usize>,
    /// Bytes of records a second, at most.
    pub max_rate: Option<f64>,
    /// Requests a second, at most.
    pub max_requests: Option<f64>,
    /// Times of day at which the store may be read, as `22:00-06:00`.
    #[serde(default)]
    pub windows: Vec<String>,
    /// Who is asked besides whether the store may be read.
    pub guard: Option<GuardConfig>,
}

/// `[stable.live.guard]`, `[candidate.live.guard]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardConfig {
    /// A program and its arguments, which ends with 0 if the store may be read.
    #[serde(default)]
    pub command: Vec<String>,
    /// Seconds that members of a replica set of MongoDB may be behind their primary.
    pub max_lag_seconds: Option<f64>,
    /// Seconds between two questions; 10 if not given.
    pub interval_seconds: Option<f64>,
    /// Seconds that the command may take; 10 if not given.
    pub timeout_seconds: Option<f64>,
    /// Seconds for which the store may be held back before what is to be read is left unread; 600 if not given.
    pub patience_seconds: Option<f64>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    // What it is instead is not said: it may be the password.
    match toml::Value::deserialize(deserializer) {
        Ok(toml::Value::String(text)) if text.starts_with("${") && text.ends_with('}') => {
            Ok(Some(Secret::new(text)))
        }
        _ => Err(serde::de::Error::custom(
            "a password does not belong into a file: put it into the environment and write \"${NAME}\" here",
        )),
    }
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
            escapes: None,
            schema: None,
            double_precision: None,
            float_precision: None,
            uri: None,
            live: LiveConfig::default(),
        }
    }

    /// Puts the connection string of a live store where nobody sees it, and leaves of it what may be seen.
    pub fn keep_secret(&mut self) {
        if Source::is_live(&self.location) && self.uri.is_none() {
            self.uri = Some(Secret::new(&self.location));
            self.location = live::shown(&self.location);
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

/// `[namespaces]`: which namespaces are audited where no `[[compare]]` says so; those of the same name belong together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamespacesConfig {
    /// Globs of names, with the database or keyspace or without; all namespaces if there are none.
    pub include: Vec<String>,
    /// Globs of those that are left out all the same.
    pub exclude: Vec<String>,
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
    /// Seconds between checkpoints; infinite if an audit is to keep none.
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

/// `[settle]`: how suspects of live stores are looked at again.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettleConfig {
    /// Seconds between the first reading and the second: longer than writes take to reach both sides.
    pub delay_seconds: f64,
    /// Readings after the first, at most.
    pub attempts: u32,
}

impl Default for SettleConfig {
    fn default() -> Self {
        SettleConfig {
            delay_seconds: 5.0,
            attempts: 5,
        }
    }
}

impl SettleConfig {
    /// The same for those who look again.
    pub fn patience(&self) -> Patience {
        Patience {
            delay: Duration::from_secs_f64(self.delay_seconds.clamp(0.0, 3600.0)),
            attempts: self.attempts.clamp(1, 100),
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
