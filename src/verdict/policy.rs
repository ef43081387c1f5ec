//! The policy: what a verdict requires and what it allows. TOML; what a file does not say stays strict.

use super::metadata::MetadataAllowance;
use crate::report::{Class, Expires};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The strict policy with comments, as compiled in.
pub const DEFAULT_POLICY: &str = include_str!("policy.default.toml");

/// What a verdict requires and allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The compares that must have records and be proven.
    pub required: Required,
    /// How old the oldest evidence may be, in seconds.
    pub max_age_seconds: u64,
    /// Leaves that must have been compared, in parts per million.
    pub leaves_ppm: u64,
    /// Unread parts accepted per compare.
    pub unread: u64,
    /// Divergences that somebody accepts.
    pub allowances: Vec<Allowance>,
    /// Differences of indexes, options and schemas that somebody accepts.
    pub metadata: Vec<MetadataAllowance>,
}

/// Which compares a GO needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Required {
    /// All of them.
    All,
    /// Those named.
    Names(BTreeSet<String>),
}

impl Required {
    /// Whether the compare of this name is required.
    pub fn includes(&self, name: &str) -> bool {
        match self {
            Required::All => true,
            Required::Names(names) => names.contains(name),
        }
    }
}

/// Divergences that somebody accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AllowanceEntry")]
pub struct Allowance {
    /// The class.
    pub class: Class,
    /// The compare; every compare where none.
    pub compare: Option<String>,
    /// How many.
    pub limit: Limit,
    /// Why they are accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it ends.
    pub expires: Option<Expires>,
}

/// How many divergences are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A number.
    Count(u64),
    /// Parts per million of the records of the side that has fewer, rounded down.
    Ppm(u64),
}

impl Limit {
    /// The limit as a number of divergences.
    pub fn of(self, records: u64) -> u64 {
        match self {
            Limit::Count(count) => count,
            Limit::Ppm(ppm) => {
                let limit = u128::from(records) * u128::from(ppm) / 1_000_000;
                u64::try_from(limit).unwrap_or(u64::MAX)
            }
        }
    }
}

/// A policy file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    required: Option<RequiredEntry>,
    max_age: Option<MaxAge>,
    #[serde(default)]
    coverage: CoverageTable,
    #[serde(default, rename = "allowance")]
    allowances: Vec<Allowance>,
    #[serde(default)]
    metadata: Vec<MetadataAllowance>,
}

/// A configuration, of which the rest is read elsewhere.
#[derive(Deserialize)]
struct Section {
    policy: PolicyFile,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"all\" or a list of compare names such as [\"orders\"]"
)]
enum RequiredEntry {
    Word(String),
    Names(BTreeSet<String>),
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct MaxAge(u64);

#[derive(Default, Deserialize)]
#[serde(try_from = "CoverageEntry")]
struct CoverageTable {
    leaves_ppm: Option<u64>,
    unread: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CoverageEntry {
    leaves_ppm: Option<u64>,
    unread: Option<u64>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowanceEntry {
    class: Class,
    compare: Option<String>,
    count: Option<u64>,
    ppm: Option<u64>,
    reason: String,
    owner: Option<String>,
    expires: Option<ExpiresEntry>,
}

/// TOML has dates of its own; quoted ones are as good.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a day such as \"2026-12-31\"")]
pub(super) enum ExpiresEntry {
    Text(String),
    Native(toml::value::Datetime),
}

impl ExpiresEntry {
    pub(super) fn read(self) -> Result<Expires, String> {
        match self {
            ExpiresEntry::Text(text) => Expires::parse(&text),
            ExpiresEntry::Native(date) => Expires::parse(&date.to_string()),
        }
    }
}

impl TryFrom<String> for MaxAge {
    type Error = String;
    fn try_from(text: String) -> Result<MaxAge, String> {
        // A day has 24 hours here; the duration type knows hours and below only.
        let days = text
            .trim()
            .strip_suffix('d')
            .and_then(|days| days.trim().parse::<u64>().ok());
        let seconds = match days {
            Some(days) => days.checked_mul(86_400),
            None => text
                .parse::<SignedDuration>()
                .ok()
                .and_then(|age| u64::try_from(age.as_secs()).ok()),
        };
        match seconds {
            // The upper bound keeps `started + max_age` a date.
            Some(seconds @ 1..=3_153_600_000) => Ok(MaxAge(seconds)),
            _ => Err(format!(
                "max_age `{text}` is not a duration from one second to a hundred years, such as \"24h\" or \"7d\""
            )),
        }
    }
}

impl TryFrom<CoverageEntry> for CoverageTable {
    type Error = String;
    fn try_from(entry: CoverageEntry) -> Result<CoverageTable, String> {
        let CoverageEntry {
            leaves_ppm,
            unread,
            reason,
        } = entry;
        if leaves_ppm.is_some_and(|ppm| ppm > 1_000_000) {
            return Err("leaves_ppm goes up to 1000000, which is all leaves".to_owned());
        }
        let weaker = leaves_ppm.is_some_and(|ppm| ppm < 1_000_000) || unread.is_some_and(|unread| unread > 0);
        if weaker && reason.is_none_or(|reason| reason.trim().is_empty()) {
            return Err("coverage weaker than complete needs a `reason`".to_owned());
        }
        Ok(CoverageTable { leaves_ppm, unread })
    }
}

impl TryFrom<AllowanceEntry> for Allowance {
    type Error = String;
    fn try_from(entry: AllowanceEntry) -> Result<Allowance, String> {
        let AllowanceEntry {
            class,
            compare,
            count,
            ppm,
            reason,
            owner,
            expires,
        } = entry;
        let limit = match (count, ppm) {
            (Some(count), None) => Limit::Count(count),
            (None, Some(ppm)) if ppm <= 1_000_000 => Limit::Ppm(ppm),
            (None, Some(_)) => return Err("ppm goes up to 1000000".to_owned()),
            _ => return Err("an allowance needs either `count` or `ppm`, and not both".to_owned()),
        };
        if reason.trim().is_empty() {
            return Err(
                "an allowance needs a `reason` that says why the divergences are accepted".to_owned(),
            );
        }
        let expires = expires.map(ExpiresEntry::read).transpose()?;
        Ok(Allowance {
            class,
            compare,
            limit,
            reason,
            owner,
            expires,
        })
    }
}

/// A policy file that cannot be used: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct PolicyError {
    /// The file, as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Policy {
    /// The strict policy, as [`DEFAULT_POLICY`] says it.
    pub fn strict() -> Policy {
        let file = read::<PolicyFile>("policy.default.toml", DEFAULT_POLICY)
            .expect("the compiled-in policy is valid");
        Policy {
            required: Required::All,
            max_age_seconds: file.max_age.expect("the compiled-in policy says max_age").0,
            leaves_ppm: file
                .coverage
                .leaves_ppm
                .expect("the compiled-in policy says leaves_ppm"),
            unread: file.coverage.unread.expect("the compiled-in policy says unread"),
            allowances: file.allowances,
            metadata: file.metadata,
        }
    }

    /// Reads a policy file's text; `file` is for messages only. What the text does not say stays strict.
    ///
    /// # Errors
    /// The text is not TOML, a key is unknown, or a value is not what it must be.
    pub fn parse(file: &str, text: &str) -> Result<Policy, PolicyError> {
        Policy::check(read(file, text)?, file, text)
    }

    /// Reads the `[policy]` section of a configuration's text, as [`parse`](Policy::parse) reads a policy file.
    ///
    /// # Errors
    /// Like those of [`parse`](Policy::parse); a text without the section.
    pub fn parse_section(file: &str, text: &str) -> Result<Policy, PolicyError> {
        let Section { policy } = read(file, text)?;
        Policy::check(policy, file, text)
    }

    fn check(policy: PolicyFile, file: &str, text: &str) -> Result<Policy, PolicyError> {
        let PolicyFile {
            required,
            max_age,
            coverage,
            allowances,
            metadata,
        } = policy;
        let at_key = |key: &str, message: String| {
            let line = text
                .lines()
                .position(|line| line.trim_start().replace("policy.", "").starts_with(key))
                .map_or(1, |i| i + 1);
            PolicyError {
                file: file.to_owned(),
                line,
                column: 1,
                message,
            }
        };
        let required = match required {
            None => Required::All,
            Some(RequiredEntry::Word(word)) if word == "all" => Required::All,
            Some(RequiredEntry::Names(names)) if !names.is_empty() => Required::Names(names),
            Some(_) => {
                let message = "required must be \"all\" or name at least one compare, such as [\"orders\"]";
                return Err(at_key("required", message.to_owned()));
            }
        };
        let mut seen = BTreeSet::new();
        for allowance in &allowances {
            if !seen.insert((allowance.class, allowance.compare.clone())) {
                let compare = allowance.compare.as_deref().unwrap_or("every compare");
                let message = format!(
                    "two allowances for class {} and {compare}; keep one",
                    allowance.class
                );
                return Err(at_key("[[allowance]]", message));
            }
        }
        let strict = Policy::strict();
        Ok(Policy {
            required,
            max_age_seconds: max_age.map_or(strict.max_age_seconds, |age| age.0),
            leaves_ppm: coverage.leaves_ppm.unwrap_or(strict.leaves_ppm),
            unread: coverage.unread.unwrap_or(strict.unread),
            allowances,
            metadata,
        })
    }

    /// The compares that allowances name.
    pub fn compares(&self) -> impl Iterator<Item = &String> {
        let divergences = self.allowances.iter().filter_map(|a| a.compare.as_ref());
        divergences.chain(self.metadata.iter().filter_map(|a| a.compare.as_ref()))
    }

    /// BLAKE3 of the policy in force, in hex: comments, layout and defaults spelled out do not change it.
    pub fn digest(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("a policy has a JSON form");
        blake3::hash(&bytes).to_hex().to_string()
    }

    /// The allowance for a class in a compare that still holds: the one that names the compare goes first.
    pub fn allowance(&self, class: Class, compare: &str, now: Timestamp) -> Option<&Allowance> {
        let find = |wanted: Option<&str>| {
            self.allowances
                .iter()
                .find(|a| a.class == class && a.compare.as_deref() == wanted)
        };
        // An ended entry does not uncover the general one: the specific entry was the stricter word.
        let chosen = find(Some(compare)).or_else(|| find(None))?;
        (!chosen.expires.as_ref().is_some_and(|expires| expires.passed(now))).then_some(chosen)
    }
}

/// Parses the text; a mistake is pointed at by line and column.
fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, PolicyError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        PolicyError {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: error.message().trim_end().replace('\n', "; "),
        }
    })
}
