//! Erasing a user: everything that is theirs, in one write.

use keyway_model::{ConnectorId, UserId};

use crate::{database::Database, dispatch::dispatch, error::Error, notify::Change};

const DELETE_CONNECTORS: &str = "DELETE FROM connectors WHERE user_id = $1";
const DELETE_ACTIVITY: &str = "DELETE FROM activity WHERE user_id = $1";
const DELETE_SESSIONS: &str = "DELETE FROM browser_sessions WHERE user_id = $1";
const DELETE_PERSONAL_TOKENS: &str = "DELETE FROM personal_tokens WHERE user_id = $1";

impl Database {
    /// Deletes all connectors of the user with every sealed byte of them, their sign-ins, browser
    /// sessions, personal tokens and activity. Their tokens are revoked where the server offers it, in nobody's
    /// name. The connectors that were deleted come back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn erase_user(&self, user: &UserId) -> Result<Vec<ConnectorId>, Error> {
        let mut transaction = self.write().await?;
        let connectors = transaction.hold_connectors(user).await?;
        for &connector in &connectors {
            let row = transaction.take_grant(user, connector).await?;
            let grant = row.and_then(|row| self.open_if_possible(user, connector, row));
            if let Some(grant) = grant {
                self.insert_revocation(&mut transaction, &grant, None, None).await?;
            }
            transaction.announce_connector(user, connector);
        }
        self.make_revocations_nobodys(&mut transaction, user).await?;
        dispatch!(execute transaction.statement(), DELETE_CONNECTORS, user.as_str())?;
        dispatch!(execute transaction.statement(), DELETE_SESSIONS, user.as_str())?;
        dispatch!(execute transaction.statement(), DELETE_PERSONAL_TOKENS, user.as_str())?;
        dispatch!(execute transaction.statement(), DELETE_ACTIVITY, user.as_str())?;
        transaction.announce(Change::Sessions);
        transaction.announce(Change::PersonalTokens);
        transaction.commit().await?;
        Ok(connectors)
    }
}
