//! Erasing a user: everything that is theirs, in one write.

use keyway_model::{Grant, UserId};

use crate::{database::Database, dispatch::dispatch, error::Error, notify::Change};

const DELETE_CONNECTORS: &str = "DELETE FROM connectors WHERE user_id = $1";
const DELETE_SESSIONS: &str = "DELETE FROM browser_sessions WHERE user_id = $1";

impl Database {
    /// Deletes all connectors of the user with every sealed byte of them, their sign-ins and
    /// browser sessions. The grants come back, so that they can be revoked, except for those that
    /// do not open.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn erase_user(&self, user: &UserId) -> Result<Vec<Grant>, Error> {
        let mut transaction = self.write().await?;
        let mut rows = Vec::new();
        for connector in transaction.hold_connectors(user).await? {
            rows.extend(transaction.take_grant(user, connector).await?);
            transaction.announce_connector(user, connector);
        }
        dispatch!(execute transaction.statement(), DELETE_CONNECTORS, user.as_str())?;
        dispatch!(execute transaction.statement(), DELETE_SESSIONS, user.as_str())?;
        transaction.announce(Change::Sessions);
        transaction.commit().await?;
        Ok(rows.into_iter().filter_map(|row| self.open_if_possible(row)).collect())
    }
}
