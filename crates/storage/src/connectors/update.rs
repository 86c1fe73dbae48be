//! A change of a connector by a person: everything that goes with it happens in one write.

use keyway_model::{
    AuthType, Connector, ConnectorId, ConnectorState, Grant, GrantSecret, OAuthSettings, Slug,
    StateReason, UserId,
};
use secrecy::SecretString;

use crate::{
    connectors::client_secret_place, database::Database, dispatch::dispatch, error::Error,
    rows::list_text, transaction::Transaction,
};

/// The last contact and the tools of another URL say nothing about this one.
const UPDATE: &str = "UPDATE connectors
    SET name = $4, slug = $5, url = $6, auth_type = $7, oauth_grant = $8, oauth_client_id = $9,
        oauth_auth_method = $10, oauth_scopes = $11,
        client_secret = CASE WHEN $12 THEN client_secret ELSE $13 END,
        enabled = $14, pinned_protocol_version = $15, read_only = $16, state = $17,
        state_reason = $18, required_scopes = $19, revision = revision + 1, updated_at = $20,
        protocol_version = CASE WHEN url = $6 THEN protocol_version END,
        tool_count = CASE WHEN url = $6 THEN tool_count END,
        health_status = CASE WHEN url = $6 THEN health_status ELSE 'unknown' END,
        health_checked_at = CASE WHEN url = $6 THEN health_checked_at END,
        health_detail = CASE WHEN url = $6 THEN health_detail END,
        oauth_signing_algorithm = $21, idp_issuer = $22, idp_client_id = $23, idp_token_endpoint = $24
    WHERE user_id = $1 AND id = $2 AND revision = $3";
const DROP_TOOLS: &str = "DELETE FROM tool_lists
    WHERE user_id = $1 AND connector_id = $2
        AND EXISTS (SELECT 1 FROM connectors WHERE user_id = $1 AND id = $2 AND url <> $3)";

const DROP_DESCRIPTORS: &str = "DELETE FROM tool_descriptors
    WHERE user_id = $1 AND connector_id = $2
        AND EXISTS (SELECT 1 FROM connectors WHERE user_id = $1 AND id = $2 AND url <> $3)";

/// What a connector is to be after a change.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the row or a step of the write"
)]
pub struct ConnectorUpdate {
    /// The name shown.
    pub name: String,
    /// The short name.
    pub slug: Slug,
    /// The MCP endpoint. Where it differs from the stored one, what the last contact showed
    /// (health, version, tools) is forgotten; `drop_headers` and `drop_grant` are the caller's to
    /// decide.
    pub url: String,
    /// How requests are authenticated.
    pub auth_type: AuthType,
    /// The OAuth settings.
    pub oauth: OAuthSettings,
    /// The user's switch.
    pub enabled: bool,
    /// The only protocol version to speak.
    pub pinned_protocol_version: Option<String>,
    /// Whether tools that write are refused.
    pub read_only: bool,
    /// Whether the credential works.
    pub state: ConnectorState,
    /// Why it does not.
    pub state_reason: Option<StateReason>,
    /// The scopes that are missing.
    pub required_scopes: Vec<String>,
    /// What happens to single headers, after `drop_headers`.
    pub headers: Vec<HeaderEdit>,
    /// Whether all the headers are removed.
    pub drop_headers: bool,
    /// What happens to the secret of the client that was registered by hand.
    pub client_secret: SecretEdit,
    /// What happens to the secrets of a grant without a person; what is not named stays.
    pub grant_secrets: Vec<(GrantSecret, SecretEdit)>,
    /// Whether the grant is removed.
    pub drop_grant: bool,
}

/// What happens to one header. Names are compared without regard to case; what is not named stays.
#[derive(Clone, Debug)]
pub enum HeaderEdit {
    /// It gets this value; a new one comes last.
    Set(String, SecretString),
    /// It is removed.
    Remove(String),
}

/// What happens to a secret.
#[derive(Clone, Debug)]
pub enum SecretEdit {
    /// It stays.
    Keep,
    /// It is replaced.
    Set(SecretString),
    /// It is removed.
    Remove,
}

/// A connector after a change.
#[derive(Clone, Debug)]
pub struct ChangedConnector {
    /// The row as it is now.
    pub connector: Connector,
    /// The grant that was removed; its tokens are revoked where the server offers it.
    pub dropped_grant: Option<Grant>,
}

impl Database {
    /// Changes the connector in one write, and counts its revision up. `None`, and nothing is
    /// written: the user has no such connector at that revision.
    ///
    /// # Errors
    /// [`Error::Conflict`] with [`Error::SLUG_TAKEN`].
    pub async fn update_connector(
        &self,
        user: &UserId,
        id: ConnectorId,
        expected_revision: i64,
        update: &ConnectorUpdate,
    ) -> Result<Option<ChangedConnector>, Error> {
        let mut transaction = self.write().await?;
        if !transaction.hold_connector(user, id).await? {
            return Ok(None);
        }
        for drop in [DROP_TOOLS, DROP_DESCRIPTORS] {
            let (user, url) = (user.as_str(), update.url.as_str());
            dispatch!(execute transaction.statement(), drop, user, id.as_uuid(), url)?;
        }
        // The tokens are revoked on behalf of the URL that they were obtained for: the old one.
        let mut dropped_grant = None;
        if update.drop_grant {
            dropped_grant = self.take_grant_to_revoke(&mut transaction, user, id).await?;
        }
        if !self.update_row(&mut transaction, user, id, expected_revision, update).await? {
            return Ok(None);
        }
        if update.drop_headers {
            transaction.drop_headers(user, id).await?;
        }
        for edit in &update.headers {
            self.edit_header(&mut transaction, user, id, edit).await?;
        }
        for (name, edit) in &update.grant_secrets {
            self.edit_grant_secret(&mut transaction, user, id, *name, edit).await?;
        }
        let connector = transaction.connector(user, id).await?;
        transaction.announce_connector(user, id);
        transaction.commit().await?;
        Ok(connector.map(|connector| ChangedConnector { connector, dropped_grant }))
    }

    async fn update_row(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        id: ConnectorId,
        expected_revision: i64,
        update: &ConnectorUpdate,
    ) -> Result<bool, Error> {
        let (key, oauth) = (id.to_string(), &update.oauth);
        let (keep_secret, secret) = match &update.client_secret {
            SecretEdit::Keep => (true, None),
            SecretEdit::Set(secret) => (false, Some(secret)),
            SecretEdit::Remove => (false, None),
        };
        let secret = self.seal_optional(client_secret_place(&key, user), secret);
        let changed = dispatch!(
            execute transaction.statement(), UPDATE,
            user.as_str(), id.as_uuid(), expected_revision, update.name.as_str(),
            update.slug.as_str(), update.url.as_str(), update.auth_type.as_str(),
            oauth.grant.as_str(), oauth.client_id.as_deref(),
            oauth.token_endpoint_auth_method.as_deref(), list_text(&oauth.scopes), keep_secret,
            secret, update.enabled, update.pinned_protocol_version.as_deref(), update.read_only,
            update.state.as_str(), update.state_reason.map(StateReason::as_str),
            list_text(&update.required_scopes), self.stamp(), oauth.signing_algorithm.as_deref(),
            oauth.idp.issuer.as_deref(), oauth.idp.client_id.as_deref(),
            oauth.idp.token_endpoint.as_deref()
        )?;
        Ok(changed > 0)
    }

    async fn edit_header(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        id: ConnectorId,
        edit: &HeaderEdit,
    ) -> Result<(), Error> {
        match edit {
            HeaderEdit::Set(name, value) => {
                self.set_header(transaction, user, id, name, value).await
            }
            HeaderEdit::Remove(name) => transaction.remove_header(user, id, name).await,
        }
    }
}
