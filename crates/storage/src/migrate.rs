//! Bringing the schema up to date. The migrations are part of the binary.

use sqlx::{
    migrate::{Migrate, MigrateError, Migrator},
    pool::PoolConnection,
};

use crate::{database::Database, dispatch::Arms, error::Error};

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

impl Database {
    /// Applies the migrations that are missing. Replicas that start together take turns.
    ///
    /// # Errors
    /// [`Error::SchemaNewer`] when a newer Keyway was here, [`Error::Database`] when a migration
    /// fails.
    pub async fn migrate(&self) -> Result<(), Error> {
        let done = match self.pools() {
            Arms::Sqlite(pools) => {
                let done = run(&SQLITE, pools.writer.acquire().await?).await;
                if done.is_ok() {
                    // The pages of new tables would stay in the writer's cache.
                    sqlx::raw_sql("PRAGMA shrink_memory").execute(&pools.writer).await?;
                }
                done
            }
            Arms::Postgres(pool) => run(&POSTGRES, pool.acquire().await?).await,
        };
        done.map_err(|error| match error {
            MigrateError::VersionMissing(found) => Error::SchemaNewer { found, known: newest() },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => Error::Database(error.into()),
        })
    }
}

/// A migration that failed leaves its connection locked, so that connection is not used again.
async fn run<DB: sqlx::Database>(
    migrator: &Migrator,
    mut connection: PoolConnection<DB>,
) -> Result<(), MigrateError>
where
    DB::Connection: Migrate,
{
    // `Migrator::run` would do the same, but its future cannot be sent to another thread.
    let done = migrator.run_direct(None, &mut *connection, false).await;
    if done.is_err() {
        connection.close().await?;
    }
    done
}

/// The newest migration that this binary knows; both folders hold the same.
fn newest() -> i64 {
    SQLITE.iter().map(|migration| migration.version).max().unwrap_or(0)
}
