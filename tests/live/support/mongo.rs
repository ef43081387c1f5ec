//! Servers that speak MongoDB's protocol.

use super::process::Process;
use super::toolchain::{Kind, say};
use super::{block_on, given, workspace};
use assay::demo::with_database;
use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::{ClientOptions, WriteConcern};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// How long a server may take to be found, where it should be.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server shared by all tests: one from the environment, or one that was started for this run.
pub struct Mongo {
    uri: String,
    /// Holds on to the process; `None` for a server from the environment.
    own: Option<PrivateMongo>,
}

/// A server of a test's own.
pub struct PrivateMongo {
    uri: String,
    port: u16,
    dir: PathBuf,
    process: Process,
}

/// A database with a name of its own, dropped with this value.
pub struct Database {
    uri: String,
    name: String,
    /// Whether the server goes with the suite, and the data with it.
    own: bool,
}

/// The first MongoDB-compatible server; `None` if there is none, which has been said then.
pub fn mongodb() -> Option<&'static Mongo> {
    static SHARED: OnceLock<Option<Mongo>> = OnceLock::new();
    SHARED
        .get_or_init(|| Mongo::provide("ASSAY_TEST_MONGODB_URI", Kind::FerretDb))
        .as_ref()
}

/// The second MongoDB-compatible server, of another make; `None` if there is none, which has been said then.
pub fn mongodb_2() -> Option<&'static Mongo> {
    static SHARED: OnceLock<Option<Mongo>> = OnceLock::new();
    SHARED
        .get_or_init(|| Mongo::provide("ASSAY_TEST_MONGODB_URI_2", Kind::MongoJavaServer))
        .as_ref()
}

impl Mongo {
    fn provide(variable: &str, kind: Kind) -> Option<Mongo> {
        let own = match given(variable) {
            Some(uri) => {
                block_on(ping(&uri))
                    .unwrap_or_else(|e| panic!("{variable}: the server does not answer: {e}"));
                say(&format!("live: the server of {variable}"));
                return Some(Mongo { uri, own: None });
            }
            None => PrivateMongo::start(kind)?,
        };
        say(&format!("live: {} on port {}", kind.name(), own.port));
        Some(Mongo {
            uri: own.uri(),
            own: Some(own),
        })
    }

    /// Where the server is.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// A database that nobody else uses; its name begins with `purpose`.
    pub fn database(&self, purpose: &str) -> Database {
        Database::new(&self.uri, purpose, self.own.is_some())
    }
}

impl PrivateMongo {
    /// Starts a server of a kind that speaks MongoDB's protocol; `None` if it cannot be built here, which has been said then.
    pub fn start(kind: Kind) -> Option<PrivateMongo> {
        if !kind.is_built() {
            return None;
        }
        Some(PrivateMongo::with(kind, &[], uri))
    }

    /// Starts a server that takes encrypted connections only, and shows the certificate of `fixtures/tls`.
    pub fn encrypted() -> Option<PrivateMongo> {
        if !Kind::FerretDb.is_built() {
            return None;
        }
        let shows = [fixture("tls/certificate.pem"), fixture("tls/key.pem")];
        let trusting = |port| format!("{}&tls=true&tlsCAFile={}", uri(port), shows[0].display());
        Some(PrivateMongo::with(Kind::FerretDb, &shows, trusting))
    }

    fn with(kind: Kind, more: &[PathBuf], uri: impl Fn(u16) -> String) -> PrivateMongo {
        let (port, dir) = (workspace::port(), workspace::directory(kind.name()));
        let mut arguments = vec!["127.0.0.1".into(), port.to_string().into()];
        if kind == Kind::FerretDb {
            arguments.push(dir.join("data").into());
        }
        arguments.extend(more.iter().map(Into::into));
        // Its log shows every command; whoever measures it says `error`.
        let level = given("ASSAY_SERVER_LOG").unwrap_or_else(|| "debug".to_owned());
        let process = Process::new(kind, arguments, dir.join("log")).env("ASSAY_SERVER_LOG", &level);
        let uri = uri(port);
        let mut server = PrivateMongo {
            uri,
            port,
            dir,
            process,
        };
        server.restart();
        server
    }

    /// Where the server is.
    pub fn uri(&self) -> String {
        self.uri.clone()
    }

    /// The server's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A database that nobody else uses.
    pub fn database(&self, purpose: &str) -> Database {
        Database::new(&self.uri(), purpose, true)
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again where it was, and waits until it answers. FerretDB has its data still; mongo-java-server, which keeps
    /// them in memory, comes back empty.
    pub fn restart(&mut self) {
        self.process.start();
        let uri = self.uri();
        self.process.wait(|| block_on(ping(&uri)));
    }

    /// Leaves the server to itself, as the end of this process does; says whether it ends then.
    pub fn abandon(&mut self) -> bool {
        self.process.abandon()
    }

    /// What the server said; FerretDB's every command with its arguments.
    pub fn log(&self) -> &Path {
        self.process.log()
    }
}

impl Drop for PrivateMongo {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Database {
    fn new(uri: &str, purpose: &str, own: bool) -> Database {
        Database {
            uri: uri.to_owned(),
            name: format!("{purpose}_{}", workspace::suffix()),
            own,
        }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the server is, with this database in the path.
    pub fn uri(&self) -> String {
        with_database(&self.uri, &self.name)
    }

    /// The database as the driver has it. It belongs to the runtime that it is made on.
    pub async fn open(&self) -> mongodb::Database {
        client(&self.uri, Duration::from_secs(10))
            .await
            .expect("the URI can be used")
            .database(&self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = block_on(async {
            let client = client(&self.uri, PATIENCE).await?;
            let dropped = client.database(&self.name).drop().await;
            client.shutdown().await;
            dropped
        });
        if let (Err(why), false) = (dropped, self.own) {
            say(&format!(
                "live: the database {} is left behind, drop it by hand: {}",
                self.name, why.kind
            ));
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The address of a server here; through a proxy's port just as well.
pub fn uri(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}/?directConnection=true")
}

/// A URI with `${ASSAY_TEST_LOGIN}` in the place of who we are, and what to put there by the environment: the command line is
/// seen by everybody.
pub fn login_apart(uri: &str) -> (String, &str) {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return (uri.to_owned(), "");
    };
    match rest.rsplit_once('@') {
        Some((login, rest)) => (format!("{scheme}://${{ASSAY_TEST_LOGIN}}@{rest}"), login),
        None => (uri.to_owned(), ""),
    }
}

async fn client(uri: &str, patience: Duration) -> mongodb::error::Result<Client> {
    let mut options = ClientOptions::parse(uri).await?;
    options.server_selection_timeout = Some(patience);
    options.connect_timeout = Some(patience);
    // Whoever reads what most members have sees what was just written.
    options.write_concern = Some(WriteConcern::majority());
    Client::with_options(options)
}

/// Whether the server answers; the error never holds the URI, which may have a password.
pub async fn ping(uri: &str) -> Result<(), String> {
    let client = client(uri, PATIENCE).await.map_err(|e| e.kind.to_string())?;
    let answer = client.database("admin").run_command(doc! { "ping": 1 }).await;
    client.shutdown().await;
    answer.map(|_| ()).map_err(|e| e.kind.to_string())
}

/// Commands that write.
pub const WRITES: [&str; 8] = [
    "insert",
    "update",
    "delete",
    "findAndModify",
    "create",
    "drop",
    "createIndexes",
    "renameCollection",
];

/// How many lines of FerretDB's log show a command.
pub fn asked(log: &str, command: &str) -> usize {
    let forms = [
        format!("\"{command}\":"),
        format!("{{\"{command}\""),
        format!("command={command}"),
    ];
    log.lines()
        .filter(|line| forms.iter().any(|form| line.contains(form)))
        .count()
}

#[test]
fn a_database_goes_into_the_path() {
    for (uri, expected) in [
        ("mongodb://h:1", "mongodb://h:1/n"),
        (
            "mongodb://h:1/?directConnection=true",
            "mongodb://h:1/n?directConnection=true",
        ),
        ("mongodb://u:p@h/", "mongodb://u:p@h/n?authSource=admin"),
        (
            "mongodb://u:p@a,b/users?w=1",
            "mongodb://u:p@a,b/n?w=1&authSource=users",
        ),
        (
            "mongodb+srv://u:p@h/?authsource=x",
            "mongodb+srv://u:p@h/n?authsource=x",
        ),
    ] {
        assert_eq!(with_database(uri, "n"), expected);
    }
}

#[test]
fn who_we_are_stays_out_of_the_command_line() {
    for (uri, expected, login) in [
        ("mongodb://h:1/n", "mongodb://h:1/n", ""),
        (
            "mongodb://u:p@h/n?w=1",
            "mongodb://${ASSAY_TEST_LOGIN}@h/n?w=1",
            "u:p",
        ),
        ("--max-rate", "--max-rate", ""),
    ] {
        assert_eq!(login_apart(uri), (expected.to_owned(), login));
    }
}
