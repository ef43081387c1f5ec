//! `assay.toml`: one file, unknown keys refused, every error with file, line and column.

mod fields;
mod template;

use crate::canon::cell::Precision;
use crate::canon::csv::DialectKind;
use crate::canon::{Absent, FieldOrder, Normalize, Numbers};
use crate::mapping::{Compare, Explode, Unmapped};
use crate::plan::Strategy;
use crate::{Pair, Side};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

pub use template::TEMPLATE;

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
}

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

/// A whole configuration, resolved.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, if it came from one.
    pub file: Option<String>,
    /// The sides.
    pub sides: Pair<SideConfig>,
    /// The compares, in order.
    pub compares: Vec<Compare>,
    /// How to scan.
    pub scan: ScanConfig,
    /// Where to keep runs.
    pub run: RunConfig,
    /// The key of compares that are not configured.
    pub default_key: Vec<String>,
    /// The text of the `[policy]` section, if there is one.
    pub policy: Option<String>,
    /// BLAKE3 of the file, hex.
    pub digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    stable: SideConfig,
    candidate: SideConfig,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default)]
    scan: ScanConfig,
    #[serde(default)]
    run: RunConfig,
    policy: Option<toml::Table>,
    #[serde(default)]
    compare: Vec<Spanned<CompareConfig>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Defaults {
    numbers: Option<Numbers>,
    field_order: Option<FieldOrder>,
    absent: Option<Absent>,
    normalize: Option<Normalize>,
    unmapped: Option<Unmapped>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompareConfig {
    name: Spanned<String>,
    stable: String,
    candidate: String,
    #[serde(default)]
    key: Vec<Spanned<String>>,
    unmapped: Option<Unmapped>,
    reason: Option<String>,
    numbers: Option<Numbers>,
    field_order: Option<FieldOrder>,
    absent: Option<Absent>,
    normalize: Option<Normalize>,
    explode: Option<Spanned<ExplodeConfig>>,
    #[serde(default)]
    field: Vec<Spanned<BTreeMap<Spanned<String>, Spanned<toml::Value>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplodeConfig {
    side: Side,
    path: String,
}

/// Positions in a source text.
pub(crate) struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    pub(crate) fn error(&self, offset: usize, message: impl Into<String>) -> ConfigError {
        let before = &self.text[..offset.min(self.text.len())];
        ConfigError {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1,
            message: message.into(),
        }
    }
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its directory.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError {
            file: file.clone(),
            line: 1,
            column: 1,
            message: format!("cannot be read: {e}"),
        })?;
        let mut config = Config::parse(&file, &text)?;
        let dir = path.parent().unwrap_or(Path::new("."));
        for (_, side) in config.sides.as_mut().into_sides() {
            side.location = expand(&side.location).map_err(|message| {
                Source {
                    file: &file,
                    text: &text,
                }
                .error(0, message)
            })?;
            if side.location != "-" && !side.location.contains("://") {
                side.location = dir.join(&side.location).display().to_string();
            }
            side.schema = side.schema.take().map(|s| dir.join(s));
        }
        config.run.dir = dir.join(&config.run.dir);
        Ok(config)
    }

    /// Exchanges the sides, in the locations and in every compare.
    pub fn swap(&mut self) {
        let sides = self.sides.clone();
        self.sides = sides.swap();
        self.compares.iter_mut().for_each(Compare::swap);
    }

    /// Reads a configuration from text; touches neither files nor environment.
    pub fn parse(file: &str, text: &str) -> Result<Config, ConfigError> {
        let source = Source { file, text };
        let parsed: File = toml::from_str(text)
            .map_err(|e| source.error(e.span().map_or(0, |s| s.start), e.message().replace('\n', "; ")))?;
        let mut compares: Vec<Compare> = Vec::new();
        for compare in parsed.compare {
            let at = compare.span().start;
            let compare = resolve(compare.into_inner(), at, parsed.defaults, &source)?;
            if compares.iter().any(|c| c.name == compare.name) {
                return Err(source.error(at, format!("compare {:?} is declared twice", compare.name)));
            }
            compares.push(compare);
        }
        Ok(Config {
            file: Some(file.to_owned()),
            sides: Pair {
                stable: parsed.stable,
                candidate: parsed.candidate,
            },
            compares,
            scan: parsed.scan,
            run: parsed.run,
            default_key: Vec::new(),
            policy: parsed.policy.map(|table| table.to_string()),
            digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
        })
    }
}

fn resolve(
    config: CompareConfig,
    at: usize,
    defaults: Defaults,
    source: &Source<'_>,
) -> Result<Compare, ConfigError> {
    let mut fields = Vec::new();
    let mut offsets = Vec::new();
    let explode = config.explode.map(|e| {
        let ExplodeConfig { side, path } = e.into_inner();
        Explode { side, path }
    });
    for field in config.field {
        let at = field.span().start;
        fields.push(fields::resolve(field.into_inner(), at, source)?);
        offsets.push(at);
    }
    let unmapped = config.unmapped.or(defaults.unmapped).unwrap_or_default();
    if unmapped == Unmapped::Ignore && config.reason.is_none() {
        return Err(source.error(at, "unmapped = \"ignore\" needs a reason"));
    }
    for (i, field) in fields.iter().enumerate() {
        for other in &fields[..i] {
            if field.name == other.name {
                return Err(source.error(offsets[i], format!("field {:?} is declared twice", field.name)));
            }
            for side in Side::BOTH {
                if field.paths[side].is_some()
                    && field.paths[side] == other.paths[side]
                    && explode.as_ref().is_none_or(|e| e.side != side)
                {
                    let path = field.paths[side].as_deref().unwrap_or_default();
                    let message = format!(
                        "fields {:?} and {:?} both read {side} {path:?}; one of them is wrong",
                        other.name, field.name
                    );
                    return Err(source.error(offsets[i], message));
                }
            }
        }
    }
    for key in &config.key {
        let offset = key.span().start;
        let Some(at) = fields.iter().position(|f| f.name == *key.get_ref()) else {
            continue;
        };
        let field = &fields[at];
        let wrong = match () {
            () if field.ignore => "is ignored",
            () if field.tolerance.is_some() => "has a tolerance",
            () if field.only.is_some() => "exists on one side only",
            () => continue,
        };
        return Err(source.error(
            offset,
            format!(
                "key field {:?} {wrong}; a key must be compared exactly",
                field.name
            ),
        ));
    }
    Ok(Compare {
        name: config.name.into_inner(),
        namespaces: Pair {
            stable: config.stable,
            candidate: config.candidate,
        },
        key: config.key.into_iter().map(Spanned::into_inner).collect(),
        fields,
        unmapped,
        reason: config.reason.clone(),
        numbers: config.numbers.or(defaults.numbers),
        field_order: config.field_order.or(defaults.field_order).unwrap_or_default(),
        absent: config.absent.or(defaults.absent),
        normalize: config.normalize.or(defaults.normalize).unwrap_or_default(),
        explode,
    })
}

/// Replaces `${NAME}` by the environment's value.
fn expand(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let end = rest[at..]
            .find('}')
            .ok_or_else(|| "location: ${ without }".to_owned())?
            + at;
        let name = &rest[at + 2..end];
        out.push_str(&std::env::var(name).map_err(|_| format!("location: the environment has no {name}"))?);
        rest = &rest[end + 1..];
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[stable]\nlocation = \"a\"\n[candidate]\nlocation = \"b\"\n";

    fn error(rest: &str) -> String {
        Config::parse("assay.toml", &format!("{HEAD}{rest}"))
            .map(|_| ())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_template_and_the_demo_parse() {
        Config::parse("assay.toml", TEMPLATE).unwrap();
        let demo = Config::parse("demo", include_str!("../demo/assay.toml")).unwrap();
        assert_eq!(demo.compares.len(), 3);
        let orders = Config::parse("orders", include_str!("../../fixtures/mapping/orders.toml")).unwrap();
        assert_eq!(orders.compares[0].fields.len(), 8);
    }

    #[test]
    fn errors_say_where_and_what() {
        let compare = "[[compare]]\nname = \"o\"\nstable = \"x\"\ncandidate = \"y\"\nkey = [\"k\"]\n";
        let field = |text: &str| format!("{compare}[[compare.field]]\n{text}\n");
        let cases = [
            ("[scann]\n".to_owned(), "assay.toml:5:2: unknown field `scann`"),
            (
                format!("{compare}kye = 1\n"),
                "assay.toml:10:1: unknown field `kye`",
            ),
            (
                field("name = \"f\"\nstabel = \"a\"\n"),
                "assay.toml:12:1: unknown key \"stabel\"; did you mean \"stable\"?",
            ),
            (
                field("name = \"f\"\ntype = \"strange\""),
                "assay.toml:12:8: unknown type \"strange\"",
            ),
            (
                field("name = \"f\"\nignore = true"),
                "assay.toml:10:1: field \"f\": ignore needs a reason",
            ),
            (
                field("name = \"f\"\ntolerance = { absolute = \"1\" }"),
                "assay.toml:10:1: field \"f\": tolerance needs a reason",
            ),
            (
                field("name = \"f\"\nexpect = 1"),
                "assay.toml:10:1: field \"f\": expect needs only",
            ),
            (
                field("name = \"k\"\nignore = true\nreason = \"r\""),
                "assay.toml:9:8: key field \"k\" is ignored",
            ),
            (
                field("name = \"f\"\nstable = \"a\"\n[[compare.field]]\nname = \"g\"\nstable = \"a\""),
                "assay.toml:13:1: fields \"f\" and \"g\" both read stable \"a\"",
            ),
            (
                field("name = \"f\"\nexpires = \"soon\""),
                "assay.toml:12:11: expected a date",
            ),
            (
                format!("{compare}{compare}"),
                "assay.toml:10:1: compare \"o\" is declared twice",
            ),
        ];
        for (text, wanted) in cases {
            let found = error(&text);
            assert!(found.starts_with(wanted), "{found}\nwanted: {wanted}");
        }
    }
}
