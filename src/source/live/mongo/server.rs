//! What a server says it is, and what it says its user may do.

use super::MongoStore;
use crate::source::SourceError;
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeSet;
use std::future::IntoFuture;

/// Actions that change something. An audit needs none of them.
const WRITES: [&str; 19] = [
    "anyAction",
    "applyOps",
    "bypassDocumentValidation",
    "collMod",
    "convertToCapped",
    "createCollection",
    "createIndex",
    "createRole",
    "createUser",
    "dropCollection",
    "dropDatabase",
    "dropIndex",
    "dropUser",
    "grantRole",
    "insert",
    "remove",
    "renameCollectionSameDB",
    "shutdown",
    "update",
];

/// A server, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MongoServer {
    /// The product, as far as its build tells; none if it is none that is known here.
    pub product: Option<&'static str>,
    /// The product's own version, where that is not the one that it is compatible with.
    pub product_version: Option<String>,
    /// The version that it says it is, of MongoDB's.
    pub version: String,
    /// What it says of the user; none if it does not say.
    pub rights: Option<MongoRights>,
}

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MongoRights {
    /// Who we are, `name@database`; nobody if the server lets us in without a name.
    pub users: Vec<String>,
    /// The roles, `name@database`.
    pub roles: Vec<String>,
    /// Those of all actions allowed that change something.
    pub writes: BTreeSet<String>,
}

impl MongoStore {
    /// What the server says of itself and of the user.
    ///
    /// # Errors
    /// If it is not reached any more. A server that does not know the question leaves gaps in the answer.
    pub async fn server_says(&self) -> Result<MongoServer, SourceError> {
        let admin = self.client.database("admin");
        let build = admin.run_command(doc! { "buildInfo": 1 }).into_future();
        let build = self.ask("ask what the server is", build).await;
        let build = self.unless_refused(build)?.unwrap_or_default();
        let hello = admin.run_command(doc! { "hello": 1 }).into_future();
        let hello = self.ask("ask what the server is", hello).await;
        let hello = self.unless_refused(hello)?.unwrap_or_default();
        let status = admin.run_command(doc! { "connectionStatus": 1, "showPrivileges": true });
        let status = self.ask("ask what the user may do", status.into_future()).await;
        let status = self.unless_refused(status)?;
        let (product, product_version) = product(&build, is_router(&hello));
        Ok(MongoServer {
            product,
            product_version,
            version: build.get_str("version").unwrap_or("unknown").to_owned(),
            rights: status.as_ref().and_then(rights),
        })
    }
}

/// Whether a greeting is that of a router of a sharded cluster.
pub(super) fn is_router(hello: &Document) -> bool {
    hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid")
}

/// What the build says that the server is. A router stores nothing.
fn product(build: &Document, router: bool) -> (Option<&'static str>, Option<String>) {
    let text = |value: &Bson| value.as_str().map(str::to_owned);
    if let Some((_, value)) = build.iter().find(|(name, _)| name.starts_with("ferretdb")) {
        let version = match value {
            Bson::Document(inner) => inner.get("version").and_then(text),
            value => text(value),
        };
        return (Some("FerretDB"), version.filter(|v| v != "unknown"));
    }
    if let Some(version) = build.get("psmdbVersion") {
        return (Some("Percona Server for MongoDB"), text(version));
    }
    let engines = build.get_array("storageEngines").is_ok_and(|e| !e.is_empty());
    let own = (engines || router) && build.contains_key("buildEnvironment") && build.contains_key("openssl");
    (own.then_some("MongoDB"), None)
}

fn rights(status: &Document) -> Option<MongoRights> {
    let info = status.get_document("authInfo").ok()?;
    let list = |name: &str| {
        info.get_array(name)
            .into_iter()
            .flatten()
            .filter_map(Bson::as_document)
    };
    let names = |list: &str, name: &str| -> Vec<String> {
        let listed = info
            .get_array(list)
            .into_iter()
            .flatten()
            .filter_map(Bson::as_document);
        let full = |d: &Document| Some(format!("{}@{}", d.get_str(name).ok()?, d.get_str("db").ok()?));
        listed.filter_map(full).collect()
    };
    let actions = list("authenticatedUserPrivileges")
        .filter_map(|privilege| privilege.get_array("actions").ok())
        .flatten()
        .filter_map(Bson::as_str);
    Some(MongoRights {
        users: names("authenticatedUsers", "user"),
        roles: names("authenticatedUserRoles", "role"),
        writes: actions
            .filter(|a| WRITES.contains(a))
            .map(str::to_owned)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_told_by_its_build() {
        let own = doc! { "version": "7.0.5", "storageEngines": ["wiredTiger"], "buildEnvironment": {}, "openssl": {} };
        assert_eq!(product(&own, false), (Some("MongoDB"), None));
        let mut other = own.clone();
        other.insert("ferretdb", doc! { "version": "v1.24.0" });
        assert_eq!(product(&other, false), (Some("FerretDB"), Some("v1.24.0".into())));
        let old = doc! { "version": "7.0.5", "ferretdbVersion": "v1.20.0", "ferretdbFeatures": {} };
        assert_eq!(product(&old, false), (Some("FerretDB"), Some("v1.20.0".into())));
        let mut percona = own;
        percona.insert("psmdbVersion", "7.0.5-3");
        assert_eq!(product(&percona, false).0, Some("Percona Server for MongoDB"));
        assert_eq!(product(&doc! { "version": "5.0.0" }, false), (None, None));
        let router = doc! { "version": "7.0.5", "buildEnvironment": {}, "openssl": {} };
        assert_eq!(product(&router, true), (Some("MongoDB"), None));
        assert_eq!(product(&router, false), (None, None));
    }

    #[test]
    fn rights_are_told_from_what_changes_nothing() {
        let privilege =
            |actions: Vec<&str>| doc! { "resource": { "db": "shop", "collection": "" }, "actions": actions };
        let status = |actions| {
            doc! { "authInfo": {
                "authenticatedUsers": [{ "user": "assay", "db": "admin" }],
                "authenticatedUserRoles": [{ "role": "read", "db": "shop" }],
                "authenticatedUserPrivileges": [privilege(vec!["find", "collStats"]), privilege(actions)],
            } }
        };
        let reader = rights(&status(vec!["listIndexes"])).unwrap();
        assert_eq!(
            (&*reader.users[0], &*reader.roles[0]),
            ("assay@admin", "read@shop")
        );
        assert!(reader.writes.is_empty());
        let writer = rights(&status(vec!["insert", "find", "update"])).unwrap();
        assert_eq!(Vec::from_iter(writer.writes), ["insert", "update"]);
        assert_eq!(rights(&doc! { "ok": 1 }), None);
    }
}
