//! What the stand-in answers: the commands that read, as MongoDB 7.0 knows them.

use super::bounds::{can_be_used, filled};
use super::content::{Collection, Content};
use super::order::compare;
use super::query::{matches, refusal};
use super::{Snapshots, Topology};
use mongodb::bson::{Binary, Bson, DateTime, Document, Timestamp, doc, spec::BinarySubtype};
use std::collections::HashMap;
use std::net::SocketAddr;

/// An error of the server.
pub struct Refusal {
    code: i32,
    name: &'static str,
    text: String,
}

impl Refusal {
    /// An error with MongoDB's code and its name.
    pub fn new(code: i32, name: &'static str, text: impl Into<String>) -> Refusal {
        Refusal {
            code,
            name,
            text: text.into(),
        }
    }
}

type Answer = Result<Document, Refusal>;

/// Cursors that are open.
#[derive(Default)]
pub struct Cursors {
    last: i64,
    open: HashMap<i64, Query>,
}

/// A query, and how far it has come. Without a time it sees what is there when it goes on.
#[derive(Clone)]
struct Query {
    namespace: String,
    command: Document,
    at: Option<Timestamp>,
    /// The last `_id` sent, and how many documents with it: routers may have several.
    after: Option<(Bson, usize)>,
    left: i64,
    /// Whether several shards answer, each when it likes.
    scattered: bool,
}

/// All that `find` may be asked with.
const FIND: [&str; 20] = [
    "find",
    "filter",
    "sort",
    "projection",
    "hint",
    "skip",
    "limit",
    "batchSize",
    "singleBatch",
    "comment",
    "maxTimeMS",
    "readConcern",
    "max",
    "min",
    "collation",
    "allowDiskUse",
    "lsid",
    "$db",
    "$readPreference",
    "$clusterTime",
];

/// The name of a command.
pub fn name(command: &Document) -> &str {
    command.keys().next().map_or("", String::as_str)
}

pub fn answer(
    command: &Document,
    content: &Content,
    cursors: &mut Cursors,
    topology: Topology,
    address: SocketAddr,
) -> Answer {
    let database = command.get_str("$db").unwrap_or("admin");
    let namespace = |of: &str| format!("{database}.{}", command.get_str(of).unwrap_or_default());
    match name(command) {
        "hello" | "isMaster" | "ismaster" => Ok(hello(topology, address)),
        "ping" | "endSessions" => Ok(doc! {}),
        "buildInfo" => {
            let mut build = doc! {
                "version": "7.0.14", "gitVersion": "0", "openssl": { "running": "OpenSSL 3.0.2" },
                "buildEnvironment": { "distmod": "ubuntu2204" }, "bits": 64,
            };
            if topology != Topology::Mongos {
                build.insert("storageEngines", vec!["devnull", "wiredTiger"]);
            }
            Ok(build)
        }
        "connectionStatus" => Ok(doc! { "authInfo": {
            "authenticatedUsers": [], "authenticatedUserRoles": [], "authenticatedUserPrivileges": [],
        } }),
        "listDatabases" => {
            let databases = content.databases().into_iter().map(|name| doc! { "name": name });
            Ok(doc! { "databases": databases.collect::<Vec<_>>() })
        }
        "listCollections" => Ok(list(command, content, database)),
        "listIndexes" => {
            let namespace = namespace("listIndexes");
            let indexes = stored(content, &namespace)?.indexes();
            Ok(batch(&namespace, indexes, 0))
        }
        "collStats" => {
            let namespace = namespace("collStats");
            stored(content, &namespace)?;
            let documents = content.documents(&namespace);
            let bytes: usize = documents.iter().map(|d| d.to_vec().map_or(0, |d| d.len())).sum();
            Ok(doc! { "ns": &namespace, "size": bytes as i64, "count": documents.len() as i32 })
        }
        "find" => find(command, content, cursors, topology, namespace("find")),
        "aggregate" => aggregate(command, content, &namespace("aggregate")),
        "getMore" => {
            let id = command.get_i64("getMore").unwrap_or_default();
            let query = cursors.open.remove(&id);
            let query = query
                .ok_or_else(|| Refusal::new(43, "CursorNotFound", format!("cursor id {id} not found")))?;
            let (namespace, at) = (query.namespace.clone(), query.at);
            let size = command.get_i32("batchSize").map_or(i64::MAX, i64::from);
            let (documents, id) = advance(query, size, content, cursors, Some(id))?;
            Ok(answered(&namespace, "nextBatch", documents, id, at))
        }
        "killCursors" => {
            let killed = command.get_array("cursors").cloned().unwrap_or_default();
            for id in killed.iter().filter_map(Bson::as_i64) {
                cursors.open.remove(&id);
            }
            Ok(
                doc! { "cursorsKilled": killed, "cursorsNotFound": [], "cursorsAlive": [], "cursorsUnknown": [] },
            )
        }
        other => Err(Refusal::new(
            59,
            "CommandNotFound",
            format!("no such command: '{other}'"),
        )),
    }
}

/// An answer, or an error, with what replica sets and routers put beside it.
pub fn framed(answer: Answer, content: &Content, topology: Topology) -> Document {
    let mut framed = match answer {
        Ok(mut answer) => {
            answer.insert("ok", 1.0);
            answer
        }
        Err(refusal) => {
            doc! { "ok": 0.0, "errmsg": refusal.text, "code": refusal.code, "codeName": refusal.name }
        }
    };
    if topology != Topology::Standalone {
        let hash = Binary {
            subtype: BinarySubtype::Generic,
            bytes: vec![0; 20],
        };
        let signature = doc! { "hash": hash, "keyId": 0_i64 };
        framed.insert(
            "$clusterTime",
            doc! { "clusterTime": content.time(), "signature": signature },
        );
        framed.insert("operationTime", content.time());
    }
    framed
}

fn hello(topology: Topology, address: SocketAddr) -> Document {
    let mut hello = doc! {
        "helloOk": true, "isWritablePrimary": true, "ismaster": true, "maxBsonObjectSize": 16 << 20,
        "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "localTime": DateTime::now(),
        "logicalSessionTimeoutMinutes": 30, "connectionId": 1, "minWireVersion": 0, "maxWireVersion": 21, "readOnly": false,
    };
    let address = address.to_string();
    match topology {
        Topology::Standalone => {}
        Topology::ReplicaSet => hello.extend(doc! {
            "hosts": [&address], "setName": "rs0", "setVersion": 1, "secondary": false, "primary": &address, "me": &address,
            "lastWrite": { "lastWriteDate": DateTime::now() },
        }),
        Topology::Mongos => _ = hello.insert("msg", "isdbgrid"),
    }
    hello
}

fn list(command: &Document, content: &Content, database: &str) -> Document {
    let filter = command.get_document("filter").cloned().unwrap_or_default();
    let listed = content
        .names(database)
        .into_iter()
        .map(|(namespace, collection)| {
            let name = &namespace[database.len() + 1..];
            let mut listed = doc! {
                "name": name, "type": collection.kind(), "options": collection.shape.options.clone(),
                "info": { "readOnly": collection.kind() == "view" },
            };
            if !collection.derived() {
                listed.insert("idIndex", collection.indexes().remove(0));
                let mut uuid = [0; 16];
                (uuid.iter_mut().zip(namespace.bytes())).for_each(|(to, from)| *to = from);
                uuid[15] = collection.made() as u8;
                if let Ok(info) = listed.get_document_mut("info") {
                    info.insert(
                        "uuid",
                        Binary {
                            subtype: BinarySubtype::Uuid,
                            bytes: uuid.into(),
                        },
                    );
                }
            }
            listed
        });
    let listed = listed.filter(|listed| matches(listed, &filter, false));
    let named = |listed: Document| match command.get_bool("nameOnly") {
        Ok(true) => listed
            .into_iter()
            .filter(|(name, _)| ["name", "type"].contains(&&**name))
            .collect(),
        _ => listed,
    };
    let listed = listed.map(named).collect();
    batch(&format!("{database}.$cmd.listCollections"), listed, 0)
}

/// A collection that has documents of its own.
fn stored<'c>(content: &'c Content, namespace: &str) -> Result<&'c Collection, Refusal> {
    match content.collection(namespace) {
        Some(collection) if collection.derived() => {
            let text = format!(
                "Namespace {namespace} is a {}, not a collection",
                collection.kind()
            );
            Err(Refusal::new(166, "CommandNotSupportedOnView", text))
        }
        Some(collection) => Ok(collection),
        None => Err(Refusal::new(
            26,
            "NamespaceNotFound",
            format!("ns does not exist: {namespace}"),
        )),
    }
}

fn find(
    command: &Document,
    content: &Content,
    cursors: &mut Cursors,
    topology: Topology,
    namespace: String,
) -> Answer {
    if let Some(unknown) = command.keys().find(|name| !FIND.contains(&name.as_str())) {
        let text = format!("BSON field 'find.{unknown}' is an unknown field.");
        return Err(Refusal::new(40415, "Location40415", text));
    }
    if let Some(refused) = command.get_document("filter").ok().and_then(refusal) {
        return Err(refused);
    }
    let collection = content.collection(&namespace);
    can_be_used(command, collection)?;
    let at = snapshot(command, content, topology)?;
    let pinned = at.filter(|_| content.snapshots == Snapshots::Pinned);
    let told = at.filter(|_| content.snapshots != Snapshots::Ignored);
    let limit = number(command, "limit").filter(|limit| *limit > 0);
    let query = Query {
        namespace: namespace.clone(),
        at: pinned,
        after: None,
        left: limit.unwrap_or(i64::MAX),
        scattered: topology == Topology::Mongos && !command.contains_key("sort"),
        command: command.clone(),
    };
    let size = number(command, "batchSize").unwrap_or(101);
    let (documents, id) = advance(query, size, content, cursors, None)?;
    Ok(answered(&namespace, "firstBatch", documents, id, told))
}

/// The time that a read is pinned to, if it is one at a snapshot.
fn snapshot(command: &Document, content: &Content, topology: Topology) -> Result<Option<Timestamp>, Refusal> {
    let concern = command.get_document("readConcern").cloned().unwrap_or_default();
    let asked = concern.get_timestamp("atClusterTime").ok();
    match concern.get_str("level") {
        Ok("snapshot") if topology == Topology::Standalone => {
            let text = "node needs to be a replica set member to use read concern";
            Err(Refusal::new(123, "NotAReplicaSet", text))
        }
        Ok("snapshot") => Ok(Some(asked.unwrap_or_else(|| content.time()))),
        _ if asked.is_some() => {
            let text = "readConcern level 'snapshot' is required when specifying atClusterTime";
            Err(Refusal::new(72, "InvalidOptions", text))
        }
        Ok("local" | "majority" | "available" | "linearizable") | Err(_) => Ok(None),
        Ok(other) => {
            let text =
                format!("Enumeration value '{other}' for field 'readConcern.level' is not a valid value.");
            Err(Refusal::new(2, "BadValue", text))
        }
    }
}

/// The next documents of a query, and the cursor that has more of them.
fn advance(
    mut query: Query,
    size: i64,
    content: &Content,
    cursors: &mut Cursors,
    known: Option<i64>,
) -> Result<(Vec<Document>, i64), Refusal> {
    let collection = content.collection(&query.namespace);
    let folds = collection.is_some_and(Collection::folds);
    let fold = folds && !query.command.contains_key("collation");
    let [min, max] = filled(&query.command, collection);
    let filter = query.command.get_document("filter").cloned().unwrap_or_default();
    let inside = |document: &Document| {
        let Some(id) = document.get("_id") else {
            return true;
        };
        min.as_ref().is_none_or(|min| compare(min, id, fold).is_le())
            && max.as_ref().is_none_or(|max| compare(id, max, fold).is_lt())
            && query
                .after
                .as_ref()
                .is_none_or(|(after, _)| compare(after, id, fold).is_le())
            && matches(document, &filter, fold)
    };
    let mut all: Vec<&Document> = content
        .held(&query.namespace, query.at)?
        .iter()
        .filter(|document| inside(document))
        .collect();
    if fold {
        all.sort_by(|a, b| match (a.get("_id"), b.get("_id")) {
            (Some(a), Some(b)) => compare(a, b, fold),
            _ => std::cmp::Ordering::Equal,
        });
    }
    if query.scattered && query.left.min(all.len() as i64) < size {
        let (one, other): (Vec<_>, Vec<_>) = all.iter().enumerate().partition(|(at, _)| at % 2 == 1);
        all = one
            .into_iter()
            .chain(other)
            .map(|(_, document)| *document)
            .collect();
    }
    let sent = query.after.as_ref().map_or(0, |(_, sent)| *sent);
    let mut found: Vec<&Document> = all.into_iter().skip(sent).collect();
    found.truncate(usize::try_from(query.left).unwrap_or(usize::MAX));
    found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    query.left -= found.len() as i64;
    // A cursor stays open behind a full batch.
    let full = found.len() as i64 == size && query.left > 0;
    let more = full && !query.command.get_bool("singleBatch").unwrap_or(false);
    if let Some(last) = found.last().and_then(|last| last.get("_id")).cloned() {
        let same = |d: &&&Document| d.get("_id").is_some_and(|id| compare(id, &last, fold).is_eq());
        let before = query
            .after
            .filter(|(after, _)| compare(after, &last, fold).is_eq());
        let sent = found.iter().rev().take_while(same).count() + before.map_or(0, |(_, sent)| sent);
        query.after = Some((last, sent));
    }
    let only_ids = query.command.get_document("projection").is_ok();
    let mut id = 0;
    if more {
        id = known.unwrap_or_else(|| {
            cursors.last += 1;
            cursors.last
        });
        cursors.open.insert(id, query);
    }
    Ok((
        found
            .into_iter()
            .map(|d| projected(d.clone(), only_ids))
            .collect(),
        id,
    ))
}

/// The only projection that is asked for is that to `_id`.
fn projected(mut document: Document, only_id: bool) -> Document {
    match (only_id, document.remove("_id")) {
        (true, Some(id)) => doc! { "_id": id },
        (true, None) => doc! {},
        (false, Some(id)) => std::iter::once(("_id".to_owned(), id)).chain(document).collect(),
        (false, None) => document,
    }
}

fn aggregate(command: &Document, content: &Content, namespace: &str) -> Answer {
    let mut documents = content.documents(namespace);
    let stages = command.get_array("pipeline").cloned().unwrap_or_default();
    for stage in stages.iter().filter_map(Bson::as_document) {
        let (name, what) = stage.iter().next().expect("a stage has a name");
        match (&**name, what) {
            ("$sample", Bson::Document(what)) => {
                let size = number(what, "size").unwrap_or_default().max(1) as usize;
                documents = evenly(documents, size);
            }
            ("$match", Bson::Document(what)) => {
                let rate = what
                    .get_f64("$sampleRate")
                    .expect("the stand-in knows no other match");
                let size = (documents.len() as f64 * rate).ceil() as usize;
                documents = evenly(documents, size.max(1));
            }
            ("$limit", what) => documents.truncate(what.as_i32().unwrap_or(i32::MAX) as usize),
            ("$project", _) => documents = documents.into_iter().map(|d| projected(d, true)).collect(),
            // They are in the order of their `_id`.
            ("$sort", _) => {}
            (other, _) => {
                let text = format!("Unrecognized pipeline stage name: '{other}'");
                return Err(Refusal::new(40324, "Location40324", text));
            }
        }
    }
    Ok(batch(namespace, documents, 0))
}

fn evenly(documents: Vec<Document>, size: usize) -> Vec<Document> {
    let size = size.min(documents.len());
    (0..size)
        .map(|n| documents[n * documents.len() / size].clone())
        .collect()
}

fn number(command: &Document, name: &str) -> Option<i64> {
    let value = command.get(name)?;
    value.as_i64().or(value.as_i32().map(i64::from))
}

fn batch(namespace: &str, documents: Vec<Document>, id: i64) -> Document {
    answered(namespace, "firstBatch", documents, id, None)
}

fn answered(
    namespace: &str,
    batch: &str,
    documents: Vec<Document>,
    id: i64,
    at: Option<Timestamp>,
) -> Document {
    let mut cursor = doc! { batch: documents, "id": id, "ns": namespace };
    if let Some(at) = at {
        cursor.insert("atClusterTime", at);
    }
    doc! { "cursor": cursor }
}
