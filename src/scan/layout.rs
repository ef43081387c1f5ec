//! The layout of a text namespace: header, dialect with its null token, and the types its schema gives.

use crate::canon::Layout;
use crate::canon::csv::{Dialect, DialectKind};
use crate::config::SideConfig;
use crate::model::Schema;
use crate::source::{FileSource, Format, Namespace, OpenOptions};
use std::path::Path;
use std::sync::Arc;

/// How a side's files are to be opened.
pub fn open_options(config: &SideConfig) -> Result<OpenOptions, String> {
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
    source: &FileSource,
    namespace: &Namespace,
    config: &SideConfig,
) -> Result<Option<Arc<Layout>>, String> {
    let Format::Csv { dialect, delimiter } = namespace.format else {
        return Ok(None);
    };
    let mut dialect = Dialect::of(dialect, delimiter);
    if let Some(null) = &config.null {
        dialect.null = Some(null.clone());
    }
    let Some(part) = namespace.parts.first() else {
        return Ok(None);
    };
    let columns = dialect
        .parse_header(&part.header)
        .map_err(|p| format!("{}: {}", part.file(), p.detail()))?;
    let text = |path: &Path| {
        std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
    };
    let schemas = match &config.schema {
        Some(path) => vec![(path.clone(), text(path)?)],
        None => source
            .schemas()
            .iter()
            .map(|s| (s.path.clone(), s.text.clone()))
            .collect(),
    };
    let (keyspace, table) = namespace
        .name
        .rsplit_once('.')
        .map_or((None, &*namespace.name), |(k, t)| (Some(k), t));
    let looked_in: Vec<String> = schemas
        .iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    for (path, text) in schemas {
        let schema = Schema::parse(&text).map_err(|e| format!("{}:{e}", path.display()))?;
        if let Some(table) = schema
            .table(keyspace, table)
            .or_else(|| schema.table(None, table))
        {
            return Ok(Some(Arc::new(Layout::new(columns, dialect, Some(table)))));
        }
    }
    if !looked_in.is_empty() && dialect.kind != DialectKind::Rfc4180 {
        let files = looked_in.join(", ");
        let message = format!(
            "{files} has no table {table}, so the types of {} are not known",
            part.file()
        );
        return Err(format!(
            "{message}; name the file after its table, or give the schema that has it"
        ));
    }
    Ok(Some(Arc::new(Layout::new(columns, dialect, None))))
}
