//! One `serve` for one SQLite file: a locked file beside the database.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
};

use crate::{database::Database, dispatch::Arms, error::Error, open::private_file};

/// Held as long as this process serves the database; dropping it, or the end of the process, lets
/// go.
#[derive(Debug)]
pub struct ServeLock(Option<File>);

impl ServeLock {
    /// Whether something is held: always on SQLite, never on PostgreSQL.
    pub const fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

impl Database {
    /// Locks the database against a second `serve`. PostgreSQL takes any number of replicas, and
    /// nothing is locked.
    ///
    /// # Errors
    /// [`Error::AlreadyServed`] with the lock file, when another process serves it;
    /// [`Error::Unavailable`] when the lock file cannot be made.
    pub fn lock_for_serving(&self) -> Result<ServeLock, Error> {
        let Arms::Sqlite(pools) = self.pools() else {
            return Ok(ServeLock(None));
        };
        let mut path = pools.writer.connect_options().get_filename().as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let unavailable = |error| Error::Unavailable(sqlx::Error::Io(error));
        let file = private_file().open(&path).map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => Ok(ServeLock(Some(file))),
            Err(TryLockError::WouldBlock) => Err(Error::AlreadyServed(path)),
            Err(TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }
}
