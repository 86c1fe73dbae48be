//! What can go wrong at the database, by what a caller would do about it.

use std::{borrow::Cow, path::PathBuf};

use sqlx::error::{DatabaseError, ErrorKind};
use thiserror::Error;

/// A failure of the database. That a row is not there is no failure: it is `Ok(None)` or
/// `Ok(false)`.
#[derive(Debug, Error)]
pub enum Error {
    /// The database cannot be reached, is full, busy or shutting down; the same call may work
    /// later.
    #[error("the database cannot be used at the moment: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row that must be the only one of its kind is there already, or one that must be there is
    /// not. Holds the constraint's name, such as [`Error::SLUG_TAKEN`] or [`Error::PARENT_GONE`].
    #[error("the row conflicts with another one ({0})")]
    Conflict(String),
    /// A stored text says nothing that this version knows.
    #[error("the database holds a value that cannot be read: {table}.{column} of {row}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// A sealed value does not open: it was damaged, or moved from another row, column or user.
    #[error("a sealed value does not open: {table}.{column} of {row}")]
    Unsealing {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The master key of this id is another one than the database was sealed with.
    #[error(
        "the master key {key_id:?} is not the one this database was sealed with; restore the key that \
         was used (KEYWAY_MASTER_KEYS, or the file data/master.keys), or give the new key an id of its own"
    )]
    WrongKey {
        /// The key's id.
        key_id: String,
    },
    /// Values are sealed under a master key that is not configured.
    #[error(
        "the database holds values sealed under the master key {key_id:?}, which is not configured; add \
         it to KEYWAY_MASTER_KEYS, or restore the file data/master.keys"
    )]
    KeyMissing {
        /// The key's id.
        key_id: String,
    },
    /// Another process serves this SQLite file.
    #[error(
        "another `keyway serve` runs on this database (it holds the lock {0}); stop it first, or use \
         PostgreSQL for more than one replica"
    )]
    AlreadyServed(PathBuf),
    /// A newer Keyway has migrated the database.
    #[error(
        "the database was migrated by a newer Keyway (its schema has migration {found}, this binary \
         knows {known}); run that version, or restore a backup"
    )]
    SchemaNewer {
        /// The newest migration found in the database.
        found: i64,
        /// The newest migration this binary knows.
        known: i64,
    },
    /// The database refused a statement, or its address cannot be understood.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// The constraint of a [`Error::Conflict`] where the user has another connector with this slug.
    pub const SLUG_TAKEN: &'static str = "connectors_user_id_slug_key";
    /// The constraint of a [`Error::Conflict`] where the row that this one belongs to is gone, or
    /// is another user's.
    pub const PARENT_GONE: &'static str = "foreign_key";

    /// A setting that cannot be understood.
    pub(crate) fn configuration(message: &'static str) -> Self {
        Self::Database(sqlx::Error::Configuration(message.into()))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(refusal) => match refusal.kind() {
                ErrorKind::UniqueViolation => Self::Conflict(constraint_name(refusal.as_ref())),
                ErrorKind::ForeignKeyViolation => Self::Conflict(Self::PARENT_GONE.to_owned()),
                _ if passes_by_itself(refusal.as_ref()) => Self::Unavailable(error),
                _ => Self::Database(error),
            },
            _ => Self::Database(error),
        }
    }
}

/// The name of the violated constraint. SQLite tells only the columns, from which PostgreSQL's
/// default name (`{table}_{columns}_key`) is put together.
fn constraint_name(refusal: &dyn DatabaseError) -> String {
    if let Some(name) = refusal.constraint() {
        return name.to_owned();
    }
    let (_, places) = refusal.message().rsplit_once(": ").unwrap_or_default();
    let columns: Vec<&str> =
        places.split(", ").filter_map(|place| place.split_once('.')).map(|(_, c)| c).collect();
    let table = places.split('.').next().unwrap_or_default();
    format!("{table}_{}_key", columns.join("_"))
}

/// Whether the database said that it is the moment that is wrong and not the statement.
fn passes_by_itself(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or(Cow::Borrowed(""));
    if refusal.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The low byte of an extended result code is the primary one: BUSY, LOCKED, READONLY,
        // IOERR, FULL and CANTOPEN.
        let primary = code.parse::<u32>().unwrap_or(0) & 0xff;
        return matches!(primary, 5 | 6 | 8 | 10 | 13 | 14);
    }
    // Connection trouble, no resources, shutdown, system error; a deadlock or a serialization
    // failure; and a server that has become a standby.
    ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
        || matches!(&*code, "40001" | "40P01" | "25006" | "55P03")
}
