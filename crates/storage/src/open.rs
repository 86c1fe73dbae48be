//! Opening: from an address to the pools, with the settings that each database needs to be safe.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    path::Path,
    str::FromStr,
    sync::OnceLock,
    time::Duration,
};

use keyway_model::{Clock, Random};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::{
    database::{Database, Inner, SqlitePools},
    dispatch::Arms,
    error::Error,
    seal::KeyRing,
};

/// How long a statement waits for a connection before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that read SQLite; each has a thread.
const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL, besides the one that listens.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How many changes a subscriber may lag behind.
const CHANGES_KEPT: usize = 256;

/// What a database is opened with.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://path` (relative to the working directory, or absolute) or `postgres://…`. Secret,
    /// since the latter may hold a password.
    pub url: SecretString,
    /// The keys that seal and open.
    pub keys: KeyRing,
    /// Where rows get their instants from, and on SQLite the clock of leases.
    pub clock: Clock,
    /// Where salts and nonces come from.
    pub random: Random,
    /// Added to PostgreSQL's own clock, in milliseconds; for tests, zero otherwise.
    pub database_clock_offset_ms: i64,
}

impl Database {
    /// Opens the database, and creates the file and its directory where they are missing on SQLite
    /// (readable by their owner alone). Neither migrates nor looks at the keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot be reached, [`Error::Database`] when the address
    /// cannot be understood.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let url = options.url.expose_secret();
        let pools = if url.starts_with("sqlite:") {
            Arms::Sqlite(Box::pin(open_sqlite(url)).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Arms::Postgres(Box::pin(open_postgres(url)).await?)
        } else {
            return Err(Error::configuration(
                "the database address is neither sqlite://… nor postgres://…",
            ));
        };
        Ok(Self::over(Inner {
            pools,
            sender: Uuid::from_bytes(options.random.bytes()),
            keys: options.keys,
            clock: options.clock,
            random: options.random,
            clock_offset_ms: options.database_clock_offset_ms,
            changes: broadcast::Sender::new(CHANGES_KEPT),
            listening: OnceLock::new(),
        }))
    }
}

async fn open_postgres(url: &str) -> Result<PgPool, Error> {
    let options = PgConnectOptions::from_str(url)?.application_name("keyway");
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options);
    Ok(pool.await?)
}

async fn open_sqlite(url: &str) -> Result<SqlitePools, Error> {
    let options = SqliteConnectOptions::from_str(url)?;
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Error::configuration("SQLite in memory is not supported; name a file"));
    }
    create_file(options.get_filename())
        .map_err(|error| Error::Unavailable(sqlx::Error::Io(error)))?;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // What was deleted is overwritten in the file.
        .pragma("secure_delete", "ON");
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .max_lifetime(None)
            .idle_timeout(None)
    };
    let writer = pool().max_connections(1).connect_with(options.clone()).await?;
    let readers = pool().max_connections(SQLITE_READERS);
    let readers = readers.connect_with(options.pragma("query_only", "ON")).await?;
    Ok(SqlitePools { writer, readers })
}

/// Creates the file before SQLite does, which would let others read it. SQLite gives the same mode
/// to the files that it keeps beside it.
fn create_file(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(directory)?;
    }
    private_file().open(path).map(drop)
}

/// Opens for writing without truncating, and creates for the owner alone.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
