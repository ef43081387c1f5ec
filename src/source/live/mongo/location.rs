//! Where a store is, in words that hold no secret.

use mongodb::options::ClientOptions;
use std::sync::Arc;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// The parts of a connection string that must never be shown: what stands before the hosts, and the options' values.
#[derive(Clone)]
pub(super) struct Secrets {
    parts: Vec<String>,
}

impl Secrets {
    pub(super) fn of(uri: &str) -> Secrets {
        let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        // A password that should have been escaped may hold any character, so the last `@` counts.
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let options = rest.split_once('?').map_or("", |(_, options)| options);
        let values = options.split(['&', ';']).filter_map(|o| o.split_once('='));
        let values = values.filter(|(name, _)| secret(name)).map(|(_, value)| value);
        let mut parts: Vec<String> = std::iter::once(user)
            .chain(user.split([':', '/', '?', '@', '#', '=', '&']))
            .chain(values)
            .flat_map(|part| [part.to_owned(), unescaped(part)])
            // Shorter ones would only garble messages.
            .filter(|part| part.len() >= 3)
            .collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        Secrets { parts }
    }

    /// `message` with every secret replaced.
    pub(super) fn hide(&self, message: &str) -> String {
        let hidden = |message: String, part: &String| message.replace(part.as_str(), HIDDEN);
        self.parts.iter().fold(message.to_owned(), hidden)
    }
}

/// Whether an option's value may be secret.
fn secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "properties",
        "token",
        "secret",
        "key",
        "proxyusername",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// `%41` as `A`, where it is that.
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let escaped = (*byte == b'%').then(|| tail.split_at_checked(2)).flatten();
        let decoded = escaped.and_then(|(digits, tail)| Some((*hex::decode(digits).ok()?.first()?, tail)));
        (out, rest) = match decoded {
            Some((byte, tail)) => ([out.as_slice(), &[byte]].concat(), tail),
            None => ([out.as_slice(), &[*byte]].concat(), tail),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Hosts and database, without user, password and options.
pub(super) fn shown(options: &ClientOptions) -> Arc<str> {
    let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
    let database = options.default_database.as_deref().map(|db| format!("/{db}"));
    format!("mongodb://{}{}", hosts.join(","), database.unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_user_and_password_is_left_in_a_message() {
        let uri = "mongodb://audit%2Dor:s%40cr%65t/x?y@db1:27017,db2/shop?tlsCertificateKeyFilePassword=hush&appName=a";
        let secrets = Secrets::of(uri);
        let message = secrets.hide(&format!("{uri}: audit-or s@cret s%40cr%65t hush"));
        assert!(message.ends_with(": *** *** *** ***"), "{message}");
        for secret in ["audit", "s@cret", "s%40", "hush", "x?y"] {
            assert!(!message.contains(secret), "{message}");
        }
        assert!(
            message.contains("db1:27017,db2/shop") && message.contains("appName=a"),
            "{message}"
        );
    }

    #[test]
    fn a_uri_without_secrets_changes_no_message() {
        for uri in ["mongodb://h/d", "mongodb://h", "", "nonsense"] {
            assert_eq!(
                Secrets::of(uri).hide("cannot connect to h, nonsense"),
                "cannot connect to h, nonsense"
            );
        }
    }
}
