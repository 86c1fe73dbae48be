//! A PostgreSQL of the bench's own: a new cluster in a temporary directory, which listens on a Unix socket
//! alone and ends with the run.

use std::{
    fs::{self, File},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;

/// Whom the cluster belongs to where the bench runs as root, which PostgreSQL refuses to: nobody.
const UNPRIVILEGED: u32 = 65534;
/// How often it is looked whether it has started, and how long after.
const LOOKS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// Room for the connections of all replicas; and nothing that falls into the rounds by chance.
const SETTINGS: [&str; 7] = [
    "listen_addresses=",
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=8GB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
];
/// What counts statements and their time, where that extension is installed.
const WITH_STATEMENTS: [&str; 2] =
    ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on"];

/// The directory of the server's programs: the one that is named, or the tests'.
///
/// # Errors
/// Where there is none.
#[expect(clippy::disallowed_methods, reason = "the bench is no part of the configured product")]
pub(crate) fn binaries(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let named = named.map(Path::to_owned);
    let named = named.or_else(|| std::env::var_os("KEYWAY_TEST_POSTGRES_BIN").map(PathBuf::from));
    let binaries = named.context("name the directory of initdb and postgres by --postgres-bin")?;
    let are_there = binaries.join("initdb").is_file() && binaries.join("postgres").is_file();
    anyhow::ensure!(are_there, "there is no initdb with a postgres in {}", binaries.display());
    Ok(binaries)
}

/// A running server; ended and removed when it is dropped.
pub(crate) struct Cluster {
    // Dropped before its directory.
    _server: Server,
    directory: TempDir,
    /// Whether it counts statements and their time.
    pub(crate) counts_statements: bool,
}

impl Cluster {
    /// Makes a cluster with the server's programs in `binaries`, and starts it on a core.
    ///
    /// # Errors
    /// Where it cannot be made, or does not start.
    pub(crate) async fn start(binaries: &Path, core: Option<usize>) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("keyway-bench-postgres-").tempdir()?;
        if geteuid().is_root() {
            chown(directory.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        }
        make(binaries, directory.path())?;
        for extension in [&WITH_STATEMENTS[..], &[]] {
            let mut server = Server::start(binaries, directory.path(), extension, core)?;
            if server.is_ready(&address(directory.path(), "postgres")).await? {
                let counts_statements = !extension.is_empty();
                return Ok(Self { _server: server, directory, counts_statements });
            }
        }
        let said = fs::read_to_string(directory.path().join("log"))?;
        anyhow::bail!("PostgreSQL does not start: {said}")
    }

    /// The address of a database on it.
    pub(crate) fn address(&self, database: &str) -> String {
        address(self.directory.path(), database)
    }

    /// Makes a database and gives its address: an empty one, or a copy that nobody is connected to.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub(crate) async fn database(
        &self,
        name: &str,
        copied: Option<&str>,
    ) -> anyhow::Result<String> {
        let template = copied.unwrap_or("template1");
        self.execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(self.address(name))
    }

    /// Executes statements in a database, one after the other over one connection.
    ///
    /// # Errors
    /// Where one is refused.
    pub(crate) async fn execute(&self, database: &str, statements: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.address(database)).await?;
        for statement in statements.split(';') {
            sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }
}

/// The address of a database, by the socket in the cluster's directory.
fn address(directory: &Path, database: &str) -> String {
    format!("postgres://keyway@localhost/{database}?host={}", directory.display())
}

/// Makes the files of a new cluster.
fn make(binaries: &Path, directory: &Path) -> anyhow::Result<()> {
    let options = ["-U", "keyway", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"];
    let mut command = Command::new(binaries.join("initdb"));
    command.args(options).arg(directory.join("data"));
    let made = unprivileged(command.current_dir(directory)).output();
    let made = made.with_context(|| format!("there is no initdb in {}", binaries.display()))?;
    let said = String::from_utf8_lossy(&made.stderr);
    anyhow::ensure!(made.status.success(), "initdb failed: {said}");
    Ok(())
}

fn unprivileged(command: &mut Command) -> &mut Command {
    if geteuid().is_root() {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    command
}

/// The server's process.
struct Server(Child);

impl Server {
    fn start(
        binaries: &Path,
        directory: &Path,
        extension: &[&str],
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        let program = binaries.join("postgres");
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("-D").arg(directory.join("data")).arg("-k").arg(directory);
        for setting in SETTINGS.iter().chain(extension) {
            command.args(["-c", setting]);
        }
        let log = File::create(directory.join("log"))?;
        command.stdout(log.try_clone()?).stderr(log).current_dir(directory);
        Ok(Self(unprivileged(&mut command).spawn()?))
    }

    /// Waits until it takes connections, or has ended.
    async fn is_ready(&mut self, address: &str) -> anyhow::Result<bool> {
        for _ in 0..LOOKS {
            if self.0.try_wait()?.is_some() {
                return Ok(false);
            }
            if let Ok(connection) = PgConnection::connect(address).await {
                connection.close().await?;
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::bail!("PostgreSQL does not take connections")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Neither can fail but for a process that has ended, which is what they are for. It ends its children
        // and gives back what it shares with them.
        if let Some(id) = self.0.id().try_into().ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::QUIT);
        }
        let _ = self.0.wait();
    }
}
