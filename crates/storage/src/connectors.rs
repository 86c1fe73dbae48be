//! The connectors' rows: made, found, deleted, and marked with what the last contact showed.

mod row;
mod update;

use keyway_model::{
    Connector, ConnectorId, ConnectorKey, ConnectorState, Grant, GrantSecret, Health, StateReason,
    UserId,
};
use secrecy::SecretString;

pub(crate) use row::{ConnectorRow, connector_columns};
pub use update::{ChangedConnector, ConnectorUpdate, HeaderEdit, SecretEdit};

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{json_text, list_text, millis},
    seal::Place,
    transaction::Transaction,
};

const INSERT: &str = "INSERT INTO connectors (id, user_id, name, slug, url, auth_type, oauth_grant,
        oauth_client_id, oauth_auth_method, oauth_scopes, oauth_signing_algorithm, idp_issuer,
        idp_client_id, idp_token_endpoint, client_secret, enabled, state,
        state_reason, required_scopes, health_status, health_checked_at, health_detail,
        pinned_protocol_version, protocol_version, tool_count, read_only, tool_modes, revision,
        last_grant_generation, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23, $24, $25, $26, $27, $28, 0, $29, $30)";
const BY_ID: &str =
    concat!("SELECT ", connector_columns!(), " FROM connectors WHERE user_id = $1 AND id = $2");
const BY_SLUG: &str =
    concat!("SELECT ", connector_columns!(), " FROM connectors WHERE user_id = $1 AND slug = $2");
const OF_USER: &str = concat!(
    "SELECT ",
    connector_columns!(),
    " FROM connectors WHERE user_id = $1 ORDER BY created_at, id"
);
const CLIENT_SECRET: &str = "SELECT client_secret FROM connectors WHERE user_id = $1 AND id = $2";
const DELETE: &str = "DELETE FROM connectors WHERE user_id = $1 AND id = $2";
const RECORD_CHANGED: &str = "UPDATE connectors
    SET health_status = $3, health_checked_at = $4, health_detail = $5,
        protocol_version = COALESCE($6, protocol_version), tool_count = COALESCE($7, tool_count)
    WHERE user_id = $1 AND id = $2 AND (
        health_status <> $3 OR health_detail IS DISTINCT FROM $5
        OR protocol_version IS DISTINCT FROM COALESCE($6, protocol_version)
        OR tool_count IS DISTINCT FROM COALESCE($7, tool_count))";
const RECORD_SAME: &str =
    "UPDATE connectors SET health_checked_at = $3 WHERE user_id = $1 AND id = $2";
const SET_STATE: &str = "UPDATE connectors
    SET state = $3, state_reason = $4, required_scopes = $5, revision = revision + 1, updated_at = $6
    WHERE user_id = $1 AND id = $2 AND (
        state <> $3 OR state_reason IS DISTINCT FROM $4 OR required_scopes <> $5)";

impl Database {
    /// Stores a new connector with its headers, in the order given, the secret of a client that was
    /// registered by hand, and the secrets of a grant without a person. `header_names` of the connector is not looked at.
    ///
    /// # Errors
    /// [`Error::Conflict`] with [`Error::SLUG_TAKEN`].
    pub async fn insert_connector(
        &self,
        connector: &Connector,
        headers: &[(String, SecretString)],
        client_secret: Option<&SecretString>,
        grant_secrets: &[(GrantSecret, SecretString)],
    ) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        self.insert_row(&mut transaction, connector, client_secret).await?;
        for (name, value) in grant_secrets {
            self.set_grant_secret(&mut transaction, &connector.user_id, connector.id, *name, value)
                .await?;
        }
        for (name, value) in headers {
            self.set_header(&mut transaction, &connector.user_id, connector.id, name, value)
                .await?;
        }
        transaction.announce_connector(&connector.user_id, connector.id);
        transaction.commit().await
    }

    /// The user's connector of this id or slug.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn connector(
        &self,
        user: &UserId,
        key: &ConnectorKey,
    ) -> Result<Option<Connector>, Error> {
        let row: Option<ConnectorRow> = match key {
            ConnectorKey::Id(id) => {
                dispatch!(fetch_optional self.reading(), BY_ID, user.as_str(), id.as_uuid())?
            }
            ConnectorKey::Slug(slug) => {
                dispatch!(fetch_optional self.reading(), BY_SLUG, user.as_str(), slug.as_str())?
            }
        };
        row.map(Connector::try_from).transpose()
    }

    /// All the user's connectors, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn connectors_of(&self, user: &UserId) -> Result<Vec<Connector>, Error> {
        let rows: Vec<ConnectorRow> = dispatch!(fetch_all self.reading(), OF_USER, user.as_str())?;
        rows.into_iter().map(Connector::try_from).collect()
    }

    /// Deletes the connector with every sealed byte of it, and has its tokens revoked where the
    /// server offers it, in one write. `None`: the user has no such connector. The grant comes
    /// back, unless it does not open.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_connector(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Option<Option<Grant>>, Error> {
        let mut transaction = self.write().await?;
        if !transaction.hold_connector(user, id).await? {
            return Ok(None);
        }
        let grant = self.take_grant_to_revoke(&mut transaction, user, id).await?;
        dispatch!(execute transaction.statement(), DELETE, user.as_str(), id.as_uuid())?;
        transaction.announce_connector(user, id);
        transaction.commit().await?;
        Ok(Some(grant))
    }

    /// Notes the last real contact. What is `None` keeps its value. The revision stays; the change
    /// is told to others only if more than the time is new.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_contact(
        &self,
        user: &UserId,
        id: ConnectorId,
        health: &Health,
        protocol_version: Option<&str>,
        tool_count: Option<i64>,
    ) -> Result<(), Error> {
        let (user_text, uuid) = (user.as_str(), id.as_uuid());
        let checked_at = millis(health.checked_at);
        let mut transaction = self.write().await?;
        let changed = dispatch!(
            execute transaction.statement(), RECORD_CHANGED, user_text, uuid,
            health.status.as_str(), checked_at, health.detail.as_deref(), protocol_version, tool_count
        )?;
        if changed > 0 {
            transaction.announce_contact(user, id);
        } else {
            dispatch!(execute transaction.statement(), RECORD_SAME, user_text, uuid, checked_at)?;
        }
        transaction.commit().await
    }

    /// Marks whether the credential works. `false`: it was marked so already, or the user has no
    /// such connector. A change counts the revision up.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_state(
        &self,
        user: &UserId,
        id: ConnectorId,
        state: ConnectorState,
        reason: Option<StateReason>,
        required_scopes: &[String],
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        if !transaction.mark(user, id, state, reason, required_scopes).await? {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The secret of the client that was registered by hand.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`].
    pub async fn client_secret(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Option<SecretString>, Error> {
        let row: Option<(Option<Vec<u8>>,)> = dispatch!(
            fetch_optional self.reading(), CLIENT_SECRET, user.as_str(), id.as_uuid()
        )?;
        let sealed = row.and_then(|(sealed,)| sealed);
        self.open_optional(client_secret_place(&id.to_string(), user), sealed.as_deref())
    }

    async fn insert_row(
        &self,
        transaction: &mut Transaction,
        connector: &Connector,
        client_secret: Option<&SecretString>,
    ) -> Result<(), Error> {
        let Connector { oauth, health, user_id, .. } = connector;
        let key = connector.id.to_string();
        let secret = self.seal_optional(client_secret_place(&key, user_id), client_secret);
        dispatch!(
            execute transaction.statement(), INSERT,
            connector.id.as_uuid(), user_id.as_str(), connector.name.as_str(),
            connector.slug.as_str(), connector.url.as_str(), connector.auth_type.as_str(),
            oauth.grant.as_str(), oauth.client_id.as_deref(),
            oauth.token_endpoint_auth_method.as_deref(), list_text(&oauth.scopes),
            oauth.signing_algorithm.as_deref(), oauth.idp.issuer.as_deref(),
            oauth.idp.client_id.as_deref(), oauth.idp.token_endpoint.as_deref(), secret,
            connector.enabled, connector.state.as_str(),
            connector.state_reason.map(StateReason::as_str), list_text(&connector.required_scopes),
            health.status.as_str(), millis(health.checked_at), health.detail.as_deref(),
            connector.pinned_protocol_version.as_deref(), connector.protocol_version.as_deref(),
            connector.tool_count, connector.read_only, json_text(&connector.tool_modes), connector.revision,
            connector.created_at.as_millis(), connector.updated_at.as_millis()
        )?;
        Ok(())
    }
}

impl Transaction {
    /// Marks whether the credential works, as [`Database::set_state`] does, and tells.
    pub(crate) async fn mark(
        &mut self,
        user: &UserId,
        id: ConnectorId,
        state: ConnectorState,
        reason: Option<StateReason>,
        required_scopes: &[String],
    ) -> Result<bool, Error> {
        let stamp = self.stamp();
        let changed = dispatch!(
            execute self.statement(), SET_STATE, user.as_str(), id.as_uuid(), state.as_str(),
            reason.map(StateReason::as_str), list_text(required_scopes), stamp
        )?;
        if changed > 0 {
            self.announce_connector(user, id);
        }
        Ok(changed > 0)
    }

    pub(crate) async fn connector(
        &mut self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Option<Connector>, Error> {
        let row: Option<ConnectorRow> =
            dispatch!(fetch_optional self.statement(), BY_ID, user.as_str(), id.as_uuid())?;
        row.map(Connector::try_from).transpose()
    }
}

/// Where the secret of a client that was registered by hand is stored.
pub(crate) fn client_secret_place<'a>(key: &'a str, user: &'a UserId) -> Place<'a> {
    Place { table: "connectors", column: "client_secret", row: key, user: user.as_str() }
}
