//! Connection strings, and what of them may be shown.

use std::fmt;

/// Text that nobody gets to see.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The protocols that live stores are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// MongoDB's.
    Mongo,
    /// Cassandra's and ScyllaDB's.
    Cql,
}

impl Protocol {
    /// The protocol of a location; none for one that is a file.
    pub fn of(location: &str) -> Option<Protocol> {
        match location.split_once("://")?.0 {
            "mongodb" | "mongodb+srv" => Some(Protocol::Mongo),
            "cql" | "cassandra" | "scylla" => Some(Protocol::Cql),
            _ => None,
        }
    }
}

/// A connection string without user, password and options.
pub fn shown(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else {
        return location.to_owned();
    };
    // A password that should have been escaped may hold any character, so the last `@` counts.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    format!("{scheme}://{rest}")
}

/// Whether a connection string holds a password.
pub fn holds_password(location: &str) -> bool {
    let rest = location.split_once("://").map_or(location, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || rest.to_ascii_lowercase().contains("password=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_holds_no_secret() {
        let uri = "mongodb://me:s@c/r?et@db1:27017,db2/shop?tlsCertificateKeyFilePassword=hush";
        assert_eq!(shown(uri), "mongodb://db1:27017,db2/shop");
        assert!(holds_password(uri) && holds_password("mongodb://h/?x=1&tlsCertificateKeyFilePassword=hush"));
        assert!(!holds_password("mongodb://me@h/shop") && !holds_password("cql://h:9042/shop"));
        assert_eq!(format!("{:?}", Secret::new("hush")), "…");
    }
}
