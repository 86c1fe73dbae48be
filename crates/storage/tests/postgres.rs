//! A PostgreSQL for tests: a throw-away cluster from the server binaries of this machine, started
//! once for the test binary and removed when that ends, however it ends. Or, with
//! `KEYWAY_TEST_POSTGRES_URL`, a server that runs already. Needs only the standard library and
//! `tempfile`, so that other test packages can include this file.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Makes the cluster, says `ready`, waits until the test binary is gone, and removes everything.
const SUPERVISE: &str = r#"
    trap 'rm -rf "$2"' EXIT
    "$1/initdb" -D "$2/data" -U keyway -A trust -E UTF8 --no-locale -N >"$2/log" 2>&1 &&
    "$1/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 \
        -o "-k '$2' -c listen_addresses='' -c fsync=off -c max_connections=500" start >>"$2/log" 2>&1 \
        || { cat "$2/log"; exit 1; }
    echo ready
    cat >/dev/null
    "$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1
"#;

/// Who owns the cluster where the tests run as root, which PostgreSQL refuses to: nobody.
const UNPRIVILEGED: u32 = 65534;

static SERVER: OnceLock<Server> = OnceLock::new();

/// A server, and what keeps it alive.
struct Server {
    /// The address of a database on it; others have the same one with another name.
    url: String,
    psql: PathBuf,
    /// Ends the server when its input is closed, as the end of this process does.
    _supervisor: Option<Child>,
}

/// The address of a new, empty database. Blocks while the server is started.
///
/// # Panics
/// When there is no PostgreSQL to be had: the tests must not pass without it.
pub(crate) fn fresh_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(server);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("keyway_test_{}_{number}", std::process::id());
    execute(&server.url, &format!("CREATE DATABASE {name}"));
    with_name(&server.url, &name)
}

/// Executes a statement at the address of a database of this server's.
///
/// # Panics
/// When it cannot be done.
pub(crate) fn execute(url: &str, sql: &str) {
    let psql = &SERVER.get_or_init(server).psql;
    let done = Command::new(psql)
        .args(["-qX", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", psql.display()));
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "cannot prepare the database of this test: {told}");
}

/// The address with another database name.
fn with_name(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority..].find('/').map_or(address.len(), |at| authority + at);
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{}/{name}{query}", &address[..end])
}

#[expect(clippy::disallowed_methods, reason = "tests are told where PostgreSQL is")]
fn server() -> Server {
    let binaries = std::env::var_os("KEYWAY_TEST_POSTGRES_BIN").map(PathBuf::from);
    let binaries = binaries.or_else(find_binaries);
    if let Ok(url) = std::env::var("KEYWAY_TEST_POSTGRES_URL") {
        let psql = binaries.map_or_else(|| PathBuf::from("psql"), |binaries| binaries.join("psql"));
        return Server { url, psql, _supervisor: None };
    }
    let binaries = binaries.expect(
        "these tests need PostgreSQL 13 or newer: install its server, or set \
         KEYWAY_TEST_POSTGRES_BIN to the directory of initdb and pg_ctl, or KEYWAY_TEST_POSTGRES_URL \
         to a server where databases may be made",
    );
    start(&binaries)
}

/// The directory of the newest server binaries on this machine.
fn find_binaries() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|told| PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    let mut installed: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    installed.sort_by_key(|path| {
        let version = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        std::cmp::Reverse(version.and_then(|version| version.parse::<u32>().ok()))
    });
    told.into_iter().chain(installed).find(|binaries| binaries.join("initdb").is_file())
}

fn start(binaries: &Path) -> Server {
    let directory = tempfile::Builder::new()
        .prefix("keyway-postgres-")
        .tempdir()
        .expect("a temporary directory")
        .keep();
    let mut supervisor = if is_root() {
        chown(&directory, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).expect("root may give it away");
        let id = UNPRIVILEGED.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    let mut child = supervisor
        .args(["-c", SUPERVISE, "sh"])
        .args([binaries, &directory])
        .current_dir(&directory)
        // Its own group, so that an interrupt at the keyboard leaves it to clean up.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the shell (as root: setpriv) can be run");
    let mut answer = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut line = String::new();
    answer.read_line(&mut line).expect("the supervisor answers");
    if line != "ready\n" {
        answer.read_to_string(&mut line).ok();
        panic!("PostgreSQL did not start from {}: {line}", binaries.display());
    }
    Server {
        url: format!("postgres://keyway@localhost/postgres?host={}", directory.display()),
        psql: binaries.join("psql"),
        _supervisor: Some(child),
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id can be run");
    id.stdout == b"0\n"
}
