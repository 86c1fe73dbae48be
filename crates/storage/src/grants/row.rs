//! A grant's columns, the way from them to the model and back, and how a grant goes and comes
//! inside a transaction.

use keyway_model::{ConnectorId, Grant, RefreshAttempt, SignInId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    client::{ClientRow, client_columns, secret_expiry},
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{RowName, instant, list_text, millis},
    seal::Place,
    transaction::Transaction,
};

macro_rules! grant_columns {
    () => {
        concat!(
            "sign_in_id, ",
            $crate::client::client_columns!(),
            ", token_endpoint, revocation_endpoint, resource, scopes, account, access_token, \
             refresh_token, dpop_key, obtained_at, expires_at, generation, attempt_first_sent_at, \
             attempt_count, forced_at"
        )
    };
}
pub(crate) use grant_columns;

const INSERT: &str = concat!(
    "INSERT INTO grants (connector_id, user_id, sign_in_id, ",
    client_columns!(),
    ", token_endpoint, revocation_endpoint, resource, scopes, account, access_token, refresh_token, \
     dpop_key, obtained_at, expires_at, generation, attempt_count) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $20, $21, 0)"
);
const TAKE: &str = concat!(
    "DELETE FROM grants WHERE user_id = $1 AND connector_id = $2 RETURNING ",
    grant_columns!()
);
const REMEMBER_GENERATION: &str =
    "UPDATE connectors SET last_grant_generation = $3 WHERE user_id = $1 AND id = $2";

#[derive(sqlx::FromRow)]
pub(crate) struct GrantRow {
    sign_in_id: Uuid,
    #[sqlx(flatten)]
    client: ClientRow,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    resource: Option<String>,
    scopes: String,
    account: Option<String>,
    access_token: Vec<u8>,
    refresh_token: Option<Vec<u8>>,
    dpop_key: Option<Vec<u8>>,
    obtained_at: i64,
    expires_at: Option<i64>,
    generation: i64,
    attempt_first_sent_at: Option<i64>,
    attempt_count: i64,
    forced_at: Option<i64>,
}

impl Database {
    /// The grant of a row of this user and connector, with its tokens opened.
    pub(crate) fn open_grant(
        &self,
        user: &UserId,
        connector: ConnectorId,
        row: GrantRow,
    ) -> Result<Grant, Error> {
        let key = connector.to_string();
        let name = RowName { table: "grants", row: &key };
        let at = |column| place(column, &key, user.as_str());
        let access_token = self.open_sealed(at("access_token"), &row.access_token)?;
        let refresh_token =
            self.open_optional(at("refresh_token"), row.refresh_token.as_deref())?;
        let dpop_key = self.open_optional(at("dpop_key"), row.dpop_key.as_deref())?;
        Ok(Grant {
            connector_id: connector,
            client: row.client.open(self, name, user.as_str())?,
            user_id: user.clone(),
            sign_in_id: SignInId::from_uuid(row.sign_in_id),
            token_endpoint: row.token_endpoint,
            revocation_endpoint: row.revocation_endpoint,
            resource: row.resource,
            scopes: name.list("scopes", &row.scopes)?,
            account: row.account,
            access_token,
            refresh_token,
            dpop_key,
            obtained_at: Timestamp::from_millis(row.obtained_at),
            expires_at: instant(row.expires_at),
            generation: row.generation,
            attempt: row.attempt_first_sent_at.map(|first| RefreshAttempt {
                first_sent_at: Timestamp::from_millis(first),
                count: row.attempt_count,
            }),
            forced_at: instant(row.forced_at),
        })
    }

    /// The grant of a row that was removed: what does not open can no longer be revoked, which must
    /// not keep it from being removed.
    pub(crate) fn open_if_possible(
        &self,
        user: &UserId,
        connector: ConnectorId,
        row: GrantRow,
    ) -> Option<Grant> {
        self.open_grant(user, connector, row)
            .inspect_err(|error| tracing::warn!(%error, "a removed grant cannot be revoked"))
            .ok()
    }

    /// Stores the grant of a new sign-in. There must be none; see [`Transaction::take_grant`].
    pub(crate) async fn insert_grant(
        &self,
        transaction: &mut Transaction,
        grant: &Grant,
        generation: i64,
    ) -> Result<(), Error> {
        let (client, key) = (&grant.client, grant.connector_id.to_string());
        let at = |column| place(column, &key, grant.user_id.as_str());
        dispatch!(
            execute transaction.statement(), INSERT,
            grant.connector_id.as_uuid(), grant.user_id.as_str(), grant.sign_in_id.as_uuid(),
            client.kind.as_str(), client.issuer.as_str(), client.redirect_uri.as_str(),
            client.client_id.as_str(),
            self.seal_optional(at("client_secret"), client.client_secret.as_ref()),
            client.token_endpoint_auth_method.as_str(), secret_expiry(client),
            grant.token_endpoint.as_str(), grant.revocation_endpoint.as_deref(),
            grant.resource.as_deref(), list_text(&grant.scopes), grant.account.as_deref(),
            self.seal(at("access_token"), &grant.access_token),
            self.seal_optional(at("refresh_token"), grant.refresh_token.as_ref()),
            self.seal_optional(at("dpop_key"), grant.dpop_key.as_ref()),
            grant.obtained_at.as_millis(), millis(grant.expires_at), generation
        )?;
        Ok(())
    }
}

impl Transaction {
    /// Removes the grant and answers it. Its generation is remembered, so that the next grant
    /// counts on from it and nobody who still holds the old one can write into the new one.
    pub(crate) async fn take_grant(
        &mut self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Option<GrantRow>, Error> {
        let row: Option<GrantRow> =
            dispatch!(fetch_optional self.statement(), TAKE, user.as_str(), id.as_uuid())?;
        if let Some(row) = &row {
            dispatch!(
                execute self.statement(), REMEMBER_GENERATION, user.as_str(), id.as_uuid(),
                row.generation
            )?;
        }
        Ok(row)
    }
}

/// Where a sealed value of a grant is stored.
pub(crate) fn place<'a>(column: &'static str, key: &'a str, user: &'a str) -> Place<'a> {
    Place { table: "grants", column, row: key, user }
}
