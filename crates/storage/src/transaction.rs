//! A transaction that writes, and tells what it changed once it is committed.

use keyway_model::{ConnectorId, UserId};
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::{Arms, bounded, dispatch},
    error::Error,
    notify::{self, Change},
};

/// A transaction. Dropped without [`Transaction::commit`], it leaves nothing behind.
pub(crate) struct Transaction {
    database: Database,
    arms: Arms<sqlx::Transaction<'static, Sqlite>, sqlx::Transaction<'static, Postgres>>,
    changes: Vec<Change>,
}

impl Transaction {
    pub(crate) async fn begin(database: &Database) -> Result<Self, Error> {
        let arms = match database.pools() {
            Arms::Sqlite(pools) => {
                Arms::Sqlite(bounded(pools.writer.begin_with("BEGIN IMMEDIATE")).await?)
            }
            Arms::Postgres(pool) => Arms::Postgres(bounded(pool.begin()).await?),
        };
        Ok(Self { database: database.clone(), arms, changes: Vec::new() })
    }

    /// Where the next statement runs.
    pub(crate) fn statement(&mut self) -> Arms<&mut SqliteConnection, &mut PgConnection> {
        self.database.count();
        match &mut self.arms {
            Arms::Sqlite(transaction) => Arms::Sqlite(transaction),
            Arms::Postgres(transaction) => Arms::Postgres(transaction),
        }
    }

    /// Holds the user's connector until the end of the transaction, so that transactions that touch
    /// several tables of one connector come one after another. `false`: there is no such connector.
    pub(crate) async fn hold_connector(
        &mut self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<bool, Error> {
        // SQLite has one writer, and needs no row lock.
        let sql = match &self.arms {
            Arms::Sqlite(_) => "SELECT id FROM connectors WHERE id = $1 AND user_id = $2",
            Arms::Postgres(_) => {
                "SELECT id FROM connectors WHERE id = $1 AND user_id = $2 FOR UPDATE"
            }
        };
        let held: Option<(Uuid,)> =
            dispatch!(fetch_optional self.statement(), sql, id.as_uuid(), user.as_str())?;
        Ok(held.is_some())
    }

    /// Holds all the user's connectors, as [`Transaction::hold_connector`] does, and names them.
    pub(crate) async fn hold_connectors(
        &mut self,
        user: &UserId,
    ) -> Result<Vec<ConnectorId>, Error> {
        let sql = match &self.arms {
            Arms::Sqlite(_) => "SELECT id FROM connectors WHERE user_id = $1 ORDER BY id",
            Arms::Postgres(_) => {
                "SELECT id FROM connectors WHERE user_id = $1 ORDER BY id FOR UPDATE"
            }
        };
        let held: Vec<(Uuid,)> = dispatch!(fetch_all self.statement(), sql, user.as_str())?;
        Ok(held.into_iter().map(|(id,)| ConnectorId::from_uuid(id)).collect())
    }

    /// The instant that rows are stamped with, in milliseconds.
    pub(crate) fn stamp(&self) -> i64 {
        self.database.stamp()
    }

    /// Lets others know of the change, once it is committed.
    pub(crate) fn announce(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// [`Transaction::announce`] for one connector.
    pub(crate) fn announce_connector(&mut self, user: &UserId, connector_id: ConnectorId) {
        self.announce(Change::Connector { user_id: user.clone(), connector_id });
    }

    /// [`Transaction::announce`] for what a contact with the connector's server showed.
    pub(crate) fn announce_contact(&mut self, user: &UserId, connector_id: ConnectorId) {
        self.announce(Change::Contact { user_id: user.clone(), connector_id });
    }

    /// Makes it all lasting, and tells: other processes in the same commit, this one right after.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        if let Arms::Postgres(transaction) = &mut self.arms {
            for change in &self.changes {
                let payload = notify::payload(self.database.inner.sender, change);
                let tell = sqlx::query("SELECT pg_notify($1, $2)")
                    .bind(notify::CHANNEL)
                    .bind(payload)
                    .execute(&mut **transaction);
                bounded(tell).await?;
            }
        }
        match self.arms {
            Arms::Sqlite(transaction) => bounded(transaction.commit()).await?,
            Arms::Postgres(transaction) => bounded(transaction.commit()).await?,
        }
        for change in self.changes {
            // Nobody listening is no failure.
            let _ = self.database.inner.changes.send(change);
        }
        Ok(())
    }
}
