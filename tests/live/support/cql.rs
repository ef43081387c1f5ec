//! Servers that speak CQL: one node.

use super::process::Process;
use super::toolchain::{Kind, say};
use super::{block_on, given, workspace};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Where a CQL server is, and who we are there.
#[derive(Clone)]
pub struct Cql {
    /// The contact point, `host:port`.
    pub address: String,
    /// User and password, if it asks for them.
    pub login: Option<(String, String)>,
    /// Copies of a row in a test's keyspace.
    replication: usize,
    /// Whether the server goes with the suite, and the data with it.
    own: bool,
}

/// A Cassandra node of a test's own, on 127.0.0.1 or another loopback address.
pub struct PrivateNode {
    cql: Cql,
    dir: PathBuf,
    process: Process,
}

/// A keyspace with a name of its own, dropped with this value.
pub struct Keyspace {
    cql: Cql,
    name: String,
}

/// The CQL server shared by all tests; `None` if there is none, which has been said then.
pub fn cql() -> Option<&'static Cql> {
    static SHARED: OnceLock<Option<(Cql, Option<PrivateNode>)>> = OnceLock::new();
    SHARED.get_or_init(provide).as_ref().map(|(cql, _own)| cql)
}

fn provide() -> Option<(Cql, Option<PrivateNode>)> {
    if let Some(address) = given("ASSAY_TEST_CQL") {
        let password = given("ASSAY_TEST_CQL_PASSWORD").unwrap_or_default();
        let login = given("ASSAY_TEST_CQL_USER").map(|user| (user, password));
        let cql = Cql {
            address,
            login,
            replication: 1,
            own: false,
        };
        let answer = block_on(cql.ping());
        answer.unwrap_or_else(|e| panic!("ASSAY_TEST_CQL: the server does not answer: {e}"));
        say("live: the server of ASSAY_TEST_CQL");
        return Some((cql, None));
    }
    let node = PrivateNode::start("AllowAll")?;
    say(&format!("live: cassandra at {}", node.cql.address));
    Some((node.cql.clone(), Some(node)))
}

impl Cql {
    /// Connects. The session belongs to the runtime that it is made on. Errors never hold the password.
    pub async fn session(&self) -> Result<Session, String> {
        let mut builder = SessionBuilder::new()
            .known_node(&self.address)
            // One type of anybody's that the driver does not read would fail it.
            .fetch_full_schema_metadata(false)
            .connection_timeout(Duration::from_secs(5));
        if let Some((user, password)) = &self.login {
            builder = builder.user(user, password);
        }
        builder.build().await.map_err(|e| e.to_string())
    }

    /// The rows of a `SELECT JSON`.
    pub async fn json(&self, text: &str) -> Vec<String> {
        let session = self.session().await.expect("the server answers");
        let answer = session.query_unpaged(text, ()).await.expect("it is a query");
        let rows = answer.into_rows_result().expect("it has rows");
        let rows = rows.rows::<(String,)>().expect("a row is one text");
        rows.map(|row| row.expect("a row is whole").0).collect()
    }

    /// Whether the server answers a query.
    pub async fn ping(&self) -> Result<(), String> {
        let session = self.session().await?;
        let asked = session
            .query_unpaged("SELECT release_version FROM system.local", ())
            .await;
        asked.map(|_| ()).map_err(|e| e.to_string())
    }

    /// A keyspace that nobody else uses; its name begins with `purpose`.
    pub fn keyspace(&self, purpose: &str) -> Keyspace {
        self.keyspace_with(purpose, &[""])
    }

    /// The same without tablets where the server has some and can do without: tables with tablets have no counters and no
    /// indexes in some versions of ScyllaDB.
    pub fn keyspace_without_tablets(&self, purpose: &str) -> Keyspace {
        self.keyspace_with(purpose, &[" AND tablets = {'enabled': false}", ""])
    }

    /// With the first of some options that the server takes.
    fn keyspace_with(&self, purpose: &str, options: &[&str]) -> Keyspace {
        let name = format!("{purpose}_{}", workspace::suffix());
        let replication = block_on(self.replicated()).expect("the server answers");
        let mut refused = String::new();
        for option in options {
            let statement = format!("CREATE KEYSPACE {name} WITH replication = {replication}{option}");
            match block_on(self.execute(&statement)) {
                Ok(()) => {
                    let cql = self.clone();
                    return Keyspace { cql, name };
                }
                Err(why) => refused = format!("{statement}: {why}"),
            }
        }
        panic!("{refused}");
    }

    /// Copies in each datacentre, by their names: Cassandra 3 knows no other way.
    async fn replicated(&self) -> Result<String, String> {
        let session = self.session().await?;
        let cluster = session.get_cluster_state();
        let nodes = cluster.get_nodes_info().iter();
        let names: BTreeSet<&str> = nodes.filter_map(|node| node.datacenter.as_deref()).collect();
        let copies = names
            .iter()
            .map(|name| format!(", '{name}': {}", self.replication));
        let copies: String = copies.collect();
        Ok(format!("{{'class': 'NetworkTopologyStrategy'{copies}}}"))
    }

    async fn execute(&self, statement: &str) -> Result<(), String> {
        let session = self.session().await?;
        session
            .query_unpaged(statement, ())
            .await
            .map(|_| ())
            .map_err(|e| e.to_string())
    }
}

impl Keyspace {
    /// The keyspace's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that it is on.
    pub fn cql(&self) -> &Cql {
        &self.cql
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        let statement = format!("DROP KEYSPACE IF EXISTS {}", self.name);
        if let (Err(why), false) = (block_on(self.cql.execute(&statement)), self.cql.own) {
            say(&format!(
                "live: a keyspace is left behind, {statement} by hand: {why}"
            ));
        }
    }
}

impl PrivateNode {
    /// Starts a node by itself; `None` if it cannot be built here, which has been said then. `authentication` is `AllowAll`, or
    /// `Password` for a node that asks who we are (user and password `cassandra`).
    pub fn start(authentication: &str) -> Option<PrivateNode> {
        if !Kind::Cassandra.is_built() {
            return None;
        }
        let mut node = PrivateNode::new("127.0.0.1", workspace::port(), workspace::port(), authentication);
        node.restart();
        Some(node)
    }

    /// A node that also takes encrypted connections, and the file of the certificate that it shows.
    pub fn encrypted() -> Option<(PrivateNode, PathBuf)> {
        if !Kind::Cassandra.is_built() {
            return None;
        }
        let dir = workspace::directory("cassandra");
        let (store, certificate) = (dir.join("keys.p12"), dir.join("certificate.pem"));
        let key = [
            "-genkeypair",
            "-keyalg",
            "EC",
            "-dname",
            "CN=assay",
            "-ext",
            "san=ip:127.0.0.1",
        ];
        keytool(&store, &key);
        let shown = ["-exportcert", "-rfc", "-file"].map(std::ffi::OsStr::new);
        keytool(&store, &[&shown[..], &[certificate.as_os_str()]].concat());
        let options = format!(
            "client_encryption_options: {{enabled: true, optional: true, keystore: '{}', keystore_password: testing}}",
            store.display()
        );
        let (port, storage_port) = (workspace::port(), workspace::port());
        let mut node = PrivateNode::configured(dir, "127.0.0.1", port, storage_port, "AllowAll", &options);
        node.restart();
        Some((node, certificate))
    }

    /// A node that writes every statement that it is sent into its log, those on its own tables included.
    pub fn watched() -> Option<PrivateNode> {
        if !Kind::Cassandra.is_built() {
            return None;
        }
        let dir = workspace::directory("cassandra");
        let options = "audit_logging_options: {enabled: true, excluded_keyspaces: '', logger: [{class_name: FileAuditLogger}]}";
        let (port, storage_port) = (workspace::port(), workspace::port());
        let mut node = PrivateNode::configured(dir, "127.0.0.1", port, storage_port, "AllowAll", options);
        node.restart();
        Some(node)
    }

    /// A node of a cluster, not started yet.
    pub(super) fn of_cluster(host: &str, port: u16, storage_port: u16) -> PrivateNode {
        let mut node = PrivateNode::new(host, port, storage_port, "AllowAll");
        node.cql.replication = 3;
        node
    }

    fn new(host: &str, port: u16, storage_port: u16, authentication: &str) -> PrivateNode {
        let dir = workspace::directory("cassandra");
        PrivateNode::configured(dir, host, port, storage_port, authentication, "")
    }

    /// A node, not started yet, with more for its configuration.
    fn configured(
        dir: PathBuf,
        host: &str,
        port: u16,
        storage_port: u16,
        authentication: &str,
        yaml: &str,
    ) -> PrivateNode {
        let arguments = vec![
            host.into(),
            port.to_string().into(),
            dir.join("data").into(),
            storage_port.to_string().into(),
            workspace::port().to_string().into(),
        ];
        let process = Process::new(Kind::Cassandra, arguments, dir.join("log"))
            .env("CASSANDRA_AUTH", authentication)
            .env("CASSANDRA_YAML", yaml);
        let login = (authentication == "Password").then(|| ("cassandra".to_owned(), "cassandra".to_owned()));
        let cql = Cql {
            address: format!("{host}:{port}"),
            login,
            replication: 1,
            own: true,
        };
        PrivateNode { cql, dir, process }
    }

    /// Where the node is.
    pub fn cql(&self) -> &Cql {
        &self.cql
    }

    /// Ends the node as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the node again where it was, with its data, and waits until it answers.
    pub fn restart(&mut self) {
        self.process.start();
        let cql = self.cql.clone();
        self.process.wait(|| block_on(cql.ping()));
    }

    /// Whether the node's process is there.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Leaves the node to itself, as the end of this process does; says whether it ends then.
    pub fn abandon(&mut self) -> bool {
        self.process.abandon()
    }

    /// What the node said.
    pub fn log(&self) -> &Path {
        self.process.log()
    }
}

/// Runs the JDK's tool for keys.
fn keytool(store: &Path, arguments: &[impl AsRef<std::ffi::OsStr>]) {
    let mut tool = std::process::Command::new("keytool");
    tool.args(arguments).args([
        "-alias",
        "node",
        "-storetype",
        "PKCS12",
        "-storepass",
        "testing",
        "-keystore",
    ]);
    let done = tool.arg(store).output().expect("a JDK has keytool");
    assert!(
        done.status.success(),
        "keytool: {}",
        String::from_utf8_lossy(&done.stdout)
    );
}

impl Drop for PrivateNode {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
