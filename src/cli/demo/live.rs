//! `demo --live`: the same on servers, in a database and a keyspace that are made for it and dropped after it.

use super::super::args::Demo;
use super::super::{Failure, audit};
use crate::demo::{CONFIG, Servers, Stores, with_database};
use crate::source::live::{self, Protocol, Secret};
use crate::verdict::Exit;
use std::path::Path;

/// A demo on live servers.
pub(super) struct Live {
    servers: Servers,
    /// The configuration of the audit.
    pub(super) config: String,
}

impl Live {
    /// What the arguments say, if they want one.
    pub(super) fn of(args: &Demo) -> Result<Option<Live>, Failure> {
        let (true, Some(stable), Some(candidate)) = (args.live, &args.stable, &args.candidate) else {
            return Ok(None);
        };
        let usage = |message: String| Failure::new(Exit::Usage, message);
        for (side, uri, wanted) in [
            ("stable", stable, Protocol::Mongo),
            ("candidate", candidate, Protocol::Cql),
        ] {
            if Protocol::of(uri) != Some(wanted) {
                let message = format!(
                    "{side}: {}: the demo goes from mongodb:// to cql://",
                    live::shown(uri)
                );
                return Err(usage(message));
            }
        }
        let name = match &args.name {
            Some(name) => name.clone(),
            None => random_name().map_err(usage)?,
        };
        if !is_name(&name) {
            let message =
                format!("--name {name:?}: expected a small letter, then up to 40 of a-z, 0-9 and _");
            return Err(usage(message));
        }
        let user = args.candidate_user.as_deref();
        let login = user.map(|user| {
            let password = std::env::var("ASSAY_DEMO_PASSWORD");
            let password = password
                .map_err(|_| usage("candidate: the environment has no ASSAY_DEMO_PASSWORD".to_owned()))?;
            Ok::<_, Failure>((user.to_owned(), Secret::new(password)))
        });
        let servers = Servers {
            stable: Secret::new(audit::location_of(stable)?),
            candidate: candidate.clone(),
            login: login.transpose()?,
            name,
        };
        let config = live_config(stable, candidate, user, &servers.name);
        Ok(Some(Live { servers, config }))
    }

    /// Does some work between making the stores and dropping them.
    pub(super) fn within<T>(
        &self,
        dir: &Path,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let unreachable = |message: String| Failure::new(Exit::Unreachable, message);
        let stores = Stores::make(&self.servers).map_err(unreachable)?;
        let done = stores.fill(dir).map_err(unreachable).and_then(|()| work());
        let removed = stores.remove().map_err(unreachable);
        let done = done?;
        removed.map(|()| done)
    }
}

/// The demo's configuration with live sides.
fn live_config(stable: &str, candidate: &str, user: Option<&str>, name: &str) -> String {
    let (head, rest) = CONFIG.split_once('\n').expect("it has several lines");
    let compares = rest.find("[[compare]]").map_or("", |at| &rest[at..]);
    let text = |text: String| toml::Value::String(text).to_string();
    let stable = text(with_database(stable, name));
    let hosts = candidate.split_once("://").map_or(candidate, |(_, rest)| rest);
    let candidate = text(format!(
        "cql://{}/{name}",
        hosts.split('/').next().unwrap_or(hosts)
    ));
    let login = user.map_or(String::new(), |user| {
        let user = text(user.to_owned());
        format!("\n[candidate.live]\nuser     = {user}\npassword = \"${{ASSAY_DEMO_PASSWORD}}\"\n")
    });
    format!(
        "{head}\n\n[stable]\nlabel    = \"green\"\nlocation = {stable}\n\n[candidate]\nlabel    = \"blue\"\nlocation = {candidate}\n{login}\n\
         [settle]\ndelay_seconds = 1            # nobody else writes to these stores\n\n{}",
        compares.replace("\"shop.", &format!("\"{name}."))
    )
}

/// A name that nobody else has.
fn random_name() -> Result<String, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| format!("no randomness: {e}; say --name"))?;
    Ok(format!("assay_demo_{}", hex::encode(bytes)))
}

/// Whether both servers take it as a name, without quotes.
fn is_name(name: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(rest)
}
