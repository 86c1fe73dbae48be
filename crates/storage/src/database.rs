//! The `Database`: which pools there are, how a statement gets to one, and what is counted on the
//! way.

use std::sync::{Arc, OnceLock};

use keyway_model::{Clock, Random, Timestamp};
use sqlx::{PgPool, SqlitePool};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::{
    clocked::{Clocked, clocked},
    dispatch::{Arms, dispatch},
    error::Error,
    listen::ListenTask,
    notify::Change,
    seal::KeyRing,
    transaction::Transaction,
};

const NOW: Clocked = clocked!("SELECT " now);

/// The database, be it SQLite or PostgreSQL. Cheap to clone; clones share the pools.
#[derive(Clone)]
pub struct Database {
    pub(crate) inner: Arc<Inner>,
    purpose: Purpose,
}

pub(crate) struct Inner {
    pub(crate) pools: Arms<SqlitePools, PgPool>,
    pub(crate) keys: KeyRing,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) clock_offset_ms: i64,
    /// Names this process in what it announces, so that it does not hear itself.
    pub(crate) sender: Uuid,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) listening: OnceLock<ListenTask>,
}

/// SQLite's pools: one connection that writes, and several that only read.
pub(crate) struct SqlitePools {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

/// On whose account a statement is counted.
#[derive(Clone, Copy)]
enum Purpose {
    Request,
    Background,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Background => "background",
        }
    }
}

impl Database {
    pub(crate) fn over(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), purpose: Purpose::Request }
    }

    /// The same database, whose statements are counted as background work.
    #[must_use]
    pub fn for_background(&self) -> Self {
        Self { inner: self.inner.clone(), purpose: Purpose::Background }
    }

    /// The time by the database's own clock, which leases and sign-ins are measured with.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn now(&self) -> Result<Timestamp, Error> {
        if let Arms::Sqlite(_) = self.pools() {
            return Ok(self.inner.clock.now());
        }
        let (millis,): (i64,) =
            dispatch!(fetch_one self.reading(), NOW.text(self), self.clock_parameter())?;
        Ok(Timestamp::from_millis(millis))
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        let _: (i64,) = dispatch!(fetch_one self.reading(), "SELECT CAST(1 AS BIGINT)")?;
        Ok(())
    }

    /// The changes from now on, made by this process or another. The first call starts the
    /// background task that listens for others', so it is to be made inside a Tokio runtime.
    /// Whoever lags so far behind that the channel drops something is to treat that as
    /// [`Change::Everything`].
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        let receiver = self.inner.changes.subscribe();
        self.inner.listening.get_or_init(|| ListenTask::start(self));
        receiver
    }

    /// Closes the connections after the statements that are under way. Later ones find the database
    /// unavailable.
    pub async fn close(&self) {
        match self.pools() {
            Arms::Sqlite(pools) => {
                pools.readers.close().await;
                pools.writer.close().await;
            }
            Arms::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) fn pools(&self) -> &Arms<SqlitePools, PgPool> {
        &self.inner.pools
    }

    /// Where one statement that only reads runs.
    pub(crate) fn reading(&self) -> Arms<&SqlitePool, &PgPool> {
        self.count();
        match self.pools() {
            Arms::Sqlite(pools) => Arms::Sqlite(&pools.readers),
            Arms::Postgres(pool) => Arms::Postgres(pool),
        }
    }

    /// Where one statement that writes runs, as a transaction of its own.
    pub(crate) fn writing(&self) -> Arms<&SqlitePool, &PgPool> {
        self.count();
        match self.pools() {
            Arms::Sqlite(pools) => Arms::Sqlite(&pools.writer),
            Arms::Postgres(pool) => Arms::Postgres(pool),
        }
    }

    /// Begins a transaction that writes. SQLite takes its lock at once: a transaction that read
    /// first and wrote then would be refused, whatever the busy timeout.
    pub(crate) async fn write(&self) -> Result<Transaction, Error> {
        Transaction::begin(self).await
    }

    /// What a [`Clocked`](crate::clocked::Clocked) statement takes as `$1`.
    pub(crate) fn clock_parameter(&self) -> i64 {
        match self.pools() {
            Arms::Sqlite(_) => self.inner.clock.now().as_millis(),
            Arms::Postgres(_) => self.inner.clock_offset_ms,
        }
    }

    /// The instant that rows are stamped with, in milliseconds.
    pub(crate) fn stamp(&self) -> i64 {
        self.inner.clock.now().as_millis()
    }

    pub(crate) fn count(&self) {
        metrics::counter!("keyway_database_queries_total", "purpose" => self.purpose.as_str())
            .increment(1);
    }
}
