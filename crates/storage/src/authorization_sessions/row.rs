//! An authorization session's columns, and the way from them to the model.

use keyway_model::{AuthorizationSession, AuthorizationSessionId, ConnectorId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    client::ClientRow,
    database::Database,
    error::Error,
    rows::{RowName, instant},
    seal::Place,
};

macro_rules! session_columns {
    () => {
        concat!(
            "id, user_id, connector_id, connector_url, status, failure, detail, ticket_hash, \
             browser_hash, ",
            $crate::client::client_columns!(),
            ", authorization_url, token_endpoint, revocation_endpoint, userinfo_endpoint, \
             iss_supported, dpop, resource, scopes, code_verifier, opener_origin, return_to, \
             needs_confirmation, shown_at, created_at, expires_at"
        )
    };
}
pub(crate) use session_columns;

#[derive(sqlx::FromRow)]
pub(crate) struct SessionRow {
    id: Uuid,
    user_id: String,
    connector_id: Uuid,
    connector_url: String,
    status: String,
    failure: Option<String>,
    detail: Option<String>,
    ticket_hash: Vec<u8>,
    browser_hash: Option<Vec<u8>>,
    #[sqlx(flatten)]
    client: ClientRow,
    authorization_url: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    iss_supported: bool,
    dpop: bool,
    resource: Option<String>,
    scopes: String,
    code_verifier: Vec<u8>,
    opener_origin: Option<String>,
    return_to: Option<String>,
    needs_confirmation: bool,
    shown_at: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl SessionRow {
    /// Whose sign-in it is, and for which connector.
    pub(crate) fn owner(self) -> Result<(UserId, ConnectorId), Error> {
        let key = AuthorizationSessionId::from_uuid(self.id).to_string();
        let name = RowName { table: "authorization_sessions", row: &key };
        Ok((name.user("user_id", self.user_id)?, ConnectorId::from_uuid(self.connector_id)))
    }
}

impl Database {
    /// The authorization session of a row, with its verifier opened.
    pub(crate) fn open_session(&self, row: SessionRow) -> Result<AuthorizationSession, Error> {
        let id = AuthorizationSessionId::from_uuid(row.id);
        let key = id.to_string();
        let name = RowName { table: "authorization_sessions", row: &key };
        let code_verifier =
            self.open_sealed(place("code_verifier", &key, &row.user_id), &row.code_verifier)?;
        Ok(AuthorizationSession {
            id,
            client: row.client.open(self, name, &row.user_id)?,
            user_id: name.user("user_id", row.user_id)?,
            connector_id: ConnectorId::from_uuid(row.connector_id),
            connector_url: row.connector_url,
            status: name.parse("status", &row.status)?,
            failure: name.parse_optional("failure", row.failure.as_deref())?,
            detail: row.detail,
            ticket_hash: row.ticket_hash,
            browser_hash: row.browser_hash,
            authorization_url: row.authorization_url,
            token_endpoint: row.token_endpoint,
            revocation_endpoint: row.revocation_endpoint,
            userinfo_endpoint: row.userinfo_endpoint,
            iss_supported: row.iss_supported,
            dpop: row.dpop,
            resource: row.resource,
            scopes: name.list("scopes", &row.scopes)?,
            code_verifier,
            opener_origin: row.opener_origin,
            return_to: row.return_to,
            needs_confirmation: row.needs_confirmation,
            shown_at: instant(row.shown_at),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
        })
    }
}

/// Where a sealed value of an authorization session is stored.
pub(crate) fn place<'a>(column: &'static str, key: &'a str, user: &'a str) -> Place<'a> {
    Place { table: "authorization_sessions", column, row: key, user }
}
