//! `assay.toml`: one file, unknown keys refused, every error with file, line and column.

mod compares;
mod fields;
mod overlooked;
mod sections;
mod source;
mod steps;
mod suggest;
mod template;
mod values;

use crate::Pair;
use crate::mapping::Compare;
use crate::source::live::Secret;
use crate::verdict::Policy;
use serde::Deserialize;
use source::Source;
use std::path::Path;
use toml::Spanned;

pub use sections::{
    GuardConfig, LiveConfig, NamespacesConfig, RunConfig, ScanConfig, SettleConfig, SideConfig,
};
pub use source::ConfigError;
pub(crate) use suggest::did_you_mean;
pub use template::{MAPPING, TEMPLATE};

/// A whole configuration, resolved.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, if it came from one.
    pub file: Option<String>,
    /// The sides.
    pub sides: Pair<SideConfig>,
    /// The compares, in order.
    pub compares: Vec<Compare>,
    /// Which namespaces are audited where there are no compares.
    pub namespaces: Option<NamespacesConfig>,
    /// How to scan.
    pub scan: ScanConfig,
    /// How suspects of live stores are looked at again.
    pub settle: SettleConfig,
    /// Where to keep runs.
    pub run: RunConfig,
    /// The key of compares that are not configured.
    pub default_key: Vec<String>,
    /// The `[policy]` section, if there is one.
    pub policy: Option<Policy>,
    /// BLAKE3 of the file, hex.
    pub digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    stable: SideConfig,
    candidate: SideConfig,
    #[serde(default)]
    defaults: compares::Defaults,
    #[serde(default)]
    scan: ScanConfig,
    #[serde(default)]
    settle: SettleConfig,
    #[serde(default)]
    run: RunConfig,
    namespaces: Option<Spanned<NamespacesConfig>>,
    policy: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    compare: Vec<Spanned<compares::CompareConfig>>,
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
            side.keep_secret();
            let named = |message: String| {
                Source {
                    file: &file,
                    text: &text,
                }
                .error(0, message)
            };
            side.live.user = side
                .live
                .user
                .take()
                .map(|user| expand(&user))
                .transpose()
                .map_err(named)?;
            if let Some(password) = &side.live.password {
                let read = expand(password.reveal()).map_err(named)?;
                side.live.password = Some(Secret::new(read));
            }
            side.live.ca_file = side.live.ca_file.take().map(|file| dir.join(file));
            // A name without a directory is looked for as a shell does it.
            let programs = side
                .live
                .guard
                .iter_mut()
                .filter_map(|guard| guard.command.first_mut());
            for program in programs.filter(|program| program.contains('/')) {
                *program = dir.join(&*program).display().to_string();
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
        let parsed: File = toml::from_str(text).map_err(|e| source.toml(&e))?;
        let mut compares: Vec<Compare> = Vec::new();
        if let (Some(section), false) = (&parsed.namespaces, parsed.compare.is_empty()) {
            let message =
                "[namespaces] beside [[compare]]: one of them says what is audited; leave the other out";
            return Err(source.error(section.span().start, message));
        }
        for compare in parsed.compare {
            let at = compare.span().start;
            let compare = compares::resolve(compare.into_inner(), at, parsed.defaults, &source)?;
            if compares.iter().any(|c| c.name == compare.name) {
                return Err(source.error(at, format!("compare {:?} is declared twice", compare.name)));
            }
            compares.push(compare);
        }
        let policy = parsed.policy.map(|_| Policy::parse_section(file, text));
        let policy = policy.transpose()?;
        Ok(Config {
            file: Some(file.to_owned()),
            sides: Pair {
                stable: parsed.stable,
                candidate: parsed.candidate,
            },
            compares,
            namespaces: parsed.namespaces.map(Spanned::into_inner),
            scan: parsed.scan,
            settle: parsed.settle,
            run: parsed.run,
            default_key: Vec::new(),
            policy,
            digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
        })
    }
}

/// Replaces `${NAME}` by the environment's value.
pub fn expand(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('}').ok_or_else(|| "${ without }".to_owned())? + at;
        let name = &rest[at + 2..end];
        out.push_str(&std::env::var(name).map_err(|_| format!("the environment has no {name}"))?);
        rest = &rest[end + 1..];
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
