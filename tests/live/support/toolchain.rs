//! Which servers can be built here, and building them: on first use, below the target directory.

use super::workspace;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// A server that the suite can provide by itself; see `tests/servers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FerretDB on SQLite: MongoDB's protocol, with gaps.
    FerretDb,
    /// mongo-java-server: MongoDB's protocol, in memory, nearly every BSON type.
    MongoJavaServer,
    /// Apache Cassandra.
    Cassandra,
}

static BUILT: Mutex<Vec<Kind>> = Mutex::new(Vec::new());

impl Kind {
    /// The name that the scripts in `tests/servers` know it by.
    pub fn name(self) -> &'static str {
        match self {
            Kind::FerretDb => "ferretdb",
            Kind::MongoJavaServer => "mongo-java-server",
            Kind::Cassandra => "cassandra",
        }
    }

    /// The toolchain that is missing for it, if one is.
    fn missing(self) -> Option<&'static str> {
        match self {
            Kind::FerretDb => (!answers("go", "version")).then_some("go"),
            Kind::MongoJavaServer | Kind::Cassandra if !answers("mvn", "--version") => Some("mvn"),
            Kind::MongoJavaServer => (jdk() < Some(17)).then_some("java: a JDK, version 17 or later"),
            // Its configuration reaches into that version of the JDK.
            Kind::Cassandra => (jdk() != Some(17)).then_some("java: a JDK of version 17"),
        }
    }

    /// Whether the server can be run here; builds it if it is not built yet. Says `SKIPPED` if a toolchain is missing.
    pub fn is_built(self) -> bool {
        let mut built = super::locked(&BUILT);
        if built.contains(&self) {
            return true;
        }
        if let Some(tool) = self.missing() {
            skipped(tool);
            return false;
        }
        build(self);
        built.push(self);
        true
    }
}

/// Says that a test does not run for want of something; a failure where `ASSAY_TEST_NO_SKIP` is set.
pub fn skipped(needs: &str) {
    let strict = std::env::var_os("ASSAY_TEST_NO_SKIP").is_some_and(|v| !v.is_empty() && v != "0");
    assert!(
        !strict,
        "needs {needs}, and ASSAY_TEST_NO_SKIP forbids to skip the test"
    );
    say(&format!("SKIPPED: needs {needs}"));
}

/// Says something past the harness, which would keep the words of a test that passes to itself.
pub fn say(words: &str) {
    // Nobody may be listening, which is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// A script of `tests/servers`, to be run on what was built below the target directory.
pub fn script(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/servers")
        .join(name);
    let mut command = Command::new(path);
    command.env("ASSAY_SERVERS", servers()).stdin(Stdio::null());
    command
}

fn servers() -> PathBuf {
    workspace::tmp().with_file_name("servers")
}

fn answers(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

/// The major version of the JDK: its compiler is what says that it is one.
fn jdk() -> Option<u32> {
    let said = Command::new("javac")
        .arg("-version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let words = [said.stdout, said.stderr].concat();
    let version = String::from_utf8_lossy(&words)
        .split_whitespace()
        .nth(1)?
        .to_owned();
    version.split(['.', '-', '+']).next()?.parse().ok()
}

/// Builds a server, one process at a time.
fn build(kind: Kind) {
    let dir = servers();
    std::fs::create_dir_all(&dir).expect("the target directory can be written");
    let lock = std::fs::File::create(dir.join("lock")).expect("the target directory can be written");
    lock.lock().expect("files can be locked");
    let done = script("build")
        .arg(kind.name())
        .output()
        .expect("tests/servers/build runs");
    assert!(
        done.status.success(),
        "tests/servers/build {} failed: it needs its package registry on first use, or give the suite servers of your own by \
         ASSAY_TEST_MONGODB_URI, ASSAY_TEST_MONGODB_URI_2 and ASSAY_TEST_CQL\n{}{}",
        kind.name(),
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}
