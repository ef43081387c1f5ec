//! Looks at the sides of a configuration, by themselves and together.

use super::finding::{About, Clock, Diagnosis, Finding, SideFacts, Size, Weight};
use super::{cost, cql, mongo, points};
use crate::config::{Config, SideConfig};
use crate::scan::{Choices, Session, SessionError, opening};
use crate::source::live::cql::LiveTable;
use crate::source::live::mongo::MongoProbe;
use crate::source::live::{LiveSource, Look, Protocol};
use crate::source::{Failure, Namespace, Source, SourceError};
use crate::verdict::{Exit, Policy};
use crate::{Pair, Side};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What came of looking at one side.
#[derive(Default)]
struct Examined {
    facts: SideFacts,
    findings: Vec<Finding>,
    namespaces: Vec<Namespace>,
    look: Option<Look>,
    /// The side, opened.
    source: Option<Arc<Source>>,
}

/// Looks at both sides of `config`, and at what the compares named in `only` (all if there are none) make of them. `spool`
/// is a directory for temporary files.
pub fn both(config: &Config, policy: Policy, only: &[String], spool: &Path) -> Diagnosis {
    let wanted = config
        .compares
        .iter()
        .filter(|compare| only.is_empty() || only.contains(&compare.name));
    let namespaces: Vec<&Pair<String>> = wanted.map(|compare| &compare.namespaces).collect();
    let mut sides = Pair::from_fn(|side| {
        let names: BTreeSet<&str> = namespaces.iter().map(|pair| pair[side].as_str()).collect();
        let names = (!names.is_empty()).then_some(names);
        examine(side, &config.sides[side], names.as_ref(), spool)
    });
    let mut findings: Vec<Finding> = Vec::new();
    for (_, examined) in sides.as_mut().into_sides() {
        findings.append(&mut examined.findings);
    }
    if config.file.is_some() && config.compares.is_empty() && config.namespaces.is_none() {
        let message = "no [[compare]] and no [namespaces]; an audit of nothing proves nothing";
        findings.push(Finding::hinders(About::Mapping, None, message, Exit::Usage));
    }
    let mut reading = Pair::default();
    if findings.iter().any(|f| f.weight == Weight::Hinders) {
        let message = "the mapping was not held against the stores, since not all of them can be read";
        findings.push(Finding::note(About::Mapping, None, message));
    } else {
        let (more, times) = together(config, policy, only, sides.as_ref());
        findings.extend(more);
        reading = times;
    }
    let mut times = Pair::default();
    for (side, examined) in sides.as_ref().into_sides() {
        let (found, time) = costs(side, &config.sides[side], examined);
        findings.extend(found);
        times[side] = time;
    }
    findings.extend(cost::both(times));
    let delay = config.settle.patience().delay;
    findings.extend(cost::clocks(sides.as_ref().map(|s| &s.facts), delay, reading));
    Diagnosis::new(sides.map(|examined| Some(examined.facts)), findings)
}

/// Looks at one location by itself.
pub fn one(config: &SideConfig, spool: &Path) -> Diagnosis {
    let side = Side::Stable;
    let mut examined = examine(side, config, None, spool);
    let mut findings = std::mem::take(&mut examined.findings);
    findings.extend(costs(side, config, &examined).0);
    let none = SideFacts::default();
    let facts = Pair {
        stable: &examined.facts,
        candidate: &none,
    };
    findings.extend(cost::clocks(facts, Duration::ZERO, Pair::default()));
    // There is only one, so it needs no name.
    findings.iter_mut().for_each(|finding| finding.side = None);
    let sides = Pair {
        stable: Some(examined.facts),
        candidate: None,
    };
    Diagnosis::new(sides, findings)
}

/// One side by itself: what it is, and whether the namespaces called `names` (all of them if not said) can be read.
fn examine(side: Side, config: &SideConfig, names: Option<&BTreeSet<&str>>, spool: &Path) -> Examined {
    let mut examined = Examined::default();
    examined.facts.location.clone_from(&config.location);
    if let Err(finding) = examined.open(side, config, names, spool) {
        examined.findings.push(finding);
    }
    examined.findings.sort_by_key(|finding| finding.about);
    examined
}

fn unreadable(about: About, side: Side, source: SourceError) -> Finding {
    let message = source.to_string();
    let exit = SessionError::Source { side, source }.exit();
    Finding::hinders(about, side, message, exit)
}

impl Examined {
    fn open(
        &mut self,
        side: Side,
        config: &SideConfig,
        asked: Option<&BTreeSet<&str>>,
        spool: &Path,
    ) -> Result<(), Finding> {
        let opening = opening(config).map_err(|m| Finding::hinders(About::Server, side, m, Exit::Usage))?;
        let failed = |error: SourceError| {
            let commands = let_in(&config.location, &error, &spaces(&config.location, &[], asked));
            unreadable(About::Server, side, error).with(commands)
        };
        let source = Source::open(&config.location, &opening, spool).map_err(failed)?;
        let source = self.source.insert(Arc::new(source)).clone();
        self.facts.kind = Some(source.kind().to_owned());
        let names: Vec<&str> = match asked {
            None => {
                source.whole().map_err(failed)?;
                source.namespaces().iter().map(|n| n.name.as_str()).collect()
            }
            Some(names) => names.iter().copied().collect(),
        };
        for name in names {
            match source.find(name) {
                Ok(namespace) => self.namespaces.push(namespace.clone()),
                Err(error) if asked.is_some() => {
                    self.findings.push(unreadable(About::Namespace, side, error));
                }
                // It may be one that nobody wants to read.
                Err(error) => {
                    let message = error.to_string();
                    self.findings
                        .push(Finding::warning(About::Namespace, side, message));
                }
            }
        }
        let live = source.live().is_some();
        // Two compares may call the same one by different names.
        self.namespaces.sort_by(|a, b| a.name.cmp(&b.name));
        self.namespaces.dedup_by(|a, b| a.name == b.name);
        self.facts.namespaces = self.namespaces.iter().map(|n| size(n, live)).collect();
        self.said(side, &source);
        if let Some(live) = source.live() {
            let mut names: Vec<String> = self.namespaces.iter().map(|n| n.name.clone()).collect();
            if asked.is_none() {
                names.retain(|name| self.can_be_read(side, live, name));
            }
            let seen = live.look(&names).map_err(failed)?;
            self.seen(side, &seen, &spaces(&config.location, &self.namespaces, asked));
            self.look = Some(seen);
        }
        if asked.is_none() && self.namespaces.is_empty() {
            let message = "there is nothing to read: no collection, table or file; check the name of the database or keyspace";
            return Err(Finding::hinders(About::Namespace, side, message, Exit::Usage));
        }
        Ok(())
    }

    /// Whether a namespace that nobody named can be read; what cannot is only left out of audits.
    fn can_be_read(&mut self, side: Side, live: &LiveSource, name: &str) -> bool {
        let why = live.unreadable(name);
        self.findings.extend(why.map(|why| {
            let message = format!("`{name}` cannot be compared live: {why}");
            Finding::warning(About::Namespace, side, message)
        }));
        why.is_none()
    }

    /// What opening the source said already.
    fn said(&mut self, side: Side, source: &Source) {
        if source.live().is_none() {
            let names: Vec<&str> = self.namespaces.iter().map(|n| n.name.as_str()).collect();
            let message = format!("files that can be read: {}", names.join(", "));
            self.findings.push(Finding::ok(About::Server, side, message));
        }
        let notices = source.notices().into_iter();
        self.findings
            .extend(notices.map(|notice| Finding::note(About::Degraded, side, notice)));
    }

    /// What was observed of a live store.
    fn seen(&mut self, side: Side, seen: &Look, spaces: &[String]) {
        match seen {
            Look::Mongo { server, namespaces } => {
                let probes: Vec<&MongoProbe> =
                    namespaces.iter().filter_map(|(_, p)| p.as_ref().ok()).collect();
                self.facts.product = server.product.map(str::to_owned);
                self.facts.version = Some(server.version.clone());
                self.findings.extend(mongo::findings(side, server, &probes));
                for (name, probe) in namespaces {
                    match probe {
                        Ok(probe) => self.count(name, probe),
                        Err(error) => self
                            .findings
                            .push(unreadable(About::Namespace, side, error.clone())),
                    }
                }
                let skew = probes.iter().find_map(|probe| probe.clock_skew);
                self.facts.clocks = skew.into_iter().map(|skew| clock("the server", skew)).collect();
                let all = probes.len() == namespaces.len();
                self.findings.push(mongo::rights(side, server, spaces, all));
            }
            Look::Cql {
                probe,
                rights,
                tables,
            } => {
                let product = if probe.scylla { "ScyllaDB" } else { "Cassandra" };
                self.facts.product = Some(product.to_owned());
                self.facts.version = Some(probe.release_version.clone());
                let clocks = probe.clocks.iter();
                self.facts.clocks = clocks
                    .map(|c| clock(&c.node, (c.ahead, c.give_or_take)))
                    .collect();
                for size in &mut self.facts.namespaces {
                    let table = tables.iter().find(|table| table.name() == size.name);
                    size.bytes = table.and_then(|table| table.estimated_bytes);
                }
                self.findings.extend(cql::findings(side, probe, tables));
                let denied =
                    |table: &LiveTable| probe.unreadable.iter().any(|(name, _)| *name == table.name());
                let all = !tables.iter().any(denied);
                self.findings.push(cql::rights(side, rights, probe, spaces, all));
            }
        }
    }

    fn count(&mut self, name: &str, probe: &MongoProbe) {
        let sizes = self.facts.namespaces.iter_mut();
        for size in sizes.filter(|size| size.name == name) {
            size.records = probe.documents;
            if probe.documents == Some(0) {
                size.bytes = Some(0);
            }
        }
    }
}

/// What makes a user whom a live store that has turned us away would let in.
fn let_in(location: &str, error: &SourceError, spaces: &[String]) -> Vec<String> {
    let denied = matches!(
        error,
        SourceError::Server {
            failure: Failure::Denied,
            ..
        }
    );
    match Protocol::of(location).filter(|_| denied) {
        Some(Protocol::Mongo) => mongo::role(spaces),
        Some(Protocol::Cql) => cql::role(spaces, false),
        None => Vec::new(),
    }
}

/// The databases or keyspaces that an audit reads: of the namespaces that are there, of those asked for in vain, and that of
/// the location.
fn spaces(location: &str, found: &[Namespace], asked: Option<&BTreeSet<&str>>) -> Vec<String> {
    let found = found.iter().map(|namespace| namespace.name.as_str());
    let all = found.chain(asked.into_iter().flatten().copied());
    let mut spaces: BTreeSet<&str> = all.filter_map(|name| Some(name.split_once('.')?.0)).collect();
    let path = location
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    spaces.extend(path.map(|(_, space)| space).filter(|space| !space.is_empty()));
    spaces.into_iter().map(str::to_owned).collect()
}

/// A live store that gives no estimate gives none of zero.
fn size(namespace: &Namespace, live: bool) -> Size {
    Size {
        name: namespace.name.clone(),
        records: None,
        bytes: (!live || namespace.stored_bytes > 0).then_some(namespace.stored_bytes),
    }
}

fn clock(node: &str, (ahead_ms, give_or_take_ms): (i64, i64)) -> Clock {
    Clock {
        node: node.to_owned(),
        ahead_ms,
        give_or_take_ms,
    }
}

/// How much there is to read of a side that was reached.
fn costs(side: Side, config: &SideConfig, examined: &Examined) -> (Vec<Finding>, Option<Duration>) {
    if examined.facts.namespaces.is_empty() {
        return (Vec::new(), None);
    }
    let (found, time) = cost::cost(
        side,
        &examined.facts,
        examined.look.is_some(),
        config.live.max_rate,
    );
    let mut findings = vec![found];
    if !config.live.windows.is_empty() {
        let windows = config.live.windows.join(", ");
        let message = format!("it is read only from {windows}; an audit waits outside of that");
        findings.push(Finding::note(About::Cost, side, message));
    }
    (findings, time.filter(|_| examined.look.is_some()))
}

/// Both sides together: the mapping, and single records by its keys. Gives the time that these took by side, too.
fn together(
    config: &Config,
    policy: Policy,
    only: &[String],
    sides: Pair<&Examined>,
) -> (Vec<Finding>, Pair<Option<Duration>>) {
    let choices = Choices {
        seed: Some(0),
        slices: None,
        only: only.to_vec(),
        again: None,
        shared: false,
    };
    let sources = sides.try_map(|side| side.source.clone().ok_or(()));
    let Ok(sources) = sources else {
        return (Vec::new(), Pair::default());
    };
    let session = match Session::with(config.clone(), policy, &choices, sources) {
        Ok(session) => session,
        Err(error) => {
            let finding = Finding::hinders(About::Mapping, None, error.to_string(), error.exit());
            return (vec![finding], Pair::default());
        }
    };
    let mut findings = mapping(&session);
    findings.extend(session.alone().iter().map(|alone| {
        let message = format!("{}: the verdict will be HOLD", alone.why);
        Finding::warning(About::Mapping, alone.side, message)
    }));
    let mut reading: Pair<Option<Duration>> = Pair::default();
    for points in session.points() {
        let examined = sides[points.side];
        let (found, time) = points::by_key(&points, examined.look.as_ref(), &examined.namespaces);
        findings.push(found);
        reading[points.side] = reading[points.side].max(time);
    }
    (findings, reading)
}

fn mapping(session: &Session) -> Vec<Finding> {
    let mut findings = Vec::new();
    for found in session.check() {
        let spot = found.spot.map_or(String::new(), |spot| format!("{spot}: "));
        let message = format!("{spot}compare {}: {}", found.compare, found.message);
        findings.push(match found.serious {
            true => Finding::hinders(About::Mapping, None, message, Exit::Usage),
            false => Finding::note(About::Mapping, None, message),
        });
    }
    if findings.iter().all(|f| f.weight != Weight::Hinders) {
        findings.push(Finding::ok(
            About::Mapping,
            None,
            "the mapping fits both stores, as far as a sample of each shows",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_for_what_is_asked_for_even_in_vain() {
        let asked = BTreeSet::from(["shop.ordres", "items"]);
        assert_eq!(
            spaces("mongodb://a,b:2/other", &[], Some(&asked)),
            ["other", "shop"]
        );
        assert_eq!(spaces("cql://a", &[], None), [""; 0]);
    }
}
