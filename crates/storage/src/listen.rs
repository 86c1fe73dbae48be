//! The background task that hears of changes made by other processes: over LISTEN/NOTIFY on
//! PostgreSQL, and on SQLite by a look at `PRAGMA data_version`.

use std::time::Duration;

use sqlx::{
    PgPool, SqlitePool,
    postgres::{PgListener, PgNotification, PgPoolOptions},
};
use tokio::{sync::broadcast, task::JoinHandle};
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::{Arms, bounded},
    error::Error,
    notify::{self, Change},
};

/// How often SQLite is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long after a lost connection the first new one is tried, and the longest pause between
/// tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long PostgreSQL may say nothing before it is asked for a sign of life.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The running task; dropping it ends it.
pub(crate) struct ListenTask(JoinHandle<()>);

impl ListenTask {
    pub(crate) fn start(database: &Database) -> Self {
        let changes = database.inner.changes.clone();
        // The task holds the pools and not the database, which would keep itself alive.
        Self(match database.pools() {
            Arms::Sqlite(pools) => tokio::spawn(watch(pools.writer.clone(), changes)),
            Arms::Postgres(pool) => {
                tokio::spawn(listen(pool.clone(), database.inner.sender, changes))
            }
        })
    }
}

impl Drop for ListenTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens, and tells [`Change::Everything`] after each new connection, since changes may have been
/// missed before it.
async fn listen(pool: PgPool, me: Uuid, changes: broadcast::Sender<Change>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match connect(&pool).await {
            Ok(mut listener) => {
                pause = FIRST_PAUSE;
                let _ = changes.send(Change::Everything);
                while let Ok(Some(notification)) = hear(&mut listener).await {
                    if let Some(change) = notify::heard(me, notification.payload()) {
                        let _ = changes.send(change);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot listen for changes, trying again"),
        }
        if pool.is_closed() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The next notification; `None` when the connection is lost.
async fn hear(listener: &mut PgListener) -> Result<Option<PgNotification>, Error> {
    loop {
        match tokio::time::timeout(LONGEST_SILENCE, listener.try_recv()).await {
            Ok(heard) => return Ok(heard?),
            // A connection that was cut without a word is as silent as one with nothing to say.
            Err(_) => bounded(sqlx::query("SELECT 1").execute(&mut *listener)).await?,
        };
    }
}

/// A listener on a connection of its own, which the pool of the statements does not count.
async fn connect(pool: &PgPool) -> Result<PgListener, Error> {
    let options = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(LONGEST_PAUSE);
    let own = bounded(options.connect_with((*pool.connect_options()).clone())).await?;
    let mut listener = bounded(PgListener::connect_with(&own)).await?;
    listener.eager_reconnect(false);
    bounded(listener.listen(notify::CHANNEL)).await?;
    Ok(listener)
}

/// Looks again and again whether another process has written. It asks the connection that writes,
/// for which `data_version` moves only by the writes of others.
async fn watch(writer: SqlitePool, changes: broadcast::Sender<Change>) {
    let mut seen = None;
    while !writer.is_closed() {
        metrics::counter!("keyway_database_queries_total", "purpose" => "background").increment(1);
        let version = sqlx::query_scalar::<_, i64>("PRAGMA data_version").fetch_one(&writer);
        match bounded(version).await {
            Ok(version) => {
                if seen.replace(version).is_some_and(|before| before != version) {
                    let _ = changes.send(Change::Everything);
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for changes, trying again"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
