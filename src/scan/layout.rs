//! The layout of a text namespace: header, dialect with its null token, and the types its schema gives.

use crate::canon::Layout;
use crate::canon::csv::{Dialect, DialectKind};
use crate::config::{GuardConfig, LiveConfig, SideConfig};
use crate::model::{Schema, Table};
use crate::source::live::cql::{CqlOptions, Tls};
use crate::source::live::mongo::MongoOptions;
use crate::source::live::{Guard, Limits, LiveOptions, Protocol, Secret, Window};
use crate::source::{self, Format, Namespace, OpenOptions, Opening, Source};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How a side is to be opened.
///
/// # Errors
/// A sentence about an option that says nothing.
pub fn opening(config: &SideConfig) -> Result<Opening, String> {
    match &config.uri {
        Some(uri) => live_options(uri, &config.live).map(|options| Opening::Live(Box::new(options))),
        None => open_options(config).map(Opening::Files),
    }
}

fn live_options(uri: &Secret, config: &LiveConfig) -> Result<LiveOptions, String> {
    let mut options = LiveOptions {
        uri: uri.clone(),
        mongo: MongoOptions::default(),
        cql: CqlOptions::default(),
        limits: Limits::default(),
    };
    let (mongo, cql, limits) = (&mut options.mongo, &mut options.cql, &mut options.limits);
    if let Some(page) = config.page {
        let page = page.clamp(1, 100_000);
        (mongo.batch, cql.page_rows) = (page, page as i32);
    }
    if let Some(seconds) = config.timeout_seconds {
        let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|t| !t.is_zero());
        let timeout = timeout.ok_or("timeout_seconds: expected a number above 0")?;
        (mongo.max_time, cql.request_timeout) = (timeout, timeout);
        mongo.connect_timeout = mongo.connect_timeout.min(timeout);
        // The server's own limit is the kinder one: it is to come first.
        mongo.answer_timeout = timeout + timeout / 4;
    }
    if let Some(seconds) = config.retry_seconds {
        let patience = Duration::try_from_secs_f64(seconds);
        let patience = patience.map_err(|_| "retry_seconds: expected a number not below 0")?;
        (mongo.retry.patience, cql.retry.patience) = (patience, patience);
    }
    mongo.read_concern = config.read_concern.clone();
    if let Some(name) = &config.consistency {
        cql.consistency = CqlOptions::consistency_of(name)?;
    }
    if config.write_times && Protocol::of(uri.reveal()) != Some(Protocol::Cql) {
        return Err("write_times: only Cassandra and ScyllaDB keep them".to_owned());
    }
    cql.write_times = config.write_times;
    cql.datacenter = config.datacenter.clone();
    cql.login = config.user.clone().zip(config.password.clone());
    cql.tls = (config.tls || config.ca_file.is_some()).then(|| Tls {
        ca_file: config.ca_file.clone(),
        unverified: false,
    });
    for (name, rate) in [
        ("max_rate", config.max_rate),
        ("max_requests", config.max_requests),
    ] {
        if rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            return Err(format!("{name}: expected a number above 0"));
        }
    }
    limits.in_flight = config.in_flight.unwrap_or(limits.in_flight).clamp(1, 1024);
    limits.bytes_per_second = config.max_rate;
    limits.requests_per_second = config.max_requests;
    limits.windows = config
        .windows
        .iter()
        .map(|text| text.parse::<Window>().map_err(|e| format!("windows: {e}")))
        .collect::<Result<_, _>>()?;
    limits.guard = config.guard.as_ref().map(guard).transpose()?;
    Ok(options)
}

fn guard(config: &GuardConfig) -> Result<Guard, String> {
    let time = |name: &str, seconds: f64, least: f64| {
        let time = Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|_| seconds >= least);
        time.ok_or_else(|| format!("guard: {name}: expected a number not below {least}"))
    };
    if config.command.is_empty() && config.max_lag_seconds.is_none() {
        return Err(
            "guard: expected `command` or `max_lag_seconds`: without them it says nothing".to_owned(),
        );
    }
    let max_lag = config.max_lag_seconds;
    Ok(Guard {
        command: Some(config.command.clone()).filter(|command| !command.is_empty()),
        max_lag: max_lag
            .map(|seconds| time("max_lag_seconds", seconds, 0.0))
            .transpose()?,
        interval: time("interval_seconds", config.interval_seconds.unwrap_or(10.0), 0.1)?,
        timeout: time("timeout_seconds", config.timeout_seconds.unwrap_or(10.0), 0.1)?,
        patience: time("patience_seconds", config.patience_seconds.unwrap_or(600.0), 0.0)?,
    })
}

/// How a side's files are to be opened.
fn open_options(config: &SideConfig) -> Result<OpenOptions, String> {
    let delimiter = match config.delimiter {
        None => None,
        Some(c) if c.is_ascii() => Some(c as u8),
        Some(c) => return Err(format!("delimiter {c:?}: expected one ASCII character")),
    };
    let format = match config.format.as_deref() {
        None => None,
        Some("bson") => Some(Format::Bson),
        Some("ndjson") => Some(Format::Ndjson),
        Some("csv") => Some(Format::Csv {
            dialect: config.dialect.unwrap_or(DialectKind::Rfc4180),
            delimiter: delimiter.unwrap_or(b','),
        }),
        Some(other) => return Err(format!("format {other:?}: expected bson, ndjson or csv")),
    };
    Ok(OpenOptions {
        format,
        dialect: config.dialect,
        delimiter,
        ..OpenOptions::default()
    })
}

/// The layout of a namespace, if it is delimited text.
///
/// # Errors
/// A sentence with file, line and column for a header or schema that cannot be read.
pub fn layout(
    source: &Source,
    namespace: &Namespace,
    config: &SideConfig,
) -> Result<Option<Arc<Layout>>, String> {
    let (dialect, delimiter) = match namespace.format {
        Format::Csv { dialect, delimiter } => (dialect, delimiter),
        Format::Native => return native(source, namespace, config).map(Some),
        Format::Bson | Format::Ndjson => return Ok(None),
    };
    let mut dialect = Dialect::of(dialect, delimiter);
    if let Some(null) = &config.null {
        dialect.null = Some(null.clone());
    }
    if let Some(escapes) = config.escapes {
        dialect.escapes = escapes;
    }
    let Some(part) = namespace.parts.first() else {
        return Ok(None);
    };
    let columns = dialect
        .parse_header(&part.header)
        .map_err(|p| format!("{}: {}", part.file(), p.detail()))?;
    let (table, looked_in) = table(source.schemas(), namespace, config)?;
    if table.is_some() {
        return Ok(Some(Arc::new(Layout::new(columns, dialect, table.as_ref()))));
    }
    if !looked_in.is_empty() && dialect.kind != DialectKind::Rfc4180 {
        let files = looked_in.join(", ");
        let message = format!(
            "{files} has no table {}, so the types of {} are not known",
            table_name(namespace).1,
            part.file()
        );
        return Err(format!(
            "{message}; name the file after its table, or give the schema that has it"
        ));
    }
    Ok(Some(Arc::new(Layout::new(columns, dialect, None))))
}

fn native(source: &Source, namespace: &Namespace, config: &SideConfig) -> Result<Arc<Layout>, String> {
    let (table, _) = table(source.schemas(), namespace, config)?;
    let table = table.ok_or_else(|| format!("the schema of {} is not to be had", namespace.name))?;
    Ok(Arc::new(Layout::native(&table)))
}

fn table_name(namespace: &Namespace) -> (Option<&str>, &str) {
    match namespace.name.rsplit_once('.') {
        Some((keyspace, table)) => (Some(keyspace), table),
        None => (None, &namespace.name),
    }
}

/// The table of a namespace, if a schema has it, and the schema files that were looked in.
///
/// # Errors
/// A sentence with file, line and column for a schema that cannot be read.
pub(super) fn table(
    schemas: &[source::Schema],
    namespace: &Namespace,
    config: &SideConfig,
) -> Result<(Option<Table>, Vec<String>), String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
    };
    let of_store = namespace.format == Format::Native;
    let schemas: Vec<(&Path, Cow<'_, str>)> = match &config.schema {
        // What a store says of its own table goes before any file, and that alone.
        Some(path) if !of_store => vec![(path, read(path)?.into())],
        _ => {
            let own = |s: &&source::Schema| !of_store || s.table.as_ref() == Some(&namespace.name);
            let own = schemas.iter().filter(own);
            own.map(|s| (s.path.as_path(), s.text.as_str().into())).collect()
        }
    };
    let (keyspace, name) = table_name(namespace);
    let mut looked_in = Vec::new();
    let mut of_any_keyspace = None;
    for (path, text) in schemas {
        let schema = Schema::parse(&text).map_err(|e| format!("{}:{e}", path.display()))?;
        looked_in.push(path.display().to_string());
        if let Some(table) = schema.table(keyspace, name) {
            return Ok((Some(table.clone()), looked_in));
        }
        of_any_keyspace = of_any_keyspace.or_else(|| schema.table(None, name).cloned());
    }
    Ok((of_any_keyspace.filter(|_| !of_store), looked_in))
}
