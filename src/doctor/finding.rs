//! What a look at the stores comes to: findings, each with its weight.

use crate::report::sanitise;
use crate::verdict::Exit;
use crate::{Pair, Side};
use serde::Serialize;
use std::fmt;

/// Version of the wire format of [`Diagnosis`].
pub const SCHEMA: &str = "assay.doctor/1";

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// As it should be.
    Ok,
    /// Worth knowing; an audit is right all the same.
    Note,
    /// An audit can be done, but will be slow, or will not be able to say GO or NO_GO of everything.
    Warning,
    /// No audit can be done, or it cannot end in GO.
    Hinders,
}

impl Weight {
    /// The word that is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Weight::Ok => "ok",
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Hinders => "hinders",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// Whether the side can be reached, and what it is.
    Server,
    /// Whether a collection, table or file can be read.
    Namespace,
    /// What the user may do.
    Rights,
    /// Whether single records can be read by key, and how.
    Index,
    /// What is done in another way than it should be.
    Degraded,
    /// Clocks.
    Clock,
    /// How much there is to read, and how long that takes.
    Cost,
    /// Whether the mapping fits, and what will lose something.
    Mapping,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// What it is about.
    pub about: About,
    /// The side; none if it is about both.
    pub side: Option<Side>,
    /// What was seen, and what follows from it.
    pub message: String,
    /// Commands for a shell of the store that put it right.
    pub commands: Vec<String>,
    /// The exit code of what hinders.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

impl Finding {
    fn new(weight: Weight, about: About, side: Option<Side>, message: String) -> Finding {
        Finding {
            weight,
            about,
            side,
            message,
            commands: Vec::new(),
            exit: None,
        }
    }

    /// Something as it should be.
    pub fn ok(about: About, side: impl Into<Option<Side>>, message: impl Into<String>) -> Finding {
        Finding::new(Weight::Ok, about, side.into(), message.into())
    }

    /// Something worth knowing.
    pub fn note(about: About, side: impl Into<Option<Side>>, message: impl Into<String>) -> Finding {
        Finding::new(Weight::Note, about, side.into(), message.into())
    }

    /// Something that makes an audit slow or incomplete.
    pub fn warning(about: About, side: impl Into<Option<Side>>, message: impl Into<String>) -> Finding {
        Finding::new(Weight::Warning, about, side.into(), message.into())
    }

    /// Something that makes an audit end with `exit`.
    pub fn hinders(
        about: About,
        side: impl Into<Option<Side>>,
        message: impl Into<String>,
        exit: Exit,
    ) -> Finding {
        let finding = Finding::new(Weight::Hinders, about, side.into(), message.into());
        Finding {
            exit: Some(exit),
            ..finding
        }
    }

    /// The same with commands that put it right.
    pub fn with(self, commands: Vec<String>) -> Finding {
        Finding { commands, ..self }
    }
}

impl fmt::Display for Finding {
    /// A line: weight, side, message; below it a line for each command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} ", self.weight.name())?;
        if let Some(side) = self.side {
            write!(f, "{side}: ")?;
        }
        f.write_str(&sanitise(&self.message))?;
        for command in &self.commands {
            write!(f, "\n           {}", sanitise(command))?;
        }
        Ok(())
    }
}

/// A namespace that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Its name.
    pub name: String,
    /// About how many records it has, where the store says.
    pub records: Option<u64>,
    /// About how many bytes are stored of it, where the store says.
    pub bytes: Option<u64>,
}

/// One side, as far as it could be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SideFacts {
    /// Where it is, without secrets.
    pub location: String,
    /// `files`, `mongodb` or `cassandra`; none if it was not reached.
    pub kind: Option<String>,
    /// The product, where it is known.
    pub product: Option<String>,
    /// The version that the server says it is.
    pub version: Option<String>,
    /// The namespaces that an audit would read.
    pub namespaces: Vec<Size>,
    /// The clocks of the servers that told the time.
    pub clocks: Vec<Clock>,
}

/// How far a server's clock is from ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// The server.
    pub node: String,
    /// Milliseconds ahead of ours; negative if behind.
    pub ahead_ms: i64,
    /// By how much that may be wrong, in milliseconds.
    pub give_or_take_ms: i64,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// Version of this form, [`SCHEMA`].
    pub schema: &'static str,
    /// The sides; no candidate if only one location was given.
    pub sides: Pair<Option<SideFacts>>,
    /// The findings: those of each side, then those of both.
    pub findings: Vec<Finding>,
    /// Whether anything hinders an audit.
    pub hindered: bool,
    /// The exit code, see [`Exit`].
    pub exit: u8,
}

impl Diagnosis {
    /// Puts together what was found.
    pub fn new(sides: Pair<Option<SideFacts>>, findings: Vec<Finding>) -> Diagnosis {
        let exit = exit(&findings);
        Diagnosis {
            schema: SCHEMA,
            sides,
            hindered: exit != Exit::Go,
            exit: exit.code(),
            findings,
        }
    }

    /// The exit code: [`Exit::Go`] if nothing hinders an audit.
    pub fn exit(&self) -> Exit {
        exit(&self.findings)
    }
}

/// A side that cannot be reached outweighs what is wrong with a configuration.
fn exit(findings: &[Finding]) -> Exit {
    let hindering = findings.iter().filter(|f| f.weight == Weight::Hinders);
    let codes = hindering.map(|f| f.exit.unwrap_or(Exit::Hold));
    codes.max().unwrap_or(Exit::Go)
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let count = |weight| self.findings.iter().filter(|f| f.weight == weight).count();
        let plural = |n: usize, one: &str, many: &str| match n {
            1 => format!("1 {one}"),
            n => format!("{n} {many}"),
        };
        let warnings = match count(Weight::Warning) {
            0 => String::new(),
            n => format!("; {}", plural(n, "warning", "warnings")),
        };
        match count(Weight::Hinders) {
            0 => writeln!(f, "nothing hinders an audit{warnings}"),
            n => writeln!(
                f,
                "{} an audit{warnings}",
                plural(n, "finding hinders", "findings hinder")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(findings: Vec<Finding>) -> Diagnosis {
        Diagnosis::new(Pair::default(), findings)
    }

    #[test]
    fn only_what_hinders_changes_the_exit_code() {
        let fine = diagnosis(vec![
            Finding::ok(About::Server, Side::Stable, "a"),
            Finding::warning(About::Clock, None, "b"),
        ]);
        assert_eq!((fine.exit(), fine.exit, fine.hindered), (Exit::Go, 0, false));
        let mapping = Finding::hinders(About::Mapping, None, "c", Exit::Usage);
        assert_eq!(diagnosis(vec![mapping.clone()]).exit(), Exit::Usage);
        let gone = Finding::hinders(About::Server, Side::Candidate, "d", Exit::Unreachable);
        let both = diagnosis(vec![gone, mapping]);
        assert_eq!((both.exit(), both.exit), (Exit::Unreachable, 69));
    }

    #[test]
    fn it_reads_as_lines() {
        let index =
            Finding::warning(About::Index, Side::Stable, "no index\x1b").with(vec!["create it".into()]);
        let text = diagnosis(vec![index, Finding::note(About::Cost, None, "much")]).to_string();
        assert_eq!(
            text,
            "warning  stable: no index\\u001b\n           create it\nnote     much\nnothing hinders an audit; 1 warning\n"
        );
    }
}
