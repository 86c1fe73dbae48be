//! The grants: read, refreshed under a lease, refused and dropped. The generation fences every
//! change: whoever holds tokens of another generation than the stored one changes nothing.

mod facts;
mod row;

use std::time::Duration;

use keyway_model::{ConnectorId, ConnectorState, Grant, StateReason, Timestamp, UserId};
use secrecy::SecretString;

pub use facts::GrantFacts;
use row::place;
pub(crate) use row::{GrantRow, grant_columns};

use crate::{
    clocked::{Clocked, clocked},
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{list_text, millis},
};

/// How long after a forced refresh the next one may come.
const FORCED_PAUSE: Duration = Duration::from_secs(60);

const ONE: &str =
    concat!("SELECT ", grant_columns!(), " FROM grants WHERE user_id = $1 AND connector_id = $2");
const LEASE: Clocked = clocked!(
    "UPDATE grants
    SET lease_owner = $5, lease_until = " now " + $6,
        attempt_first_sent_at = COALESCE(attempt_first_sent_at, " now "),
        attempt_count = attempt_count + 1
    WHERE user_id = $2 AND connector_id = $3 AND generation = $4
        AND (lease_until IS NULL OR lease_until <= " now ")
    RETURNING ", grant_columns!()
);
const SAVE: &str = concat!(
    "UPDATE grants
    SET access_token = $4, refresh_token = COALESCE($5, refresh_token), obtained_at = $6,
        expires_at = $7, scopes = COALESCE($8, scopes), generation = generation + 1,
        attempt_first_sent_at = NULL, attempt_count = 0, lease_owner = NULL, lease_until = NULL
    WHERE user_id = $1 AND connector_id = $2 AND generation = $3
    RETURNING ",
    grant_columns!()
);
const HEAL: &str = "UPDATE connectors
    SET state = 'ready', state_reason = NULL, required_scopes = '[]', revision = revision + 1,
        updated_at = $3
    WHERE user_id = $1 AND id = $2 AND state = 'reauth_required'";
const RELEASE: &str = "UPDATE grants
    SET lease_owner = NULL, lease_until = NULL,
        attempt_first_sent_at = CASE WHEN $5 THEN NULL ELSE attempt_first_sent_at END,
        attempt_count = CASE WHEN $5 THEN 0 ELSE attempt_count END
    WHERE user_id = $1 AND connector_id = $2 AND generation = $3 AND lease_owner = $4";
const REFUSE: &str = "UPDATE grants
    SET lease_owner = NULL, lease_until = NULL, attempt_first_sent_at = NULL, attempt_count = 0
    WHERE user_id = $1 AND connector_id = $2 AND generation = $3";
const FORCE: &str = "UPDATE grants SET forced_at = $4
    WHERE user_id = $1 AND connector_id = $2 AND generation = $3
        AND (forced_at IS NULL OR forced_at <= $5)";

/// What a refresh gave.
#[derive(Clone, Debug)]
pub struct RefreshedTokens {
    /// The new access token.
    pub access_token: SecretString,
    /// The new refresh token; `None` keeps the old one (RFC 6749 §6).
    pub refresh_token: Option<SecretString>,
    /// When it was obtained.
    pub obtained_at: Timestamp,
    /// When the access token ends; `None` if the server did not say.
    pub expires_at: Option<Timestamp>,
    /// The scopes it has now; `None` keeps the old ones (RFC 6749 §5.1).
    pub scopes: Option<Vec<String>>,
}

impl Database {
    /// The connector's grant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn grant(&self, user: &UserId, id: ConnectorId) -> Result<Option<Grant>, Error> {
        let row: Option<GrantRow> =
            dispatch!(fetch_optional self.reading(), ONE, user.as_str(), id.as_uuid())?;
        row.map(|row| self.open_grant(user, id, row)).transpose()
    }

    /// Takes the lease to refresh this generation, and writes the attempt down before anything is
    /// sent. The grant comes back with the attempt counted: a count above one means that an earlier
    /// one was never settled. `None`: the generation has moved on, or somebody else holds the
    /// lease, which is measured with the database's clock.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then nothing may be sent.
    pub async fn lease_refresh(
        &self,
        user: &UserId,
        id: ConnectorId,
        generation: i64,
        owner: &str,
        lease: Duration,
    ) -> Result<Option<Grant>, Error> {
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let row: Option<GrantRow> = dispatch!(
            fetch_optional self.writing(), LEASE.text(self), self.clock_parameter(), user.as_str(),
            id.as_uuid(), generation, owner, lease_ms
        )?;
        row.map(|row| self.open_grant(user, id, row)).transpose()
    }

    /// Stores what a refresh of this generation gave, counts the generation up, ends lease and
    /// attempt, and heals a connector that was marked `reauth_required` meanwhile. A holder whose
    /// lease ran out may still save. `None`, and nothing is written: the generation has moved on.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then it is worth trying again, since the tokens exist nowhere else.
    pub async fn save_refreshed(
        &self,
        user: &UserId,
        id: ConnectorId,
        generation: i64,
        tokens: &RefreshedTokens,
    ) -> Result<Option<Grant>, Error> {
        let key = id.to_string();
        let at = |column| place(column, &key, user.as_str());
        let scopes = tokens.scopes.as_deref().map(list_text);
        let mut transaction = self.write().await?;
        transaction.hold_connector(user, id).await?;
        let row: Option<GrantRow> = dispatch!(
            fetch_optional transaction.statement(), SAVE, user.as_str(), id.as_uuid(), generation,
            self.seal(at("access_token"), &tokens.access_token),
            self.seal_optional(at("refresh_token"), tokens.refresh_token.as_ref()),
            tokens.obtained_at.as_millis(), millis(tokens.expires_at), scopes.as_deref()
        )?;
        let Some(row) = row else {
            return Ok(None);
        };
        let grant = self.open_grant(user, id, row)?;
        dispatch!(execute transaction.statement(), HEAL, user.as_str(), id.as_uuid(), self.stamp())?;
        transaction.announce_connector(user, id);
        transaction.commit().await?;
        Ok(Some(grant))
    }

    /// Gives the lease back. `settled` says that the attempt's outcome is known; otherwise it stays
    /// written down. Does nothing if the generation has moved on or another owner has the lease.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the lease then ends by itself.
    pub async fn release_lease(
        &self,
        user: &UserId,
        id: ConnectorId,
        generation: i64,
        owner: &str,
        settled: bool,
    ) -> Result<(), Error> {
        dispatch!(
            execute self.writing(), RELEASE, user.as_str(), id.as_uuid(), generation, owner, settled
        )?;
        Ok(())
    }

    /// Marks the connector `reauth_required`, because the grant of this generation was refused.
    /// Tokens and generation stay, so that a late save of the same generation can still heal it.
    /// `false`, and nothing is written: the generation has moved on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn refuse_grant(
        &self,
        user: &UserId,
        id: ConnectorId,
        generation: i64,
        reason: StateReason,
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        transaction.hold_connector(user, id).await?;
        let refused = dispatch!(
            execute transaction.statement(), REFUSE, user.as_str(), id.as_uuid(), generation
        )?;
        if refused == 0 {
            return Ok(false);
        }
        let state = ConnectorState::ReauthRequired;
        transaction.mark(user, id, state, Some(reason), &[]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that a refusal by the MCP server forces a refresh. `false`: not now; the generation
    /// has moved on, was forced before, or a refresh was forced within the last minute.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn mark_forced(
        &self,
        user: &UserId,
        id: ConnectorId,
        generation: i64,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let marked = dispatch!(
            execute self.writing(), FORCE, user.as_str(), id.as_uuid(), generation, now.as_millis(),
            now.minus(FORCED_PAUSE).as_millis()
        )?;
        Ok(marked > 0)
    }

    /// Forgets the grant, marks the connector, and has the tokens revoked where the server offers
    /// it, in one write. The grant comes back, unless it does not open. `None`: there was none to
    /// revoke.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn drop_grant(
        &self,
        user: &UserId,
        id: ConnectorId,
        state: ConnectorState,
        reason: Option<StateReason>,
    ) -> Result<Option<Grant>, Error> {
        let mut transaction = self.write().await?;
        transaction.hold_connector(user, id).await?;
        let grant = self.take_grant_to_revoke(&mut transaction, user, id).await?;
        if !transaction.mark(user, id, state, reason, &[]).await? {
            transaction.announce_connector(user, id);
        }
        transaction.commit().await?;
        Ok(grant)
    }
}
