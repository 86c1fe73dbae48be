//! The end of a sign-in: the grant, the end of the session and the connector's state in one write.

use keyway_model::{AuthorizationSession, Grant};

use crate::{
    database::Database, dispatch::dispatch, error::Error, notify::Change, transaction::Transaction,
};

const FINISH: &str =
    "UPDATE authorization_sessions SET status = 'finished', failure = NULL, detail = NULL
    WHERE id = $1 AND user_id = $2 AND connector_id = $3 AND status = 'claimed'";
const READY: &str = "UPDATE connectors
    SET state = 'ready', state_reason = NULL, required_scopes = '[]', revision = revision + 1,
        updated_at = $4
    WHERE user_id = $1 AND id = $2 AND url = $3 AND auth_type = 'oauth'
    RETURNING last_grant_generation";

impl Database {
    /// Stores the grant of a claimed session in place of an older one, ends the session and marks
    /// the connector `ready`. The grant gets the next generation, whatever it says itself. `false`,
    /// and nothing is written: the session is not claimed, or the connector is gone, is no longer
    /// an OAuth one, or has another URL than at the start.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn finish_sign_in(
        &self,
        session: &AuthorizationSession,
        grant: &Grant,
    ) -> Result<bool, Error> {
        let (user, connector) = (&session.user_id, session.connector_id);
        if grant.user_id != *user || grant.connector_id != connector {
            return Ok(false);
        }
        let mut transaction = self.write().await?;
        if !transaction.hold_connector(user, connector).await? {
            return Ok(false);
        }
        let finished = dispatch!(
            execute transaction.statement(), FINISH, session.id.as_uuid(), user.as_str(),
            connector.as_uuid()
        )?;
        if finished == 0 {
            return Ok(false);
        }
        transaction.announce(Change::SignIn {
            user_id: user.clone(),
            connector_id: connector,
            authorization_session_id: session.id,
        });
        self.replace_grant(transaction, &session.connector_url, grant).await
    }

    /// Stores a grant that no person signed in for, in place of an older one, and marks the connector
    /// `ready`. The grant gets the next generation, whatever it says itself. `false`, and nothing is
    /// written: the connector is gone, is no longer an OAuth one, or has another URL.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn save_unattended_grant(
        &self,
        connector_url: &str,
        grant: &Grant,
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        if !transaction.hold_connector(&grant.user_id, grant.connector_id).await? {
            return Ok(false);
        }
        self.replace_grant(transaction, connector_url, grant).await
    }

    async fn replace_grant(
        &self,
        mut transaction: Transaction,
        connector_url: &str,
        grant: &Grant,
    ) -> Result<bool, Error> {
        let (user, connector) = (&grant.user_id, grant.connector_id);
        transaction.take_grant(user, connector).await?;
        let generation: Option<(i64,)> = dispatch!(
            fetch_optional transaction.statement(), READY, user.as_str(), connector.as_uuid(),
            connector_url, self.stamp()
        )?;
        let Some((last_generation,)) = generation else {
            return Ok(false);
        };
        self.insert_grant(&mut transaction, grant, last_generation + 1).await?;
        transaction.announce_connector(user, connector);
        transaction.commit().await?;
        Ok(true)
    }
}
