//! What can be told of grants without opening a secret.

use std::collections::HashMap;

use keyway_model::{ConnectorId, RegistrationKind, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{RowName, instant},
};

const FACTS: &str =
    "SELECT connector_id, client_kind, issuer, resource, scopes, account, expires_at,
        refresh_token IS NOT NULL AS refreshable
    FROM grants WHERE user_id = $1";

/// A grant without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantFacts {
    /// How the client it was issued to came to be.
    pub registration: RegistrationKind,
    /// The issuer, byte for byte.
    pub issuer: String,
    /// The `resource` it was issued for, byte for byte.
    pub resource: Option<String>,
    /// The scopes granted.
    pub scopes: Vec<String>,
    /// Who signed in, where the server tells.
    pub account: Option<String>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
}

#[derive(sqlx::FromRow)]
struct FactsRow {
    connector_id: Uuid,
    client_kind: String,
    issuer: String,
    resource: Option<String>,
    scopes: String,
    account: Option<String>,
    expires_at: Option<i64>,
    refreshable: bool,
}

impl Database {
    /// What is known of the user's grants.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn grant_facts_of(
        &self,
        user: &UserId,
    ) -> Result<HashMap<ConnectorId, GrantFacts>, Error> {
        let rows: Vec<FactsRow> = dispatch!(fetch_all self.reading(), FACTS, user.as_str())?;
        rows.into_iter().map(FactsRow::read).collect()
    }
}

impl FactsRow {
    fn read(self) -> Result<(ConnectorId, GrantFacts), Error> {
        let id = ConnectorId::from_uuid(self.connector_id);
        let key = id.to_string();
        let name = RowName { table: "grants", row: &key };
        let facts = GrantFacts {
            registration: name.parse("client_kind", &self.client_kind)?,
            issuer: self.issuer,
            resource: self.resource,
            scopes: name.list("scopes", &self.scopes)?,
            account: self.account,
            expires_at: instant(self.expires_at),
            refreshable: self.refreshable,
        };
        Ok((id, facts))
    }
}
