//! Stores on servers with the same records in a dump beside them, and audits of them.

use crate::drain::Drain;
use crate::support::{self, Database, Keyspace, block_on};
use crate::{assay, drain};
use futures_util::future::try_join_all;
use mongodb::bson::{RawDocumentBuf, doc};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// About how many bytes a record has.
pub const BYTES: usize = 300;

/// Records that are written at a time.
const AT_ONCE: u64 = 500;

/// A store on a server, and its dump.
pub struct Store {
    /// What it is called in the tables.
    pub name: &'static str,
    /// Where it is.
    pub place: Place,
    /// How many records it has.
    pub records: u64,
    dump: TempDir,
}

/// Where a store is.
pub enum Place {
    /// A database with the collection `t`.
    Mongo(Database),
    /// A keyspace with the table `t`.
    Cql(Keyspace),
}

fn text(id: u64) -> String {
    format!("{id:0width$}", width = BYTES - 40)
}

impl Store {
    /// On FerretDB, or the server that stands for it.
    pub fn mongo(records: u64) -> Option<Store> {
        let database = support::mongodb()?.database("figures");
        Some(Store::of_mongo("FerretDB", database, records))
    }

    /// On mongo-java-server, or the server that stands for it.
    pub fn mongo_2(records: u64) -> Option<Store> {
        let database = support::mongodb_2()?.database("figures");
        Some(Store::of_mongo("mongo-java-server", database, records))
    }

    fn of_mongo(name: &'static str, database: Database, records: u64) -> Store {
        let dump = tempfile::tempdir().expect("a temporary directory");
        let document = |id: u64| {
            let document = doc! { "_id": id as i64, "total": id as i32, "text": text(id) };
            RawDocumentBuf::try_from(&document).expect("a small document")
        };
        let mut bytes = Vec::new();
        block_on(async {
            let collection = database.open().await.collection::<RawDocumentBuf>("t");
            for from in (0..records).step_by(AT_ONCE as usize) {
                let some: Vec<_> = (from..records.min(from + AT_ONCE)).map(document).collect();
                some.iter().for_each(|d| bytes.extend_from_slice(d.as_bytes()));
                collection.insert_many(some).await.expect("documents go in");
            }
        });
        std::fs::write(dump.path().join("t.bson"), bytes).expect("a dump is written");
        Store {
            name,
            place: Place::Mongo(database),
            records,
            dump,
        }
    }

    /// On Cassandra, or the server that stands for it.
    pub fn cql(records: u64) -> Option<Store> {
        let keyspace = support::cql()?.keyspace("figures");
        let dump = tempfile::tempdir().expect("a temporary directory");
        let name = keyspace.name();
        let create = format!("CREATE TABLE {name}.t (id bigint PRIMARY KEY, text text, total int)");
        let mut csv = "id,text,total\n".to_owned();
        block_on(async {
            let session = keyspace.cql().session().await.expect("Cassandra answers");
            session
                .query_unpaged(create.as_str(), ())
                .await
                .expect("a table is made");
            let insert = format!("INSERT INTO {name}.t (id, text, total) VALUES (?, ?, ?)");
            let insert = session.prepare(insert).await.expect("a statement is prepared");
            for from in (0..records).step_by(AT_ONCE as usize) {
                let some = from..records.min(from + AT_ONCE);
                for id in some.clone() {
                    writeln!(csv, "{id},{},{id}", text(id)).expect("writing to a String cannot fail");
                }
                let each = some.map(|id| session.execute_unpaged(&insert, (id as i64, text(id), id as i32)));
                try_join_all(each).await.expect("rows go in");
            }
        });
        std::fs::write(dump.path().join("t.csv"), csv).expect("a dump is written");
        std::fs::write(dump.path().join("schema.cql"), create + ";\n").expect("a schema is written");
        Some(Store {
            name: "Cassandra",
            place: Place::Cql(keyspace),
            records,
            dump,
        })
    }

    /// Reads all of it and does nothing with it.
    pub fn drain(&self) -> Drain {
        match &self.place {
            Place::Mongo(database) => drain::mongo(database),
            Place::Cql(keyspace) => drain::cql(keyspace),
        }
    }

    /// The side of a configuration that it is; `more` goes into its section `live`.
    fn side(&self, side: &str, more: &str) -> String {
        let (location, login) = match &self.place {
            Place::Mongo(database) => (database.uri(), String::new()),
            Place::Cql(keyspace) => {
                let login = keyspace.cql().login.as_ref().map_or(String::new(), |(user, _)| {
                    format!("user = \"{user}\"\npassword = \"${{ASSAY_TEST_CQL_PASSWORD}}\"\n")
                });
                (
                    format!("cql://{}/{}", keyspace.cql().address, keyspace.name()),
                    login,
                )
            }
        };
        format!(
            "[{side}]\nlocation = \"{location}\"\n[{side}.live]\nin_flight = {}\n{login}{more}\n",
            drain::AT_ONCE
        )
    }

    fn table(&self) -> String {
        match &self.place {
            Place::Mongo(database) => format!("{}.t", database.name()),
            Place::Cql(keyspace) => format!("{}.t", keyspace.name()),
        }
    }

    fn key(&self) -> &'static str {
        match self.place {
            Place::Mongo(_) => "_id",
            Place::Cql(_) => "id",
        }
    }

    /// A configuration of it against its dump.
    pub fn against_its_dump(&self, more: &str) -> String {
        let (file, options) = match self.place {
            Place::Mongo(_) => ("t.bson", ""),
            Place::Cql(_) => ("t.csv", "dialect = \"cqlsh\"\n"),
        };
        let key = self.key();
        format!(
            "{}[candidate]\nlocation = \"{}\"\n{options}[settle]\ndelay_seconds = 0.0\n\
             [[compare]]\nname = \"t\"\nstable = \"{}\"\ncandidate = \"t\"\nkey = [\"{key}\"]\n",
            self.side("stable", more),
            self.dump.path().join(file).display(),
            self.table(),
        )
    }
}

/// A configuration of two stores.
pub fn between(stable: &Store, candidate: &Store, delay: f64) -> String {
    let (from, to) = (stable.key(), candidate.key());
    format!(
        "{}{}[settle]\ndelay_seconds = {delay:.1}\n\
         [[compare]]\nname = \"t\"\nstable = \"{}\"\ncandidate = \"{}\"\nkey = [\"id\"]\n\
         [[compare.field]]\nname = \"id\"\nstable = \"{from}\"\ncandidate = \"{to}\"\n",
        stable.side("stable", ""),
        candidate.side("candidate", ""),
        stable.table(),
        candidate.table(),
    )
}

/// One audit in a directory of its own.
pub struct Audit {
    dir: TempDir,
    command: Command,
}

impl Audit {
    /// An audit that is not started yet.
    pub fn begin(config: &str, more: &[&str]) -> Audit {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("assay.toml");
        std::fs::write(&file, config).expect("a configuration is written");
        let mut command = assay();
        command.arg("audit").arg("-c").arg(&file).arg("--run-dir");
        command.arg(dir.path().join("run")).args(more);
        command.env("ASSAY_LOG", "error").stdin(Stdio::null());
        Audit { dir, command }
    }

    /// The command.
    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// The report of the audit, which has ended.
    pub fn report(&self) -> Value {
        let text = std::fs::read(self.dir.path().join("run/report.json")).expect("assay wrote its report");
        serde_json::from_slice(&text).expect("a report is JSON")
    }

    /// How long the pass over its one compare took, without connecting and cutting into ranges.
    pub fn seconds(&self) -> f64 {
        let report = self.report();
        let took = report["run"]["compares"][0]["read_ms"].as_f64();
        took.expect("a number") / 1000.0
    }
}

/// Audits to a verdict, which has to be GO.
pub fn audit(config: &str, more: &[&str]) -> Audit {
    let mut audit = Audit::begin(config, more);
    let ended = audit
        .command()
        .stdout(Stdio::null())
        .status()
        .expect("assay starts");
    assert_eq!(ended.code(), Some(0), "equal stores are GO\n{config}");
    audit
}
