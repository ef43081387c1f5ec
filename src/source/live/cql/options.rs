//! What a user says about a CQL cluster: where it is, who we are there, and how it is read.

use crate::source::SourceError;
use crate::source::live::{Retry, Secret};
use scylla::statement::Consistency;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The port of the native protocol.
const PORT: u16 = 9042;

/// Whether connections are encrypted, and what is asked of the servers' certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// A file of certificates in PEM form that are trusted; the public ones if there is none.
    pub ca_file: Option<PathBuf>,
    /// Takes any certificate: the traffic is encrypted, but nothing says whom it goes to.
    pub unverified: bool,
}

/// The consistencies that reads may have, as CQL writes them.
const KNOWN: [(&str, Consistency); 8] = [
    ("ONE", Consistency::One),
    ("TWO", Consistency::Two),
    ("THREE", Consistency::Three),
    ("QUORUM", Consistency::Quorum),
    ("ALL", Consistency::All),
    ("LOCAL_ONE", Consistency::LocalOne),
    ("LOCAL_QUORUM", Consistency::LocalQuorum),
    ("EACH_QUORUM", Consistency::EachQuorum),
];

/// How a cluster is read.
#[derive(Clone, Debug)]
pub struct CqlOptions {
    /// How many replicas answer each read. It is never lowered.
    pub consistency: Consistency,
    /// The most rows of a page.
    pub page_rows: i32,
    /// About how many bytes a page has at most. Servers count rows: their number follows the length of those before.
    pub page_bytes: usize,
    /// How long it may take to connect to a node.
    pub connect_timeout: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Encrypted connections; plain ones if `None`.
    pub tls: Option<Tls>,
    /// The datacentre whose nodes are asked, and which `LOCAL_…` consistencies mean. May be left out if there is only one.
    pub datacenter: Option<String>,
    /// Whether ScyllaDB is asked to leave its cache as it is.
    pub bypass_cache: bool,
    /// Whether the ages of what differs are looked at: when it was written, and when its time to live runs out.
    pub write_times: bool,
    /// How long a request is repeated that failed for the network's sake or for overload.
    pub retry: Retry,
}

impl CqlOptions {
    /// The name of a consistency, as CQL writes it.
    pub fn name_of(consistency: Consistency) -> &'static str {
        let found = KNOWN.iter().find(|(_, known)| *known == consistency);
        found.map_or("this consistency", |(name, _)| name)
    }

    /// The consistency of this name, as CQL writes it.
    ///
    /// # Errors
    /// A sentence with the names that there are.
    pub fn consistency_of(name: &str) -> Result<Consistency, String> {
        let wanted = name.to_ascii_uppercase();
        let found = KNOWN.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, consistency)| *consistency).ok_or_else(|| {
            let names = KNOWN.map(|(name, _)| name).join(", ");
            format!("consistency {name:?}: expected one of {names}")
        })
    }
}

impl Default for CqlOptions {
    fn default() -> CqlOptions {
        CqlOptions {
            consistency: Consistency::LocalQuorum,
            page_rows: 5_000,
            page_bytes: 3 << 19,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            login: None,
            tls: None,
            datacenter: None,
            bypass_cache: true,
            write_times: false,
            retry: Retry::default(),
        }
    }
}

/// Contact points and a keyspace: `cql://host[:port][,host[:port]…]/[keyspace]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// Nodes to ask first, each `host:port`.
    pub hosts: Vec<String>,
    /// The keyspace, if one is named.
    pub keyspace: Option<String>,
}

impl Location {
    /// Reads a location. A text that might hold a password is not repeated in the error.
    pub(super) fn parse(text: &str) -> Result<Location, SourceError> {
        let form = "write cql://host:port[,host:port]/[keyspace]";
        let wrong = |problem: &str, advice: &str| {
            SourceError::usage("the location of a CQL cluster", problem, advice)
        };
        let schemes = ["cql://", "cassandra://", "scylla://"];
        let Some(rest) = schemes.iter().find_map(|s| text.strip_prefix(s)) else {
            return Err(wrong("it does not begin with cql://", form));
        };
        if rest.contains('@') {
            return Err(wrong(
                "it holds a user or a password, which would be seen wherever locations are shown",
                "give them by their environment variables",
            ));
        }
        if rest.contains(['?', '#']) {
            return Err(wrong("it holds options", "give them in the configuration"));
        }
        let (hosts, keyspace) = rest.split_once('/').unwrap_or((rest, ""));
        let hosts: Vec<String> = hosts
            .split(',')
            .map(with_port)
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("one of its hosts is none", form))?;
        if keyspace.contains('/') {
            return Err(wrong("more than a keyspace follows the hosts", form));
        }
        Ok(Location {
            hosts,
            keyspace: (!keyspace.is_empty()).then(|| keyspace.to_owned()),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cql://{}/{}",
            self.hosts.join(","),
            self.keyspace.as_deref().unwrap_or_default()
        )
    }
}

fn with_port(host: &str) -> Option<String> {
    let name = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match name.rsplit_once(':') {
        Some((before, port)) if !before.contains(':') => {
            port.parse::<u16>().ok()?;
            (host.len() > port.len() + 1).then(|| host.to_owned())
        }
        Some(_) => None,
        None => (!host.is_empty()).then(|| format!("{host}:{PORT}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read() {
        let read = |text: &str| Location::parse(text).unwrap().to_string();
        assert_eq!(read("cql://a"), "cql://a:9042/");
        assert_eq!(read("scylla://a:1,b/shop"), "cql://a:1,b:9042/shop");
        assert_eq!(read("cassandra://[::1]:7,[::2]/"), "cql://[::1]:7,[::2]:9042/");
        for text in [
            "mongodb://a",
            "cql://",
            "cql://a,",
            "cql://a:x",
            "cql://a:1:2",
            "cql://:1",
            "cql://a/b/c",
            "cql://a/b?c=d",
        ] {
            assert!(Location::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let error = Location::parse("cql://me:hunter2@a/b").unwrap_err();
        let options = CqlOptions {
            login: Some(("me".into(), Secret::new("hunter2"))),
            ..CqlOptions::default()
        };
        for shown in [error.to_string(), format!("{error:?}"), format!("{options:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
